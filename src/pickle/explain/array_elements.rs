//! The first elements of an array of numpy, as a save shows them: `[0.0, 1.0, 2.0, …]`.
//!
//! numpy pickles an array as `_frombuffer(buffer, dtype, shape, order)`, or as `_reconstruct(…)` with the state
//! (version, shape, dtype, is Fortran, contents). The elements are in the order of `array.flat`, which is that of C,
//! wherever they are in memory. [`element_text`](super::element_text) spells them.

use super::describe_value::{Describer, MAX_DEPTH};
use super::element_text::{ElementText, element_text};
use super::value_preview::MAX_ELEMENTS;
use crate::pickle::format::opcode::Opcode;
use crate::pickle::known::{self, Makes};
use crate::pickle::machine::value::{Leaf, Node, Ref, Value};

/// The most bytes of an item that is shown.
const LONGEST: usize = 1024;
/// How many bytes of an array are examined.
pub(crate) const HEAD: usize = MAX_ELEMENTS * LONGEST;

/// Reads the first bytes, at most [`HEAD`], of a part of an array, which may be elsewhere than in these bytes; `None`
/// if they cannot be had.
pub(crate) type HeadReader<'h> = &'h dyn Fn(&[u8]) -> Option<Vec<u8>>;

/// The first elements of an array.
pub(super) struct ArrayHead {
    pub(super) elements: Vec<ElementText>,
    pub(super) has_more: bool,
}

impl<'m> Describer<'_, 'm, '_> {
    /// The first elements of an array.
    pub(super) fn elements(&self, value: Ref, head: HeadReader<'_>) -> Option<ArrayHead> {
        if self.labels.type_name(value).as_ref() != known::ARRAY {
            return None;
        }
        let (shape, dtype, contents, is_fortran) = self.parts_of_array(self.labels.machine().node(value)?)?;
        let shape = self.shape(shape)?;
        let (node, code) = self.code(dtype)?;
        let state = node.state().map_or(&[][..], |state| self.items(state));
        let is_big = state.get(1).and_then(|order| self.labels.string(*order)).as_deref() == Some(">");
        let size = usize::try_from(known::dtype::item_size(&code)?).ok().filter(|size| (1..=LONGEST).contains(size))?;
        let Value::Leaf(Leaf::Bytes(bytes) | Leaf::ByteArray(bytes)) = self.labels.machine().value(contents) else {
            return None;
        };
        let count = shape.iter().try_fold(1_u64, |count, length| count.checked_mul(*length))?;
        if count.checked_mul(size as u64)? != bytes.len() as u64 {
            return None;
        }
        let shown = usize::try_from(count).ok()?.min(MAX_ELEMENTS);
        let in_memory = match is_fortran && shape.len() > 1 {
            true => scattered_items(bytes, &shape, size, shown, head)?,
            false => head(bytes.get(..shown * size)?).filter(|found| found.len() == shown * size)?,
        };
        let dtype = self.dtype(dtype, MAX_DEPTH)?;
        let unit = dtype.split_once('[').and_then(|(_, unit)| unit.strip_suffix(']'));
        let elements = in_memory.chunks_exact(size).map(|item| element_text(&code, unit, item, is_big));
        Some(ArrayHead { elements: elements.collect::<Option<_>>()?, has_more: count > MAX_ELEMENTS as u64 })
    }

    /// Shape, dtype and contents of an array, and whether it is in Fortran order.
    fn parts_of_array(&self, node: &'m Node) -> Option<(Ref, Ref, Ref, bool)> {
        let argument = |index| self.labels.argument(node, index);
        let state = match self.labels.maker(node)? {
            Makes::Type(known::ARRAY) if argument(4).is_none() => {
                let order = self.labels.string(argument(3)?)?;
                let is_fortran = match order.as_ref() {
                    "C" => false,
                    "F" => true,
                    _ => return None,
                };
                return Some((argument(2)?, argument(1)?, argument(0)?, is_fortran));
            }
            Makes::Call => argument(2)?,
            Makes::InstanceOf(0) => node.state()?,
            _ => return None,
        };
        let &[_, shape, dtype, order, contents] = self.items(state) else { return None };
        let is_fortran = match self.labels.machine().opcode(order)? {
            Opcode::NewTrue => true,
            Opcode::NewFalse => false,
            _ => return None,
        };
        Some((shape, dtype, contents, is_fortran))
    }
}

/// The first items of an array in the order of Fortran, in the order of C.
fn scattered_items(bytes: &[u8], shape: &[u64], size: usize, shown: usize, head: HeadReader<'_>) -> Option<Vec<u8>> {
    let mut items = Vec::new();
    for number in 0..shown as u64 {
        // The last index changes fastest in C order, and the first one in Fortran order.
        let (mut rest, mut indexes) = (number, Vec::new());
        for length in shape.iter().rev() {
            indexes.push(rest.checked_rem(*length)?);
            rest = rest.checked_div(*length)?;
        }
        let (mut at, mut step) = (0_u64, 1_u64);
        for (index, length) in indexes.iter().rev().zip(shape) {
            at = at.checked_add(index.checked_mul(step)?)?;
            step = step.checked_mul(*length)?;
        }
        let start = usize::try_from(at).ok()?.checked_mul(size)?;
        items.extend(head(bytes.get(start..start.checked_add(size)?)?).filter(|item| item.len() == size)?);
    }
    Some(items)
}
