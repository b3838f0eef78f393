//! Entry points of reconnectors, and the bridge from what a reconnector decides to the host's functions.

pub mod policy;
pub mod state;

use std::ffi::{c_char, c_void};
use std::ptr;
use std::sync::Arc;

use libc::size_t;
use ws4d_client::handle_table::Pinned;
use ws4d_client::library::PerProcess;
use ws4d_client::{Error, ErrorCode, Handler, Naming, Options, ReconnectHandler, Reconnecting, Reconnector};

use crate::bridge::Bridge;
use crate::errors::ws_errors;
use crate::handler::ws_handler;
use crate::handles::{self, Handles, Kind};
use crate::options::{OPTIONS, OptionsEntry};
use crate::result::ws_result;
use crate::token_life::TokenLife;
use crate::types::{ws_options, ws_reconnector};
use crate::{arg, boundary, call_host, open, send};
use policy::{Functions, ws_reconnect_fn, ws_reconnect_info, ws_reconnect_policy};

/// All reconnectors of this process.
static RECONNECTORS: PerProcess<Handles<Entry>> = PerProcess::new(|| Handles::new(Kind::Reconnector));

/// The value behind a reconnector's token.
pub(crate) struct Entry {
    pub(crate) reconnector: Arc<Reconnector>,
    host: Arc<Host>,
}

pub(crate) fn get(r: *const ws_reconnector) -> Result<Pinned<'static, Entry>, ErrorCode> {
    RECONNECTORS.get().get(handles::token(r))
}

/// The host's side: its handler, of which each socket has a copy without `on_free`, and its policy's functions.
struct Host {
    /// Has the `user_data`, and frees it.
    bridge: Arc<Bridge>,
    has_handler: bool,
    functions: Functions,
    token: TokenLife,
}

impl Host {
    fn handle(&self) -> *mut ws_reconnector {
        handles::handle(self.token.get())
    }

    fn end_token_if(&self, ends: bool) {
        if ends {
            let _ = RECONNECTORS.get().remove(self.token.get());
        }
    }

    fn tell(&self, function: ws_reconnect_fn, about: &Reconnecting) {
        let Some(function) = function else { return };
        self.with_info(about, |r, info, user_data| {
            // SAFETY: a function of the host, called as the header says; user_data is not freed yet.
            unsafe { call_host::reconnect(function, r, info, user_data) }
        });
    }

    /// The info and its errors live as long as the call.
    fn with_info<R>(
        &self,
        about: &Reconnecting,
        call: impl FnOnce(*mut ws_reconnector, *const ws_reconnect_info, *mut c_void) -> R,
    ) -> R {
        let errors = about.end.error.as_deref().map(ws_errors::new);
        let info = ws_reconnect_info::new(about, errors.as_ref());
        call(self.handle(), &info, self.bridge.user_data())
    }
}

impl ReconnectHandler for Host {
    fn socket(&self) -> (Arc<dyn Handler>, Naming) {
        let handler = ws_handler { on_free: None, ..self.bridge.handler() };
        let bridge = Bridge::of_reconnector(self.has_handler.then_some(handler));
        let named = Arc::clone(&bridge);
        (bridge, Box::new(move |socket| open::name_socket(socket, &named).map(drop)))
    }

    fn attempt(&self, attempt: u32, options: &mut Options) -> Option<Result<String, ErrorCode>> {
        let function = self.functions.on_attempt?;
        let entry = Arc::new(OptionsEntry::new(options.clone()));
        let token = OPTIONS.get().insert(Arc::clone(&entry)).ok();
        let lent = token.map_or(ptr::null_mut(), handles::handle);
        // SAFETY: a function of the host, called as the header says.
        let url =
            unsafe { call_host::attempt(function, self.handle(), lent, attempt, self.bridge.user_data()) };
        if let Some(token) = token {
            let _ = OPTIONS.get().remove(token);
        }
        *options = entry.copy();
        if url.is_null() {
            return None;
        }
        // SAFETY: a text of the host, which it keeps until this returns.
        Some(unsafe { arg::short_utf8(url) }.map(str::to_owned))
    }

    fn check(&self, options: &Options) -> Result<(), Error> {
        open::check_parts(options, &self.bridge)
    }

