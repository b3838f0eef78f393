//! The types of the header: handles and pointers that C only passes on, and the enums.
//!
//! No behaviour but the translation of the client's enums, and their words.

use std::ffi::CStr;

use ws4d_client::library::LogLevel;
use ws4d_client::{DataType, EventKind, GivenUp, JsonKind, Stage, Status};

/// An enum whose numbers have a word each.
pub(crate) trait Words {
    /// Each number and its word.
    const WORDS: &[(i32, &'static CStr)];

    /// The word of a number, if it has one.
    fn word(number: i32) -> Option<&'static CStr> {
        Self::WORDS.iter().find(|(own, _)| *own == number).map(|(_, word)| *word)
    }
}

/// Makes the conversion from the client's enum and the words from one list, which stands below the enum. A variant
/// that is missing from the list or from either enum does not compile, nor does one whose two numbers differ. Only a
/// variant behind `_` is none of the client's.
macro_rules! words {
    (
        $client:ident => $c:ident,
        $(_ => $alone:ident: $alone_word:literal,)?
        $($own:ident => $variant:ident: $word:literal,)*
    ) => {
        impl From<$client> for $c {
            fn from(from: $client) -> $c {
                match from {
                    $($client::$own => $c::$variant,)*
                }
            }
        }

        impl Words for $c {
            const WORDS: &[(i32, &'static CStr)] = &[
                $(($c::$alone as i32, $alone_word),)?
                $(($c::$variant as i32, $word),)*
            ];
        }

        const _: () = {
            let _every = |variant: $c| match variant {
                $($c::$alone => {})?
                $($c::$variant => {})*
            };
            $(assert!($client::$own as i32 == $c::$variant as i32, stringify!($variant));)*
        };
    };
}

/// One WebSocket connection, from connecting to closed.
///
/// ws_new() and ws_new_async() make a socket; ws_release() gives it back. The value is a token, never an address: a
/// handle that is NULL, stale, released twice or invented gives WS_ERR_INVALID_HANDLE and touches no memory. It stays
/// valid until ws_release() was called *and* the socket is over, whichever is later. The socket is over when
/// `on_terminate` has returned; if the TERMINATE event was pulled with ws_dispatcher_next(), when that event was freed;
/// if the socket has no handler, when the connection has ended.
pub struct ws_socket {
    _opaque: [u8; 0],
}

/// The place where callbacks run: one context of the program, such as a window, a worker or an event loop.
///
/// ws_dispatcher_new(), ws_dispatcher_new_with_wake() and ws_dispatcher_new_driving() make a dispatcher;
/// ws_dispatcher_close() ends it. The value is a token, like that of a ws_socket.
pub struct ws_dispatcher {
    _opaque: [u8; 0],
}

/// A connection that reconnects by itself: see ws_reconnector_new(). The value is a token, like that of a ws_socket.
pub struct ws_reconnector {
    _opaque: [u8; 0],
}

/// The options with which a connection is made. ws_options_new() makes them; ws_options_free() ends them. The value is
/// a token, like that of a ws_socket.
pub struct ws_options {
    _opaque: [u8; 0],
}

/// One event. It is valid while its callback runs; ws_event_retain() makes one that lives longer.
///
/// It is a plain pointer: NULL is safe, but to use it after its end is a bug of the program.
pub struct ws_event {
    _opaque: [u8; 0],
}

/// A JSON value inside an event, to be read only; it lives as long as the event. It is a plain pointer: NULL is safe.
pub struct ws_json {
    _opaque: [u8; 0],
}

/// The state of a socket. ws_status_name() gives the word for it.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ws_status {
    /// The connection is being made; messages that are sent now wait for it.
    WS_STATUS_CONNECTING = 0,
    /// The connection is open.
    WS_STATUS_CONNECTED = 1,
    /// The closing handshake is in progress.
    WS_STATUS_CLOSING = 2,
    /// The connection has ended. Its last events may still wait to be delivered.
    WS_STATUS_CLOSED = 3,
}

words! {
    Status => ws_status,
    Connecting => WS_STATUS_CONNECTING: c"Connecting",
    Connected => WS_STATUS_CONNECTED: c"Connected",
    Closing => WS_STATUS_CLOSING: c"Closing",
    Closed => WS_STATUS_CLOSED: c"Closed",
}

/// The form in which a message is sent or arrives. As an option (ws_options_set_data_type()), it is the form in which
/// text messages arrive.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ws_data_type {
    /// UTF-8 text. As an option: text frames arrive as text, binary frames as blobs.
    WS_DATA_TYPE_TEXT = 0,
    /// Bytes. As an option: text frames arrive as blobs, too, which hold their UTF-8 bytes.
    WS_DATA_TYPE_BLOB = 1,
    /// JSON text. As an option: a text frame that holds JSON arrives as an object; any other text frame arrives as
    /// text.
    WS_DATA_TYPE_OBJECT = 2,
}

