//! Tests that look inside a socket.

mod ends;
mod faults;
mod peer;
mod receiving;
mod streaming;
