//! Words for the numbers of the header.
//!
//! Safe to call from a log callback: no lock, no allocation.

use std::ffi::c_char;

use crate::types::{
    Words, ws_data_type, ws_event_type, ws_json_kind, ws_log_level, ws_reconnect_end, ws_stage, ws_status,
};
use crate::{boundary, result};

fn word<T: Words>(number: i32) -> *const c_char {
    boundary::read(c"unknown".as_ptr(), || Some(T::word(number)?.as_ptr()))
}

/// Returns the word for a status: `Connecting`, `Connected`, `Closing` or `Closed`.
///
/// Thread: any, also in callbacks and in `wake`; never blocks. It may also be called in a log function.
///
/// @param status  A ws_status; any number may be given.
/// @return A text that lives for ever; `unknown` for a number that is not a status.
#[unsafe(no_mangle)]
pub extern "C" fn ws_status_name(status: i32) -> *const c_char {
    word::<ws_status>(status)
}

/// Returns the word for a type of event: `open`, `message`, `error`, `terminate`, `drain`, `pong`, `part`, `ping` or
/// `none`.
///
/// Thread: any, also in callbacks and in `wake`; never blocks. It may also be called in a log function.
///
/// @param type  A ws_event_type; any number may be given.
/// @return A text that lives for ever; `unknown` for a number that is not a type of event.
#[unsafe(no_mangle)]
pub extern "C" fn ws_event_type_name(r#type: i32) -> *const c_char {
    word::<ws_event_type>(r#type)
}

/// Returns the word for a data type: `text`, `blob` or `object`.
///
/// Thread: any, also in callbacks and in `wake`; never blocks. It may also be called in a log function.
///
/// @param type  A ws_data_type; any number may be given.
/// @return A text that lives for ever; `unknown` for a number that is not a data type.
#[unsafe(no_mangle)]
pub extern "C" fn ws_data_type_name(r#type: i32) -> *const c_char {
    word::<ws_data_type>(r#type)
}

/// Returns the word for a stage of a connection: `none`, `dns`, and so on, as in ws_stage.
///
/// Thread: any, also in callbacks and in `wake`; never blocks. It may also be called in a log function.
///
/// @param stage  A ws_stage; any number may be given.
/// @return A text that lives for ever; `unknown` for a number that is not a stage.
#[unsafe(no_mangle)]
pub extern "C" fn ws_stage_name(stage: i32) -> *const c_char {
    word::<ws_stage>(stage)
}

/// Returns the word for the reason why a reconnector does not try again: `none`, `host`, and so on, as in
/// ws_reconnect_end.
///
/// Thread: any, also in callbacks and in `wake`; never blocks. It may also be called in a log function.
///
/// @param end  A ws_reconnect_end; any number may be given.
/// @return A text that lives for ever; `unknown` for a number that is not such a reason.
#[unsafe(no_mangle)]
pub extern "C" fn ws_reconnect_end_name(end: i32) -> *const c_char {
    word::<ws_reconnect_end>(end)
}

/// Returns the word for a log level: `off`, `error`, `warn`, `info`, `debug` or `trace`.
///
/// Thread: any, also in callbacks and in `wake`; never blocks. It may also be called in a log function.
///
/// @param level  A ws_log_level; any number may be given.
/// @return A text that lives for ever; `unknown` for a number that is not a log level.
#[unsafe(no_mangle)]
pub extern "C" fn ws_log_level_name(level: i32) -> *const c_char {
    word::<ws_log_level>(level)
}

/// Returns the word for a kind of JSON value: `null`, `bool`, `number`, `string`, `array` or `object`.
///
/// Thread: any, also in callbacks and in `wake`; never blocks. It may also be called in a log function.
///
/// @param kind  A ws_json_kind; any number may be given.
/// @return A text that lives for ever; `unknown` for a number that is not a kind of JSON value.
#[unsafe(no_mangle)]
pub extern "C" fn ws_json_kind_name(kind: i32) -> *const c_char {
    word::<ws_json_kind>(kind)
}

/// Returns the name of a result as it is written in C, such as `WS_ERR_CLOSED`.
///
/// Thread: any, also in callbacks and in `wake`; never blocks. It may also be called in a log function.
///
/// @param result  A ws_result; any number may be given.
/// @return A text that lives for ever; `WS_ERR_UNKNOWN` for a number without a name.
#[unsafe(no_mangle)]
pub extern "C" fn ws_result_name(result: i32) -> *const c_char {
    boundary::read(c"WS_ERR_UNKNOWN".as_ptr(), || Some(result::name(result).as_ptr()))
}

/// Returns the meaning of a result in a few English words.
///
/// The messages of a ws_errors stack say more: what was attempted, on what, and what came back.
///
/// Thread: any, also in callbacks and in `wake`; never blocks. It may also be called in a log function.
///
/// @param result  A ws_result; any number may be given.
/// @return A text that lives for ever; for an unknown error, the kind of its block. Never NULL.
#[unsafe(no_mangle)]
pub extern "C" fn ws_result_message(result: i32) -> *const c_char {
    boundary::read(c"an unknown error".as_ptr(), || Some(result::message(result).as_ptr()))
}

#[cfg(test)]
mod tests {
    use std::ffi::CStr;

    use super::*;
    use crate::types::{ws_data_type::*, ws_event_type::*, ws_status::*};

    fn word(text: *const c_char) -> &'static str {
        // SAFETY: the three functions return static texts.
        unsafe { CStr::from_ptr(text) }.to_str().unwrap()
    }

    #[test]
    fn each_number_has_its_word() {
        assert_eq!(word(ws_status_name(WS_STATUS_CONNECTING as i32)), "Connecting");
        assert_eq!(word(ws_status_name(WS_STATUS_CONNECTED as i32)), "Connected");
        assert_eq!(word(ws_status_name(WS_STATUS_CLOSING as i32)), "Closing");
        assert_eq!(word(ws_status_name(WS_STATUS_CLOSED as i32)), "Closed");
        assert_eq!(word(ws_event_type_name(WS_EVENT_TYPE_NONE as i32)), "none");
        assert_eq!(word(ws_event_type_name(WS_EVENT_TYPE_TERMINATE as i32)), "terminate");
        assert_eq!(word(ws_event_type_name(WS_EVENT_TYPE_PONG as i32)), "pong");
        assert_eq!(word(ws_data_type_name(WS_DATA_TYPE_TEXT as i32)), "text");
        assert_eq!(word(ws_data_type_name(WS_DATA_TYPE_OBJECT as i32)), "object");
    }

    #[test]
    fn each_enum_of_the_header_has_its_words() {
        assert_eq!(word(ws_stage_name(ws_stage::WS_STAGE_UPGRADE as i32)), "upgrade");
        assert_eq!(word(ws_reconnect_end_name(ws_reconnect_end::WS_RECONNECT_END_NONE as i32)), "none");
        assert_eq!(word(ws_log_level_name(ws_log_level::WS_LOG_LEVEL_WARN as i32)), "warn");
        assert_eq!(word(ws_json_kind_name(ws_json_kind::WS_JSON_KIND_ARRAY as i32)), "array");
        assert_eq!((word(ws_stage_name(99)), word(ws_json_kind_name(-1))), ("unknown", "unknown"));
    }

    #[test]
    fn a_number_that_means_nothing_has_a_word_too() {
        for number in [-1, 99, i32::MIN, i32::MAX] {
            assert_eq!(word(ws_status_name(number)), "unknown");
            assert_eq!(word(ws_event_type_name(number)), "unknown");
            assert_eq!(word(ws_data_type_name(number)), "unknown");
        }
    }
}
