use super::*;
use crate::dispatch::tests::{ending, text};
use crate::error::Component;

fn open() -> Mailbox {
    let mut mailbox = Mailbox::new(0, Claim::Nothing);
    mailbox.opened(0);
    assert!(matches!(mailbox.take(), Some(Work::Open { .. })));
    mailbox.returned();
    mailbox
}

fn error() -> Error {
    Error::new(ErrorCode::ShutDown, Component::Socket, "over")
}

#[test]
fn an_end_that_was_delivered_is_not_followed_by_another() {
    let mut mailbox = open();
    mailbox.ended(ending(1000), None);
    assert_eq!(mailbox.ending().map(|ending| ending.code), Some(1000));
    assert!(matches!(mailbox.take(), Some(Work::Terminate(Ending { code: 1000, .. }))));
    mailbox.returned();
    mailbox.ended(ending(1006), Some(Arc::new(error())));
    mailbox.drained();
    mailbox.push(text("late"));
    assert!(mailbox.has_ended() && mailbox.ending().is_none());
    assert!(!mailbox.is_deliverable() && mailbox.take().is_none());
}

#[test]
fn an_end_takes_the_drain_that_was_due() {
    let mut mailbox = open();
    mailbox.drained();
    mailbox.ended(ending(1000), None);
    assert_eq!(mailbox.deliverable(), 1);
    assert!(matches!(mailbox.take(), Some(Work::Terminate(_))));
}

#[test]
fn where_the_delivering_thread_ends_a_pause_discards() {
    for paused_before in [true, false] {
        let mut mailbox = open();
        mailbox.push(text("a b"));
        if paused_before {
            mailbox.pause();
        }
        mailbox.last_call();
        assert_eq!(mailbox.is_deliverable(), !paused_before);
        let epoch = mailbox.epoch();
        mailbox.pause();
        assert!(!mailbox.is_deliverable() && mailbox.epoch() == epoch + 1, "{paused_before}");
        mailbox.push(text("c"));
        assert!(mailbox.is_deliverable(), "it is not paused");
    }
}

#[test]
fn a_shutdown_of_another_thread_lets_a_pause_hold_again() {
    let mut mailbox = open();
    mailbox.last_call();
    mailbox.shut_down(error(), false);
    mailbox.push(text("a"));
    mailbox.pause();
    assert!(!mailbox.is_deliverable());
    mailbox.resume();
    assert_eq!(mailbox.deliverable(), 1);
}

#[test]
fn a_shutdown_is_the_failure_of_a_connection_that_was_not_made_yet() {
    let mut claimed = Mailbox::new(0, Claim::Everything);
    claimed.shut_down(error(), true);
    claimed.ended(ending(1006), None);
    assert!(!claimed.is_deliverable() && claimed.has_ended() && !claimed.is_open());
    assert_eq!(claimed.take_failure().map(|failure| failure.code()), Some(ErrorCode::ShutDown));
    let mut unclaimed = Mailbox::new(0, Claim::Nothing);
    unclaimed.shut_down(error(), true);
    assert!(unclaimed.take_failure().is_none());
}

#[test]
fn a_pulled_message_is_delivered_once_the_host_asks_for_more() {
    let mut mailbox = open();
    mailbox.push(text("a"));
    assert_eq!(mailbox.await_delivery(), Delivery::Pending);
    assert!(matches!(mailbox.pull(), Ok(Some(Pulled::Message(_)))));
    assert_eq!(mailbox.await_delivery(), Delivery::Pulled);
    assert!(mailbox.take_nudge(), "nobody else knows when the host has processed it");
    mailbox.release_pulled();
    assert!(mailbox.take_nudge());
    assert_eq!((mailbox.await_delivery(), mailbox.take_nudge()), (Delivery::Done, false));
}
