//! The decoded argument of an opcode.
//!
//! [`parse`](super::parse) makes it of binary operands, and [`lines`](super::lines) of operands of protocol 0. It
//! borrows from the bytes of the pickle where possible.

use std::borrow::Cow;

use super::py_str::PyStr;

/// An opcode's argument.
#[derive(Clone, Debug, PartialEq)]
pub enum Argument<'a> {
    /// The opcode has none.
    Nothing,
    /// A number: an integer, a memo index, a protocol, or the length of a frame.
    Int(i64),
    /// An integer that takes more than 64 bits.
    LargeInt,
    /// A bool, as INT writes it.
    Bool(bool),
    /// A float.
    Float(f64),
    /// Bytes.
    Bytes(&'a [u8]),
    /// A string.
    Str(PyStr<'a>),
    /// A `str` of Python 2. Its encoding is chosen by the program that loads it.
    OldStr(Cow<'a, [u8]>),
    /// A module, and a name in it.
    Name(PyStr<'a>, PyStr<'a>),
}

impl Argument<'_> {
    /// The number as a memo index.
    pub fn index(&self) -> Option<u64> {
        if let Self::Int(index) = self { u64::try_from(*index).ok() } else { None }
    }
}
