//! Recipes for exceptions. Built-in ones are made by their class, which keeps its arguments; those of libraries by
//! `BaseException.__new__`, as their attributes are all in their state.

use super::value_arguments::{
    MAX_NAME, has_leaf_type, int_in, is_bytes, is_int, is_none, is_simple, is_str, node, pairs, sequence, short_text,
};
use super::value_globals::global_of;
use super::value_make::{ValueFill, ValueMake, called, filled, made, reading};
use super::value_numbers::checked;
use super::{PlanContext, PlannedCall, Recipe, Refused, ValueBuilder};
use crate::pickle::build_plan::{Builder, Fill};
use crate::pickle::known::builder_of;
use crate::pickle::machine::value::{NodeKind, Ref};

/// Attributes that a class may keep in C, as any object; all others are put into the `__dict__`. The positions in a
/// `UnicodeError` are not among them: Python reads the byte at such a position without a check.
#[cfg(feature = "python")]
pub(crate) const ERROR_MEMBERS: &[&str] = &[
    "__cause__",
    "__context__",
    "__suppress_context__",
    "__traceback__",
    "args",
    "code",
    "end_lineno",
    "end_offset",
    "errno",
    "filename",
    "filename2",
    "lineno",
    "msg",
    "name",
    "name_from",
    "obj",
    "offset",
    "path",
    "print_file_and_line",
    "strerror",
    "text",
    "value",
];
pub(super) fn recipe<'a>(
    context: &PlanContext<'_, 'a>,
    builder: ValueBuilder,
    call: &PlannedCall<'_>,
) -> Result<Recipe<'a>, Refused> {
    let arguments = call.arguments.as_slice();
    let (module, name) = (call.module.to_string(), call.name.to_string());
    let recipe = match builder {
        ValueBuilder::Error => {
            checked(fits(context, &name, arguments)?, "with arguments of other types")?;
            reading(called(module, name, arguments.to_vec()))
        }
        ValueBuilder::StoredError => {
            checked(hashable_number(context, arguments), "with an error number that is none")?;
            made(ValueMake::NewError(module, name), arguments.to_vec())
        }
        _ => {
            let are_simple = match *arguments {
                // `JSONDecodeError(message, document, position)`.
                [message, document, position] => {
                    is_str(context, message) && is_str(context, document) && is_int(context, position)
                }
                // `IncompleteReadError(partial, expected)`.
                [partial, expected] => {
                    is_bytes(context, partial) && (is_int(context, expected) || is_none(context, expected))
                }
                _ => false,
            };
            checked(are_simple && !call.is_new, "with arguments of other types")?;
            called(module, name, arguments.to_vec())
        }
    };
    match call.state {
        Some(state) => Ok(filled(recipe, Fill::Value(ValueFill::Members(members(context, state)?)))),
        None => Ok(recipe),
    }
}

/// Whether the constructor of a built-in exception may get these arguments.
fn fits(context: &PlanContext<'_, '_>, name: &str, arguments: &[Ref]) -> Result<bool, Refused> {
    let position = |position: Ref| int_in(context, position, 0..=i64::MAX).is_some();
    Ok(match (name, arguments) {
        ("UnicodeDecodeError", [encoding, object, start, end, reason]) => {
            let are_strings = is_str(context, *encoding) && is_str(context, *reason);
            are_strings && is_bytes(context, *object) && position(*start) && position(*end)
        }
        ("UnicodeEncodeError", [encoding, object, start, end, reason]) => {
            let are_strings = [encoding, object, reason].into_iter().all(|text| is_str(context, *text));
            are_strings && position(*start) && position(*end)
        }
        ("UnicodeTranslateError", [object, start, end, reason]) => {
            is_str(context, *object) && is_str(context, *reason) && position(*start) && position(*end)
        }
        ("UnicodeDecodeError" | "UnicodeEncodeError" | "UnicodeTranslateError", _) => false,
        // It takes the second argument apart.
        ("SyntaxError" | "IndentationError" | "TabError", [_, place]) => {
            let place = context.items(*place, NodeKind::Tuple);
            place
                .is_some_and(|place| matches!(place.len(), 4 | 6) && place.iter().all(|part| is_simple(context, *part)))
        }
        ("BaseExceptionGroup" | "ExceptionGroup", [message, members]) if is_str(context, *message) => {
            let members = sequence(context, *members).unwrap_or_default();
            context.spend(members.len())?;
            !members.is_empty() && members.iter().all(|member| is_error(context, *member))
        }
        ("BaseExceptionGroup" | "ExceptionGroup", _) => false,
        _ => hashable_number(context, arguments),
    })
}

/// `OSError(number, text, …)` finds its class by the number in a dict: hashing an arbitrary object may never end.
fn hashable_number(context: &PlanContext<'_, '_>, arguments: &[Ref]) -> bool {
    match arguments {
        [number, _, rest @ ..] if rest.len() <= 3 => is_simple(context, *number),
        _ => true,
    }
}

/// Whether this is a call that makes an exception.
fn is_error(context: &PlanContext<'_, '_>, reference: Ref) -> bool {
    use ValueBuilder::{ComputedError, Error, StoredError};
    let Some(node) = node(context, reference).filter(|node| matches!(node.kind, NodeKind::Call(_))) else {
        return false;
    };
    let class = node.items.first().and_then(|class| global_of(context.labels, *class));
    let builder = class.and_then(|(module, name)| builder_of(&module, &name));
    matches!(builder, Some(Builder::Value(Error | StoredError | ComputedError)))
}

/// The attributes in the state of an exception, which `BaseException.__setstate__` would set.
fn members(context: &PlanContext<'_, '_>, state: Ref) -> Result<Vec<(String, Ref)>, Refused> {
    let pairs = pairs(context, state).ok_or("with a state that is no dict")?;
    context.spend(pairs.len())?;
    let (pairs, _) = pairs.as_chunks::<2>();
    let mut found = Vec::with_capacity(pairs.len());
    for &[key, value] in pairs {
        let name = short_text(context, key, MAX_NAME).ok_or("with an attribute whose name is no short string")?;
        let is_allowed = match &*name {
            "__cause__" | "__context__" => is_none(context, value) || is_error(context, value),
            "__traceback__" => is_none(context, value),
            "__suppress_context__" => has_leaf_type(context, value, "bool"),
            "__notes__" => context.items(value, NodeKind::List).is_some(),
            "args" => context.items(value, NodeKind::Tuple).is_some(),
            name => !(name.starts_with("__") && name.ends_with("__")),
        };
        if !is_allowed {
            return Err(format!("with the attribute {name}"));
        }
        found.push((name.into_owned(), value));
    }
    Ok(found)
}
