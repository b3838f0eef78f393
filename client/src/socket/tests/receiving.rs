//! What is read behind something that could not be taken.

use super::peer::upgrade;
use crate::connect::proxy::Choice;
use crate::event::{DataType, Event, EventKind};
use crate::options::Options;
use crate::socket::{Dispatcher, Handler, Socket};
use std::io::Write;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

/// As a last resort, so that a failure ends by itself.
const PATIENCE: Duration = Duration::from_secs(60);

/// Of a host that pulls.
struct Nothing;

impl Handler for Nothing {
    fn receives(&self) -> bool {
        true
    }

    fn event(&self, _: &Event) {}
    fn over(&self) {}
    fn free(&self) {}
}

/// The host was told the first message and nothing else yet, when the failure is just about to be told: on another thread
/// than the one that reads on.
#[test]
fn nothing_behind_a_message_that_could_not_be_taken_is_delivered() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let (go_on, may_go_on) = channel();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        upgrade(&mut stream, "").unwrap();
        stream.write_all(b"\x81\x011\x81\x07no json").unwrap();
        may_go_on.recv().unwrap();
        stream.write_all(b"\x81\x013").unwrap();
        // It stays until the client has gone.
        let _ = may_go_on.recv();
    });
    let dispatcher = Dispatcher::new(None);
    let mut options = Options { proxy: Choice::Direct, data_type: DataType::Object, ..Options::default() };
    options.set_strict_json(true);
    let socket = Socket::new(&url, &options, Arc::new(Nothing), Some(Arc::clone(&dispatcher)), true).unwrap();
    let call = dispatcher.begin_call().unwrap();
    socket.connect().unwrap();
    drop(call);
    while socket.outgoing.lock().failure.is_none() {
        socket.read_ready();
    }
    // As whoever fails the connection does, before it says so.
    let failure = socket.outgoing.lock().failure.take().unwrap();
    go_on.send(()).unwrap();
    while socket.stats().messages_received < 3 {
        socket.read_ready();
    }
    socket.outgoing.lock().failure = Some(failure);
    let mut seen = Vec::new();
    while let Some((_, event)) = dispatcher.next(Some(PATIENCE)).unwrap() {
        seen.push((event.kind(), event.data().unwrap_or_default().to_vec()));
        if event.kind() == EventKind::Terminate {
            break;
        }
    }
    let kinds: Vec<EventKind> = seen.iter().map(|seen| seen.0).collect();
    assert_eq!(kinds, [EventKind::Message, EventKind::Error, EventKind::Terminate], "{seen:?}");
    assert_eq!(seen[0].1, b"1");
    drop(go_on);
    server.join().unwrap();
}
