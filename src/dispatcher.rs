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

/// Is called when a dispatcher has deliverable events after it had none, and again at the very end of a dispatch that
/// leaves events behind.
///
/// It should make the program call ws_dispatcher_dispatch() soon, for instance by posting a message to its window or by
/// writing to a pipe. It may run on any thread, also inside a `ws_` function that the program itself has called. It
/// must not block, and may call only functions that have a "yes" in the column `wake` of the overview: those that read
/// (`ws_get_*`, `ws_reconnector_get_*`), those that return constant texts and numbers, and ws_dispatcher_stop().
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

/// Makes a dispatcher. The callbacks of its sockets run inside ws_dispatcher_dispatch(), ws_dispatcher_wait() and
/// ws_dispatcher_run(), on the thread that calls them.
///
/// It belongs to the calling thread until another thread attaches it. A thread may have several dispatchers. A
/// dispatcher does not start a thread.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @return A dispatcher, which the caller ends with ws_dispatcher_close(); NULL if no memory or no handles are left.
#[unsafe(no_mangle)]
pub extern "C" fn ws_dispatcher_new() -> *mut ws_dispatcher {
    new(None)
}

/// Makes a dispatcher with a function that is called when there is something to dispatch. Otherwise it is like
/// ws_dispatcher_new().
///
/// `wake` may be called until ws_dispatcher_close() returns. If it is running on another thread at that time,
/// ws_dispatcher_close() waits until it has returned. So `wake` must not wait for the thread that closes the
/// dispatcher, and that thread must not hold a lock that `wake` wants.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param wake       The function, which may be called on any thread. NULL: the dispatcher is one of
///                   ws_dispatcher_new().
/// @param user_data  Passed to `wake`. It belongs to the caller, who may free it once ws_dispatcher_close() has
///                   returned.
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

/// Makes a dispatcher that does the I/O of its sockets itself, on its own thread, without any thread of the library. It
/// is for single-threaded programs and for programs that fork. Otherwise it is like ws_dispatcher_new(); a program may
/// use both kinds side by side.
///
/// All I/O happens inside the dispatcher's own calls: ws_dispatcher_wait(), ws_dispatcher_run(), ws_dispatcher_next(),
/// ws_dispatcher_next_batch(), a blocking ws_new() on it, and ws_dispatcher_dispatch(), which handles what is there
/// without waiting. While none of them is running, nothing is received, no ping is answered, no time limit is kept, and
/// no connection of ws_new_async() is made. Messages are still sent at once from any thread, as far as the network
/// takes them. So call one of these functions often, or all the time.
///
/// Working without other threads has these costs:
/// - Looking up a name blocks the calling thread until the system answers, regardless of time limits, of
///   ws_dispatcher_stop(), and of the time-out of a wait. Addresses and localhost in the URL, and names with the option
///   `resolve`, need no look-up.
/// - ws_dispatcher_fd() returns -1: wait in ws_dispatcher_wait() instead.
/// - If a program pulls events without a pause, I/O is done only now and then between its pulls.
/// - ws_dispatcher_set_busy_poll_us() has no effect while one of the sockets is connecting, is closing, or has a time
///   to keep (a ping interval, an idle time-out).
/// - The calls that do I/O return WS_ERR_WRONG_THREAD inside a callback on an I/O thread (of a socket without a
///   dispatcher).
/// - ws_dispatcher_close() sends what the network takes at once, then drops the connections. To have everything sent
///   first, call ws_terminate() for the sockets, then ws_dispatcher_run().
///
/// Thread: any, also in callbacks; never blocks.
///
/// @return As ws_dispatcher_new(); NULL also if no descriptors are left.
#[unsafe(no_mangle)]
pub extern "C" fn ws_dispatcher_new_driving() -> *mut ws_dispatcher {
    boundary::make(ptr::null_mut(), || {
        DISPATCHERS.get().insert(Dispatcher::new_driving().ok()?).ok().map(handles::handle)
    })
}

