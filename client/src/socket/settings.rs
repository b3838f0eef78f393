//! The options that a socket needs after connecting.

use crate::event::DataType;
use crate::options::{Compression, LivenessLimits, Options};
use std::time::Duration;
use ws4d_protocol::deflate;
use ws4d_protocol::receive::{Limits, Receiver};

#[derive(Clone, Copy)]
pub(super) struct Settings {
    pub(super) data_type: DataType,
    pub(super) strict_json: bool,
    /// Received text must be UTF-8.
    validate_utf8: bool,
    /// Where callbacks run on the I/O thread: time to poll before it sleeps.
    pub(super) busy_poll: Duration,
    pub(super) close_timeout: Duration,
    pub(super) liveness: LivenessLimits,
    pub(super) max_message_size: usize,
    /// Pings of the server's are events.
    pub(super) ping_events: bool,
    /// A longer message arrives in parts; 0: none does.
    part_size: usize,
    /// Maximum payload of a frame; 0: a message is one frame.
    pub(super) frame_size: usize,
    pub(super) send_buffer_size: usize,
    pub(super) receive_buffer_size: usize,
    pub(super) compression: Compression,
}

impl Settings {
    /// `private`: callbacks run on the I/O thread.
    pub(super) fn of(options: &Options, private: bool) -> Settings {
        Settings {
            data_type: options.data_type,
            strict_json: options.strict_json,
            validate_utf8: options.validate_utf8,
            busy_poll: if private { options.busy_poll } else { Duration::ZERO },
            close_timeout: options.close_timeout,
            liveness: options.liveness,
            max_message_size: options.max_message_size,
            ping_events: options.ping_events,
            part_size: options.part_size,
            frame_size: options.frame_size,
            send_buffer_size: options.send_buffer_size,
            receive_buffer_size: options.receive_buffer_size,
            compression: options.compression,
        }
    }

    /// Makes the receiver of a connection with this agreed compression.
    pub(super) fn receiver(&self, deflate: Option<&deflate::Params>) -> Receiver {
        let limits = Limits { max_message_size: self.max_message_size as u64 };
        let receiver = Receiver::with_deflate(limits, deflate).with_parts(self.part_size);
        if self.validate_utf8 { receiver } else { receiver.without_text_check() }
    }
}