words! {
    DataType => ws_data_type,
    Text => WS_DATA_TYPE_TEXT: c"text",
    Blob => WS_DATA_TYPE_BLOB: c"blob",
    Object => WS_DATA_TYPE_OBJECT: c"object",
}

/// The type of an event: what happened.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ws_event_type {
    /// There is no event: ws_event_get_type() returns this for NULL.
    WS_EVENT_TYPE_NONE = 0,
    /// The connection is open.
    WS_EVENT_TYPE_OPEN = 1,
    /// A message has arrived.
    WS_EVENT_TYPE_MESSAGE = 2,
    /// The connection could not be made, or broke; ws_event_errors() says why. TERMINATE follows.
    WS_EVENT_TYPE_ERROR = 3,
    /// The connection has ended.
    WS_EVENT_TYPE_TERMINATE = 4,
    /// The send buffer has fallen below half of its limit, after a call that returned WS_ERR_WOULD_BLOCK.
    WS_EVENT_TYPE_DRAIN = 5,
    /// The answer to a ws_ping() has arrived.
    WS_EVENT_TYPE_PONG = 6,
    /// A part of a long message has arrived: see ws_options_set_part_size().
    WS_EVENT_TYPE_PART = 7,
    /// A ping from the server has arrived, and was answered: see ws_options_set_ping_events().
    WS_EVENT_TYPE_PING = 8,
}

words! {
    EventKind => ws_event_type,
    None => WS_EVENT_TYPE_NONE: c"none",
    Open => WS_EVENT_TYPE_OPEN: c"open",
    Message => WS_EVENT_TYPE_MESSAGE: c"message",
    Error => WS_EVENT_TYPE_ERROR: c"error",
    Terminate => WS_EVENT_TYPE_TERMINATE: c"terminate",
    Drain => WS_EVENT_TYPE_DRAIN: c"drain",
    Pong => WS_EVENT_TYPE_PONG: c"pong",
    Part => WS_EVENT_TYPE_PART: c"part",
    Ping => WS_EVENT_TYPE_PING: c"ping",
}

/// The stage that a connection had reached when it ended: see ws_get_close_info().
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ws_stage {
    /// The connection has not ended.
    WS_STAGE_NONE = 0,
    /// The host's name was being looked up.
    WS_STAGE_DNS = 1,
    /// The TCP connection was being made.
    WS_STAGE_TCP = 2,
    /// The proxy had been asked for a tunnel.
    WS_STAGE_PROXY = 3,
    /// The TLS handshake was in progress.
    WS_STAGE_TLS = 4,
    /// The opening handshake had been sent, and its answer had not come.
    WS_STAGE_UPGRADE = 5,
    /// The connection was open.
    WS_STAGE_OPEN = 6,
    /// The closing handshake was in progress: a close frame had not left yet, or had not been answered.
    WS_STAGE_CLOSING = 7,
    /// Both close frames had been exchanged: the closing handshake was complete.
    WS_STAGE_CLOSED = 8,
}

words! {
    Stage => ws_stage,
    None => WS_STAGE_NONE: c"none",
    Dns => WS_STAGE_DNS: c"dns",
    Tcp => WS_STAGE_TCP: c"tcp",
    Proxy => WS_STAGE_PROXY: c"proxy",
    Tls => WS_STAGE_TLS: c"tls",
    Upgrade => WS_STAGE_UPGRADE: c"upgrade",
    Open => WS_STAGE_OPEN: c"open",
    Closing => WS_STAGE_CLOSING: c"closing",
    Closed => WS_STAGE_CLOSED: c"closed",
}

