//! The services that tungstenite speaks: echo, headers, close; and how its sockets begin, log and end.

use crate::log::{Seen, Trace};
use crate::route::Connection;
use crate::stream::{Stream, end_of};
use futures_util::{FutureExt, SinkExt, StreamExt};
use tokio::io::AsyncWriteExt;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

pub(crate) struct Socket {
    ws: WebSocketStream<Stream>,
    trace: Trace,
    /// The log has the client's end already.
    ended: bool,
}

impl Socket {
    /// Takes a connection over after its 101.
    pub(crate) async fn new(connection: Connection) -> Socket {
        let config = WebSocketConfig::default().max_message_size(None).max_frame_size(None);
        let Connection { stream, buffer, trace, .. } = connection;
        let ws =
            WebSocketStream::from_partially_read(stream, buffer.to_vec(), Role::Server, Some(config)).await;
        Socket { ws, trace, ended: false }
    }

    /// The next text or binary message; `None` once the connection is closed or lost.
    pub(crate) async fn next(&mut self) -> Option<Message> {
        loop {
            let message = match self.ws.next().await? {
                Ok(message) => message,
                Err(error) => {
                    self.saw_error(&error);
                    return None;
                }
            };
            self.saw_message(&message);
            if matches!(message, Message::Text(_) | Message::Binary(_)) {
                return Some(message);
            }
        }
    }

    /// What has arrived and need not be waited for.
    fn next_now(&mut self) -> Option<Option<Message>> {
        self.next().now_or_never()
    }

    /// Queues a message; [`Socket::flush`] sends. `false`: the connection is over.
    pub(crate) async fn feed(&mut self, message: Message) -> bool {
        let fed = self.ws.feed(message).await;
        self.holds(fed)
    }

    pub(crate) async fn flush(&mut self) -> bool {
        let flushed = self.ws.flush().await;
        self.holds(flushed)
    }

    pub(crate) async fn send(&mut self, message: Message) -> bool {
        self.feed(message).await && self.flush().await
    }

    /// Sends a close frame if none was sent, and reads to the end.
    pub(crate) async fn close(mut self, frame: Option<CloseFrame>) {
        let closed = self.ws.close(frame).await;
        if self.holds(closed) {
            while self.next().await.is_some() {}
        }
        self.finish().await;
    }

    /// Ends our side of TCP, then reads to the client's.
    pub(crate) async fn finish(self) {
        if !self.ended {
            let mut stream = self.ws.into_inner();
            let _ = stream.shutdown().await;
            stream.drain(&self.trace).await;
        }
    }

    fn holds(&mut self, result: Result<(), Error>) -> bool {
        if let Err(error) = &result {
            self.saw_error(error);
        }
        result.is_ok()
    }

    fn saw_message(&self, message: &Message) {
        if let Message::Close(frame) = message {
            let frame = frame.as_ref();
            self.trace.saw(Seen::Close(
                frame.map(|frame| frame.code.into()),
                frame.map_or(String::new(), |frame| frame.reason.to_string()),
            ));
        } else if self.trace.wants_messages() {
            match message {
                Message::Text(text) => self.trace.saw(Seen::Text(text.to_string())),
                Message::Binary(data) => self.trace.saw(Seen::Binary(data.to_vec())),
                Message::Ping(data) => self.trace.saw(Seen::Ping(data.to_vec())),
                Message::Pong(data) => self.trace.saw(Seen::Pong(data.to_vec())),
                _ => {}
            }
        }
    }

    fn saw_error(&mut self, error: &Error) {
        let seen = match error {
            Error::ConnectionClosed | Error::AlreadyClosed => return,
            Error::Protocol(ProtocolError::SendAfterClosing) => return,
            Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Seen::Eof,
            Error::Io(error) => end_of(error),
            other => Seen::Violation(other.to_string()),
        };
        if !self.ended {
            self.ended = matches!(seen, Seen::Eof | Seen::Reset);
            self.trace.saw(seen);
        }
    }
}

pub(crate) async fn echo(connection: Connection) {
    echo_all(Socket::new(connection).await).await;
}

/// Answers what has arrived together in one write.
async fn echo_all(mut socket: Socket) {
    let mut next = socket.next().await;
    while let Some(message) = next {
        if !socket.feed(message).await {
            break;
        }
        next = match socket.next_now() {
            Some(arrived) => arrived,
            None if socket.flush().await => socket.next().await,
            None => break,
        };
    }
    socket.finish().await;
}

pub(crate) async fn headers(connection: Connection) {
    let head = connection.request.head.clone();
    let mut socket = Socket::new(connection).await;
    if socket.send(Message::text(head)).await {
        echo_all(socket).await;
    } else {
        socket.finish().await;
    }
}

pub(crate) async fn close(connection: Connection) {
    let code = connection.request.query.raw("code").and_then(|code| code.parse::<u16>().ok());
    let reason = connection.request.query.text("reason").unwrap_or_default();
    let frame = code.map(|code| CloseFrame { code: CloseCode::from(code), reason: reason.into() });
    Socket::new(connection).await.close(frame).await;
}
