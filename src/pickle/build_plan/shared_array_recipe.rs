//! Recipes for arrays that share memory: `numpy.ndarray(shape, dtype, buffer, offset, strides)`.
//!
//! Our own pickler writes them so. numpy checks that the items lie within the buffer, but its sums may overflow, so the
//! range of the items is computed here.

use std::ops::Range;

use super::array_arguments::array_builder;
use super::array_description::{ArrayClass, ArrayContents, ArrayDescription, ItemOrder};
use super::array_recipe::{ArrayBuilder, MAX_BYTES, checked_count, checked_dtype, checked_shape};
use super::{PlanContext, PlannedCall, Refused};
use crate::pickle::machine::value::{Leaf, NodeKind, Ref};

/// Items that are examined one by one may have at most this many times the length of their buffer.
const MAX_OVERLAP: u64 = 4;

/// Describes `ndarray(shape, dtype, buffer, offset, strides)`.
pub(super) fn describe<'a>(
    context: &PlanContext<'_, 'a>,
    call: &PlannedCall<'_>,
) -> Result<ArrayDescription<'a>, Refused> {
    let &[shape, dtype, base, offset, strides] = call.arguments else {
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
    if count > 0 && range.end > length {
        return Err("has items outside of its buffer".to_owned());
    }
    // Each bool and each character is examined, so there must not be many more of them than the buffer has.
    let axes = shape.iter().zip(&strides).filter(|(_, stride)| **stride != 0);
    let distinct = axes.fold(dtype.1.size, |size, (length, _)| size.saturating_mul(*length));
    if dtype.1.has_limits() {
        if distinct > (range.end - range.start).saturating_mul(MAX_OVERLAP) {
            return Err("has bools or characters that overlap too often".to_owned());
        }
        // They are copied, too, and many arrays may have one buffer.
        context.spend(usize::try_from(distinct.saturating_mul(2)).unwrap_or(usize::MAX))?;
    }
    let is_read_only = is_made_read_only(context, call.node);
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

/// The length of the memory of a base.
fn length_of_base(context: &PlanContext<'_, '_>, base: Ref) -> Result<u64, Refused> {
    let no_buffer = || "uses something that is no buffer".to_owned();
    match context.leaf(base) {
        Some(Leaf::Bytes(bytes) | Leaf::ByteArray(bytes)) => Ok(bytes.len() as u64),
        Some(_) => context.buffer(base).map(|facts| facts.length).ok_or_else(no_buffer),
        None => {
            let base = context.array_of(base).ok_or_else(no_buffer)?;
            if base.dtype.1.has_objects {
                return Err("takes numbers from the memory of objects".to_owned());
            }
            Ok(base.length())
        }
    }
}

/// Whether `ndarray.setflags(array, False)` is called for an array. There is no other call for its effect.
fn is_made_read_only(context: &PlanContext<'_, '_>, array: Ref) -> bool {
    let mut is_read_only = false;
    for effect in context.effects_on(array) {
        let call = context.call(*effect).filter(|call| call.state.is_none() && call.added.is_none() && !call.is_new);
        let Some(call) = call else { continue };
        let is_set_flags = array_builder(&call.module, &call.name) == Some(ArrayBuilder::SetFlags);
        if let (true, &[_, flag]) = (is_set_flags, call.arguments)
            && matches!(context.leaf(flag), Some(Leaf::Bool(false)))
        {
            context.consume(*effect);
            is_read_only = true;
        }
    }
    is_read_only
}
