//! When a token ends: it is stale once the host has given it back and what it leads to is over, in either order.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use ws4d_client::ErrorCode;

/// The two things that end a token.
const RELEASED: u8 = 1;
const OVER: u8 = 2;
/// The host has closed what it leads to, which it may do once, also after a release.
const CLOSED: u8 = 4;

/// A token, and how far it is with its end. Each method that returns `true` does so once: the token is to be removed.
pub(crate) struct TokenLife {
    token: AtomicU64,
    ended: AtomicU8,
}

impl TokenLife {
    /// One that the host holds, or, with `released`, one that it never had to give back.
    pub(crate) fn new(released: bool) -> TokenLife {
        let ended = if released { RELEASED } else { 0 };
        TokenLife { token: AtomicU64::new(0), ended: AtomicU8::new(ended) }
    }

    /// Before anybody asks for it.
    pub(crate) fn set(&self, token: u64) {
        self.token.store(token, Ordering::Release);
    }

    pub(crate) fn get(&self) -> u64 {
        self.token.load(Ordering::Acquire)
    }

    /// The host gives it back; [`ErrorCode::InvalidHandle`]: for the second time.
    pub(crate) fn release(&self) -> Result<bool, ErrorCode> {
        self.end(RELEASED, RELEASED)
    }

    /// The host closes what it leads to, released or not; [`ErrorCode::InvalidHandle`]: for the second time.
    pub(crate) fn close(&self) -> Result<bool, ErrorCode> {
        self.end(RELEASED | CLOSED, CLOSED)
    }

    /// What it leads to is over; a second time changes nothing.
    pub(crate) fn over(&self) -> bool {
        self.end(OVER, OVER).unwrap_or(false)
    }

    fn end(&self, by: u8, once: u8) -> Result<bool, ErrorCode> {
        let before = self.ended.fetch_or(by, Ordering::AcqRel);
        if before & once != 0 {
            return Err(ErrorCode::InvalidHandle);
        }
        let both = RELEASED | OVER;
        Ok((before | by) & both == both && before & both != both)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_ends_once_with_the_later_of_its_release_and_its_end() {
        let life = TokenLife::new(false);
        assert_eq!((life.release(), life.over(), life.over()), (Ok(false), true, false));
        let life = TokenLife::new(false);
        assert_eq!((life.over(), life.release(), life.close()), (false, Ok(true), Ok(false)));
        assert!(TokenLife::new(true).over());
    }

    #[test]
    fn it_is_released_once_and_closed_once_also_after_its_release() {
        let again = Err(ErrorCode::InvalidHandle);
        let life = TokenLife::new(false);
        assert_eq!(
            (life.release(), life.release(), life.close(), life.close()),
            (Ok(false), again, Ok(false), again)
        );
        let life = TokenLife::new(false);
        assert_eq!((life.close(), life.release(), life.over()), (Ok(false), again, true));
    }
}
