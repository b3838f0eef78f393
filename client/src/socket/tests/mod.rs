//! Tests that look inside a socket.

mod faults;
mod peer;
mod receiving;
mod streaming;
