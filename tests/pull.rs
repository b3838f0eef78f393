//! A runtime whose calls may jump pulls its events instead of being called.

mod support;

use std::thread;
use std::{ptr, slice};

use support::{arrived, closed_with, script};
use ws4d_test_host::codes::*;
use ws4d_test_host::{
    Dispatcher, Event, Host, Options, OptionsToken, Pulled, RawBatch, RawBatchItem, RawHandler, Socket, api,
    c,
};
use ws4d_test_server::Server;

/// Opens a socket whose TERMINATE is the next event, and pulls that.
fn pulled_terminate(server: &Server, host: &Host) -> (Socket, Pulled) {
    let ws = host.open(script(server, "close:4000:bye"));
    let (pulled, event) = host.pull(20_000).expect("an event");
    assert_eq!((pulled, event.describe().as_str()), (ws, "terminate 4000 bye clean"));
    (ws, event)
}

#[test]
fn events_are_pulled_in_order_and_no_callback_runs() {
    let server = Server::start();
    let host = Host::pulling();
    host.open_async(script(&server, "text:a,binary:0102,ping:sync,close:4001:bye"));
    host.run_until("free");
    // A callback would have written its line, too.
    let expected = ["open", "message text a", "message blob 0102", "terminate 4001 bye clean", "free"];
    assert_eq!(host.trace(), expected);
}

#[test]
fn a_blocking_ws_new_has_consumed_its_open() {
    let server = Server::start();
    let host = Host::pulling();
    host.open(script(&server, "text:a"));
    assert_eq!(host.trace(), ["open"], "on_open has run");
    assert_eq!(host.pull(20_000).unwrap().1.describe(), "message text a");
}

#[test]
fn a_failure_is_pulled_as_error_and_terminate() {
    let server = Server::start();
    let host = Host::pulling();
    let ws = host.open_async(format!("ws://127.0.0.1:{}/", server.closed_port()));
    let (failed, event) = host.pull(20_000).unwrap();
    assert_eq!((failed, event.event().errors().code()), (ws, WS_ERR_CONNECTION_REFUSED));
    assert_eq!(host.pull(20_000).unwrap().1.describe(), "terminate 1006");
    host.run_until("free");
}

#[test]
fn next_gives_0_and_nulls_when_the_time_is_over_and_wants_its_pointers() {
    let server = Server::start();
    let host = Host::pulling();
    host.open(server.ws("/idle"));
    assert!(host.pull(0).is_none() && host.pull(1).is_none());
    let d = host.dispatcher();
    let (mut ws, mut event) = (Socket(7), ptr::dangling_mut());
    assert_eq!((api().ws_dispatcher_next)(d, 0, &mut ws, ptr::null_mut()), WS_ERR_INVALID_ARGUMENT);
    assert_eq!(ws, Socket::NULL);
    assert_eq!((api().ws_dispatcher_next)(d, 0, ptr::null_mut(), &mut event), WS_ERR_INVALID_ARGUMENT);
    assert!(event.is_null());
}

#[test]
fn a_pulled_event_is_independent_of_all_that_it_came_from() {
    let server = Server::start();
    let host = Host::pulling();
    let ws = host.open(script(&server, "text:keep%20me,text_size:100000,ping:sync"));
    arrived(&server, "sync");
    let (_, first) = host.pull(0).unwrap();
    let (_, second) = host.pull(0).unwrap();
    assert_eq!((ws.abort(), ws.release()), (WS_OK, WS_OK));
    assert_eq!(host.dispatcher().close(), WS_OK);
    assert!(!ws.is_valid());
    thread::spawn(move || {
        assert_eq!(first.event().text(), "keep me");
        assert_eq!(second.event().data().len(), 100_000);
        let again = first.event().retain();
        drop(first);
        assert_eq!(again.describe(), "message text keep me");
    })
    .join()
    .unwrap();
}

#[test]
fn a_retained_event_outlives_its_callback_and_its_socket() {
    let server = Server::start();
    let host = Host::new();
    let (send, kept) = std::sync::mpsc::channel();
    host.on("message", move |call| send.send(call.event.retain()).unwrap());
    host.on("terminate", |call| _ = call.ws.release());
    host.open(script(&server, "text:a,text:b,close:1000"));
    host.run_until("free");
    drop(host);
    let kept: Vec<String> = kept.iter().map(|event: Pulled| event.describe()).collect();
    assert_eq!(kept, ["message text a", "message text b"]);
}

