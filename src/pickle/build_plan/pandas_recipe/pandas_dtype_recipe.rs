//! Recipes for dtypes of pandas.

use super::arrow_recipe::arrow_type;
use super::extension_recipe::{UNITS, is_missing, is_nan};
use super::index_recipe::SIDES;
use super::pandas_parts::{
    StateDict, bool_of, check_hashes, instance_state, is_none, text, unexpected_arguments, unexpected_state,
    unless_none, word,
};
use super::period_frequency::{frequency, frequency_name};
use super::sparse_recipe::check_fill_value;
use super::zone_recipe::check_zone;
use super::{
    ArrayKind, DtypeMade, Made, PandasArgument, PandasBuilder, PandasMake, PlanContext, PlannedCall, Refused, call_of,
    made,
};

use crate::pickle::build_plan::Make;
use crate::pickle::machine::value::Ref;

/// Attributes in which pandas caches values that it has computed of a dtype.
const CACHES: [&str; 2] = ["_cache", "_cache_dtypes"];
/// The dtypes without parts.
const NAMED: [&str; 11] = [
    "Int8Dtype",
    "Int16Dtype",
    "Int32Dtype",
    "Int64Dtype",
    "UInt8Dtype",
    "UInt16Dtype",
    "UInt32Dtype",
    "UInt64Dtype",
    "Float32Dtype",
    "Float64Dtype",
    "BooleanDtype",
];
/// Where strings are stored.
const STORAGES: [&str; 3] = ["python", "pyarrow", "pyarrow_numpy"];

/// A dtype.
pub(super) fn dtype<'a>(
    context: &PlanContext<'_, 'a>,
    builder: PandasBuilder,
    call: &PlannedCall<'_>,
) -> Result<PandasMake<'a>, Refused> {
    let (function, arguments, made) = match builder {
        PandasBuilder::CategoricalDtype => categorical(context, call)?,
        PandasBuilder::ZonedDtype => zoned(context, call)?,
        PandasBuilder::PeriodDtype => period(context, call)?,
        PandasBuilder::IntervalDtype => interval(context, call)?,
        PandasBuilder::StringDtype => string(context, call)?,
        PandasBuilder::SparseDtype => sparse(context, call)?,
        PandasBuilder::ArrowDtype => arrow(context, call)?,
        PandasBuilder::NumpyDtype => numpy(context, call)?,
        _ => named(context, call)?,
    };
    Ok(call_of(function, arguments, Made::Dtype(made)))
}

/// The state of a dtype that is made without arguments.
fn dtype_state<'a>(context: &PlanContext<'_, 'a>, call: &PlannedCall<'_>) -> Result<StateDict<'a>, Refused> {
    let mut state = instance_state(context, call)?;
    take_caches(&mut state);
    Ok(state)
}

/// Takes the values that pandas caches in a dtype, and will compute again.
fn take_caches(state: &mut StateDict<'_>) {
    for key in CACHES {
        state.take(key);
    }
}

type DtypeParts<'a> = (&'static str, Vec<PandasArgument<'a>>, DtypeMade);

fn categorical<'a>(context: &PlanContext<'_, 'a>, call: &PlannedCall<'_>) -> Result<DtypeParts<'a>, Refused> {
    let mut state = dtype_state(context, call)?;
    let categories = unless_none(context, Some(state.need("categories")?));
    let count = match categories.map(|categories| made(context, categories)) {
        None => None,
        Some(Some(Made::Index { length, has_levels: false }))
            if !categories.is_some_and(|it| is_categorical(context, it)) =>
        {
            categories.map_or(Ok(()), |categories| check_hashes(context, categories))?;
            Some(length)
        }
        Some(_) => return Err("has categories that are not an index, or categorical themselves".to_owned()),
    };
    let ordered = state.need("ordered")?;
    let ordered = match bool_of(context, ordered) {
        Some(ordered) => PandasArgument::Bool(ordered),
        None if is_none(context, ordered) => PandasArgument::None,
        None => return Err(unexpected_state()),
    };
    state.end()?;
    Ok(("categorical_dtype", vec![PandasArgument::optional(categories), ordered], DtypeMade::Categorical(count)))
}

/// Whether an index is categorical itself: pandas would take its categories.
fn is_categorical(context: &PlanContext<'_, '_>, index: Ref) -> bool {
    let Some(Make::Pandas(make)) = context.recipe(index).map(|recipe| &*recipe.make) else { return false };
    let holds = |data: &PandasArgument<'_>| match data {
        PandasArgument::Object(data) => {
            matches!(made(context, *data), Some(Made::Array { class: ArrayKind::Categorical, .. }))
        }
        _ => false,
    };
    make.function == "categorical_index" || make.arguments.first().is_some_and(holds)
}

fn zoned<'a>(context: &PlanContext<'_, 'a>, call: &PlannedCall<'_>) -> Result<DtypeParts<'a>, Refused> {
    let mut state = dtype_state(context, call)?;
    let unit = word(context, state.need("unit")?, &UNITS).ok_or("has an unknown unit")?;
    let zone = state.need("tz")?;
    check_zone(context, zone)?;
    state.end()?;
    let arguments = vec![PandasArgument::Text(unit.to_owned()), PandasArgument::Object(zone)];
    Ok(("datetime_dtype", arguments, DtypeMade::Zoned(unit)))
}

fn period<'a>(context: &PlanContext<'_, 'a>, call: &PlannedCall<'_>) -> Result<DtypeParts<'a>, Refused> {
    let &[freq] = call.arguments else { return Err(unexpected_arguments()) };
    let text = text(context, freq);
    let named = text.as_deref().and_then(|text| text.strip_prefix("period[")?.strip_suffix(']'));
    let freq = match named {
        Some(named) => PandasArgument::Text(frequency_name(named).ok_or("has an unknown frequency")?),
        None => frequency(context, freq)?,
    };
    check_called(call)?;
    Ok(("period_dtype", vec![freq], DtypeMade::Period))
}

