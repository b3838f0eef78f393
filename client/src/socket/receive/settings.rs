//! The receiver of a socket, made from its options.

use crate::socket::Settings;
use ws4d_protocol::deflate;
use ws4d_protocol::receive::{Limits, Receiver};

impl Settings {
    /// Makes the receiver of a connection with this agreed compression.
    pub(super) fn receiver(&self, deflate: Option<&deflate::Params>) -> Receiver {
        let limits = Limits { max_message_size: self.max_message_size as u64 };
        let receiver = Receiver::with_deflate(limits, deflate).with_parts(self.part_size);
        if self.validate_utf8 { receiver } else { receiver.without_text_check() }
    }
}
