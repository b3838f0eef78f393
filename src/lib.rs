//! The C ABI of libws4d: the exported functions, and the only place with raw pointers of the host.
//!
//! Each entry point is a few lines: enter the guard (`boundary`), check the arguments (`arg`), look the handle up
//! (`handles`), call one method of the client, translate the result. Logic that a Rust test could want to check
//! belongs in the client crate, not here. The doc comments of the exported items are the header's.

#![deny(unsafe_op_in_unsafe_fn)]
#![allow(non_camel_case_types)]

#[cfg(not(target_pointer_width = "64"))]
compile_error!("libws4d needs a 64-bit target: its handles are tokens of 47 bits in pointer-sized values");

pub mod batch;
pub mod close_info;
pub mod dispatcher;
pub mod errors;
pub mod event;
pub mod handler;
pub mod inspect;
pub mod json;
pub mod library;
pub mod log;
pub mod names;
pub mod open;
pub mod options;
pub mod reconnector;
pub mod result;
pub mod send;
pub mod send_many;
pub mod send_parts;
pub mod socket;
pub mod stats;
pub mod tls_info;
mod tls_texts;
mod token_life;
pub mod types;
pub mod utf16;

mod arg;
mod boundary;
mod bridge;
mod call_host;
#[cfg(ws4d_panics)]
mod fault;
mod handles;
mod out_struct;

#[cfg(test)]
mod header;
