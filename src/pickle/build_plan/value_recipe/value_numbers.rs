//! Recipes for numbers, ranges, slices and UUIDs.

use super::value_arguments::{
    arguments_of, called_global, copied, has_leaf_type, int_in, is_called, is_int, is_link, is_none, is_simple, is_str,
    sequence, short_leaf, short_text, size, truth, wide_int,
};
use super::value_make::{ValueMake, called, made, reading};
use super::{PlanContext, PlannedCall, Recipe, Refused, ValueBuilder};
use crate::pickle::machine::value::{Leaf, Ref};

/// The most digits of a `Decimal`.
const MAX_DECIMAL_DIGITS: u64 = 100_000;
/// The greatest exponent of a `Decimal`, as in Python's default context: `int` of a greater one may never end.
const MAX_DECIMAL_EXPONENT: i64 = 999_999;
/// The limits of `decimal.Context` on machines of 64 bits.
const MAX_CONTEXT: i64 = 999_999_999_999_999_999;
/// The most digits of the numbers of a `Fraction`, as many as Python's `int` converts.
const MAX_FRACTION_DIGITS: u64 = 4300;
const ROUNDINGS: &[&str] = &[
    "ROUND_CEILING",
    "ROUND_DOWN",
    "ROUND_FLOOR",
    "ROUND_HALF_DOWN",
    "ROUND_HALF_EVEN",
    "ROUND_HALF_UP",
    "ROUND_UP",
    "ROUND_05UP",
];
const SIGNALS: &[&str] = &[
    "Clamped",
    "DivisionByZero",
    "FloatOperation",
    "Inexact",
    "InvalidOperation",
    "Overflow",
    "Rounded",
    "Subnormal",
    "Underflow",
];

pub(super) fn recipe<'a>(
    context: &PlanContext<'_, 'a>,
    builder: ValueBuilder,
    call: &PlannedCall<'_>,
) -> Result<Recipe<'a>, Refused> {
    let arguments = call.arguments;
    match builder {
        ValueBuilder::Basic => basic(context, call),
        ValueBuilder::Complex => {
            let are_numbers = arguments.iter().all(|number| is_number(context, *number));
            checked(are_numbers && arguments.len() <= 2, "of anything but numbers")?;
            Ok(called("builtins", "complex", call.arguments.to_vec()))
        }
        ValueBuilder::Range => {
            let are_numbers = arguments.iter().all(|number| is_int(context, *number));
            let steps = arguments.get(2).is_none_or(|step| int_in(context, *step, 0..=0).is_none());
            checked(are_numbers && (1..=3).contains(&arguments.len()), "of anything but integers")?;
            checked(steps, "with a step of 0")?;
            Ok(called("builtins", "range", call.arguments.to_vec()))
        }
        ValueBuilder::Slice => {
            checked((1..=3).contains(&arguments.len()), "with these arguments")?;
            // Slices within slices would be deleted one within the other, without a bound.
            let is_part =
                |part: &Ref| is_simple(context, *part) || (is_called(context, *part) && !is_link(context, *part));
            checked(arguments.iter().all(is_part), "of anything but numbers and dates")?;
            Ok(called("builtins", "slice", call.arguments.to_vec()))
        }
        ValueBuilder::Decimal => decimal(context, call),
        ValueBuilder::DecimalContext => decimal_context(context, call),
        ValueBuilder::Fraction => fraction(context, call),
        _ => uuid(context, call),
    }
}

pub(super) fn checked(holds: bool, otherwise: &str) -> Result<(), Refused> {
    if holds { Ok(()) } else { Err(otherwise.to_owned()) }
}

fn is_number(context: &PlanContext<'_, '_>, reference: Ref) -> bool {
    matches!(short_leaf(context, reference, 64), Some(Leaf::Int(_) | Leaf::Float(_)))
}

/// `int(5)`: of a value of the same type.
fn basic<'a>(context: &PlanContext<'_, 'a>, call: &PlannedCall<'_>) -> Result<Recipe<'a>, Refused> {
    let same = |value: &Ref| match &*call.name {
        "float" => is_number(context, *value),
        name => has_leaf_type(context, *value, name),
    };
    checked(call.arguments.len() <= 1 && call.arguments.iter().all(same), "of another type")?;
    Ok(called("builtins", call.name.to_string(), call.arguments.to_vec()))
}

/// `Decimal('-1.5E+3')`.
fn decimal<'a>(context: &PlanContext<'_, 'a>, call: &PlannedCall<'_>) -> Result<Recipe<'a>, Refused> {
    let &[number] = call.arguments else { return Err("without a string".into()) };
    context.spend(usize::try_from(size(context, number)).unwrap_or(usize::MAX))?;
    let limit = MAX_DECIMAL_DIGITS + 100;
    checked(size(context, number) <= limit, "with more than 100000 digits")?;
    let text = short_text(context, number, limit).ok_or("without a string")?;
    checked(is_decimal(&text), "of a string that is no number")?;
    let exponent = text.split_once(['e', 'E']).map_or(Some(0), |(_, exponent)| exponent.parse::<i64>().ok());
    let is_small = exponent.is_some_and(|exponent| exponent.unsigned_abs() <= MAX_DECIMAL_EXPONENT.unsigned_abs());
    checked(is_small, "with an exponent beyond 999999")?;
    Ok(called("decimal", "Decimal", vec![number]))
}

