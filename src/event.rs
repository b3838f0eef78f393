//! Entry points that read events. A `ws_event` is the client's `Event` behind a pointer that C cannot look into.

use std::ffi::{c_char, c_void};
use std::ptr;

use libc::size_t;
use ws4d_client::{Event, EventKind};

use crate::errors::ws_errors;
use crate::types::{ws_data_type, ws_event, ws_event_type, ws_json};
use crate::{arg, boundary};

/// # Safety
/// `e` is NULL or an event that lives for the length of the call.
unsafe fn event<'a>(e: *const ws_event) -> Option<&'a Event> {
    // SAFETY: a ws_event is never anything but an Event; the caller upholds the rest.
    unsafe { e.cast::<Event>().as_ref() }
}

/// What happened.
///
/// The readers of an event (`ws_event_*` but ws_event_free()) may be called from several threads at once.
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

/// What arrived: text, blob or object. Of a socket whose option `data_type` is object, a text message that is not
/// JSON is text; the JSON is parsed here or in ws_event_json(), once.
///
/// @param e  An event, or NULL.
/// @return Of a MESSAGE its ws_data_type; of a PART text or blob, never object; else WS_DATA_TYPE_TEXT.
///
/// # Safety
/// `e` is NULL or a live event.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_event_data_type(e: *const ws_event) -> ws_data_type {
    // SAFETY: the caller upholds the contract above.
    boundary::read(ws_data_type::WS_DATA_TYPE_TEXT, || Some(unsafe { event(e) }?.data_type().into()))
}

/// The data of an event: of a MESSAGE or a PART what arrived (of an object its JSON text), of a PING or a PONG its payload,
/// of a TERMINATE the reason.
///
/// Text is valid UTF-8, and a NUL follows its bytes; it may hold a NUL itself.
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

/// The text of a MESSAGE or a PART, or the reason of a TERMINATE, as UTF-16, converted at the first call. A 0 unit follows.
///
/// @param e      An event, or NULL.
/// @param units  Receives the number of 16-bit units; may be NULL.
/// @return The units, in the machine's byte order, which live as long as the event; NULL and 0 for a blob, for
///         another event, for NULL, and if memory cannot be had.
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

/// The JSON value of a MESSAGE, for sockets whose option `data_type` is object. Parsed once, at the first call, also
/// with `strict_json`, which only checks.
///
/// @param e  An event, or NULL.
/// @return A value that lives as long as the event; NULL for what is not JSON, for another event, for another
///         `data_type`, and for NULL; also where there is no memory for the value, and then a later call tries again.
///
/// # Safety
/// `e` is NULL or a live event.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_event_json(e: *const ws_event) -> *const ws_json {
    // SAFETY: the caller upholds the contract above.
    boundary::read(ptr::null(), || Some(ptr::from_ref(unsafe { event(e) }?.json()?).cast()))
}

/// Why the connection could not be made, or broke.
///
/// @param e  An event, or NULL.
/// @return Of an ERROR its error stack, which lives as long as the event and is not to be freed; else NULL.
///
/// # Safety
/// `e` is NULL or a live event.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_event_errors(e: *const ws_event) -> *const ws_errors {
    // SAFETY: the caller upholds the contract above.
    boundary::read(ptr::null(), || Some(ws_errors::attached(unsafe { event(e) }?.error()?)))
}

/// The code of the close frame that was received (RFC 6455 section 7.4): 1005 if it held none, 1006 if none was
/// received.
///
/// @param e  An event, or NULL.
/// @return Of a TERMINATE its code; else 0.
///
/// # Safety
/// `e` is NULL or a live event.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_event_code(e: *const ws_event) -> u16 {
    // SAFETY: the caller upholds the contract above.
    boundary::read(0, || Some(unsafe { event(e) }?.code()))
}

/// The reason in the close frame that was received.
///
/// ws_event_data() gives it with its length: it may hold a NUL.
///
/// @param e  An event, or NULL.
/// @return Of a TERMINATE UTF-8 with a NUL behind it, empty if there was no reason, which lives as long as the event;
///         else NULL.
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

/// Whether the closing handshake was complete: a close frame was both sent and received.
///
/// @param e  An event, or NULL.
/// @return Of a TERMINATE 1 or 0; else 0.
///
/// # Safety
/// `e` is NULL or a live event.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_event_was_clean(e: *const ws_event) -> i32 {
    // SAFETY: the caller upholds the contract above.
    boundary::read(0, || Some(i32::from(unsafe { event(e) }?.was_clean())))
}

/// Where a part lies in its message.
///
/// @param e  An event, or NULL.
/// @return Of a PART the bytes of the message before it; else 0.
///
/// # Safety
/// `e` is NULL or a live event.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_event_part_offset(e: *const ws_event) -> u64 {
    // SAFETY: the caller upholds the contract above.
    boundary::read(0, || Some(unsafe { event(e) }?.part_offset()))
}

/// Whether a message ends with this part, which may be empty.
///
/// @param e  An event, or NULL.
/// @return Of a PART 1 or 0; else 0.
///
/// # Safety
/// `e` is NULL or a live event.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_event_part_last(e: *const ws_event) -> i32 {
    // SAFETY: the caller upholds the contract above.
    boundary::read(0, || Some(i32::from(unsafe { event(e) }?.part_last())))
}

/// When it came: the time at which the read from the network returned that brought the last byte of it. What waited in the
/// system while the library did not read is that much late. The clock is read once for each such read, so that all that it
/// brought has the same time; it is the machine's, and may be set.
///
/// @param e  An event, or NULL.
/// @return Microseconds since 1970 (UTC) for an OPEN (the answer to the opening handshake), a MESSAGE, a PART, a PONG, and a TERMINATE
///         where a close frame was received; else 0.
///
/// # Safety
/// `e` is NULL or a live event.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_event_time_us(e: *const ws_event) -> i64 {
    // SAFETY: the caller upholds the contract above.
    boundary::read(0, || Some(unsafe { event(e) }?.time_us()))
}

/// Gives an event that outlives its callback: readable on any thread, at any time, also after ws_release() and
/// ws_shutdown(), until ws_event_free().
///
/// @param e  An event, or NULL.
/// @return An independent event that the caller frees; NULL for NULL, and if memory cannot be had.
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

/// Frees an event of ws_dispatcher_next() or ws_event_retain(), and all that was read from it. Not for the event of a
/// callback, which is not the host's.
///
/// Any thread; never blocks.
///
/// @param e  An event; NULL does nothing.
///
/// # Safety
/// `e` is NULL or an event that is the caller's and not yet freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_event_free(e: *mut ws_event) {
    boundary::run(|| {
        if !e.is_null() {
            // SAFETY: the caller's events were made by Box::into_raw; the caller upholds the rest.
            drop(unsafe { Box::from_raw(e.cast::<Event>()) });
        }
    });
}
