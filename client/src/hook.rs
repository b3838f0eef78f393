//! A function that the host may exchange at any time. When the exchange returns, the old function no longer runs
//! (`ws_set_log`, `ws_set_error_handler`).

use crate::fault::fault_point;
use crate::sync::{Condvar, Mutex, ThreadId, locks_held, this_thread};
use crate::unfinished::{self, Unfinished};
use std::sync::Arc;

/// A replaceable function.
pub(crate) struct Hook<F: ?Sized> {
    state: Mutex<State<F>>,
    returned: Condvar,
}

struct State<F: ?Sized> {
    function: Option<Arc<F>>,
    generation: u64,
    running: Vec<Running>,
}

struct Running {
    generation: u64,
    thread: ThreadId,
    /// The thread exchanges the function from inside it, and waits for the other threads.
    exchanges: bool,
}

impl<F: ?Sized> Hook<F> {
    pub(crate) fn new() -> Hook<F> {
        Hook {
            state: Mutex::new(State { function: None, generation: 0, running: Vec::new() }),
            returned: Condvar::new(),
        }
    }

    /// Exchanges the function; returns when the old one no longer runs on another thread. An exchange from inside the
    /// function does not wait for threads that do the same, because they wait for this one.
    pub(crate) fn set(&self, function: Option<Arc<F>>) {
        let me = this_thread();
        let mut state = self.state.lock();
        let old = std::mem::replace(&mut state.function, function);
        state.generation += 1;
        let generation = state.generation;
        let inside = state.exchanges(me, true);
        if inside {
            self.returned.notify_all();
        }
        let is_awaited = |other: &Running| {
            other.generation < generation && other.thread != me && !(inside && other.exchanges)
        };
        while state.running.iter().any(is_awaited) {
            state = self.returned.wait(state);
        }
        state.exchanges(me, false);
        drop(state);
        drop(old);
    }

    /// Runs `call` with the present function, outside the lock. A call from inside the function itself, on
    /// the same thread, does nothing: a failure inside the error handler does not enter it again. Returns whether
    /// there is a function.
    pub(crate) fn run(&self, call: impl FnOnce(&F)) -> bool {
        let me = this_thread();
        let mut state = self.state.lock();
        let Some(function) = state.function.clone() else { return false };
        if state.running.iter().any(|running| running.thread == me) {
            return true;
        }
        let generation = state.generation;
        state.running.push(Running { generation, thread: me, exchanges: false });
        drop(state);
        debug_assert_eq!(locks_held(), 0, "the host is called with no lock held");
        let running = RunningHere(self);
        unfinished::noted(&running, || {
            call(&function);
            fault_point!();
        });
        true
    }

    /// Returns whether the calling thread is inside the function.
    pub(crate) fn runs_here(&self) -> bool {
        let me = this_thread();
        self.state.lock().running.iter().any(|running| running.thread == me)
    }

    fn has_returned(&self) {
        let me = this_thread();
        self.state.lock().running.retain(|running| running.thread != me);
        self.returned.notify_all();
    }
}

/// The function on the stack of this thread.
struct RunningHere<'a, F: ?Sized>(&'a Hook<F>);

impl<F: ?Sized> Drop for RunningHere<'_, F> {
    fn drop(&mut self) {
        self.0.has_returned();
    }
}

impl<F: ?Sized> Unfinished for RunningHere<'_, F> {
    fn give_up(&self) {
        self.0.has_returned();
    }
}

impl<F: ?Sized> State<F> {
    /// Records whether a thread exchanges the function from inside; returns whether it is inside.
    fn exchanges(&mut self, thread: ThreadId, exchanges: bool) -> bool {
        let running = self.running.iter_mut().find(|running| running.thread == thread);
        running.map(|running| running.exchanges = exchanges).is_some()
    }
}

#[cfg(all(test, not(ws4d_loom)))]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::thread;

    #[test]
    fn set_returns_when_the_old_function_no_longer_runs() {
        let hook: Arc<Hook<dyn Fn() + Send + Sync>> = Arc::new(Hook::new());
        let (entered, is_entered) = mpsc::channel();
        let (leave, may_leave) = mpsc::channel::<()>();
        let may_leave = std::sync::Mutex::new(may_leave);
        hook.set(Some(Arc::new(move || {
            entered.send(()).unwrap();
            may_leave.lock().unwrap().recv().unwrap();
        })));
        let runner = Arc::clone(&hook);
        let running = thread::spawn(move || runner.run(|f| f()));
        is_entered.recv().unwrap();
        let (done, is_done) = mpsc::channel();
        let setter = Arc::clone(&hook);
        let setting = thread::spawn(move || {
            setter.set(None);
            done.send(()).unwrap();
        });
        assert!(is_done.try_recv().is_err());
        leave.send(()).unwrap();
        running.join().unwrap();
        setting.join().unwrap();
        is_done.recv().unwrap();
    }

    #[test]
    fn a_call_from_inside_does_not_enter_again_and_may_exchange() {
        let hook: Arc<Hook<dyn Fn() + Send + Sync>> = Arc::new(Hook::new());
        let inner = Arc::clone(&hook);
        let count = Arc::new(std::sync::atomic::AtomicU32::new(0));
        let counted = Arc::clone(&count);
        hook.set(Some(Arc::new(move || {
            counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            inner.run(|f| f());
            inner.set(None);
        })));
        hook.run(|f| f());
        hook.run(|f| f());
        assert_eq!(count.load(std::sync::atomic::Ordering::Relaxed), 1);
    }
}
