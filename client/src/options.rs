//! Options of a connection: every field has a default, every setter judges its value at once. A field is named as its option,
//! without the unit or the form of the value (`tcp_keepalive` for `tcp_keepalive_ms`, `ca` for `ca_file` and `ca_pem`);
//! where the host adds one after the other it may be a plural (`headers`).

mod compression;
pub(crate) mod refusal;
pub(crate) mod texts;
pub(crate) mod tls;

use crate::connect::headers;
use crate::connect::network::{NetworkOptions, PrepareSocket, SocketFn};
use crate::connect::proxy::Choice;
use crate::connect::tls::{KeyPassword, TlsOptions};
use crate::error::{Component, Error, ErrorCode};
use crate::event::DataType;
pub(crate) use compression::Compression;
use refusal::Refusal;
use std::sync::Arc;
use std::time::Duration;
use texts::{MOST_TOGETHER, SharedList, copied};

/// Options of a connection. A socket keeps the part that it needs.
#[derive(Clone, Debug)]
pub struct Options {
    pub(crate) data_type: DataType,
    pub(crate) strict_json: bool,
    pub(crate) validate_utf8: bool,
    pub(crate) busy_poll: Duration,
    pub(crate) headers: SharedList<(String, String)>,
    pub(crate) cookies: SharedList<String>,
    pub(crate) subprotocols: SharedList<String>,
    pub(crate) connect_timeout: Option<Duration>,
    pub(crate) close_timeout: Duration,
    pub(crate) liveness: LivenessLimits,
    /// The host has said when to ping, be it never.
    pub(crate) ping_interval_given: bool,
    pub(crate) max_message_size: usize,
    pub(crate) ping_events: bool,
    pub(crate) part_size: usize,
    pub(crate) frame_size: usize,
    pub(crate) send_buffer_size: usize,
    pub(crate) receive_buffer_size: usize,
    pub(crate) max_redirects: u32,
    pub(crate) network: NetworkOptions,
    pub(crate) tls: TlsOptions,
    pub(crate) key_password: KeyPassword,
    pub(crate) proxy: Choice,
    /// For HTTP CONNECT alone.
    pub(crate) proxy_headers: SharedList<(String, String)>,
    pub(crate) compression: Compression,
}

/// When a silent server is pinged, and when it is given up.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct LivenessLimits {
    /// After so long a silence the server is given up.
    pub(crate) idle_timeout: Option<Duration>,
    /// After so long a silence it is pinged.
    pub(crate) ping_interval: Option<Duration>,
    /// Or so often, although it speaks.
    pub(crate) ping_always: bool,
    /// So long it may take to answer the ping, by whatever bytes.
    pub(crate) ping_timeout: Option<Duration>,
}

impl LivenessLimits {
    /// Returns whether any limit is set.
    pub(crate) fn has_limits(&self) -> bool {
        self.idle_timeout.is_some() || self.ping_interval.is_some()
    }
}

/// With `ping_timeout`, so long again, a connection that is dead is found out within 40 s.
const RECONNECTOR_PING_INTERVAL: Duration = Duration::from_secs(20);

const MIB: usize = 1024 * 1024;
/// With more, a ping waits longer; with less, a long message takes more system calls.
const FRAME_SIZE: usize = 128 * 1024;

/// 0 is none.
fn duration(ms: u32) -> Option<Duration> {
    (ms != 0).then(|| Duration::from_millis(ms.into()))
}

/// Each piece of a header counts two bytes more, which stand between it and the next.
fn check_together(what: &str, sizes: impl Iterator<Item = usize>, added: usize) -> Result<(), Refusal> {
    let all: usize = sizes.chain([added]).map(|size| size + 2).sum();
    if all > MOST_TOGETHER {
        let why = format!("all {what} together would be above 1 MiB");
        return Err(Refusal::new(ErrorCode::TooLarge, why));
    }
    Ok(())
}

