//! A socket that is read in a loop instead of being waited for: what a round trip takes without anybody's wake-up.

use std::io::{self, Read, Write};
use std::net::TcpStream;

pub(crate) struct Spinning(TcpStream);

impl Spinning {
    pub(crate) fn new(stream: TcpStream) -> io::Result<Spinning> {
        stream.set_nonblocking(true)?;
        Ok(Spinning(stream))
    }
}

/// Again and again until there is something. The end of the stream and a broken one are something, too: they end the loop.
fn spin(mut call: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => std::hint::spin_loop(),
            said => return said,
        }
    }
}

impl Read for Spinning {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        spin(|| self.0.read(buffer))
    }
}

impl Write for Spinning {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        spin(|| self.0.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
