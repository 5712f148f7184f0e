//! Which element of an array differs first.

use super::super::form::{Form, Parts, Role, Tag, Whole};
use super::super::node::Ref;
use super::Side;

/// The place of the first element that differs between two arrays of the same dtype and shape, as in `[2, 3]`.
pub(super) fn first_that_differs(left: &Side<'_, '_>, right: &Side<'_, '_>, arrays: (Ref, Ref)) -> Option<String> {
    let (fortran, a) = bytes(left, arrays.0)?;
    let (_, b) = bytes(right, arrays.1)?;
    let (Whole::Bytes(a) | Whole::ByteArray(a), Whole::Bytes(b) | Whole::ByteArray(b)) = (&a, &b) else { return None };
    let (dtype, shape) = left.array(arrays.0)?;
    let item_size = item_size(&dtype)?;
    let length = shape.iter().try_fold(item_size, |length, count| length.checked_mul(*count))?;
    // A hash may stand for contents that are large.
    if a.len() as u64 != length {
        return None;
    }
    let differs = a.iter().zip(b.iter()).position(|(a, b)| a != b)? as u64;
    let mut rest = differs / item_size;
    let mut place = vec![0; shape.len()];
    // In C's order the last index runs fastest, in Fortran's the first.
    let order: Vec<usize> = if fortran { (0..shape.len()).collect() } else { (0..shape.len()).rev().collect() };
    for axis in order {
        let length = *shape.get(axis)?;
        *place.get_mut(axis)? = rest.checked_rem(length)?;
        rest /= length;
    }
    let place: Vec<String> = place.iter().map(u64::to_string).collect();
    (rest == 0 && !place.is_empty()).then(|| format!("[{}]", place.join(", ")))
}

/// Whether an array is in Fortran's order, and its bytes.
fn bytes<'a>(side: &Side<'_, 'a>, array: Ref) -> Option<(bool, Whole<'a>)> {
    let Form::Parts(Parts { tag: Tag::Array { fortran }, ordered, .. }) = side.forms.form(array) else { return None };
    let (_, data) = ordered.iter().find(|(role, _)| *role == Role::Data)?;
    match side.forms.form(*data) {
        Form::Whole(whole) => Some((fortran, whole)),
        Form::Parts(_) => None,
    }
}

/// The size of an element of a simple dtype: `f8`, `i2`, `U10`.
fn item_size(dtype: &str) -> Option<u64> {
    let (kind, size) = (dtype.get(..1)?, dtype.get(1..)?.parse::<u64>().ok()?);
    let size = if kind == "U" { size.checked_mul(4)? } else { size };
    ("biufcmMSVU".contains(kind) && size > 0).then_some(size)
}
