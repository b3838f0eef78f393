//! Options that concern the way to the server.

use std::ffi::c_char;

use super::set;
use crate::arg;
use crate::result::ws_result;
use crate::types::ws_options;

/// How many redirects (301, 302, 303, 307, 308) are followed on the way to one connection, all within the one connect
/// timeout. A server that redirects beyond that, in a circle, from wss to ws, or to a URL that ws_new() would refuse, is
/// WS_ERR_HTTP_STATUS, whose details list the whole chain. `http` and `https` in a Location mean ws and wss.
///
/// Another origin (scheme, host, port) gets neither the URL's user and password nor cookies, client certificate, or
/// headers named Authorization, Cookie or Proxy-Authorization, also not where it redirects back; other headers it does
/// get. ws_get_url() stays what was passed to ws_new(). A relative Location is resolved by RFC 3986 section 5.2.
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
/// @param host     The host as in the URL, NUL-terminated; copied. Upper and lower case do not matter.
/// @param port     The port of the URL, 80 or 443 where it has none; not 0.
/// @param address  An IPv4 or IPv6 address, NUL-terminated; brackets are allowed.
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

/// Which address of this machine connections come from. Only addresses of its family are connected to.
///
/// @param o        Options.
/// @param address  An IPv4 or IPv6 address, NUL-terminated; without port, name or zone. Whether the machine has it shows
///                 when connecting (WS_ERR_UNREACHABLE).
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
/// @param ms  Milliseconds, rounded up to whole seconds; 0: never. Default: 0.
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
