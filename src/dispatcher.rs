//! Entry points of dispatchers.

use std::ffi::c_void;
use std::ptr;

use libc::intptr_t;
use ws4d_client::handle_table::Pinned;
use ws4d_client::library::PerProcess;
use ws4d_client::{Dispatcher, ErrorCode};

use crate::boundary::UserData;
use crate::handles::{self, Handles, Kind};
use crate::library::{error_handler, ws_error_fn};
use crate::result::ws_result;
use crate::types::{ws_dispatcher, ws_event, ws_socket};
use crate::{arg, boundary, call_host};

/// Told that a dispatcher has deliverable events where there were none, and again as the last act of a dispatch that
/// leaves some.
///
/// It makes the host schedule ws_dispatcher_dispatch(): post a message to its window, write to its pipe. It may run
/// on any thread, also inside a `ws_` function that the host itself has called; it must not block, and may call only
/// readers (`ws_get_*`, `ws_*_name`).
///
/// @param user_data  As given to ws_dispatcher_new_with_wake().
pub type ws_wake_fn = Option<unsafe extern "C" fn(user_data: *mut c_void)>;

/// All dispatchers of this process.
pub(crate) static DISPATCHERS: PerProcess<Handles<Dispatcher>> =
    PerProcess::new(|| Handles::new(Kind::Dispatcher));

pub(crate) fn get(d: *const ws_dispatcher) -> Result<Pinned<'static, Dispatcher>, ErrorCode> {
    DISPATCHERS.get().get(handles::token(d))
}

fn new(wake: Option<Box<dyn Fn() + Send + Sync>>) -> *mut ws_dispatcher {
    boundary::make(ptr::null_mut(), || {
        DISPATCHERS.get().insert(Dispatcher::new(wake)).ok().map(handles::handle)
    })
}

/// Makes a dispatcher: callbacks of its sockets run inside ws_dispatcher_dispatch(), ws_dispatcher_wait() and
/// ws_dispatcher_run(), on the thread that calls them.
///
/// It belongs to the calling thread, until another one attaches it. Several may share a thread. It costs no thread.
///
/// Any thread; never blocks.
///
/// @return A dispatcher, to be ended with ws_dispatcher_close(); NULL if memory or handles are used up.
#[unsafe(no_mangle)]
pub extern "C" fn ws_dispatcher_new() -> *mut ws_dispatcher {
    new(None)
}

/// As ws_dispatcher_new(), with a function that is told when there is something to dispatch.
///
/// @param wake       May be called until ws_dispatcher_close() returns. NULL: as ws_dispatcher_new().
/// @param user_data  Passed to `wake`; the caller's, and free to go once ws_dispatcher_close() has returned.
/// @return As ws_dispatcher_new().
///
/// # Safety
/// `wake` can be called on any thread with `user_data`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_dispatcher_new_with_wake(
    wake: ws_wake_fn,
    user_data: *mut c_void,
) -> *mut ws_dispatcher {
    let Some(wake) = wake else { return new(None) };
    let user_data = UserData::new(user_data);
    // SAFETY: the caller upholds the contract above.
    new(Some(Box::new(move || unsafe { call_host::notify(wake, user_data.get()) })))
}

/// A dispatcher that does its sockets' I/O itself, on its thread, with no thread of the library: for single-threaded
/// programs, and for hosts that fork.
///
/// All of it happens inside the dispatcher's own calls: ws_dispatcher_wait(), ws_dispatcher_run(), ws_dispatcher_next(),
/// ws_dispatcher_next_batch(), a blocking ws_new() on it, and ws_dispatcher_dispatch(), which takes what is there and does
/// not wait. While none of them runs, nothing is received, no ping is answered, no time limit is kept, and a connection
/// of ws_new_async() is not made; messages are still sent at once from any thread, as far as the network takes them. So
/// call one of them often, or always.
///
/// What it does without other threads costs the following:
/// - Looking a name up blocks the calling thread until the system answers, whatever the time limits; so does a stop or a
///   wait with a time-out. Addresses and localhost in the URL, and the option `resolve`, need no look-up.
/// - ws_dispatcher_fd() has no descriptor for it (-1): wait in ws_dispatcher_wait() instead.
/// - A host that pulls without a pause has I/O done between the pulls, now and then.
/// - While one of its sockets connects, closes or has a time to keep (a ping interval, an idle time-out), it sleeps at once:
///   ws_dispatcher_set_busy_poll_us() has no effect then.
/// - Inside callbacks on an I/O thread (of sockets without a dispatcher) those of its calls that do I/O are
///   WS_ERR_WRONG_THREAD.
/// - ws_dispatcher_close() sends what the network takes at once, then drops the connections. To have all sent before,
///   ws_terminate() the sockets and ws_dispatcher_run().
///
/// In all else it is a dispatcher like others; sockets of both kinds may be used side by side.
///
/// Any thread; never blocks.
///
/// @return As ws_dispatcher_new(); NULL also if there are no descriptors left.
#[unsafe(no_mangle)]
pub extern "C" fn ws_dispatcher_new_driving() -> *mut ws_dispatcher {
    boundary::make(ptr::null_mut(), || {
        DISPATCHERS.get().insert(Dispatcher::new_driving().ok()?).ok().map(handles::handle)
    })
}

