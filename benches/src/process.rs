//! This process and its clock: cores, CPU time, memory.

use std::time::{Duration, Instant};

/// Keeps this process, and the threads it starts, on one core. On a machine without that core nothing happens.
pub(crate) fn pin_to_core(core: usize) {
    // SAFETY: a plain set that lives through the call.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(core, &mut set);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &set);
    }
}

/// Before the machine's other work, where this user may: what else runs there disturbs less. The clients inherit it.
pub(crate) fn go_first() {
    // SAFETY: a system call; its refusal changes nothing.
    unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, -15) };
}

/// CPU time of all threads of this process, in the kernel and outside.
pub(crate) fn cpu_time() -> Duration {
    // SAFETY: filled by the call.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &mut usage);
        usage
    };
    let of = |time: libc::timeval| Duration::new(time.tv_sec as u64, time.tv_usec as u32 * 1000);
    of(usage.ru_utime) + of(usage.ru_stime)
}

/// Prints what `work` took, a message, as every client does.
pub(crate) fn measure(messages: usize, work: impl FnOnce()) {
    let (start, cpu) = (Instant::now(), cpu_time());
    work();
    let (wall, cpu) = (start.elapsed(), cpu_time() - cpu);
    let micros = |time: Duration| time.as_secs_f64() * 1e6 / messages as f64;
    println!("wall={:.6} cpu={:.6}", micros(wall), micros(cpu));
}
