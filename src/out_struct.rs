//! Structs that the library fills for the host. They grow only at their end: the caller says by `size` how much of one
//! it knows, and gets as much as both know.

use std::ptr;

use libc::size_t;
use ws4d_client::ErrorCode;

/// A struct of the header that begins with its `size`.
///
/// # Safety
/// It is `repr(C)` and its first field is `size: size_t`.
pub(crate) unsafe trait OutStruct: Copy {
    /// The size of the first version; a field is only ever added behind it.
    const FIRST_SIZE: usize;
}

/// No version will ever be larger: a size above it is a struct that was not initialised.
pub(crate) const LARGEST_SIZE: usize = 4096;

/// Fills as much of the host's struct as its `size` says; `size` and what lies behind stay as they are.
/// [`ErrorCode::InvalidArgument`], with nothing filled, for NULL and for a size that the struct never had.
///
/// # Safety
/// `out` is NULL, or readable for a `size_t` and writable for as many bytes as that says.
pub(crate) unsafe fn fill<T: OutStruct>(out: *mut T, mut value: T) -> Result<(), ErrorCode> {
    if out.is_null() || !out.is_aligned() {
        return Err(ErrorCode::InvalidArgument);
    }
    // SAFETY: not NULL, aligned; the caller promises the first field.
    let size = unsafe { out.cast::<size_t>().read() };
    if !(T::FIRST_SIZE..=LARGEST_SIZE).contains(&size) {
        return Err(ErrorCode::InvalidArgument);
    }
    // SAFETY: the first field of `value` is its size.
    unsafe { (&raw mut value).cast::<size_t>().write(size) };
    // SAFETY: the caller promises `size` bytes.
    unsafe {
        ptr::copy_nonoverlapping((&raw const value).cast::<u8>(), out.cast::<u8>(), size.min(size_of::<T>()))
    };
    Ok(())
}

/// Copies the host's struct over `known`, whose fields are what a shorter one leaves out. `Err`: it cannot be trusted, and
/// nothing of it was used. The second value is whether all that it says is known here.
///
/// # Safety
/// `from` is NULL, or readable for a `size_t` and for as many bytes as that says; every bit pattern is a `T`.
pub(crate) unsafe fn read<T: OutStruct>(from: *const T, mut known: T) -> Result<(T, bool), ErrorCode> {
    if from.is_null() || !from.is_aligned() {
        return Err(ErrorCode::InvalidArgument);
    }
    // SAFETY: not NULL, aligned; the caller promises the first field.
    let size = unsafe { from.cast::<size_t>().read() };
    if !(T::FIRST_SIZE..=LARGEST_SIZE).contains(&size) {
        return Err(ErrorCode::InvalidArgument);
    }
    let common = size.min(size_of::<T>());
    // SAFETY: the caller promises `size` bytes, and that they are a `T`.
    unsafe { ptr::copy_nonoverlapping(from.cast::<u8>(), (&raw mut known).cast(), common) };
    // SAFETY: the first field of `known` is its size.
    unsafe { (&raw mut known).cast::<size_t>().write(size_of::<T>()) };
    // SAFETY: the bytes behind the known ones are within `size`.
    let tail = unsafe { std::slice::from_raw_parts(from.cast::<u8>().add(common), size - common) };
    Ok((known, tail.iter().all(|byte| *byte == 0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[repr(C)]
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    struct Known {
        size: size_t,
        first: u64,
        second: u64,
    }

    // SAFETY: as the trait wants it.
    unsafe impl OutStruct for Known {
        const FIRST_SIZE: usize = 16;
    }

    const VALUE: Known = Known { size: 0, first: 1, second: 2 };

    #[test]
    fn as_much_is_filled_as_both_know() {
        let mut out = [Known { size: 16, first: 9, second: 9 }, Known { size: 9, first: 9, second: 9 }];
        // SAFETY: live structs of their sizes.
        unsafe {
            assert_eq!(fill(&mut out[0], VALUE), Ok(()));
            assert_eq!(out[0], Known { size: 16, first: 1, second: 9 }, "the first version");
            out[0].size = 24;
            assert_eq!(fill(&mut out[0], VALUE), Ok(()));
            assert_eq!(out[0], Known { size: 24, ..VALUE });
            out[0].size = 48;
            assert_eq!(fill(out.as_mut_ptr(), VALUE), Ok(()));
        }
        assert_eq!(out[0], Known { size: 48, ..VALUE });
        assert_eq!(out[1], Known { size: 9, first: 9, second: 9 }, "what a later version knows stays");
    }

    #[test]
    fn a_size_that_never_was_is_refused() {
        for size in [0, 8, 15, LARGEST_SIZE + 1, usize::MAX] {
            let mut out = Known { size, first: 9, second: 9 };
            // SAFETY: a size that is refused is not used.
            assert_eq!(unsafe { fill(&mut out, VALUE) }, Err(ErrorCode::InvalidArgument));
            assert_eq!(out, Known { size, first: 9, second: 9 });
        }
        // SAFETY: NULL.
        assert_eq!(unsafe { fill(ptr::null_mut(), VALUE) }, Err(ErrorCode::InvalidArgument));
    }
}
