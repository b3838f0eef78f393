//! Entry points that read events. A `ws_event` is the client's `Event` behind a pointer that C cannot look into.

use std::ffi::{c_char, c_void};
use std::ptr;

use libc::size_t;
use ws4d_client::{CancellationHeld, Event, EventKind};

use crate::errors::ws_errors;
use crate::types::{ws_data_type, ws_event, ws_event_type, ws_json};
use crate::{arg, boundary};

/// # Safety
/// `e` is NULL or an event that lives for the length of the call.
unsafe fn event<'a>(e: *const ws_event) -> Option<&'a Event> {
    // SAFETY: a ws_event is never anything but an Event; the caller upholds the rest.
    unsafe { e.cast::<Event>().as_ref() }
}

/// Returns the type of an event.
///
/// Several threads may read an event at once (all `ws_event_*` functions except ws_event_free()).
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param e  An event, or NULL.
/// @return A ws_event_type; WS_EVENT_TYPE_NONE for NULL.
///
/// # Safety
/// `e` is NULL or a live event.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_event_get_type(e: *const ws_event) -> ws_event_type {
    // SAFETY: the caller upholds the contract above.
    boundary::read(ws_event_type::WS_EVENT_TYPE_NONE, || Some(unsafe { event(e) }?.kind().into()))
}

/// Returns the form in which a message or a part has arrived: text, blob or object.
///
/// If the socket's option `data_type` is object, a text message that is not JSON is text. The JSON is parsed once, by
/// this function or by ws_event_json(), whichever is called first.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param e  An event, or NULL.
/// @return For a MESSAGE its ws_data_type; for a PART text or blob, never object; otherwise WS_DATA_TYPE_TEXT.
///
/// # Safety
/// `e` is NULL or a live event.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_event_data_type(e: *const ws_event) -> ws_data_type {
    // SAFETY: the caller upholds the contract above.
    boundary::read(ws_data_type::WS_DATA_TYPE_TEXT, || Some(unsafe { event(e) }?.data_type().into()))
}

/// Returns the data of an event: for a MESSAGE or a PART the bytes that arrived (for an object, its JSON text), for a
/// PING or a PONG the payload, for a TERMINATE the reason.
///
/// Text is valid UTF-8 and is followed by a NUL; it may also contain one.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param e    An event, or NULL.
/// @param len  Receives the number of bytes; may be NULL.
/// @return The bytes, which live as long as the event; NULL and 0 for an event without data, and for NULL. Data of 0
///         bytes is not NULL.
///
/// # Safety
/// `e` is NULL or a live event; `len` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_event_data(e: *const ws_event, len: *mut size_t) -> *const c_void {
    boundary::read(ptr::null(), || {
        // SAFETY: the caller upholds the contract above.
        unsafe {
            arg::set(len, 0);
            Some(arg::slice_out(event(e)?.data(), len).cast())
        }
    })
}

/// Returns the text of a MESSAGE or a PART, or the reason of a TERMINATE, as UTF-16, followed by a 0 unit. It is
/// converted at the first call.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param e      An event, or NULL.
/// @param units  Receives the number of 16-bit units; may be NULL.
/// @return The units, in the machine's byte order, which live as long as the event; NULL and 0 for a blob, for another
///         event, for NULL, and if there is no memory.
///
/// # Safety
/// `e` is NULL or a live event; `units` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_event_data_utf16(e: *const ws_event, units: *mut size_t) -> *const u16 {
    boundary::read(ptr::null(), || {
        // SAFETY: the caller upholds the contract above.
        unsafe {
            arg::set(units, 0);
            Some(arg::slice_out(event(e)?.utf16(), units))
        }
    })
}

/// Returns the JSON value of a MESSAGE, for sockets whose option `data_type` is object.
///
/// It is parsed once, at the first call. That is also so with `strict_json`, which only checks the text beforehand.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param e  An event, or NULL.
/// @return A value that lives as long as the event; NULL for a text that is not JSON, for another event, for another
///         `data_type`, and for NULL; also if there is no memory for the value, and a later call then tries again.
///
/// # Safety
/// `e` is NULL or a live event.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_event_json(e: *const ws_event) -> *const ws_json {
    // SAFETY: the caller upholds the contract above.
    boundary::read(ptr::null(), || Some(ptr::from_ref(unsafe { event(e) }?.json()?).cast()))
}

/// Returns why the connection could not be made, or broke.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param e  An event, or NULL.
/// @return For an ERROR its error stack, which lives as long as the event and must not be freed; otherwise NULL.
///
/// # Safety
/// `e` is NULL or a live event.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_event_errors(e: *const ws_event) -> *const ws_errors {
    // SAFETY: the caller upholds the contract above.
    boundary::read(ptr::null(), || Some(ws_errors::attached(unsafe { event(e) }?.error()?)))
}

