//! Recipes for indexes: `_new_Index(class, {…})`, and the functions that some classes use instead.

use super::interval_ends::check_ends;
use super::pandas_parts::{
    StateDict, check_codes, check_name, length, sequence, unexpected_arguments, unless_none, vector, word,
};
use super::period_frequency::frequency;
use super::{ArrayKind, Made, PandasArgument, PandasMake, PlanContext, PlannedCall, Refused, call_of, made};
use crate::pickle::machine::value::{NodeKind, Ref};

/// The sides on which intervals are closed.
pub(super) const SIDES: &[&str] = &["left", "right", "both", "neither"];
/// The letters of dtypes of numpy that an index has.
const INDEX_LETTERS: &str = "biufcO";
const MAX_LEVELS: usize = 1000;

/// An index that is made of one object.
pub(super) fn index<'a>(context: &PlanContext<'_, 'a>, call: &PlannedCall<'_>) -> Result<PandasMake<'a>, Refused> {
    let &[class, state] = call.arguments else { return Err(unexpected_arguments()) };
    if call.is_new || call.state.is_some() {
        return Err(unexpected_arguments());
    }
    let (module, class) = context.global(class).ok_or_else(unexpected_arguments)?;
    if &*module != "pandas" && !module.starts_with("pandas.core.indexes.") {
        return Err(format!("makes an index of {module}.{class}"));
    }
    let mut state = StateDict::of(context, Some(state))?;
    if &*class == "MultiIndex" {
        return multi_index(context, state);
    }
    let name = state.take("name");
    if let Some(name) = name {
        check_name(context, name)?;
    }
    let name = PandasArgument::optional(name);
    let made = match &*class {
        "RangeIndex" => range_index(context, &mut state, name),
        "DatetimeIndex" | "TimedeltaIndex" => time_index(context, &mut state, &class, name),
        "PeriodIndex" => period_index(context, &mut state, name),
        "IntervalIndex" => interval_index(context, &mut state, name),
        "CategoricalIndex" => categorical_index(context, &mut state, name),
        "Index" | "Int64Index" | "UInt64Index" | "Float64Index" | "NumericIndex" => {
            plain_index(context, &mut state, name)
        }
        _ => Err(format!("makes an index of {module}.{class}")),
    }?;
    state.end()?;
    Ok(made)
}

fn index_of(length: u64) -> Made {
    Made::Index { length, has_levels: false }
}

/// The number of items of a range with a step that is not 0. It fits into an `i64`, as `len` needs.
pub(super) fn range_length(start: i64, stop: i64, step: i64) -> Option<u64> {
    let (start, stop, step) = (i128::from(start), i128::from(stop), i128::from(step));
    let distance = if step > 0 { stop - start } else { start - stop };
    let length = (distance.max(0) + step.abs() - 1).checked_div(step.abs())?;
    i64::try_from(length).ok().and_then(|length| u64::try_from(length).ok())
}

fn range_index<'a>(
    context: &PlanContext<'_, 'a>,
    state: &mut StateDict<'_>,
    name: PandasArgument<'a>,
) -> Result<PandasMake<'a>, Refused> {
    let mut number = |key| {
        let value = state.need(key)?;
        context.int(value).ok_or_else(|| format!("has a {key} that is not an integer"))
    };
    let (start, stop, step) = (number("start")?, number("stop")?, number("step")?);
    let length = range_length(start, stop, step).ok_or("has a step of 0 or too many items")?;
    let arguments = vec![PandasArgument::Int(start), PandasArgument::Int(stop), PandasArgument::Int(step), name];
    Ok(call_of("range_index", arguments, index_of(length)))
}

fn plain_index<'a>(
    context: &PlanContext<'_, 'a>,
    state: &mut StateDict<'_>,
    name: PandasArgument<'a>,
) -> Result<PandasMake<'a>, Refused> {
    let data = state.need("data")?;
    let length = match made(context, data) {
        Some(Made::Array { length, .. }) => length,
        _ => length(vector(context, data, INDEX_LETTERS)?),
    };
    Ok(call_of("index", vec![PandasArgument::Object(data), name], index_of(length)))
}