/// Hands the dispatcher over to the calling thread. The thread that had it may be gone.
///
/// Any thread; never blocks.
///
/// @param d  A dispatcher.
/// @return WS_OK; WS_ERR_WRONG_THREAD, with nothing changed, while a dispatch, wait, next, run or ws_new() of it is on
///         some stack; WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_dispatcher_attach(d: *mut ws_dispatcher) -> ws_result {
    boundary::call(|| get(d)?.attach())
}

/// Trades processor time for latency: ws_dispatcher_wait(), ws_dispatcher_run() and ws_dispatcher_next() look for
/// messages for so long before they sleep, each time. A small message then arrives without the wake-up of a thread,
/// which is most of what a round trip takes; the price is a core that is busy meanwhile.
///
/// Any thread, at any time: it holds from the next wait on.
///
/// @param d   A dispatcher.
/// @param us  Microseconds; 0: not at all. Default: 0. At most the time-out of the call counts.
/// @return WS_OK, WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_dispatcher_set_busy_poll_us(d: *mut ws_dispatcher, us: u32) -> ws_result {
    boundary::call(|| {
        get(d)?.set_busy_poll(us);
        Ok(())
    })
}

/// Whether a signal ends a wait: where on, a signal handler that runs while the thread sleeps in ws_dispatcher_wait(),
/// ws_dispatcher_next(), ws_dispatcher_next_batch() or ws_dispatcher_run() ends the innermost of them with
/// WS_ERR_INTERRUPTED. Nothing is lost: call again. What is there to deliver goes first: `wait` then returns its count.
///
/// A blocking ws_new() is ended by it as by a stop: NULL, `on_free`, WS_ERR_INTERRUPTED. A process with an interval timer
/// switches it off around ws_new(), or uses ws_new_async().
///
/// A signal that comes while the thread does not sleep is not seen: whoever must not miss one calls ws_dispatcher_stop()
/// in the handler. WS_ERR_INTERRUPTED may, seldom, come without a signal.
///
/// The library's own threads block the host's signals, so that its handlers run on its own threads. A process that is
/// started from a callback on one of them inherits that mask, and so does what it executes: unblock in the child what it
/// is to receive (`pthread_sigmask`, `POSIX_SPAWN_SETSIGMASK`). Never blocked are SIGSEGV, SIGBUS, SIGFPE, SIGILL,
/// SIGTRAP, SIGSYS and SIGABRT.
///
/// Any thread, at any time: it holds from the next sleep on.
///
/// @param d   A dispatcher.
/// @param on  1: a signal ends a wait; 0: it does not. Default: 0.
/// @return WS_OK, WS_ERR_INVALID_HANDLE, WS_ERR_FORKED; WS_ERR_UNSUPPORTED on Windows.
#[unsafe(no_mangle)]
pub extern "C" fn ws_dispatcher_set_interruptible(d: *mut ws_dispatcher, on: i32) -> ws_result {
    boundary::call(|| {
        get(d)?.set_interruptible(on != 0);
        Ok(())
    })
}