/// Whether a string is a number as `str` of a `Decimal` writes it.
fn is_decimal(text: &str) -> bool {
    let text = text.strip_prefix(['-', '+']).unwrap_or(text);
    let are_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if matches!(text, "Infinity" | "Inf") {
        return true;
    }
    if let Some(payload) = text.strip_prefix("sNaN").or_else(|| text.strip_prefix("NaN")) {
        return are_digits(payload);
    }
    let (digits, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
    let has_digits = whole.len() + fraction.len() > 0 && !exponent.is_empty();
    has_digits && are_digits(whole) && are_digits(fraction) && are_digits(exponent)
}

/// `Context(precision, rounding, Emin, Emax, capitals, clamp, flags, traps)`.
fn decimal_context<'a>(context: &PlanContext<'_, 'a>, call: &PlannedCall<'_>) -> Result<Recipe<'a>, Refused> {
    let &[precision, rounding, least, greatest, capitals, clamp, flags, traps] = call.arguments else {
        return Err("without eight arguments".into());
    };
    let numbers = [
        (precision, 1..=MAX_CONTEXT),
        (least, -MAX_CONTEXT..=0),
        (greatest, 0..=MAX_CONTEXT),
        (capitals, 0..=1),
        (clamp, 0..=1),
    ];
    let in_range = numbers.into_iter().all(|(number, range)| int_in(context, number, range).is_some());
    checked(in_range, "with numbers out of range")?;
    let rounding = short_text(context, rounding, 64);
    checked(rounding.is_some_and(|name| ROUNDINGS.contains(&&*name)), "with an unknown rounding")?;
    for list in [flags, traps] {
        let signals = sequence(context, list).ok_or("without lists of signals")?;
        context.spend(signals.len())?;
        let is_signal = |signal: &Ref| {
            let found = context.global(*signal);
            found.is_some_and(|(module, name)| &*module == "decimal" && SIGNALS.contains(&&*name))
        };
        checked(signals.len() <= SIGNALS.len() && signals.iter().all(is_signal), "with unknown signals")?;
    }
    Ok(reading(called("decimal", "Context", call.arguments.to_vec())))
}

/// `Fraction('1/3')`, or from Python 3.12 on `Fraction(1, 3)`.
fn fraction<'a>(context: &PlanContext<'_, 'a>, call: &PlannedCall<'_>) -> Result<Recipe<'a>, Refused> {
    let is_short = |number: &Ref| size(context, *number) <= MAX_FRACTION_DIGITS;
    checked(call.arguments.iter().all(is_short), "with more than 4300 digits")?;
    call.arguments.iter().try_for_each(|number| copied(context, *number, 1))?;
    match *call.arguments {
        [text] if is_str(context, text) => {
            context.spend(usize::try_from(size(context, text)).unwrap_or(usize::MAX))?;
            let text = short_text(context, text, MAX_FRACTION_DIGITS).unwrap_or_default();
            let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            let (above, below) = text.split_once('/').unwrap_or((&text, "1"));
            let is_zero = below.bytes().all(|byte| byte == b'0');
            let is_fraction = digits(above.strip_prefix('-').unwrap_or(above)) && digits(below) && !is_zero;
            checked(is_fraction, "of a string that is no fraction")?;
        }
        [number] => checked(is_int(context, number), "of anything but integers")?,
        [above, below] => {
            checked(is_int(context, above) && is_int(context, below), "of anything but integers")?;
            checked(int_in(context, below, 0..=0).is_none(), "with a denominator of 0")?;
        }
        _ => return Err("with these arguments".into()),
    }
    Ok(called("fractions", "Fraction", call.arguments.to_vec()))
}

/// `UUID` with the state `{'int': …, 'is_safe': …}`, or `_uuid_from_int(…)`.
fn uuid<'a>(context: &PlanContext<'_, 'a>, call: &PlannedCall<'_>) -> Result<Recipe<'a>, Refused> {
    let (number, safe) = match (call.state, call.arguments) {
        (Some(state), []) if &*call.name == "UUID" && call.is_new => {
            let mut state = context.keyed(state, 2)?;
            let (number, safe) = (state.take("int"), state.take("is_safe"));
            checked(state.into_pairs().is_empty(), "with an unknown state")?;
            (number.ok_or("without a number")?, safe)
        }
        (None, [number]) if &*call.name == "_uuid_from_int" => (*number, None),
        _ => return Err("with these arguments".into()),
    };
    wide_int(context, number).ok_or("with a number that is no UUID")?;
    let safe = safe.map(|safe| safety(context, safe)).transpose()?.flatten();
    Ok(made(ValueMake::Uuid { safe }, vec![number]))
}

/// The value of a `SafeUUID`, which some versions pickle as the member.
fn safety(context: &PlanContext<'_, '_>, safe: Ref) -> Result<Option<i64>, Refused> {
    let member = called_global(context, safe).filter(|(_, name)| &**name == "SafeUUID");
    let value = match member.and_then(|_| arguments_of(context, safe)) {
        Some([value]) => *value,
        _ => safe,
    };
    if is_none(context, value) {
        return Ok(None);
    }
    let safe = int_in(context, value, -1..=-1).or_else(|| truth(context, value).filter(|safe| !safe).map(|_| 0));
    safe.map(Some).ok_or_else(|| "with an unknown safety".to_owned())
}
