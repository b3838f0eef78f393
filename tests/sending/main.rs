//! Sending: what goes out is what was given, in the order given, or nothing at all.

mod buffer;
mod cork;
mod frames;
mod many;
mod message;
mod order;
mod parts;
#[path = "../wire/mod.rs"]
mod wire;

use ws4d_test_host::Options;
use ws4d_test_server::{Seen, Server};

/// Options with this size of the send buffer.
fn send_buffer(bytes: usize) -> Options {
    Options::new().set(|api, o| (api.ws_options_set_send_buffer_size)(o, bytes))
}

/// Waits until the server has got so many messages, texts or blobs; gives them.
fn messages(server: &Server, count: usize) -> Vec<Vec<u8>> {
    server.wait_until(|log| {
        let messages = log.iter().filter_map(|event| match &event.seen {
            Seen::Text(text) => Some(text.as_bytes()),
            Seen::Binary(data) => Some(data.as_slice()),
            _ => None,
        });
        (messages.clone().count() >= count).then(|| messages.map(<[u8]>::to_vec).collect())
    })
}
