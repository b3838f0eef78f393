//! Sockets, events, errors and options with the conversions that every test needs. One C call a method.

use std::ffi::{CString, c_void};
use std::ptr;
use std::time::Instant;

use crate::api::{api, name, text};
use crate::codes::*;
use crate::error_texts;
use crate::trace::PATIENCE;
use crate::types::{
    Dispatcher, OptionsToken, RawCloseInfo, RawErrors, RawEvent, RawHandler, RawStats, RawTlsInfo, Socket,
};

/// A C string of a test's own.
///
/// # Panics
/// If it holds a NUL.
pub fn c(text: &str) -> CString {
    CString::new(text).expect("no NUL")
}

impl Socket {
    /// No socket.
    pub const NULL: Socket = Socket(0);

    /// `ws_send_text`
    pub fn send_text(self, text: &str) -> i32 {
        (api().ws_send_text)(self, text.as_ptr().cast(), text.len())
    }

    /// `ws_send_blob`
    pub fn send_blob(self, data: &[u8]) -> i32 {
        (api().ws_send_blob)(self, data.as_ptr().cast(), data.len())
    }

    /// `ws_send_object`
    pub fn send_object(self, json: &str) -> i32 {
        (api().ws_send_object)(self, json.as_ptr().cast(), json.len())
    }

    /// `ws_ping`
    pub fn ping(self, data: &str) -> i32 {
        (api().ws_ping)(self, data.as_ptr().cast(), data.len())
    }

    /// `ws_terminate`
    pub fn terminate(self, code: i32, reason: &str) -> i32 {
        (api().ws_terminate)(self, code, c(reason).as_ptr())
    }

    /// Calls `send` with 0, 1, 2, … until the library holds so many bytes that the kernel has not taken, and says how
    /// often. They stay held while the peer does not read, if its receive buffer is fixed: nothing is assumed of how much
    /// the kernel takes.
    ///
    /// # Panics
    /// If a message is refused.
    pub fn send_until_held(self, bytes: usize, mut send: impl FnMut(usize) -> i32) -> usize {
        let mut sent = 0;
        while self.buffered_amount() < bytes {
            assert_eq!(name(send(sent)), "WS_OK", "message {sent}");
            sent += 1;
        }
        sent
    }

    /// `ws_abort`
    pub fn abort(self) -> i32 {
        (api().ws_abort)(self)
    }

    /// `ws_pause`
    pub fn pause(self) -> i32 {
        (api().ws_pause)(self)
    }

    /// `ws_resume`
    pub fn resume(self) -> i32 {
        (api().ws_resume)(self)
    }

    /// `ws_cork`
    pub fn cork(self) -> i32 {
        (api().ws_cork)(self)
    }

    /// `ws_uncork`
    pub fn uncork(self) -> i32 {
        (api().ws_uncork)(self)
    }

    /// `ws_release`
    pub fn release(self) -> i32 {
        (api().ws_release)(self)
    }

    /// `ws_get_status`
    pub fn status(self) -> i32 {
        (api().ws_get_status)(self)
    }

    /// `ws_get_user_data`
    pub fn user_data(self) -> *mut c_void {
        (api().ws_get_user_data)(self)
    }

    /// `ws_get_buffered_amount`
    pub fn buffered_amount(self) -> usize {
        (api().ws_get_buffered_amount)(self)
    }

    /// Waits until nothing is buffered. A message may arrive before the thread that wrote it has counted it.
    ///
    /// # Panics
    /// If something stays.
    pub fn until_nothing_is_buffered(self) {
        let deadline = Instant::now() + PATIENCE;
        while self.buffered_amount() > 0 {
            assert!(Instant::now() < deadline, "{} bytes stay", self.buffered_amount());
            std::thread::yield_now();
        }
    }

    /// `ws_get_stats`
    ///
    /// # Panics
    /// If the token is none of a socket.
    pub fn stats(self) -> RawStats {
        let mut stats = RawStats::INIT;
        assert_eq!(name((api().ws_get_stats)(self, &mut stats)), "WS_OK");
        stats
    }

    /// `ws_get_close_info`
    ///
    /// # Panics
    /// If the token is none of a socket.
    pub fn close_info(self) -> RawCloseInfo {
        let mut info = RawCloseInfo::INIT;
        assert_eq!(name((api().ws_get_close_info)(self, &mut info)), "WS_OK");
        info
    }

    /// `ws_get_tls_info`: the result in words where it fails.
    pub fn tls_info(self) -> Result<TlsInfo, String> {
        let mut info = RawTlsInfo::INIT;
        match name((api().ws_get_tls_info)(self, &mut info)).as_str() {
            "WS_OK" => Ok(TlsInfo {
                version: text(info.version),
                cipher_suite: text(info.cipher_suite),
                key_exchange: text(info.key_exchange),
                alpn: text(info.alpn),
                subject: text(info.subject),
                issuer: text(info.issuer),
                sha256: text(info.sha256),
                key_sha256: text(info.key_sha256),
                not_before: info.not_before,
                not_after: info.not_after,
                resumed: info.resumed == 1,
                verified: info.verified == 1,
            }),
            other => Err(other.to_owned()),
        }
    }

