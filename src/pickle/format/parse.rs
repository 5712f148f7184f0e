//! Splits bytes into opcodes: the one parser, for whole pickles and for segments of snapcli's own stream.
//!
//! Arguments borrow from the bytes, so a pickle of any size is read without a copy. Every length is checked against the
//! bytes that exist before it is used.

use std::borrow::Cow;
use std::io::BufRead;

pub use super::argument::Argument;
use super::lines;
use super::memory_size;
pub(crate) use super::opcode::NEWEST_PROTOCOL;
use super::opcode::{Length, MAX_SKIP_HEADER, Opcode, Operand, SkipLayout};
pub(crate) use super::parse_error::ParseError;
use super::py_str::PyStr;

/// Longer strings are not validated before it is known whether memory has room for them.
const LONG_STRING: usize = 1 << 20;
/// The longest argument that ends with a newline. Such arguments are of protocol 0; a longer string has its length in
/// front.
const MAX_LINE: usize = 1 << 30;

/// An opcode of a pickle, with its argument.
#[derive(Clone, Debug, PartialEq)]
pub struct Op<'a> {
    /// The offset of its byte.
    pub start: u64,
    /// The offset of the next opcode.
    pub end: u64,
    /// The opcode.
    pub opcode: Opcode,
    /// The decoded argument.
    pub argument: Argument<'a>,
}

/// An opcode of a pickle without its argument, for the machine, which needs no argument but memo indices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OpStep {
    /// The offset of its byte.
    pub start: u64,
    /// The offset of the next opcode.
    pub end: u64,
    /// The opcode.
    pub opcode: Opcode,
    /// The memo index in its argument; meaningless for an opcode that has none.
    pub index: u64,
}

impl From<&Op<'_>> for OpStep {
    fn from(op: &Op<'_>) -> Self {
        Self { start: op.start, end: op.end, opcode: op.opcode, index: op.argument.index().unwrap_or(u64::MAX) }
    }
}

/// Splits bytes into opcodes, up to STOP; as in CPython, bytes after STOP are ignored. Ends after an error.
#[derive(Clone, Debug)]
pub struct Parser<'a> {
    bytes: &'a [u8],
    position: usize,
    /// The offset of the first byte in its file.
    base: u64,
    /// Whether the bytes must end with STOP; otherwise STOP is an error.
    whole: bool,
    /// Whether strings are known to be valid.
    checked: bool,
    /// The bytes of long strings and lines so far.
    long_strings: u64,
    done: bool,
}