/// Hands the dispatcher over to the calling thread. The thread that had it before may have ended.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param d  A dispatcher.
/// @return WS_OK, or, with nothing changed: WS_ERR_WRONG_THREAD (some thread is inside a dispatch, wait, next, run or
///         ws_new() of this dispatcher, or another thread inside the last callbacks of one of its sockets, or its thread
///         has ended inside a callback), WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_dispatcher_attach(d: *mut ws_dispatcher) -> ws_result {
    boundary::call(|| get(d)?.attach())
}

/// Trades processor time for latency: before ws_dispatcher_wait(), ws_dispatcher_run() and ws_dispatcher_next() put the
/// thread to sleep, they look for messages over and over, for this long.
///
/// A small message then arrives without a thread having to be woken up, which is the largest part of a round trip. In
/// return, a processor core is busy for that time. The setting holds from the next wait on.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param d   A dispatcher.
/// @param us  Microseconds; 0: sleep at once. Default: 0. The time-out of the call limits it.
/// @return WS_OK, or: WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_dispatcher_set_busy_poll_us(d: *mut ws_dispatcher, us: u32) -> ws_result {
    boundary::call(|| {
        get(d)?.set_busy_poll(us);
        Ok(())
    })
}

/// Sets whether a signal ends a wait. If it does, a signal handler that runs while the thread sleeps in
/// ws_dispatcher_wait(), ws_dispatcher_next(), ws_dispatcher_next_batch() or ws_dispatcher_run() ends the innermost of
/// these calls with WS_ERR_INTERRUPTED.
///
/// Nothing is lost: call the function again. Events that can be delivered come first: ws_dispatcher_wait() then returns
/// their number. A blocking ws_new() ends as if by ws_dispatcher_stop(): it returns NULL with WS_ERR_INTERRUPTED after
/// `on_free`. A program with an interval timer should switch this off around ws_new(), or use ws_new_async(). The
/// setting holds from the next sleep on.
///
/// A signal that comes while the thread is not sleeping ends nothing. If the program must not miss one, it calls
/// ws_dispatcher_stop() in the signal handler. In rare cases WS_ERR_INTERRUPTED comes although no signal handler ran;
/// on Linux, for instance, when the process is continued after it was stopped (SIGSTOP, SIGCONT).
///
/// The library's own threads block signals, so the program's signal handlers run on the program's threads. SIGSEGV,
/// SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS and SIGABRT are never blocked. A process that is started from a callback on
/// a thread of the library inherits that signal mask, and so does the program that it executes: in the child, unblock
/// the signals that it should receive (`pthread_sigmask`, `POSIX_SPAWN_SETSIGMASK`).
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param d   A dispatcher.
/// @param on  1: a signal ends a wait; 0: it does not. Default: 0.
/// @return WS_OK, or: WS_ERR_INVALID_HANDLE, WS_ERR_FORKED, WS_ERR_UNSUPPORTED (on Windows).
#[unsafe(no_mangle)]
pub extern "C" fn ws_dispatcher_set_interruptible(d: *mut ws_dispatcher, on: i32) -> ws_result {
    boundary::call(|| get(d)?.set_interruptible(on != 0))
}

/// Runs the callbacks of the events that can be delivered now, and does not wait for others.
///
/// An event can be delivered unless a callback of its socket is on the stack, or ws_pause() holds it back. The sockets
/// take turns, and each socket's events come in order. It may be called inside a callback, as a modal dialog does that
/// runs its own event loop: the events of other sockets are delivered, and those of the sockets on the stack wait.
///
/// Thread: the dispatcher's own, also in callbacks; never blocks, apart from the callbacks that it runs.
///
/// @param d           A dispatcher.
/// @param max_events  The largest number of callbacks to run; 0: one for each event that could be delivered when it was
///                    called.
/// @return The number of events that were delivered; or: WS_ERR_WRONG_THREAD, WS_ERR_CANCELLED (the dispatcher was
///         closed meanwhile), WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_dispatcher_dispatch(d: *mut ws_dispatcher, max_events: u32) -> i32 {
    boundary::count(|| get(d)?.dispatch(max_events))
}

