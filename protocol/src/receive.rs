//! The receiving half: the server's bytes in, messages and control frames out (RFC 6455 §5, §6.2).
//!
//! Knows the order of frames and the part of the stream seen so far. Must not know the source of the bytes, nor
//! answer a ping or a close: it only reports them.
//!
//! permessage-deflate (RFC 7692) goes in at two places: where RSV1 is judged, and between the payload
//! of a data frame and the message.

mod inflation;
mod parts;
mod payload;

pub use crate::event::{ControlPayload, Data, Incoming, Part, PartKind};
pub use crate::failure::Failure;

use crate::close;
use crate::deflate::Params;
use crate::frame::{self, FrameHeader, MAX_SERVER_HEADER, OpCode};
use crate::message::{Kind, Message};
use crate::utf8;
use inflation::Inflation;
pub use inflation::SpareInflater;
use std::ops::Range;

const NOT_AGREED: Failure = Failure::Protocol("a frame has a reserved bit set (RFC 6455 5.2)");
const NOT_FIRST: Failure = Failure::Protocol("a frame that begins no message has RSV1 set (RFC 7692 6.1)");
const NO_MESSAGE: Failure = Failure::Protocol("a continuation frame continues no message (RFC 6455 5.4)");
const OPEN_MESSAGE: Failure = Failure::Protocol("a new message begins inside another (RFC 6455 5.4)");

/// Returns the kind of an unfragmented message whose frame begins with this byte, if it is legal. `text`: the kind of
/// text messages.
#[inline]
fn kind_of(first: u8, payload: &[u8], text: Kind) -> Option<Kind> {
    match first {
        0x81 if text == Kind::UncheckedText || utf8::check(payload).is_ok() => Some(text),
        0x82 => Some(Kind::Binary),
        _ => None,
    }
}

/// Limits on what a server may send.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Limits {
    /// The largest message in bytes, all its fragments together; 0: no limit.
    pub max_message_size: u64,
}

/// The part of the stream that the next byte belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    /// A header, of which nothing or a part was kept.
    Header,
    /// The payload of a data frame.
    Data,
    /// The payload of a control frame.
    Control,
    /// Nothing: the connection failed, or the close frame came.
    Over,
}

/// Decodes what a server sends.
///
/// Feed it what was read, and call [`next`](Receiver::next) until it gives `None`:
///
/// ```
/// # use ws4d_protocol::receive::*;
/// # fn deliver(_: Incoming, _: &[u8]) {}
/// # fn feed(receiver: &mut Receiver, input: &[u8]) -> Result<(), Failure> {
/// let mut at = 0;
/// while let Some(event) = receiver.next(input, &mut at)? {
///     deliver(event, input);
/// }
/// # Ok(()) }
/// ```
///
/// Events and failures do not depend on how the stream is cut into inputs; only whether data is a [`Data::Range`] or
/// [`Data::Assembled`] does.
#[derive(Debug)]
pub struct Receiver {
    stage: Stage,
    limit: u64,
    /// A longer message is given in parts of this size; `usize::MAX`: none is.
    part_size: usize,
    /// The kind of text messages.
    text: Kind,
    /// The beginning of a header that the last input cut in two.
    header: [u8; MAX_SERVER_HEADER],
    header_len: usize,
    /// The frame whose payload is being read, and the number of missing bytes.
    frame: FrameHeader,
    remaining: u64,
    message: Message,
    /// The open message is compressed.
    compressed: bool,
    /// The inflater may hold more of the open message than it has given, although its input is used up.
    pending: bool,
    /// The state of permessage-deflate; `None` if it was not agreed.
    inflation: Option<Inflation>,
    /// A buffer lent for a large message.
    spare: Vec<u8>,
    /// Payload of the control frame that is being read; allocated only meanwhile.
    control: Option<Box<ControlPayload>>,
}

impl Receiver {
    /// A receiver at the first byte behind the server's 101 response.
    pub const fn new(limits: Limits) -> Receiver {
        let limit = if limits.max_message_size == 0 { u64::MAX } else { limits.max_message_size };
        Receiver {
            stage: Stage::Header,
            limit,
            part_size: usize::MAX,
            text: Kind::Text,
            header: [0; MAX_SERVER_HEADER],
            header_len: 0,
            frame: FrameHeader { fin: true, rsv1: false, opcode: OpCode::Continuation, len: 0 },
            remaining: 0,
            message: Message::none(),
            compressed: false,
            pending: false,
            inflation: None,
            spare: Vec::new(),
            control: None,
        }
    }

