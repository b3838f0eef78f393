//! Tests of the mailbox and the dispatcher in isolation, with a target that only records. The behaviour that a host
//! sees is tested through the C functions; these tests force orders of events that a host cannot.

use super::*;
use crate::event::{Batch, EventKind, ItemKind};
use std::sync::{Arc, Mutex};

/// Remembers its events, and checks that callbacks neither nest nor break the grammar.
pub(super) struct Probe {
    gate: Gate,
    trace: Mutex<Vec<String>>,
    /// Run once, in its first callback.
    at_event: Mutex<Option<Act>>,
    at_drop: Option<Act>,
    is_silent: bool,
}

type Act = Box<dyn Fn() + Send + Sync>;

impl Drop for Probe {
    fn drop(&mut self) {
        self.at_drop.iter().for_each(|act| act());
    }
}

impl Probe {
    pub(super) fn new() -> Arc<Probe> {
        Arc::new(Probe::made(None, false))
    }

    #[cfg(not(ws4d_loom))]
    pub(super) fn with_drop(act: Act) -> Arc<Probe> {
        Arc::new(Probe::made(Some(act), false))
    }

    #[cfg(not(ws4d_loom))]
    pub(super) fn at_event(&self, act: Act) {
        *self.at_event.lock().unwrap() = Some(act);
    }

    /// `is_silent`: its events are the library's own.
    pub(super) fn made(at_drop: Option<Act>, is_silent: bool) -> Probe {
        let (trace, at_event) = (Mutex::new(Vec::new()), Mutex::new(None));
        Probe { gate: Gate::new(), trace, at_event, at_drop, is_silent }
    }

    fn note(&self, what: impl Into<String>) {
        self.trace.lock().unwrap().push(what.into());
    }

    pub(super) fn trace(&self) -> Vec<String> {
        self.trace.lock().unwrap().clone()
    }
}

impl Target for Probe {
    fn gate(&self) -> &Gate {
        &self.gate
    }

    fn mode(&self) -> DataType {
        DataType::Text
    }

    fn is_silent(&self) -> bool {
        self.is_silent
    }

    fn event(&self, event: &Event, _: &InCallback) {
        let act = self.at_event.lock().unwrap().take();
        act.iter().for_each(|act| act());
        self.note(match event.kind() {
            EventKind::Message => String::from_utf8_lossy(event.data().unwrap_or_default()).into_owned(),
            EventKind::Terminate => format!("terminate {}", event.code()),
            kind => format!("{kind:?}").to_lowercase(),
        });
    }

    fn report(&self, _: &Error) {
        self.note("report");
    }

    fn over(&self) {
        self.note("over");
    }

    fn free(&self) {
        self.note("free");
    }

    fn fail(self: &Arc<Self>) {
        self.note("failed");
    }

    fn nudge(&self) {}

    fn service(self: &Arc<Self>, _: bool, _: bool) -> ServiceOutcome {
        ServiceOutcome::Drained
    }

    fn lose(self: &Arc<Self>) {
        self.note("lost");
    }

    fn hang_up(self: &Arc<Self>, _: u16) -> Ending {
        Ending::abnormal()
    }
}

pub(super) fn text(words: &str) -> Batch {
    text_of(words, ItemKind::Text)
}

fn text_of(words: &str, kind: ItemKind) -> Batch {
    let mut bytes = Vec::new();
    let mut items = Vec::new();
    for word in words.split(' ') {
        items.push(crate::event::Item { kind, start: bytes.len(), len: word.len() });
        bytes.extend_from_slice(word.as_bytes());
        bytes.push(0);
    }
    Batch::shared(Arc::new(bytes.into()), items.into())
}

pub(super) fn ending(code: u16) -> Ending {
    Ending { code, ..Ending::abnormal() }
}

#[cfg(not(ws4d_loom))]
mod plain {
    use super::*;
    use crate::error::{Component, ErrorCode};

    fn error() -> Arc<Error> {
        Arc::new(Error::new(ErrorCode::ConnectionReset, Component::Tcp, "gone"))
    }

