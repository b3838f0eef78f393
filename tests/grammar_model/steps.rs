//! What happens in a sequence, one thing after the other, and inside callbacks.

use ws4d_test_host::codes::*;

use crate::comeback_plan::ComebackAct;
use crate::plan::{Act, LENGTHS, ServerAct};
use crate::random::Random;

/// What is done inside a callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum React {
    Own(Act),
    Other(usize, Act),
    /// On another thread, while the callback waits for it.
    Elsewhere(Act),
    Server(ServerAct),
    Dispatch(u32),
    Wait,
    Next,
    Stop,
    StopElsewhere,
    CloseDispatcher,
    /// What is refused there.
    Attach,
    Shutdown,
    /// `ws_event_retain`
    Retain,
    Comeback(ComebackAct),
    /// Opens the spare socket.
    Open {
        blocking: bool,
    },
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Reaction {
    /// The event's type; 0 for `on_free`.
    pub(crate) on: i32,
    pub(crate) nth: u32,
    pub(crate) what: React,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Open(usize),
    /// `ws_reconnector_new`
    OpenComeback,
    Comeback(ComebackAct),
    ComebackElsewhere(ComebackAct),
    /// Its server ends the connection, and it comes back.
    ComebackAgain,
    Server(usize, ServerAct),
    Host(usize, Act),
    /// On another thread; the script waits for it, or not.
    Elsewhere(usize, Act, bool),
    Dispatch(u32),
    Wait,
    Next,
    /// Until something of that socket is deliverable.
    AwaitReady(usize),
    /// Until all that the server sent was delivered.
    Settle(usize),
    /// Sends until WS_ERR_WOULD_BLOCK, then waits for `on_drain`.
    Fill(usize, Filling),
    Stop,
    StopElsewhere(bool),
    /// Another thread sends this one signals, while it waits or does not.
    Signals,
    /// Another thread attaches the dispatcher, dispatches, and gives it back.
    Lend(u32),
    /// Another thread tries what only the owner may.
    Trespass,
    FreeKept,
    CloseDispatcher,
    Shutdown {
        elsewhere: bool,
    },
}

/// By what the send buffer is filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Filling {
    Blobs,
    Many,
    Parts,
}

impl Reaction {
    pub(crate) fn new(r: &mut Random) -> Reaction {
        let on = r.weighted(&[
            (25, WS_EVENT_TYPE_OPEN),
            (35, WS_EVENT_TYPE_MESSAGE),
            (12, WS_EVENT_TYPE_PART),
            (10, WS_EVENT_TYPE_ERROR),
            (15, WS_EVENT_TYPE_TERMINATE),
            (6, WS_EVENT_TYPE_DRAIN),
            (8, WS_EVENT_TYPE_PONG),
            (6, WS_EVENT_TYPE_NONE),
        ]);
        let nth = if matches!(on, WS_EVENT_TYPE_MESSAGE | WS_EVENT_TYPE_PART) {
            r.one_of(&[1, 1, 2, 3, 7])
        } else {
            1
        };
        let (act, server, other, most) =
            (Act::random(r), ServerAct::random(r), r.below(3), r.below(3) as u32);
        let blocking = r.percent(50);
        let comeback = ComebackAct::random(r);
        let what = r.weighted(&[
            (34, React::Own(act)),
            (12, React::Other(other, act)),
            (8, React::Elsewhere(act)),
            (6, React::Server(server)),
            (12, React::Dispatch(most)),
            (4, React::Wait),
            (3, React::Next),
            (5, React::Stop),
            (3, React::StopElsewhere),
            (4, React::CloseDispatcher),
            (2, React::Attach),
            (1, React::Shutdown),
            (6, React::Retain),
            (4, React::Comeback(comeback)),
            (6, React::Open { blocking }),
        ]);
        Reaction { on, nth, what }
    }
}

impl Step {
    pub(crate) fn random(r: &mut Random, i: usize, alone: bool, steps: &mut Vec<Step>) {
        let (act, server, wait, most) =
            (Act::random(r), ServerAct::random(r), r.percent(60), r.below(4) as u32);
        let filling = r.one_of(&[Filling::Blobs, Filling::Many, Filling::Parts]);
        let step = r.weighted(&[
            (30, Step::Server(i, server)),
            (18, Step::Host(i, act)),
            // Whether another thread may close is certain only while this one stands still.
            (8, Step::Elsewhere(i, act, wait || act == Act::Close)),
            (12, Step::Dispatch(most)),
            (4, Step::Wait),
            (4, Step::Next),
            (6, Step::AwaitReady(i)),
            (8, Step::Settle(i)),
            (7, Step::Fill(i, filling)),
            (4, Step::Stop),
            (3, Step::StopElsewhere(wait)),
            (4, Step::Signals),
            (3, Step::Lend(most)),
            (2, Step::Trespass),
            (3, Step::FreeKept),
            (2, Step::CloseDispatcher),
            (if alone { 20 } else { 0 }, Step::Shutdown { elsewhere: wait }),
        ]);
        if let Step::Server(_, ServerAct::Burst { .. }) = step {
            // What waits is seen best all at once.
            steps.extend([step, Step::AwaitReady(i), Step::Dispatch(0)]);
        } else {
            steps.push(step);
        }
        if let Step::Host(_, Act::Begin(_)) = step {
            // Others send meanwhile, and any thread may go on with it.
            let (len, other) = (r.one_of(&LENGTHS), r.one_of(&[Act::Text(20), Act::Ping, Act::Many(3, 8)]));
            let held = [Act::Cork, Act::Part(len), other, Act::Part(20), Act::Part(8), Act::Uncork];
            steps.extend(held.map(|act| Step::Host(i, act)));
            steps.extend([Act::Part(len / 2), Act::End].map(|act| Step::Elsewhere(i, act, wait)));
        }
    }
}
