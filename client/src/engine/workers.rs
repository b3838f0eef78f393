//! Threads for jobs that may block: name lookups, and the TLS handshake, whose verifier may fetch for seconds on some
//! systems. The library has its own pool, because tokio's panics if a thread cannot be started.

use crate::context::{self, ThreadRole};
use crate::error::{Component, Error, ErrorCode};
use crate::panics;
use crate::sync::{Condvar, Mutex, MutexGuard};
use crate::sys::services;
use crate::sys::thread::with_signals_blocked;
use crate::unfinished::{self, Unfinished};
use std::cell::Cell;
use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// The kind of a job.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `getaddrinfo` cannot be cancelled: shutdown does not wait for it.
    Lookup,
    /// Ends by itself, so shutdown waits for it.
    Handshake,
}

type Job = (Kind, Box<dyn FnOnce() + Send>);

pub(super) struct Workers {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Job>,
    threads: usize,
    running: HashMap<usize, JoinHandle<()>>,
    /// The number of the thread that was started last.
    last: usize,
    /// Threads that have left the pool; shutdown, or the next job, joins them.
    ended: Vec<JoinHandle<()>>,
    idle: usize,
    lookups: usize,
    stopping: bool,
}

impl State {
    fn next_job(&mut self) -> Option<Job> {
        let lookups_may_run = self.lookups < MOST_LOOKUPS;
        let at = self.queue.iter().position(|(kind, _)| *kind != Kind::Lookup || lookups_may_run)?;
        self.queue.remove(at)
    }

    /// Joins the threads that have left the pool. They need no lock any more, so this does not block for long.
    fn join_ended(&mut self) {
        for thread in self.ended.drain(..) {
            let _ = thread.join();
        }
    }
}

/// The number of jobs that run at once; more wait in the queue.
const MOST: usize = 528;
/// The number of lookups that run at once; more wait in the queue, because a name server that hangs must not hold the
/// handshakes up. Each name and family has its own lookup, so the limit is high: names that do not resolve must not
/// keep others waiting.
const MOST_LOOKUPS: usize = 512;
/// The time after which an idle worker ends.
const PATIENCE: Duration = Duration::from_secs(5);

impl Workers {
    pub(super) fn new() -> Arc<Workers> {
        Arc::new(Workers { state: Mutex::new(State::default()), changed: Condvar::new() })
    }

