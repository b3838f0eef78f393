//! One socket's life as its host sees it: what was recorded, and what every callback is checked for at once.

use std::collections::HashMap;
use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::{
    AtomicBool, AtomicI32, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering::SeqCst,
};
use std::sync::{Arc, Mutex};

use ws4d_test_host::codes::*;
use ws4d_test_host::{Event, RawEvent, Socket, api, name};

use crate::acts;
use crate::plan::SocketPlan;
use crate::sends::Sends;
use crate::wire::{Sent, Wire, lock};
use crate::world::{World, this_thread};

/// What the host did to the socket, as far as it may decide how it ends.
pub(crate) const TERMINATED: u32 = 1;
/// Terminated while it was, or may have been, connecting.
pub(crate) const TERMINATED_EARLY: u32 = 2;
pub(crate) const ABORTED: u32 = 4;
/// `ws_close`
pub(crate) const CLOSED: u32 = 8;

/// What `ws_new*` has said.
pub(crate) const UNKNOWN: u8 = 0;
pub(crate) const RETURNED: u8 = 1;
pub(crate) const REFUSED: u8 = 2;

/// How far `ws_release` is.
pub(crate) const RELEASING: u8 = 1;
pub(crate) const RELEASED: u8 = 2;

pub(crate) struct Life {
    pub(crate) index: usize,
    pub(crate) plan: SocketPlan,
    pub(crate) world: Arc<World>,
    pub(crate) wire: Arc<Wire>,
    id: usize,
    pub(crate) token: AtomicUsize,
    pub(crate) created: AtomicU8,
    pub(crate) failure: AtomicI32,
    pub(crate) released: AtomicU8,
    pub(crate) over: AtomicBool,
    pub(crate) freed: AtomicU32,
    pub(crate) on_stack: AtomicBool,
    /// The thread of the callback that runs, 0 for none.
    stack_thread: AtomicU64,
    pub(crate) causes: AtomicU32,
    /// Paused or aborted by the thread of the callbacks, so that no message may come.
    pub(crate) paused: AtomicBool,
    pub(crate) silenced: AtomicBool,
    /// Paused by whomever, and not resumed since.
    pub(crate) held: AtomicBool,
    /// Terminated or aborted: what is sent now is refused.
    pub(crate) shut: AtomicBool,
    /// The script has seen to its end.
    pub(crate) finished: AtomicBool,
    pub(crate) record: Mutex<Record>,
    /// Messages accepted for sending, for each thread.
    pub(crate) accepted: Mutex<HashMap<u32, u64>>,
    pub(crate) would_block: AtomicU32,
    /// A panic that the test wanted has ended it after the host's own act.
    pub(crate) cut_short: AtomicBool,
    pub(crate) sends: Sends,
    pings: AtomicU64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) code: u16,
    pub(crate) clean: bool,
    pub(crate) reason: String,
}

#[derive(Default)]
pub(crate) struct Record {
    pub(crate) trace: Vec<String>,
    pub(crate) messages: usize,
    /// How far in what the server sent.
    pub(crate) position: usize,
    /// The message whose last part has not come yet.
    pub(crate) partial: Option<Sent>,
    /// Pings of the server's.
    pub(crate) pinged: usize,
    pub(crate) drains: u32,
    pub(crate) opened: bool,
    pub(crate) error: Option<i32>,
    pub(crate) end: Option<End>,
    pub(crate) codes: Vec<u16>,
    pub(crate) pings: Vec<String>,
    /// How many events of each type were seen, for reactions.
    counts: [u32; 16],
    status: i32,
}

static LIVES: Mutex<Option<HashMap<usize, Arc<Life>>>> = Mutex::new(None);
/// Callbacks that came when nobody lived any more.
pub(crate) static LATE: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn find(user_data: *mut c_void) -> Option<Arc<Life>> {
    let found = lock(&LIVES).as_ref().and_then(|lives| lives.get(&user_data.addr()).cloned());
    if found.is_none() {
        lock(&LATE).push(format!("a callback with user_data {}", user_data.addr()));
    }
    found
}

impl Life {
    pub(crate) fn new(world: &Arc<World>, index: usize, plan: SocketPlan, wire: Arc<Wire>) -> Arc<Life> {
        let id = wire.id as usize;
        let life = Arc::new(Life {
            index,
            plan,
            world: Arc::clone(world),
            wire,
            id,
            token: AtomicUsize::new(0),
            created: AtomicU8::new(UNKNOWN),
            failure: AtomicI32::new(WS_OK),
            released: AtomicU8::new(0),
            over: AtomicBool::new(false),
            freed: AtomicU32::new(0),
            on_stack: AtomicBool::new(false),
            stack_thread: AtomicU64::new(0),
            causes: AtomicU32::new(0),
            paused: AtomicBool::new(false),
            silenced: AtomicBool::new(false),
            held: AtomicBool::new(false),
            shut: AtomicBool::new(false),
            finished: AtomicBool::new(false),
            record: Mutex::default(),
            accepted: Mutex::default(),
            would_block: AtomicU32::new(0),
            cut_short: AtomicBool::new(false),
            sends: Sends::default(),
            pings: AtomicU64::new(0),
        });
        lock(&LIVES).get_or_insert_default().insert(id, Arc::clone(&life));
        life
    }