impl Default for Options {
    fn default() -> Self {
        Options {
            data_type: DataType::Text,
            strict_json: false,
            validate_utf8: true,
            busy_poll: Duration::ZERO,
            headers: SharedList::default(),
            cookies: SharedList::default(),
            subprotocols: SharedList::default(),
            connect_timeout: Some(Duration::from_secs(30)),
            close_timeout: Duration::from_secs(5),
            liveness: LivenessLimits {
                ping_timeout: Some(Duration::from_secs(20)),
                ..LivenessLimits::default()
            },
            ping_interval_given: false,
            max_message_size: 64 * MIB,
            ping_events: false,
            part_size: 0,
            frame_size: FRAME_SIZE,
            send_buffer_size: 16 * MIB,
            receive_buffer_size: 8 * MIB,
            max_redirects: 0,
            network: NetworkOptions::default(),
            tls: TlsOptions::default(),
            key_password: KeyPassword::default(),
            proxy: Choice::default(),
            proxy_headers: SharedList::default(),
            compression: Compression::default(),
        }
    }
}

/// The longest time that every system takes for TCP keep-alive: 32,767 seconds.
const LONGEST_KEEPALIVE: Duration = Duration::from_secs(32_767);

impl Options {
    /// Sets how text frames arrive.
    pub fn set_data_type(&mut self, data_type: DataType) {
        self.data_type = data_type;
    }

    /// For how long the I/O thread looks for messages of a socket without a dispatcher before it sleeps; 0: not at all.
    pub fn set_busy_poll_us(&mut self, us: u32) {
        self.busy_poll = Duration::from_micros(us.into());
    }

    /// Sets whether a text frame that is not JSON ends the connection in object mode.
    pub fn set_strict_json(&mut self, on: bool) {
        self.strict_json = on;
    }

    /// Sets whether received text has to be UTF-8; if not, all messages have to arrive as blobs.
    pub fn set_validate_utf8(&mut self, on: bool) {
        self.validate_utf8 = on;
    }

    /// Checks what no setter can judge alone. [`ErrorCode::InvalidArgument`]: values that exclude each other.
    pub(crate) fn check_combination(&self) -> Result<(), Error> {
        if !self.validate_utf8 && self.data_type != DataType::Blob {
            let what = "text that is not checked (ws_options_set_validate_utf8) can only arrive as blobs: set data_type to blob";
            return Err(Error::new(ErrorCode::InvalidArgument, Component::Socket, what));
        }
        if self.part_size > 0 && self.strict_json {
            let what = "a message that comes in parts (ws_options_set_part_size) cannot be checked to be JSON: strict_json has to be 0";
            return Err(Error::new(ErrorCode::InvalidArgument, Component::Socket, what));
        }
        Ok(())
    }

    /// Adds a request header; cookies join those of [`Options::set_cookie`]. [`ErrorCode::InvalidHeader`]: not a token, a
    /// forbidden byte in the value, one of the handshake's own names, or one for a proxy. [`ErrorCode::TooLarge`]: more than
    /// 1 MiB with those before it.
    pub fn set_header(&mut self, name: &str, value: &str) -> Result<(), Refusal> {
        headers::check_host_header(name, value)?;
        if name.eq_ignore_ascii_case("cookie") {
            // One header for all of them (RFC 6265 5.4).
            return self.add_cookies(value);
        }
        let sizes = self.headers.iter().map(|(name, value)| name.len() + value.len());
        check_together("headers", sizes, name.len() + value.len())?;
        Ok(self.headers.push((copied(name)?, copied(value.trim_matches([' ', '\t']))?))?)
    }

    /// Adds a header to the request to an HTTP proxy. [`ErrorCode::InvalidHeader`]: not a token, a forbidden byte in the
    /// value, or one that such a request has already. [`ErrorCode::TooLarge`]: more than 1 MiB with those before it.
    pub fn set_proxy_header(&mut self, name: &str, value: &str) -> Result<(), Refusal> {
        headers::check_proxy_header(name, value)?;
        let sizes = self.proxy_headers.iter().map(|(name, value)| name.len() + value.len());
        check_together("headers for the proxy", sizes, name.len() + value.len())?;
        Ok(self.proxy_headers.push((copied(name)?, copied(value.trim_matches([' ', '\t']))?))?)
    }

