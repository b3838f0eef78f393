//! The operating system. This is the only module that knows which one it is: everywhere else there is no `libc`, no descriptor
//! by its number, and no `cfg` of a system.
//!
//! A system gives, each in a module of this name:
//!
//! - `stream`: non-blocking sockets. A read goes into spare capacity and a write takes several slices; neither raises a
//!   signal. Where the system can, it reads in large steps and tells what the peer has not acknowledged.
//! - `readiness`: registrations of a stream, or of something that can be waited for, with the I/O thread's runtime.
//! - `poll`: one wait for a few streams and for what is signalled. A system that has none for both together says so.
//! - `selector`: readiness of many streams for an owner that waits and reads itself. A system without one says so when it
//!   is made; then the I/O thread reads.
//! - `wake`: something that a thread sleeps on and that any other thread signals; on Unix also a signal handler. It is
//!   also what `ws_dispatcher_fd` shows to the host.
//! - `thread`: how a thread of the library starts (its stack and its signals), and what happened while it slept.
//! - `process`: what the library does before it keeps anything for the process, and whether that is ending.
//! - `failure`: what the system's error numbers mean to a client.
//! - `file`: limits of paths, and files that only their owner reads.
//! - `interface`: the numbers of network interfaces.
//! - `services`: what the system offers beyond its kernel: judging certificates, settings for proxies, the environment.
//!
//! `unix` has what all Unix systems share. What is Linux's own is in `unix/linux.rs`; `unix/portable.rs` has the same from
//! what POSIX has, for macOS and the BSDs. With `--cfg ws4d_portable` Linux takes it too, and so it is tested there.

#[cfg(unix)]
#[path = "unix/mod.rs"]
mod system;
#[cfg(windows)]
#[path = "windows/mod.rs"]
mod system;

pub(crate) use system::*;
