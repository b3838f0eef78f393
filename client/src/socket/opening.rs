//! The beginning of a socket: where the task that connects runs, and which thread waits for it.

use super::drive::{self, TaskGuard};
use super::{Purpose, Socket, Unopened};
use crate::dispatch::{self, Claim, Key, Mailbox, NotOpened, Task, TaskDriver};
use crate::engine::{self, Driver};
use crate::error::{Component, Error, ErrorCode};
use crate::event::Ending;
use crate::fault::fault_point;
use crate::panics::contained;
use std::mem;
use std::sync::{Arc, Weak};

impl Unopened {
    /// The socket, to be named before its first event.
    pub fn socket(&self) -> &Arc<Socket> {
        &self.socket
    }

    /// Connects and waits until the connection is open: OPEN has run when this returns. On an error no event was
    /// delivered and `free` was not called. On a dispatcher, called after
    /// [`Dispatcher::begin_call`](dispatch::Dispatcher::begin_call).
    pub fn connect(self) -> Result<Arc<Socket>, Error> {
        if !Driver::can_run_here() {
            let what =
                "This thread is ending, and can wait for no connection any more; open it on another thread";
            return Err(Error::new(ErrorCode::ShutDown, Component::Socket, what));
        }
        // The task that connects runs on this waiting thread, which saves a switch to the I/O thread and back.
        let Unopened { socket, purpose } = self;
        let (task_driver, borrowed) = match socket.dispatcher.task_driver() {
            Some(task_driver) => (Arc::clone(task_driver), None),
            None => {
                let driver = Driver::borrow()?;
                (Arc::clone(&driver) as Arc<dyn TaskDriver>, Some(driver))
            }
        };
        fault_point!();
        let opened = socket.begin(purpose, Some(&task_driver)).map(|key| {
            let waiting = Waiting { socket: &socket, opened: false };
            fault_point!();
            waiting.end(socket.dispatcher.wait_open(key, &task_driver))
        });
        if let Some(driver) = borrowed {
            contained(|| {
                driver.give_back();
                fault_point!();
            });
        }
        match opened? {
            Ok(()) => Ok(socket),
            Err(NotOpened::Failed(error)) => Err(Error::clone(&error)),
            Err(NotOpened::Cancelled) => Err(dispatch::cancelled_error(socket.shown())),
            Err(NotOpened::Interrupted) => Err(dispatch::interrupted_error(socket.shown())),
        }
    }

    /// Begins to connect. Errors as of [`Unopened::connect`]; a connection that fails later brings ERROR and TERMINATE.
    pub fn start(self) -> Result<Arc<Socket>, Error> {
        let Unopened { socket, purpose } = self;
        socket.begin(purpose, None)?;
        Ok(socket)
    }
}

impl Socket {
    /// Begins to connect, in a task of `waiter`, which a blocking `ws_new` drives.
    fn begin(self: &Arc<Self>, purpose: Purpose, waiter: Option<&Arc<dyn TaskDriver>>) -> Result<Key, Error> {
        let claim = match (waiter.is_some(), self.dispatcher.is_private()) {
            (false, _) => Claim::Nothing,
            (true, true) => Claim::Failure,
            (true, false) => Claim::Everything,
        };
        let mailbox = Mailbox::new(self.settings.receive_buffer_size, claim);
        let key = self.dispatcher.register(mailbox, Arc::clone(self)).map_err(|code| {
            let why = match code {
                ErrorCode::WrongThread => "The dispatcher's thread has ended inside one of its callbacks",
                _ => "The dispatcher is closed",
            };
            Error::new(code, Component::Socket, why)
        })?;
        let _ = self.key.set(key);
        if self.is_over() {
            // The host of a reconnector knows the socket before it begins. Its end was told where no mailbox was yet.
            self.post(|mailbox| mailbox.ended(Ending::abnormal(), None));
        }
        let registered = Registered(self);
        fault_point!();
        let begun = self.live(purpose, waiter);
        registered.end();
        match begun {
            Ok(()) => Ok(key),
            Err((error, task)) => {
                // Before the task is dropped, which would report an end.
                let forgotten = self.dispatcher.forget(key);
                drop(task);
                // If a shutdown has ended it meanwhile and the owner has delivered that already, it counts as begun.
                if forgotten { Err(error) } else { Ok(key) }
            }
        }
    }

    /// Starts the task, or gives it back.
    fn live(
        self: &Arc<Self>,
        purpose: Purpose,
        waiter: Option<&Arc<dyn TaskDriver>>,
    ) -> Result<(), (Error, Option<Task>)> {
        let weak: Weak<dyn engine::Stop> = Arc::downgrade(self) as _;
        let own = self.dispatcher.task_driver();
        let enlisted = engine::enlist(self.id, weak, own.is_none()).map_err(|error| (error, None))?;
        let since = enlisted.since();
        fault_point!();
        let guard = TaskGuard::new(Arc::clone(self), enlisted);
        fault_point!();
        let task: Task = match purpose {
            Purpose::Wait(delay) => Box::pin(drive::wait(guard, delay)),
            Purpose::Connect(start) if own.is_none() && waiter.is_some() => {
                Box::pin(drive::connect_here(guard, start))
            }
            Purpose::Connect(start) => Box::pin(drive::run(guard, start)),
        };
        match own.or(waiter) {
            Some(task_driver) => task_driver.spawn(task),
            None => engine::spawn(self.id, since, task).map_err(|(error, task)| (error, Some(task)))?,
        }
        // It lives: what follows must not end the call.
        contained(|| {
            self.dispatcher.task_added();
            fault_point!();
        });
        Ok(())
    }

    /// Takes the socket out of the dispatcher, without an event.
    pub(super) fn forget(self: &Arc<Self>) {
        if let Some(key) = self.key.get() {
            self.dispatcher.forget(*key);
        }
    }
}

/// A socket that is registered and has no task yet; its drop takes it out of the dispatcher.
struct Registered<'a>(&'a Arc<Socket>);

impl Registered<'_> {
    fn end(self) {
        mem::forget(self);
    }
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        self.0.forget();
        self.0.finish(None);
    }
}

/// A blocking `ws_new` that waits for its socket; its drop ends a socket that was not opened.
struct Waiting<'a> {
    socket: &'a Arc<Socket>,
    opened: bool,
}

impl Waiting<'_> {
    fn end(mut self, opened: Result<(), NotOpened>) -> Result<(), NotOpened> {
        self.opened = opened.is_ok();
        opened
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if !self.opened {
            // The task has nothing left to deliver, and may be waiting for that.
            self.socket.forget();
            self.socket.finish(None);
            self.socket.tell_task();
        }
    }
}
