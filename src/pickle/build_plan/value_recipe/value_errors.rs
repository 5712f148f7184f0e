//! Recipes for exceptions. Built-in exceptions are made by their class, which keeps its arguments; exceptions of
//! libraries are made by `__new__`, and our own code does with the arguments what their `__init__` would do.

use super::value_arguments::{
    ATTRIBUTE, called_global, has_leaf_type, int_in, is_bytes, is_int, is_none, is_simple, is_str, sequence,
};
use super::value_make::{NewError, ValueFill, ValueMake, called, filled, made, reading};
use super::value_numbers::checked;
use super::{PlanContext, PlannedCall, Recipe, Refused, ValueBuilder};
use crate::pickle::build_plan::{Builder, Fill};
use crate::pickle::known::{ErrorInit, builder_of};
use crate::pickle::machine::value::{NodeKind, Ref};

/// `OSError` and its subclasses.
const OS_ERRORS: &[&str] = &[
    "BlockingIOError",
    "BrokenPipeError",
    "ChildProcessError",
    "ConnectionAbortedError",
    "ConnectionError",
    "ConnectionRefusedError",
    "ConnectionResetError",
    "EnvironmentError",
    "FileExistsError",
    "FileNotFoundError",
    "IOError",
    "InterruptedError",
    "IsADirectoryError",
    "NotADirectoryError",
    "OSError",
    "PermissionError",
    "ProcessLookupError",
    "TimeoutError",
];
/// Exceptions that no `ExceptionGroup` may hold, as they are not derived from `Exception`.
const BASE_EXCEPTIONS: &[(&str, &str)] = &[
    ("builtins", "BaseException"),
    ("builtins", "BaseExceptionGroup"),
    ("builtins", "GeneratorExit"),
    ("builtins", "KeyboardInterrupt"),
    ("builtins", "SystemExit"),
    ("asyncio.exceptions", "CancelledError"),
];

pub(super) fn recipe<'a>(
    context: &PlanContext<'_, 'a>,
    builder: ValueBuilder,
    call: &PlannedCall<'_>,
) -> Result<Recipe<'a>, Refused> {
    let members = match call.state.filter(|state| !is_none(context, *state)) {
        Some(state) => members(context, &call.name, state)?,
        None => Vec::new(),
    };
    let recipe = match builder {
        ValueBuilder::LibraryError(init) => library_error(context, init, call, &members)?,
        _ => {
            let reads = fits(context, &call.name, call.arguments)?;
            let recipe = called(call.module.to_string(), call.name.to_string(), call.arguments.to_vec());
            if reads { reading(recipe) } else { recipe }
        }
    };
    let fill = if members.is_empty() { Fill::Nothing } else { Fill::Value(ValueFill::Members(members)) };
    Ok(filled(recipe, fill))
}

/// An exception of a library, which gets these attributes from its state.
fn library_error<'a>(
    context: &PlanContext<'_, 'a>,
    init: &'static ErrorInit,
    call: &PlannedCall<'_>,
    members: &[(String, Ref)],
) -> Result<Recipe<'a>, Refused> {
    let arguments = call.arguments;
    let (module, name) = (call.module.to_string(), call.name.to_string());
    let count_fits = |least: usize, most: usize| {
        checked((least..=most).contains(&arguments.len()), "with another number of arguments")
    };
    let init = match *init {
        // A class without an `__init__` of its own keeps its arguments when it is created.
        _ if call.is_new => None,
        ErrorInit::Inherited if name == "ParseError" => {
            let reads = fits(context, "SyntaxError", arguments)?;
            let recipe = called(module, name, arguments.to_vec());
            return Ok(if reads { reading(recipe) } else { recipe });
        }
        ErrorInit::Inherited => return Ok(called(module, name, arguments.to_vec())),
        ErrorInit::Called => {
            checked(is_computed(context, arguments), "with arguments of other types")?;
            return Ok(called(module, name, arguments.to_vec()));
        }
        ErrorInit::Stores { required, attributes, kept } => {
            count_fits(required, attributes.len())?;
            Some((attributes, kept))
        }
        ErrorInit::Computes { arguments, attributes } => {
            count_fits(arguments, arguments)?;
            let has = |wanted: &&str| members.iter().any(|(name, _)| name == wanted);
            if let Some(missing) = attributes.iter().find(|name| !has(name)) {
                return Err(format!("without the attribute {missing}"));
            }
            Some((&[][..], usize::MAX))
        }
    };
    Ok(made(ValueMake::NewError(Box::new(NewError { module, name, init })), arguments.to_vec()))
}

/// Whether the constructor of an exception that computes its attributes may get these arguments.
fn is_computed(context: &PlanContext<'_, '_>, arguments: &[Ref]) -> bool {
    match *arguments {
        // `JSONDecodeError(message, document, position)`.
        [message, document, position] => {
            is_str(context, message) && is_str(context, document) && is_int(context, position)
        }
        // `IncompleteReadError(partial, expected)`.
        [partial, expected] => is_bytes(context, partial) && (is_int(context, expected) || is_none(context, expected)),
        _ => false,
    }
}