/// Returns the code of the close frame that was received (RFC 6455 section 7.4).
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param e  An event, or NULL.
/// @return For a TERMINATE the code: 1005 if the close frame had none, 1006 if no close frame was received. Otherwise
///         0.
///
/// # Safety
/// `e` is NULL or a live event.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_event_code(e: *const ws_event) -> u16 {
    // SAFETY: the caller upholds the contract above.
    boundary::read(0, || Some(unsafe { event(e) }?.code()))
}

/// Returns the reason in the close frame that was received.
///
/// It may contain a NUL; ws_event_data() returns it with its length.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param e  An event, or NULL.
/// @return For a TERMINATE UTF-8 that is followed by a NUL and lives as long as the event; it is empty if there was no
///         reason. Otherwise NULL.
///
/// # Safety
/// `e` is NULL or a live event.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_event_reason(e: *const ws_event) -> *const c_char {
    boundary::read(ptr::null(), || {
        // SAFETY: the caller upholds the contract above.
        let event = unsafe { event(e) }?;
        if event.kind() != EventKind::Terminate {
            return None;
        }
        // The client promises a NUL behind a reason.
        Some(event.data().map_or(c"".as_ptr(), |reason| reason.as_ptr().cast()))
    })
}

/// Returns whether the closing handshake was complete: a close frame was both sent and received.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param e  An event, or NULL.
/// @return For a TERMINATE 1 or 0; otherwise 0.
///
/// # Safety
/// `e` is NULL or a live event.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_event_was_clean(e: *const ws_event) -> i32 {
    // SAFETY: the caller upholds the contract above.
    boundary::read(0, || Some(i32::from(unsafe { event(e) }?.was_clean())))
}

/// Returns where a part lies in its message.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param e  An event, or NULL.
/// @return For a PART the number of bytes of the message before it; otherwise 0.
///
/// # Safety
/// `e` is NULL or a live event.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_event_part_offset(e: *const ws_event) -> u64 {
    // SAFETY: the caller upholds the contract above.
    boundary::read(0, || Some(unsafe { event(e) }?.part_offset()))
}

/// Returns whether a part is the last one of its message. The last part may be empty.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param e  An event, or NULL.
/// @return For a PART 1 or 0; otherwise 0.
///
/// # Safety
/// `e` is NULL or a live event.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_event_part_last(e: *const ws_event) -> i32 {
    // SAFETY: the caller upholds the contract above.
    boundary::read(0, || Some(i32::from(unsafe { event(e) }?.part_last())))
}

/// Returns when an event arrived: the time at which the read that brought its last byte from the network returned.
///
/// If the library was not reading, data may have waited in the operating system before that. The clock is read once for
/// each such read, so everything that it brought has the same time. It is the machine's clock, which may be changed.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param e  An event, or NULL.
/// @return Microseconds since 1970 (UTC) for an OPEN (the answer to the opening handshake), a MESSAGE, a PART, a PING,
///         a PONG, and a TERMINATE if a close frame was received; otherwise 0.
///
/// # Safety
/// `e` is NULL or a live event.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_event_time_us(e: *const ws_event) -> i64 {
    // SAFETY: the caller upholds the contract above.
    boundary::read(0, || Some(unsafe { event(e) }?.time_us()))
}

/// Makes an event that outlives its callback. Any thread may read it at any time, also after ws_release() and
/// ws_shutdown(), until ws_event_free().
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param e  An event, or NULL.
/// @return An independent event that the caller frees with ws_event_free(); NULL for NULL, and if there is no memory.
///
/// # Safety
/// `e` is NULL or a live event.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_event_retain(e: *const ws_event) -> *mut ws_event {
    boundary::read(ptr::null_mut(), || {
        // SAFETY: the caller upholds the contract above.
        let retained = unsafe { event(e) }?.retain().ok()?;
        Some(Box::into_raw(retained).cast())
    })
}

/// Frees an event of ws_dispatcher_next() or ws_event_retain(), and everything that was read from it. It is not for the
/// event of a callback, which belongs to the library.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param e  An event; NULL does nothing.
///
/// # Safety
/// `e` is NULL, or an event that belongs to the caller and was not freed yet.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_event_free(e: *mut ws_event) {
    boundary::run_that_holds(|| {
        if !e.is_null() {
            // SAFETY: the caller's events were made by Box::into_raw; the caller upholds the rest.
            let event = unsafe { Box::from_raw(e.cast::<Event>()) };
            // Any other event is memory and nothing else.
            let _held = event.has_guard().then(CancellationHeld::begin);
            drop(event);
        }
    });
}
