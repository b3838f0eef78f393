//! What a sequence does, decided by its seed alone: sockets, steps, what callbacks do, how all ends.

use crate::comeback_plan::{ComebackAct, ComebackPlan};
use crate::random::Random;
use crate::server::Road;
use crate::steps::{Reaction, Step};
use crate::wire::Answer;

/// How the host comes to its events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// `ws_dispatcher_dispatch`, only when `wake` was called.
    Wake,
    /// `ws_dispatcher_dispatch`, only when the descriptor is readable.
    Fd,
    /// `ws_dispatcher_wait`
    Wait,
    /// `ws_dispatcher_wait`, and `ws_dispatcher_run` at the end.
    Run,
    /// `ws_dispatcher_next`
    Pull,
    /// `ws_dispatcher_next` until it returns 0, only when `wake` was called.
    PullWhenWoken,
}

/// What the host does to one socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Text(usize),
    Blob(usize),
    /// `ws_send_many`: so many, of that length.
    Many(usize, usize),
    /// `ws_send_begin` of a text or not.
    Begin(bool),
    Part(usize),
    End,
    Ping,
    Pause,
    Resume,
    Cork,
    Uncork,
    Terminate(i32),
    BadTerminate,
    Abort,
    Release,
    /// `ws_close`
    Close,
}

/// What the server does on one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ServerAct {
    Message { text: bool, len: usize, parts: usize },
    Burst { count: usize, len: usize },
    Ping,
    UnaskedPong,
    Unfinished,
    Garbage(usize),
    Close(Option<u16>),
    Fin,
    Rst,
    Read(bool),
    AnswerClose(bool),
    Answer(Answer),
}

/// What ends a socket that nothing has ended yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    ServerClose,
    ServerFin,
    ServerRst,
    ServerGarbage,
    Terminate,
    TerminateElsewhere,
    Abort,
    Close,
    CloseDispatcher,
}

/// What another thread does while `ws_new` waits for a server that says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rescue {
    Accept,
    Refuse,
    Stop,
    Shutdown,
}

#[derive(Clone, Debug)]
pub(crate) struct SocketPlan {
    pub(crate) inline: bool,
    pub(crate) blocking: bool,
    /// Opened by another thread, if it does not block.
    pub(crate) elsewhere: bool,
    pub(crate) bad_url: bool,
    pub(crate) road: Road,
    pub(crate) answer: Answer,
    pub(crate) rescue: Rescue,
    /// So many messages come with the answer to the upgrade, and a close frame if so.
    pub(crate) glued: usize,
    pub(crate) glued_close: bool,
    /// 0: the default.
    pub(crate) receive_buffer: usize,
    pub(crate) send_buffer: usize,
    /// 0: messages arrive whole.
    pub(crate) part_size: usize,
    /// The server's pings are events.
    pub(crate) pings: bool,
    /// `None`: so long that it never passes.
    pub(crate) close_timeout: Option<u32>,
    pub(crate) reactions: Vec<Reaction>,
    pub(crate) ending: Ending,
}

#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) mode: Mode,
    /// `ws_dispatcher_new_driving`
    pub(crate) driving: bool,
    /// So many events are pulled at once at most, by `ws_dispatcher_next_batch`; 0: by `ws_dispatcher_next`.
    pub(crate) batch: usize,
    /// `ws_dispatcher_set_interruptible`
    pub(crate) interruptible: bool,
    /// Waits go on until something comes, wherever nothing else is waited for.
    pub(crate) patient: bool,
    pub(crate) sockets: Vec<SocketPlan>,
    pub(crate) spare: SocketPlan,
    pub(crate) comeback: Option<ComebackPlan>,
    pub(crate) steps: Vec<Step>,
    /// How many events one drive dispatches at most, 0 for all.
    pub(crate) at_once: u32,
    pub(crate) keep_events: usize,
}

pub(crate) const LENGTHS: [usize; 7] = [0, 8, 20, 20, 100, 300, 5000];
/// To an upgrade that was held.
const ANSWERS: [Answer; 5] = [Answer::Accept, Answer::Accept, Answer::Refuse, Answer::Fin, Answer::Rst];

