//! Which keys of a dict and members of a set Python takes for the same: `1`, `True` and `1.0` are one key.
//!
//! Numbers, strings, bytes and tuples of them are compared; anything else is the same only as itself. Rare cases need
//! not be exact: long keys, tuples in tuples in tuples, and dicts with very many keys count as different.

use std::collections::HashSet;

use super::labels::Labels;
use crate::pickle::machine::value::{Leaf, NodeKind, Ref, Value};

/// The most keys that are compared.
const MAX_KEYS: usize = 100_000;
/// The longest key that is compared, in bytes of its opcode.
const MAX_KEY: usize = 1024;
/// How deep tuples are compared.
const MAX_DEPTH: usize = 2;
/// Floats up to here have the value of an integer exactly.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// The common form of equal keys.
#[derive(PartialEq, Eq, Hash)]
enum EqualKey {
    Integer(i64),
    Float(u64),
    Text(Vec<u8>),
    Bytes(Vec<u8>),
    Tuple(Vec<EqualKey>),
    None,
    Itself(Ref),
}

impl Labels<'_, '_> {
    /// How many of these keys are different.
    pub(super) fn different<'k>(&self, keys: impl ExactSizeIterator<Item = &'k Ref>) -> u64 {
        let count = keys.len();
        if !(2..=MAX_KEYS).contains(&count) || self.machine().budget().steps(count as u64) {
            return count as u64;
        }
        let mut known = HashSet::with_capacity(count);
        // A key that occurs again is not decoded again.
        let mut seen = HashSet::with_capacity(count);
        let keys = keys.filter(|key| seen.insert(self.machine().resolve(**key)));
        keys.filter(|key| known.insert(self.equal_key(**key, MAX_DEPTH))).count() as u64
    }

    fn equal_key(&self, key: Ref, depth: usize) -> EqualKey {
        let key = self.machine().resolve(key);
        if self.machine().opcode_within(key, MAX_KEY).is_none() {
            return EqualKey::Itself(key);
        }
        match self.machine().value(key) {
            Value::Leaf(Leaf::Int(number)) => EqualKey::Integer(number),
            Value::Leaf(Leaf::None) => EqualKey::None,
            Value::Leaf(Leaf::Bool(value)) => EqualKey::Integer(value.into()),
            Value::Leaf(Leaf::Float(number)) if number.fract() == 0.0 && number.abs() <= EXACT => {
                EqualKey::Integer(number as i64)
            }
            // NaN equals nothing but itself.
            Value::Leaf(Leaf::Float(number)) if !number.is_nan() => EqualKey::Float(number.to_bits()),
            Value::Leaf(Leaf::Str(text)) => EqualKey::Text(text.bytes().to_vec()),
            Value::Leaf(Leaf::OldStr(text)) => EqualKey::Text(text.into_owned()),
            Value::Leaf(Leaf::Bytes(bytes)) => EqualKey::Bytes(bytes.to_vec()),
            Value::Node(node) if node.kind == NodeKind::Tuple && depth > 0 && node.items.len() <= MAX_KEY / 64 => {
                EqualKey::Tuple(node.items.iter().map(|item| self.equal_key(*item, depth - 1)).collect())
            }
            Value::Leaf(_) | Value::Node(_) => EqualKey::Itself(key),
        }
    }
}
