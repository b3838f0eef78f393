//! The I/O threads: one tokio `current_thread` runtime each, started with the first socket and joined by
//! shutdown. What may block runs on the workers. Knows nothing of sockets but that they can be stopped.

mod driver;
mod io_thread;
mod workers;

pub(crate) use driver::Driver;
pub(crate) use workers::{Kind, run_blocking};

use crate::buffer::Buffer;
use crate::context;
use crate::error::{Component, Error, ErrorCode};
use crate::event::Items;
use crate::fork::PerProcess;
use crate::sync::{Condvar, Mutex};
use io_thread::IoThread;
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};
use workers::Workers;

/// How often this process has been shut down, or has begun to be.
pub(crate) fn shutdowns() -> u64 {
    engine().state.lock().shutdowns
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
    /// Wait for the next blocking `ws_new`.
    drivers: Mutex<Vec<Arc<Driver>>>,
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
            drivers: Mutex::new(Vec::new()),
            workers: Workers::new(),
        }
    }
}

fn shut_down_error() -> Error {
    Error::new(
        ErrorCode::ShutDown,
        Component::Socket,
        "The library is shutting down (ws_shutdown); new sockets are refused",
    )
}

/// A fresh socket id: positive, never used again in this process.
pub(crate) fn next_id() -> Result<i32, Error> {
    let mut state = engine().state.lock();
    state.last_id = state.last_id.checked_add(1).ok_or_else(|| {
        Error::new(ErrorCode::Internal, Component::Socket, "All socket ids of this process are used up")
    })?;
    Ok(state.last_id)
}

fn engine() -> &'static Engine {
    ENGINE.get()
}

/// A socket that shutdown will stop, for as long as this lives.
pub(crate) struct Enlisted {
    id: i32,
    since: u64,
}

impl Enlisted {
    /// How many shutdowns there had been by then.
    pub(crate) fn since(&self) -> u64 {
        self.since
    }
}

impl Drop for Enlisted {
    fn drop(&mut self) {
        engine().sockets.lock().remove(&self.id);
    }
}

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Makes a socket known to shutdown, and starts the I/O threads, if it `wants` them and they do not run yet.
pub(crate) fn enlist(id: i32, socket: Weak<dyn Stop>, wants_threads: bool) -> Result<Enlisted, Error> {
    let engine = engine();
    let mut state = engine.state.lock();
    if state.stopping {
        return Err(shut_down_error());
    }
    if wants_threads {
        state.start_threads()?;
    }
    engine.sockets.lock().insert(id, socket);
    Ok(Enlisted { id, since: state.shutdowns })
}

/// Runs a socket's task on an I/O thread, or gives it back: where there was a shutdown `since` it was enlisted, it is not
/// to bring a thread up again. In a box: each future that awaits another by value is twice as large as that.
pub(crate) fn spawn(since: u64, task: Task) -> Result<(), (Error, Task)> {
    let mut state = engine().state.lock();
    if state.stopping || state.shutdowns != since {
        return Err((shut_down_error(), task));
    }
    if let Err(error) = state.start_threads() {
        return Err((error, task));
    }
    let at = state.next % state.threads.len();
    state.next = at + 1;
    state.threads[at].spawn(task);
    Ok(())
}

impl State {
    fn start_threads(&mut self) -> Result<(), Error> {
        while self.threads.len() < self.configured {
            let number = self.threads.len();
            let thread = IoThread::start(number, || {
                // The lock makes sure that a shutdown that looked just before is waiting by now.
                drop(engine().state.lock());
                engine().ended.notify_all();
            })?;
            self.threads.push(thread);
        }
        Ok(())
    }
}

/// Sets how many I/O threads the next start brings up. [`ErrorCode::InvalidArgument`]: 0 or above 64;
/// [`ErrorCode::Unsupported`]: they run already.
pub fn set_io_threads(n: u32) -> Result<(), ErrorCode> {
    if n == 0 || n > MOST_THREADS {
        return Err(ErrorCode::InvalidArgument);
    }
    let mut state = engine().state.lock();
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
    let engine = engine();
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
    engine.drivers.lock().clear();
    Buffer::free_pool();
    Items::free_pool();
    Ok(())
}

fn workers() -> Arc<Workers> {
    Arc::clone(&engine().workers)
}
