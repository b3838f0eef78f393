//! The I/O threads: one tokio `current_thread` runtime each, started with the first socket and joined by
//! shutdown. Jobs that may block run on the workers. The engine knows of a socket only that it can be stopped.

mod alone;
mod driver;
mod io_thread;
mod workers;

pub(crate) use alone::Ran;
pub(crate) use driver::Driver;
pub(crate) use workers::{Kind, run_blocking, runs_here, start_blocking};

use crate::buffer::Buffer;
use crate::compressors;
use crate::context;
use crate::error::{Component, Error, ErrorCode};
use crate::event::Items;
use crate::fault::fault_point;
use crate::fork::PerProcess;
use crate::panics::contained;
use crate::sync::{Condvar, Mutex};
use crate::sys::thread::with_signals_blocked;
use crate::unfinished::{self, Unfinished};
use io_thread::{Events, IoThread};
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};
use workers::Workers;

/// The number of shutdowns that this process has begun.
pub(crate) fn shutdowns() -> u64 {
    engine().state.lock().shutdowns
}

static ENGINE: PerProcess<Engine> = PerProcess::new(Engine::new);

/// A socket, as seen by shutdown.
pub(crate) trait Stop: Send + Sync {
    /// Sends a close frame, if the kernel takes it at once, and ends the socket, because the library shuts down.
    fn stop(self: Arc<Self>);
    /// Drops what the socket still holds, after all sockets were stopped, unless its owner is about to.
    fn let_go(&self);
    /// Ends the socket, because the I/O thread of its task has ended inside a function of the host's.
    fn thread_lost(self: Arc<Self>);
}

struct Engine {
    state: Mutex<State>,
    /// Notified when an I/O thread has ended.
    ended: Condvar,
    sockets: Mutex<HashMap<i32, Listed>>,
    /// Idle drivers, kept for the next blocking `ws_new`.
    drivers: Mutex<Vec<Arc<Driver>>>,
    workers: Arc<Workers>,
}

/// A socket that shutdown will stop.
struct Listed {
    socket: Weak<dyn Stop>,
    /// The serial number of the I/O thread that runs its task; `None` if no I/O thread does.
    thread: Option<u64>,
}

struct State {
    /// The I/O threads with their serial numbers, which are never used again.
    threads: Vec<(u64, IoThread)>,
    serials: u64,
    configured: usize,
    /// The stack size of I/O threads; `None` for the system's default.
    stack: Option<usize>,
    /// The users that have called `ws_startup` and have not left.
    users: u32,
    next: usize,
    stopping: bool,
    /// A shutdown is in progress; another one waits until it is over.
    shutting_down: bool,
    last_id: i32,
    shutdowns: u64,
}

/// The smallest stack of an I/O thread that may be requested, in bytes.
const SMALLEST_STACK: usize = 256 * 1024;
const LARGEST_STACK: usize = 1 << 30;
/// The largest number of I/O threads that may be requested.
const MOST_THREADS: u32 = 64;