    /// Like [`new`](Receiver::new), for a connection with this agreed permessage-deflate; `None` if it was not
    /// agreed.
    ///
    /// A compressed message, and each part of one, is always [`Data::Assembled`], of a capacity of at most twice its
    /// length and 256 bytes. The limit applies to the inflated bytes, checked while inflating; the ratio of compression
    /// has no limit of its own.
    ///
    /// The inflater takes [`INFLATER_MEMORY`](crate::deflate::INFLATER_MEMORY) bytes from the first
    /// compressed message on. With the server's context takeover it stays until the end or a failure.
    /// Without, it goes when an input is used up and no compressed message is open.
    pub fn with_deflate(limits: Limits, agreed: Option<&Params>) -> Receiver {
        Receiver { inflation: agreed.map(Inflation::new), ..Receiver::new(limits) }
    }

    /// Gives each message that is longer than `part_size` bytes in parts of at most that many; 0: gives all messages
    /// whole.
    ///
    /// The parts of a text message are cut between characters, and have at least one. Those of a binary message, and of
    /// text that is not checked, have exactly that size but for the last one.
    ///
    /// A message counts as longer once that many bytes of it came and its frame announces more, or another byte came.
    /// The receiver holds only the bytes that wait for their part to become full.
    ///
    /// A compressed message is inflated only as far as its next part needs it. `at` then moves as far as the input was
    /// used. A caller that does not call [`next`](Receiver::next) until it returns `None` asks
    /// [`has_pending`](Receiver::has_pending) whether there may be more, also where the input is used up.
    #[must_use]
    pub const fn with_parts(self, part_size: usize) -> Receiver {
        let mut receiver = self;
        receiver.part_size = if part_size == 0 { usize::MAX } else { part_size };
        receiver
    }

    /// Accepts text messages without a check for UTF-8. The reason of a close frame is still checked.
    #[must_use]
    pub const fn without_text_check(self) -> Receiver {
        let mut receiver = self;
        receiver.text = Kind::UncheckedText;
        receiver
    }

    /// Lends an empty buffer for the next message that comes in one frame, fills at least half of it, and is not
    /// whole in its input, so that its pages need not be allocated. [`take_back`](Receiver::take_back) returns it.
    pub fn lend(&mut self, spare: Vec<u8>) {
        debug_assert!(spare.is_empty());
        self.spare = spare;
    }

