//! Recipes for pandas' own arrays, except those that pyarrow stores.

use super::super::array_recipe::ArrayDescription;
use super::index_recipe::{SIDES, check_freq};
use super::interval_ends::check_ends;
use super::pandas_parts::{
    StateDict, check_codes, instance_state, is_array, is_none, length, plain_array, spend, take_readonly,
    unexpected_arguments, unexpected_state, unless_none, vector, word,
};
use super::{ArrayKind, DtypeMade, Made, PandasArgument, PandasMake, PlanContext, PlannedCall, Refused, call_of, made};
use crate::pickle::format::opcode::Opcode;
use crate::pickle::machine::value::{Leaf, NodeKind, Ref};

/// The units of times in pandas.
pub(super) const UNITS: [&str; 4] = ["s", "ms", "us", "ns"];
/// The letters of dtypes of numpy in a `NumpyExtensionArray` and a `SparseArray`.
pub(super) const NUMPY_LETTERS: &str = "biufcmMO";

/// An array of pandas that wraps an array of numpy and has its own dtype.
pub(super) struct Backed<'m, 'a> {
    /// The kind, where other recipes distinguish it.
    pub kind: ArrayKind,
    /// The class without its module.
    class: String,
    /// The array of numpy.
    pub values: Ref,
    array: &'m ArrayDescription<'a>,
    pub dtype: Ref,
    freq: Option<Ref>,
    readonly: bool,
}

impl<'m, 'a> Backed<'m, 'a> {
    /// `__pyx_unpickle_NDArrayBacked(class, checksum, None)` with the state `(dtype, array)` or `(dtype, array, {…})`;
    /// up to pandas 1.2 an instance with a dict.
    pub(super) fn of(context: &PlanContext<'m, 'a>, call: &PlannedCall<'_>) -> Result<Self, Refused> {
        let class = if call.is_new { new_class(call)? } else { unpickled_class(context, call)? };
        let kind = match class.as_str() {
            "Categorical" => ArrayKind::Categorical,
            "DatetimeArray" => ArrayKind::Datetime,
            "TimedeltaArray" => ArrayKind::Timedelta,
            "PeriodArray" => ArrayKind::Period,
            "StringArray" | "StringArrayNumpySemantics" | "NumpyExtensionArray" | "PandasArray" => ArrayKind::Other,
            _ => return Err(format!("makes an array of the class {class}")),
        };
        let items = call.state.and_then(|state| context.items(state, NodeKind::Tuple));
        let (pair, mut attributes) = match items {
            Some(&[first, second]) => (Some((first, second)), StateDict::default()),
            Some(&[first, second, attributes]) => {
                (Some((first, second)), StateDict::of(context, unless_none(context, Some(attributes)))?)
            }
            Some(&[attributes]) => (None, StateDict::of(context, Some(attributes))?),
            Some(_) => return Err(unexpected_state()),
            None => (None, StateDict::of(context, call.state)?),
        };
        // pandas takes both in any order.
        let (dtype, values) = match pair {
            Some((dtype, values)) if is_array(context, values) => (dtype, values),
            Some((values, dtype)) => (dtype, values),
            None => (attributes.need("_dtype")?, own_array(&mut attributes)?),
        };
        let freq = attributes.take_either("_freq", "freq");
        let freq = unless_none(context, freq);
        let readonly = take_readonly(context, &mut attributes)?;
        attributes.take("_cache");
        attributes.end()?;
        let array = plain_array(context, values)?;
        check_freq(context, freq)?;
        Ok(Self { kind, class, values, array, dtype, freq, readonly })
    }

    /// Refuses times and periods whose array does not fit their dtype.
    pub(super) fn check_times(&self, context: &PlanContext<'_, '_>) -> Result<(), Refused> {
        spend(context, self.array)?;
        let code = self.array.dtype.1.code().unwrap_or_default();
        let unit = code.get(3..code.len().saturating_sub(1)).filter(|unit| UNITS.contains(unit));
        let fits = match (self.kind, made(context, self.dtype)) {
            (ArrayKind::Datetime, Some(Made::Dtype(DtypeMade::Zoned(zoned)))) => {
                code.starts_with("M8[") && unit == Some(zoned)
            }
            (ArrayKind::Datetime, None) => code.starts_with("M8[") && unit.is_some() && self.has_same_dtype(context),
            (ArrayKind::Timedelta, None) => code.starts_with("m8[") && unit.is_some() && self.has_same_dtype(context),
            (ArrayKind::Period, Some(Made::Dtype(DtypeMade::Period))) => code == "i8",
            _ => false,
        };
        if fits && !self.array.dtype.1.is_swapped() {
            Ok(())
        } else {
            Err("has times that do not fit their dtype".to_owned())
        }
    }