impl<'a> Parser<'a> {
    /// Reads a whole pickle, which must end with STOP.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0, base: 0, whole: true, checked: false, long_strings: 0, done: false }
    }

    /// Reads opcodes without STOP, the first of which is at offset `base` of its file.
    pub fn segment(bytes: &'a [u8], base: u64) -> Self {
        Self { bytes, position: 0, base, whole: false, checked: false, long_strings: 0, done: false }
    }

    /// Reads from a position at which an opcode was parsed before: strings are not validated again.
    pub(in crate::pickle) fn resume(bytes: &'a [u8], base: u64, position: usize) -> Self {
        Self { bytes, position, base, whole: false, checked: true, long_strings: 0, done: false }
    }

    /// Steps over the next opcode, with the checks of `next`, without decoding its argument. Returns `None` for an
    /// opcode whose argument must be decoded, and near the end of the bytes: call [`Self::step_slow`] then.
    #[inline(always)]
    pub(in crate::pickle) fn step_fast(&mut self) -> Option<OpStep> {
        let rest = self.bytes.get(self.position..).filter(|_| !self.done)?;
        // One bounds check covers the opcode and every fixed-size argument.
        let head: &[u8; MAX_SKIP_HEADER] = rest.first_chunk()?;
        let layout = SkipLayout::of_byte(head[0])?;
        // Read before it is known how long it is: the bytes exist, and a branch would cost more.
        let number = u32::from_le_bytes([head[1], head[2], head[3], head[4]]);
        let number = if layout.fixed == 1 { u32::from(head[1]) } else { number };
        let mut length = 1 + usize::from(layout.fixed);
        if layout.has_payload {
            let payload = rest.get(length..)?.get(..usize::try_from(number).ok()?)?;
            // Validating UTF-8 is left to the slow path; most strings are ASCII.
            if layout.is_str && (payload.len() > LONG_STRING || !payload.is_ascii()) {
                return None;
            }
            length += payload.len();
        }
        let start = self.offset(self.position);
        self.position += length;
        Some(OpStep { start, end: self.offset(self.position), opcode: layout.opcode, index: u64::from(number) })
    }

    /// Steps over the next opcode of any kind. Returns `None` at the end.
    #[cold]
    pub(in crate::pickle) fn step_slow(&mut self) -> Result<Option<OpStep>, ParseError> {
        self.next().map(|op| op.map(|op| OpStep::from(&op))).transpose()
    }

    /// Steps over the next opcode. Returns `None` at the end.
    pub(in crate::pickle) fn step(&mut self) -> Result<Option<OpStep>, ParseError> {
        self.step_fast().map_or_else(|| self.step_slow(), |step| Ok(Some(step)))
    }

    /// The bytes of the next opcode, found without decoding its argument; `None` if they are more than `longest`, or
    /// no opcode. The search for the end of a line stops there.
    pub(in crate::pickle) fn opcode_within(&self, longest: usize) -> Option<&'a [u8]> {
        let rest = self.bytes.get(self.position..)?;
        let head = Self { bytes: rest.get(..longest).unwrap_or(rest), position: 1, base: 0, ..self.clone() };
        let length = head.length_of(Opcode::from_byte(*rest.first()?)?).ok()?;
        rest.get(..length)
    }

    /// How many bytes an opcode has whose byte was just read.
    fn length_of(mut self, opcode: Opcode) -> Result<usize, ParseError> {
        match opcode.row().operand {
            Operand::Bytes(length) | Operand::Str(length) | Operand::OldStr(length) | Operand::Integer(length) => {
                self.payload(length, opcode, 0)?;
            }
            operand if operand.is_line() => {
                self.line(opcode, 0)?;
            }
            Operand::TwoLines => {
                self.line(opcode, 0)?;
                self.line(opcode, 0)?;
            }
            _ => {
                self.argument(opcode, 0)?;
            }
        }
        Ok(self.position)
    }

    /// Reads a whole pickle that is embedded in another one, at offset `base` of the file.
    pub(in crate::pickle) fn nested(bytes: &'a [u8], base: u64) -> Self {
        Self { base, ..Self::new(bytes) }
    }

    /// The bytes that were not read yet.
    pub(in crate::pickle) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.position..).unwrap_or_default()
    }

    /// Skips bytes after an opcode that are not opcodes themselves. They must exist.
    pub(in crate::pickle) fn skip_raw(
        &mut self,
        count: usize,
        opcode: Opcode,
        at: u64,
    ) -> Result<&'a [u8], ParseError> {
        self.take(count, opcode, at)
    }

    fn offset(&self, position: usize) -> u64 {
        self.base.saturating_add(position as u64)
    }

    fn end(&self) -> u64 {
        self.offset(self.bytes.len())
    }

    fn op(&mut self, byte: u8) -> Result<Op<'a>, ParseError> {
        let start = self.offset(self.position);
        let opcode = Opcode::from_byte(byte).ok_or(ParseError::UnknownOpcode { at: start, byte })?;
        self.position += 1;
        let argument = self.argument(opcode, start)?;
        // Checks that CPython makes when it executes the opcode.
        match (opcode, &argument) {
            (Opcode::Proto, Argument::Int(protocol)) if *protocol > i64::from(NEWEST_PROTOCOL) => {
                return Err(ParseError::NewerProtocol {
                    at: start,
                    protocol: u8::try_from(*protocol).unwrap_or(u8::MAX),
                });
            }
            (Opcode::Frame, Argument::Int(length)) => self.check_frame(start, length.unsigned_abs())?,
            (Opcode::Stop, _) if !self.whole => return Err(ParseError::EarlyStop { at: start }),
            _ => {}
        }
        Ok(Op { start, end: self.offset(self.position), opcode, argument })
    }

    /// All bytes of a frame must exist, although its contents are parsed as opcodes like any others.
    fn check_frame(&self, at: u64, length: u64) -> Result<(), ParseError> {
        let left = (self.bytes.len() - self.position) as u64;
        // `None` if more bytes follow than the frame needs.
        match length.checked_sub(left) {
            None | Some(0) => Ok(()),
            Some(missing) => Err(ParseError::FrameBeyondEnd { at, end: self.end(), missing }),
        }
    }

    fn argument(&mut self, opcode: Opcode, at: u64) -> Result<Argument<'a>, ParseError> {
        let bad = |problem| ParseError::BadArgument { at, opcode, problem };
        Ok(match opcode.row().operand {
            Operand::Nothing => Argument::Nothing,
            Operand::U8 => Argument::Int(i64::from(u8::from_le_bytes(self.array(opcode, at)?))),
            Operand::U16 => Argument::Int(i64::from(u16::from_le_bytes(self.array(opcode, at)?))),
            Operand::I32 => Argument::Int(i64::from(i32::from_le_bytes(self.array(opcode, at)?))),
            Operand::U32 => Argument::Int(i64::from(u32::from_le_bytes(self.array(opcode, at)?))),
            Operand::U64 => Argument::Int(self.length(Length::Eight, opcode, at)?),
            Operand::Double => Argument::Float(f64::from_be_bytes(self.array(opcode, at)?)),
            Operand::Bytes(length) => Argument::Bytes(self.payload(length, opcode, at)?),
            Operand::Str(length) => {
                let bytes = self.payload(length, opcode, at)?;
                self.check_memory(bytes.len(), opcode, at)?;
                // Bytes that were parsed before were valid then.
                let string = if self.checked { Some(PyStr::checked(bytes)) } else { PyStr::new(bytes) };
                Argument::Str(string.ok_or_else(|| bad("not UTF-8"))?)
            }
            Operand::OldStr(length) => Argument::OldStr(Cow::Borrowed(self.payload(length, opcode, at)?)),
            Operand::Integer(length) => integer(self.payload(length, opcode, at)?),
            Operand::IntegerLine => lines::integer(self.line(opcode, at)?).map_err(bad)?,
            Operand::LongLine => lines::long(self.line(opcode, at)?).map_err(bad)?,
            Operand::FloatLine => lines::float(self.line(opcode, at)?).map_err(bad)?,
            Operand::QuotedLine => lines::quoted(self.line(opcode, at)?).map_err(bad)?,
            Operand::EscapedLine => lines::escaped(self.line(opcode, at)?).map_err(bad)?,
            Operand::IndexLine => lines::index(self.line(opcode, at)?).map_err(bad)?,
            Operand::IdentifierLine => {
                let line = Some(self.line(opcode, at)?).filter(|line| line.is_ascii());
                Argument::Str(line.and_then(PyStr::new).ok_or_else(|| bad("not ASCII"))?)
            }
            Operand::TwoLines => Argument::Name(self.name(opcode, at)?, self.name(opcode, at)?),
        })
    }

    /// The next `count` bytes, as part of the opcode at `at`.
    fn take(&mut self, count: usize, opcode: Opcode, at: u64) -> Result<&'a [u8], ParseError> {
        let end = self.position.checked_add(count);
        let taken = end.and_then(|end| self.bytes.get(self.position..end));
        let taken = taken.ok_or(ParseError::Truncated { at, end: self.end(), opcode })?;
        self.position += count;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, opcode: Opcode, at: u64) -> Result<[u8; N], ParseError> {
        let taken = self.take(N, opcode, at)?;
        taken.try_into().map_err(|_| ParseError::Truncated { at, end: self.end(), opcode })
    }

    fn length(&mut self, length: Length, opcode: Opcode, at: u64) -> Result<i64, ParseError> {
        let length = match length {
            Length::One => i128::from(u8::from_le_bytes(self.array(opcode, at)?)),
            Length::Four => i128::from(u32::from_le_bytes(self.array(opcode, at)?)),
            Length::FourSigned => i128::from(i32::from_le_bytes(self.array(opcode, at)?)),
            Length::Eight => i128::from(u64::from_le_bytes(self.array(opcode, at)?)),
        };
        let bad = ParseError::BadLength { at, opcode, length };
        i64::try_from(length).ok().filter(|length| *length >= 0).ok_or(bad)
    }

    /// A length, and that many bytes.
    fn payload(&mut self, length: Length, opcode: Opcode, at: u64) -> Result<&'a [u8], ParseError> {
        let length = self.length(length, opcode, at)?;
        // A length that does not fit into a usize is beyond the end in any case.
        self.take(usize::try_from(length).unwrap_or(usize::MAX), opcode, at)
    }

    /// Checks that a machine can hold a string, and all before it: to validate a hole of a file would take hours.
    fn check_memory(&mut self, length: usize, opcode: Opcode, at: u64) -> Result<(), ParseError> {
        if length > LONG_STRING {
            self.long_strings = self.long_strings.saturating_add(length as u64);
            if memory_size::total().is_some_and(|memory| self.long_strings > memory) {
                return Err(ParseError::BeyondMemory { at, opcode });
            }
        }
        Ok(())
    }

    /// A line, without its newline.
    fn line(&mut self, opcode: Opcode, at: u64) -> Result<&'a [u8], ParseError> {
        let rest = self.bytes.get(self.position..).unwrap_or_default();
        let searched = rest.get(..MAX_LINE).unwrap_or(rest);
        // `skip_until` searches eight bytes at a time. A slice is always read without an error.
        let count = { searched }.skip_until(b'\n').unwrap_or_default();
        let is_cut = count < rest.len();
        let length = count.checked_sub(1).filter(|last| searched.get(*last) == Some(&b'\n')).ok_or(match is_cut {
            true => ParseError::LongLine { at, opcode },
            false => ParseError::Truncated { at, end: self.end(), opcode },
        })?;
        self.check_memory(length, opcode, at)?;
        let line = self.take(length, opcode, at)?;
        self.position += 1;
        Ok(line)
    }

    /// A line that is a module or a name.
    fn name(&mut self, opcode: Opcode, at: u64) -> Result<PyStr<'a>, ParseError> {
        let line = Some(self.line(opcode, at)?).filter(|line| !line.is_empty());
        line.and_then(PyStr::new).ok_or(ParseError::BadArgument { at, opcode, problem: "not a name" })
    }
}