    /// Everything that a mailbox hands out, as words.
    fn drain(mailbox: &mut Mailbox) -> Vec<String> {
        let mut words = Vec::new();
        while let Some(work) = mailbox.take() {
            use super::super::mailbox::Work;
            match work {
                Work::Open { .. } => words.push("open".into()),
                Work::Drain => words.push("drain".into()),
                Work::Error { never_opened, .. } => words.push(format!("error {never_opened}")),
                Work::Terminate(ending) => words.push(format!("terminate {}", ending.code)),
                Work::Run { mut batch, .. } => {
                    let charge = batch.charge();
                    for item in batch.rest() {
                        let bytes = &batch.bytes[item.start..item.start + item.len];
                        words.push(String::from_utf8_lossy(bytes).into_owned());
                    }
                    batch.next = batch.items.len();
                    mailbox.returned_run(batch, charge, mailbox.epoch());
                    continue;
                }
            }
            mailbox.returned();
        }
        words
    }

    #[test]
    fn messages_before_a_failure_come_before_its_error() {
        let mut mailbox = Mailbox::new(0, Claim::Nothing);
        mailbox.opened(0);
        mailbox.push(text("a b"));
        mailbox.ended(ending(1006), Some(error()));
        mailbox.push(text("late"));
        mailbox.drained();
        mailbox.ended(ending(1000), None);
        assert_eq!(drain(&mut mailbox), ["open", "a", "b", "error false", "terminate 1006"]);
        assert_eq!(drain(&mut mailbox), [""; 0]);
    }

    #[test]
    fn a_connection_that_never_opened_has_no_open() {
        let mut mailbox = Mailbox::new(0, Claim::Nothing);
        mailbox.ended(ending(1006), Some(error()));
        mailbox.opened(0);
        assert_eq!(drain(&mut mailbox), ["error true", "terminate 1006"]);
    }

    #[test]
    fn a_pause_holds_messages_and_what_is_behind_one() {
        let mut mailbox = Mailbox::new(0, Claim::Nothing);
        mailbox.opened(0);
        drain(&mut mailbox);
        mailbox.pause();
        mailbox.push(Batch::single(ItemKind::Pong, b"p\0".to_vec(), 1));
        mailbox.push(text("a"));
        mailbox.push(Batch::single(ItemKind::Pong, b"q\0".to_vec(), 1));
        mailbox.drained();
        assert_eq!(mailbox.deliverable(), 2);
        let work = mailbox.take();
        assert!(matches!(work, Some(super::super::mailbox::Work::Drain)));
        mailbox.returned();
        mailbox.ended(ending(1000), None);
        assert_eq!(mailbox.deliverable(), 1, "the pong in front");
        mailbox.resume();
        assert_eq!(drain(&mut mailbox), ["p", "a", "q", "terminate 1000"]);
    }

    #[test]
    fn the_bound_stops_reading_and_half_of_it_lets_it_go_on() {
        let mut mailbox = Mailbox::new(200, Claim::Nothing);
        mailbox.opened(0);
        drain(&mut mailbox);
        mailbox.push(text("a b c"));
        assert!(!mailbox.stop_reading_if_full(), "3 times 65 is below 200");
        mailbox.push(text("d"));
        assert!(mailbox.stop_reading_if_full());
        assert!(!mailbox.take_nudge());
        assert_eq!(drain(&mut mailbox), ["a", "b", "c", "d"]);
        assert!(mailbox.take_nudge());
        assert!(!mailbox.take_nudge(), "once");
    }

    #[test]
    fn a_trickle_of_small_messages_shares_a_buffer() {
        let mut mailbox = Mailbox::new(0, Claim::Nothing);
        mailbox.opened(0);
        drain(&mut mailbox);
        let words: Vec<String> = (0..500).map(|n| n.to_string()).collect();
        for word in &words {
            mailbox.push(text(word));
        }
        let Some(super::super::mailbox::Work::Run { batch, .. }) = mailbox.take() else { panic!("a run") };
        assert_eq!(batch.items.len(), 500);
    }

    #[test]
    fn closing_discards_what_is_past_the_bound() {
        let mut mailbox = Mailbox::new(100, Claim::Nothing);
        mailbox.opened(0);
        mailbox.push(text("a b"));
        assert!(mailbox.stop_reading_if_full());
        mailbox.closing();
        assert!(!mailbox.stop_reading_if_full());
        assert_eq!(mailbox.push(text("c")), 1);
        mailbox.ended(ending(1000), None);
        assert_eq!(drain(&mut mailbox), ["open", "a", "b", "terminate 1000"]);
    }

