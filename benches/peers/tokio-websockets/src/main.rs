use futures_util::{SinkExt, StreamExt};
use peer_common::{Peer, Target, Transport};
use tokio_websockets::{ClientBuilder, Message, WebSocketStream};

struct Websockets(WebSocketStream<Transport>);

impl Peer for Websockets {
    type Message = Message;

    fn message(text: &str) -> Message {
        Message::text(text.to_owned())
    }

    async fn connect(target: &Target) -> Self {
        let builder = ClientBuilder::new().uri(&target.url).expect("a URL");
        let (ws, _) = builder.connect_on(target.transport().await).await.expect("the connection is made");
        Websockets(ws)
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
            let message = self.0.next().await.expect("a message").expect("no error");
            if message.is_text() {
                return message.as_payload().len();
            }
        }
    }

    async fn close(mut self) {
        self.0.close().await.expect("a close frame leaves");
        while let Some(Ok(_)) = self.0.next().await {}
    }
}

fn main() {
    peer_common::main::<Websockets>();
}