impl Engine {
    fn new() -> Engine {
        Engine {
            state: Mutex::new(State {
                threads: Vec::new(),
                serials: 0,
                configured: 1,
                stack: None,
                users: 0,
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
    /// The number of shutdowns when the socket was enlisted.
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
    engine.sockets.lock().insert(id, Listed { socket, thread: None });
    Ok(Enlisted { id, since: state.shutdowns })
}

/// Runs a socket's task on an I/O thread, or gives it back if there was a shutdown `since` the socket was enlisted,
/// which must not start a thread again. The task is boxed, because a future that awaits another by value is twice as
/// large.
pub(crate) fn spawn(id: i32, since: u64, task: Task) -> Result<(), (Error, Task)> {
    let engine = engine();
    let mut state = engine.state.lock();
    if state.stopping || state.shutdowns != since {
        return Err((shut_down_error(), task));
    }
    if let Err(error) = state.start_threads() {
        return Err((error, task));
    }
    let count = state.threads.len();
    let mut candidates = (0..count).map(|offset| (state.next + offset) % count);
    let Some(at) = candidates.find(|at| !state.threads[*at].1.is_lost()) else {
        return Err((lost_error(), task));
    };
    state.next = at + 1;
    let (serial, thread) = &state.threads[at];
    if let Some(listed) = engine.sockets.lock().get_mut(&id) {
        listed.thread = Some(*serial);
    }
    // The task is counted under the lock, so that its thread does not end before it. A task that cannot begin is
    // dropped without the lock, because its drop may run any code.
    let spawning = thread.take_in(task);
    drop(state);
    fault_point!();
    spawning.begin();
    Ok(())
}

fn lost_error() -> Error {
    Error::new(
        ErrorCode::ShutDown,
        Component::Socket,
        "The library's I/O threads have ended, inside callbacks or because the program has closed their descriptors; \
         ws_shutdown lets it begin anew",
    )
}

/// Ends the sockets of an I/O thread that has ended inside a function of the host's. This happens on another thread,
/// because it calls functions of the host's.
fn thread_lost(serial: u64) {
    let engine = engine();
    let end = move || {
        // Who has found the thread alive under this lock has listed its socket before it frees the lock.
        drop(engine.state.lock());
        let lost: Vec<_> = {
            let sockets = engine.sockets.lock();
            let of_thread = sockets.values().filter(|listed| listed.thread == Some(serial));
            of_thread.filter_map(|listed| listed.socket.upgrade()).collect()
        };
        lost.into_iter().for_each(Stop::thread_lost);
        // A shutdown that checked just before is waiting by now.
        drop(engine.state.lock());
        engine.ended.notify_all();
    };
    let name = "ws4d-lost".to_owned();
    if with_signals_blocked(|| thread::Builder::new().name(name).spawn(end)).is_err() {
        // If no thread can be started, the sockets end at the shutdown.
        engine.ended.notify_all();
    }
}

impl State {
    fn start_threads(&mut self) -> Result<(), Error> {
        while self.threads.len() < self.configured {
            let number = self.threads.len();
            self.serials += 1;
            let serial = self.serials;
            let events = Events {
                ended: Box::new(|| {
                    // The lock ensures that a shutdown that checked just before is waiting by now.
                    drop(engine().state.lock());
                    engine().ended.notify_all();
                }),
                lost: Box::new(move || thread_lost(serial)),
            };
            let thread = IoThread::start(number, self.stack, events)?;
            self.threads.push((serial, thread));
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

/// Sets the stack size in bytes of I/O threads that start from now on; `None`: the system's default.
/// [`ErrorCode::InvalidArgument`]: too few; [`ErrorCode::Unsupported`]: they run already.
pub fn set_io_thread_stack(bytes: Option<usize>) -> Result<(), ErrorCode> {
    if bytes.is_some_and(|bytes| !(SMALLEST_STACK..=LARGEST_STACK).contains(&bytes)) {
        return Err(ErrorCode::InvalidArgument);
    }
    let mut state = engine().state.lock();
    if !state.threads.is_empty() {
        return Err(ErrorCode::Unsupported);
    }
    state.stack = bytes;
    Ok(())
}

/// Counts a user of the library in this process. [`ErrorCode::ShutDown`]: a shutdown runs, or one has failed and was not
/// repeated.
pub fn startup() -> Result<(), ErrorCode> {
    let mut state = engine().state.lock();
    if state.stopping {
        return Err(ErrorCode::ShutDown);
    }
    state.users = state.users.saturating_add(1);
    Ok(())
}

/// Ends all sockets and joins all library threads, except a name lookup that the system cannot cancel. If there is more
/// than one user of the library, it only removes one.
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
    if state.users > 1 && !state.stopping && !state.threads.iter().any(|(_, thread)| thread.is_lost()) {
        state.users -= 1;
        return Ok(());
    }
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
    let going_on = ShuttingDown(engine);
    fault_point!();
    unfinished::noted(&going_on, || end_all(engine, deadline))?;
    fault_point!();
    let mut state = engine.state.lock();
    state.stopping = false;
    state.users = state.users.saturating_sub(1);
    Ok(())
}

/// A shutdown in progress. After a failed shutdown, whatever the reason, new sockets are refused until a further call
/// succeeds.
struct ShuttingDown<'a>(&'a Engine);

impl ShuttingDown<'_> {
    fn end(&self) {
        self.0.state.lock().shutting_down = false;
        self.0.ended.notify_all();
    }
}

impl Drop for ShuttingDown<'_> {
    fn drop(&mut self) {
        self.end();
    }
}

impl Unfinished for ShuttingDown<'_> {
    fn give_up(&self) {
        self.end();
    }
}

/// Ends the sockets, then the threads; one call at a time.
fn end_all(engine: &Engine, deadline: Option<Instant>) -> Result<(), ErrorCode> {
    // Sockets made before `stopping` was seen are in the registry by now.
    let sockets: Vec<_> = engine.sockets.lock().values().map(|listed| listed.socket.clone()).collect();
    for socket in sockets.iter().filter_map(Weak::upgrade) {
        // A host may have closed the library's descriptors: tokio panics where one of them is to wake a thread. That
        // keeps no other socket from its end.
        contained(|| {
            socket.stop();
            fault_point!();
        });
    }
    for socket in sockets.iter().filter_map(Weak::upgrade) {
        contained(|| {
            socket.let_go();
            fault_point!();
        });
    }
    drop(sockets);
    fault_point!();
    let mut state = engine.state.lock();
    for (_, thread) in &state.threads {
        thread.stop();
    }
    let runs = |(_, thread): &(u64, IoThread)| !thread.has_ended() && !thread.is_lost();
    while state.threads.iter().any(runs) {
        let limit = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        if limit == Some(Duration::ZERO) {
            return Err(ErrorCode::Timeout);
        }
        state = engine.ended.wait_at_most(state, limit);
    }
    let threads = std::mem::take(&mut state.threads);
    let deaf = threads.iter().any(|(_, thread)| thread.is_deaf());
    drop(state);
    fault_point!();
    for (_, thread) in threads {
        thread.join();
    }
    if !engine.workers.stop(deadline) {
        return Err(ErrorCode::Timeout);
    }
    fault_point!();
    let drivers = std::mem::take(&mut *engine.drivers.lock());
    if deaf {
        // Their descriptors were closed, too, and the numbers may be somebody else's by now.
        std::mem::forget(drivers);
    } else {
        drop(drivers);
    }
    // An empty table keeps its memory, to which it points behind the beginning: leak checkers take that for lost.
    engine.sockets.lock().shrink_to_fit();
    Buffer::free_pool();
    Items::free_pool();
    compressors::free();
    Ok(())
}

fn workers() -> Arc<Workers> {
    Arc::clone(&engine().workers)
}
