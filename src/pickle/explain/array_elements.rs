//! The first elements of an array of numbers, as a save shows them: `[0.0, 1.0, 2.0, …]`.
//!
//! numpy pickles an array as `_frombuffer(buffer, dtype, shape, order)`, or as `_reconstruct(…)` with the state
//! (version, shape, dtype, is Fortran, contents). Only arrays whose items are in memory in the order in which numpy
//! counts them are shown, and only numbers that Python spells as [`python_float`] and Rust do.

use super::describe_value::Describer;
use super::value_preview::{MAX_ELEMENTS, python_float};
use crate::pickle::format::opcode::Opcode;
use crate::pickle::known::{self, Makes};
use crate::pickle::machine::value::{Leaf, Node, Ref, Value};

/// The most bytes of an item that is shown.
const LONGEST: usize = 8;
/// How many bytes of an array are looked at.
pub(crate) const HEAD: usize = MAX_ELEMENTS * LONGEST;

/// Reads the first bytes, at most [`HEAD`], of the contents of an array, which may be elsewhere than in these bytes;
/// `None` if they cannot be had.
pub(crate) type HeadReader<'h> = &'h dyn Fn(&[u8]) -> Option<Vec<u8>>;

impl<'m> Describer<'_, 'm, '_> {
    /// The first elements of an array.
    pub(super) fn elements(&self, value: Ref, head: HeadReader<'_>) -> Option<String> {
        if self.labels.type_name(value).as_ref() != known::ARRAY {
            return None;
        }
        let (shape, dtype, contents, is_fortran) = self.parts_of_array(self.labels.machine().node(value)?)?;
        let shape = self.shape(shape)?;
        if is_fortran && shape.len() > 1 {
            return None;
        }
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
        let head = head(bytes)?;
        let items = head.chunks_exact(size).take(MAX_ELEMENTS);
        let shown: Option<Vec<String>> = items.map(|item| number(&code, item, is_big)).collect();
        let more = if count > MAX_ELEMENTS as u64 { ", …" } else { "" };
        Some(format!("[{}{more}]", shown?.join(", ")))
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

/// An item as Python spells it.
fn number(code: &str, item: &[u8], is_big: bool) -> Option<String> {
    let mut bytes = [0; LONGEST];
    let length = item.len();
    // In the order of the machine's integers: the lowest byte first.
    for (at, byte) in item.iter().enumerate() {
        let at = if is_big { length - 1 - at } else { at };
        *bytes.get_mut(at)? = *byte;
    }
    let unsigned = u64::from_le_bytes(bytes);
    let unused = 8 * (LONGEST - length) as u32;
    Some(match code {
        "b1" => if unsigned == 0 { "False" } else { "True" }.to_owned(),
        "i1" | "i2" | "i4" | "i8" => (unsigned.wrapping_shl(unused).cast_signed() >> unused).to_string(),
        "u1" | "u2" | "u4" | "u8" => unsigned.to_string(),
        "f4" => python_float(f64::from(f32::from_bits(u32::try_from(unsigned).ok()?))),
        "f8" => python_float(f64::from_bits(unsigned)),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_python() {
        let cases: [(&str, &[u8], bool, Option<&str>); 9] = [
            ("b1", &[1], false, Some("True")),
            ("i1", &[0xff], false, Some("-1")),
            ("i2", &[0xff, 0xfe], true, Some("-2")),
            ("u2", &[1, 2], true, Some("258")),
            ("i8", &[0xff; 8], false, Some("-1")),
            ("u8", &[0xff; 8], false, Some("18446744073709551615")),
            ("f4", &0.1_f32.to_le_bytes(), false, Some("0.10000000149011612")),
            ("f8", &1e16_f64.to_be_bytes(), true, Some("1e+16")),
            ("f2", &[0, 0], false, None),
        ];
        for (code, item, is_big, text) in cases {
            assert_eq!(number(code, item, is_big).as_deref(), text, "{code}");
        }
    }
}
