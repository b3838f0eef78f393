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
        self.tell(self.functions.on_end, about);
        self.end_token_if(self.token.over());
        self.bridge.free();
    }
}

/// Makes a connection that comes back: it connects, and when the connection ends it waits a while and connects again, until
/// the host ends it or the policy does.
///
/// Each connection is a socket of its own, with its own handle, and calls the handler in a socket's order, but for
/// `on_free`:
///
///     (on_attempt (on_open? (on_message | on_part | on_drain | on_ping | on_pong)* on_error? on_terminate) on_reconnect)*  on_end  on_free
///
/// The policy's `is_final` comes before each `on_reconnect`, and before `on_end`. `on_free` runs once, as the last of all.
///
/// The reconnector releases the sockets itself: their handles are valid until their `on_terminate` has returned, and are not
/// for ws_release(). All callbacks run where the handler's dispatcher says, one after the other, never nested. ws_dispatcher_run() goes on while it waits. A host that pulls its events gets those of
/// the sockets; on_attempt, on_reconnect, on_end and on_free run inside its ws_dispatcher_next(), `on_reconnect` once the
/// TERMINATE event was freed.
///
/// It ends for good, and `on_end` says why, only where another attempt could not mend it:
/// - at ws_reconnector_terminate(), with its dispatcher, at the policy's limits, and at ws_shutdown(), after which it does
///   not come back;
/// - at a call that is wrong (results of -1 to -19, also for a URL of on_attempt);
/// - as long as no connection was ever open: at HTTP 401, 403, 404, 407 and 410, and at a certificate that is refused, the
///   server's or the client's; not at one that is only not valid yet, because the clock may be wrong;
/// - at a close code of the policy's `final_codes`, which are none by default;
/// - or as the policy's `is_final` says.
///
/// Once a connection was open none of those answers is final: a server that restarts may give any of them. So where a
/// password was changed meanwhile, the old one is told again and again, every `max_delay_ms`, which locks accounts at some
/// servers: `is_final` and `max_attempts` are there against that.
///
/// ws_terminate() and ws_abort() on its socket end that connection, and it comes back.
///
/// Where a name has several addresses, an attempt begins behind the one whose connection failed last, so that each has its
/// turn.
///
/// Its sockets ping after 20000 ms of silence where ws_options_set_ping_interval_ms() was never called, so that a connection
/// that is dead is found out; see there.
///
/// The function of ws_set_error_handler() is told of each attempt that fails, as of a ws_new_async().
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
/// Returns at once; the first attempt is made in the context of the callbacks. Any thread, also inside any callback.
///
/// @param url      As for ws_new().
/// @param handler  As for ws_new(); NULL for a connection that only sends.
/// @param options  As for ws_new(); each attempt has a copy of its own.
/// @param policy   Copied, its `final_codes` too. NULL for the defaults.
/// @param errors   As for ws_new().
/// @return A reconnector, to be given back with ws_reconnector_release(); or NULL, and entry 0 of `*errors` has one of:
///         WS_ERR_INVALID_ARGUMENT (also a policy with a delay of 0), WS_ERR_INVALID_HANDLE, WS_ERR_FORKED,
///         WS_ERR_INVALID_URL, WS_ERR_TOO_LARGE (the URL), WS_ERR_INVALID_UTF8, WS_ERR_UNSUPPORTED, WS_ERR_SHUT_DOWN,
///         WS_ERR_OUT_OF_MEMORY, WS_ERR_INTERNAL. Of the handler's functions `on_free` has run then.
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
            let url = unsafe { arg::utf8(url) }
                .map_err(|code| arg::refused(code, "the URL is NULL or not UTF-8"))?;
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

