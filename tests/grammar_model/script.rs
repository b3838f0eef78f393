//! Plays a plan: its steps, then the end of every socket.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::thread;
use std::time::{Duration, Instant};

use ws4d_test_host::codes::*;
use ws4d_test_host::{api, name};

use crate::acts::{act, serve};
use crate::comeback_plan::ComebackAct;
use crate::life::{Life, REFUSED, RETURNED, UNKNOWN};
use crate::plan::{Mode, Rescue};
use crate::server::Road;
use crate::steps::Step;
use crate::system;
use crate::wire::{Answer, lock};
use crate::world::World;

/// Nothing takes so long but what never comes. Under wine, each wait and each signal is a call of another process.
pub(crate) const PATIENCE: Duration = Duration::from_secs(if cfg!(windows) { 120 } else { 20 });

impl World {
    /// Plays all; what was wrong is in `wrongs`.
    pub(crate) fn play(self: &Arc<Self>) {
        for step in &self.plan.steps {
            if !self.is_right() {
                return;
            }
            self.step(*step);
        }
        self.finish_all();
    }

    fn step(self: &Arc<Self>, step: Step) {
        self.note(format!("{step:?}"));
        let word = format!("{step:?}");
        let mut words =
            word.split(['(', ' ', ',', ')', '{']).filter(|word| word.starts_with(char::is_alphabetic));
        let (first, second) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let detail = if matches!(step, Step::Server(..) | Step::Host(..)) { second } else { "" };
        self.count(format!("step {first} {detail}").trim_end());
        let pulls = matches!(self.plan.mode, Mode::Pull | Mode::PullWhenWoken);
        match step {
            Step::Open(index) => self.open_planned(index),
            Step::OpenComeback if self.plan.comeback.as_ref().is_some_and(|plan| plan.elsewhere) => {
                let world = Arc::clone(self);
                self.assistant.later(move || world.open_comeback());
            }
            Step::OpenComeback => self.open_comeback(),
            Step::Comeback(deed) => self.comeback().iter().for_each(|comeback| comeback.act(deed)),
            Step::ComebackAgain => self.await_comeback(),
            Step::ComebackElsewhere(deed) => {
                if let Some(comeback) = self.comeback() {
                    self.assistant.now(move || comeback.act(deed));
                }
            }
            Step::Server(index, deed) => self.with(index, |life| serve(life, deed)),
            Step::Host(index, deed) => self.with(index, |life| act(life, deed)),
            Step::Elsewhere(index, deed, true) => self.with(index, |life| {
                let life = Arc::clone(life);
                self.assistant.now(move || act(&life, deed));
            }),
            Step::Elsewhere(index, deed, false) => self.with(index, |life| {
                let life = Arc::clone(life);
                self.assistant.later(move || act(&life, deed));
            }),
            Step::Dispatch(_) | Step::Wait | Step::Next if self.waits_for_wake() => self.drive_woken(),
            Step::Next => drop(self.next(1)),
            Step::Dispatch(_) | Step::Wait if pulls && self.id.is_multiple_of(2) => drop(self.next(0)),
            Step::Dispatch(most) => drop(self.dispatch(most)),
            Step::Wait => drop(self.wait(1)),
            Step::AwaitReady(index) => self.with(index, |life| self.await_ready(life)),
            Step::Settle(index) => self.with(index, |life| {
                if life.is_healthy() {
                    self.until(&format!("all messages of socket {index}"), || {
                        !life.is_healthy() || lock(&life.record).messages == life.wire.state().sent.len()
                    });
                    self.count("settled");
                }
            }),
            Step::Fill(index, by) => self.with(index, |life| self.fill(life, by)),
            Step::Stop => self.stop(true),
            Step::StopElsewhere(wait) => {
                let world = Arc::clone(self);
                match wait {
                    true => self.assistant.now(move || world.stop(true)),
                    false => self.assistant.later(move || world.stop(false)),
                }
            }
            Step::Signals => self.under_signals(),
            Step::Lend(most) => self.lend(most),
            Step::Trespass => self.trespass(),
            Step::FreeKept => self.free_kept(),
            Step::CloseDispatcher => self.close(),
            Step::Shutdown { elsewhere: false } => self.shut_down(),
            Step::Shutdown { elsewhere: true } => {
                let world = Arc::clone(self);
                self.assistant.later(move || world.shut_down());
            }
        }
    }

    fn with(&self, index: usize, deed: impl FnOnce(&Arc<Life>)) {
        if let Some(life) = self.life(index) {
            deed(&life);
        }
    }

