//! What a batch of pulled events is to C.

use std::ffi::c_void;

use crate::api::Socket;

/// `ws_batch`.
#[repr(C)]
pub struct RawBatch {
    _opaque: [u8; 0],
}

/// `ws_batch_item`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct RawBatchItem {
    pub ws: Socket,
    pub data: *const c_void,
    pub len: usize,
    pub offset: usize,
    pub kind: i32,
    pub data_type: i32,
}
