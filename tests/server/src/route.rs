//! From the path to the behaviour.

use crate::log::{Seen, Trace};
use crate::request::Request;
use crate::response::Head;
use crate::server::Shared;
use crate::stream::{Stream, end_of};
use crate::{chat, flood, handshakes, script, services, ticker};
use bytes::BytesMut;
use std::sync::Arc;
use tokio::io::AsyncWriteExt;

/// A connection whose request has been read.
pub(crate) struct Connection {
    pub(crate) stream: Stream,
    /// What came behind the request head.
    pub(crate) buffer: BytesMut,
    pub(crate) trace: Trace,
    pub(crate) shared: Arc<Shared>,
    pub(crate) request: Request,
}

impl Connection {
    /// Writes all of it at once. `false`: the client has gone, and the log knows.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> bool {
        let written = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        match written.await {
            Ok(()) => true,
            Err(error) => {
                self.trace.saw(end_of(&error));
                false
            }
        }
    }

    /// Answers with the 101.
    pub(crate) async fn upgrade(&mut self) -> bool {
        let head = Head::upgrade(&self.request).bytes();
        self.write(&head).await
    }

    /// A plain answer that ends the connection.
    pub(crate) async fn refuse(&mut self, line: &str, body: &str) {
        let mut head = Head::new(&format!("HTTP/1.1 {line}"));
        head.add("Content-Length", &body.len().to_string());
        head.add("Connection", "close");
        let mut bytes = head.bytes();
        bytes.extend_from_slice(body.as_bytes());
        if self.write(&bytes).await {
            self.finish().await;
        }
    }

    /// Ends our side, then reads to the client's end.
    pub(crate) async fn finish(&mut self) {
        let _ = self.stream.shutdown().await;
        self.stream.drain(&self.trace).await;
    }
}

/// Serves one connection to its end.
pub(crate) async fn serve(mut stream: Stream, mut trace: Trace, shared: Arc<Shared>) {
    let mut buffer = BytesMut::new();
    let Some(request) = Request::read(&mut stream, &mut buffer, &mut trace).await else {
        return;
    };
    let mut connection = Connection { stream, buffer, trace, shared, request };
    if let Some(complaint) = connection.request.complaint() {
        connection.trace.saw(Seen::Violation(complaint.into()));
        return connection.refuse("400 Bad Request", complaint).await;
    }
    let path = connection.request.path.clone();
    match path.as_str() {
        "/script" => script::script(connection).await,
        "/glued" => script::glued(connection).await,
        "/idle" => script::idle(connection).await,
        "/flood" => flood::flood(connection).await,
        "/echo" | "/headers" | "/close" | "/chat" | "/ticker" => {
            if !connection.upgrade().await {
                return;
            }
            match path.as_str() {
                "/headers" => services::headers(connection).await,
                "/close" => services::close(connection).await,
                "/chat" => chat::chat(connection).await,
                "/ticker" => ticker::ticker(connection).await,
                _ => services::echo(connection).await,
            }
        }
        _ => {
            if let Some(connection) = handshakes::misbehave(connection).await {
                services::echo(connection).await;
            }
        }
    }
}
