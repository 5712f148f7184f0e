//! The index of the first element that differs between two arrays.

use std::borrow::Cow;

use super::Side;
use super::canonical::{Atom, Canonical, Compound, CompoundTag, PartRole};
use crate::pickle::known::dtype::DtypeCode;
use crate::pickle::machine::value::Ref;

/// The index of the first element that differs between two arrays of the same dtype and shape, as in `[2, 3]`.
pub(super) fn first_difference(left: &Side<'_, '_>, right: &Side<'_, '_>, arrays: (Ref, Ref)) -> Option<String> {
    let (fortran, a) = array(left, arrays.0)?;
    let (_, b) = array(right, arrays.1)?;
    let (a, b) = (contents(left, &a)?, contents(right, &b)?);
    let (dtype, shape) = left.array(arrays.0)?;
    // The data of an array of objects is a list, not bytes.
    let code = DtypeCode::parse(&dtype).filter(|code| code.kind != 'O')?;
    let item_size = code.item_size().filter(|size| *size > 0)?;
    let length = shape.iter().try_fold(item_size, |length, count| length.checked_mul(*count))?;
    // The bytes of a large array may have been replaced by a hash.
    if a.len() as u64 != length {
        return None;
    }
    // The first byte that differs, as the index of its item in memory order.
    let offset = a.iter().zip(b.iter()).position(|(a, b)| a != b)? as u64;
    let mut rest = offset / item_size;
    let mut index = vec![0; shape.len()];
    // In C's order the last axis runs fastest, in Fortran's the first.
    let axes: Vec<usize> = if fortran { (0..shape.len()).collect() } else { (0..shape.len()).rev().collect() };
    for axis in axes {
        let length = *shape.get(axis)?;
        *index.get_mut(axis)? = rest.checked_rem(length)?;
        rest /= length;
    }
    let index: Vec<String> = index.iter().map(u64::to_string).collect();
    (rest == 0 && !index.is_empty()).then(|| format!("[{}]", index.join(", ")))
}

/// An array in canonical form, and whether it is in Fortran's order.
fn array<'m, 'a>(side: &Side<'m, 'a>, array: Ref) -> Option<(bool, Compound<'m, 'a>)> {
    match side.canonicalizer.canonical(array) {
        Canonical::Compound(array @ Compound { tag: CompoundTag::Array { fortran }, .. }) => Some((fortran, array)),
        _ => None,
    }
}

/// The bytes of an array; `None` if it holds objects.
pub(super) fn contents<'a>(side: &Side<'_, 'a>, array: &Compound<'_, 'a>) -> Option<Cow<'a, [u8]>> {
    if let Some(contents) = &array.contents {
        return Some(contents.clone());
    }
    match side.canonicalizer.canonical(array.part(PartRole::Data)?) {
        Canonical::Atom(Atom::Bytes(bytes) | Atom::ByteArray(bytes)) => Some(bytes),
        _ => None,
    }
}
