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
    boundary::call(|| {
        let entry = OPTIONS.get().get(handles::token(o))?;
        let Err(refusal) = body(&mut lock(&entry.options)) else { return Ok(()) };
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

/// Makes options, all of them as they are by default.
///
/// Any thread, as all functions on options; each is safe from several threads at once.
///
/// A text that a setter takes has at most 64 KiB, as a URL has; a PEM text 1 MiB; all headers together 1 MiB, and so all
/// cookies and all subprotocols; a file that is named 16 MiB, one of revocation lists 64 MiB. What is above that is
/// WS_ERR_TOO_LARGE, and changes nothing. Where a copy of it cannot be had, a setter is WS_ERR_OUT_OF_MEMORY.
///
/// @return Options, to be ended with ws_options_free(); NULL if memory or handles are used up.
#[unsafe(no_mangle)]
pub extern "C" fn ws_options_new() -> *mut ws_options {
    boundary::read(ptr::null_mut(), || {
        let entry = Arc::new(OptionsEntry::new(Options::default()));
        OPTIONS.get().insert(entry).ok().map(handles::handle)
    })
}

/// Ends options. Sockets keep their own copy, so that it may be called right after ws_new().
///
/// @param o  Options.
/// @return WS_OK; WS_ERR_INVALID_HANDLE, also for NULL and for a second time; WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_options_free(o: *mut ws_options) -> ws_result {
    boundary::call(|| OPTIONS.get().remove(handles::token(o)).map(drop))
}

/// Why the last setter of these options that failed did: which setter, with what value, what is wrong with it and what would
/// be right, and for a file the operating system's error number. What may be secret is not shown: values of headers,
/// cookies, PEM, passwords. A setter that succeeds leaves it as it is. The log has the same in a line at
/// WS_LOG_LEVEL_WARN.
///
/// @param o  Options.
/// @return An error stack that belongs to the options: it lives until a later setter of them fails or they are freed, and
///         ws_errors_free() does nothing with it. NULL if none has failed, in options that another function copied, and
///         where `o` is no options: then the setter's result says all.
#[unsafe(no_mangle)]
pub extern "C" fn ws_options_errors(o: *const ws_options) -> *const ws_errors {
    boundary::read(ptr::null(), || {
        let entry = OPTIONS.get().get(handles::token(o)).ok()?;
        lock(&entry.errors).as_deref().map(ptr::from_ref)
    })
}

/// In which form text messages arrive. Default: WS_DATA_TYPE_TEXT. Binary messages are blobs in each case.
///
/// @param o          Options.
/// @param data_type  A ws_data_type.
/// @return WS_OK; WS_ERR_INVALID_ARGUMENT (no data type), WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_options_set_data_type(o: *mut ws_options, data_type: i32) -> ws_result {
    set(o, "ws_options_set_data_type", &[&data_type], |options| {
        let known = arg::data_type(data_type);
        options.set_data_type(known.map_err(|code| Refusal::new(code, "it is no ws_data_type"))?);
        Ok(())
    })
}

/// What happens, where the data type is object, to a text message that is not JSON. Default: 0.
///
/// @param o   Options.
/// @param on  0: it arrives as text. 1: it is `on_error`, and close code 1007 is sent to the server.
/// @return WS_OK; WS_ERR_INVALID_ARGUMENT (neither 0 nor 1), WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_options_set_strict_json(o: *mut ws_options, on: i32) -> ws_result {
    set(o, "ws_options_set_strict_json", &[&on], |options| {
        options.set_strict_json(flag(on)?);
        Ok(())
    })
}

/// Adds a header to the opening handshake. The same name may come again; the order is kept. Cookies join those of
/// ws_options_set_cookie() in one header, in the order of the calls. `User-Agent` is `libws4d/` and the version unless
/// it is set here; with an empty value none is sent.
///
/// @param o      Options.
/// @param name   NUL-terminated; copied. Not one that the handshake sets itself (Host, Upgrade, Connection,
///               Sec-WebSocket-...), nor Proxy-Authorization, which ws_options_set_proxy_header() takes.
/// @param value  UTF-8, NUL-terminated; copied. Without CR and LF.
/// @return WS_OK; or, with nothing added, WS_ERR_INVALID_HEADER, WS_ERR_INVALID_ARGUMENT (NULL), WS_ERR_TOO_LARGE,
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

