//! Entry points that pull many events at once.

use std::ffi::c_void;
use std::ptr;

use libc::size_t;
use ws4d_client::{ErrorCode, PulledBatch, Socket, Summary};

use crate::types::{ws_data_type, ws_dispatcher, ws_event, ws_event_type, ws_socket};
use crate::{arg, boundary, dispatcher, handles};

/// Several events that were taken from a dispatcher in one call, instead of running their callbacks: see
/// ws_dispatcher_next_batch().
///
/// It is a plain pointer: NULL is safe, but to use it after its end is a bug of the program.
pub struct ws_batch {
    pulled: PulledBatch<Socket>,
    items: Vec<ws_batch_item>,
    block: (*const c_void, size_t),
}

/// What most programs want to know of an event, so that they need no further call for it; ws_batch_event() has the
/// rest.
///
/// This struct will not grow: it is five fields of eight bytes each, for runtimes that read it as memory.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ws_batch_item {
    /// The socket that the event belongs to, as ws_dispatcher_next() gives it.
    pub ws: *mut ws_socket,
    /// The data of the event, as ws_event_data() returns it.
    pub data: *const c_void,
    /// Bytes in `data`.
    pub len: size_t,
    /// Where `data` begins in ws_batch_data(). SIZE_MAX: it is not there, because it is large, or the event is
    /// neither a message, a part, a ping nor a pong.
    pub offset: size_t,
    /// As ws_event_get_type().
    pub r#type: ws_event_type,
    /// The same as ws_event_data_type(), except that no JSON is parsed for it: if the option `data_type` is object, a
    /// text is WS_DATA_TYPE_TEXT here.
    pub data_type: ws_data_type,
}

/// Pulls several events in one call, for programs in which a call costs more than an event (interpreters, foreign
/// function interfaces).
///
/// It waits only for the first event. It then takes the events that are there, in the order in which
/// ws_dispatcher_next() would have returned them: at most `max` of them, and at most 256 KiB of small messages. All of
/// them belong to the caller as part of the batch. Any thread may read the batch at any time, until ws_batch_free().
/// ws_dispatcher_stop() makes it return 0.
///
/// A program in an interpreter copies ws_batch_data() at once, and cuts the copy by the `offset` and `len` of the
/// items. If its language splits a text faster than it cuts many pieces out of it, it can split the copy at the NULs
/// instead. The parts before the last one are then the messages, provided that there is one part more than there are
/// items (otherwise a message contains a NUL) and that all items have an offset.
///
/// Thread: the dispatcher's own, also in callbacks, but not on an I/O thread; may block. With a timeout of 0 it works
/// on an I/O thread, too, unless the dispatcher is a driving one.
///
/// @param d           A dispatcher.
/// @param timeout_ms  Milliseconds to wait for the first event; 0: do not wait; -1: wait for ever.
/// @param max         The largest number of events to pull; at least 1.
/// @param batch       Receives the batch, which the caller frees with ws_batch_free(); NULL if no event is returned.
/// @return The number of events that were pulled, 0 if there were none in time; or, with nothing pulled, as
///         ws_dispatcher_next(). An error after the first event is returned by the next call.
///
/// # Safety
/// `batch` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_dispatcher_next_batch(
    d: *mut ws_dispatcher,
    timeout_ms: i32,
    max: size_t,
    batch: *mut *mut ws_batch,
) -> i32 {
    boundary::count(|| {
        // SAFETY: the caller upholds the contract above.
        unsafe { arg::set(batch, ptr::null_mut()) };
        let dispatcher = dispatcher::get(d)?;
        if batch.is_null() || max == 0 {
            return Err(ErrorCode::InvalidArgument);
        }
        let most = max.min(i32::MAX as usize);
        let Some(pulled) = dispatcher.next_batch(arg::timeout(timeout_ms)?, most)? else { return Ok(0) };
        let made = Box::new(ws_batch::new(pulled));
        let count = made.items.len() as u32;
        // SAFETY: not NULL; the caller upholds the rest.
        unsafe { batch.write(Box::into_raw(made)) };
        Ok(count)
    })
}