/// Sends a message on the connection of now or, while there is none, keeps it for the next one, as far as the policy's
/// `queue_size` allows. What was kept goes before all else, in its order. What a connection had accepted and not sent
/// when it broke is lost, as with every WebSocket: only an answer of the server's says that it came.
///
/// Any thread, also inside a callback; never blocks.
///
/// @param r          A reconnector.
/// @param data_type  As for ws_send(), as are the others.
/// @param data       Bytes; may be NULL if `len` is 0.
/// @param len        Bytes in `data`; for text and object also WS_NUL_TERMINATED.
/// @param flags      0 or WS_SEND_PLAIN.
/// @return As ws_send(). WS_ERR_WOULD_BLOCK also where the queue is full, or there is none, and no connection: `on_drain`
///         follows once there is one with room. WS_ERR_CLOSED only once it is terminated or over.
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

/// Tries again at once: ends the wait for the next attempt, also one that the server's Retry-After or `min_delay_ms` asks
/// for. For a host that learns that the network is back, or whose user presses a button.
///
/// Called in `on_reconnect`, or once the connection has ended, it is the wait to come that is none. While it connects or is
/// connected nothing changes. Attempts go on counting.
///
/// Any thread, also inside a callback; never blocks.
///
/// @param r  A reconnector.
/// @return WS_OK; WS_ERR_CLOSED once it is over; WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_reconnector_retry_now(r: *mut ws_reconnector) -> ws_result {
    boundary::call(|| get(r)?.reconnector.retry_now())
}

/// Ends a reconnector and its socket at once: what ws_close() is for a socket. When it returns, no callback of either runs or
/// ever will.
///
/// The socket's `on_terminate` runs first, if there is a socket, then `on_end` (WS_RECONNECT_END_HOST), then `on_free`, on the
/// calling thread; what was accepted for sending and a close frame with code 1000 go out in the background. What
/// ws_reconnector_send() kept is dropped. The handle counts as released.
///
/// Thread: as for ws_close(). Inside a callback of the reconnector or of its socket it returns at once, and the rest follows
/// on that thread when the callback has returned.
///
/// @param r  A reconnector, released or not.
/// @return WS_OK; or, with nothing changed, WS_ERR_INVALID_HANDLE (also for a second call), WS_ERR_FORKED,
///         WS_ERR_WRONG_THREAD (another thread's dispatcher).
#[unsafe(no_mangle)]
pub extern "C" fn ws_reconnector_close(r: *mut ws_reconnector) -> ws_result {
    boundary::call(|| {
        let entry = get(r)?;
        let host = &entry.host;
        entry.reconnector.close(|| host.token.close().map(|ends| host.end_token_if(ends)))
    })
}

/// Ends it for good: closes the connection as ws_terminate() does, or ends the wait at once. `on_end` and `on_free` follow
/// the socket's `on_terminate`, or, where it waited, come alone. What ws_reconnector_send() kept is dropped.
///
/// Any thread, also inside a callback; never blocks. A second time, and once it is over, it changes nothing.
///
/// @param r       A reconnector.
/// @param code    As for ws_terminate(): 1000 or 3000 to 4999; 0 means 1000.
/// @param reason  As for ws_terminate(): UTF-8, NUL-terminated, at most 123 bytes. NULL for none.
/// @return WS_OK, or, with nothing changed: WS_ERR_INVALID_CLOSE_CODE, WS_ERR_INVALID_CLOSE_REASON, WS_ERR_INVALID_UTF8,
///         WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
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

/// Gives a reconnector back: the caller will not use it any more. It is not ended by it: it goes on until it is over, and
/// until then the handle stays valid, for the callbacks; over: `on_end` has returned.
///
/// Any thread, also inside a callback; never blocks.
///
/// @param r  A reconnector.
/// @return WS_OK; WS_ERR_INVALID_HANDLE, also for a second release; WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_reconnector_release(r: *mut ws_reconnector) -> ws_result {
    boundary::call(|| {
        let entry = get(r)?;
        entry.host.token.release().map(|ends| entry.host.end_token_if(ends))
    })
}
