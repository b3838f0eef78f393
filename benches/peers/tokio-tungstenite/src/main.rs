use futures_util::{SinkExt, StreamExt};
use peer_common::{Peer, Target, Transport};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

struct Tungstenite(WebSocketStream<Transport>);

impl Peer for Tungstenite {
    type Message = Message;

    fn message(text: &str) -> Message {
        Message::text(text)
    }

    async fn connect(target: &Target) -> Self {
        let (ws, _) = tokio_tungstenite::client_async(target.url.as_str(), target.transport().await)
            .await
            .expect("the connection is made");
        Tungstenite(ws)
    }

    async fn send(&mut self, message: Message) {
        self.0.send(message).await.expect("a message leaves");
    }

    async fn feed(&mut self, message: Message) {
        self.0.feed(message).await.expect("a message leaves");
    }

    async fn flush(&mut self) {
        self.0.flush().await.expect("messages leave");
    }

    async fn receive(&mut self) -> usize {
        loop {
            if let Message::Text(text) = self.0.next().await.expect("a message").expect("no error") {
                return text.len();
            }
        }
    }

    async fn close(mut self) {
        self.0.close(None).await.expect("a close frame leaves");
        while let Some(Ok(_)) = self.0.next().await {}
    }
}

fn main() {
    peer_common::main::<Tungstenite>();
}
