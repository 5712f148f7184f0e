//! Recipes for arrays that share memory: `numpy.ndarray(shape, dtype, buffer, offset, strides)`.
//!
//! Our own pickler writes them so. numpy checks that the items lie within the buffer, but its sums may overflow, so the
//! range of the items is computed here; if only the load knows how long the buffer is, it is compared then.

use std::collections::HashSet;
use std::ops::Range;

use super::array_recipe::{
    ArrayBuilder, ArrayClass, ArrayContents, ArrayDescription, ArrayMake, ItemOrder, MAX_BYTES, checked_count,
    checked_dtype, checked_shape, simple,
};
use super::{PlanContext, PlannedCall, Recipe, Refused};
use crate::pickle::machine::value::{Leaf, NodeKind, Ref, Value};

/// Describes `ndarray(shape, dtype, buffer, offset, strides)`.
pub(super) fn describe<'a>(
    context: &PlanContext<'_, 'a>,
    call: &PlannedCall<'_>,
) -> Result<ArrayDescription<'a>, Refused> {
    let &[shape, dtype, base, offset, strides] = call.arguments.as_slice() else {
        return Err("is called with other arguments than snapcli writes".to_owned());
    };
    let (shape, dtype) = (checked_shape(context, shape)?, (dtype, checked_dtype(context, dtype)?));
    let count = checked_count(&shape, &dtype.1)?;
    if dtype.1.has_objects || dtype.1.size == 0 {
        return Err("takes objects from the memory of a buffer".to_owned());
    }
    let offset = context.int(offset).and_then(|offset| u64::try_from(offset).ok()).ok_or("has a negative offset")?;
    let strides = context.items(strides, NodeKind::Tuple).filter(|strides| strides.len() == shape.len());
    let strides: Option<Vec<i64>> = strides.and_then(|all| all.iter().map(|stride| context.int(*stride)).collect());
    let strides = strides.ok_or("has strides that do not fit its shape")?;
    let range = byte_range(&shape, &strides, offset, dtype.1.size).ok_or("has items outside of its buffer")?;
    let length = length_of_base(context, base)?;
    if count > 0 && length.is_some_and(|length| range.end > length) {
        return Err("has items outside of its buffer".to_owned());
    }
    let is_read_only = context.is_read_only(call.node);
    let contents = ArrayContents::Shared { base, offset, strides, is_read_only };
    Ok(ArrayDescription { class: ArrayClass::Array, dtype, shape, order: ItemOrder::C, contents })
}

/// The bytes of a buffer that items take, with the gaps between them. `None` if they begin before the buffer, or if
/// the numbers are too large for any memory.
pub(crate) fn byte_range(shape: &[u64], strides: &[i64], offset: u64, item: u64) -> Option<Range<u64>> {
    let small = |number: u64| i64::try_from(number).ok().filter(|_| number <= MAX_BYTES);
    let (mut start, mut end) = (small(offset)?, small(offset)?.checked_add(small(item)?)?);
    for (length, stride) in shape.iter().zip(strides) {
        let reach = stride.checked_mul(small(length.saturating_sub(1))?)?;
        let part = if reach < 0 { &mut start } else { &mut end };
        *part = part.checked_add(reach).filter(|at| at.unsigned_abs() <= MAX_BYTES)?;
    }
    Some(u64::try_from(start).ok()?..u64::try_from(end).ok()?)
}

/// The length of the memory of a base; `None` if only the load knows it.
fn length_of_base(context: &PlanContext<'_, '_>, base: Ref) -> Result<Option<u64>, Refused> {
    match context.value(base) {
        Value::Leaf(Leaf::Bytes(bytes) | Leaf::ByteArray(bytes)) => Ok(Some(bytes.len() as u64)),
        Value::Leaf(Leaf::Buffer) => Ok(None),
        Value::Leaf(_) => Err("uses something that is no buffer".to_owned()),
        Value::Node(_) => {
            let base = context.array(base)?;
            if base.dtype.1.has_objects {
                return Err("takes numbers from the memory of objects".to_owned());
            }
            Ok(Some(base.length()))
        }
    }
}

/// `ndarray.setflags(array, False)`: the array is made read-only when it is made.
pub(super) fn set_flags<'a>(context: &PlanContext<'_, 'a>, call: &PlannedCall<'_>) -> Result<Recipe<'a>, Refused> {
    let array = read_only_array(context, call).ok_or("changes flags in a way that snapcli does not write")?;
    // Its memory must not have been handed out while it was writable.
    let is_shared = context.array(array).is_ok_and(|array| matches!(array.contents, ArrayContents::Shared { .. }));
    if is_shared {
        Ok(simple(ArrayMake::Nothing, Vec::new()))
    } else {
        Err("changes the flags of something".to_owned())
    }
}

/// The arrays that `setflags` makes read-only.
pub(super) fn read_only_arrays(context: &PlanContext<'_, '_>) -> HashSet<Ref> {
    let calls = context.labels.machine().effects().iter().filter_map(|call| context.array_call(*call));
    calls.filter_map(|call| read_only_array(context, &call)).map(|array| context.resolve(array)).collect()
}

/// The array in `ndarray.setflags(array, False)`, if its result is dropped.
fn read_only_array(context: &PlanContext<'_, '_>, call: &PlannedCall<'_>) -> Option<Ref> {
    let is_call = context.array_builder(call) == Some(ArrayBuilder::SetFlags) && call.state.is_none();
    let &[array, flag] = call.arguments.as_slice() else { return None };
    let is_false = matches!(context.value(flag), Value::Leaf(Leaf::Bool(false)));
    (is_call && is_false).then_some(array)
}
