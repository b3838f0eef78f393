//! A socket that is read at once or, where that is asked for, in a loop for a moment before it is waited for: a client's round
//! trip then holds its own wake-up, and not the server's too.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

const MOMENT: Duration = Duration::from_micros(50);

pub(crate) struct Patient {
    stream: TcpStream,
    looks: bool,
}

impl Patient {
    pub(crate) fn new(stream: TcpStream) -> Patient {
        let _ = stream.set_nodelay(true);
        Patient { stream, looks: false }
    }

    pub(crate) fn look_before_sleeping(&mut self) {
        self.looks = true;
    }

    pub(crate) fn into_inner(self) -> TcpStream {
        self.stream
    }

    /// `None` where nothing is there.
    fn read_at_once(&self, buffer: &mut [u8]) -> Option<io::Result<usize>> {
        // SAFETY: the descriptor is open, and the buffer lives through the call.
        let n = unsafe {
            libc::recv(self.stream.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len(), libc::MSG_DONTWAIT)
        };
        if let Ok(n) = usize::try_from(n) {
            return Some(Ok(n));
        }
        let error = io::Error::last_os_error();
        (error.kind() != io::ErrorKind::WouldBlock).then_some(Err(error))
    }
}

impl Read for Patient {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.looks {
            let until = Instant::now() + MOMENT;
            while Instant::now() < until {
                if let Some(read) = self.read_at_once(buffer) {
                    return read;
                }
            }
        }
        self.stream.read(buffer)
    }
}

impl Write for Patient {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
