//! `ws_handler`: how the host says what to call, and how that struct may grow.
//!
//! Only the struct; what is done with it is the bridge's.

use std::ffi::c_void;
use std::ptr;

use ws4d_client::ErrorCode;

use crate::out_struct::{self, OutStruct};
use crate::types::{ws_dispatcher, ws_event, ws_socket};

/// A callback for an event of a socket.
///
/// It runs on the thread of the socket's dispatcher. If the socket has no dispatcher, it runs on an I/O thread of the
/// library, where it must not block. It may call every function of the library, except where a function's comment says
/// otherwise. It must return normally: to throw an exception or to `longjmp` out of it is undefined behaviour. A
/// language whose errors jump over C functions, as those of Lua, Ruby and R do, should pull its events with
/// ws_dispatcher_next() instead.
///
/// The only other way to leave a callback is that its thread ends: by pthread_exit(), or because an interpreter ends
/// its threads. The process then goes on, but the thread does not end; it sleeps until the process does. What is on its
/// stack is lost, and the socket gets no further callback, not even `on_free`. If it was an I/O thread, its sockets
/// without a dispatcher get no further callbacks; those with a dispatcher end as if their connections were lost. New
/// sockets go to the other I/O threads; if there are none, they fail with WS_ERR_SHUT_DOWN until ws_shutdown() was
/// called. If it was a thread of the program, all further calls of its dispatcher return WS_ERR_WRONG_THREAD, and
/// sending on its sockets returns WS_ERR_CLOSED. A C++ callback that is `noexcept`, or that catches `...` and does not
/// throw `abi::__forced_unwind` again, ends the process before the library can act. pthread_cancel() has no effect
/// inside the library or in a callback; it takes effect at the program's next cancellation point after the call has
/// returned.
///
/// @param ws         The socket; never NULL.
/// @param event      What happened. It is valid until the callback returns; see ws_event_retain().
/// @param user_data  The handler's `user_data`.
pub type ws_callback =
    Option<unsafe extern "C" fn(ws: *mut ws_socket, event: *const ws_event, user_data: *mut c_void)>;

/// The callbacks of a socket, its `user_data` and its dispatcher.
///
/// Begin with `ws_handler handler = WS_HANDLER_INIT;` and set the fields that you need: every field except `size` may
/// stay NULL. ws_new() copies the struct, so it may live on the stack.
///
/// The functions must stay callable until `on_free` has returned, and what `user_data` points to must live as long. In
/// a language that collects closures as garbage (Python's ctypes, LuaJIT, Node), keep a reference to each of them until
/// then.
///
/// The callbacks of a socket come in this order, whatever the network, the server or the program does. They are never
/// nested, and no two of them run at the same time:
///
///     on_open?  (on_message | on_part | on_drain | on_ping | on_pong)*  on_error?  on_terminate  on_free
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ws_handler {
    /// `sizeof(ws_handler)`, which WS_HANDLER_INIT sets. It allows the struct to grow without breaking existing
    /// programs. A size below that of the first version, or above 4,096, is WS_ERR_INVALID_ARGUMENT. A size above the
    /// one that the library knows is accepted if all that the library does not know is zero; otherwise it is
    /// WS_ERR_UNSUPPORTED.
    pub size: libc::size_t,
    /// A pointer that is passed to every callback; ws_get_user_data() returns it.
    pub user_data: *mut c_void,
    /// The dispatcher on whose thread the callbacks run. NULL: they run on an I/O thread of the library, and must not
    /// block.
    pub dispatcher: *mut ws_dispatcher,
    /// The connection is open. It comes at most once, before all others.
    pub on_open: ws_callback,
    /// A message has arrived: see ws_event_data_type(), ws_event_data() and ws_event_json().
    pub on_message: ws_callback,
    /// The connection could not be made, or broke: see ws_event_errors(). It comes at most once; only `on_terminate`
    /// and `on_free` follow.
    pub on_error: ws_callback,
    /// The connection has ended: see ws_event_code(), ws_event_reason() and ws_event_was_clean(). It comes exactly once
    /// for each socket that ws_new() or ws_new_async() has returned.
    pub on_terminate: ws_callback,
    /// The send buffer has fallen below half of its limit, after a call that returned WS_ERR_WOULD_BLOCK. It may come
    /// before messages that arrived earlier but have not been delivered yet.
    pub on_drain: ws_callback,
    /// The answer to a ws_ping() has arrived. The event's data is its payload.
    pub on_pong: ws_callback,
    /// The place to free `user_data`. It comes exactly once, after the last callback, and also if ws_new() or
    /// ws_new_async() fails (except if `size` is too small).
    pub on_free: Option<unsafe extern "C" fn(user_data: *mut c_void)>,
    /// A part of a long message has arrived, if the option `part_size` is set: see ws_event_part_offset(),
    /// ws_event_part_last() and ws_event_data(). The parts of a message come in order; between its first and its last
    /// part, only `on_drain`, `on_ping` and `on_pong` can come. If `on_error` or `on_terminate` comes instead of the
    /// last part, the message is incomplete: its sender is gone, or the rest was discarded after ws_terminate().
    pub on_part: ws_callback,
    /// A ping from the server has arrived. The event's data is its payload. The library has answered it already, so
    /// there is nothing to send. ws_pause() does not hold it back, unless a message that arrived before it is held
    /// back. If this field is NULL, pings are answered without an event.
    pub on_ping: ws_callback,
}

