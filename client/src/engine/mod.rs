//! The I/O threads: one tokio `current_thread` runtime each, started with the first socket and joined by
//! shutdown. What may block runs on the workers. Knows nothing of sockets but that they can be stopped.

mod io_thread;
mod workers;

pub(crate) use workers::{Kind, run_blocking};

use crate::buffer::Buffer;
use crate::context;
use crate::error::{Error, ErrorCode};
use crate::fork::PerProcess;
use crate::sync::{Condvar, Mutex};
use io_thread::IoThread;
use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};
use workers::Workers;

/// How often this process has been shut down, or has begun to be.
pub(crate) fn shutdowns() -> u64 {
    ENGINE.get().state.lock().shutdowns
}

static ENGINE: PerProcess<Engine> = PerProcess::new(Engine::new);

/// A socket, as far as shutdown knows it.
pub(crate) trait Stop: Send + Sync {
    /// The library shuts down: say goodbye if the kernel takes it at once, and end.
    fn stop(self: Arc<Self>);
}

struct Engine {
    state: Mutex<State>,
    /// An I/O thread has ended.
    ended: Condvar,
    sockets: Mutex<HashMap<i32, Weak<dyn Stop>>>,
    workers: Arc<Workers>,
}

struct State {
    threads: Vec<IoThread>,
    configured: usize,
    next: usize,
    stopping: bool,
    /// A shutdown is going on; another one waits for its turn.
    shutting_down: bool,
    last_id: i32,
    shutdowns: u64,
}

/// How many I/O threads may be asked for.
const MOST_THREADS: u32 = 64;

impl Engine {
    fn new() -> Engine {
        Engine {
            state: Mutex::new(State {
                threads: Vec::new(),
                configured: 1,
                next: 0,
                stopping: false,
                shutting_down: false,
                last_id: 0,
                shutdowns: 0,
            }),
            ended: Condvar::new(),
            sockets: Mutex::new(HashMap::new()),
            workers: Workers::new(),
        }
    }
}

fn shut_down_error() -> Error {
    Error::new(
        ErrorCode::ShutDown,
        "sock",
        "The library is shutting down (ws_shutdown); new sockets are refused",
    )
}

/// A fresh socket id: positive, never used again in this process.
pub(crate) fn next_id() -> Result<i32, Error> {
    let mut state = ENGINE.get().state.lock();
    state.last_id = state.last_id.checked_add(1).ok_or_else(|| {
        Error::new(ErrorCode::Internal, "sock", "All socket ids of this process are used up")
    })?;
    Ok(state.last_id)
}

/// Runs a socket's task on an I/O thread, which it starts if need be.
pub(crate) fn spawn<F>(id: i32, socket: Weak<dyn Stop>, task: F) -> Result<(), Error>
where
    F: Future<Output = ()> + Send + 'static,
{
    let engine = ENGINE.get();
    let mut state = engine.state.lock();
    if state.stopping {
        return Err(shut_down_error());
    }
    while state.threads.len() < state.configured {
        let number = state.threads.len();
        let thread = IoThread::start(number, || {
            // The lock makes sure that a shutdown that looked just before is waiting by now.
            drop(ENGINE.get().state.lock());
            ENGINE.get().ended.notify_all();
        })?;
        state.threads.push(thread);
    }
    let at = state.next % state.threads.len();
    state.next = at + 1;
    engine.sockets.lock().insert(id, socket);
    // However the task ends, the registry forgets it.
    let forget = Forget(id);
    // Each future that awaits another by value is twice as large as that: one box here saves 5 KiB a socket.
    let task = Box::pin(task);
    state.threads[at].spawn(async move {
        let _forget = forget;
        task.await;
    });
    Ok(())
}

struct Forget(i32);

impl Drop for Forget {
    fn drop(&mut self) {
        ENGINE.get().sockets.lock().remove(&self.0);
    }
}

/// Sets how many I/O threads the next start brings up. [`ErrorCode::InvalidArgument`]: 0 or above 64;
/// [`ErrorCode::Unsupported`]: they run already.
pub fn set_io_threads(n: u32) -> Result<(), ErrorCode> {
    if n == 0 || n > MOST_THREADS {
        return Err(ErrorCode::InvalidArgument);
    }
    let mut state = ENGINE.get().state.lock();
    if !state.threads.is_empty() {
        return Err(ErrorCode::Unsupported);
    }
    state.configured = n as usize;
    Ok(())
}

/// Ends all sockets and joins all library threads, except a name lookup that the system does not let go.
///
/// [`ErrorCode::Timeout`]: a host's callback on an I/O thread has not come back in time; new sockets are refused
/// until a further call succeeds. [`ErrorCode::WrongThread`]: inside a callback.
pub fn shutdown(timeout: Option<Duration>) -> Result<(), ErrorCode> {
    if context::in_callback() || context::on_io_thread() {
        return Err(ErrorCode::WrongThread);
    }
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let engine = ENGINE.get();
    let mut state = engine.state.lock();
    while state.shutting_down {
        let limit = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        if limit == Some(Duration::ZERO) {
            return Err(ErrorCode::Timeout);
        }
        state = engine.ended.wait_at_most(state, limit);
    }
    state.shutting_down = true;
    state.stopping = true;
    state.shutdowns += 1;
    drop(state);
    let ended = end_all(engine, deadline);
    let mut state = engine.state.lock();
    state.shutting_down = false;
    // After a failure new sockets are refused until a further call succeeds.
    state.stopping = ended.is_err();
    drop(state);
    engine.ended.notify_all();
    ended
}

/// Ends the sockets, then the threads; one call at a time.
fn end_all(engine: &Engine, deadline: Option<Instant>) -> Result<(), ErrorCode> {
    // Sockets made before `stopping` was seen are in the registry by now.
    let sockets: Vec<_> = engine.sockets.lock().values().cloned().collect();
    for socket in sockets.iter().filter_map(Weak::upgrade) {
        socket.stop();
    }
    drop(sockets);
    let mut state = engine.state.lock();
    for thread in &state.threads {
        thread.stop();
    }
    while let Some(at) = state.threads.iter().position(|thread| !thread.has_ended()) {
        let limit = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        if limit == Some(Duration::ZERO) {
            return Err(ErrorCode::Timeout);
        }
        let _ = at;
        state = engine.ended.wait_at_most(state, limit);
    }
    let threads = std::mem::take(&mut state.threads);
    drop(state);
    for thread in threads {
        thread.join();
    }
    if !engine.workers.stop(deadline) {
        return Err(ErrorCode::Timeout);
    }
    Buffer::free_pool();
    Ok(())
}

fn workers() -> Arc<Workers> {
    Arc::clone(&ENGINE.get().workers)
}
