//! What a socket's `user_data` stands for. It is a number, not an address, so that a callback that comes too late
//! finds nothing freed but is recorded as what it is.

use std::collections::HashMap;
use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};

use crate::api::api;
use crate::host::{Host, Inner, lock};
use crate::trace::Trace;
use crate::types::{RawEvent, RawHandler, Socket};
use crate::values::Event;

pub(crate) struct Peer {
    pub(crate) name: String,
    id: usize,
    host: Weak<Inner>,
    socket: AtomicUsize,
    /// Its own lines; outlives the host, whose last act may be to close the dispatcher.
    life: Trace,
}

static PEERS: Mutex<Option<HashMap<usize, Arc<Peer>>>> = Mutex::new(None);
static NEXT: AtomicUsize = AtomicUsize::new(1);

impl Peer {
    pub(crate) fn new(host: &Host, name: &str) -> Arc<Peer> {
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let peer = Arc::new(Peer {
            name: name.to_owned(),
            id,
            host: host.weak(),
            socket: AtomicUsize::new(0),
            life: Trace::default(),
        });
        lock(&PEERS).get_or_insert_default().insert(id, Arc::clone(&peer));
        lock(&host.inner.peers).push(Arc::clone(&peer));
        peer
    }

    fn find(user_data: *mut c_void) -> Option<Arc<Peer>> {
        lock(&PEERS).as_ref()?.get(&user_data.addr()).cloned()
    }

    pub(crate) fn user_data(&self) -> *mut c_void {
        ptr::without_provenance_mut(self.id)
    }

    /// A handler with every callback set; with `on_ping` only where pings are wanted.
    pub(crate) fn handler(&self, host: &Host, pings: bool) -> RawHandler {
        RawHandler {
            user_data: self.user_data(),
            dispatcher: host.dispatcher(),
            on_ping: pings.then_some(called),
            on_free: Some(freed),
            ..RawHandler::calling(called)
        }
    }

    pub(crate) fn opened(&self, ws: Socket) {
        self.socket.store(ws.0, Ordering::SeqCst);
    }

    pub(crate) fn socket(&self) -> Socket {
        Socket(self.socket.load(Ordering::SeqCst))
    }

    /// The lines of its own callbacks, pulled events too.
    pub(crate) fn life(&self) -> Vec<String> {
        self.life.entries().iter().map(|entry| entry.text.clone()).collect()
    }

    pub(crate) fn add(&self, text: &str) {
        self.life.add("", text.to_owned());
    }

    pub(crate) fn is_freed(&self) -> bool {
        self.life.entries().iter().any(|entry| entry.text == "free")
    }

    pub(crate) fn wait_freed(&self) {
        self.life.wait(|entries| entries.iter().any(|entry| entry.text == "free"));
    }

    fn record(&self, ws: Socket, event: Event, text: String) {
        self.add(&text);
        if let Some(inner) = self.host.upgrade() {
            Host::of_callback(inner).called(self, ws, event, text);
        }
    }
}

extern "C" fn called(ws: Socket, event: *const RawEvent, user_data: *mut c_void) {
    let Some(peer) = Peer::find(user_data) else { return };
    if peer.socket() == Socket::NULL {
        peer.opened(ws);
    }
    let mut text = Event(event).describe();
    if ws != peer.socket() {
        text.push_str(" (with a stranger's token)");
    }
    if !peer.is_freed() && (api().ws_get_user_data)(ws) != user_data {
        text.push_str(" (with a token that does not know its user_data)");
    }
    peer.record(ws, Event(event), text);
}

extern "C" fn freed(user_data: *mut c_void) {
    let Some(peer) = Peer::find(user_data) else { return };
    peer.record(peer.socket(), Event(ptr::null()), "free".to_owned());
}
