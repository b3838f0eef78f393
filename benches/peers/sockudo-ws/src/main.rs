use futures_util::{SinkExt, StreamExt};
use peer_common::{Deflate, Peer, Target, Transport};
use sockudo_ws::client::WebSocketClient;
use sockudo_ws::{CompressedWebSocketStream, Config, DeflateConfig, Http1, Message, Result, WebSocketStream};

enum Sockudo {
    Plain(WebSocketStream<Transport>),
    Compressed(CompressedWebSocketStream<Transport>),
}

impl Sockudo {
    async fn next(&mut self) -> Option<Result<Message>> {
        match self {
            Sockudo::Plain(ws) => ws.next().await,
            Sockudo::Compressed(ws) => ws.next().await,
        }
    }
}

impl Peer for Sockudo {
    const DEFLATE: bool = true;
    type Message = Message;

    fn message(text: &str) -> Message {
        Message::text(text.to_owned())
    }

    async fn connect(target: &Target) -> Self {
        let config = Config::builder().max_payload_length(64 << 20).build();
        let mut stream = target.transport().await;
        if target.deflate == Deflate::No {
            let client = WebSocketClient::<Http1>::new(config);
            let (ws, _) = client.connect_raw(stream, "localhost", &target.path, None).await.expect("a connection");
            return Sockudo::Plain(ws);
        }
        let offer = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
        peer_common::upgrade(&mut stream, &target.path, offer).await;
        let fresh = target.deflate == Deflate::Fresh;
        let deflate = DeflateConfig {
            server_no_context_takeover: fresh,
            client_no_context_takeover: fresh,
            ..DeflateConfig::default()
        };
        Sockudo::Compressed(CompressedWebSocketStream::client(stream, config, deflate))
    }

    async fn send(&mut self, message: Message) {
        match self {
            Sockudo::Plain(ws) => ws.send(message).await,
            Sockudo::Compressed(ws) => ws.send(message).await,
        }
        .expect("a message leaves");
    }

    async fn feed(&mut self, message: Message) {
        match self {
            Sockudo::Plain(ws) => ws.feed(message).await,
            Sockudo::Compressed(ws) => ws.feed(message).await,
        }
        .expect("a message leaves");
    }

    async fn flush(&mut self) {
        match self {
            Sockudo::Plain(ws) => ws.flush().await,
            Sockudo::Compressed(ws) => ws.flush().await,
        }
        .expect("messages leave");
    }

    async fn receive(&mut self) -> usize {
        loop {
            if let Message::Text(text) = self.next().await.expect("a message").expect("no error") {
                return text.len();
            }
        }
    }

    async fn close(mut self) {
        let closed = match &mut self {
            Sockudo::Plain(ws) => ws.close(1000, "").await,
            Sockudo::Compressed(ws) => ws.close(1000, "").await,
        };
        closed.expect("a close frame leaves");
        while let Some(Ok(_)) = self.next().await {}
    }
}

fn main() {
    peer_common::main::<Sockudo>();
}