/// The reason why a reconnector does not try again: see ws_reconnect_info.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ws_reconnect_end {
    /// The reconnector will try again.
    WS_RECONNECT_END_NONE = 0,
    /// The program has ended it with ws_reconnector_terminate() or ws_reconnector_close().
    WS_RECONNECT_END_HOST = 1,
    /// The server closed the connection with one of the policy's `final_codes`, or `is_final` said that its close was
    /// final.
    WS_RECONNECT_END_CLOSE_CODE = 2,
    /// Another attempt would fail as well: the call itself was wrong; or, before the first connection was open, a
    /// certificate was refused, or the server answered HTTP 401, 403, 404, 407 or 410; or `is_final` said so.
    WS_RECONNECT_END_REFUSED = 3,
    /// The policy's `max_attempts` are used up.
    WS_RECONNECT_END_ATTEMPTS = 4,
    /// The policy's `max_time_ms` is used up.
    WS_RECONNECT_END_TIME = 5,
    /// The reconnector's dispatcher was closed.
    WS_RECONNECT_END_DISPATCHER = 6,
    /// ws_shutdown() was called.
    WS_RECONNECT_END_SHUT_DOWN = 7,
}

words! {
    GivenUp => ws_reconnect_end,
    _ => WS_RECONNECT_END_NONE: c"none",
    Host => WS_RECONNECT_END_HOST: c"host",
    CloseCode => WS_RECONNECT_END_CLOSE_CODE: c"close code",
    Refused => WS_RECONNECT_END_REFUSED: c"refused",
    Attempts => WS_RECONNECT_END_ATTEMPTS: c"attempts",
    Time => WS_RECONNECT_END_TIME: c"time",
    Dispatcher => WS_RECONNECT_END_DISPATCHER: c"dispatcher",
    ShutDown => WS_RECONNECT_END_SHUT_DOWN: c"shut down",
}

/// How much the log says. Each level includes the levels above it.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ws_log_level {
    /// Nothing.
    WS_LOG_LEVEL_OFF = 0,
    /// Failures of the library itself.
    WS_LOG_LEVEL_ERROR = 1,
    /// What a person should look at: connections that failed, servers that misbehave.
    WS_LOG_LEVEL_WARN = 2,
    /// One line for each connection that is made, and one for each that ends.
    WS_LOG_LEVEL_INFO = 3,
    /// The steps of connecting and closing.
    WS_LOG_LEVEL_DEBUG = 4,
    /// Everything.
    WS_LOG_LEVEL_TRACE = 5,
}

words! {
    LogLevel => ws_log_level,
    Off => WS_LOG_LEVEL_OFF: c"off",
    Error => WS_LOG_LEVEL_ERROR: c"error",
    Warn => WS_LOG_LEVEL_WARN: c"warn",
    Info => WS_LOG_LEVEL_INFO: c"info",
    Debug => WS_LOG_LEVEL_DEBUG: c"debug",
    Trace => WS_LOG_LEVEL_TRACE: c"trace",
}

/// The kind of a JSON value.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ws_json_kind {
    /// `null`. ws_json_get_kind() returns this for NULL, too.
    WS_JSON_KIND_NULL = 0,
    /// `true` or `false`.
    WS_JSON_KIND_BOOL = 1,
    /// A number.
    WS_JSON_KIND_NUMBER = 2,
    /// A string.
    WS_JSON_KIND_STRING = 3,
    /// An array.
    WS_JSON_KIND_ARRAY = 4,
    /// An object.
    WS_JSON_KIND_OBJECT = 5,
}

words! {
    JsonKind => ws_json_kind,
    Null => WS_JSON_KIND_NULL: c"null",
    Bool => WS_JSON_KIND_BOOL: c"bool",
    Number => WS_JSON_KIND_NUMBER: c"number",
    String => WS_JSON_KIND_STRING: c"string",
    Array => WS_JSON_KIND_ARRAY: c"array",
    Object => WS_JSON_KIND_OBJECT: c"object",
}
