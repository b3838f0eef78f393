//! The log: one line for each event, passed to functions of the host's with no lock of the library held. It never
//! contains secrets: URLs are passed without user info, headers by name only.

use crate::error::{Component, ErrorCode};
use crate::fork::PerProcess;
use crate::hook::Hook;
use crate::sync::Mutex;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

/// The verbosity of the log. A line is logged if its level is at or below the level that was set.
#[repr(i32)]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[allow(missing_docs, reason = "the usual scale")]
pub enum LogLevel {
    Off = 0,
    Error = 1,
    Warn = 2,
    Info = 3,
    Debug = 4,
    Trace = 5,
}

/// The host's log function: level, component, message.
pub type LogSink = dyn Fn(LogLevel, Component, &str) + Send + Sync;

/// The highest level that any receiver wants.
static LEVEL: AtomicI32 = AtomicI32::new(0);
static RECEIVERS: PerProcess<Mutex<Receivers>> = PerProcess::new(|| {
    Mutex::new(Receivers { list: Arc::new([Receiver::new(PROGRAMS)]), last_id: PROGRAMS })
});

/// The id of the receiver that `set_log` sets; those of other receivers are greater.
const PROGRAMS: u32 = 0;

struct Receivers {
    /// Replaced as a whole, so that a line is passed to a consistent list of receivers, outside the lock.
    list: Arc<[Arc<Receiver>]>,
    last_id: u32,
}

struct Receiver {
    id: u32,
    level: AtomicI32,
    sink: Hook<LogSink>,
}

impl Receiver {
    fn new(id: u32) -> Arc<Receiver> {
        Arc::new(Receiver { id, level: AtomicI32::new(0), sink: Hook::new() })
    }

    fn wants(&self, level: LogLevel) -> bool {
        level as i32 <= self.level.load(Ordering::Relaxed)
    }

    /// Returns when the old function no longer runs.
    fn set(&self, level: LogLevel, sink: Option<Arc<LogSink>>) {
        self.level.store(level as i32, Ordering::Relaxed);
        RECEIVERS.get().lock().note_level();
        self.sink.set(sink);
    }
}

impl Receivers {
    fn note_level(&self) {
        let highest = self.list.iter().map(|receiver| receiver.level.load(Ordering::Relaxed)).max();
        LEVEL.store(highest.unwrap_or(0), Ordering::Relaxed);
    }
}

fn receivers() -> Arc<[Arc<Receiver>]> {
    Arc::clone(&RECEIVERS.get().lock().list)
}

/// Sets the level and the function of the program; returns when the old function no longer runs. In a forked child the log
/// is off until it is set there.
pub fn set_log(level: LogLevel, sink: Option<Arc<LogSink>>) {
    let level = if sink.is_some() { level } else { LogLevel::Off };
    if let Some(programs) = receivers().iter().find(|receiver| receiver.id == PROGRAMS) {
        programs.set(level, sink);
    }
}

/// Adds a receiver beside the others, and returns its id. [`ErrorCode::OutOfMemory`]: no id is left.
pub fn add_log(level: LogLevel, sink: Arc<LogSink>) -> Result<u32, ErrorCode> {
    let mut receivers = RECEIVERS.get().lock();
    let id = receivers.last_id.checked_add(1).ok_or(ErrorCode::OutOfMemory)?;
    let receiver = Receiver::new(id);
    receiver.level.store(level as i32, Ordering::Relaxed);
    receiver.sink.set(Some(sink));
    receivers.last_id = id;
    receivers.list = receivers.list.iter().cloned().chain([receiver]).collect();
    receivers.note_level();
    Ok(id)
}

/// Removes a receiver; returns when its function no longer runs. [`ErrorCode::InvalidArgument`]: no receiver has that
/// id; [`ErrorCode::WrongThread`]: inside a log function, which would wait for itself.
pub fn remove_log(id: u32) -> Result<(), ErrorCode> {
    if receivers().iter().any(|receiver| receiver.sink.runs_here()) {
        return Err(ErrorCode::WrongThread);
    }
    let mut receivers = RECEIVERS.get().lock();
    let is_it = |receiver: &&Arc<Receiver>| receiver.id == id && id != PROGRAMS;
    let removed = receivers.list.iter().find(is_it).cloned().ok_or(ErrorCode::InvalidArgument)?;
    receivers.list = receivers.list.iter().filter(|receiver| receiver.id != id).cloned().collect();
    receivers.note_level();
    drop(receivers);
    removed.sink.set(None);
    Ok(())
}

/// Logs one line, if a receiver wants it.
pub fn log(level: LogLevel, component: Component, message: fmt::Arguments<'_>) {
    if level as i32 <= LEVEL.load(Ordering::Relaxed) {
        log_to_all(level, component, message);
    }
}

#[cold]
fn log_to_all(level: LogLevel, component: Component, message: fmt::Arguments<'_>) {
    let message = message.to_string();
    for receiver in receivers().iter().filter(|receiver| receiver.wants(level)) {
        receiver.sink.run(|sink| sink(level, component, &message));
    }
}

macro_rules! log_line {
    ($level:ident, $component:expr, $($message:tt)*) => {
        $crate::log::log($crate::log::LogLevel::$level, $component, format_args!($($message)*))
    };
}
pub(crate) use log_line as log;
