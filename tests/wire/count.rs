//! A host that only counts.

use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};
use ws4d_test_host::codes::{WS_EVENT_TYPE_MESSAGE, WS_EVENT_TYPE_PART, WS_EVENT_TYPE_TERMINATE};
use ws4d_test_host::{Callback, Dispatcher, Options, RawEvent, RawHandler, Socket, api, c};

/// What a host that only counts has seen: floods are too much for a trace.
#[derive(Default)]
pub struct Count {
    messages: AtomicUsize,
    /// All their bytes.
    pub bytes: AtomicUsize,
    /// Numbered messages that came out of order.
    pub misplaced: AtomicUsize,
    /// The code of `on_terminate`.
    code: AtomicUsize,
}

impl Count {
    /// How many came.
    pub fn messages(&self) -> usize {
        self.messages.load(Ordering::SeqCst)
    }

    /// Whether `on_terminate` was called.
    pub fn is_over(&self) -> bool {
        self.code() != 0
    }

    /// The code of `on_terminate`, 0 before it.
    pub fn code(&self) -> usize {
        self.code.load(Ordering::SeqCst)
    }
}

/// Counts; a message of `/flood?seq=1` must have the number that is due.
pub extern "C" fn count(_: Socket, event: *const RawEvent, user_data: *mut c_void) {
    // SAFETY: the test passes a `Count` that lives until its dispatcher is closed.
    let seen = unsafe { &*user_data.cast::<Count>() };
    match (api().ws_event_get_type)(event) {
        WS_EVENT_TYPE_MESSAGE | WS_EVENT_TYPE_PART => {
            let due = seen.messages.fetch_add(1, Ordering::SeqCst);
            let mut len = 0;
            let data = (api().ws_event_data)(event, &mut len).cast::<u8>();
            seen.bytes.fetch_add(len, Ordering::SeqCst);
            if len >= 8 {
                // SAFETY: the library says that `len` bytes are there.
                let digits = unsafe { std::slice::from_raw_parts(data, 8) };
                let number =
                    digits.iter().fold(0, |sum, digit| sum * 10 + usize::from(digit.wrapping_sub(b'0')));
                seen.misplaced.fetch_add(usize::from(number != due), Ordering::SeqCst);
            }
        }
        WS_EVENT_TYPE_TERMINATE => {
            seen.code.store((api().ws_event_code)(event).into(), Ordering::SeqCst);
        }
        _ => {}
    }
}

/// A dispatcher of the calling thread; closed with the value.
pub struct Own(pub Dispatcher);

impl Own {
    /// A new one.
    pub fn new() -> Own {
        Own((api().ws_dispatcher_new)())
    }

    /// An open socket that calls back here.
    #[track_caller]
    pub fn open(&self, url: &str, options: &Options, callback: Callback, user_data: &impl Sync) -> Socket {
        let handler = RawHandler {
            user_data: ptr::from_ref(user_data).cast_mut().cast(),
            dispatcher: self.0,
            on_message: Some(callback),
            on_part: Some(callback),
            on_terminate: Some(callback),
            ..RawHandler::INIT
        };
        let ws = (api().ws_new)(c(url).as_ptr(), &handler, options.0, ptr::null_mut());
        assert!(ws != Socket::NULL, "{url}");
        ws
    }

    /// Dispatches until `enough`.
    #[track_caller]
    pub fn run_until(&self, enough: impl Fn() -> bool) {
        while !enough() {
            let ran = self.0.wait(20_000);
            assert!(ran > 0, "waited in vain: {ran}");
        }
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        self.0.close();
    }
}
