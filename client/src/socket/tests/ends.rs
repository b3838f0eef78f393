//! Ends at times that a host can hardly choose.

use super::peer::{Host, Life, PATIENCE};
use crate::event::EventKind;
use crate::options::Options;
use crate::socket::roles::Flusher;
use crate::socket::{Socket, Unopened};
use std::io::IoSlice;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};

#[test]
fn an_end_that_comes_before_the_beginning_is_told() {
    let act: [fn(&Arc<Socket>); 2] =
        [|socket| socket.abort().unwrap(), |socket| socket.terminate(0, b"").unwrap()];
    for end in act {
        let (told, events) = channel();
        let options = Options { proxy: crate::connect::proxy::Choice::Direct, ..Options::default() };
        let handler = Arc::new(Host { told: Mutex::new(told) });
        let unopened = Unopened::new("ws://127.0.0.1:1/", &options, handler, None, false).unwrap();
        end(unopened.socket());
        let _socket = unopened.start().unwrap();
        assert_eq!(events.recv_timeout(PATIENCE), Ok(EventKind::Terminate));
    }
}

/// The close frame counts as sent while a thread is still writing it, with the messages before it.
#[test]
fn the_stream_does_not_end_before_a_thread_that_writes() {
    let life = Life::begin(None);
    let socket = &life.socket;
    let mut flusher = Flusher::none(socket);
    let mut outgoing = socket.outgoing.lock();
    assert!(flusher.take(&mut outgoing));
    outgoing.close_sent = true;
    let transport = outgoing.transport.clone().unwrap();
    drop(outgoing);
    socket.shut_down_write();
    let frame = [&[0x82, 0x84, 0, 0, 0, 0], b"last".as_slice()].concat();
    assert_eq!(transport.write(&[IoSlice::new(&frame)]).unwrap().taken, frame.len());
    assert!(life.arrives(b"last"));
    let _ = socket.end_flush(&mut flusher, socket.outgoing.lock(), false, false);
    // The server reads until that end.
    assert!(life.ended_with_an_error());
}
