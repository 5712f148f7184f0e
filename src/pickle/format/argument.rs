//! The decoded argument of an opcode.
//!
//! [`parse`](super::parse) makes it from binary operands and [`lines`](super::lines) from those of protocol 0; it borrows
//! from the bytes of the pickle wherever it can.

use std::borrow::Cow;

use super::py_str::PyStr;

/// An opcode's argument.
#[derive(Clone, Debug, PartialEq)]
pub enum Argument<'a> {
    /// There is none.
    Nothing,
    /// A number: an integer, a memo index, a protocol, a frame's length.
    Int(i64),
    /// An integer that takes more than 64 bits.
    LargeInt,
    /// INT's bools.
    Bool(bool),
    /// A float.
    Float(f64),
    /// Bytes.
    Bytes(&'a [u8]),
    /// A text.
    Text(PyStr<'a>),
    /// A `str` of Python 2: which encoding it is in is up to who loads it.
    OldText(Cow<'a, [u8]>),
    /// A module and a name in it.
    Name(PyStr<'a>, PyStr<'a>),
}

impl Argument<'_> {
    /// The number that is a memo index.
    pub fn index(&self) -> Option<u64> {
        if let Self::Int(index) = self { u64::try_from(*index).ok() } else { None }
    }
}
