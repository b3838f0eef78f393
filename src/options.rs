//! Entry points of options. Each setter checks at once; what is valid, the client knows.

pub mod compression;
pub mod frames;
pub mod network;
mod refused;
pub mod tls;

use std::ffi::c_char;
use std::ptr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use libc::size_t;
use ws4d_client::library::{self, PerProcess};
use ws4d_client::{Options, Refusal};

use crate::errors::ws_errors;
use crate::handles::{self, Handles, Kind};
use crate::result::ws_result;
use crate::types::ws_options;
use crate::{arg, boundary};
use refused::{Hidden, Shown, Url};

/// All options of this process.
pub(crate) static OPTIONS: PerProcess<Handles<OptionsEntry>> =
    PerProcess::new(|| Handles::new(Kind::Options));

/// The value behind a token of options.
pub(crate) struct OptionsEntry {
    options: Mutex<Options>,
    /// Why the last setter that failed did; the host may hold a pointer to it until another one fails.
    errors: Mutex<Option<Box<ws_errors>>>,
}

impl OptionsEntry {
    pub(crate) fn new(options: Options) -> OptionsEntry {
        OptionsEntry { options: Mutex::new(options), errors: Mutex::new(None) }
    }

    pub(crate) fn copy(&self) -> Options {
        lock(&self.options).clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs the body of a setter; if that refuses, the options' error stack and the log say so. `arguments` are those of
/// the setter, as they may be shown.
fn set(
    o: *mut ws_options,
    setter: &'static str,
    arguments: &[&dyn Shown],
    body: impl FnOnce(&mut Options) -> Result<(), Refusal>,
) -> ws_result {
    set_read(o, setter, arguments, || Ok(()), |options, ()| body(options))
}

/// The same for a setter that opens files, which `read` does without the options' lock: a file may be a pipe.
fn set_read<R>(
    o: *mut ws_options,
    setter: &'static str,
    arguments: &[&dyn Shown],
    read: impl FnOnce() -> Result<R, Refusal>,
    body: impl FnOnce(&mut Options, R) -> Result<(), Refusal>,
) -> ws_result {
    boundary::call(|| {
        let entry = OPTIONS.get().get(handles::token(o))?;
        let done = read().and_then(|what| body(&mut lock(&entry.options), what));
        let Err(refusal) = done else { return Ok(()) };
        let error = refused::error(setter, arguments, &refusal);
        let errors = Some(Box::new(ws_errors::new(&error)));
        // The old stack is dropped after the lock is released, and the log is called with none held.
        let _old = std::mem::replace(&mut *lock(&entry.errors), errors);
        library::report_refused_option(&error);
        Err(refusal.code())
    })
}

/// A truth value of a setter.
fn flag(on: i32) -> Result<bool, Refusal> {
    arg::flag(on).map_err(|code| Refusal::new(code, "it is neither 0 nor 1"))
}

/// Makes options that all have their default values.
///
/// Several threads may use the same options at once. A setter copies what it is given, and these are the limits: 64 KiB
/// for a text, as for a URL; 1 MiB for a PEM text; 1 MiB for all headers together, and the same for all cookies and for
/// all subprotocols; 16 MiB for a file, but 64 MiB for a file of revocation lists. A setter that is given more returns
/// WS_ERR_TOO_LARGE and changes nothing. A setter that cannot make its copy returns WS_ERR_OUT_OF_MEMORY. While one
/// thread's setter decodes certificates or an encrypted key, other calls with the same options wait for it; none waits
/// while a file is read.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @return Options, which the caller ends with ws_options_free(); NULL if no memory or no handles are left.
#[unsafe(no_mangle)]
pub extern "C" fn ws_options_new() -> *mut ws_options {
    boundary::read(ptr::null_mut(), || {
        let entry = Arc::new(OptionsEntry::new(Options::default()));
        OPTIONS.get().insert(entry).ok().map(handles::handle)
    })
}

/// Frees options. Sockets keep a copy of their own, so it may be called right after ws_new().
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param o  Options.
/// @return WS_OK, or: WS_ERR_INVALID_HANDLE (also for NULL, and for a second call), WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_options_free(o: *mut ws_options) -> ws_result {
    boundary::call(|| OPTIONS.get().remove(handles::token(o)).map(drop))
}

/// Returns why a setter of these options failed. If several have failed, it is the last one.
///
/// The error stack says which setter it was, which value it was given, what is wrong with it and what would be right;
/// for a file it has the operating system's error number. Values that may be secret are not shown: those of headers,
/// cookies, PEM texts and passwords. A setter that succeeds does not change the stack. The log has the same information
/// in one line at WS_LOG_LEVEL_WARN.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param o  Options.
/// @return An error stack that belongs to the options. It lives until a later setter of these options fails or the
///         options are freed, and ws_errors_free() does nothing with it. NULL if no setter has failed, if the options
///         are a copy that another function made, and if `o` is not valid: in that case the setter's result is all
///         there is to know.
#[unsafe(no_mangle)]
pub extern "C" fn ws_options_errors(o: *const ws_options) -> *const ws_errors {
    boundary::read(ptr::null(), || {
        let entry = OPTIONS.get().get(handles::token(o)).ok()?;
        lock(&entry.errors).as_deref().map(ptr::from_ref)
    })
}

/// Sets the form in which text messages arrive. Binary messages always arrive as blobs.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param o          Options.
/// @param data_type  A ws_data_type. Default: WS_DATA_TYPE_TEXT.
/// @return WS_OK, or, with nothing changed: WS_ERR_INVALID_ARGUMENT (not a data type), WS_ERR_INVALID_HANDLE,
///         WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_options_set_data_type(o: *mut ws_options, data_type: i32) -> ws_result {
    set(o, "ws_options_set_data_type", &[&data_type], |options| {
        let known = arg::data_type(data_type);
        options.set_data_type(known.map_err(|code| Refusal::new(code, "it is no ws_data_type"))?);
        Ok(())
    })
}