    fn submit(self: &Arc<Self>, job: Job) -> std::io::Result<()> {
        let mut state = self.state.lock();
        state.join_ended();
        state.queue.push_back(job);
        if state.idle >= state.queue.len() || state.threads >= MOST {
            drop(state);
            self.changed.notify_one();
            return Ok(());
        }
        state.threads += 1;
        state.last += 1;
        let (number, workers) = (state.last, Arc::clone(self));
        let name = "ws4d-worker".to_owned();
        let started = with_signals_blocked(|| {
            thread::Builder::new().name(name).spawn(move || {
                let worker = Worker { workers: &workers, number, job: Cell::new(None) };
                unfinished::noted(&worker, || worker.work());
            })
        });
        match started {
            Ok(thread) => {
                state.running.insert(number, thread);
            }
            Err(error) => {
                state.threads -= 1;
                if state.threads == 0 {
                    let job = state.queue.pop_back();
                    drop(state);
                    drop(job);
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Waits at most until `until`.
    fn wait<'a>(&'a self, state: MutexGuard<'a, State>, until: Instant) -> MutexGuard<'a, State> {
        self.changed.wait_at_most(state, Some(until.saturating_duration_since(Instant::now())))
    }

    /// Ends the workers; returns `false` if the time was over first. It does not wait for lookups.
    pub(super) fn stop(&self, deadline: Option<Instant>) -> bool {
        let mut state = self.state.lock();
        state.stopping = true;
        let jobs = std::mem::take(&mut state.queue);
        self.changed.notify_all();
        drop(state);
        drop(jobs);
        let mut state = self.state.lock();
        let ended = loop {
            if state.threads <= state.lookups {
                break true;
            }
            if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                break false;
            }
            let soon = Instant::now() + PATIENCE;
            state = self.wait(state, deadline.map_or(soon, |deadline| deadline.min(soon)));
        };
        state.stopping = false;
        state.join_ended();
        state.running.shrink_to_fit();
        ended
    }
}

/// One thread of the pool.
struct Worker<'a> {
    workers: &'a Workers,
    number: usize,
    /// The job in progress.
    job: Cell<Option<Kind>>,
}

impl Worker<'_> {
    fn work(&self) {
        let mut state = self.workers.state.lock();
        // An idle worker's time begins with its last job; a wake that is for others does not restart it.
        let mut until = Instant::now() + PATIENCE;
        loop {
            if let Some((kind, job)) = state.next_job() {
                state.lookups += usize::from(kind == Kind::Lookup);
                self.job.set(Some(kind));
                drop(state);
                job();
                state = self.workers.state.lock();
                self.job.set(None);
                state.lookups -= usize::from(kind == Kind::Lookup);
                until = Instant::now() + PATIENCE;
                continue;
            }
            if state.stopping || (state.queue.is_empty() && until <= Instant::now()) {
                break;
            }
            state.idle += 1;
            // If queued lookups wait for others to end, the end of one of them wakes this worker.
            let later = if state.queue.is_empty() { until } else { Instant::now() + PATIENCE };
            state = self.workers.wait(state, later);
            state.idle -= 1;
        }
        state.threads -= 1;
        let this = state.running.remove(&self.number);
        state.ended.extend(this);
        drop(state);
        self.workers.changed.notify_all();
    }
}

impl Unfinished for Worker<'_> {
    /// Removes the worker from the pool, because a log function of the host's has ended the thread. Nobody joins it.
    fn give_up(&self) {
        let mut state = self.workers.state.lock();
        state.threads -= 1;
        state.lookups -= usize::from(self.job.take() == Some(Kind::Lookup));
        let detached = state.running.remove(&self.number);
        drop(state);
        drop(detached);
        self.workers.changed.notify_all();
    }
}

/// Returns whether a job runs on the calling thread. A thread that would wait for the job runs it, unless the job can
/// hang beyond the connect timeout; a thread that is alone runs every job.
pub(crate) fn runs_here(kind: Kind) -> bool {
    match context::thread_role() {
        ThreadRole::Nothing => false,
        // A system that judges certificates may fetch for seconds.
        ThreadRole::Connecting => kind == Kind::Handshake && !services::JUDGES_CERTIFICATES,
        ThreadRole::Alone => true,
    }
}

/// Begins a job on a worker. If it never begins, because the library shuts down, it is dropped.
pub(crate) fn start_blocking(kind: Kind, job: impl FnOnce() + Send + 'static) -> Result<(), Error> {
    // A panic inside drops the values that the job owns, so a task that waits for the job learns of it.
    let boxed: Box<dyn FnOnce() + Send> = Box::new(move || {
        caught(job);
    });
    super::workers().submit((kind, boxed)).map_err(|error| {
        Error::new(
            ErrorCode::OutOfMemory,
            Component::Socket,
            format!("A worker thread could not be started: {error}"),
        )
        .with_os_code(error.raw_os_error().unwrap_or(0))
    })
}

/// Runs `job` on a worker, or on the calling thread. The future may be dropped: then the result of the job is
/// discarded, or the job never begins.
pub(crate) async fn run_blocking<R: Send + 'static>(
    kind: Kind,
    job: impl FnOnce() -> R + Send + 'static,
) -> Result<R, Error> {
    if runs_here(kind) {
        return caught(job).ok_or_else(failed);
    }
    let (answer, answered) = oneshot::channel();
    start_blocking(kind, move || {
        if !answer.is_closed() {
            let _ = answer.send(job());
        }
    })?;
    answered.await.map_err(|_| failed())
}

fn caught<R>(job: impl FnOnce() -> R) -> Option<R> {
    let result = catch_unwind(AssertUnwindSafe(job)).ok();
    if result.is_none() {
        panics::log_caught_panic();
    }
    result
}

fn failed() -> Error {
    Error::new(ErrorCode::Internal, Component::Socket, "A worker failed")
}
