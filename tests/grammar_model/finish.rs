//! The end of a sequence: every socket is seen to its end, and what is left is looked at.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

use ws4d_test_host::Socket;
use ws4d_test_host::codes::*;

use crate::acts::{act, release};
use crate::comeback_plan::{ComebackAct, ComebackEnding};
use crate::life::{Life, RETURNED, UNKNOWN};
use crate::panics;
use crate::plan::{Act, Ending, Mode};
use crate::wire::{Answer, lock};
use crate::world::World;

impl World {
    pub(crate) fn finish_all(self: &Arc<Self>) {
        self.assistant.now(|| {});
        self.finishing.store(true, SeqCst);
        self.free_kept();
        self.all_lives().iter().for_each(|life| self.finish(life));
        let mut closes = self.all_lives().iter().any(|life| life.plan.ending == Ending::CloseDispatcher);
        if let Some(comeback) = self.comeback() {
            comeback.finish();
            let waits = !comeback.plan.inline && !comeback.ended.load(SeqCst);
            closes |= waits && comeback.plan.ending == ComebackEnding::CloseDispatcher;
        }
        if closes && !self.is_closed() {
            self.close();
        }
        self.assistant.now(|| {});
        if self.plan.mode == Mode::Run && self.is_right() && !self.is_closed() {
            let (before, mut lives) = (self.stops.load(SeqCst), self.all_lives());
            lives.retain(|life| life.created.load(SeqCst) == RETURNED);
            let result = loop {
                let result = self.run();
                if result != WS_ERR_INTERRUPTED || !self.is_right() {
                    break result;
                }
            };
            let ended =
                |life: &Arc<Life>| life.plan.inline || life.is_freed() || lock(&life.record).end.is_some();
            if result == WS_OK && self.stops.load(SeqCst) == before && before == 0 && !lives.iter().all(ended)
            {
                self.wrong("ws_dispatcher_run returned before every socket had terminated");
            }
        }
        self.until("on_free of every socket", || {
            let lives = self.all_lives();
            // One that was not done may have opened another meanwhile.
            let back = self.comeback().is_none_or(|comeback| comeback.is_done());
            back && lives.iter().all(|life| life.is_done()) && self.all_lives().len() == lives.len()
        });
        self.assistant.now(|| {});
        if !self.is_right() {
            return;
        }
        if !self.is_closed() {
            if panics::has_fired() {
                // No call is in progress any more, or it could not be handed over.
                self.lend(0);
            }
            if self.is_readable() {
                self.wrong("the descriptor is readable though every socket is over");
            }
            self.remembered.store(false, SeqCst);
            self.close();
        }
        self.free_kept();
        for life in self.all_lives().iter().filter(|life| life.socket() != Socket::NULL) {
            if life.released.load(SeqCst) == 0 {
                life.check_token(life.socket());
                release(life, life.socket());
            }
            life.over.store(true, SeqCst);
            life.check_token(life.socket());
        }
        if let Some(comeback) = self.comeback() {
            if !comeback.given_back.load(SeqCst) {
                comeback.check_token();
                comeback.act(ComebackAct::Release);
            }
            comeback.check_token();
        }
        self.no_more_reports();
    }

    /// Sees to it that a socket ends.
    pub(crate) fn finish(&self, life: &Arc<Life>) {
        // Whoever is just opening it sees to it.
        if life.created.load(SeqCst) == UNKNOWN || life.finished.swap(true, SeqCst) {
            return;
        }
        act(life, Act::Resume);
        act(life, Act::Uncork);
        life.wire.read(true);
        life.wire.answer_close(true);
        life.wire.answer(Answer::Accept);
        let ended = !life.wire.state().enders.is_empty() || life.causes.load(SeqCst) != 0;
        if ended || life.is_freed() {
            return;
        }
        self.count(format!("ending {:?}", life.plan.ending));
        match life.plan.ending {
            Ending::ServerClose => life.wire.close(Some(4001), "at last"),
            Ending::ServerFin => life.wire.fin(),
            Ending::ServerRst => life.wire.rst(),
            Ending::ServerGarbage => life.wire.garbage(life.index),
            Ending::Terminate => act(life, Act::Terminate(3001)),
            Ending::TerminateElsewhere if self.is_scripts() => {
                let life = Arc::clone(life);
                self.assistant.now(move || act(&life, Act::Terminate(3002)));
            }
            Ending::TerminateElsewhere => act(life, Act::Terminate(3003)),
            Ending::Abort => act(life, Act::Abort),
            Ending::Close if life.index < self.plan.sockets.len() => act(life, Act::Close),
            Ending::Close => life.wire.close(None, ""),
            Ending::CloseDispatcher if life.plan.inline || life.index >= self.plan.sockets.len() => {
                life.wire.close(None, "");
            }
            Ending::CloseDispatcher => {}
        }
    }
}
