//! The server: raw sockets and prepared bytes, on a core of its own, so that it is never the bottleneck.
//!
//! Two ports, ws and wss; what a connection does is said by its path:
//!
//! ```text
//! /echo              answers each message with one of the same length
//! /spin              the same, and never sleeps while it waits for one (ws only)
//! /polled            the same, and looks for one for 50 microseconds before it sleeps
//! /flood/SIZE/N      waits for a message, then sends N of SIZE bytes
//! /sink/N            answers each N messages with one
//! /tick/SIZE/N       sends N messages a second
//! /deflate/HOW/SIZE  answers each message with a compressed one; HOW: context, fresh (no context takeover);
//!                    SIZE: 1k, 64k
//! /connect           echo, on the thread that accepts: nothing is started for it
//! ```

mod accept;
mod bytes;
mod patient;
mod serve;
mod ticker;
mod tls;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::FromRawFd;
use std::path::Path;
use std::sync::Arc;
use std::thread;

pub(crate) use bytes::write_samples;
use patient::Patient;

/// A transport on which frames go.
pub(crate) trait Link: Read + Write + Send + 'static {
    /// Sends `response`, waits for a message, and sends what `next` returns until it returns nothing.
    fn flood(self, response: &[u8], next: impl FnMut() -> Option<Arc<[u8]>>) -> std::io::Result<()>;

    /// From now on it looks for bytes for a moment before it sleeps.
    fn look_before_sleeping(&mut self);

    /// The bare socket, if there is nothing between.
    fn bare(self) -> Option<TcpStream>;
}

/// Serves until the process is killed. `folder` holds the samples and gets the certificate, `ca.pem`; the ports go to
/// standard output.
pub(crate) fn run(folder: &Path) {
    crate::process::pin_to_core(0);
    let config = tls::config(folder);
    let samples = Arc::new(bytes::Samples::load(folder));
    let (plain, secure) = (listen(), listen());
    let port = |listener: &TcpListener| listener.local_addr().expect("an address").port();
    println!("{} {}", port(&plain), port(&secure));
    let secure_samples = Arc::clone(&samples);
    thread::spawn(move || {
        for stream in secure.incoming().flatten().map(Patient::new) {
            // A client that goes away in the middle is the end of its turn, here and below.
            let _ = tls::accept(stream, &config).and_then(|link| accept::accept(link, &secure_samples));
        }
    });
    // Who started this ends it by closing its standard input, also by dying.
    thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        std::process::exit(0);
    });
    for stream in plain.incoming().flatten().map(Patient::new) {
        let _ = accept::accept(stream, &samples);
    }
}

/// A listener with a long queue, for clients that open a thousand connections at once.
fn listen() -> TcpListener {
    // SAFETY: system calls on a descriptor of our own, an address that lives through them; the listener owns it then.
    unsafe {
        let fd = libc::socket(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0);
        let mut address: libc::sockaddr_in = std::mem::zeroed();
        address.sin_family = libc::AF_INET as libc::sa_family_t;
        address.sin_addr.s_addr = u32::from_be_bytes([127, 0, 0, 1]).to_be();
        let size = size_of::<libc::sockaddr_in>() as libc::socklen_t;
        assert_eq!(libc::bind(fd, (&raw const address).cast(), size), 0, "a port");
        assert_eq!(libc::listen(fd, 4096), 0, "a listener");
        TcpListener::from_raw_fd(fd)
    }
}

impl Link for Patient {
    fn flood(mut self, response: &[u8], mut next: impl FnMut() -> Option<Arc<[u8]>>) -> std::io::Result<()> {
        self.write_all(response)?;
        let _ = self.read(&mut [0; 64])?;
        while let Some(bytes) = next() {
            self.write_all(&bytes)?;
        }
        Ok(())
    }

    fn look_before_sleeping(&mut self) {
        Patient::look_before_sleeping(self);
    }

    fn bare(self) -> Option<TcpStream> {
        Some(self.into_inner())
    }
}
