//! `ws_new` and `ws_new_async`: from the host's arguments to a socket, or to an error stack.
//!
//! Knows nothing of connecting; the client does that. This file has the order in which a failure is reported.

use std::ffi::c_char;
use std::ptr;
use std::sync::Arc;

use ws4d_client::{Component, Dispatcher, Error, ErrorCode, Handler, Options, Socket, Unopened, library};

use crate::bridge::{Bridge, SOCKETS, SocketEntry};
use crate::dispatcher::DISPATCHERS;
use crate::errors::ws_errors;
use crate::handler::ws_handler;
use crate::options::OPTIONS;
use crate::types::{ws_options, ws_socket};
use crate::{arg, boundary, handles};

/// Opens a connection and waits until the opening handshake has succeeded or failed.
///
/// It waits no longer than the connect timeout, which is 30 s by default. When it returns a socket, `on_open` has
/// already run: on the calling thread or, without a dispatcher, on an I/O thread. With a dispatcher it delivers nothing
/// else; messages that arrive meanwhile wait for the dispatcher. Without one, other callbacks may run before it
/// returns. If `on_open` ends the socket or closes the dispatcher, the socket is returned all the same; it may then be
/// closed, or stale if it was released.
///
/// On failure, only `on_free` of the handler runs (unless the handler's `size` is too small, or above 4,096); then
/// `*errors` is set; and finally the function of ws_set_error_handler() is called, on the calling thread.
/// ws_dispatcher_stop() on the handler's dispatcher ends the wait.
///
/// A URL is `ws://host[:port]path[?query]` or `wss://...`. International names and IPv6 literals in brackets are
/// understood; the default ports are 80 and 443. Other schemes, a missing `://`, a missing host, fragments, control
/// characters, spaces and backslashes are refused. `user:password@` becomes Basic authorization, and is shown nowhere.
/// If the server answers 401 and offers Digest (RFC 7616: MD5, SHA-256, SHA-512-256), the request is repeated with
/// that. Basic authorization has been sent by then, so whoever listens to a `ws://` connection knows the password: only
/// `wss://` protects it.
///
/// Thread: the dispatcher's own, or any if there is none, also in callbacks, but not on an I/O thread; may block. On an
/// I/O thread it would wait for itself: use ws_new_async() there.
///
/// @param url      UTF-8, NUL-terminated; copied. The host localhost, and any name below it, is ::1 or 127.0.0.1,
///                 without a look-up (RFC 6761).
/// @param handler  The callbacks; copied. NULL for a socket that only sends.
/// @param options  How to connect; copied. NULL for the defaults.
/// @param errors   Receives NULL on success, otherwise an error stack that the caller frees with ws_errors_free(). May
///                 be NULL.
/// @return A socket, which the caller gives back with ws_release(); or NULL, and the code of entry 0 of `*errors` is
///         one of WS_ERR_INVALID_ARGUMENT, WS_ERR_INVALID_HANDLE (the options, or the handler's dispatcher),
///         WS_ERR_FORKED, WS_ERR_WRONG_THREAD, WS_ERR_INVALID_URL, WS_ERR_TOO_LARGE (the URL), WS_ERR_INVALID_UTF8,
///         WS_ERR_UNSUPPORTED, WS_ERR_FILE (the key log file), WS_ERR_CANCELLED, WS_ERR_INTERRUPTED, WS_ERR_SHUT_DOWN,
///         any code from -40 to -99, WS_ERR_OUT_OF_MEMORY, WS_ERR_INTERNAL.
///
/// # Safety
/// `url` is NULL or NUL-terminated; `handler` is NULL or readable for its `size`; `errors` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_new(
    url: *const c_char,
    handler: *const ws_handler,
    options: *const ws_options,
    errors: *mut *mut ws_errors,
) -> *mut ws_socket {
    // SAFETY: the caller upholds the contract above.
    unsafe { open(url, handler, options, errors, true) }
}

/// Opens a connection and returns at once, while it is being made.
///
/// It fails only for what can be judged at once (the URL, the handler, the options, the handles), and then as ws_new()
/// does. If the connection fails later, `on_error` comes, then `on_terminate` with code 1006; before `on_error`, the
/// function of ws_set_error_handler() is called on the thread of the callbacks.
///
/// Callbacks may run before the function has returned. Messages that are sent while the socket is connecting wait for
/// the connection.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param url      As for ws_new().
/// @param handler  As for ws_new().
/// @param options  As for ws_new().
/// @param errors   As for ws_new().
/// @return A socket, which the caller gives back with ws_release(); or NULL, and the code of entry 0 of `*errors` is
///         one of WS_ERR_INVALID_ARGUMENT, WS_ERR_INVALID_HANDLE, WS_ERR_FORKED, WS_ERR_INVALID_URL, WS_ERR_TOO_LARGE
///         (the URL), WS_ERR_INVALID_UTF8, WS_ERR_UNSUPPORTED, WS_ERR_WRONG_THREAD (the dispatcher's thread has ended
///         inside one of its callbacks), WS_ERR_SHUT_DOWN, WS_ERR_OUT_OF_MEMORY, WS_ERR_INTERNAL.
///
/// # Safety
/// `url` is NULL or NUL-terminated; `handler` is NULL or readable for its `size`; `errors` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_new_async(
    url: *const c_char,
    handler: *const ws_handler,
    options: *const ws_options,
    errors: *mut *mut ws_errors,
) -> *mut ws_socket {
    // SAFETY: the caller upholds the contract above.
    unsafe { open(url, handler, options, errors, false) }
}

