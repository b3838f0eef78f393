//! Sockets beside a sequence, on the same threads of the library: whatever happens there, they go on.

use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use ws4d_test_host::codes::*;
use ws4d_test_host::{Dispatcher, OptionsToken, RawEvent, RawHandler, Socket, api, name};

use crate::panics;
use crate::script::PATIENCE;
use crate::server::{Road, Server};
use crate::wire::{Answer, Bell, Wire};

/// What the callbacks of one neighbour have seen. Lives as long as the process, as a late callback might.
struct Seen {
    messages: AtomicU32,
    others: AtomicU32,
    freed: AtomicU32,
    /// A panic has hit itself.
    broken: AtomicBool,
}

struct Neighbour {
    dispatcher: Dispatcher,
    socket: Socket,
    wire: Arc<Wire>,
    seen: &'static Seen,
}

/// One socket without a dispatcher, one with an ordinary one, one with a driving one.
pub(crate) struct Neighbours(Vec<Neighbour>);

/// Beyond the numbers of all sequences.
static NEXT: AtomicU64 = AtomicU64::new(1 << 48);

/// Rings for all of them.
fn bell() -> &'static Arc<Bell> {
    static BELL: OnceLock<Arc<Bell>> = OnceLock::new();
    BELL.get_or_init(Bell::new)
}

fn seen(user_data: *mut c_void) -> &'static Seen {
    // SAFETY: a leaked `Seen`, see `open`.
    unsafe { &*user_data.cast::<Seen>() }
}

extern "C" fn called(_: Socket, event: *const RawEvent, user_data: *mut c_void) {
    let kind = (api().ws_event_get_type)(event);
    let seen = seen(user_data);
    if kind == WS_EVENT_TYPE_ERROR {
        let code = (api().ws_errors_code)((api().ws_event_errors)(event), 0);
        seen.broken.fetch_or(code == WS_ERR_INTERNAL && panics::has_fired(), SeqCst);
    }
    let count = if kind == WS_EVENT_TYPE_MESSAGE { &seen.messages } else { &seen.others };
    count.fetch_add(1, SeqCst);
    bell().ring();
}

extern "C" fn freed(user_data: *mut c_void) {
    seen(user_data).freed.fetch_add(1, SeqCst);
}

impl Neighbours {
    pub(crate) fn open(server: &Server) -> Neighbours {
        let dispatchers =
            [Dispatcher::NULL, (api().ws_dispatcher_new)(), (api().ws_dispatcher_new_driving)()];
        Neighbours(dispatchers.map(|dispatcher| Neighbour::open(server, dispatcher)).into())
    }

    /// Says what is wrong with them, and ends them. One may be broken, if nothing else `is_broken`.
    pub(crate) fn judge(self, is_broken: bool) -> Option<String> {
        let mut hit = is_broken;
        let mut wrongs = self.0.into_iter().enumerate().filter_map(|(at, neighbour)| {
            let (wrong, broken) = (neighbour.judge().err(), neighbour.seen.broken.load(SeqCst));
            let ended = neighbour.end().err();
            match wrong {
                Some(_) if broken && !std::mem::replace(&mut hit, true) => ended,
                wrong => wrong.or(ended),
            }
            .map(|wrong| format!("neighbour {at}: {wrong}"))
        });
        let first = wrongs.next();
        wrongs.for_each(drop);
        first
    }
}

impl Neighbour {
    fn open(server: &Server, dispatcher: Dispatcher) -> Neighbour {
        let count = AtomicU32::default;
        let seen = Seen { messages: count(), others: count(), freed: count(), broken: AtomicBool::default() };
        let seen: &'static Seen = Box::leak(Box::new(seen));
        let wire = server.expect(NEXT.fetch_add(1, SeqCst), Answer::Accept, bell());
        let url = ws4d_test_host::c(&server.url(Road::Wide, wire.id));
        let handler = RawHandler {
            user_data: ptr::from_ref(seen).cast_mut().cast(),
            dispatcher,
            on_free: Some(freed),
            ..RawHandler::calling(called)
        };
        let socket = (api().ws_new)(url.as_ptr(), &handler, OptionsToken(0), ptr::null_mut());
        assert_ne!(socket, Socket::NULL, "a neighbour");
        Neighbour { dispatcher, socket, wire, seen }
    }

    /// Waits until something has come to pass.
    fn until(&self, what: &str, condition: impl Fn(&Neighbour) -> bool) -> Result<(), String> {
        let limit = Instant::now() + PATIENCE;
        while !condition(self) {
            if self.seen.broken.load(SeqCst) {
                return Err("it was broken".to_owned());
            }
            if Instant::now() > limit {
                return Err(format!("waited in vain for {what}"));
            }
            let rings = bell().rings();
            if self.dispatcher != Dispatcher::NULL {
                let result = self.dispatcher.wait(5);
                if result < 0 {
                    return Err(format!("wait: {}", name(result)));
                }
            } else if !condition(self) {
                bell().wait(rings);
            }
        }
        Ok(())
    }

    /// It gets what the server sends, and the server gets what it sends.
    fn judge(&self) -> Result<(), String> {
        let others = self.seen.others.load(SeqCst);
        self.wire.message(true, 20, 1);
        self.until("a message", |me| me.seen.messages.load(SeqCst) == 1)?;
        let result = self.socket.send_blob(b"0.0:");
        if result != WS_OK {
            return Err(format!("send: {}", name(result)));
        }
        self.until("what it sends", |me| me.wire.state().got.len() == 1)?;
        if self.seen.others.load(SeqCst) != others || self.seen.freed.load(SeqCst) != 0 {
            return Err("it was told more than its message".to_owned());
        }
        Ok(())
    }

    /// It ends as any other.
    fn end(&self) -> Result<(), String> {
        let result = (api().ws_close)(self.socket);
        if result != WS_OK || self.seen.freed.load(SeqCst) != 1 {
            return Err(format!("ws_close: {}, freed: {}", name(result), self.seen.freed.load(SeqCst)));
        }
        if self.dispatcher != Dispatcher::NULL && self.dispatcher.close() != WS_OK {
            return Err("its dispatcher does not close".to_owned());
        }
        self.wire.dismiss();
        Ok(())
    }
}