impl<'a> Iterator for Parser<'a> {
    type Item = Result<Op<'a>, ParseError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let op = match self.bytes.get(self.position) {
            Some(byte) => self.op(*byte),
            None if self.whole => Err(ParseError::NoStop { end: self.end() }),
            None => return None,
        };
        // After STOP or an error nothing can be read reliably.
        self.done = op.as_ref().map_or(true, |op| op.opcode == Opcode::Stop);
        Some(op)
    }
}

/// Where the bytes or the string end that go on after `bytes`, the beginning of a pickle, by their length. `None` if no
/// such opcode is cut off there, or if there is no PROTO: any text may begin like a pickle of protocol 0 or 1.
pub(crate) fn declared_end(bytes: &[u8]) -> Option<u64> {
    let mut parser = Parser::new(bytes);
    parser.bytes.first().filter(|first| Opcode::from_byte(**first) == Some(Opcode::Proto))?;
    let (at, opcode) = loop {
        match parser.next()? {
            Ok(_) => {}
            Err(ParseError::Truncated { at, opcode, .. }) => break (at, opcode),
            Err(_) => return None,
        }
    };
    let (Operand::Bytes(length) | Operand::Str(length) | Operand::OldStr(length)) = opcode.row().operand else {
        return None;
    };
    let mut argument = Parser::segment(bytes.get(usize::try_from(at).ok()?..)?.get(1..)?, at.checked_add(1)?);
    let length = u64::try_from(argument.length(length, opcode, at).ok()?).ok()?;
    argument.offset(argument.position).checked_add(length)
}