#[test]
fn on_free_runs_in_the_owners_first_call_after_the_terminate_was_freed() {
    let server = Server::start();
    for call in ["dispatch", "wait", "next", "run"] {
        let host = Host::pulling();
        let d = host.dispatcher();
        let (ws, event) = pulled_terminate(&server, &host);
        assert_eq!(d.dispatch(0), 0);
        assert_eq!(host.count("free"), 0, "the event is not freed yet");
        assert!(!ws.user_data().is_null());
        // Another thread may free it; on_free is the owner's.
        thread::spawn(move || drop(event)).join().unwrap();
        assert_eq!(host.count("free"), 0, "nor was a function of the dispatcher called");
        match call {
            "dispatch" => assert_eq!(d.dispatch(0), 0),
            "wait" => assert_eq!(d.wait(0), 0),
            "next" => assert!(d.next(0).unwrap().is_none()),
            _ => assert_eq!(d.run(), WS_OK),
        }
        assert_eq!(host.trace(), ["open", "terminate 4000 bye clean", "free"], "{call}");
        assert!(host.every_callback_ran_on(thread::current().id()));
        assert!(ws.user_data().is_null());
    }
}

#[test]
fn closing_repeats_no_pulled_terminate_and_runs_on_free_once() {
    let server = Server::start();
    for freed_before in [true, false] {
        let host = Host::pulling();
        let (ws, event) = pulled_terminate(&server, &host);
        let event = (!freed_before).then_some(event);
        assert_eq!(host.dispatcher().close(), WS_OK);
        let whole = ["open", "terminate 4000 bye clean", "free"];
        assert_eq!(host.trace(), whole, "freed before: {freed_before}");
        assert_eq!(event.as_ref().map(Pulled::describe).as_deref().unwrap_or(whole[1]), whole[1]);
        drop(event);
        assert_eq!((host.trace().len(), ws.release()), (3, WS_OK));
        assert!(!ws.is_valid());
    }
}

#[test]
fn a_pulled_error_does_not_keep_terminate_from_coming_with_close() {
    let server = Server::start();
    let host = Host::pulling();
    host.open(script(&server, "rst"));
    assert_eq!(host.pull(20_000).unwrap().1.describe(), "error WS_ERR_CONNECTION_RESET");
    assert_eq!(host.dispatcher().close(), WS_OK);
    let whole = ["open", "error WS_ERR_CONNECTION_RESET", "terminate 1006", "free"];
    assert_eq!(host.trace(), whole);
}

#[test]
fn a_released_token_lives_until_the_pulled_terminate_is_freed() {
    let server = Server::start();
    let host = Host::pulling();
    let (ws, event) = pulled_terminate(&server, &host);
    assert_eq!(ws.release(), WS_OK);
    assert!(ws.is_valid() && !ws.user_data().is_null());
    assert_eq!(ws.release(), WS_ERR_INVALID_HANDLE);
    drop(event);
    assert!(!ws.is_valid());
    host.run_until("free");
}

#[test]
fn a_token_that_is_not_released_outlives_the_pulled_terminate() {
    let server = Server::start();
    let host = Host::pulling();
    let (ws, event) = pulled_terminate(&server, &host);
    drop(event);
    host.run_until("free");
    assert!(ws.is_valid());
    assert_eq!(ws.release(), WS_OK);
    assert!(!ws.is_valid());
}

/// The owner of a socket whose end was pulled and freed; its next call runs `on_free`, and was stopped before.
fn stopped_before_on_free(server: &Server) -> Host {
    let host = Host::pulling();
    drop(pulled_terminate(server, &host));
    assert_eq!(host.dispatcher().stop(), WS_OK);
    host
}

#[test]
fn a_call_that_a_stop_ends_at_once_is_on_the_stack_while_it_runs_on_free() {
    let server = Server::start();
    for call in ["dispatch", "wait", "next", "run"] {
        let host = stopped_before_on_free(&server);
        let d = host.dispatcher();
        host.on("free", move |_| assert_eq!(d.attach(), WS_ERR_WRONG_THREAD));
        match call {
            "dispatch" => assert_eq!(d.dispatch(0), 0),
            "wait" => assert_eq!(d.wait(-1), 0),
            "next" => assert!(d.next(-1).unwrap().is_none()),
            _ => assert_eq!(d.run(), WS_OK),
        }
        assert_eq!((host.count("free"), d.attach()), (1, WS_OK), "{call}");
    }
}

