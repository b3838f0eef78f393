//! Many sockets on one epoll.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use super::{Target, upgrade};
use crate::frame;
use crate::process::cpu_time;

struct Many {
    epoll: i32,
    streams: Vec<TcpStream>,
    bytes: Vec<usize>,
    buffer: Vec<u8>,
}

impl Many {
    fn new(target: &Target, sockets: usize) -> Many {
        // SAFETY: a system call.
        let epoll = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        let streams: Vec<TcpStream> = (0..sockets)
            .map(|n| {
                let mut stream = super::tcp(target);
                upgrade(&mut stream, target.path, "");
                let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: n as u64 };
                // SAFETY: both descriptors are ours, the event lives through the call.
                unsafe { libc::epoll_ctl(epoll, libc::EPOLL_CTL_ADD, stream.as_raw_fd(), &mut event) };
                stream
            })
            .collect();
        Many { epoll, bytes: vec![0; streams.len()], streams, buffer: vec![0; 256 * 1024] }
    }

    /// Reads once from each socket that has something.
    fn turn(&mut self) -> usize {
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; 64];
        // SAFETY: room for as many events as it says.
        let n = unsafe { libc::epoll_wait(self.epoll, events.as_mut_ptr(), events.len() as i32, 100) };
        let mut all = 0;
        for event in &events[..n.max(0) as usize] {
            let at = event.u64 as usize;
            let n = self.streams[at].read(&mut self.buffer).expect("bytes");
            self.bytes[at] += n;
            all += n;
        }
        all
    }
}

pub(super) fn tick(target: &Target, size: usize, sockets: usize) {
    let mut many = Many::new(target, sockets);
    let turn_for = |many: &mut Many, time| {
        let (end, mut bytes) = (Instant::now() + time, 0);
        while Instant::now() < end {
            bytes += many.turn();
        }
        bytes
    };
    turn_for(&mut many, Duration::from_millis(300));
    let cpu = cpu_time();
    let bytes = turn_for(&mut many, Duration::from_millis(1500));
    let messages = bytes / frame::text(size, false).len();
    println!("messages={messages} cpu={:.6}", (cpu_time() - cpu).as_secs_f64() * 1e6 / messages as f64);
}

pub(super) fn fan_in(target: &Target, size: usize, sockets: usize) {
    let mut many = Many::new(target, sockets);
    for stream in &mut many.streams {
        stream.write_all(&frame::header(0, true)).expect("the start");
    }
    while many.bytes.contains(&0) {
        many.turn();
    }
    many.bytes.fill(0);
    let (start, cpu) = (Instant::now(), cpu_time());
    while start.elapsed() < Duration::from_secs(1) {
        many.turn();
    }
    let messages = many.bytes.iter().sum::<usize>() as f64 / frame::text(size, false).len() as f64;
    let micros = |time: Duration| time.as_secs_f64() * 1e6 / messages;
    println!("wall={:.6} cpu={:.6}", micros(start.elapsed()), micros(cpu_time() - cpu));
    let (slowest, fastest) = (many.bytes.iter().min(), many.bytes.iter().max());
    println!("fairness={:.3}", *slowest.unwrap_or(&0) as f64 / *fastest.unwrap_or(&1) as f64);
}
