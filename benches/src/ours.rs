//! libws4d through its C functions, as a C program would use it.

use crate::measure::{Case, Sample, measure};
use std::ffi::{CString, c_void};
use std::sync::{Condvar, Mutex};
use ws4d_test_host::{Dispatcher, RawEvent, RawHandler, Socket, api};

/// What the callbacks share with the loop.
struct Run {
    left: usize,
    echo: bool,
    message: Vec<u8>,
    done: Mutex<bool>,
    changed: Condvar,
    dispatcher: Dispatcher,
}

extern "C" fn on_message(ws: Socket, _: *const RawEvent, user_data: *mut c_void) {
    // SAFETY: `open` passed a pointer to a `Run` that outlives the socket; callbacks of one socket never run at the same
    // time, and the loop reads nothing but the lock meanwhile.
    let run = unsafe { &mut *user_data.cast::<Run>() };
    run.left -= 1;
    if run.left == 0 {
        *run.done.lock().unwrap() = true;
        run.changed.notify_one();
        (api().ws_dispatcher_stop)(run.dispatcher);
    } else if run.echo {
        (api().ws_send_text)(ws, run.message.as_ptr().cast(), run.message.len());
    }
}

fn open(port: u16, case: &Case, run: *mut Run) -> Socket {
    let url = CString::new(format!("ws://127.0.0.1:{port}{}", case.path)).expect("no NUL");
    let handler = RawHandler {
        user_data: run.cast(),
        // SAFETY: `run` is alive.
        dispatcher: unsafe { (*run).dispatcher },
        on_message: Some(on_message),
        ..RawHandler::INIT
    };
    let mut errors = std::ptr::null_mut();
    let ws = (api().ws_new)(url.as_ptr(), &handler, ws4d_test_host::OptionsToken(0), &mut errors);
    assert_ne!(ws, Socket(0), "the connection is made");
    ws
}

fn new_run(case: &Case, dispatcher: Dispatcher) -> Run {
    Run {
        left: case.messages,
        echo: case.echo,
        message: vec![b'x'; if case.echo { case.size } else { 0 }],
        done: Mutex::new(false),
        changed: Condvar::new(),
        dispatcher,
    }
}

pub(crate) fn inline(port: u16, case: &Case) -> Sample {
    let mut run = new_run(case, Dispatcher(0));
    let ws = open(port, case, &mut run);
    let sample = measure(case.messages, || {
        let message = run.message.clone();
        (api().ws_send_text)(ws, message.as_ptr().cast(), message.len());
        let mut done = run.done.lock().unwrap();
        while !*done {
            done = run.changed.wait(done).unwrap();
        }
    });
    finish(ws);
    sample
}

pub(crate) fn dispatcher(port: u16, case: &Case) -> Sample {
    let dispatcher = (api().ws_dispatcher_new)();
    let mut run = new_run(case, dispatcher);
    let ws = open(port, case, &mut run);
    let sample = measure(case.messages, || {
        (api().ws_send_text)(ws, run.message.as_ptr().cast(), run.message.len());
        while !*run.done.lock().unwrap() {
            (api().ws_dispatcher_wait)(dispatcher, -1);
        }
    });
    finish(ws);
    (api().ws_dispatcher_close)(dispatcher);
    sample
}

/// Ends the socket; `run` must outlive every callback, and after the shutdown there are none.
fn finish(ws: Socket) {
    (api().ws_abort)(ws);
    (api().ws_release)(ws);
    (api().ws_shutdown)(-1);
}