/// Runs callbacks for events that are deliverable now; does not wait.
///
/// An event is deliverable unless a callback of its socket is on the stack, or ws_pause() holds it back. Sockets take
/// turns; each has its events in their order. May be called inside a callback (a modal dialog runs the loop again):
/// other sockets' events are delivered, those of sockets on the stack wait.
///
/// Only the dispatcher's thread.
///
/// @param d           A dispatcher.
/// @param max_events  At most so many callbacks; 0: those that were deliverable when it was called.
/// @return How many events were delivered; or WS_ERR_WRONG_THREAD, WS_ERR_CANCELLED (closed meanwhile),
///         WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_dispatcher_dispatch(d: *mut ws_dispatcher, max_events: u32) -> i32 {
    boundary::count(|| get(d)?.dispatch(max_events))
}

/// Waits until there is a deliverable event, then runs callbacks as ws_dispatcher_dispatch() with 0 does.
///
/// Only the dispatcher's thread, also inside a callback; ws_dispatcher_stop() ends it.
///
/// @param d           A dispatcher.
/// @param timeout_ms  Milliseconds to wait for the first event; 0 not at all, -1 for ever.
/// @return How many events were delivered, 0 when the time is over; or WS_ERR_INVALID_ARGUMENT (below -1),
///         WS_ERR_WRONG_THREAD, WS_ERR_CANCELLED (closed meanwhile), WS_ERR_INTERRUPTED
///         (ws_dispatcher_set_interruptible()), WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_dispatcher_wait(d: *mut ws_dispatcher, timeout_ms: i32) -> i32 {
    boundary::count(|| get(d)?.wait(arg::timeout(timeout_ms)?))
}

/// Pulls one event instead of running a callback.
///
/// The event is the caller's, as independent as a retained one, and freed with ws_event_free(). ws_get_user_data()
/// finds the host's object for its socket. Of the handler's functions only `on_free` runs here: for a socket whose
/// TERMINATE event was pulled and freed. Call it until it returns 0: unlike a dispatch it does not call `wake` again.
///
/// Only the dispatcher's thread, also inside a callback; ws_dispatcher_stop() ends it, and it returns 0.
///
/// @param d           A dispatcher.
/// @param timeout_ms  Milliseconds to wait for an event; 0 not at all, -1 for ever.
/// @param ws          Receives the socket; NULL where no event is returned. It is not to be released for this call.
/// @param event       Receives the event; NULL where no event is returned.
/// @return 1 and an event; 0 when the time is over; or, with nothing pulled, WS_ERR_INVALID_ARGUMENT (a NULL pointer,
///         or a time below -1), WS_ERR_WRONG_THREAD, WS_ERR_CANCELLED (closed meanwhile), WS_ERR_INTERRUPTED
///         (ws_dispatcher_set_interruptible()), WS_ERR_OUT_OF_MEMORY,
///         WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
///
/// # Safety
/// `ws` and `event` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_dispatcher_next(
    d: *mut ws_dispatcher,
    timeout_ms: i32,
    ws: *mut *mut ws_socket,
    event: *mut *mut ws_event,
) -> i32 {
    boundary::count(|| {
        // SAFETY: the caller upholds the contract above.
        unsafe {
            arg::set(ws, ptr::null_mut());
            arg::set(event, ptr::null_mut());
        }
        let dispatcher = get(d)?;
        if ws.is_null() || event.is_null() {
            return Err(ErrorCode::InvalidArgument);
        }
        let Some((socket, pulled)) = dispatcher.next(arg::timeout(timeout_ms)?)? else { return Ok(0) };
        // SAFETY: not NULL; the caller upholds the rest.
        unsafe {
            ws.write(handles::handle(socket.tag()));
            event.write(Box::into_raw(pulled).cast());
        }
        Ok(1)
    })
}

/// Runs callbacks until every socket of the dispatcher has terminated (inside a callback: every one that is not on
/// the stack), or until ws_dispatcher_stop(). With no socket it returns at once.
///
/// Only the dispatcher's thread, also inside a callback.
///
/// @param d  A dispatcher.
/// @return WS_OK; or WS_ERR_WRONG_THREAD, WS_ERR_CANCELLED (closed meanwhile), WS_ERR_INTERRUPTED
///         (ws_dispatcher_set_interruptible()), WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_dispatcher_run(d: *mut ws_dispatcher) -> ws_result {
    boundary::call(|| get(d)?.run())
}

