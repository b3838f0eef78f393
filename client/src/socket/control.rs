//! The pings and pongs that a program sends.

use super::Socket;
use crate::error::ErrorCode;
use crate::event::MESSAGE_OVERHEAD;
use crate::random::mask_key;
use std::sync::Arc;
use ws4d_protocol::frame::OpCode;
use ws4d_protocol::send::encode;

/// The longest payload of a ping or a pong, in bytes (RFC 6455 §5.5).
pub const MOST_PING: usize = 125;

impl Socket {
    /// Sends a ping of at most 125 bytes; its pong is an event. Errors: [`ErrorCode::TooLarge`] for a longer one, and
    /// as of [`Socket::send`].
    pub fn ping(self: &Arc<Self>, data: &[u8]) -> Result<(), ErrorCode> {
        self.send_control(OpCode::Ping, data)
    }

    /// Sends an unsolicited pong (RFC 6455 §5.5.3); otherwise like [`Socket::ping`].
    pub fn pong(self: &Arc<Self>, data: &[u8]) -> Result<(), ErrorCode> {
        self.send_control(OpCode::Pong, data)
    }

    fn send_control(self: &Arc<Self>, opcode: OpCode, data: &[u8]) -> Result<(), ErrorCode> {
        if data.len() > MOST_PING {
            return Err(ErrorCode::TooLarge);
        }
        let mut frame = Vec::with_capacity(6 + data.len());
        encode(opcode, true, data, mask_key(), &mut frame).map_err(|_| ErrorCode::OutOfMemory)?;
        let mut outgoing = self.outgoing.lock();
        if let Err(error) = outgoing.admit(self.settings.send_buffer_size) {
            drop(outgoing);
            self.flush();
            return Err(error);
        }
        let charge = data.len() + MESSAGE_OVERHEAD;
        outgoing.queue.push_control(&frame, charge).map_err(|_| ErrorCode::OutOfMemory)?;
        if opcode == OpCode::Ping {
            outgoing.remember_ping(data, true);
        }
        drop(outgoing);
        self.flush();
        Ok(())
    }
}
