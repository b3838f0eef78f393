//! Handles: tokens that the host holds instead of addresses.
//!
//! A token is `kind | fork epoch | key of the client's HandleTable`, below 2^47, so that it also fits into what
//! language runtimes box. Kind and epoch are compared before the table is asked, so that no table sees a key of
//! another type or of the parent process.
//!
//! Knows none of the types behind the tokens: the module of a type has its table, in a `PerProcess`, because after a
//! fork the child must not touch a lock that another thread of the parent may have held.

use std::ptr;
use std::sync::Arc;

use ws4d_client::ErrorCode;
use ws4d_client::handle_table::{HandleTable, Pinned, PinnedInSignalHandler};
use ws4d_client::library;

const KEY_BITS: u32 = 40;
const EPOCH_BITS: u32 = 4;
const EPOCHS: u32 = 1 << EPOCH_BITS;

/// Kind of the object behind a token. 0 is not used, so that no token is NULL.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Socket = 1,
    Dispatcher = 2,
    Options = 3,
    Reconnector = 4,
}

impl Kind {
    fn token(self, epoch: u32, key: u64) -> u64 {
        debug_assert!(key >> KEY_BITS == 0);
        (self as u64) << (KEY_BITS + EPOCH_BITS) | u64::from(epoch % EPOCHS) << KEY_BITS | key
    }

    /// The key of a token of this kind and epoch.
    #[inline]
    fn key(self, epoch: u32, token: u64) -> Result<u64, ErrorCode> {
        if token >> KEY_BITS == self.token(epoch, 0) >> KEY_BITS {
            return Ok(token & ((1 << KEY_BITS) - 1));
        }
        Err(self.refuse(epoch, token))
    }

    /// A token of an ancestor process differs from an invented one in its epoch, which is an earlier one.
    #[cold]
    fn refuse(self, epoch: u32, token: u64) -> ErrorCode {
        let its_epoch = (token >> KEY_BITS) as u32 % EPOCHS;
        let ago = (epoch.wrapping_sub(its_epoch)) % EPOCHS;
        if token >> (KEY_BITS + EPOCH_BITS) == self as u64 && ago != 0 && ago <= epoch {
            ErrorCode::Forked
        } else {
            ErrorCode::InvalidHandle
        }
    }
}

/// The live objects of one kind, in one process.
pub(crate) struct Handles<T> {
    kind: Kind,
    epoch: u32,
    table: HandleTable<T>,
}

impl<T> Handles<T> {
    /// An empty table of this process. The first thing that is made of the library: from here on it prints nothing.
    pub(crate) fn new(kind: Kind) -> Handles<T> {
        library::quiet_panics();
        Handles { kind, epoch: library::fork_epoch(), table: HandleTable::new() }
    }

    /// Adds `value` and returns its token, or `OutOfMemory` if a million objects are alive.
    pub(crate) fn insert(&self, value: Arc<T>) -> Result<u64, ErrorCode> {
        let key = self.table.insert(value).ok_or(ErrorCode::OutOfMemory)?;
        Ok(self.kind.token(self.epoch, key))
    }

    #[inline]
    pub(crate) fn get(&self, token: u64) -> Result<Pinned<'_, T>, ErrorCode> {
        let key = self.kind.key(self.epoch, token)?;
        self.table.get(key).ok_or(ErrorCode::InvalidHandle)
    }

    /// As `get`, in a signal handler: async-signal-safe. `handles` are those of this process, if there are any.
    pub(crate) fn get_in_signal_handler(
        handles: Option<&Handles<T>>,
        kind: Kind,
        token: u64,
    ) -> Result<PinnedInSignalHandler<'_, T>, ErrorCode> {
        let key = kind.key(library::fork_epoch(), token)?;
        let found = handles.and_then(|handles| handles.table.get_in_signal_handler(key));
        found.ok_or(ErrorCode::InvalidHandle)
    }

    /// Makes the token stale. Of several callers at once, one gets the value.
    pub(crate) fn remove(&self, token: u64) -> Result<Arc<T>, ErrorCode> {
        let key = self.kind.key(self.epoch, token)?;
        self.table.remove(key).ok_or(ErrorCode::InvalidHandle)
    }
}

/// The token in a handle of the host.
#[inline]
pub(crate) fn token<T>(handle: *const T) -> u64 {
    handle.addr() as u64
}

/// The handle for a token; it points nowhere.
#[inline]
pub(crate) fn handle<T>(token: u64) -> *mut T {
    ptr::without_provenance_mut(token as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: u64 = (1 << KEY_BITS) - 1;

    #[test]
    fn a_token_fits_into_47_bits_and_gives_its_key_back() {
        for kind in [Kind::Socket, Kind::Dispatcher, Kind::Options, Kind::Reconnector] {
            for epoch in [0, 1, 31, 32, u32::MAX] {
                let token = kind.token(epoch, KEY);
                assert!(token > 0 && token < 1 << 47);
                assert_eq!(kind.key(epoch, token), Ok(KEY));
            }
        }
    }

    #[test]
    fn null_and_a_token_of_another_type_are_invalid() {
        assert_eq!(Kind::Socket.key(0, 0), Err(ErrorCode::InvalidHandle));
        assert_eq!(Kind::Socket.key(0, Kind::Dispatcher.token(0, 7)), Err(ErrorCode::InvalidHandle));
        assert_eq!(Kind::Options.key(3, Kind::Socket.token(2, 7)), Err(ErrorCode::InvalidHandle));
        assert_eq!(Kind::Socket.key(0, Kind::Socket.token(0, 7) | 1 << 47), Err(ErrorCode::InvalidHandle));
        assert_eq!(Kind::Socket.key(0, u64::MAX), Err(ErrorCode::InvalidHandle));
    }

    #[test]
    fn a_token_of_an_ancestor_is_forked_and_one_of_the_future_is_invalid() {
        let parents = Kind::Socket.token(0, 7);
        assert_eq!(Kind::Socket.key(1, parents), Err(ErrorCode::Forked));
        assert_eq!(Kind::Socket.key(5, parents), Err(ErrorCode::Forked));
        assert_eq!(Kind::Socket.key(0, Kind::Socket.token(1, 7)), Err(ErrorCode::InvalidHandle));
        assert_eq!(Kind::Socket.key(40, Kind::Socket.token(39, 7)), Err(ErrorCode::Forked));
        assert_eq!(Kind::Socket.key(40, Kind::Socket.token(33, 7)), Err(ErrorCode::Forked));
    }

    #[test]
    fn a_removed_token_is_stale_and_removed_once() {
        let handles = Handles::new(Kind::Socket);
        let token = handles.insert(Arc::new("value")).unwrap();
        assert_eq!(**handles.get(token).unwrap(), "value");
        assert_eq!(handles.remove(token).as_deref(), Ok(&"value"));
        assert_eq!(handles.get(token).err(), Some(ErrorCode::InvalidHandle));
        assert_eq!(handles.remove(token), Err(ErrorCode::InvalidHandle));
    }

    #[test]
    fn a_handle_carries_its_token() {
        let token = Kind::Socket.token(31, KEY);
        assert_eq!(super::token(handle::<u8>(token)), token);
    }
}
