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

/// How many redirects (301, 302, 303, 307, 308) are followed on the way to one connection, all within the one connect
/// timeout. A server that redirects beyond that, in a circle, from wss to ws, or to a URL that ws_new() would refuse, is
/// WS_ERR_HTTP_STATUS, whose details list the whole chain. `http` and `https` in a Location mean ws and wss.
///
/// Another origin (scheme, host, port) gets neither the URL's user and password nor cookies, client certificate, or
/// headers named Authorization or Cookie, also not where it redirects back; other headers it does get. ws_get_url() stays
/// what was passed to ws_new(). A relative Location is resolved by RFC 3986 section 5.2.
///
/// Cookies that a redirect sets (Set-Cookie) are given back to the origin that set them, and to no other, within the same
/// attempt: where `Path` fits, with `Secure` only over wss, and until `Max-Age` or `Expires` removes them; a later one of
/// the same name replaces, also one of the host's. At most 64 KiB of them are kept. A URL that is named again is a circle
/// only where no cookie changed.
///
/// @param o  Options.
/// @param n  At most 100; 0: none is followed, a redirect is WS_ERR_HTTP_STATUS. Default: 0.
/// @return WS_OK; WS_ERR_INVALID_ARGUMENT (above 100), WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_options_set_max_redirects(o: *mut ws_options, n: u32) -> ws_result {
    set(o, "ws_options_set_max_redirects", &[&n], |options| options.set_max_redirects(n))
}

/// Adds an address to connect to for a host and port, instead of looking the name up (as curl's `--resolve`). The name
/// stays in the Host header and in the certificate's check. Several for the same host and port are tried as those of
/// a lookup are: both families take turns, 250 ms apart (RFC 8305), at most 32 of them.
///
/// @param o        Options.
/// @param host     The host as in the URL, NUL-terminated; copied. Upper and lower case do not matter. `*`: every host that
///                 has no entry of its own for the port.
/// @param port     The port of the URL, 80 or 443 where it has none; not 0.
/// @param address  An IPv4 or IPv6 address, NUL-terminated; brackets are allowed, and a zone behind an IPv6 address
///                 (`fe80::1%eth0`): the name or the number of an interface. Whether the machine has it shows when
///                 connecting (WS_ERR_UNREACHABLE).
/// @return WS_OK; or, with nothing added, WS_ERR_INVALID_ARGUMENT (NULL, no host, port 0, no IP address),
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

/// Adds a host and port to connect to instead of to those of the URL, as curl's `--connect-to`. URL, Host header and the
/// name in the certificate stay. It may be repeated, the first entry that fits counts, also for where redirects lead;
/// through a proxy it says which host the proxy is asked for. ws_options_set_resolve() is then asked for the new host and
/// port; ws_options_set_unix_socket() is stronger.
///
/// @param o        Options.
/// @param host     The host as in the URL, NUL-terminated; copied. Empty: any.
/// @param port     The port of the URL, 80 or 443 where it has none. 0: any.
/// @param to_host  A name or an address, NUL-terminated; copied. An IPv6 address may have brackets and a zone. Empty: the
///                 same as before.
/// @param to_port  0: the same as before.
/// @return WS_OK; or, with nothing added, WS_ERR_INVALID_ARGUMENT (NULL, or no host), WS_ERR_TOO_LARGE,
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

/// Prepares a socket before it connects: binds it to an interface, marks it, sets buffers or DSCP.
///
/// It may run on any thread, a thread of the library's or the one that is inside ws_new(), also on several at once. It
/// must not block, calls no `ws_` function, closes nothing, and returns normally. What the library has set (TCP_NODELAY,
/// keep-alive, non-blocking mode) is to stay.
///
/// @param fd         The socket, which is neither bound nor connected; the library's.
/// @param address    The peer, as ws_get_peer_address() has it; lives until the function returns.
/// @param user_data  As given to ws_options_set_socket_fn().
/// @return 0; or an errno, which ends the attempt at this address as if connecting had failed with it. Others are tried.
pub type ws_socket_fn =
    Option<unsafe extern "C" fn(fd: intptr_t, address: *const c_char, user_data: *mut c_void) -> i32>;

/// Sets a function that is called with each fresh stream socket to the server, or to the proxy, before it connects.
///
/// @param o          Options.
/// @param fn         NULL for none, which is the default.
/// @param user_data  Passed to `fn`; the caller's. It has to live until `on_free` of each socket that was made with these
///                   options.
/// @return WS_OK, WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
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

/// Which address of this machine connections come from. Only addresses of its family are connected to.
///
/// @param o        Options.
/// @param address  An IPv4 or IPv6 address, NUL-terminated; without port or name; a link-local one with its zone
///                 (`fe80::1%eth0`). Whether the machine has it shows when connecting (WS_ERR_UNREACHABLE).
/// @return WS_OK; or, with nothing changed, WS_ERR_INVALID_ARGUMENT (NULL, or no IP address), WS_ERR_TOO_LARGE,
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

/// Connects to a Unix socket instead of to the URL's host. The URL still gives the Host header, the path, and with wss
/// the name in the certificate; ws_get_peer_address() is `unix:` and the path.
///
/// @param o     Options.
/// @param path  The socket's file, at most as long as the system allows (107 bytes on Linux); UTF-8, NUL-terminated. It
///              need not exist before the connection is made.
/// @return WS_OK; or, with nothing changed, WS_ERR_INVALID_ARGUMENT (NULL, empty, too long), WS_ERR_UNSUPPORTED (not on
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

/// TCP keep-alive: after so long a silence, and then as often again, the system asks the server's machine for a sign of
/// life, and ends the connection where several in a row are not answered (9 on Linux). It finds dead machines; pings
/// find dead servers.
///
/// @param o   Options.
/// @param ms  Milliseconds, rounded up to whole seconds; above 32,767,000, which is all that systems take, it is that; 0: never.
///            Default: 0.
/// @return WS_OK, WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_options_set_tcp_keepalive_ms(o: *mut ws_options, ms: u32) -> ws_result {
    set(o, "ws_options_set_tcp_keepalive_ms", &[&ms], |options| {
        options.set_tcp_keepalive_ms(ms);
        Ok(())
    })
}

/// Trades processor time for latency: the I/O thread looks for messages of a socket that has no dispatcher for so long
/// before it sleeps, each time. A small message then arrives without the wake-up of a thread, which is most of what a
/// round trip takes; the price is a core that is busy for that long after each message, and with a large number all
/// the time. The I/O thread's other sockets have their turns meanwhile. For the sockets of a dispatcher see
/// ws_dispatcher_set_busy_poll_us().
///
/// @param o   Options.
/// @param us  Microseconds; 0: not at all. Default: 0. Some tens of them are enough for an answer on the same machine.
/// @return WS_OK, WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_options_set_busy_poll_us(o: *mut ws_options, us: u32) -> ws_result {
    set(o, "ws_options_set_busy_poll_us", &[&us], |options| {
        options.set_busy_poll_us(us);
        Ok(())
    })
}
