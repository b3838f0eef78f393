//! Connections that get so many messages a second, all served by one thread, spread evenly over the time.

use std::io::Write;
use std::net::TcpStream;
use std::sync::{Mutex, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use crate::frame;

/// The time between two of the ticker's rounds.
const ROUND: Duration = Duration::from_millis(5);

struct Ticking {
    stream: TcpStream,
    message: Vec<u8>,
    every: Duration,
    next: Instant,
}

pub(crate) fn add(stream: Option<TcpStream>, size: usize, per_second: usize) {
    static NEW: OnceLock<Mutex<Vec<Ticking>>> = OnceLock::new();
    let Some(stream) = stream else { return };
    // A client that does not read misses messages, it does not stop the others'.
    let _ = stream.set_nonblocking(true);
    let every = Duration::from_secs(1) / per_second.max(1) as u32;
    let new = NEW.get_or_init(|| {
        thread::spawn(|| tick(NEW.get_or_init(Mutex::default)));
        Mutex::default()
    });
    let mut new = new.lock().expect("nobody panics with it");
    // Connections that come one after the other are spread over one period.
    let phase = every.mul_f64((new.len() as f64 * 0.618) % 1.0);
    new.push(Ticking { stream, message: frame::text(size, false), every, next: Instant::now() + phase });
}

fn tick(all: &Mutex<Vec<Ticking>>) {
    loop {
        thread::sleep(ROUND);
        let now = Instant::now();
        all.lock().expect("nobody panics with it").retain_mut(|one| {
            if one.next > now {
                return true;
            }
            one.next += one.every;
            match one.stream.write(&one.message) {
                Ok(written) => written == one.message.len(),
                Err(error) => error.kind() == std::io::ErrorKind::WouldBlock,
            }
        });
    }
}
