//! Recipes for the arrays of `joblib.dump`, whose contents are between the opcodes (joblib/numpy_pickle.py).
//!
//! The machine has found where the contents end, by the shape and the dtype of the object that describes the array.

use super::array_description::{ArrayClass, ArrayContents, ArrayDescription, ItemOrder};
use super::array_recipe::{array_class, check_bytes, checked_count, checked_dtype, checked_shape};
use super::{PlanContext, PlannedCall, Refused};
use crate::pickle::machine::value::Leaf;

/// Describes an array with the contents in its only argument, and the state of its wrapper.
pub(super) fn describe<'a>(
    context: &PlanContext<'_, 'a>,
    call: &PlannedCall<'_>,
) -> Result<ArrayDescription<'a>, Refused> {
    let unusual = || "is described in a way that joblib does not write".to_owned();
    // The wrapper itself has no contents.
    let (&[contents], Some(state)) = (call.arguments, call.state) else { return Err(unusual()) };
    let state = context.state_dict(state)?;
    let part = |key| state.get(key).ok_or_else(unusual);
    let class = array_class(context, part("subclass")?).ok_or("has a class that is not allowed")?;
    let dtype = part("dtype")?;
    let (shape, dtype) = (checked_shape(context, part("shape")?)?, (dtype, checked_dtype(context, dtype)?));
    let count = checked_count(&shape, &dtype.1)?;
    let order = match context.short_text(part("order")?, 8).as_deref() {
        Some("C") => ItemOrder::C,
        Some("F") => ItemOrder::Fortran,
        _ => return Err(unusual()),
    };
    if class == ArrayClass::Matrix && shape.len() != 2 {
        return Err("makes a matrix that has not two axes".to_owned());
    }
    // joblib loads a memmap as an array.
    let class = if class == ArrayClass::Matrix { class } else { ArrayClass::Array };
    let Some(Leaf::Bytes(bytes)) = context.leaf(contents) else { return Err(unusual()) };
    if dtype.1.has_objects {
        return Err("holds objects".to_owned());
    }
    check_bytes(context, &dtype.1, count, bytes)?;
    context.consume_wrapper(call.node);
    Ok(ArrayDescription { class, dtype, shape, order, contents: ArrayContents::Joblib(bytes) })
}
