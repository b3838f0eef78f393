//! `ws_result`: the numbers of every outcome, and the words for them.
//!
//! The client has its own `ErrorCode`; this module is the one place where the two meet.

use std::ffi::CStr;

use ws4d_client::ErrorCode;

/// The outcome of a call: 0 for success, a negative number for an error.
///
/// The numbers are part of the ABI and never change. They come in blocks of twenty, one block for each kind of remedy,
/// so that a program knows what to do even about a code that is newer than the program. ws_result_name() and
/// ws_result_message() put a code into words.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ws_result {
    /// Success.
    WS_OK = 0,

    // -1 to -19: the call is wrong. Correct the program.
    /// An argument is NULL where it must not be, is out of range, or is a struct that is too small.
    ///
    /// Usual causes: a NULL pointer, a number out of its range, an empty text, a struct whose `size` was not set (use
    /// its `_INIT` macro). Cure: read the function's comment in ws4d.h, which says what it accepts.
    WS_ERR_INVALID_ARGUMENT = -1,
    /// The handle is NULL, was released, closed or freed, belongs to another type, or never came from this library.
    ///
    /// Usual causes: a second release or close, a handle that is used after its end, a handle of another type, a
    /// `ws_new` that had returned NULL. Cure: keep one owner for each handle, and set it to NULL when it is released.
    WS_ERR_INVALID_HANDLE = -2,
    /// The call belongs to another thread, or cannot be made inside this callback.
    ///
    /// Usual causes: dispatching, pulling, closing or a blocking ws_new() on another thread's dispatcher; ws_new() or a
    /// wait inside a callback on an I/O thread; ws_shutdown() inside a callback. Cure: make the call on the
    /// dispatcher's thread, take the dispatcher over with ws_dispatcher_attach(), or use ws_new_async().
    WS_ERR_WRONG_THREAD = -3,
    /// The text is not a `ws://` or `wss://` URL.
    ///
    /// Usual causes: another scheme, no `://`, no host, a fragment, spaces, backslashes, control characters, a port
    /// above 65535. Cure: use `ws://host[:port]/path?query`, and percent-encode what a person typed.
    WS_ERR_INVALID_URL = -4,
    /// The name or value of a header cannot be sent, or the opening handshake sets this header itself.
    ///
    /// Usual causes: CR, LF or NUL in a value, a space in a name, or a name such as `Host`, `Upgrade`, `Connection`,
    /// `Sec-WebSocket-...`. Cure: leave the handshake's own headers to the library, and use the options for
    /// subprotocols and cookies.
    WS_ERR_INVALID_HEADER = -5,
    /// The text is not valid UTF-8, or is UTF-16 with a lone surrogate.
    ///
    /// Usual causes: bytes in another encoding, a text that was cut in the middle of a character, binary data sent as
    /// text. Cure: convert the text first, or send it as a blob.
    WS_ERR_INVALID_UTF8 = -6,
    /// The text is not a JSON value.
    ///
    /// Usual causes: a trailing comma, single quotes, NaN, nesting deeper than 128; when receiving with `strict_json`,
    /// a server that sends plain text. Cure: check the text with a JSON validator; without `strict_json` such a message
    /// arrives as text.
    WS_ERR_INVALID_JSON = -7,
    /// A client may not send this close code. It may send 0, 1000 and 3000 to 4999.
    ///
    /// Usual causes: a code from 1001 to 2999, which belong to the protocol. Cure: use 0, 1000, or a code from 3000 to
    /// 4999.
    WS_ERR_INVALID_CLOSE_CODE = -8,
    /// The close reason is longer than 123 bytes of UTF-8.
    ///
    /// Usual causes: a whole error message as the reason. Cure: shorten it to 123 bytes, between two characters.
    WS_ERR_INVALID_CLOSE_REASON = -9,
    /// This version or build of the library does not know what was asked for, or this system cannot do it.
    ///
    /// Usual causes: a struct from a newer header whose new fields are set, an unknown flag, I/O threads that are
    /// running already, TLS information about a `ws://` socket, compression in a library that was built without it. Cure: compare
    /// ws_version_number() with WS4D_VERSION_NUMBER.
    WS_ERR_UNSUPPORTED = -10,
    /// A file that an option names cannot be opened, read or written, or does not contain what it must.
    ///
    /// Usual causes: another working directory than expected, no permission to read the file, a directory, DER where
    /// PEM is wanted, a key where a certificate is wanted, an encrypted key. Cure: ws_options_errors() says which file
    /// it is, what is wrong with it, and what the system said.
    WS_ERR_FILE = -11,

    // -20 to -39: the state, or a limit, does not allow it now. Wait and try again, or give up.
    /// The socket is closing or closed.
    ///
    /// Usual causes: sending after ws_terminate(), after the server's close, or after a failure. Cure: on_terminate
    /// says that the connection is over; open a new socket, or let ws_reconnector_new() do so.
    WS_ERR_CLOSED = -20,
    /// The send buffer is full; `on_drain` follows once there is room.
    ///
    /// Usual causes: a server or a network that is slower than the sender. Cure: wait for on_drain, drop what is stale,
    /// or raise `send_buffer_size`.
    WS_ERR_WOULD_BLOCK = -21,
    /// A message, or the text of an option, exceeds its size limit.
    ///
    /// Usual causes: a message above `max_message_size`, sent or received (the server is then told 1009); a ping above
    /// 125 bytes; a URL or a text of an option above 64 KiB; a file or PEM text above its limit. Cure: raise
    /// `max_message_size` if such messages are intended, otherwise ask who sends them. The limits on texts and files
    /// are fixed.
    WS_ERR_TOO_LARGE = -22,
    /// ws_dispatcher_stop() or ws_dispatcher_close() ended the call.
    ///
    /// Usual causes: ws_dispatcher_stop() or ws_dispatcher_close() during the call. Cure: none is needed, because the
    /// program asked for it.
    WS_ERR_CANCELLED = -23,
    /// The library is being shut down.
    ///
    /// Usual causes: a socket that is opened while ws_shutdown() runs, or after it returned WS_ERR_TIMEOUT. Cure: call
    /// ws_shutdown() again until it succeeds, then open the socket.
    WS_ERR_SHUT_DOWN = -24,
    /// The handle belongs to the parent of this forked process.
    ///
    /// Usual causes: a socket or dispatcher that was made before fork() and is used in the child. Cure: make new ones
    /// in the child, or exec.
    WS_ERR_FORKED = -25,
    /// A signal handler ran while the call waited. Nothing is lost.
    ///
    /// Usual causes: a signal, while ws_dispatcher_set_interruptible() is on; in rare cases there was no signal at all.
    /// Cure: look at what the handler has set, then call again.
    WS_ERR_INTERRUPTED = -26,

    // -40 to -59: the server could not be reached, or the connection to it broke. Try again later.
    /// The server's name was not found.
    ///
    /// Usual causes: a misspelled name, no network, a name that only the name server of a VPN or a company knows. Cure:
    /// check the name and the network; `ws_options_set_resolve` supplies an address by hand.
    WS_ERR_DNS = -40,
    /// The server's machine refused the connection: nothing listens there.
    ///
    /// Usual causes: the server is not running, the port is another one, a firewall refuses. Cure: check host and port;
    /// the details list each address that was tried.
    WS_ERR_CONNECTION_REFUSED = -41,
    /// The server's network or machine cannot be reached.
    ///
    /// Usual causes: no route, IPv6 without a connection, a `local_address` that this machine does not have. Cure:
    /// check the network; the details list each address that was tried.
    WS_ERR_UNREACHABLE = -42,
    /// No answer came in time.
    ///
    /// Usual causes: a firewall that drops packets, a server that accepts and says nothing, a dead peer that
    /// `ping_interval_ms` or `idle_timeout_ms` has found; for ws_shutdown() a callback that does not return. Cure: the
    /// message says which step it was; raise the time-out if the server is slow, otherwise find out what drops the
    /// packets.
    WS_ERR_TIMEOUT = -43,
    /// The connection broke, or ended without a close frame.
    ///
    /// Usual causes: a server that crashed or was restarted, a load balancer that cuts idle connections, a change of
    /// network. Cure: reconnect; `ping_interval_ms` prevents balancers from cutting the connection.
    WS_ERR_CONNECTION_RESET = -44,
    /// The proxy refused, or failed.
    ///
    /// Usual causes: a proxy that is not there, that wants a password (407), or that does not allow the host or port;
    /// its answer is in the HTTP status, headers and body of the error stack. Cure: check `ws_options_set_proxy` or the
    /// environment (HTTPS_PROXY, NO_PROXY); "" means no proxy.
    WS_ERR_PROXY = -45,

    // -60 to -79: the server could not be trusted. A person has to look at it.
    /// No TLS session could be agreed on, or it broke.
    ///
    /// Usual causes: a port that does not speak TLS, a server too old for TLS 1.2, a client certificate that the server
    /// refused; ws_get_close_info() has the alert. Cure: check scheme and port, `min_tls_version` and the client
    /// certificate.
    WS_ERR_TLS = -60,
    /// The server's certificate cannot be trusted; the message says why.
    ///
    /// Usual causes: a certificate that has expired or is not valid yet, is for another name, comes from an unknown
    /// issuer, was revoked, or does not have the pinned key; the message says which. Cure: correct the server's
    /// certificate; add a private CA with `ca_file`; do not switch `verify` off in production.
    WS_ERR_CERTIFICATE = -61,

    // -80 to -99: the server refused, or broke the protocol. Ask its owner.
    /// The server answered the opening handshake with another HTTP status than 101.
    ///
    /// Usual causes: 401 or 403: wrong credentials; 404: another path; 3xx: see `max_redirects`; 426: another protocol;
    /// 429 and 503: too many requests, with Retry-After. Cure: read the answer's headers and body in the error stack.
    WS_ERR_HTTP_STATUS = -80,
    /// The server's answer to the opening handshake is malformed or wrong.
    ///
    /// Usual causes: a server, or a machine on the way to it, that does not speak WebSocket; a subprotocol or extension
    /// that was not offered; more than 64 KiB of headers. Cure: the message says which header it was; try it without a
    /// proxy, or with `wss`, which machines on the way cannot alter.
    WS_ERR_HANDSHAKE = -81,
    /// The server violated the WebSocket protocol.
    ///
    /// Usual causes: frames, close codes, UTF-8 or compressed data that RFC 6455 or RFC 7692 forbid. Cure: report it to
    /// the server's owner with the message; until then it may work without compression (`ws_options_set_compression`
    /// 0).
    WS_ERR_PROTOCOL = -82,

    // -100 to -119: the machine has run out of something, or the library itself has failed.
    /// There was no memory, or no file descriptor was left.
    ///
    /// Usual causes: a very large message, a leak in the process, a limit of the system (`ulimit`); the OS error says
    /// whether it was descriptors. Cure: lower the limits, or free memory or descriptors.
    WS_ERR_OUT_OF_MEMORY = -100,
    /// The library itself has failed; please report it.
    ///
    /// Usual causes: a bug. Cure: report it, with the log at WS_LOG_LEVEL_DEBUG.
    WS_ERR_INTERNAL = -101,
}

