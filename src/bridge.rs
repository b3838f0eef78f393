//! The value behind a socket's token: the client's socket, and the bridge from its events to the host's functions,
//! which is the only place that calls the host for a socket.
//!
//! Decides nothing about order, threads or which event comes: that is the client's.

use std::ffi::{CString, c_void};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};
use std::sync::{Arc, OnceLock};

use ws4d_client::handle_table::Pinned;
use ws4d_client::library::PerProcess;
use ws4d_client::{ErrorCode, Event, EventKind, Handler, Socket};

use crate::call_host;
use crate::handler::ws_handler;
use crate::handles::{self, Handles, Kind};
use crate::tls_texts::TlsTexts;
use crate::token_life::TokenLife;
use crate::types::ws_socket;

pub(crate) struct Bridge {
    /// None: the socket only sends.
    handler: Option<ws_handler>,
    /// The handler's, until `on_free` takes it.
    user_data: AtomicPtr<c_void>,
    freed: AtomicBool,
    token: TokenLife,
    /// The socket belongs to a reconnector, so that the host may not end it.
    is_reconnectors: bool,
}

// SAFETY: the functions and pointers in `handler` are the host's, which says by choosing a dispatcher (or none) on
// which thread they are used; the library only passes them on.
unsafe impl Send for Bridge {}
// SAFETY: as above; all that changes is atomic.
unsafe impl Sync for Bridge {}

impl Bridge {
    pub(crate) fn new(handler: Option<ws_handler>) -> Arc<Bridge> {
        Arc::new(Bridge {
            user_data: AtomicPtr::new(handler.map_or(ptr::null_mut(), |handler| handler.user_data)),
            handler,
            freed: AtomicBool::new(false),
            token: TokenLife::new(false),
            is_reconnectors: false,
        })
    }

    /// The bridge of a socket that belongs to a reconnector: it is released already.
    pub(crate) fn of_reconnector(handler: Option<ws_handler>) -> Arc<Bridge> {
        let mut bridge = Bridge::new(handler);
        if let Some(bridge) = Arc::get_mut(&mut bridge) {
            bridge.is_reconnectors = true;
            bridge.token = TokenLife::new(true);
        }
        bridge
    }

    /// The handler as it is now: after `on_free` without its `user_data`.
    pub(crate) fn handler(&self) -> ws_handler {
        let mut handler = self.handler.unwrap_or(const { ws_handler::empty() });
        handler.user_data = self.user_data();
        handler
    }

    /// Whether a message that comes in parts would be lost, because only whole ones have a callback.
    pub(crate) fn lacks_on_part(&self) -> bool {
        self.handler.is_some_and(|handler| handler.on_message.is_some() && handler.on_part.is_none())
    }

    pub(crate) fn user_data(&self) -> *mut c_void {
        self.user_data.load(Ordering::Acquire)
    }

    /// Called before the first callback can run.
    pub(crate) fn set_token(&self, token: u64) {
        self.token.set(token);
    }

    pub(crate) fn token(&self) -> u64 {
        self.token.get()
    }

    /// Releases the host's token; a second call is an error.
    pub(crate) fn release(&self) -> Result<(), ErrorCode> {
        self.token.release().map(|ends| self.end_token_if(ends))
    }

    /// Closes the socket for the host, whether or not it was released before; a second call is an error.
    pub(crate) fn close(&self) -> Result<(), ErrorCode> {
        if self.is_reconnectors {
            return Err(ErrorCode::Unsupported);
        }
        self.token.close().map(|ends| self.end_token_if(ends))
    }

    fn end_token_if(&self, ends: bool) {
        if ends {
            self.end_token();
        }
    }

    pub(crate) fn end_token(&self) {
        // It may be gone already.
        let _ = SOCKETS.get().remove(self.token());
    }
}

impl Handler for Bridge {
    fn receives(&self) -> bool {
        self.handler.is_some()
    }

