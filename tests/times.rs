//! When something came: the time of the read that brought it, however long it waited for the host.

mod support;

use std::ptr;
use std::sync::{Arc, Mutex};
use support::{arrived, script};
use ws4d_test_host::codes::*;
use ws4d_test_host::{Event, Host, Socket, api};
use ws4d_test_server::Server;

fn time(event: Event) -> i64 {
    (api().ws_event_time_us)(event.0)
}

fn received(ws: Socket) -> i64 {
    ws.stats().last_received_us
}

/// What comes in two reads, with the time of the last read behind each.
fn two_reads(host: &Host, server: &Server) -> (Socket, [i64; 3]) {
    let ws =
        host.open(script(server, "expect,text:1,ping:one,expect,text:2,text:3,ping:two,expect,close:1000"));
    let opened = received(ws);
    assert_eq!(ws.send_text("go"), WS_OK);
    arrived(server, "one");
    let first = received(ws);
    assert_eq!(ws.send_text("go"), WS_OK);
    arrived(server, "two");
    (ws, [opened, first, received(ws)])
}

#[test]
fn an_event_has_the_time_of_its_read_and_not_of_its_delivery() {
    let server = Server::start();
    let host = Host::new();
    let times = Arc::new(Mutex::new(Vec::new()));
    for what in ["open", "message", "terminate"] {
        let times = Arc::clone(&times);
        host.on(what, move |call| {
            let kept = call.event.retain();
            assert_eq!(time(kept.event()), time(call.event));
            times.lock().unwrap().push(time(call.event));
        });
    }
    let (ws, [opened, first, second]) = two_reads(&host, &server);
    assert!(times.lock().unwrap().len() == 1, "the messages wait for the host");
    assert_eq!(ws.send_text("go"), WS_OK);
    host.run_until("free");
    let times = times.lock().unwrap();
    assert!(opened > 0 && times[0] == opened, "OPEN has that of the answer to the upgrade");
    assert!(opened <= times[1] && times[1] <= first, "{times:?}");
    assert!(first <= times[2] && times[3] <= second, "{times:?}");
    assert!(times.is_sorted() && times.len() == 5, "{times:?}");
}

#[test]
fn a_batch_tells_the_time_of_each_of_its_events() {
    let server = Server::start();
    let host = Host::pulling();
    let (_, [_, first, second]) = two_reads(&host, &server);
    let mut times = Vec::new();
    while times.len() < 3 {
        let mut batch = ptr::null_mut();
        let count = (api().ws_dispatcher_next_batch)(host.dispatcher(), 20_000, 10, &mut batch);
        for at in 0..count as usize {
            let event = Event((api().ws_batch_event)(batch, at));
            let told = (api().ws_batch_time_us)(batch, at);
            assert_eq!(told, time(event));
            times.extend((event.kind() == WS_EVENT_TYPE_MESSAGE).then_some(told));
        }
        assert_eq!((api().ws_batch_time_us)(batch, count as usize), 0);
        (api().ws_batch_free)(batch);
    }
    assert!(times.is_sorted() && times[0] <= first && first <= times[1] && times[2] <= second, "{times:?}");
}

#[test]
fn what_no_read_has_brought_has_no_time() {
    let server = Server::start();
    let host = Host::new();
    for what in ["error", "terminate"] {
        host.on(what, |call| assert_eq!(time(call.event), 0));
    }
    host.open(script(&server, "drop"));
    host.run_until("free");
    assert_eq!(host.trace()[1..], ["error WS_ERR_CONNECTION_RESET", "terminate 1006", "free"]);
    assert_eq!((api().ws_event_time_us)(ptr::null()), 0);
}
