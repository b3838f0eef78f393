//! What a sequence does with its reconnector, if it has one.

use crate::random::Random;
use crate::wire::Answer;

/// What the host, or the server, does with a reconnector and its present connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ComebackAct {
    /// `ws_reconnector_send`
    Send,
    RetryNow,
    Terminate,
    /// `ws_reconnector_close`
    Close,
    Release,
    TerminateSocket,
    AbortSocket,
    /// `ws_close` of its socket, which is refused.
    CloseSocket,
    ServerMessages(usize),
    ServerClose,
    ServerFin,
    ServerAnswer,
    CloseDispatcher,
}

/// A callback of a reconnector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Moment {
    Attempt,
    Open,
    Message,
    Error,
    Terminate,
    IsFinal,
    Reconnect,
    End,
    Free,
}

/// What ends a reconnector that nothing has ended yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ComebackEnding {
    Close,
    Terminate,
    TerminateElsewhere,
    CloseDispatcher,
}

#[derive(Clone, Debug)]
pub(crate) struct ComebackPlan {
    pub(crate) inline: bool,
    pub(crate) elsewhere: bool,
    /// Only `ws_reconnector_retry_now`, or an end, ends a wait.
    pub(crate) slow: bool,
    pub(crate) queue_size: usize,
    /// To one attempt after the other, the last one for all that follow.
    pub(crate) answers: Vec<Answer>,
    /// The so-manieth end is final.
    pub(crate) final_at: u32,
    pub(crate) reactions: Vec<(Moment, u32, ComebackAct)>,
    pub(crate) ending: ComebackEnding,
}

impl ComebackPlan {
    pub(crate) fn new(r: &mut Random) -> ComebackPlan {
        let answer = |r: &mut Random| {
            r.weighted(&[
                (70, Answer::Accept),
                (8, Answer::Hold),
                (8, Answer::Refuse),
                (4, Answer::Malformed),
                (5, Answer::Fin),
                (5, Answer::Rst),
            ])
        };
        let endings = [
            (45, ComebackEnding::Close),
            (20, ComebackEnding::Terminate),
            (15, ComebackEnding::TerminateElsewhere),
            (20, ComebackEnding::CloseDispatcher),
        ];
        let reactions = if r.percent(60) { 1 + r.below(3) } else { 0 };
        ComebackPlan {
            inline: r.percent(35),
            elsewhere: r.percent(15),
            slow: r.percent(30),
            queue_size: r.one_of(&[0, 200, 100_000]),
            answers: if r.percent(40) {
                vec![Answer::Accept]
            } else {
                (0..1 + r.below(3)).map(|_| answer(r)).collect()
            },
            final_at: r.weighted(&[(85, u32::MAX), (10, 1), (5, 2)]),
            reactions: (0..reactions).map(|_| reaction(r)).collect(),
            ending: r.weighted(&endings),
        }
    }
}

fn reaction(r: &mut Random) -> (Moment, u32, ComebackAct) {
    let moment = r.weighted(&[
        (15, Moment::Attempt),
        (15, Moment::Open),
        (15, Moment::Message),
        (8, Moment::Error),
        (15, Moment::Terminate),
        (8, Moment::IsFinal),
        (15, Moment::Reconnect),
        (6, Moment::End),
        (3, Moment::Free),
    ]);
    let nth = r.one_of(&[1, 1, 2, 3]);
    let act = if r.percent(35) { ComebackAct::Close } else { ComebackAct::random(r) };
    (moment, nth, act)
}

impl ComebackAct {
    pub(crate) fn random(r: &mut Random) -> ComebackAct {
        use ComebackAct::*;
        let messages = r.one_of(&[1, 3, 20]);
        r.weighted(&[
            (20, Send),
            (15, RetryNow),
            (6, Terminate),
            (14, Close),
            (8, Release),
            (6, TerminateSocket),
            (8, AbortSocket),
            (3, CloseSocket),
            (14, ServerMessages(messages)),
            (8, ServerClose),
            (8, ServerFin),
            (6, ServerAnswer),
            (2, CloseDispatcher),
        ])
    }
}
