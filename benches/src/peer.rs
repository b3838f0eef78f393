//! tokio-tungstenite on a `current_thread` runtime: the other Rust client that most programs would take.

use crate::measure::{Case, Sample, measure};
use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::tungstenite::Message;

pub(crate) fn run(port: u16, case: &Case) -> Sample {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let url = format!("ws://127.0.0.1:{port}{}", case.path);
    let (mut ws, _) = runtime
        .block_on(tokio_tungstenite::connect_async_with_config(url, None, true))
        .expect("the connection is made");
    let message = Message::text("x".repeat(if case.echo { case.size } else { 0 }));
    measure(case.messages, || {
        runtime.block_on(async {
            ws.send(message.clone()).await.expect("a message leaves");
            for n in 1..=case.messages {
                while !ws.next().await.expect("a message").expect("no error").is_text() {}
                if case.echo && n < case.messages {
                    ws.send(message.clone()).await.expect("a message leaves");
                }
            }
        });
    })
}
