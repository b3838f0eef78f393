//! The owner's wait, as a value that ends it.

use super::presence::OwnerWait;
use crate::dispatch::Target;
use crate::dispatch::state::{Guard, State};
use crate::dispatch::task_driver::Driving;
use crate::sync::Mutex;

/// A wait of the owner, from just before its sleep; its drop ends the wait, also after a panic. The caller holds no lock.
pub(in crate::dispatch) struct OwnerWaits<'a, T: Target> {
    state: &'a Mutex<State<T>>,
    driving: Option<&'a Driving>,
    over: bool,
}

impl<'a, T: Target> OwnerWaits<'a, T> {
    pub(in crate::dispatch) fn begin(
        state: &'a Mutex<State<T>>,
        driving: Option<&'a Driving>,
    ) -> OwnerWaits<'a, T> {
        OwnerWaits { state, driving, over: false }
    }

    pub(in crate::dispatch) fn end(mut self) -> Guard<'a, T> {
        self.over = true;
        self.back()
    }

    fn back(&self) -> Guard<'a, T> {
        if let Some(driving) = self.driving {
            driving.woke();
        }
        let mut state = self.state.lock();
        state.lending.wait = OwnerWait::Elsewhere;
        state
    }
}

impl<T: Target> Drop for OwnerWaits<'_, T> {
    fn drop(&mut self) {
        if !self.over {
            drop(self.back());
        }
    }
}
