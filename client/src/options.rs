//! How to connect: every field has a default, every setter judges its value at once.

use crate::connect::headers;
use crate::connect::tls::TlsOptions;
use crate::error::ErrorCode;
use crate::event::DataType;
use std::time::Duration;

/// How to connect. A socket keeps what it needs of it.
#[derive(Clone, Debug)]
pub struct Options {
    pub(crate) data_type: DataType,
    pub(crate) strict_json: bool,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) cookies: Vec<String>,
    pub(crate) subprotocols: Vec<String>,
    pub(crate) connect_timeout: Option<Duration>,
    pub(crate) close_timeout: Duration,
    pub(crate) max_message_size: usize,
    pub(crate) send_buffer_size: usize,
    pub(crate) receive_buffer_size: usize,
    pub(crate) tls: TlsOptions,
}

const MIB: usize = 1024 * 1024;

impl Default for Options {
    fn default() -> Self {
        Options {
            data_type: DataType::Text,
            strict_json: false,
            headers: Vec::new(),
            cookies: Vec::new(),
            subprotocols: Vec::new(),
            connect_timeout: Some(Duration::from_secs(30)),
            close_timeout: Duration::from_secs(5),
            max_message_size: 64 * MIB,
            send_buffer_size: 16 * MIB,
            receive_buffer_size: 8 * MIB,
            tls: TlsOptions::default(),
        }
    }
}

impl Options {
    /// How text frames arrive.
    pub fn set_data_type(&mut self, data_type: DataType) {
        self.data_type = data_type;
    }

    /// Whether a text frame that is not JSON ends the connection in object mode.
    pub fn set_strict_json(&mut self, on: bool) {
        self.strict_json = on;
    }

    /// Adds a request header. [`ErrorCode::InvalidHeader`]: not a token, a forbidden byte in the value, or one
    /// of the handshake's own names.
    pub fn set_header(&mut self, name: &str, value: &str) -> Result<(), ErrorCode> {
        headers::check_host_header(name, value)?;
        self.headers.push((name.to_owned(), value.trim_matches([' ', '\t']).to_owned()));
        Ok(())
    }

    /// Adds cookies (`a=1; b=2`), sent in one `Cookie` header. [`ErrorCode::InvalidHeader`]: a forbidden byte, or no
    /// `name=value`.
    pub fn set_cookie(&mut self, cookies: &str) -> Result<(), ErrorCode> {
        headers::check_cookies(cookies)?;
        self.cookies.push(cookies.trim_matches([' ', '\t', ';']).to_owned());
        Ok(())
    }

    /// Adds a subprotocol to offer. [`ErrorCode::InvalidArgument`]: not a token, or offered already.
    pub fn set_subprotocol(&mut self, protocol: &str) -> Result<(), ErrorCode> {
        if !headers::is_token(protocol) || self.subprotocols.iter().any(|known| known == protocol) {
            return Err(ErrorCode::InvalidArgument);
        }
        self.subprotocols.push(protocol.to_owned());
        Ok(())
    }

    /// How long the whole of connecting may take; 0: no limit.
    pub fn set_connect_timeout_ms(&mut self, ms: u32) {
        self.connect_timeout = (ms != 0).then(|| Duration::from_millis(ms.into()));
    }

    /// How long a server may take to answer a close frame; 0: it is not waited for.
    pub fn set_close_timeout_ms(&mut self, ms: u32) {
        self.close_timeout = Duration::from_millis(ms.into());
    }

    /// The largest message, both ways; 0: no limit.
    pub fn set_max_message_size(&mut self, bytes: usize) {
        self.max_message_size = bytes;
    }

    /// How much may wait to be sent; 0: no limit.
    pub fn set_send_buffer_size(&mut self, bytes: usize) {
        self.send_buffer_size = bytes;
    }

    /// How much may wait to be delivered; 0: no limit.
    pub fn set_receive_buffer_size(&mut self, bytes: usize) {
        self.receive_buffer_size = bytes;
    }

    /// Trusts the certificates of a PEM file beside the system's. Read at once.
    pub fn set_ca_file(&mut self, path: &str) -> Result<(), ErrorCode> {
        let pem = std::fs::read(path).map_err(|_| ErrorCode::InvalidArgument)?;
        self.tls.add_ca_pem(&pem)
    }

    /// Trusts the certificates of a PEM text beside the system's.
    pub fn set_ca_pem(&mut self, pem: &[u8]) -> Result<(), ErrorCode> {
        self.tls.add_ca_pem(pem)
    }

    /// Switches the verification of the server's certificate off or on again.
    pub fn set_verify(&mut self, on: bool) {
        self.tls.set_verify(on);
    }
}