fn categorical_index<'a>(
    context: &PlanContext<'_, 'a>,
    state: &mut StateDict<'_>,
    name: PandasArgument<'a>,
) -> Result<PandasMake<'a>, Refused> {
    let data = state.need("data")?;
    match made(context, data) {
        Some(Made::Array { class: ArrayKind::Categorical, length, .. }) => {
            Ok(call_of("categorical_index", vec![PandasArgument::Object(data), name], index_of(length)))
        }
        _ => Err("has data that are no Categorical".to_owned()),
    }
}

/// An index of times or time differences. pandas 1 and 2 keep its frequency in the array.
fn time_index<'a>(
    context: &PlanContext<'_, 'a>,
    state: &mut StateDict<'_>,
    class: &str,
    name: PandasArgument<'a>,
) -> Result<PandasMake<'a>, Refused> {
    let (function, wanted, letter) = match class {
        "DatetimeIndex" => ("datetime_index", ArrayKind::Datetime, "M"),
        _ => ("timedelta_index", ArrayKind::Timedelta, "m"),
    };
    let data = state.need("data")?;
    let (length, own_freq) = match made(context, data) {
        Some(Made::Array { class, length, freq }) if class == wanted => (length, freq),
        Some(_) => return Err("has data of another kind than its class".to_owned()),
        // Up to pandas 1.0, an array of numpy.
        None => (length(vector(context, data, letter)?), None),
    };
    // A zone next to an array of numpy is not supported: pandas 0 wrote it.
    if unless_none(context, state.take("tz")).is_some() {
        return Err("has a zone beside its data".to_owned());
    }
    let freq = match state.take("freq") {
        // pandas asserts that both are equal.
        Some(freq) if own_freq.is_some_and(|own| context.resolve(own) != context.resolve(freq)) => {
            return Err("has another frequency than its data".to_owned());
        }
        freq => unless_none(context, freq).or(own_freq),
    };
    check_freq(context, freq)?;
    let mut arguments = vec![PandasArgument::Object(data), PandasArgument::optional(freq), name];
    if wanted == ArrayKind::Datetime {
        arguments.insert(1, PandasArgument::None);
    }
    Ok(call_of(function, arguments, index_of(length)))
}

/// Refuses a frequency that is not an offset. Whether the times are those of the frequency is not checked, as it is not
/// by `pickle.load`: pandas would compute the times of most frequencies one by one.
pub(super) fn check_freq(context: &PlanContext<'_, '_>, freq: Option<Ref>) -> Result<(), Refused> {
    match freq {
        Some(freq) if made(context, freq) != Some(Made::Offset) => {
            Err("has a frequency that is not an offset".to_owned())
        }
        _ => Ok(()),
    }
}

fn period_index<'a>(
    context: &PlanContext<'_, 'a>,
    state: &mut StateDict<'_>,
    name: PandasArgument<'a>,
) -> Result<PandasMake<'a>, Refused> {
    let data = state.need("data")?;
    let freq = unless_none(context, state.take("freq"));
    let freq = freq.map(|freq| frequency(context, freq)).transpose()?;
    let length = match (made(context, data), &freq) {
        (Some(Made::Array { class: ArrayKind::Period, length, .. }), _) => length,
        // Ordinals, as older versions wrote them.
        (None, Some(_)) => length(vector(context, data, "i")?),
        _ => return Err("has data that are no periods".to_owned()),
    };
    let arguments = vec![PandasArgument::Object(data), freq.unwrap_or(PandasArgument::None), name];
    Ok(call_of("period_index", arguments, index_of(length)))
}