#[test]
fn a_call_that_a_stop_ends_at_once_tells_that_on_free_has_closed_the_dispatcher() {
    let server = Server::start();
    for call in ["dispatch", "wait", "next", "run"] {
        let host = stopped_before_on_free(&server);
        let d = host.dispatcher();
        host.on("free", move |_| assert_eq!(d.close(), WS_OK));
        let result = match call {
            "dispatch" => d.dispatch(0),
            "wait" => d.wait(-1),
            "next" => d.next(-1).map(drop).expect_err("closed under it"),
            _ => d.run(),
        };
        assert_eq!(result, WS_ERR_CANCELLED, "{call}");
    }
}

#[test]
fn an_error_behind_a_pulled_message_wakes_the_host_that_waits_for_it() {
    let server = Server::start();
    let host = Host::with_wake();
    // A text message, a ping, and a frame whose opcode nobody knows.
    host.to(script(&server, "cork,text:last,ping:sync,frame:83:00,uncork"))
        .with(Options::new().set(|api, o| (api.ws_options_set_close_timeout_ms)(o, 120_000)))
        .open();
    arrived(&server, "sync");
    host.wait_for_wakes(1);
    let (_, event) = host.dispatcher().next(0).unwrap().expect("the message");
    assert_eq!(event.describe(), "message text last");
    // It makes no call of the dispatcher before it is told to.
    host.wait_for_wakes(2);
    host.run_until("free");
    assert_eq!(host.trace(), ["open", "error WS_ERR_PROTOCOL", "terminate 1006", "free"]);
}

#[test]
fn what_was_not_pulled_is_dispatched() {
    let server = Server::start();
    let host = Host::new();
    host.open(script(&server, "text:1,text:2,text:3,close:1000"));
    closed_with(&server, 1000);
    let pulled = host.dispatcher().next(0).unwrap().expect("the first message").1;
    assert_eq!(pulled.describe(), "message text 1");
    assert_eq!(host.dispatcher().run(), WS_OK);
    assert_eq!(host.trace(), ["open", "message text 2", "message text 3", "terminate 1000 clean", "free"]);
}

#[test]
fn next_inside_a_callback_pulls_from_other_sockets_only() {
    let server = Server::start();
    let host = Host::new();
    let d = host.dispatcher();
    host.once("a message", move |_| {
        let (_, event) = d.next(0).unwrap().expect("that of b");
        assert_eq!(event.describe(), "message text of b");
        assert!(d.next(0).unwrap().is_none());
    });
    host.to(script(&server, "text:1,text:2,ping:a")).named("a").open();
    host.to(script(&server, "text:of%20b,ping:b")).named("b").open();
    arrived(&server, "a");
    arrived(&server, "b");
    assert_eq!(d.dispatch(0), 2);
    assert_eq!(host.trace()[2..], ["a message text 1", "a message text 2"]);
}

/// A pulled batch, freed with the value.
struct Batch(*mut RawBatch);

impl Batch {
    /// Pulls at most `max` events in one call.
    fn pull(d: Dispatcher, timeout_ms: i32, max: usize) -> Batch {
        let mut batch = ptr::dangling_mut();
        let count = (api().ws_dispatcher_next_batch)(d, timeout_ms, max, &mut batch);
        let batch = Batch(batch);
        assert_eq!((count as usize, count == 0), (batch.items().len(), batch.0.is_null()));
        batch
    }

    fn items(&self) -> &[RawBatchItem] {
        let mut count = usize::MAX;
        let items = (api().ws_batch_items)(self.0, &mut count);
        // SAFETY: the library says so many, and they live as long as the batch.
        if items.is_null() { &[] } else { unsafe { slice::from_raw_parts(items, count) } }
    }

    fn block(&self) -> &[u8] {
        let mut len = usize::MAX;
        let block = (api().ws_batch_data)(self.0, &mut len);
        // SAFETY: as above.
        if block.is_null() { &[] } else { unsafe { slice::from_raw_parts(block.cast(), len) } }
    }

    fn event(&self, at: usize) -> Event {
        Event((api().ws_batch_event)(self.0, at))
    }

    fn told(&self) -> Vec<String> {
        assert!(self.event(self.items().len()).0.is_null());
        (0..self.items().len()).map(|at| self.event(at).describe()).collect()
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        (api().ws_batch_free)(self.0);
    }
}

fn batch(d: Dispatcher, timeout_ms: i32, max: usize) -> Vec<String> {
    Batch::pull(d, timeout_ms, max).told()
}