    /// Returns the lent buffer, if it was not used.
    pub fn take_back(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.spare)
    }

    /// Returns whether [`lend_inflater`](Receiver::lend_inflater) has an effect.
    pub fn wants_inflater(&self) -> bool {
        self.inflation.as_ref().is_some_and(Inflation::takes_spare)
    }

    /// Lends an inflater for the next input; with `None`, one is made when needed and kept as if lent.
    /// [`take_back_inflater`](Receiver::take_back_inflater) returns it.
    pub fn lend_inflater(&mut self, spare: Option<SpareInflater>) {
        if let Some(inflation) = &mut self.inflation {
            inflation.lend(spare);
        }
    }

    /// Returns the inflater that was lent, or made since; `None` while a compressed message is open, which needs it,
    /// or has failed.
    pub fn take_back_inflater(&mut self) -> Option<SpareInflater> {
        let open = self.compressed;
        self.inflation.as_mut()?.take_back(open)
    }

    /// Returns whether there is an inflater, which takes [`INFLATER_MEMORY`](crate::deflate::INFLATER_MEMORY) bytes.
    pub fn has_inflater(&self) -> bool {
        self.inflation.as_ref().is_some_and(Inflation::has_inflater)
    }

    /// Returns whether nothing has begun: no part of a header, of a payload or of a message. True also after the end.
    pub fn is_idle(&self) -> bool {
        match self.stage {
            Stage::Header => self.header_len == 0 && !self.message.is_open(),
            Stage::Data | Stage::Control => false,
            Stage::Over => true,
        }
    }

    /// Returns the number of bytes of the current data frame that have to come before there can be an event; fewer
    /// bytes are not worth a wake-up. 0: the next byte may complete one.
    pub fn missing(&self) -> u64 {
        match self.stage {
            Stage::Data if self.compressed && self.has_parts() => 0,
            Stage::Data => self.remaining.min(self.part_room() as u64),
            Stage::Header | Stage::Control | Stage::Over => 0,
        }
    }

    /// Returns whether the [`missing`](Receiver::missing) bytes may show a failure before they are complete, as those
    /// of text and of compressed messages may.
    pub fn may_fail(&self) -> bool {
        self.stage == Stage::Data && (self.compressed || self.message.is_text())
    }

    /// Decodes the next event out of `input[*at..]`, and moves `*at` behind the bytes taken.
    ///
    /// Returns `None` when the input is used up. The bytes still needed were copied, so the caller may overwrite the
    /// input. Call again with the next input, and `*at` at 0.
    ///
    /// After a failure, and after [`Incoming::Close`], each further call takes all its input and
    /// gives `None` (RFC 6455 §1.4: data behind a close frame is discarded).
    ///
    /// # Errors
    ///
    /// The first violation of the server, at the first byte that shows it, with `*at` behind that byte:
    /// [`Failure::Protocol`] (RFC 6455 §5.1 to §5.5, §7.4), [`Failure::InvalidText`] (§8.1), [`Failure::TooLarge`]
    /// with the last byte of the header that makes a message too large, [`Failure::OutOfMemory`] at a byte that is
    /// not defined.
    ///
    /// In a compressed payload (RFC 7692) `*at` is behind all bytes of the frame in this input, and the bytes that
    /// show the failure are among those of this input: [`Failure::InvalidText`] for data that cannot be inflated and
    /// for bad text in inflated data, [`Failure::TooLarge`] for the size of the inflated data. The failure does not
    /// depend on how the stream was cut, with one exception: data that reach back behind a window smaller than 15
    /// bits that was agreed may be inflated in one cut, and refused in another.
    ///
    /// # Panics
    ///
    /// If `*at` is greater than the length of `input`.
    #[inline]
    pub fn next(&mut self, input: &[u8], at: &mut usize) -> Result<Option<Incoming>, Failure> {
        if let Some((kind, range)) = self.next_whole(input, at) {
            let data = Data::Range(range);
            return Ok(Some(match kind {
                PartKind::Text => Incoming::Text(data),
                PartKind::Binary => Incoming::Binary(data),
            }));
        }
        let event = self.next_any(input, at).inspect_err(|_| self.end())?;
        if event.is_none()
            && !self.compressed
            && let Some(inflation) = &mut self.inflation
        {
            inflation.rest();
        }
        Ok(event)
    }

    /// The fast path of [`next`](Receiver::next): an unfragmented message of less than 64 KiB that is whole in the
    /// input, and legal. Where it returns `None`, it has taken nothing, and `next` says what the input is.
    ///
    /// # Panics
    ///
    /// If `*at` is greater than the length of `input`.
    #[inline]
    pub fn next_whole(&mut self, input: &[u8], at: &mut usize) -> Option<(PartKind, Range<usize>)> {
        self.next_short(input, at).or_else(|| self.next_medium(input, at))
    }

    /// A message of at most 125 bytes.
    #[inline]
    fn next_short(&mut self, input: &[u8], at: &mut usize) -> Option<(PartKind, Range<usize>)> {
        if self.stage != Stage::Header || self.header_len != 0 || self.message.is_open() {
            return None;
        }
        let [first, len, rest @ ..] = &input[*at..] else {
            return None;
        };
        let payload = rest.get(..usize::from(*len))?;
        // A mask bit or a longer form of the length is above 125.
        if *len > 125 || u64::from(*len) > self.limit || usize::from(*len) > self.part_size {
            return None;
        }
        let kind = kind_of(*first, payload, self.text)?;
        let start = *at + 2;
        *at = start + payload.len();
        Some((kind.of_part(), start..*at))
    }

    /// A longer one, of less than 64 KiB.
    fn next_medium(&mut self, input: &[u8], at: &mut usize) -> Option<(PartKind, Range<usize>)> {
        if self.stage != Stage::Header || self.header_len != 0 || self.message.is_open() {
            return None;
        }
        let [first, 126, high, low, rest @ ..] = &input[*at..] else {
            return None;
        };
        let len = u16::from_be_bytes([*high, *low]);
        let payload = rest.get(..usize::from(len))?;
        // A shorter length has the wrong form.
        if len < 126 || u64::from(len) > self.limit || usize::from(len) > self.part_size {
            return None;
        }
        let kind = kind_of(*first, payload, self.text)?;
        let start = *at + 4;
        *at = start + payload.len();
        Some((kind.of_part(), start..*at))
    }

    fn next_any(&mut self, input: &[u8], at: &mut usize) -> Result<Option<Incoming>, Failure> {
        loop {
            let event = match self.stage {
                Stage::Header => {
                    let Some(header) = self.read_header(input, at)? else {
                        return Ok(None);
                    };
                    self.begin_frame(header);
                    continue;
                }
                Stage::Data if self.compressed => self.read_compressed(input, at)?,
                Stage::Data => self.read_data(input, at)?,
                Stage::Control => self.read_control(input, at)?,
                Stage::Over => {
                    *at = input.len();
                    return Ok(None);
                }
            };
            if self.remaining == 0 && !self.pending && self.stage != Stage::Over {
                self.stage = Stage::Header;
            }
            if event.is_some() || self.remaining > 0 {
                return Ok(event);
            }
        }
    }

    /// Reads the rest of a header; `None` if the input ends first.
    fn read_header(&mut self, input: &[u8], at: &mut usize) -> Result<Option<FrameHeader>, Failure> {
        if self.header_len == 0
            && let Ok(Some((header, len))) = self.judge(&input[*at..])
        {
            *at += len;
            return Ok(Some(header));
        }
        // Cut in two, or wrong: byte by byte, so that it fails at the same byte as a stream that
        // drips.
        while let Some(&byte) = input.get(*at) {
            *at += 1;
            self.header[self.header_len] = byte;
            self.header_len += 1;
            if let Some((header, _)) = self.judge(&self.header[..self.header_len])? {
                self.header_len = 0;
                return Ok(Some(header));
            }
        }
        Ok(None)
    }

    /// Checks the beginning of a header, by itself and at its place in the stream.
    fn judge(&self, bytes: &[u8]) -> Result<Option<(FrameHeader, usize)>, Failure> {
        if let Some(first) = bytes.first() {
            let opcode = OpCode::from_bits(first & 0x0f);
            if first & 0x40 != 0 {
                if self.inflation.is_none() {
                    return Err(NOT_AGREED);
                }
                if !matches!(opcode, Some(OpCode::Text | OpCode::Binary)) {
                    return Err(NOT_FIRST);
                }
            }
            match opcode {
                Some(OpCode::Continuation) if !self.message.is_open() => return Err(NO_MESSAGE),
                Some(OpCode::Text | OpCode::Binary) if self.message.is_open() => {
                    return Err(OPEN_MESSAGE);
                }
                _ => {}
            }
        }
        let Some((header, len)) = frame::parse(bytes)? else {
            return Ok(None);
        };
        // The size of a compressed payload is not known before it is inflated.
        let compressed = header.rsv1 || self.compressed;
        if !header.opcode.is_control() && !compressed && header.len > self.limit - self.message.len() {
            return Err(Failure::TooLarge { limit: self.limit });
        }
        Ok(Some((header, len)))
    }

    fn begin_frame(&mut self, header: FrameHeader) {
        self.frame = header;
        self.remaining = header.len;
        self.stage = Stage::Data;
        match header.opcode {
            OpCode::Text => self.begin_message(self.text),
            OpCode::Binary => self.begin_message(Kind::Binary),
            OpCode::Continuation => {}
            OpCode::Close | OpCode::Ping | OpCode::Pong => {
                self.stage = Stage::Control;
            }
        }
    }

    fn begin_message(&mut self, kind: Kind) {
        self.message.begin(kind);
        self.compressed = self.frame.rsv1;
    }

    /// Ends the stream: later bytes are ignored, and nothing is kept.
    #[cold]
    fn end(&mut self) {
        self.stage = Stage::Over;
        self.message = Message::none();
        self.compressed = false;
        self.pending = false;
        self.inflation = None;
        if self.forbidden_close().is_none() {
            self.control = None;
        }
        self.header_len = 0;
        self.remaining = 0;
    }

    /// Returns the code and the reason of a close frame whose code no server may send, after the failure that it was. The
    /// reason is as long as it came with the code, and need not be UTF-8.
    pub fn forbidden_close(&self) -> Option<(u16, &[u8])> {
        let payload = self.control.as_deref().filter(|_| self.frame.opcode == OpCode::Close)?;
        let (code, reason) = payload.split_first_chunk::<2>()?;
        let code = u16::from_be_bytes(*code);
        (!close::may_receive(code)).then_some((code, reason))
    }
}
