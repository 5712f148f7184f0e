//! Recipes for template strings (PEP 750, Python 3.14) and for sentinels (PEP 661, Python 3.15).

use super::value_arguments::{MAX_NAME, called_global, copied, is_link, is_none, is_str, short_text};
use super::value_make::{ValueMake, called, made, reading};
use super::value_numbers::checked;
use super::{PlanContext, PlannedCall, Recipe, Refused, ValueBuilder};
use crate::pickle::machine::value::{NodeKind, Ref};

const LIBRARY: &str = "string.templatelib";
/// The most bytes of the opcode of a conversion: `a`, `r` or `s`.
const CONVERSION: u64 = 16;

pub(super) fn recipe<'a>(
    context: &PlanContext<'_, 'a>,
    builder: ValueBuilder,
    call: &PlannedCall<'_>,
) -> Result<Recipe<'a>, Refused> {
    match builder {
        ValueBuilder::Interpolation => interpolation(context, call),
        ValueBuilder::TemplateString => template(context, call),
        _ => sentinel(context, call),
    }
}

/// `Interpolation(value, expression, conversion, format)`. Interpolations within interpolations would be deleted one
/// within the other, without a bound.
fn interpolation<'a>(context: &PlanContext<'_, 'a>, call: &PlannedCall<'_>) -> Result<Recipe<'a>, Refused> {
    let &[value, expression, conversion, format] = call.arguments else {
        return Err("with these arguments".into());
    };
    checked(!is_link(context, value), "of a value that may be deleted by recursion")?;
    let is_conversion = is_none(context, conversion)
        || short_text(context, conversion, CONVERSION).is_some_and(|name| matches!(&*name, "a" | "r" | "s"));
    checked(is_str(context, expression) && is_str(context, format) && is_conversion, "with these arguments")?;
    Ok(called(LIBRARY, "Interpolation", call.arguments.to_vec()))
}

/// `Template('a ', Interpolation(…), ' b')`, of the strings and of the interpolations between them.
fn template<'a>(context: &PlanContext<'_, 'a>, call: &PlannedCall<'_>) -> Result<Recipe<'a>, Refused> {
    let &[strings, interpolations] = call.arguments else { return Err("with these arguments".into()) };
    let parts = |tuple: Ref| context.items(tuple, NodeKind::Tuple).ok_or("of anything but tuples");
    let (strings, between) = (parts(strings)?, parts(interpolations)?);
    checked(strings.len() == between.len() + 1, "with more strings than it has room for")?;
    call.arguments.iter().try_for_each(|tuple| copied(context, *tuple, 2))?;
    let is_interpolation = |part: &Ref| {
        called_global(context, *part).is_some_and(|(module, name)| (&*module, &*name) == (LIBRARY, "Interpolation"))
    };
    let are_parts = strings.iter().all(|text| is_str(context, *text)) && between.iter().all(is_interpolation);
    checked(are_parts, "of anything but strings and interpolations")?;
    let mut all = Vec::with_capacity(strings.len() + between.len());
    for (index, text) in strings.iter().enumerate() {
        all.push(*text);
        all.extend(between.get(index));
    }
    Ok(reading(called(LIBRARY, "Template", all)))
}

/// `sentinel(name)`, whose state is its module.
fn sentinel<'a>(context: &PlanContext<'_, 'a>, call: &PlannedCall<'_>) -> Result<Recipe<'a>, Refused> {
    let text = |part: Ref| short_text(context, part, MAX_NAME).ok_or("with a name that is no short string");
    let &[name] = call.arguments else { return Err("with these arguments".into()) };
    let module = match call.state {
        None => None,
        Some(state) => {
            Some(text(module_in(context, state).ok_or("with a state that is not its module")?)?.into_owned())
        }
    };
    Ok(made(ValueMake::Sentinel { name: text(name)?.into_owned(), module }, Vec::new()))
}

/// The value in the state `(None, {'__module__': value})`.
fn module_in(context: &PlanContext<'_, '_>, state: Ref) -> Option<Ref> {
    let &[dict, slots] = context.items(state, NodeKind::Tuple)? else { return None };
    let &[key, value] = context.items(slots, NodeKind::Dict)? else { return None };
    let is_module = short_text(context, key, CONVERSION)? == "__module__";
    (is_none(context, dict) && is_module).then_some(value)
}