    #[test]
    fn what_is_delivered_of_a_connection_that_closes_has_no_gap() {
        let mut mailbox = Mailbox::new(100, Claim::Nothing);
        mailbox.opened(0);
        mailbox.closing();
        assert_eq!(mailbox.push(text("a b c d")), 2);
        assert_eq!(drain(&mut mailbox), ["open", "a", "b"]);
        assert_eq!(mailbox.push(text("e")), 1, "there is room again, and two before it are missing");
        mailbox.ended(ending(1000), None);
        assert_eq!(drain(&mut mailbox), ["terminate 1000"]);
    }

    #[test]
    fn a_message_that_is_discarded_in_its_middle_does_not_go_on_where_there_is_room_again() {
        let mut mailbox = Mailbox::new(100, Claim::Nothing);
        mailbox.opened(0);
        mailbox.closing();
        let parts = |words, last| text_of(words, ItemKind::TextPart { last });
        assert_eq!(mailbox.push(parts("a b c d", false)), 0, "no message ends with them");
        assert_eq!(drain(&mut mailbox), ["open", "a", "b"]);
        assert_eq!(mailbox.push(parts("e", true)), 1);
        assert_eq!(drain(&mut mailbox), [""; 0]);
    }

    #[test]
    fn a_run_that_was_out_during_a_discard_is_not_put_back() {
        let mut mailbox = Mailbox::new(0, Claim::Nothing);
        mailbox.opened(0);
        drain(&mut mailbox);
        mailbox.push(text("a b c"));
        let epoch = mailbox.epoch();
        let Some(super::super::mailbox::Work::Run { mut batch, .. }) = mailbox.take() else {
            panic!("a run")
        };
        batch.next = 1;
        mailbox.discard();
        mailbox.returned_run(batch, 65, epoch);
        mailbox.ended(ending(1006), None);
        assert_eq!(drain(&mut mailbox), ["terminate 1006"]);
    }

    #[test]
    fn a_dispatch_that_a_remembered_stop_ends_wakes_for_what_it_leaves() {
        let wakes = Arc::new(Mutex::new(0));
        let counted = Arc::clone(&wakes);
        let dispatcher = Dispatcher::new(Some(Box::new(move || *counted.lock().unwrap() += 1)));
        let key = dispatcher.register(Mailbox::new(0, Claim::Nothing), Probe::new()).unwrap();
        dispatcher.stop();
        dispatcher.update(key, |mailbox| mailbox.opened(0)).1.send(&dispatcher);
        assert_eq!(*wakes.lock().unwrap(), 1);
        assert_eq!(dispatcher.dispatch(0), Ok(0), "the stop was remembered");
        assert_eq!(*wakes.lock().unwrap(), 2, "and what is left is announced");
        assert_eq!(dispatcher.dispatch(0), Ok(1));
    }

    #[test]
    fn sockets_take_turns() {
        let dispatcher = Dispatcher::new(None);
        let probes = [Probe::new(), Probe::new()];
        for (i, probe) in probes.iter().enumerate() {
            let key = dispatcher.register(Mailbox::new(0, Claim::Nothing), Arc::clone(probe)).unwrap();
            dispatcher.update(key, |mailbox| mailbox.opened(0)).1.send(&dispatcher);
            let words = (0..200).map(|n| format!("{i}.{n}")).collect::<Vec<_>>().join(" ");
            dispatcher.update(key, |mailbox| mailbox.push(text(&words))).1.send(&dispatcher);
        }
        assert_eq!(dispatcher.dispatch(150), Ok(150));
        let counts = probes.map(|probe| probe.trace().len());
        assert!(counts.iter().all(|count| *count >= 64), "{counts:?}");
    }
}

#[cfg(ws4d_loom)]
mod model {
    use super::*;
    use crate::sync::Mutex as ModelMutex;
    use loom::thread;

    /// A dispatcher whose wake sets a flag (behind a lock: loom lets an atomic swap miss a store that came before), and one socket on it.
    fn woken() -> (Arc<Dispatcher<Probe>>, Arc<Probe>, Key, Arc<ModelMutex<bool>>) {
        let flag = Arc::new(ModelMutex::new(false));
        let raised = Arc::clone(&flag);
        let dispatcher = Dispatcher::new(Some(Box::new(move || *raised.lock() = true)));
        let probe = Probe::new();
        let key = dispatcher.register(Mailbox::new(0, Claim::Nothing), Arc::clone(&probe)).unwrap();
        (dispatcher, probe, key, flag)
    }