use ws_result::*;

/// Code, name, message.
type Words = (ws_result, &'static CStr, &'static CStr);

/// Makes everything about the codes from one list, except the text of the header. A code that is missing from the list,
/// from the enum above or from the client does not compile, nor does one whose two numbers differ.
macro_rules! results {
    (WS_OK: $success:literal, $($code:ident => $result:ident: $message:literal,)*) => {
        impl From<ErrorCode> for ws_result {
            fn from(code: ErrorCode) -> ws_result {
                match code {
                    $(ErrorCode::$code => $result,)*
                }
            }
        }

        const WORDS: &[Words] = &[
            (WS_OK, c"WS_OK", $success),
            $(($result, c_name(concat!(stringify!($result), "\0")), $message),)*
        ];

        const _: () = {
            match WS_OK {
                WS_OK => {}
                $($result => {})*
            }
            $(assert!(ErrorCode::$code as i32 == $result as i32, stringify!($result));)*
            assert!(ErrorCode::ALL.len() + 1 == WORDS.len());
        };
    };
}

const fn c_name(name: &'static str) -> &'static CStr {
    match CStr::from_bytes_with_nul(name.as_bytes()) {
        Ok(name) => name,
        Err(_) => panic!("an identifier holds no NUL"),
    }
}

results! {
    WS_OK: c"success",
    InvalidArgument => WS_ERR_INVALID_ARGUMENT: c"an argument is NULL, out of range, or too small a struct",
    InvalidHandle => WS_ERR_INVALID_HANDLE: c"the handle is NULL, of another type, or no longer valid",
    WrongThread => WS_ERR_WRONG_THREAD:
        c"the call belongs to another thread, or cannot be made inside this callback",
    InvalidUrl => WS_ERR_INVALID_URL: c"the text is no ws:// or wss:// URL",
    InvalidHeader => WS_ERR_INVALID_HEADER: c"the header cannot be sent, or is one of the handshake's own",
    InvalidUtf8 => WS_ERR_INVALID_UTF8: c"the text is not valid UTF-8, or holds a lone surrogate",
    InvalidJson => WS_ERR_INVALID_JSON: c"the text is no JSON value",
    InvalidCloseCode => WS_ERR_INVALID_CLOSE_CODE: c"a close code is 0, 1000, or 3000 to 4999",
    InvalidCloseReason => WS_ERR_INVALID_CLOSE_REASON: c"a close reason is at most 123 bytes of UTF-8",
    Unsupported => WS_ERR_UNSUPPORTED: c"this version or build of the library, or this system, cannot do that",
    File => WS_ERR_FILE: c"a file cannot be used; ws_options_errors() says why",
    Closed => WS_ERR_CLOSED: c"the socket is closing or closed",
    WouldBlock => WS_ERR_WOULD_BLOCK: c"the send buffer is full; on_drain follows once there is room",
    TooLarge => WS_ERR_TOO_LARGE: c"a message or a text is above the limit on its size",
    Cancelled => WS_ERR_CANCELLED: c"the dispatcher was stopped or closed",
    ShutDown => WS_ERR_SHUT_DOWN: c"the library is being shut down",
    Forked => WS_ERR_FORKED: c"the handle belongs to the parent of this forked process",
    Interrupted => WS_ERR_INTERRUPTED: c"a signal handler has run while the call waited",
    Dns => WS_ERR_DNS: c"the server's name was not found",
    ConnectionRefused => WS_ERR_CONNECTION_REFUSED: c"the connection was refused: nothing listens there",
    Unreachable => WS_ERR_UNREACHABLE: c"there is no way to the server's network or machine",
    Timeout => WS_ERR_TIMEOUT: c"nothing came back in time",
    ConnectionReset => WS_ERR_CONNECTION_RESET: c"the connection broke, or ended without a close frame",
    Proxy => WS_ERR_PROXY: c"the proxy refused, or failed",
    Tls => WS_ERR_TLS: c"no TLS session could be agreed, or it broke",
    Certificate => WS_ERR_CERTIFICATE: c"the server's certificate is not to be trusted",
    HttpStatus => WS_ERR_HTTP_STATUS: c"the server answered with another HTTP status than 101",
    Handshake => WS_ERR_HANDSHAKE: c"the server's answer to the opening handshake is wrong",
    Protocol => WS_ERR_PROTOCOL: c"the server broke the WebSocket protocol",
    OutOfMemory => WS_ERR_OUT_OF_MEMORY: c"memory could not be had",
    Internal => WS_ERR_INTERNAL: c"a fault in the library itself; please report it",
}

fn words(result: i32) -> Option<&'static Words> {
    WORDS.iter().find(|(code, _, _)| *code as i32 == result)
}