/// An integer in little-endian two's complement, of any length.
fn integer(bytes: &[u8]) -> Argument<'static> {
    let negative = bytes.last().is_some_and(|last| last & 0x80 != 0);
    // Sign-extended to eight bytes, if it has no more.
    let mut padded = [if negative { 0xff } else { 0 }; 8];
    match padded.get_mut(..bytes.len()) {
        Some(low) => {
            low.copy_from_slice(bytes);
            Argument::Int(i64::from_le_bytes(padded))
        }
        None => Argument::LargeInt,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pickle::samples;

    fn error(bytes: &[u8]) -> Option<ParseError> {
        Parser::new(bytes).find_map(Result::err)
    }

    #[test]
    fn opcodes_have_their_offsets_and_arguments() -> Result<(), ParseError> {
        let ops: Vec<Op<'_>> = Parser::new(b"\x80\x05K\x07\x8c\x01xU\x02\xffy.ignored").collect::<Result<_, _>>()?;
        let argument =
            |index: usize| ops.get(index).map(|op| (op.start, op.end, op.opcode.name(), op.argument.clone()));
        assert_eq!(argument(1), Some((2, 4, "BININT1", Argument::Int(7))));
        let string = PyStr::new(&b"x"[..]).expect("UTF-8");
        assert_eq!(argument(2), Some((4, 7, "SHORT_BINUNICODE", Argument::Str(string))));
        let old = Argument::OldStr(Cow::Borrowed(&b"\xffy"[..]));
        assert_eq!(argument(3), Some((7, 11, "SHORT_BINSTRING", old)));
        assert_eq!(argument(4), Some((11, 12, "STOP", Argument::Nothing)));
        assert_eq!(ops.len(), 5);
        Ok(())
    }

    #[test]
    fn integers_of_any_length_are_decoded() {
        let cases: [(&[u8], Argument<'_>); 5] = [
            (b"", Argument::Int(0)),
            (b"\xff", Argument::Int(-1)),
            (b"\xff\x00", Argument::Int(255)),
            (b"\x00\x00\x00\x00\x00\x00\x00\x80", Argument::Int(i64::MIN)),
            (b"\x00\x00\x00\x00\x00\x00\x00\x80\x00", Argument::LargeInt),
        ];
        for (bytes, expected) in cases {
            assert_eq!(integer(bytes), expected);
        }
    }

    #[test]
    fn a_pickle_cut_at_any_length_is_reported_as_cut() {
        for pickle in samples::all() {
            assert_eq!(error(pickle), None);
            for length in 0..pickle.len() {
                let end = length as u64;
                match error(pickle.get(..length).unwrap_or_default()) {
                    Some(ParseError::Truncated { end: found, .. } | ParseError::NoStop { end: found }) => {
                        assert_eq!(found, end)
                    }
                    Some(ParseError::FrameBeyondEnd { end: found, .. }) => assert_eq!(found, end),
                    other => panic!("cut at {length}: {other:?}"),
                }
            }
        }
    }

    #[test]
    fn steps_match_the_parsed_opcodes() {
        for pickle in samples::all() {
            for length in 0..=pickle.len() {
                let bytes = pickle.get(..length).unwrap_or_default();
                let mut parser = Parser::new(bytes);
                let steps: Vec<_> = std::iter::from_fn(|| parser.step().transpose()).collect();
                let ops: Vec<_> = Parser::new(bytes).map(|op| op.map(|op| OpStep::from(&op))).collect();
                // The number of an opcode without a memo index is meaningless.
                let plain = |mut all: Vec<Result<OpStep, ParseError>>| {
                    for step in all.iter_mut().flatten() {
                        let memo = matches!(step.opcode.row().operand, Operand::IndexLine | Operand::U8 | Operand::U32);
                        step.index = if memo { step.index } else { 0 };
                    }
                    all
                };
                assert_eq!(plain(steps), plain(ops));
            }
        }
    }

    #[test]
    fn an_unknown_byte_is_an_error() {
        assert_eq!(error(b"N\xff."), Some(ParseError::UnknownOpcode { at: 1, byte: 0xff }));
    }

    #[test]
    fn lengths_are_checked_against_the_bytes() {
        let negative = ParseError::BadLength { at: 0, opcode: Opcode::BinString, length: -1 };
        assert_eq!(error(b"T\xff\xff\xff\xffabc."), Some(negative));
        let huge = ParseError::BadLength { at: 0, opcode: Opcode::BinBytes8, length: i128::from(u64::MAX) };
        assert_eq!(error(b"\x8e\xff\xff\xff\xff\xff\xff\xff\xffabc."), Some(huge));
        let long = ParseError::Truncated { at: 0, end: 9, opcode: Opcode::BinUnicode };
        assert_eq!(error(b"X\xff\xff\xff\xffabc."), Some(long));
        let frame = ParseError::FrameBeyondEnd { at: 0, end: 10, missing: 4 };
        assert_eq!(error(b"\x95\x05\0\0\0\0\0\0\0."), Some(frame));
    }

    #[test]
    fn bad_arguments_are_errors() {
        let bad = |bytes| matches!(error(bytes), Some(ParseError::BadArgument { at: 0, .. }));
        for bytes in [
            &b"Ix\n."[..],
            b"Lx\n.",
            b"Fx\n.",
            b"Sx\n.",
            b"V\\u1\n.",
            b"gx\n.",
            b"c\nx\n.",
            b"P\xff\n.",
            b"\x8c\x01\xff.",
        ] {
            assert!(bad(bytes), "{bytes:?}");
        }
        assert_eq!(error(b"\x80\x06."), Some(ParseError::NewerProtocol { at: 0, protocol: 6 }));
    }

    #[test]
    fn lengths_tell_where_a_pickle_goes_on() {
        let end = |head: &[u8]| declared_end(&[head, b"abc"].concat());
        assert_eq!(end(b"\x80\x04K\x01\x8d\0\0\0\0\0\x01\0\0"), Some((1 << 40) + 13));
        assert_eq!(end(b"\x80\x04\x8e\0\0\0\0\x01\0\0\0"), Some((1 << 32) + 11));
        assert_eq!(end(b"\x80\x02X\xff\xff\0\0"), Some(0xffff + 7));
        for other in
            [&b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\xff"[..], b"The text", b"\x80\x02V", b"\x80\x04\x8d\0", b"N."]
        {
            assert_eq!(end(other), None, "{other:?}");
        }
    }

    #[test]
    fn a_segment_has_no_stop() {
        let ends: Vec<u64> = Parser::segment(b"NK\x01", 100).map(|op| op.map_or(0, |op| op.end)).collect();
        assert_eq!(ends, [101, 103]);
        assert_eq!(Parser::segment(b"N.", 100).find_map(Result::err), Some(ParseError::EarlyStop { at: 101 }));
    }
}