    /// Adds cookies (`a=1; b=2`), sent in one `Cookie` header. [`ErrorCode::InvalidHeader`]: a forbidden byte, or no
    /// `name=value`. [`ErrorCode::TooLarge`]: more than 1 MiB with those before it.
    pub fn set_cookie(&mut self, cookies: &str) -> Result<(), Refusal> {
        headers::check_cookies(cookies)?;
        self.add_cookies(cookies)
    }

    fn add_cookies(&mut self, cookies: &str) -> Result<(), Refusal> {
        let cookies = cookies.trim_matches([' ', '\t', ';']);
        check_together("cookies", self.cookies.iter().map(String::len), cookies.len())?;
        if !cookies.is_empty() {
            self.cookies.push(copied(cookies)?)?;
        }
        Ok(())
    }

    /// Adds a subprotocol to offer. [`ErrorCode::InvalidArgument`]: not a token, or offered already.
    /// [`ErrorCode::TooLarge`]: more than 1 MiB with those before it.
    pub fn set_subprotocol(&mut self, protocol: &str) -> Result<(), Refusal> {
        let refuse = |why: &'static str| Err(Refusal::new(ErrorCode::InvalidArgument, why));
        if !headers::is_token(protocol) {
            return refuse(
                "it is empty, or has a character that names of subprotocols cannot have; add several by several calls",
            );
        }
        if self.subprotocols.iter().any(|known| known == protocol) {
            return refuse("it is offered already, and RFC 6455 section 4.1 wants each once");
        }
        check_together("subprotocols", self.subprotocols.iter().map(String::len), protocol.len())?;
        Ok(self.subprotocols.push(copied(protocol)?)?)
    }

    /// The longest time for connecting as a whole; 0: no limit.
    pub fn set_connect_timeout_ms(&mut self, ms: u32) {
        self.connect_timeout = duration(ms);
    }

    /// The longest time for a server to answer a close frame; 0: its answer is not awaited.
    pub fn set_close_timeout_ms(&mut self, ms: u32) {
        self.close_timeout = Duration::from_millis(ms.into());
    }

    /// After so long a silence the server is given up; 0: never.
    pub fn set_idle_timeout_ms(&mut self, ms: u32) {
        self.liveness.idle_timeout = duration(ms);
    }

    /// After so long a silence the server is pinged; 0: never.
    pub fn set_ping_interval_ms(&mut self, ms: u32) {
        self.liveness.ping_interval = duration(ms);
        self.ping_interval_given = true;
    }

    /// Sets whether the server's pings are events even if the handler has no callback for them.
    pub fn set_ping_events(&mut self, on: bool) {
        self.ping_events = on;
    }

    /// Sets whether the server is pinged so often even while it sends.
    pub fn set_ping_always(&mut self, on: bool) {
        self.liveness.ping_always = on;
    }

    /// For a connection that comes back: one that is dead must be found out, so it pings where the host has not said
    /// whether to.
    pub(crate) fn ping_by_default(&mut self) {
        if !self.ping_interval_given {
            self.liveness.ping_interval = Some(RECONNECTOR_PING_INTERVAL);
        }
    }

    /// The longest time for a server to answer such a ping; 0: no limit.
    pub fn set_ping_timeout_ms(&mut self, ms: u32) {
        self.liveness.ping_timeout = duration(ms);
    }

    /// The largest message, both ways; 0: no limit.
    pub fn set_max_message_size(&mut self, bytes: usize) {
        self.max_message_size = bytes;
    }

    /// The longest message that is received whole, and the longest part of a longer one; 0: all are received whole.
    pub fn set_part_size(&mut self, bytes: usize) {
        self.part_size = bytes;
    }