/// Checks the arguments of a built-in exception. Returns whether its constructor reads their contents.
fn fits(context: &PlanContext<'_, '_>, name: &str, arguments: &[Ref]) -> Result<bool, Refused> {
    let position = |position: Ref| int_in(context, position, 0..=i64::MAX).is_some();
    let (fits, reads) = match (name, arguments) {
        ("UnicodeDecodeError", [encoding, object, start, end, reason]) => {
            let are_strings = is_str(context, *encoding) && is_str(context, *reason);
            (are_strings && is_bytes(context, *object) && position(*start) && position(*end), false)
        }
        ("UnicodeEncodeError", [encoding, object, start, end, reason]) => {
            let are_strings = [encoding, object, reason].into_iter().all(|text| is_str(context, *text));
            (are_strings && position(*start) && position(*end), false)
        }
        ("UnicodeTranslateError", [object, start, end, reason]) => {
            let are_strings = is_str(context, *object) && is_str(context, *reason);
            (are_strings && position(*start) && position(*end), false)
        }
        ("UnicodeDecodeError" | "UnicodeEncodeError" | "UnicodeTranslateError", _) => (false, false),
        // It takes the second argument apart.
        ("SyntaxError" | "IndentationError" | "TabError", [_, place]) => {
            let place = context.items(*place, NodeKind::Tuple);
            let is_place =
                |place: &[Ref]| matches!(place.len(), 4 | 6) && place.iter().all(|part| is_simple(context, *part));
            (place.is_some_and(is_place), true)
        }
        ("BaseExceptionGroup" | "ExceptionGroup", [message, members]) if is_str(context, *message) => {
            let members = sequence(context, *members).unwrap_or_default();
            context.spend(members.len())?;
            let may_hold = |member: &Ref| match error_class(context, *member) {
                Some((module, class)) => {
                    name == "BaseExceptionGroup" || !BASE_EXCEPTIONS.contains(&(module.as_str(), class.as_str()))
                }
                None => false,
            };
            (!members.is_empty() && members.iter().all(may_hold), true)
        }
        ("BaseExceptionGroup" | "ExceptionGroup", _) => (false, false),
        _ if OS_ERRORS.contains(&name) => (is_os_error(context, arguments), false),
        _ => (true, false),
    };
    checked(fits, "with arguments of other types")?;
    Ok(reads)
}

/// Whether `OSError(number, text, name, …)` may get these arguments. It finds its class by the number in a dict, and
/// hashing an arbitrary object may never end. A `BlockingIOError` takes a number instead of the name of the file: how
/// many characters were written.
fn is_os_error(context: &PlanContext<'_, '_>, arguments: &[Ref]) -> bool {
    let is_file = |file: Ref| match context.kind(file) {
        Some(NodeKind::Call(_)) => is_path(context, file) || is_bytes(context, file),
        Some(kind) => kind.holds_items(),
        None if has_leaf_type(context, file, "float") => false,
        None if is_int(context, file) => int_in(context, file, i64::MIN..=i64::MAX).is_some(),
        None => is_simple(context, file),
    };
    match *arguments {
        [number, _] | [number, _, _] | [number, _, _, _] | [number, _, _, _, _] if !is_simple(context, number) => false,
        [_, _, file] | [_, _, file, _] | [_, _, file, _, _] => is_file(file),
        _ => true,
    }
}

fn is_path(context: &PlanContext<'_, '_>, reference: Ref) -> bool {
    let builder = called_global(context, reference).and_then(|(module, name)| builder_of(&module, &name));
    matches!(builder, Some(Builder::Value(ValueBuilder::Path)))
}

/// The class of the exception that a call makes; `None` for any other object.
fn error_class(context: &PlanContext<'_, '_>, reference: Ref) -> Option<(String, String)> {
    let (module, name) = context.found_global(context.callee(reference)?)?;
    let is_error =
        matches!(builder_of(&module, &name), Some(Builder::Value(ValueBuilder::Error | ValueBuilder::LibraryError(_))));
    is_error.then(|| (module.to_string(), name.to_string()))
}

/// The attributes in the state of an exception, which `BaseException.__setstate__` would set.
fn members(context: &PlanContext<'_, '_>, class: &str, state: Ref) -> Result<Vec<(String, Ref)>, Refused> {
    let state = context.keyed(state, usize::MAX)?.into_pairs();
    context.spend(state.len().saturating_mul(ATTRIBUTE))?;
    let named = state.into_iter().map(|(name, value)| match is_member(context, class, &name, value) {
        true => Ok((name.into_owned(), value)),
        false => Err(format!("with the attribute {name}")),
    });
    named.collect()
}

/// Whether an exception may get an attribute. Attributes that its class keeps in C take only some types of values.
/// Python reads the byte at the position of a `UnicodeError` without a check.
fn is_member(context: &PlanContext<'_, '_>, class: &str, name: &str, value: Ref) -> bool {
    let is_position = || int_in(context, value, 0..=i64::MAX).is_some();
    match (class, name) {
        (_, "__cause__" | "__context__") => is_none(context, value) || error_class(context, value).is_some(),
        (_, "__traceback__") => is_none(context, value),
        (_, "__suppress_context__") => has_leaf_type(context, value, "bool"),
        (_, "__notes__") => context.is_plain(value, NodeKind::List),
        (_, "args") => context.is_plain(value, NodeKind::Tuple),
        (_, "characters_written") => int_in(context, value, i64::MIN..=i64::MAX).is_some(),
        ("BaseExceptionGroup" | "ExceptionGroup", "message" | "exceptions") => false,
        ("UnicodeDecodeError" | "UnicodeEncodeError" | "UnicodeTranslateError", "start" | "end") => is_position(),
        ("UnicodeDecodeError" | "UnicodeEncodeError" | "UnicodeTranslateError", "encoding" | "reason") => {
            is_str(context, value)
        }
        ("UnicodeDecodeError", "object") => is_bytes(context, value),
        ("UnicodeEncodeError" | "UnicodeTranslateError", "object") => is_str(context, value),
        (_, name) => !(name.starts_with("__") && name.ends_with("__")),
    }
}
