//! A driver's only task, run without the poller and the timers of a runtime: what it waits for is asked of the system in
//! one call (`lone.rs`). With a second task, or with one that waits for many streams, the runtime takes over.

use super::Task;
use crate::fault::fault_point;
use crate::lone::{self, Found, MOST, Waits};
use crate::panics::contained;
use crate::sync::Mutex;
use crate::sys::RawWaitable;
use crate::sys::poll::{self, Asked};
use crate::sys::wake::{self, Wake};
use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{self, Context, Poll, Waker};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::sync::Notify;

/// Why a run of a driver is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ran {
    /// It was woken, `also` is readable, or the time is over.
    Woken,
    /// `also` is readable, and remains so until it is reset.
    Also,
    /// A signal handler has run while it slept.
    Signal,
}

/// A task that wakes itself has so many turns before the system is asked again.
const TURNS_AT_ONCE: u32 = 16;

/// Wakes the thread that runs a task alone.
struct Bell {
    /// One of the three below.
    state: AtomicU8,
    wake: Wake,
}

/// The task has its turn, or nobody runs it.
const QUIET: u8 = 0;
/// The thread sleeps, or is about to.
const SLEEPS: u8 = 1;
/// The task is to have another turn.
const RUNG: u8 = 2;

impl Bell {
    fn new() -> io::Result<Arc<Bell>> {
        Wake::new().map(|wake| Arc::new(Bell { state: AtomicU8::new(QUIET), wake }))
    }

    /// Begins a turn, or ends a sleep before one: what has rung before is seen in it.
    fn begin_turn(&self) {
        self.state.swap(QUIET, Ordering::SeqCst);
    }

    /// Returns `true` if it has not rung since the turn began.
    fn is_quiet(&self) -> bool {
        self.state.load(Ordering::SeqCst) == QUIET
    }

    /// Announces a sleep; `false` if it has rung since the turn began.
    fn may_sleep(&self) -> bool {
        self.state.compare_exchange(QUIET, SLEEPS, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }
}

impl task::Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.state.swap(RUNG, Ordering::SeqCst) == SLEEPS {
            wake::signal(self.wake.signal_end());
        }
    }
}

/// The place of a task that is alone, between two runs.
pub(super) struct Alone {
    task: Mutex<Option<Task>>,
    bell: Arc<Bell>,
}

impl Alone {
    pub(super) fn new() -> io::Result<Alone> {
        Ok(Alone { task: Mutex::new(None), bell: Bell::new()? })
    }

    pub(super) fn take(&self) -> Option<Task> {
        self.task.lock().take()
    }

    /// Runs the only task, which may be among the `new` ones, as [`Driver::run`](super::Driver::run) does, until `woken` is
    /// notified. `None`: there are others, or the task needs the runtime.
    pub(super) fn run(
        &self,
        runtime: &Runtime,
        new: &Mutex<VecDeque<Task>>,
        woken: &Notify,
        limit: Option<Duration>,
        also: Option<RawWaitable>,
    ) -> Option<Ran> {
        if !poll::IS_POSSIBLE || runtime.metrics().num_alive_tasks() > 0 {
            return None;
        }
        let mut held = Held { place: self, task: self.take() };
        fault_point!();
        {
            let mut new = new.lock();
            match (new.len(), &held.task) {
                (0, _) => {}
                (1, None) => held.task = new.pop_front(),
                _ => return None,
            }
        }
        // What the task calls sees that a runtime is being run.
        let _entered = runtime.enter();
        held.take_turns(woken, limit, also).or_else(|| {
            runtime.spawn(held.task.take()?);
            // The caller looks at what has changed meanwhile, and comes back.
            Some(Ran::Woken)
        })
    }
}

/// The task during a run; its drop puts it back, also after a panic.
struct Held<'a> {
    place: &'a Alone,
    task: Option<Task>,
}

impl Held<'_> {
    /// Polls the task, and drops it once it is done, or has panicked. `None` is then what it waits for.
    fn turn(&mut self, cx: &mut Context<'_>, found: Found) -> Option<Waits> {
        let task = self.task.as_mut()?;
        if let Some((Poll::Pending, waits)) = contained(|| lone::turn(found, || task.as_mut().poll(cx))) {
            return Some(waits);
        }
        let done = self.task.take();
        contained(|| drop(done));
        None
    }

    /// `None`: the task waits for more streams than it can alone, or the system fails.
    fn take_turns(
        &mut self,
        woken: &Notify,
        limit: Option<Duration>,
        also: Option<RawWaitable>,
    ) -> Option<Ran> {
        let until = limit.and_then(|limit| Instant::now().checked_add(limit));
        let bell = &self.place.bell;
        let waker = Waker::from(Arc::clone(bell));
        let mut cx = Context::from_waker(&waker);
        let mut woken = pin!(woken.notified());
        let mut found = Found::NOTHING;
        let mut has_asked = false;
        let mut turns = 0;
        loop {
            bell.begin_turn();
            let waits = self.turn(&mut cx, found).unwrap_or(Waits::NONE);
            found = Found::NOTHING;
            fault_point!();
            if waits.is_crowded() {
                return None;
            }
            // A wake that came before this run ends it at once, but the task has had a turn in any case.
            if woken.as_mut().poll(&mut cx).is_ready() {
                return Some(Ran::Woken);
            }
            let is_over = |until: Instant| until <= Instant::now();
            let may_end = has_asked || (waits.is_empty() && bell.is_quiet());
            if may_end && until.is_some_and(is_over) {
                return Some(Ran::Woken);
            }
            let sleeps = bell.may_sleep();
            turns = if sleeps { 0 } else { turns + 1 };
            if !sleeps && turns % TURNS_AT_ONCE != 0 {
                continue;
            }
            let until = if sleeps {
                [until, waits.until()].into_iter().flatten().min()
            } else {
                Some(Instant::now())
            };
            match ask(bell, &waits, until, also) {
                Ok(Asking { also: false, found: answer }) => found = answer,
                Ok(Asking { also: true, .. }) => return Some(Ran::Also),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => return Some(Ran::Signal),
                // It failed; the runtime may do better.
                Err(_) => return None,
            }
            has_asked = true;
        }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        *self.place.task.lock() = self.task.take();
    }
}

/// What the system has answered: of the task's streams, and whether `also` is readable.
struct Asking {
    found: Found,
    also: bool,
}

/// Waits until the task is to have its turn, at most until the time.
fn ask(bell: &Bell, waits: &Waits, until: Option<Instant>, also: Option<RawWaitable>) -> io::Result<Asking> {
    let mut asked = [Asked::NOTHING; MOST + 2];
    asked[0] = Asked::waitable(bell.wake.raw());
    if let Some(also) = also {
        asked[1] = Asked::waitable(also);
    }
    let mut count = 2;
    for (one, place) in waits.asked().zip(&mut asked[2..]) {
        *place = one;
        count += 1;
    }
    let limit = until.map(|until| until.saturating_duration_since(Instant::now()));
    let asking = poll::wait(&mut asked[..count], limit);
    bell.begin_turn();
    asking?;
    if asked[0].is_readable() {
        wake::reset(bell.wake.raw());
    }
    Ok(Asking { found: waits.answered(&asked[2..count]), also: asked[1].is_readable() })
}

#[cfg(test)]
mod tests;