fn check_called(call: &PlannedCall<'_>) -> Result<(), Refused> {
    if call.is_new || call.state.is_some() { Err(unexpected_arguments()) } else { Ok(()) }
}

fn interval<'a>(context: &PlanContext<'_, 'a>, call: &PlannedCall<'_>) -> Result<DtypeParts<'a>, Refused> {
    let (subtype, closed) = match call.arguments {
        [] => {
            let mut state = dtype_state(context, call)?;
            let parts = (state.need("subtype")?, state.take("closed"));
            state.end()?;
            parts
        }
        &[subtype, closed] => {
            check_called(call)?;
            (subtype, Some(closed))
        }
        _ => return Err(unexpected_arguments()),
    };
    let is_number = context.dtype_of(subtype).is_some_and(|dtype| "iufmM".contains(dtype.letter()));
    let is_zoned = matches!(made(context, subtype), Some(Made::Dtype(DtypeMade::Zoned(_))));
    if !is_number && !is_zoned && !is_none(context, subtype) {
        return Err("has an unknown dtype of its ends".to_owned());
    }
    let closed = match unless_none(context, closed) {
        None => None,
        Some(closed) => Some(word(context, closed, SIDES).ok_or("is closed on an unknown side")?),
    };
    let side = closed.map_or(PandasArgument::None, |closed| PandasArgument::Text(closed.to_owned()));
    Ok(("interval_dtype", vec![PandasArgument::Object(subtype), side], DtypeMade::Interval(closed)))
}

/// `StringDtype(storage, missing)`; up to pandas 2.2 an instance with the storage in its state.
fn string<'a>(context: &PlanContext<'_, 'a>, call: &PlannedCall<'_>) -> Result<DtypeParts<'a>, Refused> {
    let (storage, missing) = match call.arguments {
        [] => {
            let mut state = dtype_state(context, call)?;
            let storage = state.take_either("storage", "_storage").ok_or_else(unexpected_state)?;
            let missing = state.take("_na_value");
            state.end()?;
            (storage, missing)
        }
        &[storage] => (storage, None),
        &[storage, missing] => (storage, Some(missing)),
        _ => return Err(unexpected_arguments()),
    };
    if !call.arguments.is_empty() {
        check_called(call)?;
    }
    let storage = word(context, storage, &STORAGES).ok_or("has an unknown storage")?;
    let missing = match missing {
        None => PandasArgument::None,
        Some(missing) if is_missing(context, missing) => PandasArgument::None,
        Some(missing) if context.opcode(missing).is_some() && is_nan(context, missing) => {
            PandasArgument::Text("nan".to_owned())
        }
        Some(_) => return Err("has an unknown missing value".to_owned()),
    };
    let is_nan = !matches!(missing, PandasArgument::None);
    let made = DtypeMade::String { by_arrow: storage != "python", is_nan };
    Ok(("string_dtype", vec![PandasArgument::Text(storage.to_owned()), missing], made))
}

fn sparse<'a>(context: &PlanContext<'_, 'a>, call: &PlannedCall<'_>) -> Result<DtypeParts<'a>, Refused> {
    let mut state = dtype_state(context, call)?;
    let (subtype, fill_value) = (state.need("_dtype")?, state.need("_fill_value")?);
    state.end()?;
    check_fill_value(context, subtype, fill_value)?;
    let arguments = vec![PandasArgument::Object(subtype), PandasArgument::Object(fill_value)];
    Ok(("sparse_dtype", arguments, DtypeMade::Sparse(fill_value)))
}

fn arrow<'a>(context: &PlanContext<'_, 'a>, call: &PlannedCall<'_>) -> Result<DtypeParts<'a>, Refused> {
    let mut state = dtype_state(context, call)?;
    let alias = arrow_type(context, state.need("pyarrow_dtype")?)?;
    let storage = state.take_either("_storage", "storage");
    if storage.is_some_and(|storage| text(context, storage).as_deref() != Some("pyarrow")) {
        return Err(unexpected_state());
    }
    state.end()?;
    Ok(("arrow_dtype", vec![PandasArgument::Text(alias.to_owned())], DtypeMade::Arrow(alias)))
}

fn numpy<'a>(context: &PlanContext<'_, 'a>, call: &PlannedCall<'_>) -> Result<DtypeParts<'a>, Refused> {
    let mut state = dtype_state(context, call)?;
    let dtype = state.need("_dtype")?;
    state.end()?;
    let is_known = context.dtype_of(dtype).is_some_and(|dtype| "biufcmMO".contains(dtype.letter()));
    is_known.then_some(()).ok_or("has an unknown dtype of its values")?;
    Ok(("numpy_dtype", vec![PandasArgument::Object(dtype)], DtypeMade::Other))
}

fn named<'a>(context: &PlanContext<'_, 'a>, call: &PlannedCall<'_>) -> Result<DtypeParts<'a>, Refused> {
    if !call.arguments.is_empty() {
        return Err(unexpected_arguments());
    }
    if let Some(state) = unless_none(context, call.state) {
        let mut state = StateDict::of(context, Some(state))?;
        take_caches(&mut state);
        state.end()?;
    }
    let name = NAMED.into_iter().find(|name| *name == &*call.name).ok_or("is an unknown dtype")?;
    Ok(("named_dtype", vec![PandasArgument::Text(name.to_owned())], DtypeMade::Other))
}
