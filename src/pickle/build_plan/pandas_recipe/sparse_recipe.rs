//! Recipes for sparse arrays: the values that differ from the fill value, and where they are.

use super::super::array_recipe::ArrayDescription;
use super::extension_recipe::{NUMPY_LETTERS, UNITS, is_missing, is_nan};
use super::pandas_parts::{bool_of, instance_state, integers, is_none, length, spend, take_readonly, text, vector};
use super::{
    ArrayKind, DtypeMade, Made, PandasArgument, PandasBuilder, PandasMake, PlanContext, PlannedCall, Refused, call_of,
    made,
};
use crate::pickle::build_plan::{ArrayMake, Dtype, Make};
use crate::pickle::machine::value::{Leaf, Ref};

/// `SparseArray`: the values that differ from the fill value, and where they are.
pub(super) fn sparse<'a>(context: &PlanContext<'_, 'a>, call: &PlannedCall<'_>) -> Result<PandasMake<'a>, Refused> {
    let mut state = instance_state(context, call)?;
    let values = state.need("_sparse_values")?;
    let array = vector(context, values, NUMPY_LETTERS)?;
    spend(context, array)?;
    let points = length(array);
    let (whole, indices, lengths) = sparse_index(context, state.need("_sparse_index")?, points)?;
    let Some(Made::Dtype(DtypeMade::Sparse(fill_value))) = made(context, state.need("_dtype")?) else {
        return Err("has a dtype that is not sparse".to_owned());
    };
    let readonly = take_readonly(context, &mut state)?;
    state.end()?;
    let arguments = vec![
        PandasArgument::Object(values),
        PandasArgument::Int(whole),
        PandasArgument::Object(indices),
        PandasArgument::optional(lengths),
        PandasArgument::Object(fill_value),
        PandasArgument::Bool(readonly),
    ];
    let length = u64::try_from(whole).unwrap_or(0);
    Ok(call_of("sparse_array", arguments, Made::Array { class: ArrayKind::Other, length, freq: None }))
}

/// The length of a sparse array, the positions of its values or of blocks of them, and the lengths of the blocks:
/// `IntIndex(length, indices)` or `BlockIndex(length, starts, lengths)`.
fn sparse_index(
    context: &PlanContext<'_, '_>,
    reference: Ref,
    points: u64,
) -> Result<(i64, Ref, Option<Ref>), Refused> {
    let unknown = || "has no index of a sparse array".to_owned();
    let call = context.call(reference).filter(|call| &*call.module == "pandas._libs.sparse").ok_or_else(unknown)?;
    if call.is_new || call.state.is_some() || call.added.is_some() || !call.keywords.is_empty() {
        return Err(unknown());
    }
    let (whole, indices, lengths) = match (&*call.name, call.arguments) {
        ("IntIndex", &[whole, indices]) => (whole, indices, None),
        ("BlockIndex", &[whole, indices, lengths]) => (whole, indices, Some(lengths)),
        _ => return Err(unknown()),
    };
    let whole = context.int(whole).filter(|whole| (0..=i64::from(i32::MAX)).contains(whole)).ok_or_else(unknown)?;
    let starts = vector(context, indices, "i")?;
    let counts = lengths.map(|lengths| vector(context, lengths, "i")).transpose()?;
    if length(starts) != counts.map_or(points, length) {
        return Err("has an index that does not fit its values".to_owned());
    }
    spend(context, starts)?;
    check_blocks(starts, counts, whole, points)?;
    context.consume(reference);
    Ok((whole, indices, lengths))
}

/// Refuses blocks that overlap, are out of order, or end beyond the array.
fn check_blocks(
    starts: &ArrayDescription<'_>,
    counts: Option<&ArrayDescription<'_>>,
    whole: i64,
    points: u64,
) -> Result<(), Refused> {
    let Some(starts) = integers(starts) else { return Ok(()) };
    let counts: Box<dyn Iterator<Item = i64>> = match counts {
        None => Box::new(std::iter::repeat(1)),
        Some(counts) => match integers(counts) {
            Some(counts) => Box::new(counts),
            None => return Ok(()),
        },
    };
    let (mut free_from, mut found) = (0, 0_u64);
    for (start, count) in starts.zip(counts) {
        let end = start.checked_add(count).filter(|end| *end <= whole && count >= 0);
        let end =
            end.filter(|_| start >= free_from).ok_or("has positions that are out of order or beyond its length")?;
        free_from = end;
        found = found.saturating_add(count.unsigned_abs());
    }
    if found == points { Ok(()) } else { Err("has an index that does not fit its values".to_owned()) }
}

/// Refuses a fill value that an array of this dtype of numpy cannot hold.
pub(super) fn check_fill_value(context: &PlanContext<'_, '_>, subtype: Ref, fill_value: Ref) -> Result<(), Refused> {
    let dtype = context.dtype_of(subtype).filter(|dtype| NUMPY_LETTERS.contains(dtype.letter()) && has_unit(dtype));
    let dtype = dtype.ok_or("has an unknown dtype of its values")?;
    let is_held = match context.recipe(fill_value).map(|recipe| &*recipe.make) {
        Some(Make::Array(ArrayMake::Scalar(own, _))) => own.code() == dtype.code() && dtype.code().is_some(),
        Some(_) => {
            let is_no_time = made(context, fill_value) == Some(Made::Scalar(PandasBuilder::NoTime));
            is_no_time && matches!(dtype.letter(), 'm' | 'M' | 'O')
                || is_missing(context, fill_value) && dtype.letter() == 'O'
        }
        None => holds_leaf(context, dtype, fill_value),
    };
    if is_held { Ok(()) } else { Err("has a fill value that its dtype cannot hold".to_owned()) }
}

/// Whether a dtype is none of times, or one with a unit of pandas.
fn has_unit(dtype: &Dtype) -> bool {
    let unit = dtype.code().and_then(|code| code.get(3..code.len().checked_sub(1)?));
    !matches!(dtype.letter(), 'm' | 'M') || unit.is_some_and(|unit| UNITS.contains(&unit))
}

fn holds_leaf(context: &PlanContext<'_, '_>, dtype: &Dtype, value: Ref) -> bool {
    let letter = dtype.letter();
    if letter == 'O' {
        let is_number = matches!(context.leaf(value), Some(Leaf::Int(_) | Leaf::Float(_)));
        return is_number
            || is_none(context, value)
            || bool_of(context, value).is_some()
            || text(context, value).is_some();
    }
    match context.leaf(value) {
        Some(Leaf::Bool(_)) => letter == 'b',
        Some(Leaf::Int(number)) => dtype.holds_integer(number),
        Some(Leaf::Float(_)) if is_nan(context, value) => "biufc".contains(letter),
        Some(Leaf::Float(number)) => {
            dtype.size >= 8 && "fc".contains(letter) && (dtype.size > 8 || letter == 'f' || number == 0.0)
        }
        _ => false,
    }
}