    /// Whether the token is one of a socket still.
    pub fn is_valid(self) -> bool {
        let mut handler = RawHandler::INIT;
        (api().ws_get_handler)(self, &mut handler) == WS_OK
    }
}

impl Dispatcher {
    /// No dispatcher.
    pub const NULL: Dispatcher = Dispatcher(0);

    /// `ws_dispatcher_dispatch`
    pub fn dispatch(self, max_events: u32) -> i32 {
        (api().ws_dispatcher_dispatch)(self, max_events)
    }

    /// `ws_dispatcher_wait`
    pub fn wait(self, timeout_ms: i32) -> i32 {
        (api().ws_dispatcher_wait)(self, timeout_ms)
    }

    /// `ws_dispatcher_run`
    pub fn run(self) -> i32 {
        (api().ws_dispatcher_run)(self)
    }

    /// `ws_dispatcher_stop`
    pub fn stop(self) -> i32 {
        (api().ws_dispatcher_stop)(self)
    }

    /// `ws_dispatcher_attach`
    pub fn attach(self) -> i32 {
        (api().ws_dispatcher_attach)(self)
    }

    /// `ws_dispatcher_close`
    pub fn close(self) -> i32 {
        (api().ws_dispatcher_close)(self)
    }

    /// `ws_dispatcher_fd`
    pub fn fd(self) -> isize {
        (api().ws_dispatcher_fd)(self)
    }

    /// `ws_dispatcher_next`: `Ok(None)` for 0, `Err` for an error.
    pub fn next(self, timeout_ms: i32) -> Result<Option<(Socket, Pulled)>, i32> {
        let (mut ws, mut event) = (Socket::NULL, ptr::null_mut());
        match (api().ws_dispatcher_next)(self, timeout_ms, &mut ws, &mut event) {
            1 => Ok(Some((ws, Pulled(event)))),
            0 => {
                assert!(ws == Socket::NULL && event.is_null(), "0 comes with NULLs");
                Ok(None)
            }
            error => Err(error),
        }
    }
}

/// An event while it lives: what a callback got, or inside a [`Pulled`].
#[derive(Clone, Copy, Debug)]
pub struct Event(pub *const RawEvent);

impl Event {
    /// `ws_event_get_type`
    pub fn kind(self) -> i32 {
        (api().ws_event_get_type)(self.0)
    }

    /// `ws_event_data`, copied.
    pub fn data(self) -> Vec<u8> {
        let mut len = 0;
        let data = (api().ws_event_data)(self.0, &mut len);
        if data.is_null() {
            return Vec::new();
        }
        // SAFETY: the library says that `len` bytes are there.
        unsafe { std::slice::from_raw_parts(data.cast::<u8>(), len) }.to_vec()
    }

    /// `ws_event_data` as text.
    pub fn text(self) -> String {
        String::from_utf8_lossy(&self.data()).into_owned()
    }

    /// `ws_event_part_offset`
    pub fn part_offset(self) -> u64 {
        (api().ws_event_part_offset)(self.0)
    }

    /// `ws_event_part_last`
    pub fn part_last(self) -> bool {
        (api().ws_event_part_last)(self.0) == 1
    }

    /// `ws_event_errors`, copied.
    pub fn errors(self) -> Errors {
        Errors::copy((api().ws_event_errors)(self.0))
    }

    /// `ws_event_retain`
    pub fn retain(self) -> Pulled {
        Pulled((api().ws_event_retain)(self.0))
    }

    /// The event as a trace shows it.
    pub fn describe(self) -> String {
        match self.kind() {
            WS_EVENT_TYPE_OPEN => "open".to_owned(),
            WS_EVENT_TYPE_MESSAGE => format!("message {}", self.message()),
            WS_EVENT_TYPE_PART => {
                let last = if self.part_last() { "last " } else { "" };
                format!("part {} {last}{}", self.part_offset(), self.message())
            }
            WS_EVENT_TYPE_ERROR => format!("error {}", self.errors().name()),
            WS_EVENT_TYPE_TERMINATE => {
                let clean = if (api().ws_event_was_clean)(self.0) == 1 { "clean" } else { "" };
                let parts =
                    [format!("terminate {}", (api().ws_event_code)(self.0)), self.text(), clean.to_owned()];
                parts.iter().filter(|part| !part.is_empty()).cloned().collect::<Vec<_>>().join(" ")
            }
            WS_EVENT_TYPE_DRAIN => "drain".to_owned(),
            WS_EVENT_TYPE_PING => format!("ping {}", self.text()).trim_end().to_owned(),
            WS_EVENT_TYPE_PONG => format!("pong {}", self.text()).trim_end().to_owned(),
            other => format!("event {other}?"),
        }
    }

