//! Limits on the host's texts, and how they are kept: a copy that cannot be had is an error, never the end of the
//! process. Copies of options share what they hold, so that to copy them takes no memory worth the name.

use crate::error::ErrorCode;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use std::ops::Deref;
use std::sync::Arc;

const KIB: usize = 1024;

/// The longest URL, and the longest text of an option.
pub const MOST_TEXT: usize = 64 * KIB;
/// The longest PEM text.
pub const MOST_PEM: usize = 1024 * KIB;
/// All headers together, all cookies together, all subprotocols together.
pub(super) const MOST_TOGETHER: usize = 1024 * KIB;
/// The largest file of certificates or keys.
pub(super) const MOST_FILE: usize = 16 * 1024 * KIB;
/// The largest file of revocation lists.
pub(super) const MOST_CRL_FILE: usize = 64 * 1024 * KIB;

/// [`ErrorCode::OutOfMemory`] where `bytes` bytes cannot be had just now. To be asked before a crate that cannot survive that is
/// given something large.
pub(crate) fn ensure_memory(bytes: usize) -> Result<(), ErrorCode> {
    Vec::<u8>::new().try_reserve_exact(bytes).map_err(|_| ErrorCode::OutOfMemory)
}

/// A copy of bytes; [`ErrorCode::OutOfMemory`] where there is no room for it.
pub(crate) fn copied_bytes(bytes: &[u8]) -> Result<Vec<u8>, ErrorCode> {
    let mut own = Vec::new();
    own.try_reserve_exact(bytes.len()).map_err(|_| ErrorCode::OutOfMemory)?;
    own.extend_from_slice(bytes);
    Ok(own)
}

/// A copy of a text; [`ErrorCode::OutOfMemory`] where there is no room for it.
pub(crate) fn copied(text: &str) -> Result<String, ErrorCode> {
    let mut own = String::new();
    own.try_reserve_exact(text.len()).map_err(|_| ErrorCode::OutOfMemory)?;
    own.push_str(text);
    Ok(own)
}

/// A value whose copy may fail for want of memory.
pub(crate) trait TryCopy: Sized {
    /// The copy, or [`ErrorCode::OutOfMemory`].
    fn try_copy(&self) -> Result<Self, ErrorCode>;
}

impl TryCopy for String {
    fn try_copy(&self) -> Result<String, ErrorCode> {
        copied(self)
    }
}

impl TryCopy for (String, String) {
    fn try_copy(&self) -> Result<(String, String), ErrorCode> {
        Ok((copied(&self.0)?, copied(&self.1)?))
    }
}

impl TryCopy for CertificateDer<'static> {
    fn try_copy(&self) -> Result<CertificateDer<'static>, ErrorCode> {
        copied_bytes(self).map(CertificateDer::from)
    }
}

impl TryCopy for CertificateRevocationListDer<'static> {
    fn try_copy(&self) -> Result<CertificateRevocationListDer<'static>, ErrorCode> {
        copied_bytes(self).map(CertificateRevocationListDer::from)
    }
}

/// A list that copies of options share. An item that is added to one copy is not in the others. Most lists of most options
/// are empty, and take no memory (`None`).
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct SharedList<T>(Option<Arc<Vec<T>>>);

impl<T> Clone for SharedList<T> {
    fn clone(&self) -> SharedList<T> {
        SharedList(self.0.clone())
    }
}

impl<T> Default for SharedList<T> {
    fn default() -> SharedList<T> {
        SharedList(None)
    }
}

impl<T> Deref for SharedList<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        self.0.as_deref().map_or(&[], Vec::as_slice)
    }
}

impl<T: TryCopy> SharedList<T> {
    /// Adds one; on [`ErrorCode::OutOfMemory`] the list is as it was.
    pub(crate) fn push(&mut self, item: T) -> Result<(), ErrorCode> {
        self.extend(vec![item])
    }

    /// Adds several, or none on [`ErrorCode::OutOfMemory`].
    pub(crate) fn extend(&mut self, items: Vec<T>) -> Result<(), ErrorCode> {
        if let Some(list) = self.0.as_mut().and_then(Arc::get_mut) {
            // Nobody shares it.
            list.try_reserve(items.len()).map_err(|_| ErrorCode::OutOfMemory)?;
            list.extend(items);
            return Ok(());
        }
        let mut list = self.copies(|_| true, items.len())?;
        list.extend(items);
        self.set(list);
        Ok(())
    }

    /// Keeps some, in a list of this copy's own.
    pub(crate) fn retain(&mut self, keep: impl Fn(&T) -> bool) -> Result<(), ErrorCode> {
        let kept = self.copies(keep, 0)?;
        self.set(kept);
        Ok(())
    }

    /// Copies of some, with room for so many more.
    fn copies(&self, keep: impl Fn(&T) -> bool, more: usize) -> Result<Vec<T>, ErrorCode> {
        let mut copies = Vec::new();
        copies.try_reserve_exact(self.len() + more).map_err(|_| ErrorCode::OutOfMemory)?;
        for item in self.iter().filter(|item| keep(item)) {
            copies.push(item.try_copy()?);
        }
        Ok(copies)
    }

    fn set(&mut self, list: Vec<T>) {
        self.0 = if list.is_empty() { None } else { Some(Arc::new(list)) };
    }

    /// Keeps none.
    pub(crate) fn clear(&mut self) {
        self.0 = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_share_a_list_until_one_of_them_changes() {
        let mut list = SharedList::default();
        list.push("a".to_owned()).unwrap();
        let mut copy = list.clone();
        assert_eq!(list.as_ptr(), copy.as_ptr());
        copy.push("b".to_owned()).unwrap();
        assert_eq!((&*list, &*copy), (&["a".to_owned()][..], &["a".to_owned(), "b".to_owned()][..]));
        copy.retain(|text| text == "b").unwrap();
        assert_eq!((list.len(), &*copy), (1, &["b".to_owned()][..]));
        list.clear();
        assert_eq!((list.len(), copy.len()), (0, 1));
        copy.retain(|_| false).unwrap();
        assert!(list == copy && list.0.is_none(), "an empty list takes no memory, however it came about");
    }

    #[test]
    fn memory_that_no_machine_has_is_an_error() {
        assert_eq!(ensure_memory(isize::MAX as usize), Err(ErrorCode::OutOfMemory));
        assert_eq!(ensure_memory(1), Ok(()));
    }
}