#[test]
fn a_batch_is_what_next_would_have_given_up_to_its_size_and_waits_for_the_first_only() {
    let server = Server::start();
    let host = Host::pulling();
    let d = host.dispatcher();
    host.open(script(&server, "text:1,text:2,text:3,gate:go,text:4,close:1000"));
    let mut pulled = batch(d, 20_000, 2);
    assert!((1..=2).contains(&pulled.len()), "{pulled:?}");
    while pulled.len() < 3 {
        pulled.extend(batch(d, 20_000, 10));
    }
    assert_eq!(pulled, ["message text 1", "message text 2", "message text 3"]);
    assert_eq!(batch(d, 0, 10), [""; 0]);
    server.open_gate("go");
    closed_with(&server, 1000);
    assert_eq!(batch(d, 20_000, 1), ["message text 4"]);
    host.run_until("free");
    assert_eq!(host.trace(), ["open", "terminate 1000 clean", "free"]);
}

#[test]
fn a_batch_has_its_small_messages_in_one_block_and_tells_of_each_what_its_event_tells() {
    let server = Server::start();
    let d = (api().ws_dispatcher_new)();
    let handler = RawHandler { dispatcher: d, ..RawHandler::INIT };
    let url = c(&server.ws("/echo"));
    let ws = (api().ws_new)(url.as_ptr(), &handler, OptionsToken(0), ptr::null_mut());
    let large = "y".repeat(20_000);
    for text in ["one", "", "xxxxx", &large, "last"] {
        assert_eq!(ws.send_text(text), WS_OK);
    }
    assert_eq!((ws.send_blob(&[2, 0, 3]), ws.terminate(4001, "bye")), (WS_OK, WS_OK));
    let kept = {
        let mut all = Vec::new();
        let mut told = Vec::new();
        while told.last().is_none_or(|line: &String| !line.starts_with("terminate")) {
            let batch = Batch::pull(d, 20_000, 100);
            told.extend(batch.told());
            let mut end = 0;
            for (at, item) in batch.items().iter().enumerate() {
                let event = batch.event(at);
                assert_eq!(item.kind, event.kind());
                assert_eq!(item.data_type, (api().ws_event_data_type)(event.0));
                let mut len = 0;
                assert_eq!(item.data, (api().ws_event_data)(event.0, &mut len));
                assert_eq!(item.len, len);
                if item.offset == usize::MAX {
                    assert!(item.kind != WS_EVENT_TYPE_MESSAGE || item.len == 20_000, "{item:?}");
                    continue;
                }
                // One behind the other, with a NUL behind each.
                assert_eq!(item.offset, end);
                end = item.offset + item.len + 1;
                assert_eq!(batch.block()[item.offset..end - 1], event.data());
                assert_eq!(
                    (
                        batch.block()[end - 1],
                        batch.block().as_ptr_range().start.wrapping_add(item.offset).cast()
                    ),
                    (0, item.data)
                );
            }
            assert_eq!(end, batch.block().len());
            all.extend((0..batch.items().len()).map(|at| batch.event(at).retain()));
        }
        assert_eq!(
            told,
            [
                "message text one",
                "message text",
                "message text xxxxx",
                "message text 20000 bytes",
                "message text last",
                "message blob 020003",
                "terminate 4001 bye clean"
            ]
        );
        all
    };
    // What was retained outlives its batch; the pulled TERMINATE was freed with it.
    assert_eq!(kept[0].describe(), "message text one");
    assert_eq!(d.next(0).map(|pulled| pulled.is_none()), Ok(true));
    assert_eq!((d.close(), ws.release(), ws.is_valid()), (WS_OK, WS_OK, false));
    assert_eq!(kept[4].describe(), "message text last");
}

#[test]
fn a_batch_takes_turns_between_sockets_as_next_does() {
    let server = Server::start();
    let host = Host::pulling();
    for name in ["a", "b"] {
        let texts: Vec<String> = (0..5).map(|n| format!("text:{name}{n}")).collect();
        host.to(script(&server, &format!("{},ping:{name}", texts.join(",")))).named(name).open();
        arrived(&server, name);
    }
    let told = batch(host.dispatcher(), 0, 100);
    let expected: Vec<String> =
        (0..5).flat_map(|n| [format!("message text a{n}"), format!("message text b{n}")]).collect();
    assert_eq!(told, expected);
    host.dispatcher().close();
}

#[test]
fn a_batch_makes_room_in_a_full_receive_buffer() {
    let server = Server::start();
    let host = Host::pulling();
    let small = |api: &ws4d_test_host::Api, o| (api.ws_options_set_receive_buffer_size)(o, 2000);
    host.to(script(&server, "text*3000:x,close:1000")).with(ws4d_test_host::Options::new().set(small)).open();
    let mut told = Vec::new();
    while told.len() < 3000 {
        told.extend(batch(host.dispatcher(), 20_000, 3000 - told.len()));
    }
    assert!(told.iter().all(|line| line == "message text x"));
    host.run_until("free");
}
