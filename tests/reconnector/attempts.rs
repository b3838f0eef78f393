//! What `on_attempt` may change, and what is checked of it.

use std::ffi::{c_char, c_void};
use std::ptr;

use ws4d_test_host::codes::*;
use ws4d_test_host::{OptionsToken, RawReconnectPolicy, alone, api};
use ws4d_test_server::Server;

use crate::{FAST, Mode, Reconnector, Test};

/// A handler without `on_part` would lose long messages.
#[test]
fn options_that_on_attempt_sets_are_checked_as_those_given_at_first() {
    extern "C" fn in_parts(_: Reconnector, options: OptionsToken, _: u32, _: *mut c_void) -> *const c_char {
        assert_eq!((api().ws_options_set_part_size)(options, 1000), WS_OK);
        ptr::null()
    }
    let _alone = alone();
    let server = Server::start();
    let policy = RawReconnectPolicy { on_attempt: Some(in_parts), ..FAST };
    let test = Test::new(Mode::Dispatched, &[server.ws("/echo")], policy);
    assert_eq!(test.finish(), [format!("end {WS_RECONNECT_END_REFUSED}"), "free".into()]);
}