/// Adds cookies; the opening handshake sends all of them in one header, in the order of the calls, with those that
/// ws_options_set_header() set as `Cookie`.
///
/// @param o        Options.
/// @param cookies  As in the header: `a=1; b=2`. NUL-terminated; copied.
/// @return WS_OK; or, with nothing added, WS_ERR_INVALID_HEADER, WS_ERR_INVALID_ARGUMENT (NULL), WS_ERR_TOO_LARGE,
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

/// Adds a subprotocol to those offered to the server (RFC 6455 section 1.9), the most wanted first. A server that
/// chooses none is accepted; ws_get_subprotocol() tells.
///
/// @param o         Options.
/// @param protocol  One name, NUL-terminated; copied.
/// @return WS_OK; or, with nothing added, WS_ERR_INVALID_ARGUMENT (NULL, not a token, or there already),
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

/// How long the whole way to an open connection may take: name, TCP, TLS and opening handshake together.
///
/// Where the host has several addresses, one that takes the connection and then breaks off, is silent for its share of the
/// time (2 to 10 seconds; the last one has all that is left), fails in TLS by no opinion of its own, or answers 502, 503 or
/// 504 without Retry-After gives way to the next, at most three of them. The error's details have a line for each.
///
/// @param o   Options.
/// @param ms  Milliseconds; 0: no limit. Default: 30000.
/// @return WS_OK, WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_options_set_connect_timeout_ms(o: *mut ws_options, ms: u32) -> ws_result {
    set(o, "ws_options_set_connect_timeout_ms", &[&ms], |options| {
        options.set_connect_timeout_ms(ms);
        Ok(())
    })
}

/// How long to wait, after ws_terminate(), for the server's answer before the connection is dropped. It starts again
/// whenever the network takes queued bytes.
///
/// @param o   Options.
/// @param ms  Milliseconds; 0: do not wait at all. Default: 5000.
/// @return WS_OK, WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_options_set_close_timeout_ms(o: *mut ws_options, ms: u32) -> ws_result {
    set(o, "ws_options_set_close_timeout_ms", &[&ms], |options| {
        options.set_close_timeout_ms(ms);
        Ok(())
    })
}

/// After how long a silence the server is given up: `on_error` with WS_ERR_TIMEOUT, then `on_terminate` (1006).
///
/// Silence is when no byte comes from the network: any byte ends it, a pong or half a message too. What is sent does
/// not count. The time stands still while the library does not read because the receive buffer is full (a host that
/// does not dispatch, or that paused), and starts again afterwards. After the machine has slept the server is first
/// sent a ping, and has `ping_timeout_ms` to answer.
///
/// @param o   Options.
/// @param ms  Milliseconds; 0: never. Default: 0.
/// @return WS_OK, WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_options_set_idle_timeout_ms(o: *mut ws_options, ms: u32) -> ws_result {
    set(o, "ws_options_set_idle_timeout_ms", &[&ms], |options| {
        options.set_idle_timeout_ms(ms);
        Ok(())
    })
}

/// After how long a silence the server is sent a ping (RFC 6455 section 5.5.2), so that a connection that is dead is
/// found out, and routers on the way see one that is used.
///
/// Silence is as for ws_options_set_idle_timeout_ms(): while bytes come, no ping goes out (but see
/// ws_options_set_ping_always()). One ping is out at a time,
/// between the frames of a large message if need be, and its pong is no event.
///
/// The sockets of a reconnector ping every 20000 ms where this was never called, so that a connection that is dead is found
/// out and made anew; a 0 that was said stays 0. On a driving dispatcher a socket with pings ends the effect of
/// ws_dispatcher_set_busy_poll_us().
///
/// @param o   Options.
/// @param ms  Milliseconds; 0: never. Default: 0.
/// @return WS_OK, WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_options_set_ping_interval_ms(o: *mut ws_options, ms: u32) -> ws_result {
    set(o, "ws_options_set_ping_interval_ms", &[&ms], |options| {
        options.set_ping_interval_ms(ms);
        Ok(())
    })
}

/// How long the server may take to answer a ping of `ping_interval_ms`, by whatever bytes, before it is given up:
/// `on_error` with WS_ERR_TIMEOUT, then `on_terminate` (1006).
///
/// The time starts again while the network goes on taking what was sent before the ping: a large message on a slow
/// road is no dead server. It stands still as for ws_options_set_idle_timeout_ms(). A ping of the host's, by
/// ws_ping(), has no limit.
///
/// @param o   Options.
/// @param ms  Milliseconds; 0: no limit, pings only keep the connection in use. Default: 20000.
/// @return WS_OK, WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_options_set_ping_timeout_ms(o: *mut ws_options, ms: u32) -> ws_result {
    set(o, "ws_options_set_ping_timeout_ms", &[&ms], |options| {
        options.set_ping_timeout_ms(ms);
        Ok(())
    })
}

