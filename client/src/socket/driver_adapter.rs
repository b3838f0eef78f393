//! Sockets without an I/O thread: the engine's driver as the `TaskDriver` of a driving dispatcher.

use super::Dispatcher;
use crate::dispatch::{Slept, Task, TaskDriver};
use crate::engine::{Driver, Ran};
use crate::error::ErrorCode;
use crate::sys::RawWaitable;
use std::sync::Arc;
use std::time::Duration;

impl TaskDriver for Driver {
    fn can_run_here(&self) -> bool {
        Driver::can_run_here()
    }

    fn spawn(&self, task: Task) {
        Driver::spawn(self, task);
    }

    fn tasks(&self) -> usize {
        Driver::tasks(self)
    }

    fn run(&self, limit: Option<Duration>, also: Option<RawWaitable>) -> Slept {
        match Driver::run(self, limit, also) {
            Ran::Woken => Slept::Woken,
            Ran::Also => Slept::Rung,
            Ran::Signal => Slept::Signal,
        }
    }

    fn unwatch(&self) {
        Driver::unwatch(self);
    }

    fn wake(&self) {
        Driver::wake(self);
    }

    fn end(&self) {
        Driver::end(self);
    }

    fn drop_tasks(&self) {
        Driver::drop_tasks(self);
    }
}

impl Dispatcher {
    /// A dispatcher of the calling thread that needs no other thread: it does its sockets' I/O only while it
    /// dispatches, waits or pulls. Fails with [`ErrorCode::OutOfMemory`] if there are no descriptors or no memory.
    pub fn new_driving() -> Result<Arc<Dispatcher>, ErrorCode> {
        let driver = Driver::alone().map_err(|error| error.code())?;
        Dispatcher::driving(driver)
    }
}