    fn has_same_dtype(&self, context: &PlanContext<'_, '_>) -> bool {
        let dtype = context.dtype_of(self.dtype);
        dtype.is_some_and(|dtype| dtype.code().is_some() && dtype.code() == self.array.dtype.1.code())
    }
}

/// The class of an instance that is made without arguments.
fn new_class(call: &PlannedCall<'_>) -> Result<String, Refused> {
    if call.arguments.is_empty() { Ok(call.name.to_string()) } else { Err(unexpected_arguments()) }
}

/// The class that a function of pandas unpickles: `function(class, checksum, None)`.
fn unpickled_class(context: &PlanContext<'_, '_>, call: &PlannedCall<'_>) -> Result<String, Refused> {
    let &[class, checksum, state] = call.arguments else { return Err(unexpected_arguments()) };
    let class = context.global(class).filter(|(module, _)| &**module == "pandas" || module.starts_with("pandas."));
    let class = class.filter(|_| context.int(checksum).is_some() && is_none(context, state));
    class.map(|(_, name)| name.to_string()).ok_or_else(unexpected_arguments)
}

fn own_array(state: &mut StateDict<'_>) -> Result<Ref, Refused> {
    let found = state.take("_ndarray").or_else(|| state.take("_data")).or_else(|| state.take("_codes"));
    found.ok_or_else(unexpected_state)
}

/// An array that wraps one of numpy.
pub(super) fn backed<'a>(context: &PlanContext<'_, 'a>, call: &PlannedCall<'_>) -> Result<PandasMake<'a>, Refused> {
    let backed = Backed::of(context, call)?;
    let Backed { kind, array, values, dtype, freq, readonly, .. } = &backed;
    let [length] = array.shape[..] else { return Err("has more than one dimension outside of a frame".to_owned()) };
    let made = Made::Array { class: *kind, length, freq: *freq };
    let mut arguments = vec![PandasArgument::Object(*values)];
    let function = match kind {
        ArrayKind::Datetime => {
            backed.check_times(context)?;
            let zoned = super::made(context, *dtype).map(|_| *dtype);
            arguments.extend([PandasArgument::optional(zoned), PandasArgument::optional(*freq)]);
            "datetime_array"
        }
        ArrayKind::Timedelta => {
            backed.check_times(context)?;
            arguments.push(PandasArgument::optional(*freq));
            "timedelta_array"
        }
        ArrayKind::Period => {
            backed.check_times(context)?;
            arguments.push(PandasArgument::Object(*dtype));
            "period_array"
        }
        ArrayKind::Categorical => {
            check_categories(context, array, *dtype)?;
            arguments.push(PandasArgument::Object(*dtype));
            "categorical"
        }
        ArrayKind::Other if backed.class.starts_with("String") => {
            check_strings(context, *values, *dtype)?;
            arguments.push(PandasArgument::Object(*dtype));
            "string_array"
        }
        ArrayKind::Other => {
            let is_plain = NUMPY_LETTERS.contains(array.dtype.1.letter());
            is_plain.then_some(()).ok_or("has an array of another dtype than pandas writes")?;
            "numpy_array"
        }
    };
    arguments.push(PandasArgument::Bool(*readonly));
    Ok(call_of(function, arguments, made))
}

fn check_categories(context: &PlanContext<'_, '_>, codes: &ArrayDescription<'_>, dtype: Ref) -> Result<(), Refused> {
    let Some(Made::Dtype(DtypeMade::Categorical(Some(count)))) = made(context, dtype) else {
        return Err("has a dtype without categories".to_owned());
    };
    if codes.dtype.1.letter() != 'i' || codes.dtype.1.is_swapped() {
        return Err("has codes that are not integers".to_owned());
    }
    check_codes(context, codes, count)
}

