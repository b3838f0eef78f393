//! Many connections on one thread, a task each.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use tokio::task::{spawn_local, yield_now};
use tokio::time::sleep;

use crate::{Clock, Peer, Target, cpu_time};

/// Resident memory of this process, in KiB.
fn resident() -> f64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: f64 = text.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or(0.0);
    // SAFETY: a question to the system.
    pages * unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as f64 / 1024.0
}

pub(crate) async fn idle<P: Peer>(target: &Target, lines: &[P::Message], count: usize) {
    drop(P::connect(target).await);
    let before = resident();
    let mut peers = Vec::with_capacity(count);
    for n in 0..count {
        let mut peer = P::connect(target).await;
        if !lines.is_empty() {
            peer.send(lines[n % lines.len()].clone()).await;
            peer.receive().await;
        }
        peers.push(peer);
    }
    println!("kib={:.3}", (resident() - before) / count as f64);
}

/// A task for each, that counts what it gets.
async fn counting<P: Peer>(target: &Target, sockets: usize, start: bool) -> Vec<Rc<Cell<usize>>> {
    let mut counts = Vec::with_capacity(sockets);
    let mut peers = Vec::with_capacity(sockets);
    for _ in 0..sockets {
        peers.push(P::connect(target).await);
    }
    for mut peer in peers {
        if start {
            peer.send(P::message("")).await;
        }
        let count = Rc::new(Cell::new(0));
        counts.push(Rc::clone(&count));
        spawn_local(async move {
            loop {
                peer.receive().await;
                count.set(count.get() + 1);
            }
        });
    }
    counts
}

pub(crate) async fn tick<P: Peer>(target: &Target, sockets: usize) {
    let counts = counting::<P>(target, sockets, false).await;
    let all = || counts.iter().map(|count| count.get()).sum::<usize>();
    sleep(Duration::from_millis(300)).await;
    let (before, cpu) = (all(), cpu_time());
    sleep(Duration::from_millis(1500)).await;
    let messages = all() - before;
    println!("messages={messages} cpu={:.6}", (cpu_time() - cpu).as_secs_f64() * 1e6 / messages as f64);
}

pub(crate) async fn fan_in<P: Peer>(target: &Target, sockets: usize) {
    let counts = counting::<P>(target, sockets, true).await;
    let all = || counts.iter().map(|count| count.get()).sum::<usize>();
    while counts.iter().any(|count| count.get() == 0) {
        yield_now().await;
    }
    counts.iter().for_each(|count| count.set(0));
    let clock = Clock::start();
    sleep(Duration::from_secs(1)).await;
    clock.print(all());
    let (slowest, fastest) = (counts.iter().map(|n| n.get()).min(), counts.iter().map(|n| n.get()).max());
    println!("fairness={:.3}", slowest.unwrap_or(0) as f64 / fastest.unwrap_or(1) as f64);
}
