//! Recipes for the arrays of `joblib.dump`, whose contents are between the opcodes (joblib/numpy_pickle.py).
//!
//! The machine has found where the contents end, by the shape and the dtype of the object that describes the array.

use super::array_recipe::{
    ArrayClass, ArrayContents, ArrayDescription, ItemOrder, array_class, check_bytes, checked_count, checked_dtype,
    checked_shape,
};
use super::{PlanContext, Refused};
use crate::pickle::machine::value::{Leaf, Ref, Value};

/// Describes the array of a node of this kind.
pub(super) fn describe<'a>(context: &PlanContext<'_, 'a>, array: Ref) -> Result<ArrayDescription<'a>, Refused> {
    let unusual = || "is described in a way that joblib does not write".to_owned();
    let node = context.node(array).ok_or_else(unusual)?;
    let part = |key| context.labels.machine().described(node, key).ok_or_else(unusual);
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
    let contents = node.items.get(1).map(|contents| context.value(*contents));
    let Some(Value::Leaf(Leaf::Bytes(bytes))) = contents else { return Err(unusual()) };
    if dtype.1.has_objects {
        return Err("holds objects".to_owned());
    }
    check_bytes(&dtype.1, count, bytes)?;
    Ok(ArrayDescription { class, dtype, shape, order, contents: ArrayContents::Joblib(bytes) })
}