/// Makes all calls of the dispatcher that are in progress return, nested ones from the inside out; or, if there is
/// none, the next one: this is remembered once.
///
/// `run` then says WS_OK, `wait` its count, `next` 0, and ws_new() NULL with WS_ERR_CANCELLED. That is where the wait
/// ends: a callback that runs just now returns first. A ws_new() without a dispatcher cannot be stopped: give it one. A
/// name lookup on a driving dispatcher ends first.
///
/// Any thread, also inside a callback, and in a signal handler: it is async-signal-safe, the only function of the library
/// that is. It takes no lock, allocates, frees and logs nothing, and keeps `errno`; also while another thread closes the
/// dispatcher, and in a forked child. Never blocks.
///
/// @param d  A dispatcher.
/// @return WS_OK, WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_dispatcher_stop(d: *mut ws_dispatcher) -> ws_result {
    // Without the boundary: what that does is not for a signal handler, and nothing here can panic.
    match Handles::get_in_signal_handler(DISPATCHERS.peek(), Kind::Dispatcher, handles::token(d)) {
        Ok(dispatcher) => {
            dispatcher.value().stop();
            ws_result::WS_OK
        }
        Err(code) => code.into(),
    }
}

/// A descriptor that is readable exactly while the dispatcher has deliverable events: for poll, epoll, kqueue, GLib,
/// libuv, asyncio. Level-triggered.
///
/// The host neither reads nor closes it; ws_dispatcher_close() closes it. It costs nothing until it is first asked
/// for.
///
/// Any thread; never blocks.
///
/// @param d  A dispatcher.
/// @return A file descriptor, the same at each call; -1 if there is none: an invalid handle, no descriptors left.
#[unsafe(no_mangle)]
pub extern "C" fn ws_dispatcher_fd(d: *mut ws_dispatcher) -> intptr_t {
    boundary::make(-1, || Some(get(d).ok()?.fd().ok()? as intptr_t))
}

/// Sets the function that is told of this dispatcher's connections that could not be made, in place of the one before: 4D's ON
/// ERR CALL for one context. Where a dispatcher has one, that of ws_set_error_handler() is not called for its sockets.
///
/// Only the dispatcher's thread, also inside a callback or inside the function itself. When this returns, the old function
/// no longer runs on another thread, and its `user_data` may go; nor is it called once ws_dispatcher_close() has returned.
///
/// @param d          A dispatcher.
/// @param fn         NULL for none.
/// @param user_data  Passed to `fn`; the caller's.
/// @return WS_OK; or, with nothing changed, WS_ERR_WRONG_THREAD, WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
///
/// # Safety
/// `fn` can be called on the dispatcher's thread with `user_data`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_dispatcher_set_error_handler(
    d: *mut ws_dispatcher,
    r#fn: ws_error_fn,
    user_data: *mut c_void,
) -> ws_result {
    let user_data = UserData::new(user_data);
    boundary::call(|| {
        // SAFETY: the caller upholds the contract above.
        get(d)?.set_error_handler(unsafe { error_handler(r#fn, user_data) })
    })
}

/// Ends a dispatcher and every socket of it; never waits for the network.
///
/// The handle is stale from the start of the call, also for the callbacks that it runs. Each socket gets
/// `on_terminate` and `on_free` during the call, with code 1006, not clean, unless the server's close frame had
/// arrived: then with that. What was undelivered is discarded; what was accepted for sending still goes out in the
/// background, then a close frame with code 1001. The sockets' own handles stay valid until they are released.
///
/// When it returns, no callback and no `wake` of the dispatcher runs or ever will, save those on the caller's own
/// stack: inside one of its own callbacks it returns at once, and the sockets on the stack terminate when their
/// callback returns, before the outermost dispatch returns.
///
/// Only the dispatcher's thread, also inside a callback.
///
/// @param d  A dispatcher.
/// @return WS_OK; or, with nothing changed, WS_ERR_WRONG_THREAD, WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_dispatcher_close(d: *mut ws_dispatcher) -> ws_result {
    boundary::call(|| {
        get(d)?.close(|| {
            // Of several calls at once only the owner's gets here, so it is there.
            let _ = DISPATCHERS.get().remove(handles::token(d));
        })
    })
}