    /// Returns whether long messages are received in parts.
    pub fn wants_parts(&self) -> bool {
        self.part_size > 0
    }

    /// The longest payload of a frame of ours; 0: a message is one frame.
    pub fn set_frame_size(&mut self, bytes: usize) {
        self.frame_size = bytes;
    }

    /// The number of bytes that may wait to be sent; 0: no limit.
    pub fn set_send_buffer_size(&mut self, bytes: usize) {
        self.send_buffer_size = bytes;
    }

    /// The number of bytes that may wait to be delivered; 0: no limit.
    pub fn set_receive_buffer_size(&mut self, bytes: usize) {
        self.receive_buffer_size = bytes;
    }

    /// The number of redirects that are followed, at most 100; 0: none. [`ErrorCode::InvalidArgument`] for more.
    pub fn set_max_redirects(&mut self, n: u32) -> Result<(), Refusal> {
        if n > 100 {
            return Err(Refusal::new(ErrorCode::InvalidArgument, "at most 100 redirects are followed"));
        }
        self.max_redirects = n;
        Ok(())
    }

    /// Adds an address for a host and port, instead of a name lookup. [`ErrorCode::InvalidArgument`]: no host, port 0, or
    /// no IP address.
    pub fn set_resolve(&mut self, host: &str, port: u16, address: &str) -> Result<(), Refusal> {
        self.network.add_resolve(host, port, address)
    }

    /// The IP address that connections come from. [`ErrorCode::InvalidArgument`] for anything else.
    pub fn set_local_address(&mut self, address: &str) -> Result<(), Refusal> {
        self.network.set_local_address(address)
    }

    /// Adds a host and port to connect to instead of to those of the URL, or of a redirect; the first that fits counts.
    /// Empty, or 0: any, or the same as before. [`ErrorCode::InvalidArgument`]: no host.
    pub fn set_connect_to(
        &mut self,
        host: &str,
        port: u16,
        to_host: &str,
        to_port: u16,
    ) -> Result<(), Refusal> {
        self.network.add_connect_to(host, port, to_host, to_port)
    }

    /// Sets the function that prepares each stream socket before it connects.
    pub fn set_socket_fn(&mut self, prepare: Option<Arc<PrepareSocket>>) {
        self.network.socket_fn = prepare.map(SocketFn::new);
    }

    /// The Unix socket to connect to, instead of the URL's host. [`ErrorCode::InvalidArgument`]: empty or too long;
    /// [`ErrorCode::Unsupported`]: not on this system.
    pub fn set_unix_socket(&mut self, path: &str) -> Result<(), Refusal> {
        self.network.set_unix_socket(path)
    }

    /// After how long a silence, and then how often, the system asks for a sign of life; 0: never.
    pub fn set_tcp_keepalive_ms(&mut self, ms: u32) {
        // Linux takes no more.
        self.network.tcp_keepalive = duration(ms).map(|idle| idle.min(LONGEST_KEEPALIVE));
    }

    /// The proxy to go through; empty for none, whatever environment and system say. [`ErrorCode::InvalidUrl`]: no
    /// `http://`, `https://`, `socks5://` or `socks5h://` URL of a host.
    pub fn set_proxy(&mut self, url: &str) -> Result<(), Refusal> {
        self.proxy = Choice::parse(url)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_that_comes_back_pings_unless_the_host_has_said_when() {
        let mut options = Options::default();
        assert_eq!(options.liveness.ping_interval, None, "a socket that does not come back");
        options.ping_by_default();
        let twenty = Some(Duration::from_secs(20));
        assert_eq!((options.liveness.ping_interval, options.liveness.ping_timeout), (twenty, twenty));
        for (said, expected) in [(0, None), (1000, Some(Duration::from_secs(1)))] {
            let mut options = Options::default();
            options.set_ping_interval_ms(said);
            let mut copy = options.clone();
            copy.ping_by_default();
            assert_eq!(copy.liveness.ping_interval, expected, "{said}");
        }
    }
}
