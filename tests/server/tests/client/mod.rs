//! A blocking client over tokio-tungstenite, and raw requests.
#![allow(dead_code)]

use futures_util::{SinkExt, StreamExt};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use std::io::{Read, Write};
use std::pin::Pin;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};
use ws4d_test_server::Server;

trait Io: AsyncRead + AsyncWrite + Send {}
impl<T: AsyncRead + AsyncWrite + Send> Io for T {}

pub(crate) struct Client {
    runtime: Runtime,
    ws: WebSocketStream<Pin<Box<dyn Io>>>,
}

impl Client {
    pub(crate) fn connect(server: &Server, url: &str) -> Client {
        Client::try_connect(server, url).unwrap_or_else(|error| panic!("{url}: {error}"))
    }

    pub(crate) fn try_connect(server: &Server, url: &str) -> Result<Client, Error> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let ws = runtime.block_on(async {
            let port = url.split([':', '/', '?']).find_map(|part| part.parse::<u16>().ok()).expect("a port");
            let tcp = TcpStream::connect(("127.0.0.1", port)).await?;
            let io: Pin<Box<dyn Io>> =
                if url.starts_with("wss:") { Box::pin(tls(server, tcp).await?) } else { Box::pin(tcp) };
            let config = WebSocketConfig::default().max_message_size(None).max_frame_size(None);
            tokio_tungstenite::client_async_with_config(url, io, Some(config)).await
        });
        ws.map(|(ws, _)| Client { runtime, ws })
    }

    pub(crate) fn send(&mut self, message: Message) {
        self.runtime.block_on(self.ws.send(message)).expect("sent");
    }

    pub(crate) fn close(&mut self, code: u16, reason: &str) {
        self.runtime.block_on(self.ws.close(frame(code, reason))).expect("close sent");
    }

    /// The next message of any kind; `None` at the end or at an error.
    pub(crate) fn next(&mut self) -> Option<Message> {
        self.runtime.block_on(self.ws.next())?.ok()
    }

    pub(crate) fn text(&mut self) -> String {
        match self.next() {
            Some(Message::Text(text)) => text.to_string(),
            other => panic!("wanted a text, got {other:?}"),
        }
    }
}

async fn tls(server: &Server, tcp: TcpStream) -> std::io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(server.ca_pem().as_bytes()).expect("PEM")).expect("a CA");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").expect("a name");
    tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, tcp).await
}

pub(crate) fn frame(code: u16, reason: &str) -> Option<CloseFrame> {
    Some(CloseFrame { code: code.into(), reason: reason.to_owned().into() })
}

/// Sends a proper upgrade request over plain TCP.
pub(crate) fn request(server: &Server, path: &str) -> std::net::TcpStream {
    let mut tcp = std::net::TcpStream::connect(("127.0.0.1", server.ws_port())).expect("connected");
    let head = format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    tcp.write_all(head.as_bytes()).expect("sent");
    tcp
}

/// What the server answers up to `end`, or up to its end.
pub(crate) fn answer(tcp: &mut std::net::TcpStream, end: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut byte = [0];
    while !bytes.ends_with(end) || end.is_empty() {
        match tcp.read(&mut byte) {
            Ok(1) => bytes.push(byte[0]),
            _ => break,
        }
    }
    bytes
}