impl ws_batch {
    fn new(pulled: PulledBatch<Socket>) -> ws_batch {
        let block = pulled.block();
        let block = (block.as_ptr().cast(), block.len());
        // The data stay where they are: on the heap, where nothing changes them any more.
        let items = pulled.summaries().map(item).collect();
        ws_batch { pulled, items, block }
    }
}

fn item(summary: Summary<'_, Socket>) -> ws_batch_item {
    ws_batch_item {
        ws: handles::handle(summary.target.tag()),
        data: summary.data.map_or(ptr::null(), |data| data.as_ptr().cast()),
        len: summary.data.map_or(0, <[u8]>::len),
        offset: summary.offset.unwrap_or(size_t::MAX),
        r#type: summary.kind.into(),
        data_type: summary.received.into(),
    }
}

/// # Safety
/// `batch` is NULL or a batch that lives for the length of the call.
unsafe fn live<'a>(batch: *const ws_batch) -> Option<&'a ws_batch> {
    // SAFETY: the caller upholds it.
    unsafe { batch.as_ref() }
}

/// Returns the events of a batch, in order.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param batch  A batch, or NULL.
/// @param count  Receives the number of items; may be NULL.
/// @return The items, which live as long as the batch; NULL and 0 for NULL.
///
/// # Safety
/// `batch` is NULL or a live batch; `count` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_batch_items(batch: *const ws_batch, count: *mut size_t) -> *const ws_batch_item {
    boundary::read(ptr::null(), || {
        // SAFETY: the caller upholds the contract above.
        unsafe {
            arg::set(count, 0);
            Some(arg::slice_out(Some(live(batch)?.items.as_slice()), count))
        }
    })
}

/// Returns the block of memory that holds the data of the batch's messages, parts, pings and pongs, in order, each
/// followed by a NUL. Data of more than 16 KiB is not in it.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param batch  A batch, or NULL.
/// @param len    Receives the number of bytes; may be NULL.
/// @return The bytes, which live as long as the batch; NULL and 0 for NULL. A block of 0 bytes is not NULL.
///
/// # Safety
/// `batch` is NULL or a live batch; `len` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_batch_data(batch: *const ws_batch, len: *mut size_t) -> *const c_void {
    boundary::read(ptr::null(), || {
        // SAFETY: the caller upholds the contract above.
        unsafe {
            arg::set(len, 0);
            let (data, size) = live(batch)?.block;
            arg::set(len, size);
            Some(data)
        }
    })
}

/// Returns when an event of a batch arrived, like ws_event_time_us(), without a call of ws_batch_event().
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param batch  A batch, or NULL.
/// @param i      Which of its events, counted from 0.
/// @return As ws_event_time_us(); 0 for NULL, and if there is no such event.
///
/// # Safety
/// `batch` is NULL or a live batch.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_batch_time_us(batch: *const ws_batch, i: size_t) -> i64 {
    // SAFETY: the caller upholds the contract above.
    boundary::read(0, || Some(unsafe { live(batch) }?.pulled.time_us(i)))
}

/// Returns an event of a batch, for what its item does not have: JSON, UTF-16, the error stack, the close code.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param batch  A batch, or NULL.
/// @param i      Which of its events, counted from 0.
/// @return The event, which lives as long as the batch and must not be freed; ws_event_retain() makes one that lives
///         longer. NULL for NULL, and if there is no such event.
///
/// # Safety
/// `batch` is NULL or a live batch.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_batch_event(batch: *const ws_batch, i: size_t) -> *const ws_event {
    // SAFETY: the caller upholds the contract above.
    boundary::read(ptr::null(), || Some(ptr::from_ref(unsafe { live(batch) }?.pulled.event(i)?).cast()))
}

/// Frees a batch, its events, and everything that was read from them.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param batch  A batch; NULL does nothing.
///
/// # Safety
/// `batch` is NULL or a batch that was not freed yet.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_batch_free(batch: *mut ws_batch) {
    boundary::run(|| {
        if !batch.is_null() {
            // SAFETY: a batch was made by Box::into_raw; the caller upholds the rest.
            drop(unsafe { Box::from_raw(batch) });
        }
    });
}