/// How much may wait for the network before sending is WS_ERR_WOULD_BLOCK. Each queued message counts its bytes plus
/// 64; a message is accepted while what is buffered before it is below the limit.
///
/// @param o      Options.
/// @param bytes  Bytes; 0: no limit. Default: 16 MiB.
/// @return WS_OK, WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_options_set_send_buffer_size(o: *mut ws_options, bytes: size_t) -> ws_result {
    set(o, "ws_options_set_send_buffer_size", &[&bytes], |options| {
        options.set_send_buffer_size(bytes);
        Ok(())
    })
}

/// How much may wait to be delivered before the library stops reading from the network, so that the server slows
/// down. Each message counts its bytes plus 64; nothing is dropped.
///
/// @param o      Options.
/// @param bytes  Bytes; 0: no limit. Default: 8 MiB.
/// @return WS_OK, WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_options_set_receive_buffer_size(o: *mut ws_options, bytes: size_t) -> ws_result {
    set(o, "ws_options_set_receive_buffer_size", &[&bytes], |options| {
        options.set_receive_buffer_size(bytes);
        Ok(())
    })
}

/// The proxy through which the server is reached, also for ws: it is asked for a tunnel (HTTP CONNECT, or SOCKS5).
/// By default HTTPS_PROXY (for wss) or HTTP_PROXY (for ws), else ALL_PROXY, says which one, or the same in small
/// letters, else the system's settings where it has some; NO_PROXY has those that are reached without: names with all
/// that ends in them, addresses, networks (`10.0.0.0/8`), each perhaps with a port (`host:8443`) for that port alone, or `*`. The machine itself (localhost, 127.0.0.0/8, ::1) is
/// never reached through a proxy that was not set here, and ws_options_set_unix_socket() goes through none.
///
/// `http` and `https` (TLS with the proxy; the server's options say who is trusted, and ws_options_set_proxy_verify()
/// alone switches that off) are told the server's name and look it up
/// themselves, as `socks5h` is; for `socks5` it is looked up here. User and password, percent-encoded, go to the proxy
/// as Basic authorization, or as SOCKS5 has it, and nowhere else; neither errors nor the log show them. A proxy that answers
/// 407 and offers Digest (RFC 7616) is asked once more with that; whoever listens on the way to an `http` proxy has heard
/// the password by then, for Basic has gone before. The proxy's refusal is WS_ERR_PROXY, with its HTTP status, headers and
/// body.
///
/// The environment is read inside ws_new() and ws_new_async(), on their thread, never by a thread of the library: a
/// program that changes it (setenv) must not do so while another of its threads is inside one of these.
///
/// @param o    Options.
/// @param url  `http://`, `https://`, `socks5://`, `socks5h://` or `socks://` (the same as `socks5h`), then
///             `[user:password@]host[:port]`; ports by default: 80, 443, and 1080 for SOCKS. A link-local address has its
///             zone, as in `http://[fe80::1%25eth0]:3128`. Empty: no proxy at all. UTF-8, NUL-terminated; copied.
/// @return WS_OK; or, with nothing changed, WS_ERR_INVALID_URL (another scheme, no host, a path, a control character
///         also if it is percent-encoded, a user or password that cannot be sent), WS_ERR_INVALID_ARGUMENT (NULL),
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

/// Adds a header to the request to an HTTP proxy (CONNECT), for `http` and `https` proxies alone: a SOCKS proxy is not told
/// it, nor is the server. The same name may come again; the order is kept. `Proxy-Authorization` replaces the user and
/// password of the proxy's URL.
///
/// @param o      Options.
/// @param name   NUL-terminated; copied. Not Host, Content-Length, Transfer-Encoding, Connection or Proxy-Connection.
/// @param value  UTF-8, NUL-terminated; copied. Without CR and LF.
/// @return WS_OK; or, with nothing added, WS_ERR_INVALID_HEADER, WS_ERR_INVALID_ARGUMENT (NULL), WS_ERR_TOO_LARGE,
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