/// Strings, and `NA` or NaN for missing ones.
fn check_strings(context: &PlanContext<'_, '_>, values: Ref, dtype: Ref) -> Result<(), Refused> {
    let array = plain_array(context, values)?;
    let Some(Made::Dtype(DtypeMade::String { by_arrow: false, is_nan: missing_is_nan })) = made(context, dtype) else {
        return Err("has a dtype that is not one of strings".to_owned());
    };
    if array.dtype.1.letter() != 'O' {
        return Err("has an array that is not one of objects".to_owned());
    }
    // The strings are not decoded: one can be there many times.
    spend(context, array)?;
    let is_string_or_missing = |item: &Ref| match context.opcode(*item) {
        Some(Opcode::ShortBinUnicode | Opcode::BinUnicode | Opcode::BinUnicode8 | Opcode::Unicode) => true,
        Some(Opcode::BinFloat | Opcode::Float) => missing_is_nan && is_nan(context, *item),
        _ => !missing_is_nan && is_missing(context, *item),
    };
    // Otherwise, the items are checked when they exist.
    let items = array.objects().filter(|_| context.array_of(values).is_some());
    if items.is_some_and(|items| !items.iter().all(is_string_or_missing)) {
        return Err("has an item that is not a string, nor the missing value of its dtype".to_owned());
    }
    Ok(())
}

/// Whether a value is the float NaN.
pub(super) fn is_nan(context: &PlanContext<'_, '_>, value: Ref) -> bool {
    matches!(context.leaf(value), Some(Leaf::Float(number)) if number.is_nan())
}

/// Whether a value is `pandas.NA`.
pub(super) fn is_missing(context: &PlanContext<'_, '_>, value: Ref) -> bool {
    let global = context.global(value);
    global.is_some_and(|(module, name)| matches!(&*module, "pandas" | "pandas._libs.missing") && &*name == "NA")
}

/// `IntegerArray`, `FloatingArray` or `BooleanArray`: values, and which of them are missing.
pub(super) fn masked<'a>(context: &PlanContext<'_, 'a>, call: &PlannedCall<'_>) -> Result<PandasMake<'a>, Refused> {
    let mut state = instance_state(context, call)?;
    let (kind, letters) = match &*call.name {
        "IntegerArray" => ("IntegerArray", "iu"),
        "FloatingArray" => ("FloatingArray", "f"),
        "BooleanArray" => ("BooleanArray", "b"),
        _ => return Err("is an array with a mask of an unknown kind".to_owned()),
    };
    let (values, mask) = (state.need("_data")?, state.need("_mask")?);
    let (data, missing) = (vector(context, values, letters)?, vector(context, mask, "b")?);
    let rows = length(data);
    if rows != length(missing) {
        return Err(format!("has {rows} values and a mask of another length"));
    }
    let readonly = take_readonly(context, &mut state)?;
    // The dtype follows from the values.
    state.take("_dtype");
    state.take("_cache");
    state.end()?;
    let arguments = vec![
        PandasArgument::Text(kind.to_owned()),
        PandasArgument::Object(values),
        PandasArgument::Object(mask),
        PandasArgument::Bool(readonly),
    ];
    Ok(call_of("masked_array", arguments, Made::Array { class: ArrayKind::Other, length: rows, freq: None }))
}

/// `__pyx_unpickle_IntervalMixin(IntervalArray, checksum, None)` with the state `({…},)`.
pub(super) fn interval<'a>(context: &PlanContext<'_, 'a>, call: &PlannedCall<'_>) -> Result<PandasMake<'a>, Refused> {
    let class = if call.is_new { new_class(call)? } else { unpickled_class(context, call)? };
    if class != "IntervalArray" {
        return Err(format!("makes an array of the class {class}"));
    }
    let dict = match call.state.and_then(|state| context.items(state, NodeKind::Tuple)) {
        Some(&[dict]) => Some(dict),
        Some(_) => return Err(unexpected_state()),
        None => call.state,
    };
    let mut state = StateDict::of(context, dict)?;
    let (left, right) = (state.need("_left")?, state.need("_right")?);
    let length = check_ends(context, left, right)?;
    let dtype = state.take("_dtype").and_then(|dtype| made(context, dtype));
    let closed = match (state.take("_closed"), dtype) {
        (Some(closed), _) => word(context, closed, SIDES),
        (None, Some(Made::Dtype(DtypeMade::Interval(closed)))) => closed,
        _ => None,
    };
    let closed = closed.ok_or("is closed on an unknown side")?;
    let readonly = take_readonly(context, &mut state)?;
    state.take("_cache");
    state.end()?;
    let arguments = vec![
        PandasArgument::Object(left),
        PandasArgument::Object(right),
        PandasArgument::Text(closed.to_owned()),
        PandasArgument::Bool(readonly),
    ];
    Ok(call_of("interval_array", arguments, Made::Array { class: ArrayKind::Other, length, freq: None }))
}
