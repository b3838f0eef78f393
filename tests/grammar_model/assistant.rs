//! Another thread of the host, which does what it is told: at once, while the script waits, or whenever it comes
//! to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{Sender, channel};
use std::thread;

type Job = Box<dyn FnOnce() + Send>;

#[derive(Clone)]
pub(crate) struct Assistant {
    jobs: Sender<Job>,
    pending: Arc<AtomicUsize>,
}

impl Assistant {
    pub(crate) fn start() -> Assistant {
        let (sender, jobs) = channel::<Job>();
        let pending = Arc::<AtomicUsize>::default();
        let done = Arc::clone(&pending);
        let work = move || {
            for job in jobs {
                job();
                done.fetch_sub(1, SeqCst);
            }
        };
        thread::Builder::new().name("assistant".into()).spawn(work).expect("a thread");
        Assistant { jobs: sender, pending }
    }

    /// Returns when the job, and all before it, is done.
    pub(crate) fn now(&self, job: impl FnOnce() + Send + 'static) {
        let (done, is_done) = channel();
        self.later(move || {
            job();
            // Whoever does not wait any more has failed already.
            let _ = done.send(());
        });
        is_done.recv().expect("the assistant");
    }

    pub(crate) fn later(&self, job: impl FnOnce() + Send + 'static) {
        self.pending.fetch_add(1, SeqCst);
        self.jobs.send(Box::new(job)).expect("the assistant");
    }

    /// Whether nothing is under way.
    pub(crate) fn is_idle(&self) -> bool {
        self.pending.load(SeqCst) == 0
    }
}
