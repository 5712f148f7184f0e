//! Masked arrays of numpy: one that has no fill value has the default one once somebody asks for it, as a load does.

use super::{Form, Forms, Parts, Role, Tag, Whole};
use crate::pickle::node::{Node, Ref};

/// numpy's `default_filler`, for integers, floats and complex numbers, and for objects.
const INTEGER: i64 = 999_999;
const FLOAT: f64 = 1e20;
const OBJECT: &[u8] = b"?";
/// The number of entries in the state of a masked array, of which the fill value is the last.
const ENTRIES: usize = 7;

impl Forms<'_, '_> {
    /// The state of a masked array without its fill value, where that is the default one.
    pub(super) fn without_default_fill(&self, node: &Node, state: Ref) -> Option<Vec<(Role, Ref)>> {
        if !self.is_global(*node.items.first()?, "numpy.ma.core", "_mareconstruct") {
            return None;
        }
        let (fill, entries) = self.tuple(state)?.split_last()?;
        let entries = entries.iter().enumerate().map(|(place, entry)| (Role::Argument(place), *entry));
        (entries.len() == ENTRIES - 1 && self.is_default_fill(*fill)).then(|| entries.collect())
    }

    fn is_default_fill(&self, fill: Ref) -> bool {
        if matches!(self.form(fill), Form::Whole(Whole::None)) {
            return true;
        }
        let (Form::Parts(Parts { tag: Tag::Array { .. }, ordered, .. }), Some((dtype, shape))) =
            (self.form(fill), self.array_facts(fill))
        else {
            return false;
        };
        let data = ordered.iter().find(|(role, _)| *role == Role::Data).map(|(_, data)| self.form(*data));
        let Form::Whole(Whole::Text(dtype)) = self.form(dtype) else { return false };
        let contents = match &data {
            Some(Form::Whole(Whole::Bytes(bytes) | Whole::ByteArray(bytes))) => bytes,
            Some(Form::Parts(Parts { tag: Tag::List, ordered, .. })) => {
                return matches!(ordered.as_slice(), [(_, item)] if self.is_text(*item, OBJECT));
            }
            _ => return false,
        };
        shape.is_empty() && is_default(dtype.first().copied(), contents)
    }
}

/// Whether these bytes are the default of a kind of numbers: `i`, `u`, `f`, `c`, `b`.
fn is_default(kind: Option<u8>, bytes: &[u8]) -> bool {
    match (kind, bytes) {
        (Some(b'i' | b'u'), [_, ..]) => INTEGER.to_le_bytes().starts_with(bytes),
        (Some(b'f'), _) => bytes == FLOAT.to_le_bytes() || bytes == (FLOAT as f32).to_le_bytes(),
        (Some(b'c'), _) => bytes == [FLOAT.to_le_bytes(), 0f64.to_le_bytes()].concat(),
        (Some(b'b'), _) => bytes == [1],
        _ => false,
    }
}