    fn wants_pings(&self) -> bool {
        self.handler.is_some_and(|handler| handler.on_ping.is_some())
    }

    fn event(&self, event: &Event) {
        let Some(handler) = &self.handler else { return };
        let callback = match event.kind() {
            EventKind::None => None,
            EventKind::Open => handler.on_open,
            EventKind::Message => handler.on_message,
            EventKind::Error => handler.on_error,
            EventKind::Terminate => handler.on_terminate,
            EventKind::Drain => handler.on_drain,
            EventKind::Ping => handler.on_ping,
            EventKind::Pong => handler.on_pong,
            EventKind::Part => handler.on_part,
        };
        let Some(callback) = callback else { return };
        // Only after a fault of ours could an event come behind on_free; the host's memory is gone by then.
        if self.freed.load(Ordering::Acquire) {
            return;
        }
        let event = ptr::from_ref(event).cast();
        // SAFETY: a function of the host, called as the header says: a token, an event that outlives the call, and
        // the user_data that on_free has not taken yet.
        unsafe { call_host::callback(callback, handles::handle(self.token()), event, handler.user_data) }
    }

    fn over(&self) {
        self.end_token_if(self.token.over());
    }

    fn free(&self) {
        if self.freed.swap(true, Ordering::AcqRel) {
            return;
        }
        let user_data = self.user_data.swap(ptr::null_mut(), Ordering::AcqRel);
        if let Some(on_free) = self.handler.and_then(|handler| handler.on_free) {
            // SAFETY: a function of the host, called as the header says: once, with its own user_data.
            unsafe { call_host::notify(on_free, user_data) }
        }
    }
}

/// All sockets of this process.
pub(crate) static SOCKETS: PerProcess<Handles<SocketEntry>> = PerProcess::new(|| Handles::new(Kind::Socket));

/// The value behind a socket's token. Its texts for C are made at the first request.
pub(crate) struct SocketEntry {
    socket: Arc<Socket>,
    pub(crate) bridge: Arc<Bridge>,
    pub(crate) url: OnceLock<CString>,
    pub(crate) subprotocol: OnceLock<CString>,
    pub(crate) peer_address: OnceLock<CString>,
    pub(crate) tls: OnceLock<Box<TlsTexts>>,
}

impl SocketEntry {
    pub(crate) fn new(socket: Arc<Socket>, bridge: Arc<Bridge>) -> Arc<SocketEntry> {
        Arc::new(SocketEntry {
            socket,
            bridge,
            url: OnceLock::new(),
            subprotocol: OnceLock::new(),
            peer_address: OnceLock::new(),
            tls: OnceLock::new(),
        })
    }

    pub(crate) fn socket(&self) -> &Arc<Socket> {
        &self.socket
    }
}

#[inline]
pub(crate) fn entry(ws: *const ws_socket) -> Result<Pinned<'static, SocketEntry>, ErrorCode> {
    SOCKETS.get().get(handles::token(ws))
}

#[cfg(test)]
mod tests {
    use super::*;

    unsafe extern "C" fn count(user_data: *mut c_void) {
        // SAFETY: the test passes a counter.
        unsafe { *user_data.cast::<u32>() += 1 };
    }

    #[test]
    fn user_data_is_freed_once_and_then_forgotten() {
        let mut calls = 0u32;
        let user_data = (&raw mut calls).cast();
        let bridge = Bridge::new(Some(ws_handler { user_data, on_free: Some(count), ..ws_handler::empty() }));
        assert_eq!(bridge.handler().user_data, user_data);
        bridge.free();
        bridge.free();
        assert_eq!(calls, 1);
        assert!(bridge.user_data().is_null() && bridge.handler().user_data.is_null());
    }

    #[test]
    fn a_second_release_is_an_error() {
        let bridge = Bridge::new(None);
        assert!(!bridge.receives());
        assert_eq!(bridge.release(), Ok(()));
        assert_eq!(bridge.release(), Err(ErrorCode::InvalidHandle));
    }
}