    fn message(self) -> String {
        let data = self.data();
        let data_type = text((api().ws_data_type_name)((api().ws_event_data_type)(self.0)));
        let data_type = data_type.unwrap_or_else(|| "?".to_owned());
        match data_type.as_str() {
            "blob" if data.len() <= 16 => {
                let hex: String = data.iter().map(|byte| format!("{byte:02x}")).collect();
                format!("blob {hex}").trim_end().to_owned()
            }
            _ if data.len() > 200 || data_type == "blob" => format!("{data_type} {} bytes", data.len()),
            _ => format!("{data_type} {}", String::from_utf8_lossy(&data)).trim_end().to_owned(),
        }
    }
}

/// An event of the test's own, pulled or retained; freed when it is dropped.
#[derive(Debug)]
pub struct Pulled(pub *mut RawEvent);

// SAFETY: the library promises that such an event may be used on any thread.
unsafe impl Send for Pulled {}

impl Pulled {
    /// The event to be read.
    pub fn event(&self) -> Event {
        Event(self.0)
    }

    /// As a trace shows it.
    pub fn describe(&self) -> String {
        self.event().describe()
    }
}

impl Drop for Pulled {
    fn drop(&mut self) {
        (api().ws_event_free)(self.0);
    }
}

/// A copy of a `ws_tls_info`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct TlsInfo {
    pub version: Option<String>,
    pub cipher_suite: Option<String>,
    pub key_exchange: Option<String>,
    pub alpn: Option<String>,
    pub subject: Option<String>,
    pub issuer: Option<String>,
    pub sha256: Option<String>,
    pub key_sha256: Option<String>,
    pub not_before: i64,
    pub not_after: i64,
    pub resumed: bool,
    pub verified: bool,
}

/// A copy of an error stack.
#[derive(Clone, Debug, Default)]
pub struct Errors {
    /// Code, component, message.
    pub entries: Vec<(i32, String, String)>,
    /// `ws_errors_os_code`
    pub os_code: i32,
    /// `ws_errors_http_status`
    pub http_status: i32,
    /// `ws_errors_http_body`
    pub http_body: Vec<u8>,
}

impl Errors {
    /// Copies what C shows; empty for NULL.
    pub fn copy(errors: *const RawErrors) -> Errors {
        let api = api();
        let entries = (0..(api.ws_errors_count)(errors)).map(|i| {
            let component = text((api.ws_errors_component)(errors, i)).unwrap_or_default();
            let message = text((api.ws_errors_message)(errors, i)).unwrap_or_default();
            ((api.ws_errors_code)(errors, i), component, message)
        });
        let entries: Vec<_> = entries.collect();
        error_texts::note(&entries);
        let mut len = 0;
        let body = (api.ws_errors_http_body)(errors, &mut len).cast::<u8>();
        let http_body = match body.is_null() {
            true => Vec::new(),
            // SAFETY: the library says that `len` bytes are there.
            false => unsafe { std::slice::from_raw_parts(body, len) }.to_vec(),
        };
        Errors {
            entries,
            os_code: (api.ws_errors_os_code)(errors),
            http_status: (api.ws_errors_http_status)(errors),
            http_body,
        }
    }

    /// Copies and frees a stack of the test's own.
    pub fn take(errors: *mut RawErrors) -> Errors {
        let copy = Errors::copy(errors);
        (api().ws_errors_free)(errors);
        copy
    }

    /// Entry 0's code; `WS_OK` if there is none.
    pub fn code(&self) -> i32 {
        self.entries.first().map_or(WS_OK, |entry| entry.0)
    }

    /// Entry 0's code in words.
    pub fn name(&self) -> String {
        name(self.code())
    }
}

/// Options of the test's own, freed when they are dropped.
#[derive(Debug)]
pub struct Options(pub OptionsToken);

impl Options {
    /// The defaults.
    #[must_use]
    pub fn new() -> Options {
        Options((api().ws_options_new)())
    }

    /// One setter more: `.set(|api, o| (api.ws_options_set_close_timeout_ms)(o, 100))`.
    ///
    /// # Panics
    /// If it fails.
    #[must_use]
    pub fn set(self, setter: impl FnOnce(&crate::Api, OptionsToken) -> i32) -> Options {
        assert_eq!(name(setter(api(), self.0)), "WS_OK");
        self
    }
}

impl Default for Options {
    fn default() -> Self {
        Options::new()
    }
}

impl Drop for Options {
    fn drop(&mut self) {
        (api().ws_options_free)(self.0);
    }
}
