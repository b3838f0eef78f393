//! Bytes behind a message that could not be taken; and a panic at each marked point of reading, one after the other.

use super::peer::upgrade;
use crate::connect::proxy::Choice;
use crate::event::{DataType, Event, EventKind};
use crate::fault::{arm, disarm};
use crate::options::Options;
use crate::socket::{Dispatcher, Handler, Unopened};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};
use ws4d_protocol::close::CloseFrame;

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
    let unopened =
        Unopened::new(&url, &options, Arc::new(Nothing), Some(Arc::clone(&dispatcher)), true).unwrap();
    let call = dispatcher.begin_call().unwrap();
    let socket = unopened.connect().unwrap();
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
    while let Some((_, event)) = dispatcher.next(Some(PATIENCE), Arc::clone).unwrap() {
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

/// With a close timeout of 0 the task ends the connection while another thread, which has read the close frame, is about
/// to send the answer.
#[test]
fn the_servers_close_frame_is_answered_even_with_no_time_for_it() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        upgrade(&mut stream, "").unwrap();
        let mut got = Vec::new();
        let _ = stream.read_to_end(&mut got);
        got
    });
    let dispatcher = Dispatcher::new(None);
    let options = Options { proxy: Choice::Direct, close_timeout: Duration::ZERO, ..Options::default() };
    let unopened =
        Unopened::new(&url, &options, Arc::new(Nothing), Some(Arc::clone(&dispatcher)), true).unwrap();
    let call = dispatcher.begin_call().unwrap();
    let socket = unopened.connect().unwrap();
    drop(call);
    // As the reading thread does, before it flushes.
    socket.close_received(CloseFrame { code: Some(4001), reason: String::new() }, 0);
    while let Some((_, event)) = dispatcher.next(Some(PATIENCE), Arc::clone).unwrap() {
        if event.kind() == EventKind::Terminate {
            break;
        }
    }
    let got = server.join().unwrap();
    assert_eq!(got.first(), Some(&0x88), "a close frame: {got:?}");
}

/// Sends the messages 1, then, each when it is told to, 2 and 3 at once, and 4; then reads to the end.
fn talking_server() -> (String, Sender<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let (go_on, may_go_on) = channel();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        upgrade(&mut stream, "").unwrap();
        for messages in [&b"\x81\x011"[..], b"\x81\x012\x81\x013", b"\x81\x014"] {
            // Where the connection has ended meanwhile, nobody reads it.
            let _ = stream.write_all(messages);
            if may_go_on.recv().is_err() {
                break;
            }
        }
        let _ = stream.read_to_end(&mut Vec::new());
    });
    (url, go_on)
}

/// One letter for each event: the text of a message, E, T.
fn letter(event: &Event) -> Option<char> {
    match event.kind() {
        EventKind::Message => event.data().map(|data| char::from(data[0])),
        EventKind::Error => Some('E'),
        EventKind::Terminate => Some('T'),
        _ => None,
    }
}

/// Judges what was told behind the first message: all, or as much as came before an error and the end.
fn check_told(n: u32, fired: bool, told: &str) {
    let ended = ["2", "23", ""].map(|before| format!("{before}ET"));
    assert!(told == "234" || fired && ended.iter().any(|ended| ended == told), "point {n}: {told}");
}

/// A panic at the `n`th point of what the owner of a driving dispatcher reads; `timed`: in its socket's task. `false`: there
/// are no more points.
fn fault_in_driving(n: u32, timed: bool) -> bool {
    let (url, go_on) = talking_server();
    let dispatcher = Dispatcher::new_driving().unwrap();
    let mut options = Options { proxy: Choice::Direct, ..Options::default() };
    if timed {
        options.set_idle_timeout_ms(3_600_000);
    }
    let unopened =
        Unopened::new(&url, &options, Arc::new(Nothing), Some(Arc::clone(&dispatcher)), true).unwrap();
    let call = dispatcher.begin_call().unwrap();
    let _socket = unopened.connect().unwrap();
    drop(call);
    let pull = || dispatcher.next(Some(PATIENCE), Arc::clone).unwrap().and_then(|(_, event)| letter(&event));
    assert_eq!(pull(), Some('1'));
    go_on.send(()).unwrap();
    arm(n);
    let mut told = String::new();
    while !told.ends_with(['3', 'T']) {
        // A call that is ended by the fault is made again.
        if let Ok(event) = catch_unwind(AssertUnwindSafe(pull)) {
            told.extend(event);
        }
    }
    let fired = disarm();
    if told.ends_with('3') {
        go_on.send(()).unwrap();
        while !told.ends_with(['4', 'T']) {
            told.extend(pull());
        }
    }
    check_told(n, fired, &told);
    dispatcher.close(|| {}).unwrap();
    fired
}

#[test]
fn a_panic_at_any_point_of_reading_loses_nothing_in_the_middle() {
    for timed in [false, true] {
        let points = (1..).take_while(|&n| fault_in_driving(n, timed)).count();
        assert!(points >= 5, "{points} points");
    }
}

/// Arms the thread that calls back when the first message is there.
struct Inline {
    n: u32,
    told: Mutex<Sender<char>>,
}

impl Handler for Inline {
    fn receives(&self) -> bool {
        true
    }

    fn event(&self, event: &Event) {
        let letter = letter(event);
        match letter {
            Some('1') => arm(self.n),
            // The last event says whether it has fired.
            Some('3' | 'T') if disarm() => {
                let _ = self.told.lock().unwrap().send('!');
            }
            _ => {}
        }
        letter.into_iter().for_each(|letter| self.told.lock().unwrap().send(letter).unwrap());
    }

    fn over(&self) {}

    fn free(&self) {
        let _ = self.told.lock().unwrap().send('F');
    }
}

/// On an I/O thread: its task ends with the panic, and what is left to be told is told all the same.
fn fault_inline(n: u32) -> bool {
    let (url, go_on) = talking_server();
    let (tell, heard): (_, Receiver<char>) = channel();
    let options = Options { proxy: Choice::Direct, ..Options::default() };
    let handler = Arc::new(Inline { n, told: Mutex::new(tell) });
    let unopened = Unopened::new(&url, &options, handler, None, true).unwrap();
    let _socket = unopened.connect().unwrap();
    let end = Instant::now() + PATIENCE;
    let hear = || heard.recv_timeout(end.saturating_duration_since(Instant::now())).expect("in good time");
    assert_eq!(hear(), '1');
    go_on.send(()).unwrap();
    let mut told = String::new();
    while !told.ends_with(['3', 'T']) {
        told.push(hear());
    }
    if told.ends_with('3') {
        go_on.send(()).unwrap();
        while !told.ends_with(['4', 'T']) {
            told.push(hear());
        }
    }
    let fired = told.contains('!');
    check_told(n, fired, &told.replace('!', ""));
    if told.ends_with('T') {
        assert_eq!(hear(), 'F', "point {n}");
    }
    fired
}

/// In a process of its own, because I/O threads are for all tests.
#[test]
#[ignore = "a part of another test"]
fn a_panic_at_any_point_of_reading_on_an_io_thread() {
    let points = (1..).take_while(|&n| fault_inline(n)).count();
    assert!(points >= 5, "{points} points");
}

#[test]
fn a_task_that_panics_tells_what_is_left_to_be_told() {
    let test = "socket::tests::receiving::a_panic_at_any_point_of_reading_on_an_io_thread";
    let mut child = Command::new(std::env::current_exe().unwrap());
    let output = child.args(["--exact", test, "--ignored"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
