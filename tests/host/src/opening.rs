//! The ways to open a socket.

use std::ptr;

use crate::api::api;
use crate::host::Host;
use crate::peer::Peer;
use crate::types::{OptionsToken, RawErrors, RawHandler, Socket};
use crate::values::{Errors, Options, c};

type New =
    extern "C" fn(*const std::ffi::c_char, *const RawHandler, OptionsToken, *mut *mut RawErrors) -> Socket;

/// A socket to be opened; made by [`Host::to`].
#[must_use]
pub struct Opening<'a> {
    host: &'a Host,
    url: String,
    name: String,
    options: Option<Options>,
    pings: bool,
}

impl<'a> Opening<'a> {
    pub(crate) fn new(host: &'a Host, url: String) -> Opening<'a> {
        Opening { host, url, name: String::new(), options: None, pings: false }
    }

    /// The name goes in front of the socket's lines, for tests with several sockets.
    pub fn named(self, name: &str) -> Opening<'a> {
        Opening { name: name.to_owned(), ..self }
    }

    /// Options; freed once the socket has its copy.
    pub fn with(self, options: Options) -> Opening<'a> {
        Opening { options: Some(options), ..self }
    }

    /// The handler has `on_ping`.
    pub fn with_pings(self) -> Opening<'a> {
        Opening { pings: true, ..self }
    }

    /// `ws_new`
    ///
    /// # Panics
    /// If it fails.
    pub fn open(self) -> Socket {
        self.try_open().unwrap_or_else(|errors| panic!("ws_new: {errors:#?}"))
    }

    /// `ws_new_async`
    ///
    /// # Panics
    /// If it fails.
    pub fn open_async(self) -> Socket {
        self.try_open_async().unwrap_or_else(|errors| panic!("ws_new_async: {errors:#?}"))
    }

    /// `ws_new`
    pub fn try_open(self) -> Result<Socket, Errors> {
        self.call(api().ws_new)
    }

    /// `ws_new_async`
    pub fn try_open_async(self) -> Result<Socket, Errors> {
        self.call(api().ws_new_async)
    }

    fn call(self, new: New) -> Result<Socket, Errors> {
        let peer = Peer::new(self.host, &self.name);
        let handler = peer.handler(self.host, self.pings);
        let options = self.options.as_ref().map_or(OptionsToken(0), |options| options.0);
        let mut errors = ptr::dangling_mut();
        let ws = new(c(&self.url).as_ptr(), &handler, options, &mut errors);
        if ws == Socket::NULL {
            assert!(!errors.is_null(), "a failure comes with errors");
            return Err(Errors::take(errors));
        }
        assert!(errors.is_null(), "*errors is NULL on success");
        peer.opened(ws);
        Ok(ws)
    }
}
