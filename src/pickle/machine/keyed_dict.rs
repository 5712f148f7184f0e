//! Dicts that are read by key: states of objects, keyword arguments, and joblib's descriptions of arrays.
//!
//! A pickle can compute a key: `str('shape')` makes a string that Python finds under `shape`, and that is no literal
//! string here. Readers of a dict with such a key would see another value than Python, so all of them ask
//! [`Machine::keyed_dict`], which refuses the whole dict.

use std::borrow::Cow;
use std::collections::HashSet;

use super::state::Machine;
use super::value::{Leaf, NodeKind, Ref, Value};
use crate::pickle::format::opcode::Operand;

/// The longest key, in bytes of its opcode. Longer ones are not decoded: one key can be in many dicts.
const MAX_KEY: usize = 4096;

/// A dict, each of whose keys is a literal string and occurs once.
#[derive(Debug, Default)]
pub(crate) struct KeyedDict<'a>(Vec<(Cow<'a, str>, Ref)>);

/// Why a value cannot be read by key.
#[derive(Debug)]
pub(crate) enum KeyFault {
    /// It is no dict, or opcodes have changed it like another type.
    NoDict,
    /// It has more keys than the reader expects.
    TooMany,
    /// A key is not a literal string, or is very long.
    NoLiteral,
    /// A key occurs twice.
    Twice(String),
}

impl<'a> KeyedDict<'a> {
    /// The value of a key.
    pub(crate) fn get(&self, key: &str) -> Option<Ref> {
        self.0.iter().find(|(found, _)| found == key).map(|(_, value)| *value)
    }

    /// Takes the value of a key.
    pub(crate) fn take(&mut self, key: &str) -> Option<Ref> {
        let at = self.0.iter().position(|(found, _)| found == key)?;
        Some(self.0.swap_remove(at).1)
    }

    /// Keys and values, in their order.
    pub(crate) fn into_pairs(self) -> Vec<(Cow<'a, str>, Ref)> {
        self.0
    }
}

impl<'a> Machine<'a> {
    /// A dict of at most `most` keys, each of which is a literal string and occurs once.
    ///
    /// # Errors
    /// If the value is anything else.
    pub(crate) fn keyed_dict(&self, dict: Ref, most: usize) -> Result<KeyedDict<'a>, KeyFault> {
        let node = self.node(dict).filter(|node| node.kind == NodeKind::Dict);
        let node = node.filter(|node| node.state().is_none() && node.added().is_none()).ok_or(KeyFault::NoDict)?;
        let pairs = node.items.as_chunks::<2>().0;
        if pairs.len() > most || self.budget().steps(pairs.len() as u64) {
            return Err(KeyFault::TooMany);
        }
        let keyed = pairs.iter().map(|[key, value]| Some((self.literal_key(*key)?, *value)));
        let keyed: Vec<_> = keyed.collect::<Option<_>>().ok_or(KeyFault::NoLiteral)?;
        let mut known = HashSet::with_capacity(keyed.len());
        match keyed.iter().find(|(key, _)| !known.insert(key.as_ref())) {
            Some((key, _)) => Err(KeyFault::Twice(key.to_string())),
            None => Ok(KeyedDict(keyed)),
        }
    }

    /// A string that one opcode makes. A `str` of Python 2 counts if all readers decode it alike.
    pub(crate) fn literal_key(&self, key: Ref) -> Option<Cow<'a, str>> {
        self.opcode_within(key, MAX_KEY)?;
        let bytes = match self.value(key) {
            Value::Leaf(Leaf::Str(text)) => text.into_bytes(),
            Value::Leaf(Leaf::OldStr(bytes)) if bytes.is_ascii() => bytes,
            _ => return None,
        };
        match bytes {
            Cow::Borrowed(bytes) => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
            Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
        }
    }

    /// Whether a value is a literal string that is too long for [`literal_key`](Self::literal_key).
    pub(crate) fn is_long_string(&self, value: Ref) -> bool {
        let is_string = matches!(
            self.opcode(value).map(|opcode| opcode.row().operand),
            Some(Operand::Str(_) | Operand::EscapedLine)
        );
        is_string && self.opcode_within(value, MAX_KEY).is_none()
    }
}
