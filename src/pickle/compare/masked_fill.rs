//! The fill value of masked arrays: one without it gets the default when a program asks for it, so both compare equal.

use super::canonical::{Atom, Canonical, Canonicalizer, Compound, CompoundTag, PartRole};
use crate::pickle::known::CanonicalCall;
use crate::pickle::machine::value::{Node, Ref};

/// The default fill values for integers, floats and complex numbers, and objects: `default_filler` in
/// `numpy/ma/core.py`.
const INTEGER: i64 = 999_999;
const FLOAT: f64 = 1e20;
const OBJECT: &[u8] = b"?";
/// The number of entries in the state of a masked array. The fill value is the last.
const ENTRIES: usize = 7;

impl Canonicalizer<'_, '_> {
    /// The state of a masked array without its fill value, if that is the default.
    pub(super) fn without_default_fill(&self, node: &Node, state: Ref) -> Option<Vec<(PartRole, Ref)>> {
        if !self.is_call_of(*node.items.first()?, CanonicalCall::MaskedArray) {
            return None;
        }
        let (fill, entries) = self.tuple(state)?.split_last()?;
        let entries = entries.iter().enumerate().map(|(index, entry)| (PartRole::Argument(index), *entry));
        (entries.len() == ENTRIES - 1 && self.is_default_fill(*fill)).then(|| entries.collect())
    }

    fn is_default_fill(&self, fill: Ref) -> bool {
        let array = match self.canonical(fill) {
            Canonical::Atom(Atom::None) => return true,
            Canonical::Compound(array @ Compound { tag: CompoundTag::Array { .. }, .. }) => array,
            _ => return false,
        };
        let Some((dtype, shape)) = self.dtype_and_shape(fill) else { return false };
        let Canonical::Atom(Atom::String(dtype)) = self.canonical(dtype) else { return false };
        let data = array.part(PartRole::Data).map(|data| self.canonical(data));
        let contents = match &data {
            Some(Canonical::Atom(Atom::Bytes(bytes) | Atom::ByteArray(bytes))) => bytes,
            // An array of objects has a list.
            Some(Canonical::Compound(Compound { tag: CompoundTag::List, items, .. })) => {
                return matches!(items, [item] if self.is_string(*item, OBJECT));
            }
            _ => return false,
        };
        shape.is_empty() && is_default(dtype.first().copied(), contents)
    }
}

/// Whether these bytes are the default of a kind of numbers: `i`, `u`, `f`, `c`, `b`.
fn is_default(kind: Option<u8>, bytes: &[u8]) -> bool {
    match (kind, bytes) {
        // In fewer bytes it wraps around, as numpy's does.
        (Some(b'i' | b'u'), [_, ..]) => INTEGER.to_le_bytes().starts_with(bytes),
        (Some(b'f'), _) => bytes == FLOAT.to_le_bytes() || bytes == (FLOAT as f32).to_le_bytes(),
        (Some(b'c'), _) => bytes == [FLOAT.to_le_bytes(), 0f64.to_le_bytes()].concat(),
        // `default_filler` has True for bools.
        (Some(b'b'), _) => bytes == [1],
        _ => false,
    }
}