fn interval_index<'a>(
    context: &PlanContext<'_, 'a>,
    state: &mut StateDict<'_>,
    name: PandasArgument<'a>,
) -> Result<PandasMake<'a>, Refused> {
    let (left, right) = (state.need("left")?, state.need("right")?);
    let length = check_ends(context, left, right)?;
    let closed = word(context, state.need("closed")?, SIDES).ok_or("is closed on an unknown side")?;
    let arguments = vec![
        PandasArgument::Object(left),
        PandasArgument::Object(right),
        PandasArgument::Text(closed.to_owned()),
        name,
    ];
    Ok(call_of("interval_index", arguments, index_of(length)))
}

fn multi_index<'a>(context: &PlanContext<'_, 'a>, mut state: StateDict<'_>) -> Result<PandasMake<'a>, Refused> {
    let levels = sequence(context, state.need("levels")?).filter(|levels| (1..=MAX_LEVELS).contains(&levels.len()));
    let levels = levels.ok_or("has no levels")?;
    let codes = state.take_either("codes", "labels").and_then(|codes| sequence(context, codes));
    let codes = codes.filter(|codes| codes.len() == levels.len()).ok_or("has another number of codes than levels")?;
    let mut rows = None;
    for (level, codes) in levels.iter().zip(codes) {
        let Some(Made::Index { length: count, has_levels: false }) = made(context, *level) else {
            return Err("has a level that is not an index".to_owned());
        };
        let codes = vector(context, *codes, "i")?;
        check_codes(context, codes, count)?;
        if *rows.get_or_insert(length(codes)) != length(codes) {
            return Err("has codes of different lengths".to_owned());
        }
    }
    let arguments = vec![
        PandasArgument::Tuple(levels.iter().map(|level| PandasArgument::Object(*level)).collect()),
        PandasArgument::Tuple(codes.iter().map(|codes| PandasArgument::Object(*codes)).collect()),
        sort_order(context, state.take("sortorder"), levels.len())?,
        names(context, state.take("names"), levels.len())?,
    ];
    state.end()?;
    Ok(call_of("multi_index", arguments, Made::Index { length: rows.unwrap_or(0), has_levels: true }))
}

/// The number of levels by which the rows are sorted.
fn sort_order<'a>(
    context: &PlanContext<'_, '_>,
    order: Option<Ref>,
    levels: usize,
) -> Result<PandasArgument<'a>, Refused> {
    let Some(order) = unless_none(context, order) else { return Ok(PandasArgument::None) };
    let number = context.int(order).filter(|number| usize::try_from(*number).is_ok_and(|number| number <= levels));
    number.map(PandasArgument::Int).ok_or_else(|| "has an order of more levels than it has".to_owned())
}

/// The names of the levels: a list, or pandas' own kind of list.
fn names<'a>(context: &PlanContext<'_, '_>, names: Option<Ref>, levels: usize) -> Result<PandasArgument<'a>, Refused> {
    let Some(names) = unless_none(context, names) else { return Ok(PandasArgument::None) };
    let own = || context.call(names).filter(|call| &*call.name == "FrozenList").map(|call| call.arguments);
    let found = sequence(context, names).or_else(|| sequence(context, *own()?.first()?));
    let found = found.filter(|found| found.len() == levels).ok_or("has another number of names than levels")?;
    found.iter().try_for_each(|name| check_name(context, *name))?;
    Ok(PandasArgument::Tuple(found.iter().map(|name| PandasArgument::Object(*name)).collect()))
}

/// `FrozenList([…])`.
pub(super) fn frozen_list<'a>(
    context: &PlanContext<'_, 'a>,
    call: &PlannedCall<'_>,
) -> Result<PandasMake<'a>, Refused> {
    let &[items] = call.arguments else { return Err(unexpected_arguments()) };
    if call.is_new || call.state.is_some() || !context.is_plain(items, NodeKind::List) {
        return Err(unexpected_arguments());
    }
    Ok(call_of("frozen_list", vec![PandasArgument::Object(items)], Made::Whole))
}
