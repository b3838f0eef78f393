//! Ends at times that a host can hardly choose.

use super::peer::{Host, PATIENCE};
use crate::event::EventKind;
use crate::options::Options;
use crate::socket::{Socket, Unopened};
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
