//! Cuts a message into frames. Pure: no lock, no I/O.

use super::queue::LONG_CHUNK;
use ws4d_protocol::send::frame_len;

/// The payloads of a message's frames, in order; an empty message has one empty payload.
pub(super) struct Fragments<'a> {
    rest: &'a [u8],
    /// Maximum length of a payload, except for a character that is longer.
    most: usize,
    /// The message is UTF-8, which is cut between characters.
    text: bool,
    over: bool,
}

impl<'a> Fragments<'a> {
    /// Cuts a message into frames of at most `frame_size` bytes, or into one frame if that is 0. `text`: the payload
    /// is valid UTF-8.
    pub(super) fn of(payload: &'a [u8], frame_size: usize, text: bool) -> Fragments<'a> {
        let most = if frame_size == 0 { usize::MAX } else { frame_size };
        Fragments { rest: payload, most, text, over: false }
    }

    /// Returns the end of the next payload.
    fn cut(&self) -> usize {
        let begins = |at: usize| self.rest.get(at).is_none_or(|byte| byte & 0xc0 != 0x80);
        let most = self.most.min(self.rest.len());
        if !self.text || begins(most) {
            return most;
        }
        let before = (1..most).rev().take(3).find(|at| begins(*at));
        // The first character is longer than a frame may be.
        before.unwrap_or_else(|| (most..self.rest.len()).find(|at| begins(*at)).unwrap_or(self.rest.len()))
    }
}

impl<'a> Iterator for Fragments<'a> {
    /// A payload, and whether it is the last.
    type Item = (&'a [u8], bool);

    fn next(&mut self) -> Option<(&'a [u8], bool)> {
        if self.over {
            return None;
        }
        let (fragment, rest) = self.rest.split_at(self.cut());
        self.rest = rest;
        self.over = rest.is_empty();
        Some((fragment, self.over))
    }
}

/// The part of a message that is not in a chunk yet.
pub(super) struct Unqueued {
    pub(super) payload: usize,
    pub(super) charge: usize,
}

impl Unqueued {
    /// Takes a chunk's share of the charge, in proportion to its `payload`; the last chunk takes the rest.
    pub(super) fn take(&mut self, payload: usize) -> usize {
        let share = if payload == self.payload {
            self.charge
        } else {
            let share = self.charge as u128 * payload as u128 / self.payload as u128;
            usize::try_from(share).unwrap_or(self.charge)
        };
        self.payload -= payload;
        self.charge -= share;
        share
    }

    /// Estimates the size of the next chunk, whose first frame has a payload of `first` bytes.
    pub(super) fn room(&self, first: usize, frame_size: usize) -> usize {
        let frames = if frame_size == 0 { 1 } else { self.payload.div_ceil(frame_size) };
        let all =
            frames.saturating_mul(frame_len(frame_size.min(self.payload)) - frame_size.min(self.payload));
        all.saturating_add(self.payload).min(LONG_CHUNK).max(frame_len(first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lengths(text: &str, frame_size: usize) -> Vec<usize> {
        let fragments: Vec<_> = Fragments::of(text.as_bytes(), frame_size, true).collect();
        assert!(fragments.iter().all(|(fragment, _)| std::str::from_utf8(fragment).is_ok()), "{fragments:?}");
        let together: Vec<u8> = fragments.iter().flat_map(|(fragment, _)| *fragment).copied().collect();
        assert_eq!(together, text.as_bytes());
        assert!(fragments.iter().rev().skip(1).all(|(_, last)| !last) && fragments.last().unwrap().1);
        fragments.iter().map(|(fragment, _)| fragment.len()).collect()
    }

    #[test]
    fn text_is_cut_between_characters_and_each_frame_has_one_at_least() {
        assert_eq!(lengths("", 1), [0]);
        assert_eq!(lengths("abc", 3), [3]);
        assert_eq!(lengths("abcd", 3), [3, 1]);
        assert_eq!(lengths("abcd", 0), [4]);
        assert_eq!(lengths("a\u{1f980}b", 4), [1, 4, 1]);
        assert_eq!(lengths("a\u{1f980}b", 5), [5, 1]);
        assert_eq!(lengths("a\u{1f980}b", 3), [1, 4, 1]);
        assert_eq!(lengths("\u{1f980}\u{20ac}\u{fc}", 1), [4, 3, 2]);
        assert_eq!(lengths("\u{fc}\u{fc}\u{fc}", 3), [2, 2, 2]);
    }

    #[test]
    fn other_bytes_are_cut_where_the_frame_is_full() {
        let bytes = "\u{1f980}\u{1f980}".as_bytes();
        let fragments: Vec<_> = Fragments::of(bytes, 3, false).collect();
        assert_eq!(fragments, [(&bytes[..3], false), (&bytes[3..6], false), (&bytes[6..], true)]);
    }

    #[test]
    fn chunks_share_the_charge_of_their_message_by_their_length() {
        let mut left = Unqueued { payload: 1000, charge: 100 };
        assert_eq!([left.take(500), left.take(250), left.take(250)], [50, 25, 25]);
        let mut left = Unqueued { payload: 3, charge: 67 };
        assert_eq!(left.take(1) + left.take(1) + left.take(1), 67, "nothing of it is lost");
        assert_eq!(Unqueued { payload: 0, charge: 64 }.take(0), 64);
    }

    #[test]
    fn a_chunk_has_room_for_the_frames_that_it_gets() {
        let left = |payload| Unqueued { payload, charge: 0 };
        assert_eq!(left(100).room(100, 0), frame_len(100), "one frame");
        assert_eq!(left(1 << 20).room(1 << 20, 0), frame_len(1 << 20));
        assert_eq!(left(300_000).room(131_072, 131_072), frame_len(131_072));
        assert!(left(100).room(1, 1) >= 100 * frame_len(1));
        assert_eq!(left(usize::MAX >> 1).room(1, 1), LONG_CHUNK);
    }
}