/// Waits until an event can be delivered, then runs callbacks as ws_dispatcher_dispatch() with 0 does.
///
/// ws_dispatcher_stop() ends it.
///
/// Thread: the dispatcher's own, also in callbacks, but not on an I/O thread; may block. With a timeout of 0 it works
/// on an I/O thread, too, unless the dispatcher is a driving one.
///
/// @param d           A dispatcher.
/// @param timeout_ms  Milliseconds to wait for the first event; 0: do not wait; -1: wait for ever.
/// @return The number of events that were delivered, 0 if there were none in time; or: WS_ERR_INVALID_ARGUMENT (below
///         -1), WS_ERR_WRONG_THREAD, WS_ERR_CANCELLED (the dispatcher was closed meanwhile), WS_ERR_INTERRUPTED
///         (ws_dispatcher_set_interruptible()), WS_ERR_SHUT_DOWN (a driving dispatcher, on a thread that is ending),
///         WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_dispatcher_wait(d: *mut ws_dispatcher, timeout_ms: i32) -> i32 {
    boundary::count(|| get(d)?.wait(arg::timeout(timeout_ms)?))
}

/// Pulls one event from the dispatcher, instead of running its callback.
///
/// The event belongs to the caller, who frees it with ws_event_free(); until then it may be used like a retained event.
/// ws_get_user_data() finds the program's object for its socket. Of the handler's functions only `on_free` runs: once
/// the program has freed the TERMINATE event of a socket, the next call runs the socket's `on_free`. Call
/// ws_dispatcher_next() until it returns 0, because, unlike a dispatch, it does not call `wake` again for events that
/// it leaves. ws_dispatcher_stop() makes it return 0.
///
/// Thread: the dispatcher's own, also in callbacks, but not on an I/O thread; may block. With a timeout of 0 it works
/// on an I/O thread, too, unless the dispatcher is a driving one.
///
/// @param d           A dispatcher.
/// @param timeout_ms  Milliseconds to wait for an event; 0: do not wait; -1: wait for ever.
/// @param ws          Receives the socket; NULL if no event is returned. The caller does not release it for this call.
/// @param event       Receives the event; NULL if no event is returned.
/// @return 1 and an event; 0 if there was none in time; or, with nothing pulled: WS_ERR_INVALID_ARGUMENT (a NULL
///         pointer, or a time below -1), WS_ERR_WRONG_THREAD, WS_ERR_CANCELLED (the dispatcher was closed meanwhile),
///         WS_ERR_INTERRUPTED (ws_dispatcher_set_interruptible()), WS_ERR_SHUT_DOWN (as for ws_dispatcher_wait()),
///         WS_ERR_OUT_OF_MEMORY, WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
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
    boundary::count_that_holds(|| {
        // SAFETY: the caller upholds the contract above.
        unsafe {
            arg::set(ws, ptr::null_mut());
            arg::set(event, ptr::null_mut());
        }
        let dispatcher = get(d)?;
        if ws.is_null() || event.is_null() {
            return Err(ErrorCode::InvalidArgument);
        }
        let pulled = dispatcher.next(arg::timeout(timeout_ms)?, |socket| socket.tag())?;
        let Some((token, pulled)) = pulled else { return Ok(0) };
        // SAFETY: not NULL; the caller upholds the rest.
        unsafe {
            ws.write(handles::handle(token));
            event.write(Box::into_raw(pulled).cast());
        }
        Ok(1)
    })
}

/// Runs callbacks until every socket of the dispatcher has terminated, or until ws_dispatcher_stop(). Without a socket
/// it returns at once. Inside a callback, the sockets on the stack do not count.
///
/// Thread: the dispatcher's own, also in callbacks, but not on an I/O thread; may block.
///
/// @param d  A dispatcher.
/// @return WS_OK, or: WS_ERR_WRONG_THREAD, WS_ERR_CANCELLED (the dispatcher was closed meanwhile), WS_ERR_INTERRUPTED
///         (ws_dispatcher_set_interruptible()), WS_ERR_SHUT_DOWN (as for ws_dispatcher_wait()), WS_ERR_INVALID_HANDLE,
///         WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_dispatcher_run(d: *mut ws_dispatcher) -> ws_result {
    boundary::call(|| get(d)?.run())
}