    fn open_planned(self: &Arc<Self>, index: usize) {
        let plan = &self.plan.sockets[index];
        if plan.blocking && plan.answer == Answer::Hold {
            let (world, rescue) = (Arc::clone(self), plan.rescue);
            self.assistant.later(move || world.rescue(index, rescue));
        }
        // Where the descriptor is watched, what another thread opens meanwhile would confuse who watches.
        if plan.elsewhere && !plan.blocking && self.plan.mode != Mode::Fd {
            self.count("opened elsewhere");
            let world = Arc::clone(self);
            self.assistant.later(move || world.open(index, &world.plan.sockets[index], false));
            return self.await_opening(index);
        }
        self.open(index, plan, plan.blocking);
    }

    fn await_comeback(self: &Arc<Self>) {
        let Some(comeback) = self.comeback() else { return };
        let before = comeback.opens();
        for times in [before.max(1), before.max(1) + 1] {
            self.until("a connection of the reconnector", || {
                !comeback.comes_back() || comeback.opens() >= times
            });
            if comeback.opens() == times && comeback.comes_back() {
                comeback.act(ComebackAct::ServerFin);
            }
        }
    }

    /// Waits while another thread opens a socket: what it begins must end the wait.
    fn await_opening(self: &Arc<Self>, index: usize) {
        let plan = &self.plan.sockets[index];
        let opens = plan.answer == Answer::Accept && plan.road != Road::Closed && !plan.bad_url;
        let shuts = self.plan.steps.iter().any(|step| matches!(step, Step::Shutdown { .. }));
        if plan.inline || !opens || shuts || !matches!(self.plan.mode, Mode::Wait | Mode::Run | Mode::Pull) {
            return;
        }
        let decided = |life: Arc<Life>| {
            let record = lock(&life.record);
            life.created.load(SeqCst) == REFUSED || record.opened || record.end.is_some()
        };
        self.expects.store(true, SeqCst);
        let what = format!("socket {index}, which another thread opens");
        self.until(&what, || self.is_closed() || self.life(index).is_some_and(decided));
        self.expects.store(false, SeqCst);
    }

    /// Ends the wait of a `ws_new` whose server says nothing.
    fn rescue(self: &Arc<Self>, index: usize, rescue: Rescue) {
        let mut life = None;
        let asked = || {
            life = self.life(index);
            // Where the request never comes, nobody waits for its answer.
            let over = |life: &Life| life.created.load(SeqCst) != UNKNOWN || life.is_freed();
            life.as_ref().is_some_and(|life| life.wire.state().asked || over(life))
        };
        self.look_until("the request", asked);
        let Some(life) = life else { return };
        self.count(format!("ws_new waits: {rescue:?}"));
        match rescue {
            Rescue::Accept => life.wire.answer(Answer::Accept),
            Rescue::Refuse => life.wire.answer(Answer::Refuse),
            Rescue::Stop => self.stop(false),
            Rescue::Shutdown => self.shut_down(),
        }
    }

    pub(crate) fn shut_down(&self) {
        self.shut_down.store(true, SeqCst);
        let shut_down = || (api().ws_shutdown)(PATIENCE.as_millis() as i32);
        let mut result = shut_down();
        if self.excuses("ws_shutdown", result) {
            result = shut_down();
        }
        if result != WS_OK {
            self.wrong(format!("ws_shutdown: {}", name(result)));
        }
    }

    /// Waits for what some other thread brings about.
    pub(crate) fn look_until(&self, what: &str, mut condition: impl FnMut() -> bool) {
        let limit = Instant::now() + PATIENCE;
        loop {
            let rings = self.bell.rings();
            if condition() {
                return;
            }
            if Instant::now() > limit {
                return self.wrong(format!("waited in vain for {what}"));
            }
            self.bell.wait(rings);
        }
    }

    /// Lives on as the mode has it until the condition holds.
    pub(crate) fn until(self: &Arc<Self>, what: &str, condition: impl Fn() -> bool) {
        let limit = Instant::now() + PATIENCE;
        while self.is_right() {
            let rings = self.bell.rings();
            if condition() {
                return;
            }
            if Instant::now() > limit {
                return self.wrong(format!("waited in vain for {what}"));
            }
            self.drive(rings);
        }
    }

    fn drive(self: &Arc<Self>, rings: u64) {
        match self.plan.mode {
            _ if self.is_closed() => self.bell.wait(rings),
            // Nothing is deliverable for it, so nothing tells the host: it knows what it has freed.
            _ if !self.owed().is_empty() || self.comeback_is_owed() => drop(self.next(0)),
            Mode::Wake | Mode::PullWhenWoken => {
                if self.woken.load(SeqCst) {
                    self.drive_woken()
                } else {
                    self.bell.wait(rings)
                }
            }
            Mode::Fd => self.drive_fd(),
            Mode::Wait | Mode::Run => drop(self.wait(self.patience())),
            Mode::Pull => drop(self.next(self.patience())),
        }
    }

