//! Options that concern the way to the server.

use std::ffi::{CString, c_char, c_void};
use std::sync::Arc;

use libc::intptr_t;
use ws4d_client::PrepareSocket;

use super::set;
use crate::boundary::UserData;
use crate::result::ws_result;
use crate::types::ws_options;
use crate::{arg, call_host};

/// Sets how many redirects (301, 302, 303, 307, 308) are followed on the way to one connection, all within the one
/// connect timeout.
///
/// One redirect too many, a circle, a redirect from wss to ws, and a redirect to a URL that ws_new() would refuse are
/// WS_ERR_HTTP_STATUS, with the whole chain in the details. `http` and `https` in a Location mean ws and wss. A
/// relative Location is resolved by RFC 3986 section 5.2. ws_get_url() continues to return what was passed to ws_new().
///
/// Another origin (scheme, host, port) gets none of these: the user name and password of the URL, cookies, the client
/// certificate, headers named Authorization or Cookie. This stays so even if it redirects back. It does get the other
/// headers.
///
/// Cookies that a redirect sets (Set-Cookie) are sent back to the origin that set them, and to no other, within the
/// same attempt: if `Path` matches, with `Secure` only over wss, and until `Max-Age` or `Expires` removes them. A later
/// cookie of the same name replaces an earlier one, also one that the program has set. At most 64 KiB of them are kept.
/// A URL that was asked before is a circle only if no cookie has changed since.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param o  Options.
/// @param n  At most 100; 0: none is followed, and a redirect is WS_ERR_HTTP_STATUS. Default: 0.
/// @return WS_OK, or, with nothing changed: WS_ERR_INVALID_ARGUMENT (above 100), WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_options_set_max_redirects(o: *mut ws_options, n: u32) -> ws_result {
    set(o, "ws_options_set_max_redirects", &[&n], |options| options.set_max_redirects(n))
}

/// Adds an address to connect to for a host and port, instead of looking the name up (like curl's `--resolve`).
///
/// The Host header and the verification of the certificate still use the name. Several addresses for the same host and
/// port are tried like those of a look-up: both address families take turns, 250 ms apart (RFC 8305), at most 32 of
/// them.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param o        Options.
/// @param host     The host as in the URL, NUL-terminated; copied. Upper and lower case do not matter. `*`: every host
///                 that has no entry of its own for the port.
/// @param port     The port of the URL, which is 80 or 443 if it has none; not 0.
/// @param address  An IPv4 or IPv6 address, NUL-terminated. Brackets are allowed. An IPv6 address may have a zone,
///                 which is the name or the number of an interface (`fe80::1%eth0`); if this machine does not have it,
///                 connecting fails with WS_ERR_UNREACHABLE, or, if it is the proxy's, with WS_ERR_PROXY.
/// @return WS_OK, or, with nothing added: WS_ERR_INVALID_ARGUMENT (NULL, no host, port 0, not an IP address),
///         WS_ERR_TOO_LARGE, WS_ERR_INVALID_UTF8, WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
///
/// # Safety
/// `host` and `address` are NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_options_set_resolve(
    o: *mut ws_options,
    host: *const c_char,
    port: u16,
    address: *const c_char,
) -> ws_result {
    // SAFETY: the caller upholds the contract above.
    let (host, address) = unsafe { (arg::short_utf8(host), arg::short_utf8(address)) };
    set(o, "ws_options_set_resolve", &[&host, &port, &address], |options| {
        options.set_resolve(host?, port, address?)
    })
}

/// Adds a host and port to connect to, instead of those of the URL (like curl's `--connect-to`).
///
/// The URL, the Host header and the name in the certificate stay as they are. This function may be called several
/// times; the first entry that matches counts, also for the targets of redirects. Through a proxy, it decides which
/// host the proxy is asked for. The entries of ws_options_set_resolve() are then searched for the new host and port.
/// ws_options_set_unix_socket() takes precedence over both.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param o        Options.
/// @param host     The host as in the URL, NUL-terminated; copied. Empty: any host.
/// @param port     The port of the URL, which is 80 or 443 if it has none. 0: any port.
/// @param to_host  A name or an address, NUL-terminated; copied. An IPv6 address may have brackets and a zone. Empty:
///                 the same host.
/// @param to_port  The port to connect to. 0: the same port.
/// @return WS_OK, or, with nothing added: WS_ERR_INVALID_ARGUMENT (NULL, or not a host), WS_ERR_TOO_LARGE,
///         WS_ERR_INVALID_UTF8, WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
///
/// # Safety
/// `host` and `to_host` are NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_options_set_connect_to(
    o: *mut ws_options,
    host: *const c_char,
    port: u16,
    to_host: *const c_char,
    to_port: u16,
) -> ws_result {
    // SAFETY: the caller upholds the contract above.
    let (host, to_host) = unsafe { (arg::short_utf8(host), arg::short_utf8(to_host)) };
    set(o, "ws_options_set_connect_to", &[&host, &port, &to_host, &to_port], |options| {
        options.set_connect_to(host?, port, to_host?, to_port)
    })
}