    #[test]
    fn no_event_is_left_without_a_wake() {
        loom::model(|| {
            let (dispatcher, probe, key, woken) = woken();
            let network = Arc::clone(&dispatcher);
            let io = thread::spawn(move || {
                network.update(key, |mailbox| mailbox.opened(0)).1.send(&network);
                network.update(key, |mailbox| mailbox.push(text("a b"))).1.send(&network);
                network.update(key, |mailbox| mailbox.ended(ending(1000), None)).1.send(&network);
            });
            if std::mem::take(&mut *woken.lock()) {
                dispatcher.dispatch(1).unwrap();
            }
            io.join().unwrap();
            // Events that are left must have been announced after the last dispatch.
            while std::mem::take(&mut *woken.lock()) {
                dispatcher.dispatch(2).unwrap();
            }
            assert_eq!(probe.trace(), ["open", "a", "b", "terminate 1000", "over", "free"]);
        });
    }

    #[test]
    fn a_wait_ends_with_the_event_or_the_stop_that_comes_meanwhile() {
        loom::model(|| {
            let (dispatcher, probe, key, _) = woken();
            let network = Arc::clone(&dispatcher);
            let io = thread::spawn(move || {
                network.update(key, |mailbox| mailbox.opened(0)).1.send(&network);
            });
            assert_eq!(dispatcher.wait(None), Ok(1));
            io.join().unwrap();
            assert_eq!(probe.trace(), ["open"]);
            let stopper = Arc::clone(&dispatcher);
            let other = thread::spawn(move || stopper.stop());
            assert_eq!(dispatcher.wait(None), Ok(0));
            other.join().unwrap();
        });
    }

    #[test]
    fn closing_terminates_once_whatever_the_network_does_meanwhile() {
        loom::model(|| {
            let (dispatcher, probe, key, _) = woken();
            let network = Arc::clone(&dispatcher);
            let io = thread::spawn(move || {
                network.update(key, |mailbox| mailbox.opened(0)).1.send(&network);
                network.update(key, |mailbox| mailbox.ended(ending(1000), None)).1.send(&network);
            });
            dispatcher.dispatch(0).unwrap();
            dispatcher.close(|| ()).unwrap();
            io.join().unwrap();
            let trace = probe.trace();
            let ends = trace.iter().filter(|word| word.starts_with("terminate")).count();
            assert_eq!((ends, trace.last().map(String::as_str)), (1, Some("free")), "{trace:?}");
        });
    }

    /// A task driver without tasks, woken by another thread.
    struct Sleeper {
        woken: ModelMutex<bool>,
        changed: crate::sync::Condvar,
    }

    impl TaskDriver for Sleeper {
        fn can_run_here(&self) -> bool {
            true
        }

        fn spawn(&self, _: Task) {}

        fn tasks(&self) -> usize {
            0
        }

        fn run(&self, _: Option<std::time::Duration>, _: Option<crate::sys::RawWaitable>) -> Slept {
            let mut woken = self.woken.lock();
            while !std::mem::take(&mut *woken) {
                woken = self.changed.wait(woken);
            }
            Slept::Woken
        }

        fn unwatch(&self) {}

        fn wake(&self) {
            *self.woken.lock() = true;
            self.changed.notify_all();
        }

        fn end(&self) {}

        fn drop_tasks(&self) {}
    }

    #[test]
    fn a_blocking_open_is_taken_by_who_waits_for_it() {
        loom::model(|| {
            let (dispatcher, _, _, woken) = woken();
            let probe = Probe::new();
            let key = dispatcher.register(Mailbox::new(0, Claim::Everything), Arc::clone(&probe)).unwrap();
            let network = Arc::clone(&dispatcher);
            let io = thread::spawn(move || {
                network.update(key, |mailbox| mailbox.opened(0)).1.send(&network);
            });
            let _call = dispatcher.begin_call();
            let sleeper = Sleeper { woken: ModelMutex::new(false), changed: crate::sync::Condvar::new() };
            let task_driver: Arc<dyn TaskDriver> = Arc::new(sleeper);
            assert!(dispatcher.wait_open(key, &task_driver).is_ok());
            io.join().unwrap();
            assert_eq!(probe.trace(), ["open"]);
            assert!(!*woken.lock(), "the OPEN that ws_new consumes wakes nobody");
        });
    }
}