    /// How long a wait may take. Where no other thread brings about what is waited for, each wait ends by itself.
    fn patience(&self) -> i32 {
        let idle = self.assistant.is_idle() || self.expects.load(SeqCst);
        let comes_back = self.plan.comeback.as_ref().is_some_and(|comeback| comeback.inline);
        let alone = idle && !comes_back && self.all_lives().iter().all(|life| !life.plan.inline);
        if self.plan.patient && alone { PATIENCE.as_millis() as i32 } else { 3 }
    }

    fn drive_woken(self: &Arc<Self>) {
        if self.is_closed() || !self.woken.swap(false, SeqCst) {
            return;
        }
        if self.plan.mode == Mode::Wake {
            self.dispatch(self.plan.at_once);
            return;
        }
        // A stop, too, makes it 0.
        let mut zeros = 0;
        while zeros < 3 && !self.is_closed() {
            zeros = if self.next(0) == 0 { zeros + 1 } else { 0 };
        }
    }

    fn drive_fd(&self) {
        let is_ready = self.bell.wait_with(self.handle().fd());
        if !is_ready {
            return;
        }
        let sure = self.assistant.is_idle() && !self.remembered.load(SeqCst) && self.stops.load(SeqCst) == 0;
        let lives = self.all_lives();
        let sure = sure && lives.iter().all(|life| !life.plan.inline && !life.held.load(SeqCst));
        if self.dispatch(self.plan.at_once) == 0 && sure {
            self.wrong("the descriptor was readable with nothing to deliver");
        }
    }

    fn await_ready(self: &Arc<Self>, life: &Arc<Life>) {
        let waits = || life.is_healthy() && lock(&life.record).messages < life.wire.state().sent.len();
        if life.plan.inline || !waits() {
            return;
        }
        if self.plan.driving {
            return self.take_without_waiting(life, waits);
        }
        let ready = || if self.waits_for_wake() { self.woken.load(SeqCst) } else { self.is_readable() };
        let limit = Instant::now() + PATIENCE;
        while waits() && !ready() {
            if Instant::now() > limit {
                return self.wrong(format!("socket {} has messages that nobody is told of", life.index));
            }
            if self.waits_for_wake() {
                let rings = self.bell.rings();
                if !ready() {
                    self.bell.wait(rings);
                }
            } else {
                system::wait_for(self.handle().fd(), None, 1000);
            }
        }
        self.count("told of messages");
    }

    /// Of a driving dispatcher nobody is told: its owner looks, and finds what the server has sent.
    fn take_without_waiting(self: &Arc<Self>, life: &Arc<Life>, waits: impl Fn() -> bool) {
        let limit = Instant::now() + PATIENCE;
        let before = lock(&life.record).messages;
        while self.is_right() && waits() && lock(&life.record).messages == before {
            if Instant::now() > limit {
                return self.wrong(format!("socket {} has messages that no dispatch finds", life.index));
            }
            let found = match self.plan.mode {
                Mode::Pull => self.next(0),
                Mode::Run => self.wait(0),
                _ => self.dispatch(self.plan.at_once),
            };
            if found == 0 {
                thread::yield_now();
            }
        }
        self.count("looked for messages");
    }

    pub(crate) fn lend(self: &Arc<Self>, most: u32) {
        let world = Arc::clone(self);
        self.assistant.now(move || {
            if world.attach() == WS_OK {
                world.dispatch(most);
            }
        });
        // It is another's now.
        self.dispatch(1);
        self.attach();
    }

    fn trespass(self: &Arc<Self>) {
        let world = Arc::clone(self);
        self.assistant.now(move || {
            world.dispatch(0);
            world.wait(0);
            world.next(0);
            world.close();
        });
    }
}

impl Life {
    /// Freed, and nobody is on the way to or from it.
    pub(crate) fn is_done(&self) -> bool {
        self.is_freed() && self.created.load(SeqCst) != UNKNOWN && !self.on_stack.load(SeqCst)
    }

    /// Nobody has done anything that may end it or hold it up.
    pub(crate) fn is_healthy(&self) -> bool {
        let (world, wire) = (&self.world, self.wire.state());
        let untouched = self.causes.load(SeqCst) == 0 && !self.held.load(SeqCst);
        let lives = !world.is_closed() && !world.shut_down.load(SeqCst) && !self.is_freed();
        let created = self.created.load(SeqCst) == RETURNED;
        let there = wire.answer == Answer::Accept && self.plan.road != Road::Closed;
        created && untouched && lives && there && wire.enders.is_empty()
    }
}
