//! Facts about items besides their bytes. They are kept apart, because they are mostly the same for all items of a read.

use crate::error::ErrorCode;
use std::ops::Range;

/// Origin of an item.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Origin {
    /// When the read returned that brought it, in microseconds since 1970; 0: unknown.
    pub(crate) time_us: i64,
    /// Of a part: how many bytes of its message came before it.
    pub(crate) offset: u64,
}

/// The origins of a list of items.
#[derive(Default, Debug)]
pub(crate) struct Origins {
    /// Time of the first items.
    first_us: i64,
    /// Times of later reads, each with the index of its first item.
    later: Vec<(usize, i64)>,
    /// Offsets of the parts among the items, each with the index of its item; first parts have none.
    offsets: Vec<(usize, u64)>,
}

impl Origins {
    /// Makes the origins of the items of one read.
    pub(crate) fn of_read(time_us: i64) -> Origins {
        Origins { first_us: time_us, ..Origins::default() }
    }

    /// Returns whether all items have the origin of the first one.
    #[inline]
    pub(crate) fn is_uniform(&self) -> bool {
        self.later.is_empty() && self.offsets.is_empty()
    }

    /// Returns the origin of the item at `index`.
    pub(crate) fn of(&self, index: usize) -> Origin {
        let before = self.later.partition_point(|(first, _)| *first <= index);
        let time_us = before.checked_sub(1).map_or(self.first_us, |last| self.later[last].1);
        let offset = self.offsets.binary_search_by_key(&index, |(item, _)| *item);
        Origin { time_us, offset: offset.map_or(0, |at| self.offsets[at].1) }
    }

    /// Adds the origin of the item at `index`, which comes behind all that were added before.
    pub(crate) fn add(&mut self, index: usize, origin: Origin) -> Result<(), ErrorCode> {
        if index == 0 {
            self.first_us = origin.time_us;
        } else if self.later.last().map_or(self.first_us, |(_, time_us)| *time_us) != origin.time_us {
            self.later.try_reserve(1).map_err(|_| ErrorCode::OutOfMemory)?;
            self.later.push((index, origin.time_us));
        }
        self.add_part(index, origin.offset)
    }

    /// Adds the offset of a part, the item at `index`, which comes behind all that were added before.
    pub(crate) fn add_part(&mut self, index: usize, offset: u64) -> Result<(), ErrorCode> {
        if offset > 0 {
            self.offsets.try_reserve(1).map_err(|_| ErrorCode::OutOfMemory)?;
            self.offsets.push((index, offset));
        }
        Ok(())
    }

    /// Adds those of these items of another list behind the first `count` of this one.
    pub(crate) fn append(
        &mut self,
        count: usize,
        other: &Origins,
        these: Range<usize>,
    ) -> Result<(), ErrorCode> {
        if these.is_empty() {
            return Ok(());
        }
        self.truncate(count);
        let (start, end) = (these.start, these.end);
        let later =
            other.later.iter().map(|(index, _)| *index).filter(|index| (start + 1..end).contains(index));
        for index in [start].into_iter().chain(later) {
            self.add(count + index - start, Origin { offset: 0, ..other.of(index) })?;
        }
        let mut parts = other.offsets.iter().filter(|(index, _)| (start..end).contains(index));
        parts.try_for_each(|(index, offset)| self.add_part(count + index - start, *offset))
    }

    /// Returns those of these items, as a list of their own.
    pub(crate) fn copied(&self, these: Range<usize>) -> Result<Origins, ErrorCode> {
        let mut own = Origins::default();
        own.append(0, self, these)?;
        Ok(own)
    }

    /// Forgets those behind the first `count` items.
    pub(crate) fn truncate(&mut self, count: usize) {
        let kept = self.later.partition_point(|(first, _)| *first < count);
        self.later.truncate(kept);
        let kept = self.offsets.partition_point(|(item, _)| *item < count);
        self.offsets.truncate(kept);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(origins: &Origins, count: usize) -> Vec<i64> {
        (0..count).map(|index| origins.of(index).time_us).collect()
    }

    #[test]
    fn each_item_keeps_its_time_whatever_is_joined_cut_and_copied() {
        let mut all = Origins::of_read(1);
        assert!(all.is_uniform());
        all.append(2, &Origins::of_read(2), 0..3).unwrap();
        all.append(5, &Origins::of_read(2), 0..1).unwrap();
        all.append(6, &Origins::of_read(3), 0..0).unwrap();
        all.append(6, &Origins::of_read(4), 7..9).unwrap();
        assert_eq!(times(&all, 8), [1, 1, 2, 2, 2, 2, 4, 4]);
        assert_eq!(all.later.len(), 2, "one for each read that brought some");
        assert_eq!(times(&all.copied(1..7).unwrap(), 6), [1, 2, 2, 2, 2, 4]);
        assert_eq!(times(&all.copied(3..8).unwrap(), 5), [2, 2, 2, 4, 4]);
        all.truncate(2);
        assert!(all.is_uniform());
        all.append(2, &Origins::of_read(5), 0..1).unwrap();
        assert_eq!(times(&all, 3), [1, 1, 5]);
    }

    #[test]
    fn each_part_keeps_its_offset_whatever_is_joined_cut_and_copied() {
        let offsets =
            |origins: &Origins, count| (0..count).map(|index| origins.of(index).offset).collect::<Vec<_>>();
        let mut read = Origins::of_read(1);
        read.add_part(1, 0).unwrap();
        read.add_part(2, 10).unwrap();
        read.add_part(3, 20).unwrap();
        assert!(!read.is_uniform());
        assert_eq!(offsets(&read, 5), [0, 0, 10, 20, 0]);
        let mut all = read.copied(2..5).unwrap();
        all.append(3, &read, 1..4).unwrap();
        assert_eq!(offsets(&all, 6), [10, 20, 0, 0, 10, 20]);
        all.truncate(5);
        assert_eq!(offsets(&all, 6), [10, 20, 0, 0, 10, 0]);
    }
}