/// Ends the calls of a dispatcher that are in progress, nested ones from the inside out. If none is in progress, the
/// stop is remembered: the next call ends at once, and the one after that waits as usual.
///
/// ws_dispatcher_run() then returns WS_OK, ws_dispatcher_wait() its count, ws_dispatcher_next() 0, and ws_new() NULL
/// with WS_ERR_CANCELLED. Only the wait is ended: a callback that is running must return first, and on a driving
/// dispatcher a look-up of a name must end first. A ws_new() without a dispatcher cannot be stopped, so give it a
/// dispatcher if you need to.
///
/// Thread: any, also in callbacks, in `wake` and in signal handlers; never blocks. It is the only function of the
/// library that is async-signal-safe: it takes no lock, allocates, frees and logs nothing, and preserves `errno`. This
/// also holds while another thread closes the dispatcher, and in a forked child.
///
/// @param d  A dispatcher.
/// @return WS_OK, or: WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
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

/// Returns a file descriptor that is readable exactly while the dispatcher has events to deliver (level-triggered). It
/// is for poll, epoll, kqueue, GLib, libuv, asyncio and the like.
///
/// The program neither reads nor closes it; ws_dispatcher_close() closes it. The descriptor is made when it is first
/// asked for, and costs nothing before.
///
/// On Windows it is the HANDLE of a manual-reset event, which is signalled exactly while there are events to deliver. It
/// is for WaitForMultipleObjects() and MsgWaitForMultipleObjects(); the program neither resets nor closes it.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param d  A dispatcher.
/// @return A file descriptor, the same in each call; -1 if there is none: the handle is invalid, the dispatcher is a
///         driving one, or no descriptors are left.
#[unsafe(no_mangle)]
pub extern "C" fn ws_dispatcher_fd(d: *mut ws_dispatcher) -> intptr_t {
    boundary::make(-1, || Some(get(d).ok()?.fd().ok()? as intptr_t))
}

/// Sets the function that is called for each connection of this dispatcher that could not be made. It replaces the one
/// that was set before.
///
/// It is called on the dispatcher's thread; if ws_new(), ws_new_async() or ws_reconnector_new() fails at once, on the
/// thread that has called that, which may be another one. A dispatcher with such a function does not call the function
/// of ws_set_error_handler() for its sockets. When this
/// call returns, the old function no longer runs on another thread, and its `user_data` may be freed. After
/// ws_dispatcher_close() has returned, the function is not called any more.
///
/// Thread: the dispatcher's own, also in callbacks; may wait for a callback. It may also be called inside the function
/// itself.
///
/// @param d          A dispatcher.
/// @param fn         The function; NULL for none.
/// @param user_data  Passed to `fn`; it belongs to the caller.
/// @return WS_OK, or, with nothing changed: WS_ERR_WRONG_THREAD, WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
///
/// # Safety
/// `fn` can be called with `user_data` on the dispatcher's thread, and on each that opens sockets with the dispatcher.
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

/// Ends a dispatcher and all of its sockets. It never waits for the network.
///
/// The handle is stale from the beginning of the call, also for the callbacks that it runs. Each socket gets
/// `on_terminate` and `on_free` during the call. `on_terminate` has the code of the server's close frame if that had
/// arrived, otherwise 1006, not clean. Events that were not delivered are discarded. What was accepted for sending is
/// still sent in the background, followed by a close frame with code 1001. The handles of the sockets stay valid until
/// they are released.
///
/// When it returns, no callback and no `wake` of the dispatcher is running or will run, except those on the caller's
/// own stack: it waits for a `wake`, and for the function of ws_dispatcher_set_error_handler(), that is running on
/// another thread. Inside one of the dispatcher's own callbacks it
/// does not wait for that callback: the sockets on the stack terminate when their callbacks return, before the
/// outermost dispatch returns.
///
/// Thread: the dispatcher's own, also in callbacks; may wait for a callback.
///
/// @param d  A dispatcher.
/// @return WS_OK, or, with nothing changed: WS_ERR_WRONG_THREAD, WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_dispatcher_close(d: *mut ws_dispatcher) -> ws_result {
    boundary::call(|| {
        get(d)?.close(|| {
            // Of several calls at once only the owner's gets here, so it is there.
            let _ = DISPATCHERS.get().remove(handles::token(d));
        })
    })
}
