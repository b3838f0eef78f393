//! One lookup in flight for each name and family, shared by all who want it: `getaddrinfo` cannot be cancelled, so that each
//! would keep a worker for as long as the name server is silent.

use super::happy_eyeballs::Family;
use crate::engine::{Kind, runs_here, start_blocking};
use crate::error::{Component, Error, ErrorCode};
use crate::fork::PerProcess;
use crate::sync::Mutex;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::oneshot;

pub(super) type Answer = Result<Vec<SocketAddr>, Error>;
type Key = (String, Family);

/// All lookups of this process that have not ended.
static IN_FLIGHT: PerProcess<Mutex<HashMap<Key, Flight>>> = PerProcess::new(|| Mutex::new(HashMap::new()));

struct Flight {
    begun: Arc<AtomicBool>,
    waiting: Vec<oneshot::Sender<Answer>>,
}

/// A lookup that somebody waits for.
pub(super) struct Ticket {
    /// A worker has begun with it.
    pub(super) begun: Arc<AtomicBool>,
    answer: oneshot::Receiver<Answer>,
}

impl Ticket {
    pub(super) async fn answer(self) -> Answer {
        self.answer.await.unwrap_or_else(|_| {
            Err(Error::new(ErrorCode::Internal, Component::Dns, "The worker of a name lookup failed"))
        })
    }
}

/// Joins the lookup that is in flight for this name and family, or begins one.
pub(super) fn ask(
    name: &str,
    family: Family,
    look_up: impl FnOnce() -> Answer + Send + 'static,
) -> Result<Ticket, Error> {
    let (sender, answer) = oneshot::channel();
    // A thread that is alone looks names up itself (`dns.rs`): there is nobody to share the answer with.
    debug_assert!(!runs_here(Kind::Lookup));
    let key = (name.to_owned(), family);
    let mut flights = IN_FLIGHT.get().lock();
    if let Some(flight) = flights.get_mut(&key) {
        flight.waiting.push(sender);
        return Ok(Ticket { begun: Arc::clone(&flight.begun), answer });
    }
    let begun = Arc::new(AtomicBool::new(false));
    flights.insert(key.clone(), Flight { begun: Arc::clone(&begun), waiting: vec![sender] });
    drop(flights);
    let mut landing = Landing(Some(key));
    start_blocking(Kind::Lookup, move || {
        if !landing.begin() {
            return;
        }
        let answer = look_up();
        for waiting in landing.take() {
            // A waiter that was dropped meanwhile takes no answer.
            let _ = waiting.send(answer.clone());
        }
    })?;
    Ok(Ticket { begun, answer })
}

/// Takes the lookup off the list at its end, also where it never began: once, because behind it another one of the same name
/// may have begun.
struct Landing(Option<Key>);

impl Landing {
    /// Begins, if somebody still waits; else it is off the list already.
    fn begin(&mut self) -> bool {
        let mut flights = IN_FLIGHT.get().lock();
        let Some(flight) = self.0.as_ref().and_then(|key| flights.get_mut(key)) else { return false };
        flight.begun.store(true, Ordering::Relaxed);
        if flight.waiting.iter().any(|waiting| !waiting.is_closed()) {
            return true;
        }
        // Under the same lock, so that nobody joins what will not be flown.
        let nobody = self.0.take().and_then(|key| flights.remove(&key));
        drop(flights);
        drop(nobody);
        false
    }

    fn take(&mut self) -> Vec<oneshot::Sender<Answer>> {
        let flight = self.0.take().and_then(|key| IN_FLIGHT.get().lock().remove(&key));
        flight.map_or_else(Vec::new, |flight| flight.waiting)
    }
}

impl Drop for Landing {
    fn drop(&mut self) {
        drop(self.take());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[tokio::test]
    async fn all_who_want_a_name_share_one_lookup_for_each_family() {
        let address = "192.0.2.1:0".parse().unwrap();
        let (go, wait) = mpsc::channel::<()>();
        let first = ask("shared.test", Family::V4, move || {
            let _ = wait.recv();
            Ok(vec![address])
        });
        let first = first.unwrap();
        let second = ask("shared.test", Family::V4, || panic!("a second lookup")).unwrap();
        let other = ask("shared.test", Family::V6, || Ok(Vec::new())).unwrap();
        assert_eq!(other.answer().await.unwrap(), []);
        go.send(()).unwrap();
        assert_eq!(first.answer().await.unwrap(), [address]);
        assert_eq!(second.answer().await.unwrap(), [address]);
        // The next one is a new one.
        let again = ask("shared.test", Family::V4, || Ok(Vec::new())).unwrap();
        assert_eq!(again.answer().await.unwrap(), []);
    }

    #[tokio::test]
    async fn a_lookup_that_panics_is_an_error_and_leaves_nothing_behind() {
        let ticket = ask("panics.test", Family::V4, || panic!("on purpose")).unwrap();
        assert!(ticket.answer().await.is_err());
        let again = ask("panics.test", Family::V4, || Ok(Vec::new())).unwrap();
        assert_eq!(again.answer().await.unwrap(), []);
    }

    #[tokio::test]
    async fn a_lookup_that_nobody_wants_any_more_takes_nobody_along() {
        let (began, begun) = mpsc::channel::<()>();
        let (go, wait) = mpsc::channel::<()>();
        // It lands, and is dropped, while the next one of that name is in flight.
        let key = ("twice.test".to_owned(), Family::V4);
        let landed = {
            let (sender, _) = oneshot::channel();
            let flight = Flight { begun: Arc::default(), waiting: vec![sender] };
            IN_FLIGHT.get().lock().insert(key.clone(), flight);
            let mut landing = Landing(Some(key));
            assert!(!landing.begin(), "nobody waits");
            landing
        };
        let next = ask("twice.test", Family::V4, move || {
            began.send(()).unwrap();
            let _ = wait.recv();
            Ok(Vec::new())
        });
        begun.recv().unwrap();
        drop(landed);
        go.send(()).unwrap();
        assert_eq!(next.unwrap().answer().await.unwrap(), []);
    }
}