/// Sets what happens to a text message that is not JSON if the data type is object.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param o   Options.
/// @param on  0: it arrives as text. 1: the connection ends with `on_error`, and the server is told close code 1007.
///            Default: 0.
/// @return WS_OK, or, with nothing changed: WS_ERR_INVALID_ARGUMENT (neither 0 nor 1), WS_ERR_INVALID_HANDLE,
///         WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_options_set_strict_json(o: *mut ws_options, on: i32) -> ws_result {
    set(o, "ws_options_set_strict_json", &[&on], |options| {
        options.set_strict_json(flag(on)?);
        Ok(())
    })
}

/// Adds a header to the opening handshake. The same name may be added again; the order is kept.
///
/// Cookies are sent in one header together with those of ws_options_set_cookie(), in the order of the calls.
/// `User-Agent` is `libws4d/` and the version unless it is set here; with an empty value none is sent.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param o      Options.
/// @param name   NUL-terminated; copied. It must not be a header that the handshake sets itself or cannot have (Host,
///               Upgrade, Connection, Sec-WebSocket-Key, -Version, -Protocol, -Extensions and -Accept, Content-Length,
///               Transfer-Encoding, Trailer, TE, Expect), nor Proxy-Authorization, which belongs to
///               ws_options_set_proxy_header().
/// @param value  UTF-8, NUL-terminated, without CR and LF; copied.
/// @return WS_OK, or, with nothing added: WS_ERR_INVALID_HEADER, WS_ERR_INVALID_ARGUMENT (NULL), WS_ERR_TOO_LARGE,
///         WS_ERR_INVALID_UTF8, WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
///
/// # Safety
/// `name` and `value` are NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_options_set_header(
    o: *mut ws_options,
    name: *const c_char,
    value: *const c_char,
) -> ws_result {
    // SAFETY: the caller upholds the contract above.
    let (name, value) = unsafe { (arg::short_utf8(name), arg::short_utf8(value)) };
    set(o, "ws_options_set_header", &[&name, &Hidden(&value)], |options| options.set_header(name?, value?))
}

/// Adds cookies to the opening handshake.
///
/// All cookies are sent in one header, in the order of the calls, together with those that ws_options_set_header() has
/// set as `Cookie`.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param o        Options.
/// @param cookies  The cookies as in the header: `a=1; b=2`. NUL-terminated; copied.
/// @return WS_OK, or, with nothing added: WS_ERR_INVALID_HEADER, WS_ERR_INVALID_ARGUMENT (NULL), WS_ERR_TOO_LARGE,
///         WS_ERR_INVALID_UTF8, WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
///
/// # Safety
/// `cookies` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_options_set_cookie(o: *mut ws_options, cookies: *const c_char) -> ws_result {
    // SAFETY: the caller upholds the contract above.
    let cookies = unsafe { arg::short_utf8(cookies) };
    set(o, "ws_options_set_cookie", &[&Hidden(&cookies)], |options| options.set_cookie(cookies?))
}

/// Adds a subprotocol to those that are offered to the server (RFC 6455 section 1.9). Add the preferred one first.
///
/// A server that chooses none is accepted; ws_get_subprotocol() returns its choice.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param o         Options.
/// @param protocol  One name, NUL-terminated; copied.
/// @return WS_OK, or, with nothing added: WS_ERR_INVALID_ARGUMENT (NULL, not a token, or added already),
///         WS_ERR_TOO_LARGE, WS_ERR_INVALID_UTF8, WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
///
/// # Safety
/// `protocol` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_options_set_subprotocol(
    o: *mut ws_options,
    protocol: *const c_char,
) -> ws_result {
    // SAFETY: the caller upholds the contract above.
    let protocol = unsafe { arg::short_utf8(protocol) };
    set(o, "ws_options_set_subprotocol", &[&protocol], |options| options.set_subprotocol(protocol?))
}

