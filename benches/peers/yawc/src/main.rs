use futures_util::{SinkExt, StreamExt};
use peer_common::{Deflate, Peer, Target, Transport};
use yawc::{CompressionLevel, Frame, OpCode, Options, WebSocket};

struct Yawc(WebSocket<Transport>);

impl Peer for Yawc {
    const DEFLATE: bool = true;
    type Message = Frame;

    fn message(text: &str) -> Frame {
        Frame::text(text.to_owned())
    }

    async fn connect(target: &Target) -> Self {
        // The limits are exclusive; texts are checked, as all the others do.
        let options = Options::default().with_limits(64 << 20, 128 << 20).with_utf8();
        let options = match target.deflate {
            Deflate::No => options,
            _ => options.with_compression_level(CompressionLevel::new(6)),
        };
        let options = match target.deflate {
            Deflate::Fresh => options.client_no_context_takeover().server_no_context_takeover(),
            _ => options,
        };
        let url = target.url.parse().expect("a URL");
        Yawc(WebSocket::handshake(url, target.transport().await, options).await.expect("the connection is made"))
    }

    async fn send(&mut self, message: Frame) {
        self.0.send(message).await.expect("a message leaves");
    }

    async fn feed(&mut self, message: Frame) {
        self.0.feed(message).await.expect("a message leaves");
    }

    async fn flush(&mut self) {
        SinkExt::<Frame>::flush(&mut self.0).await.expect("messages leave");
    }

    async fn receive(&mut self) -> usize {
        loop {
            let frame = self.0.next_frame().await.expect("a message");
            if frame.opcode() == OpCode::Text {
                return frame.payload().len();
            }
        }
    }

    async fn close(mut self) {
        let _ = SinkExt::<Frame>::close(&mut self.0).await;
        while self.0.next().await.is_some() {}
    }
}

fn main() {
    peer_common::main::<Yawc>();
}