    fn is_final(&self, about: &Reconnecting) -> bool {
        let Some(function) = self.functions.is_final else { return about.given_up.is_some() };
        self.with_info(about, |r, info, user_data| {
            // SAFETY: a function of the host, called as the header says; user_data is not freed yet.
            unsafe { call_host::is_final(function, r, info, user_data) != 0 }
        })
    }

    fn reconnecting(&self, about: &Reconnecting) {
        self.tell(self.functions.on_reconnect, about);
    }

    fn over(&self, about: &Reconnecting) {
        // Each of them, whatever becomes of the others.
        boundary::last_words(|| self.tell(self.functions.on_end, about));
        boundary::last_words(|| self.end_token_if(self.token.over()));
        self.bridge.free();
    }
}

/// Makes a connection that reconnects: whenever the connection ends, the reconnector waits a while and connects again,
/// until the program or the policy ends it.
///
/// Each connection is a socket of its own, with its own handle. It calls the handler in the usual order, except for
/// `on_free`:
///
///     (on_attempt (on_open? (on_message | on_part | on_drain | on_ping | on_pong)* on_error? on_terminate)? on_reconnect)*  on_end  on_free
///
/// The policy's `is_final` is called before each `on_reconnect`, and before `on_end`. `on_free` is called once, at the
/// very end.
///
/// The reconnector releases its sockets itself: do not call ws_release() for them. Their handles are valid until their
/// `on_terminate` has returned. All callbacks run where the handler's dispatcher says, one after the other, never
/// nested. ws_dispatcher_run() does not return while the reconnector waits. A program that pulls its events gets those
/// of the sockets; `on_attempt`, `on_reconnect`, `on_end` and `on_free` run inside its ws_dispatcher_next(),
/// `on_reconnect` once the TERMINATE event was freed.
///
/// The reconnector gives up for good only in these cases, and `on_end` then says why:
/// - after ws_reconnector_terminate(), when its dispatcher is closed, at the limits of the policy, and at
///   ws_shutdown(), after which it does not come back;
/// - if the call is wrong (results from -1 to -19, also for a URL of `on_attempt`);
/// - as long as no connection was open yet: after HTTP 401, 403, 404, 407 and 410, and if a certificate is refused, the
///   server's or the client's. A certificate that is not valid yet does not count, because this machine's clock may be
///   wrong;
/// - after a close code of the policy's `final_codes`, of which there are none by default;
/// - if the policy's `is_final` says so.
///
/// Once a connection was open, none of these answers is final, because a server that restarts may give any of them. So
/// if a password is changed while the program runs, the old one is sent again every `max_delay_ms`, and some servers
/// then lock the account. Use `is_final` or `max_attempts` to prevent that.
///
/// ws_terminate() and ws_abort() on the present socket end only that connection; the reconnector then makes another
/// one.
///
/// If a name has several addresses, an attempt begins after the address whose connection failed last, so that all of
/// them get their turn. If ws_options_set_ping_interval_ms() was never called, the sockets ping after 20000 ms of
/// silence, so that a dead connection is detected. The function of ws_set_error_handler() is called for each attempt
/// that fails, as for ws_new_async(). An attempt whose URL or options `on_attempt` has made wrong has no socket: neither
/// that function nor the handler is called for it, and `on_reconnect` or `on_end` says why.
///
///     static void on_open(ws_socket *ws, const ws_event *event, void *user_data) {
///         ws_send_text(ws, "{\"subscribe\":[\"EURUSD\"]}", WS_NUL_TERMINATED);
///     }
///     static const char *on_attempt(ws_reconnector *r, ws_options *options, uint32_t attempt, void *user_data) {
///         ws_options_set_header(options, "Authorization", fresh_token());
///         return NULL;
///     }
///     ...
///     ws_reconnect_policy policy = WS_RECONNECT_POLICY_INIT;
///     policy.on_attempt = on_attempt;
///     ws_reconnector *r = ws_reconnector_new("wss://feed.example", &handler, NULL, &policy, &errors);
///     ws_dispatcher_run(handler.dispatcher);
///
/// Thread: any, also in callbacks; never blocks. The first attempt is made where the callbacks run.
///
/// @param url      As for ws_new().
/// @param handler  As for ws_new(); NULL for a connection that only sends.
/// @param options  As for ws_new(); each attempt has a copy of its own.
/// @param policy   Copied, including its `final_codes`. NULL for the defaults.
/// @param errors   As for ws_new().
/// @return A reconnector, which the caller gives back with ws_reconnector_release(); or NULL, and the code of entry 0
///         of `*errors` is one of WS_ERR_INVALID_ARGUMENT (also for a policy with a delay of 0), WS_ERR_INVALID_HANDLE,
///         WS_ERR_FORKED, WS_ERR_INVALID_URL, WS_ERR_TOO_LARGE (the URL), WS_ERR_INVALID_UTF8, WS_ERR_UNSUPPORTED,
///         WS_ERR_WRONG_THREAD (the dispatcher's thread has ended inside one of its callbacks), WS_ERR_SHUT_DOWN,
///         WS_ERR_OUT_OF_MEMORY, WS_ERR_INTERNAL. Of the handler's functions, `on_free` has run then.
///
/// # Safety
/// `url` is NULL or NUL-terminated; `handler` and `policy` are NULL or readable for their `size`, the policy's
/// `final_codes` for its `final_code_count`; `errors` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_reconnector_new(
    url: *const c_char,
    handler: *const ws_handler,
    options: *const ws_options,
    policy: *const ws_reconnect_policy,
    errors: *mut *mut ws_errors,
) -> *mut ws_reconnector {
    boundary::make(ptr::null_mut(), || {
        // SAFETY: the caller upholds the contract above.
        unsafe { arg::set(errors, ptr::null_mut()) };
        // SAFETY: as above.
        let (bridge, known) = unsafe { open::adopt(handler) };
        let made = boundary::attempt(|| {
            known?;
            // SAFETY: as above.
            let url = unsafe { arg::utf8(url) }.map_err(arg::no_url)?;
            let options = open::copy_options(options)?;
            open::check_parts(&options, &bridge)?;
            // SAFETY: as above.
            let (policy, functions) = unsafe { policy::read(policy) }?;
            let host = Arc::new(Host {
                bridge: Arc::clone(&bridge),
                has_handler: !handler.is_null(),
                functions,
                token: TokenLife::new(false),
            });
            begin(url, &options, policy, &host)
        });
        match made {
            Ok(token) => Some(handles::handle(token)),
            Err(error) => {
                // SAFETY: the caller upholds the contract above.
                unsafe { open::tell_failure(&bridge, &error, errors) };
                None
            }
        }
    })
}