/// Sets how long it may take to open a connection: look-up, TCP, TLS and opening handshake together.
///
/// If the host has several addresses, the next one is tried not only after a connection that was refused. It is also
/// tried if the server accepts the connection, but then breaks it off, is silent for its share of the time (2 to 10
/// seconds; the last address gets all the time that is left), fails in TLS without an alert that states a reason, or
/// answers 502, 503 or 504 without Retry-After. At most three addresses that accept the connection are tried. The
/// details of the error have a line for each address.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param o   Options.
/// @param ms  Milliseconds; 0: no limit. Default: 30000.
/// @return WS_OK, or: WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_options_set_connect_timeout_ms(o: *mut ws_options, ms: u32) -> ws_result {
    set(o, "ws_options_set_connect_timeout_ms", &[&ms], |options| {
        options.set_connect_timeout_ms(ms);
        Ok(())
    })
}

/// Sets how long to wait for the server's answer after ws_terminate() before the connection is dropped. The time starts
/// again whenever the network takes bytes that were queued.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param o   Options.
/// @param ms  Milliseconds; 0: do not wait at all. Default: 5000.
/// @return WS_OK, or: WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_options_set_close_timeout_ms(o: *mut ws_options, ms: u32) -> ws_result {
    set(o, "ws_options_set_close_timeout_ms", &[&ms], |options| {
        options.set_close_timeout_ms(ms);
        Ok(())
    })
}

/// Sets the length of a silence after which the server is given up: `on_error` with WS_ERR_TIMEOUT, then `on_terminate`
/// with code 1006.
///
/// Silence means that no byte comes from the network. Any byte ends it, even a pong or half a message; what is sent
/// does not count. While the library does not read because the receive buffer is full (the program does not dispatch,
/// or has paused the socket), the time stands still; it starts again afterwards. After the machine has been asleep, the
/// server is first sent a ping, and has `ping_timeout_ms` to answer.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param o   Options.
/// @param ms  Milliseconds; 0: never. Default: 0.
/// @return WS_OK, or: WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_options_set_idle_timeout_ms(o: *mut ws_options, ms: u32) -> ws_result {
    set(o, "ws_options_set_idle_timeout_ms", &[&ms], |options| {
        options.set_idle_timeout_ms(ms);
        Ok(())
    })
}

/// Sets the length of a silence after which a ping is sent (RFC 6455 section 5.5.2). This detects a connection that is
/// dead, and shows routers on the way that the connection is in use.
///
/// Silence has the same meaning as for ws_options_set_idle_timeout_ms(): while bytes come, no ping is sent (but see
/// ws_options_set_ping_always()). Only one ping is under way at a time; it can be sent between the frames of a large
/// message. Its pong is not an event.
///
/// If this function was never called, the sockets of a reconnector ping every 20000 ms, so that a dead connection is
/// detected and made anew; a 0 that was set stays 0. On a driving dispatcher, ws_dispatcher_set_busy_poll_us() has no
/// effect while there is a socket with pings.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param o   Options.
/// @param ms  Milliseconds; 0: never. Default: 0.
/// @return WS_OK, or: WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_options_set_ping_interval_ms(o: *mut ws_options, ms: u32) -> ws_result {
    set(o, "ws_options_set_ping_interval_ms", &[&ms], |options| {
        options.set_ping_interval_ms(ms);
        Ok(())
    })
}

/// Sets how long the server may take to answer a ping of `ping_interval_ms` before it is given up: `on_error` with
/// WS_ERR_TIMEOUT, then `on_terminate` with code 1006. Any bytes from the server count as an answer.
///
/// The time starts again while the network continues to take what was sent before the ping, because a large message on
/// a slow network is not a dead server. It stands still as for ws_options_set_idle_timeout_ms(). A ping that the
/// program sends with ws_ping() has no limit.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param o   Options.
/// @param ms  Milliseconds; 0: no limit, so that pings only keep the connection in use. Default: 20000.
/// @return WS_OK, or: WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_options_set_ping_timeout_ms(o: *mut ws_options, ms: u32) -> ws_result {
    set(o, "ws_options_set_ping_timeout_ms", &[&ms], |options| {
        options.set_ping_timeout_ms(ms);
        Ok(())
    })
}

/// Sets how much may wait for the network before sending returns WS_ERR_WOULD_BLOCK.
///
/// Each message in the buffer counts its bytes plus 64. A message is accepted while what is in the buffer before it is
/// below the limit.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param o      Options.
/// @param bytes  Bytes; 0: no limit. Default: 16 MiB.
/// @return WS_OK, or: WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_options_set_send_buffer_size(o: *mut ws_options, bytes: size_t) -> ws_result {
    set(o, "ws_options_set_send_buffer_size", &[&bytes], |options| {
        options.set_send_buffer_size(bytes);
        Ok(())
    })
}

