//! What is measured, and how it is told: wall time and the client process's CPU time a message, as medians, and as
//! ratios to the raw socket.

use std::time::{Duration, Instant};

/// One thing to measure.
#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) size: usize,
    pub(crate) messages: usize,
    /// A message is sent for each one received.
    pub(crate) echo: bool,
}

impl Case {
    pub(crate) fn round_trip(size: usize, messages: usize) -> Case {
        Case { name: format!("round trip {}", bytes(size)), path: "/echo".into(), size, messages, echo: true }
    }

    pub(crate) fn receive(size: usize, messages: usize) -> Case {
        let path = format!("/flood/{size}/{messages}");
        Case { name: format!("receive {}", bytes(size)), path, size, messages, echo: false }
    }
}

fn bytes(size: usize) -> String {
    match size {
        0..1024 => format!("{size} B"),
        1024..1_048_576 => format!("{} KiB", size / 1024),
        _ => format!("{} MiB", size / 1_048_576),
    }
}

/// Time a message.
#[derive(Clone, Copy)]
pub(crate) struct Sample {
    wall: f64,
    cpu: f64,
}

/// Measures `work`, which handles `messages` messages.
pub(crate) fn measure(messages: usize, work: impl FnOnce()) -> Sample {
    let (start, cpu) = (Instant::now(), cpu_time());
    work();
    let per_message = |time: Duration| time.as_secs_f64() * 1e6 / messages as f64;
    Sample { wall: per_message(start.elapsed()), cpu: per_message(cpu_time() - cpu) }
}

/// CPU time of all threads of this process.
fn cpu_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` lives through the call.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Keeps this process, and the threads it starts, on one core.
pub(crate) fn pin_to_core(core: usize) {
    // SAFETY: a plain set that lives through the call; on a machine without that core nothing happens.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(core, &mut set);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &set);
    }
}

/// All samples, by case and client.
pub(crate) struct Table(Vec<(String, &'static str, Sample)>);

impl Table {
    pub(crate) fn new() -> Table {
        Table(Vec::new())
    }

    pub(crate) fn add(&mut self, case: &Case, client: &'static str, sample: Sample) {
        self.0.push((case.name.clone(), client, sample));
    }

    fn median(&self, case: &Case, client: &str, of: impl Fn(&Sample) -> f64) -> f64 {
        let mut values: Vec<f64> = self
            .0
            .iter()
            .filter(|(c, k, _)| *c == case.name && *k == client)
            .map(|(_, _, s)| of(s))
            .collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    }

    pub(crate) fn print(&self, case: &Case) {
        println!("\n{}", case.name);
        println!("  {:<40} {:>10} {:>8} {:>10} {:>8}", "", "wall µs", "x raw", "CPU µs", "x raw");
        let mut clients: Vec<&str> = Vec::new();
        for (_, client, _) in self.0.iter().filter(|(c, ..)| *c == case.name) {
            if !clients.contains(client) {
                clients.push(client);
            }
        }
        let floor = clients[0];
        for client in clients {
            let (wall, cpu) = (self.median(case, client, |s| s.wall), self.median(case, client, |s| s.cpu));
            let (raw_wall, raw_cpu) =
                (self.median(case, floor, |s| s.wall), self.median(case, floor, |s| s.cpu));
            println!(
                "  {client:<40} {wall:>10.3} {:>8.2} {cpu:>10.3} {:>8.2}",
                wall / raw_wall,
                cpu / raw_cpu
            );
        }
    }
}
