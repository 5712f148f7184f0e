//! Recipes for masked arrays: `_mareconstruct(MaskedArray, ndarray, (0,), 'b')` with a state.
//!
//! The state is (version, shape, dtype, is Fortran, contents, mask, fill value). The mask has a bool for each scalar.

use std::borrow::Cow;
use std::rc::Rc;

use super::array_description::{ArrayClass, ArrayContents, ArrayDescription, ArrayMake, ItemOrder};
use super::array_recipe::{check_bytes, checked_count, checked_dtype, checked_shape, objects};
use super::{Dtype, Fill, Make, PlanContext, PlannedCall, Recipe, Refused, array_arguments};
use crate::pickle::machine::value::{Leaf, NodeKind, Ref};

/// A masked array, with checked parts. It needs its dtype, and its fill value if it has one.
#[derive(Debug)]
pub(crate) struct MaskedMake<'a> {
    /// The data.
    pub(crate) data: Rc<ArrayDescription<'a>>,
    /// A bool for each scalar of the data, in the same order.
    pub(crate) mask: Cow<'a, [u8]>,
}

/// The recipe for a masked array.
pub(super) fn recipe<'a>(context: &PlanContext<'_, 'a>, call: &PlannedCall<'_>) -> Result<Recipe<'a>, Refused> {
    let unusual = || "has arguments or a state that numpy does not write".to_owned();
    let &[class, base, shape, code] = call.arguments else { return Err(unusual()) };
    let is_named = |class, names: [(&str, &str); 2]| {
        context.global(class).is_some_and(|(module, name)| names.contains(&(&*module, &*name)))
    };
    let is_written = is_named(class, [("numpy.ma", "MaskedArray"), ("numpy.ma.core", "MaskedArray")])
        && is_named(base, [("numpy", "ndarray"); 2])
        && context.shape(shape).is_some_and(|shape| shape == [0])
        && context.short_bytes(code, 8).is_some_and(|code| code == b"b");
    let state = call.state.and_then(|state| context.items(state, NodeKind::Tuple)).filter(|_| is_written);
    let Some(&[_, shape, dtype, is_fortran, contents, mask, fill]) = state else { return Err(unusual()) };
    let (shape, dtype) = (checked_shape(context, shape)?, (dtype, checked_dtype(context, dtype)?));
    let count = checked_count(&shape, &dtype.1)?;
    let order = if context.flag(is_fortran).ok_or_else(unusual)? { ItemOrder::Fortran } else { ItemOrder::C };
    let mask = array_arguments::contents(context, mask)?;
    if count.checked_mul(dtype.1.scalars) != Some(mask.len() as u64) || mask.iter().any(|masked| *masked > 1) {
        return Err("has a mask that does not fit its data".to_owned());
    }
    let (contents, elements) = if dtype.1.has_objects {
        let objects = objects(context, &dtype.1, count, contents)?;
        (ArrayContents::Objects(Rc::clone(&objects)), Fill::Elements(objects))
    } else {
        let bytes = array_arguments::contents(context, contents)?;
        check_bytes(context, &dtype.1, count, &bytes)?;
        (ArrayContents::Bytes(bytes), Fill::Nothing)
    };
    let needs = if has_fill_value(context, &dtype, fill)? { vec![dtype.0, fill] } else { vec![dtype.0] };
    let data = Rc::new(ArrayDescription { class: ArrayClass::Array, dtype, shape, order, contents });
    let make = Make::Array(ArrayMake::Masked(Box::new(MaskedMake { data, mask })));
    Ok(Recipe { make, reads: needs.len() > 1, needs, fill: elements })
}

/// Whether there is a fill value: a number, a string, a scalar, or an array without axes, of the dtype of the array.
fn has_fill_value(
    context: &PlanContext<'_, '_>,
    (place, dtype): &(Ref, Rc<Dtype>),
    fill: Ref,
) -> Result<bool, Refused> {
    let is_same = |own: &Dtype| own.code().is_some() && own.code() == dtype.code();
    let letter = dtype.letter();
    let is_held = match context.leaf(fill) {
        Some(Leaf::None) => return Ok(false),
        Some(Leaf::Bool(_)) => matches!(letter, 'b' | 'O'),
        Some(Leaf::Int(number)) => letter == 'O' || dtype.holds_integer(number),
        Some(Leaf::Float(_)) => matches!(letter, 'f' | 'c' | 'O'),
        Some(Leaf::Str(_)) => matches!(letter, 'U' | 'O'),
        Some(Leaf::Bytes(_)) => matches!(letter, 'S' | 'O'),
        None => match (context.array_of(fill), context.array_make(fill)) {
            (Some(fill), _) => {
                let (own_place, own) = &fill.dtype;
                fill.shape.is_empty() && (context.resolve(*own_place) == context.resolve(*place) || is_same(own))
            }
            (None, Some(ArrayMake::Scalar(own, _))) => is_same(own) || letter == 'O',
            _ => false,
        },
        _ => false,
    };
    if is_held { Ok(true) } else { Err("has a fill value that numpy does not write".to_owned()) }
}