/// Sets how much may wait to be delivered before the library stops reading from the network, so that the server has to
/// slow down. Each message counts its bytes plus 64. Nothing is dropped.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param o      Options.
/// @param bytes  Bytes; 0: no limit. Default: 8 MiB.
/// @return WS_OK, or: WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_options_set_receive_buffer_size(o: *mut ws_options, bytes: size_t) -> ws_result {
    set(o, "ws_options_set_receive_buffer_size", &[&bytes], |options| {
        options.set_receive_buffer_size(bytes);
        Ok(())
    })
}

/// Sets the proxy through which the server is reached. The proxy is asked for a tunnel (HTTP CONNECT, or SOCKS5), also
/// for ws://.
///
/// By default the environment decides: HTTPS_PROXY for wss or HTTP_PROXY for ws, otherwise ALL_PROXY, each also in
/// lower case; otherwise the system's settings, if it has any. NO_PROXY lists what is reached without a proxy: names,
/// with all names below them; addresses; networks (`10.0.0.0/8`); each with a port (`host:8443`) if it is meant for
/// that port alone; or `*`. This machine itself (localhost, 127.0.0.0/8, ::1) is reached through a proxy only if that
/// was set here, and ws_options_set_unix_socket() never uses one.
///
/// `http`, `https` and `socks5h` proxies look up the server's name themselves; for `socks5` it is looked up here. With
/// `https`, the connection to the proxy is TLS: the options decide which certificates are trusted, and only
/// ws_options_set_proxy_verify() switches verification off. User name and password, percent-encoded, are sent to the
/// proxy as Basic authorization or in the way of SOCKS5, and nowhere else; neither errors nor the log show them. If the
/// proxy answers 407 and offers Digest (RFC 7616), it is asked once more with that. Basic authorization has been sent
/// by then, so whoever listens to an `http` proxy's connection knows the password. A proxy that refuses is
/// WS_ERR_PROXY, with its HTTP status, headers and body.
///
/// The environment, and the system's settings with it, are read inside ws_new(), ws_new_async() and
/// ws_reconnector_new(), on their thread, never by a thread of the library. A program must not change the environment
/// (setenv) while another of its threads is inside one of these functions.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param o    Options.
/// @param url  `http://`, `https://`, `socks5://`, `socks5h://` or `socks://` (the same as `socks5h`), followed by
///             `[user:password@]host[:port]`. The default ports are 80, 443, and 1080 for SOCKS. A link-local address
///             needs its zone, as in `http://[fe80::1%25eth0]:3128`. An empty text means no proxy at all. UTF-8,
///             NUL-terminated; copied.
/// @return WS_OK, or, with nothing changed: WS_ERR_INVALID_URL (another scheme, no host, a path, a control character
///         even if it is percent-encoded, a user name or password that cannot be sent), WS_ERR_INVALID_ARGUMENT (NULL),
///         WS_ERR_TOO_LARGE, WS_ERR_INVALID_UTF8, WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
///
/// # Safety
/// `url` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_options_set_proxy(o: *mut ws_options, url: *const c_char) -> ws_result {
    // SAFETY: the caller upholds the contract above.
    let url = unsafe { arg::short_utf8(url) };
    set(o, "ws_options_set_proxy", &[&Url(&url)], |options| options.set_proxy(url?))
}

/// Adds a header to the request to an HTTP proxy (CONNECT). It is for `http` and `https` proxies only; a SOCKS proxy
/// does not get it, nor does the server.
///
/// The same name may be added again; the order is kept. `Proxy-Authorization` replaces the user name and password of
/// the proxy's URL.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param o      Options.
/// @param name   NUL-terminated; copied. Not Host, Content-Length, Transfer-Encoding, Connection or Proxy-Connection.
/// @param value  UTF-8, NUL-terminated, without CR and LF; copied.
/// @return WS_OK, or, with nothing added: WS_ERR_INVALID_HEADER, WS_ERR_INVALID_ARGUMENT (NULL), WS_ERR_TOO_LARGE,
///         WS_ERR_INVALID_UTF8, WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
///
/// # Safety
/// `name` and `value` are NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_options_set_proxy_header(
    o: *mut ws_options,
    name: *const c_char,
    value: *const c_char,
) -> ws_result {
    // SAFETY: the caller upholds the contract above.
    let (name, value) = unsafe { (arg::short_utf8(name), arg::short_utf8(value)) };
    set(o, "ws_options_set_proxy_header", &[&name, &Hidden(&value)], |options| {
        options.set_proxy_header(name?, value?)
    })
}