impl Plan {
    /// `alone`: nothing else runs meanwhile, so that `ws_shutdown` may be among the steps.
    pub(crate) fn new(r: &mut Random, alone: bool) -> Plan {
        use Mode::*;
        let mode =
            r.weighted(&[(30, Wake), (20, Fd), (15, Wait), (10, Run), (15, Pull), (10, PullWhenWoken)]);
        let count = r.weighted(&[(55, 1), (30, 2), (15, 3)]);
        let mut sockets: Vec<SocketPlan> = (0..count).map(|_| SocketPlan::new(r, alone)).collect();
        if r.percent(15) {
            sockets.iter_mut().for_each(|socket| socket.ending = Ending::CloseDispatcher);
        }
        let mut spare = SocketPlan::new(r, false);
        spare.reactions.clear();
        if spare.answer == Answer::Hold {
            spare.answer = Answer::Accept;
        }
        let comeback = r.percent(30).then(|| ComebackPlan::new(r));
        let mut steps = vec![Step::Open(0)];
        if comeback.is_some() {
            steps.insert(r.below(2), Step::OpenComeback);
        }
        let mut opened = 1;
        for _ in 0..4 + r.below(10) {
            if opened < count && r.percent(40) {
                steps.push(Step::Open(opened));
                opened += 1;
            } else if comeback.is_some() && r.percent(25) {
                let act = ComebackAct::random(r);
                steps.push(r.weighted(&[
                    (50, Step::Comeback(act)),
                    (20, Step::ComebackElsewhere(act)),
                    (30, Step::ComebackAgain),
                ]));
            } else {
                let socket = r.below(opened);
                Step::random(r, socket, alone, &mut steps);
            }
        }
        let at_once = r.weighted(&[(50, 0), (30, 1), (20, 3)]);
        Plan {
            mode,
            driving: matches!(mode, Wait | Run | Pull) && r.percent(35),
            batch: r.weighted(&[(60, 0), (10, 1), (15, 3), (15, 100)]),
            interruptible: r.percent(30),
            patient: r.percent(50),
            sockets,
            spare,
            comeback,
            steps,
            at_once,
            keep_events: r.one_of(&[0, 0, 30, 90]),
        }
    }
}

impl SocketPlan {
    fn new(r: &mut Random, alone: bool) -> SocketPlan {
        use Answer::*;
        use Ending::*;
        let inline = r.percent(18);
        let filling = r.percent(12);
        let answer = r.weighted(&[(78, Accept), (12, Hold), (4, Refuse), (2, Malformed), (2, Fin), (2, Rst)]);
        let rescues = [
            (40, Rescue::Accept),
            (15, Rescue::Refuse),
            (25, Rescue::Stop),
            (if alone { 20 } else { 0 }, Rescue::Shutdown),
        ];
        let endings = [
            (30, ServerClose),
            (12, ServerFin),
            (8, ServerRst),
            (8, ServerGarbage),
            (20, Terminate),
            (8, TerminateElsewhere),
            (10, Abort),
            (8, Close),
        ];
        let rescue = match r.weighted(&rescues) {
            Rescue::Stop if inline => Rescue::Accept,
            rescue => rescue,
        };
        let close_timeouts = [(80, None), (10, Some(20)), (10, Some(0))];
        let reactions =
            if r.percent(60) { (0..1 + r.below(3)).map(|_| Reaction::new(r)).collect() } else { vec![] };
        SocketPlan {
            inline,
            blocking: r.percent(40),
            elsewhere: r.percent(12),
            bad_url: r.percent(1),
            road: if r.percent(2) { Road::Closed } else { [Road::Wide, Road::Narrow][usize::from(filling)] },
            answer,
            rescue,
            glued: r.weighted(&[(75, 0), (15, 1), (10, 12)]),
            glued_close: r.percent(4),
            receive_buffer: r.weighted(&[(60, 0), (15, 1), (15, 300), (10, 2000)]),
            send_buffer: if filling { 4096 } else { r.weighted(&[(85, 0), (15, 300)]) },
            part_size: r.weighted(&[(65, 0), (5, 1), (10, 7), (10, 90), (10, 1000)]),
            pings: r.percent(40),
            close_timeout: r.weighted(&close_timeouts),
            reactions,
            ending: r.weighted(&endings),
        }
    }
}

impl Act {
    /// Whether it sends something, for which there may be no room.
    pub(crate) fn sends(self) -> bool {
        use Act::*;
        // Of none there is nothing to refuse.
        !matches!(self, Many(0, _))
            && matches!(self, Text(_) | Blob(_) | Many(..) | Begin(_) | Part(_) | End | Ping)
    }

    pub(crate) fn random(r: &mut Random) -> Act {
        use Act::*;
        let len = r.one_of(&LENGTHS);
        let code = r.one_of(&[0, 1000, 3000, 4999]);
        let (count, text) = (r.below(6), r.percent(50));
        r.weighted(&[
            (20, Text(len)),
            (10, Blob(len)),
            (8, Many(count, len)),
            (12, Begin(text)),
            (12, Part(len)),
            (9, End),
            (14, Ping),
            (8, Pause),
            (8, Resume),
            (6, Cork),
            (6, Uncork),
            (10, Terminate(code)),
            (2, BadTerminate),
            (7, Abort),
            (9, Release),
            (5, Close),
        ])
    }
}

impl ServerAct {
    pub(crate) fn random(r: &mut Random) -> ServerAct {
        use ServerAct::*;
        let message =
            Message { text: r.percent(70), len: r.one_of(&LENGTHS), parts: r.one_of(&[1, 1, 1, 2, 4]) };
        let burst = Burst { count: 5 + r.below(40), len: r.one_of(&[8, 100]) };
        let close = Close(r.one_of(&[None, Some(1000), Some(1001), Some(4000)]));
        let (kind, on) = (r.below(4), r.percent(40));
        let answer = r.one_of(&ANSWERS);
        r.weighted(&[
            (34, message),
            (16, burst),
            (6, Ping),
            (2, UnaskedPong),
            (2, Unfinished),
            (4, Garbage(kind)),
            (8, close),
            (4, Fin),
            (4, Rst),
            (5, Read(on)),
            (5, AnswerClose(on)),
            (10, Answer(answer)),
        ])
    }
}
