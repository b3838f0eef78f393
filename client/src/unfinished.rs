//! A list of the operations that the calling thread is in the middle of while it may call the host, so that all of them
//! can be given up if the thread ends inside a function of the host's and the call never returns.
//!
//! In that case, no value on the thread's stack is dropped; the stack itself stays, because the thread is parked. So an
//! operation that another thread could wait for, or find half done, is noted here for as long as it is on the stack.

use crate::fork::fork_epoch;
use std::cell::Cell;
use std::ptr;

/// An operation that a thread is in the middle of.
pub(crate) trait Unfinished {
    /// Lets nothing new begin that would need the thread. Runs before anything is given up, because whoever learns from
    /// that may begin something.
    fn refuse_new(&self) {}

    /// Releases everyone who could wait for the operation, to which its thread will never come back. Runs on that
    /// thread, with no lock held, and calls no function of the host's.
    fn give_up(&self);
}

struct Link {
    /// The fork epoch of the link. A forked child has inherited the links with the stack, but they name its parent's
    /// values.
    epoch: u32,
    outer: *const Link,
    what: *const dyn Unfinished,
}

thread_local! {
    /// The innermost link, on the stack of this thread or in the box of a [`Noted`].
    static INNERMOST: Cell<*const Link> = const { Cell::new(ptr::null()) };
}

/// Runs `body`, and gives `what` up if the thread ends in the middle of it.
#[inline]
pub(crate) fn noted<R>(what: &dyn Unfinished, body: impl FnOnce() -> R) -> R {
    struct Outer(*const Link);
    impl Drop for Outer {
        fn drop(&mut self) {
            INNERMOST.set(self.0);
        }
    }

    let link = Link { epoch: fork_epoch(), outer: INNERMOST.get(), what: erase(what) };
    let _outer = Outer(link.outer);
    INNERMOST.set(&link);
    body()
}

/// Like [`noted`], for an operation that does not begin and end in one function. It must be dropped on its thread, the
/// last one first.
pub(crate) struct Noted(Box<Link>);

impl Noted {
    /// # Safety
    /// `what` must outlive the returned value.
    pub(crate) unsafe fn begin(what: &dyn Unfinished) -> Noted {
        let link = Box::new(Link { epoch: fork_epoch(), outer: INNERMOST.get(), what: erase(what) });
        INNERMOST.set(&*link);
        Noted(link)
    }
}

impl Drop for Noted {
    fn drop(&mut self) {
        INNERMOST.set(self.0.outer);
    }
}

fn erase<'a>(what: &'a (dyn Unfinished + 'a)) -> *const dyn Unfinished {
    let what: *const (dyn Unfinished + 'a) = what;
    // SAFETY: only the lifetime changes. The pointer is used while its link is noted, and no longer than `what` is
    // borrowed: by `noted` for the whole of `body`, by the promise of `Noted::begin` until that is dropped.
    unsafe { std::mem::transmute::<*const (dyn Unfinished + 'a), *const (dyn Unfinished + 'static)>(what) }
}

/// Gives up all operations that the calling thread is in the middle of, the innermost first.
pub(crate) fn give_up_all() {
    let innermost = INNERMOST.replace(ptr::null());
    for_each(innermost, |operation| operation.refuse_new());
    for_each(innermost, |operation| operation.give_up());
}

fn for_each(mut link: *const Link, act: impl Fn(&dyn Unfinished)) {
    // SAFETY: a noted link is alive, and so is its pointee, by `noted` and by the promise of `Noted::begin`.
    while let Some(noted) = unsafe { link.as_ref() } {
        if noted.epoch == fork_epoch() {
            // SAFETY: as above.
            act(unsafe { &*noted.what });
        }
        link = noted.outer;
    }
}

#[cfg(all(test, not(ws4d_loom)))]
mod tests {
    use super::*;
    use std::cell::RefCell;

    struct Work<'a>(&'static str, &'a RefCell<Vec<&'static str>>);

    impl Unfinished for Work<'_> {
        fn refuse_new(&self) {
            assert!(self.1.borrow().iter().all(|done| *done == "refused"), "nothing is given up before");
            self.1.borrow_mut().push("refused");
        }

        fn give_up(&self) {
            self.1.borrow_mut().push(self.0);
        }
    }

    #[test]
    fn what_is_on_the_stack_is_given_up_from_the_inside_out() {
        let given_up = RefCell::new(Vec::new());
        noted(&Work("done", &given_up), || ());
        noted(&Work("outer", &given_up), || {
            let call = Work("call", &given_up);
            // SAFETY: `call` is declared first, so it lives longer.
            let _noted = unsafe { Noted::begin(&call) };
            noted(&Work("inner", &given_up), give_up_all);
        });
        give_up_all();
        assert_eq!(*given_up.borrow(), ["refused", "refused", "refused", "inner", "call", "outer"]);
    }
}