fn begin(url: &str, options: &Options, policy: ws4d_client::Policy, host: &Arc<Host>) -> Result<u64, Error> {
    let dispatcher = open::dispatcher_of(&host.bridge)?;
    let reconnector = Reconnector::new(url, options, policy, host.clone(), dispatcher)?;
    let entry = Arc::new(Entry { reconnector: Arc::clone(&reconnector), host: Arc::clone(host) });
    let token = RECONNECTORS
        .get()
        .insert(entry)
        .map_err(|code| arg::refused(code, "no handle is left; release reconnectors that are over"))?;
    host.token.set(token);
    if let Err(error) = reconnector.start() {
        let _ = RECONNECTORS.get().remove(token);
        return Err(error);
    }
    Ok(token)
}

/// Sends a message on the present connection. While there is none, the message is kept for the next connection, as far
/// as the policy's `queue_size` allows.
///
/// Messages that were kept are sent first, in order. If a connection breaks, what it had accepted but not sent is lost,
/// as with every WebSocket: only an answer from the server shows that a message has arrived.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param r          A reconnector.
/// @param data_type  A ws_data_type.
/// @param data       The bytes; may be NULL if `len` is 0.
/// @param len        Bytes in `data`; for text and object also WS_NUL_TERMINATED.
/// @param flags      0 or WS_SEND_PLAIN, as for ws_send().
/// @return As ws_send(). WS_ERR_WOULD_BLOCK also means that there is no connection, and the queue is full or there is
///         none: `on_drain` follows once there is a connection with room. WS_ERR_CLOSED comes only once the reconnector
///         was terminated or is over.
///
/// # Safety
/// `data` is readable for `len` bytes, or up to its NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_reconnector_send(
    r: *mut ws_reconnector,
    data_type: i32,
    data: *const c_void,
    len: size_t,
    flags: u32,
) -> ws_result {
    boundary::call(|| {
        let entry = get(r)?;
        // SAFETY: the caller upholds the contract above.
        let (kind, data, plain) = unsafe { send::message(data_type, data, len, flags) }?;
        entry.reconnector.send(kind, data, plain)
    })
}

