//! The types of compression in a build without the feature `compression`. None of them has a value but the empty
//! [`Compressors`]: nothing is offered, so nothing can be agreed, and the compiler leaves out whatever would compress.

use super::Params;
use crate::send::OutOfMemory;
use std::convert::Infallible;

/// Nothing ends a message in parts, because none is compressed.
pub const END_OF_PARTS: &[u8] = &[];

/// No inflater takes memory.
pub const INFLATER_MEMORY: usize = 0;

/// Nothing compresses.
#[derive(Debug)]
pub struct Compressor(Infallible);

/// No compressor is kept.
#[derive(Debug, Default)]
pub struct Compressors;

impl Compressors {
    /// There is none to be lent.
    pub fn take(&mut self, deflater: &Deflater) -> Option<Compressor> {
        match deflater.0 {}
    }

    /// Returns whether none is kept.
    pub fn is_empty(&self) -> bool {
        true
    }

    /// There is none that could be unused.
    #[must_use]
    pub fn sweep(&mut self) -> Vec<Compressor> {
        Vec::new()
    }

    /// There is none to keep.
    #[must_use]
    pub fn keep(&mut self, compressor: Compressor) -> Option<Compressor> {
        match compressor.0 {}
    }
}

/// Nothing deflates.
#[derive(Debug)]
pub struct Deflater(Infallible);

impl Deflater {
    /// Nothing was agreed.
    pub fn new(_level: u8, _memory_level: u8, params: &Params) -> Deflater {
        match params.never {}
    }

    /// There is no deflater to call.
    ///
    /// # Errors
    ///
    /// None.
    pub fn compress(
        &mut self,
        _payload: &[u8],
        _out: &mut Vec<u8>,
        _compressor: &mut Option<Compressor>,
    ) -> Result<bool, OutOfMemory> {
        match self.0 {}
    }

    /// There is no deflater to call.
    ///
    /// # Errors
    ///
    /// None.
    pub fn compress_part(
        &mut self,
        _part: &[u8],
        _out: &mut Vec<u8>,
        _compressor: &mut Option<Compressor>,
    ) -> Result<(), OutOfMemory> {
        match self.0 {}
    }

    /// There is no deflater to call.
    pub fn forget(&mut self) {
        match self.0 {}
    }
}

/// Why a message cannot be inflated.
#[expect(dead_code, reason = "nothing inflates, so nothing fails to")]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum InflateError {
    Broken,
    OutOfMemory,
}

/// Nothing inflates.
#[derive(Debug)]
pub(crate) struct Inflater(Infallible);

impl Inflater {
    pub(crate) fn new(params: &Params) -> Result<Inflater, OutOfMemory> {
        match params.never {}
    }

    pub(crate) fn inflate(&mut self, _input: &mut &[u8], _out: &mut Vec<u8>) -> Result<bool, InflateError> {
        match self.0 {}
    }

    pub(crate) fn finish(&mut self) -> Result<(), InflateError> {
        match self.0 {}
    }
}