pub(crate) fn name(result: i32) -> &'static CStr {
    words(result).map_or(c"WS_ERR_UNKNOWN", |(_, name, _)| name)
}

/// A code that is newer than this library still has the cure of its block.
pub(crate) fn message(result: i32) -> &'static CStr {
    if let Some((_, _, message)) = words(result) {
        return message;
    }
    match result {
        1.. => c"a count, not an error",
        -19..=0 => c"an unknown error: the call is wrong",
        -39..=-20 => c"an unknown error of the state or a limit",
        -59..=-40 => c"an unknown error on the road to the server",
        -79..=-60 => c"an unknown error of trust",
        -99..=-80 => c"an unknown error of the server",
        -119..=-100 => c"an unknown error of the machine",
        _ => c"an unknown error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_name_and_a_message() {
        for &code in ErrorCode::ALL {
            let result = ws_result::from(code);
            assert_eq!(name(result as i32).to_str().unwrap(), format!("{result:?}"));
            assert!(!message(result as i32).is_empty());
        }
        assert_eq!(name(0), c"WS_OK");
    }

    #[test]
    fn an_unknown_code_has_a_neutral_name_and_the_message_of_its_block() {
        for unknown in [1, -19, -39, -59, -79, -99, -119, -120, i32::MIN, i32::MAX] {
            assert_eq!(name(unknown), c"WS_ERR_UNKNOWN");
            assert!(!message(unknown).is_empty());
        }
        assert_eq!(message(-46), c"an unknown error on the road to the server");
    }
}