    pub(crate) fn forget(&self) {
        lock(&LIVES).as_mut().and_then(|lives| lives.remove(&self.id));
    }

    pub(crate) fn user_data(&self) -> *mut c_void {
        ptr::without_provenance_mut(self.id)
    }

    pub(crate) fn socket(&self) -> Socket {
        Socket(self.token.load(SeqCst))
    }

    /// Whether a callback of it runs on this thread.
    pub(crate) fn runs_here(&self) -> bool {
        self.on_stack.load(SeqCst) && self.stack_thread.load(SeqCst) == this_thread().number()
    }

    pub(crate) fn is_freed(&self) -> bool {
        self.freed.load(SeqCst) > 0
    }

    pub(crate) fn wrong(&self, what: impl Into<String>) {
        self.world.wrong(format!("socket {}: {}", self.index, what.into()));
    }

    pub(crate) fn next_ping(&self, tag: u32) -> String {
        format!("{tag}.{}", self.pings.fetch_add(1, SeqCst))
    }

    pub(crate) fn has_pinged(&self) -> bool {
        self.pings.load(SeqCst) > 0
    }

    /// Released and over, the token is stale; before, it is not. Asked where both are certain.
    pub(crate) fn check_token(&self, ws: Socket) {
        let alive = (api().ws_get_id)(ws) != 0;
        let released = self.released.load(SeqCst);
        if released == RELEASED && self.over.load(SeqCst) && alive {
            self.wrong("its token is valid though it was released and is over");
        }
        if released == 0 && !alive && self.released.load(SeqCst) == 0 {
            self.wrong("its token is stale though it was not released");
        }
        if !self.over.load(SeqCst) && self.created.load(SeqCst) != REFUSED && !alive && !self.is_freed() {
            self.wrong("its token is stale though it is not over");
        }
        if alive && !self.is_freed() && (api().ws_get_user_data)(ws) != self.user_data() {
            self.wrong("ws_get_user_data gives another's");
        }
    }

    /// Records one event, a callback's or a pulled one. Says how many of its type there were.
    pub(crate) fn event(&self, ws: Socket, event: Event) -> (i32, u32) {
        let raw = event.0;
        let kind = (api().ws_event_get_type)(raw);
        match self.token.compare_exchange(0, ws.0, SeqCst, SeqCst) {
            Ok(_) => {}
            Err(token) if token == ws.0 => {}
            Err(_) => self.wrong("an event with a stranger's token"),
        }
        self.check_token(ws);
        let line = event.describe();
        let mut wrong = Vec::new();
        let mut record = lock(&self.record);
        let stage = match (record.opened, record.error, &record.end) {
            (_, _, Some(_)) => 3,
            (_, Some(_), _) => 2,
            (true, ..) => 1,
            _ => 0,
        };
        let fits = match kind {
            WS_EVENT_TYPE_OPEN => stage == 0,
            WS_EVENT_TYPE_ERROR => stage <= 1,
            WS_EVENT_TYPE_TERMINATE => stage <= 2,
            _ => stage == 1,
        };
        if !fits || self.is_freed() {
            wrong.push(format!("{line:?} breaks the grammar"));
        }
        match kind {
            WS_EVENT_TYPE_OPEN => record.opened = true,
            WS_EVENT_TYPE_MESSAGE => {
                self.check_message(&event, &mut record, &mut wrong);
            }
            WS_EVENT_TYPE_PING => self.check_ping(&event, &mut record, &mut wrong),
            WS_EVENT_TYPE_PART => self.check_part(&event, &mut record, &mut wrong),
            WS_EVENT_TYPE_PONG => {
                let payload = String::from_utf8_lossy(&event.data()).into_owned();
                // Those of one thread are answered in their order; one that was refused is never answered.
                let tag = |ping: &str| ping.split('.').next().map(str::to_owned);
                match record.pings.iter().position(|ping| *ping == payload) {
                    Some(at) => {
                        let later = record.pings.split_off(at + 1);
                        record.pings.retain(|ping| tag(ping) != tag(&payload));
                        record.pings.extend(later);
                    }
                    None => wrong.push(format!("a pong {payload:?} that answers no ping, or comes too late")),
                }
            }
            WS_EVENT_TYPE_DRAIN => record.drains += 1,
            WS_EVENT_TYPE_ERROR => {
                record.error = Some((api().ws_errors_code)((api().ws_event_errors)(raw), 0))
            }
            _ => {
                let reason = ws4d_test_host::text((api().ws_event_reason)(raw)).unwrap_or_default();
                let (code, clean) = ((api().ws_event_code)(raw), (api().ws_event_was_clean)(raw) == 1);
                record.end = Some(End { code, clean, reason });
            }
        }
        let message = matches!(kind, WS_EVENT_TYPE_MESSAGE | WS_EVENT_TYPE_PART);
        let quiet = message || matches!(kind, WS_EVENT_TYPE_PONG | WS_EVENT_TYPE_PING | WS_EVENT_TYPE_DRAIN);
        let closed = self.causes.load(SeqCst) & CLOSED != 0 && kind != WS_EVENT_TYPE_TERMINATE;
        if (quiet || closed) && self.silenced.load(SeqCst) {
            wrong.push(format!("{line:?} after ws_abort or ws_close has discarded it"));
        }
        if message && self.paused.load(SeqCst) {
            wrong.push(format!("{line:?} while the socket was paused"));
        }
        let status = (api().ws_get_status)(ws);
        if status < record.status || (kind == WS_EVENT_TYPE_TERMINATE && status != WS_STATUS_CLOSED) {
            wrong.push(format!("status {status} after {}, inside {line:?}", record.status));
        }
        record.status = status;
        record.trace.push(line.trim_end_matches('x').to_owned());
        let count = &mut record.counts[kind as usize & 15];
        *count += 1;
        let count = *count;
        let never_opened = kind == WS_EVENT_TYPE_ERROR && !record.opened;
        drop(record);
        if never_opened {
            self.world.take_report(self.index);
        }
        wrong.into_iter().for_each(|wrong| self.wrong(wrong));
        (kind, count)
    }

