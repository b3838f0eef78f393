//! The log: one line an event, to a function of the host's. Secrets never come here: URLs are passed without
//! user info, headers by name only.

use crate::error::Component;
use crate::fork::PerProcess;
use crate::hook::Hook;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

/// How much is told. A line is told if its level is at or below the one set.
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

static LEVEL: AtomicI32 = AtomicI32::new(0);
static SINK: PerProcess<Hook<LogSink>> = PerProcess::new(Hook::new);

/// Sets the level and the function; returns when the old function no longer runs. In a forked child the log
/// is off until it is set there.
pub fn set_log(level: LogLevel, sink: Option<Arc<LogSink>>) {
    let level = if sink.is_some() { level } else { LogLevel::Off };
    LEVEL.store(level as i32, Ordering::Relaxed);
    SINK.get().set(sink);
}

/// Tells one line, if anyone wants it.
pub fn log(level: LogLevel, component: Component, message: fmt::Arguments<'_>) {
    if level as i32 <= LEVEL.load(Ordering::Relaxed) {
        SINK.get().run(|sink| sink(level, component, &message.to_string()));
    }
}

macro_rules! tell {
    ($level:ident, $component:expr, $($message:tt)*) => {
        $crate::log::log($crate::log::LogLevel::$level, $component, format_args!($($message)*))
    };
}
pub(crate) use tell as log;