/// # Safety
/// The error stack of `ws_new`.
unsafe fn open(
    url: *const c_char,
    handler: *const ws_handler,
    options: *const ws_options,
    errors: *mut *mut ws_errors,
    blocking: bool,
) -> *mut ws_socket {
    boundary::make(ptr::null_mut(), || {
        // SAFETY: the caller upholds it.
        unsafe { arg::set(errors, ptr::null_mut()) };
        // SAFETY: the caller upholds it.
        let (bridge, known) = unsafe { adopt(handler) };
        // Until this call returns, its dispatcher stays with this thread, on_free and the error handler included.
        let dispatcher = DISPATCHERS.get().get(handles::token(bridge.handler().dispatcher)).ok();
        let _in_call = dispatcher.filter(|_| blocking).and_then(|dispatcher| dispatcher.begin_call());
        let opened = boundary::attempt(|| {
            known?;
            // SAFETY: the caller upholds it.
            let url = unsafe { arg::utf8(url) }.map_err(arg::no_url)?;
            let options = copy_options(options)?;
            establish(url, &options, &bridge, blocking)
        });
        match opened {
            Ok(token) => Some(handles::handle(token)),
            Err(error) => {
                bridge.end_token();
                // SAFETY: the caller upholds it.
                unsafe { tell_failure(&bridge, &error, errors) };
                None
            }
        }
    })
}

/// Reports the failure of a function that opens, in this order.
///
/// # Safety
/// `errors` is NULL or writable.
pub(crate) unsafe fn tell_failure(bridge: &Bridge, error: &Error, errors: *mut *mut ws_errors) {
    library::as_callback(|| bridge.free());
    if !errors.is_null() {
        // SAFETY: not NULL; the caller upholds the rest.
        unsafe { errors.write(ws_errors::owned(error)) };
    }
    let dispatcher = DISPATCHERS.get().get(handles::token(bridge.handler().dispatcher)).ok();
    if !dispatcher.is_some_and(|dispatcher| dispatcher.report(error)) {
        library::report_connect_error(error);
    }
}

/// The bridge for the host's handler, and whether the handler can be served. Where its struct cannot even be
/// trusted, the bridge is one that calls nothing.
///
/// # Safety
/// `handler` is NULL or readable for its `size`.
pub(crate) unsafe fn adopt(handler: *const ws_handler) -> (Arc<Bridge>, Result<(), Error>) {
    if handler.is_null() {
        return (Bridge::new(None), Ok(()));
    }
    // SAFETY: the caller upholds it.
    match unsafe { ws_handler::read(handler) } {
        Ok((handler, true)) => (Bridge::new(Some(handler)), Ok(())),
        Ok((handler, false)) => {
            let message = "the handler has fields that this version of the library does not know; set only those of its own header";
            (Bridge::new(Some(handler)), Err(arg::refused(ErrorCode::Unsupported, message)))
        }
        Err(code) => {
            let message =
                "the size of the handler is none that ws_handler ever had; begin it with WS_HANDLER_INIT";
            (Bridge::new(None), Err(arg::refused(code, message)))
        }
    }
}

pub(crate) fn copy_options(options: *const ws_options) -> Result<Options, Error> {
    if options.is_null() {
        return Ok(Options::default());
    }
    let entry = OPTIONS.get().get(handles::token(options));
    entry.map(|entry| entry.copy()).map_err(|code| stale(code, "the options", "ws_options_new"))
}

/// Whether these options and this handler go together.
pub(crate) fn check_parts(options: &Options, bridge: &Bridge) -> Result<(), Error> {
    if options.wants_parts() && bridge.lacks_on_part() {
        let what = "with part_size (ws_options_set_part_size) the handler needs on_part beside on_message: long messages come in parts";
        return Err(arg::refused(ErrorCode::InvalidArgument, what));
    }
    Ok(())
}

fn establish(url: &str, options: &Options, bridge: &Arc<Bridge>, blocking: bool) -> Result<u64, Error> {
    check_parts(options, bridge)?;
    let unopened = Unopened::new(url, options, bridge.clone(), dispatcher_of(bridge)?, blocking)?;
    let token = name_socket(unopened.socket(), bridge)?;
    if blocking { unopened.connect() } else { unopened.start() }?;
    Ok(token)
}

/// The dispatcher that the handler asks for.
pub(crate) fn dispatcher_of(bridge: &Bridge) -> Result<Option<Arc<Dispatcher>>, Error> {
    match handles::token(bridge.handler().dispatcher) {
        0 => Ok(None),
        token => {
            let found = DISPATCHERS.get().get(token);
            let found = found.map_err(|code| stale(code, "the handler's dispatcher", "ws_dispatcher_new"))?;
            Ok(Some(Arc::clone(&found)))
        }
    }
}

/// Gives a socket its token, before its first callback.
pub(crate) fn name_socket(socket: &Arc<Socket>, bridge: &Arc<Bridge>) -> Result<u64, Error> {
    let token = SOCKETS
        .get()
        .insert(SocketEntry::new(socket.clone(), bridge.clone()))
        .map_err(|code| arg::refused(code, "no handle is left; release sockets that have terminated"))?;
    bridge.set_token(token);
    socket.set_tag(token);
    Ok(token)
}

fn stale(code: ErrorCode, what: &str, maker: &str) -> Error {
    let why = match code {
        ErrorCode::Forked => "a handle that belongs to the parent of this forked process",
        _ => "no live handle",
    };
    Error::new(code, Component::Socket, format!("What was passed for {what} is {why}; make one with {maker}"))
}
