//! Times that a task waits for: by the system, where the task is alone on its thread, else by the runtime.

use crate::lone;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::Instant;

/// A wait for a time. It may go on in another runtime than it began in, as long as that is not before it has been polled
/// by one.
pub(crate) struct Sleep {
    /// `None`: for ever.
    until: Option<Instant>,
    /// The timer of a runtime, once one is needed.
    of_runtime: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl Sleep {
    pub(crate) fn until(until: Instant) -> Sleep {
        Sleep { until: Some(until), of_runtime: None }
    }

    /// `None`: for ever.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.until
    }

    /// Waits for another time from now on.
    pub(crate) fn reset(&mut self, until: Instant) {
        self.until = Some(until);
        if let Some(timer) = &mut self.of_runtime {
            timer.as_mut().reset(until);
        }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(until) = self.until else { return Poll::Pending };
        if let Some(polled) = lone::poll_until(until.into_std()) {
            return polled;
        }
        let begin = || Box::pin(tokio::time::sleep_until(until));
        self.of_runtime.get_or_insert_with(begin).as_mut().poll(cx)
    }
}

/// Waits for so long.
pub(crate) fn sleep(time: Duration) -> Sleep {
    Sleep { until: Instant::now().checked_add(time), of_runtime: None }
}

/// The time was over before the future was ready.
pub(crate) struct Elapsed;

/// Waits for a future, at most for so long. The future is pinned by the caller, so that it is kept once.
pub(crate) async fn timeout<F: Future + Unpin>(limit: Duration, mut future: F) -> Result<F::Output, Elapsed> {
    let mut limit = sleep(limit);
    poll_fn(|cx| match Pin::new(&mut future).poll(cx) {
        Poll::Ready(output) => Poll::Ready(Ok(output)),
        Poll::Pending => Pin::new(&mut limit).poll(cx).map(|()| Err(Elapsed)),
    })
    .await
}