// SAFETY: `repr(C)`, and `size` is its first field.
unsafe impl OutStruct for ws_handler {
    const FIRST_SIZE: usize = 80;
}

impl ws_handler {
    const KNOWN_SIZE: usize = size_of::<ws_handler>();

    /// A handler that calls nothing.
    pub(crate) const fn empty() -> ws_handler {
        ws_handler {
            size: Self::KNOWN_SIZE,
            user_data: ptr::null_mut(),
            dispatcher: ptr::null_mut(),
            on_open: None,
            on_message: None,
            on_error: None,
            on_terminate: None,
            on_drain: None,
            on_pong: None,
            on_free: None,
            on_part: None,
            on_ping: None,
        }
    }

    /// Copies the host's struct. `Err`: the struct cannot be trusted, nothing of it was used. The second value is
    /// whether all that it asks for is known here.
    ///
    /// # Safety
    /// `handler` is readable for a `size_t`, and for as many bytes as that says.
    pub(crate) unsafe fn read(handler: *const ws_handler) -> Result<(ws_handler, bool), ErrorCode> {
        // SAFETY: the caller upholds it; no field has an invalid bit pattern.
        unsafe { out_struct::read(handler, ws_handler::empty()) }
    }

    /// Fills as much of the host's struct as its `size` says; `size` and what lies behind stay as they are.
    ///
    /// # Safety
    /// `out` is readable for a `size_t`, and writable for as many bytes as that says.
    pub(crate) unsafe fn write(&self, out: *mut ws_handler) -> Result<(), ErrorCode> {
        // SAFETY: the caller upholds it.
        unsafe { out_struct::fill(out, *self) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::out_struct::LARGEST_SIZE;

    /// A handler of a later version, with one field more.
    #[repr(C)]
    struct Later {
        known: ws_handler,
        more: usize,
    }

    fn later(more: usize) -> Later {
        let mut handler = Later { known: ws_handler::empty(), more };
        handler.known.size = size_of::<Later>();
        handler.known.user_data = ptr::without_provenance_mut(7);
        handler
    }

    #[test]
    fn the_first_version_stays_readable() {
        assert_eq!(ws_handler::FIRST_SIZE, 10 * size_of::<usize>());
        const { assert!(ws_handler::KNOWN_SIZE >= ws_handler::FIRST_SIZE) };
    }

    #[test]
    fn a_struct_too_small_or_not_initialised_is_refused() {
        let mut handler = ws_handler::empty();
        for size in [0, 8, ws_handler::FIRST_SIZE - 1, LARGEST_SIZE + 1, usize::MAX] {
            handler.size = size;
            // SAFETY: a size that is refused is not read further.
            assert!(matches!(unsafe { ws_handler::read(&handler) }, Err(ErrorCode::InvalidArgument)));
            // SAFETY: as above.
            assert_eq!(unsafe { ws_handler::empty().write(&mut handler) }, Err(ErrorCode::InvalidArgument));
        }
        // SAFETY: NULL.
        assert!(unsafe { ws_handler::read(ptr::null()) }.is_err());
    }

    #[test]
    fn a_larger_struct_is_known_where_its_tail_is_zero() {
        for (more, known) in [(0, true), (1, false), (1 << 56, false)] {
            let handler = later(more);
            // SAFETY: a live struct of its size.
            let (read, all) = unsafe { ws_handler::read((&raw const handler).cast()) }.unwrap();
            assert_eq!((read.user_data.addr(), all), (7, known));
        }
    }

    #[test]
    fn an_out_struct_is_filled_as_far_as_both_know_it() {
        let mut out = later(9);
        // SAFETY: a live struct of its size.
        assert_eq!(unsafe { ws_handler::empty().write((&raw mut out).cast()) }, Ok(()));
        assert_eq!((out.known.size, out.known.user_data.addr(), out.more), (size_of::<Later>(), 0, 9));
    }
}