/// Tries again at once: ends the wait for the next attempt, even one that the server's Retry-After or `min_delay_ms`
/// demands. It is for a program that learns that the network is back, or whose user presses a button.
///
/// If it is called in `on_reconnect`, or once the connection has ended, it cancels the wait that would follow. While
/// the reconnector is connecting or connected, it does nothing. Attempts continue to count.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param r  A reconnector.
/// @return WS_OK, or: WS_ERR_CLOSED (the reconnector is over), WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_reconnector_retry_now(r: *mut ws_reconnector) -> ws_result {
    boundary::call(|| get(r)?.reconnector.retry_now())
}

/// Ends a reconnector and its socket at once, as ws_close() ends a socket. When it returns, no callback of either is
/// running or will run.
///
/// If there is a socket, its `on_terminate` runs first. Then `on_end` (WS_RECONNECT_END_HOST) and `on_free` run, all on
/// the calling thread. What was accepted for sending is still sent in the background, followed by a close frame with
/// code 1000. Messages that ws_reconnector_send() has kept are dropped. The handle counts as released.
///
/// Inside a callback of the reconnector or of its socket it returns at once, and the rest follows on that thread when
/// the callback has returned.
///
/// Thread: the dispatcher's own, or any if there is none, also in callbacks; may wait for a callback. Any thread may
/// call it once the dispatcher is closed. See ws_close() for when it waits.
///
/// @param r  A reconnector, released or not.
/// @return WS_OK, or, with nothing changed: WS_ERR_INVALID_HANDLE (also for a second call), WS_ERR_FORKED,
///         WS_ERR_WRONG_THREAD (the dispatcher belongs to another thread).
#[unsafe(no_mangle)]
pub extern "C" fn ws_reconnector_close(r: *mut ws_reconnector) -> ws_result {
    boundary::call(|| {
        let entry = get(r)?;
        let host = &entry.host;
        entry.reconnector.close(|| host.token.close().map(|ends| host.end_token_if(ends)))
    })
}

/// Ends a reconnector for good: closes the connection as ws_terminate() does, or ends the wait at once.
///
/// `on_end` and `on_free` follow the socket's `on_terminate`; if the reconnector was waiting, they come alone. Messages
/// that ws_reconnector_send() has kept are dropped. A second call does nothing, nor does one when the reconnector is
/// over.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param r       A reconnector.
/// @param code    As for ws_terminate(): 1000 or 3000 to 4999; 0 means 1000.
/// @param reason  As for ws_terminate(): UTF-8, NUL-terminated, at most 123 bytes. NULL for none.
/// @return WS_OK, or, with nothing changed: WS_ERR_INVALID_CLOSE_CODE, WS_ERR_INVALID_CLOSE_REASON,
///         WS_ERR_INVALID_UTF8, WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
///
/// # Safety
/// `reason` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_reconnector_terminate(
    r: *mut ws_reconnector,
    code: i32,
    reason: *const c_char,
) -> ws_result {
    boundary::call(|| {
        let entry = get(r)?;
        if reason.is_null() {
            return entry.reconnector.terminate(code, b"");
        }
        // SAFETY: the caller upholds the contract above.
        let reason = unsafe { arg::c_string(reason) }?;
        entry.reconnector.terminate(code, reason.to_bytes())
    })
}

/// Gives a reconnector back: the caller will not use it any more.
///
/// This does not end the reconnector. It goes on until it is over, which is when `on_end` has returned; until then its
/// handle stays valid for the callbacks.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param r  A reconnector.
/// @return WS_OK, or: WS_ERR_INVALID_HANDLE (also for a second release), WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_reconnector_release(r: *mut ws_reconnector) -> ws_result {
    boundary::call(|| {
        let entry = get(r)?;
        entry.host.token.release().map(|ends| entry.host.end_token_if(ends))
    })
}