/// Prepares an operating system's socket before it connects: binds it to an interface, marks it, sets buffers or DSCP.
///
/// It may run on any thread, one of the library or the one that is inside ws_new(), and on several at once. It must not
/// block and must return normally. It must not call any `ws_` function, close the socket, or change what the library
/// has set (TCP_NODELAY, keep-alive, non-blocking mode).
///
/// @param fd         The socket, which is neither bound nor connected; on Windows a SOCKET. It belongs to the library.
/// @param address    The address that it will connect to, as ws_get_peer_address() returns it. It lives until the
///                   function returns.
/// @param user_data  As given to ws_options_set_socket_fn().
/// @return 0; or an errno, which ends the attempt at this address as if connecting had failed with it. Other addresses
///         are tried.
pub type ws_socket_fn =
    Option<unsafe extern "C" fn(fd: intptr_t, address: *const c_char, user_data: *mut c_void) -> i32>;

/// Sets a function that is called for each new stream socket, to the server or to the proxy, before it connects.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param o          Options.
/// @param fn         The function; NULL for none, which is the default.
/// @param user_data  Passed to `fn`; it belongs to the caller. It must live until `on_free` of each socket that was
///                   made with these options.
/// @return WS_OK, or: WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
///
/// # Safety
/// `fn` can be called on any thread with `user_data`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_options_set_socket_fn(
    o: *mut ws_options,
    r#fn: ws_socket_fn,
    user_data: *mut c_void,
) -> ws_result {
    let user_data = UserData::new(user_data);
    set(o, "ws_options_set_socket_fn", &[], |options| {
        let prepare = r#fn.map(|function| {
            let prepare: Arc<PrepareSocket> = Arc::new(move |descriptor, peer: &str| {
                let peer = CString::new(peer).unwrap_or_default();
                // SAFETY: the caller upholds the contract above; the text lives until the function returns.
                unsafe { call_host::socket(function, descriptor, peer.as_ptr(), user_data.get()) }
            });
            prepare
        });
        options.set_socket_fn(prepare);
        Ok(())
    })
}

/// Sets the address of this machine from which connections are made. Only server addresses of the same family are
/// tried.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param o        Options.
/// @param address  An IPv4 or IPv6 address, NUL-terminated, without a port or a name; a link-local one with its zone
///                 (`fe80::1%eth0`). If this machine does not have the address, connecting fails with
///                 WS_ERR_UNREACHABLE; through a proxy with WS_ERR_PROXY, and that entry behind it.
/// @return WS_OK, or, with nothing changed: WS_ERR_INVALID_ARGUMENT (NULL, or not an IP address), WS_ERR_TOO_LARGE,
///         WS_ERR_INVALID_UTF8, WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
///
/// # Safety
/// `address` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_options_set_local_address(
    o: *mut ws_options,
    address: *const c_char,
) -> ws_result {
    // SAFETY: the caller upholds the contract above.
    let address = unsafe { arg::short_utf8(address) };
    set(o, "ws_options_set_local_address", &[&address], |options| options.set_local_address(address?))
}

/// Sets a Unix socket to connect to, instead of the host of the URL.
///
/// The Host header, the path and, with wss, the name in the certificate still come from the URL. ws_get_peer_address()
/// returns `unix:` and the path.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param o     Options.
/// @param path  The socket's file, no longer than the system allows (107 bytes on Linux); UTF-8, NUL-terminated. It
///              need not exist before the connection is made.
/// @return WS_OK, or, with nothing changed: WS_ERR_INVALID_ARGUMENT (NULL, empty, too long), WS_ERR_UNSUPPORTED (not on
///         this system), WS_ERR_TOO_LARGE, WS_ERR_INVALID_UTF8, WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
///
/// # Safety
/// `path` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_options_set_unix_socket(o: *mut ws_options, path: *const c_char) -> ws_result {
    // SAFETY: the caller upholds the contract above.
    let path = unsafe { arg::short_utf8(path) };
    set(o, "ws_options_set_unix_socket", &[&path], |options| options.set_unix_socket(path?))
}

/// Sets the length of a silence after which the operating system asks the server's machine for a sign of life (TCP
/// keep-alive).
///
/// It asks again at the same interval, and ends the connection if several probes in a row are not answered (9 on
/// Linux). Keep-alive detects a machine that is dead; pings detect a server that is dead.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param o   Options.
/// @param ms  Milliseconds, rounded up to whole seconds; 0: never. Numbers above 32,767,000 count as 32,767,000,
///            because systems take no more. Default: 0.
/// @return WS_OK, or: WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_options_set_tcp_keepalive_ms(o: *mut ws_options, ms: u32) -> ws_result {
    set(o, "ws_options_set_tcp_keepalive_ms", &[&ms], |options| {
        options.set_tcp_keepalive_ms(ms);
        Ok(())
    })
}

/// Trades processor time for latency, for a socket that has no dispatcher: before the I/O thread sleeps, it looks for
/// the socket's messages over and over, for this long.
///
/// A small message then arrives without a thread having to be woken up, which is the largest part of a round trip. In
/// return, a processor core is busy for that time after each message, and all the time if the number is large. The I/O
/// thread's other sockets still get their turns. For sockets with a dispatcher use ws_dispatcher_set_busy_poll_us().
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param o   Options.
/// @param us  Microseconds; 0: sleep at once. Default: 0. A few tens are enough for an answer from the same machine.
/// @return WS_OK, or: WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_options_set_busy_poll_us(o: *mut ws_options, us: u32) -> ws_result {
    set(o, "ws_options_set_busy_poll_us", &[&us], |options| {
        options.set_busy_poll_us(us);
        Ok(())
    })
}