    /// Enters a callback: of one socket there is one at most.
    fn enter(&self, what: &str) {
        if self.on_stack.swap(true, SeqCst) {
            self.wrong(format!("{what} inside, or beside, another callback of the same socket"));
        }
        let thread = this_thread();
        self.stack_thread.store(thread.number(), SeqCst);
        let closed = self.causes.load(SeqCst) & CLOSED != 0;
        if self.plan.inline && !closed && !thread.is_io() && self.created.load(SeqCst) == RETURNED {
            self.wrong(format!("{what} on thread {}, which is no I/O thread", thread.name()));
        }
    }

    fn leave(&self) {
        self.stack_thread.store(0, SeqCst);
        self.on_stack.store(false, SeqCst);
    }
}

/// Every callback of a handler but `on_free`.
pub(crate) extern "C" fn called(ws: Socket, raw: *const RawEvent, user_data: *mut c_void) {
    let Some(life) = find(user_data) else { return };
    let event = Event(raw);
    let kind = (api().ws_event_get_type)(raw);
    life.enter(&event.describe());
    if !life.plan.inline {
        life.world.check_callback(&life, kind, &event);
    }
    let (kind, count) = life.event(ws, event);
    acts::run(&life, kind, count, Some(Event(raw)));
    if kind == WS_EVENT_TYPE_TERMINATE {
        life.check_token(ws);
    }
    life.leave();
    life.world.bell.ring();
}

/// `on_free`
pub(crate) extern "C" fn freed(user_data: *mut c_void) {
    let Some(life) = find(user_data) else { return };
    life.enter("on_free");
    if !life.plan.inline {
        life.world.check_free(&life);
    }
    let ended = {
        let mut record = lock(&life.record);
        record.trace.push("free".to_owned());
        record.end.is_some()
    };
    if life.freed.fetch_add(1, SeqCst) > 0 {
        life.wrong("on_free twice");
    }
    // What it does now may wait for a thread that waits for this.
    life.world.bell.ring();
    if !ended && life.created.load(SeqCst) == RETURNED {
        life.wrong("on_free before on_terminate");
    }
    let ws = life.socket();
    if ended && ws != Socket::NULL {
        // A pulled TERMINATE keeps its socket until it is freed, also beyond the end of its dispatcher.
        if !life.world.pulls_terminate(&life) {
            life.over.store(true, SeqCst);
        }
        life.check_token(ws);
    }
    acts::run(&life, WS_EVENT_TYPE_NONE, 1, None);
    life.leave();
    life.world.bell.ring();
}

/// Names a result for a report.
pub(crate) fn shown(result: i32) -> String {
    if result >= 0 { result.to_string() } else { name(result) }
}
