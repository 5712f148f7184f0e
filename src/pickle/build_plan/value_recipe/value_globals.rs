//! Globals as values, and the calls by which pickles find classes, attributes and constants.

use super::value_arguments::{called_global, current, is_simple, sequence, short_text, size};
use super::value_collections::FACTORIES;
use super::value_enumerations::{is_constant, member_by_name, member_by_value};
use super::value_make::{Given, HarmlessCall, ValueMake, called, made, reading};
use super::{PlanContext, PlannedCall, Recipe, Refused, ValueBuilder};
use crate::pickle::build_plan::{Fill, Make};
use crate::pickle::explain::label_cache::Global;
use crate::pickle::explain::labels::Labels;
use crate::pickle::known::{class_named, import_name, is_built, is_harmless_value};
use crate::pickle::machine::value::{CallKind, Node, NodeKind, Ref};

/// How many calls lead from one global to another: `_getattr(_load_type('dict'), 'keys', …)`.
const MAX_STEPS: usize = 3;
/// How deeply aliases are nested: `dict[str, list[tuple[int, str]]]`.
const MAX_ALIASES: usize = 8;
/// The most members of a union: Python compares each of them with all others.
const MAX_UNION: usize = 256;
/// The longest name of a class, an attribute or a constant, in bytes of its opcode.
const MAX_NAME: u64 = 256;

/// The recipe for a global that a pickle refers to, and does not call.
pub(crate) fn global<'a>(module: &str, name: &str) -> Result<Recipe<'a>, Refused> {
    let (module, name) = current(module, name);
    let (module, name) = match (&*module, &*name) {
        ("builtins", "NoneType") => ("types", "NoneType"),
        ("pathlib._local", name) => ("pathlib", name),
        (module, name) => (module, name),
    };
    if is_constant(module, name) {
        return Ok(made(ValueMake::NamedMember(module.to_owned(), name.to_owned()), Vec::new()));
    }
    if is_harmless_value(module, name) {
        return Ok(found_as(Make::Global(module.to_owned(), name.to_owned())));
    }
    Err("is no harmless value".into())
}

fn found_as(make: Make<'_>) -> Recipe<'_> {
    Recipe { make, needs: Vec::new(), reads: false, fill: Fill::Nothing }
}

/// The global that a reference is, by its current name: an import, or a call that finds one.
pub(in crate::pickle) fn global_of(labels: &Labels<'_, '_>, reference: Ref) -> Option<Global> {
    found(labels, reference, MAX_STEPS)
}

fn found(labels: &Labels<'_, '_>, reference: Ref, steps: usize) -> Option<Global> {
    if let Some((module, name)) = labels.global(reference) {
        return Some(current(&module, &name));
    }
    let steps = steps.checked_sub(1)?;
    let plain = |node: &&Node, kind| node.kind == kind && node.state().is_none() && node.added().is_none();
    let node = labels.machine().node(reference).filter(|node| plain(node, NodeKind::Call(CallKind::Reduce)))?;
    let [callee, arguments] = &node.items[..] else { return None };
    let (module, name) = found(labels, *callee, steps)?;
    let arguments = labels.machine().node(*arguments).filter(|node| plain(node, NodeKind::Tuple))?;
    match ((&*module, &*name), &arguments.items[..]) {
        (("dill._dill" | "dill.dill", "_load_type"), [name]) => named(labels, *name),
        (("cloudpickle.cloudpickle" | "cloudpickle.cloudpickle_fast" | "cloudpickle", "_builtin_type"), [name]) => {
            named(labels, *name)
        }
        (("builtins", "getattr"), [of, name])
        | (("dill._dill" | "dill.dill", "_getattr"), [of, name, _])
        | (("dill._dill" | "dill.dill", "_get_attr"), [of, name]) => {
            let (module, class) = found(labels, *of, steps)?;
            let dotted = format!("{class}.{}", labels.string(*name)?);
            is_built(&module, &dotted).then(|| (module, dotted.into()))
        }
        // dill writes `Ellipsis` so.
        (("dill._dill" | "dill.dill", "_eval_repr"), [name]) => {
            let name = labels.string(*name).filter(|name| matches!(&**name, "Ellipsis" | "NotImplemented"))?;
            Some(("builtins".into(), name))
        }
        (("builtins", "type"), [of]) => type_of(labels, *of),
        _ => None,
    }
}

/// The class that dill and cloudpickle find by a name.
fn named(labels: &Labels<'_, '_>, name: Ref) -> Option<Global> {
    let name = labels.string(name)?;
    let (module, name) = match &*name {
        "NoneType" | "NotImplementedType" => ("types", &*name),
        name => class_named(name),
    };
    Some((module.into(), name.into()))
}

/// The type of a constant: `type(None)`.
fn type_of(labels: &Labels<'_, '_>, of: Ref) -> Option<Global> {
    let global = labels.global(of).map(|(module, name)| current(&module, &name));
    let name = match global.as_ref().map(|(module, name)| (&**module, &**name)) {
        Some(("builtins", "Ellipsis")) => "EllipsisType",
        Some(("builtins", "NotImplemented")) => "NotImplementedType",
        None if &*labels.type_name(of) == "NoneType" => "NoneType",
        _ => return None,
    };
    Some(("types".into(), name.into()))
}

/// The recipe for a call that finds a class, an attribute or a constant.
pub(super) fn recipe<'a>(
    context: &PlanContext<'_, 'a>,
    builder: ValueBuilder,
    call: &PlannedCall<'_>,
) -> Result<Recipe<'a>, Refused> {
    match builder {
        ValueBuilder::Repr => repr(context, call),
        ValueBuilder::EnumMember => member_by_value(context, call),
        ValueBuilder::UnionType => {
            if is_union(context, call)? {
                return Ok(reading(called("functools", "reduce", call.arguments.to_vec())));
            }
            Err("of anything but harmless classes".into())
        }
        ValueBuilder::GenericAlias => {
            if is_alias(context, call.node, MAX_ALIASES)? {
                return Ok(called("types", "GenericAlias", call.arguments.to_vec()));
            }
            Err("of anything but harmless classes".into())
        }
        _ => {
            if let Some(member) = member_by_name(context, call) {
                return Ok(member);
            }
            let found = context.found_global(call.node);
            let attribute = found.clone().or_else(|| context.attribute(call.node));
            let (module, name) = attribute.ok_or("with these arguments")?;
            let otherwise = || format!("to find {}", import_name(&module, &name));
            found.and_then(|(module, name)| global(&module, &name).ok()).ok_or_else(otherwise)
        }
    }
}

/// dill's `_eval_repr`, as far as dill calls it.
fn repr<'a>(context: &PlanContext<'_, 'a>, call: &PlannedCall<'_>) -> Result<Recipe<'a>, Refused> {
    let text = match *call.arguments {
        [text] => short_text(context, text, MAX_NAME),
        _ => None,
    };
    let text = text.ok_or("with anything but a short string")?;
    if matches!(&*text, "Ellipsis" | "NotImplemented" | "None") {
        return Ok(found_as(Make::Global("builtins".to_owned(), text.into_owned())));
    }
    let numbers = text.strip_prefix("range(").and_then(|rest| rest.strip_suffix(')'));
    let numbers: Option<Vec<i128>> =
        numbers.and_then(|numbers| numbers.split(',').map(|number| number.trim().parse().ok()).collect());
    match numbers {
        Some(numbers) if (1..=3).contains(&numbers.len()) && numbers.get(2) != Some(&0) => {
            let call = HarmlessCall::new("builtins", "range").with(numbers.into_iter().map(Box::new).map(Given::Wide));
            Ok(made(ValueMake::Call(Box::new(call)), Vec::new()))
        }
        _ => Err(format!("of {text}")),
    }
}

/// Whether a call makes `int | None` or the like, of classes that may be values: `reduce(or_, (int, NoneType))`.
fn is_union(context: &PlanContext<'_, '_>, call: &PlannedCall<'_>) -> Result<bool, Refused> {
    let &[operator, parts] = call.arguments else { return Ok(false) };
    let is_or = context
        .global(operator)
        .is_some_and(|(module, name)| matches!((&*module, &*name), ("operator" | "_operator", "or_")));
    let Some(parts) = context.items(parts, NodeKind::Tuple).filter(|parts| is_or && parts.len() > 1) else {
        return Ok(false);
    };
    if parts.len() > MAX_UNION {
        return Err(format!("of more than {MAX_UNION} members"));
    }
    context.spend(parts.len())?;
    for part in parts {
        let class = context.found_global(*part);
        // What another kind of value does with `|` is its own.
        let is_class = class.is_some_and(|(module, name)| {
            (&*module, &*name) == ("types", "NoneType") || FACTORIES.contains(&(&*module, &*name))
        });
        let is_nested = called_global(context, *part)
            .is_some_and(|(module, name)| matches!((&*module, &*name), ("types", "GenericAlias")));
        let is_known = is_class || is_nested && is_alias(context, *part, MAX_ALIASES)?;
        if !is_known {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether a reference is `list[int]` or the like, of classes that may be values.
fn is_alias(context: &PlanContext<'_, '_>, reference: Ref, depth: usize) -> Result<bool, Refused> {
    let is_class = |reference: Ref| {
        let found = context.found_global(reference);
        found.is_some_and(|(module, name)| global(&module, &name).is_ok())
    };
    let Some((_, &[origin, parameters])) = context.plain_call(reference) else { return Ok(false) };
    let parameters = sequence(context, parameters).unwrap_or(std::slice::from_ref(&parameters));
    context.spend(parameters.len())?;
    for parameter in parameters {
        let is_nested = || {
            let is_called = called_global(context, *parameter)
                .is_some_and(|(module, name)| matches!((&*module, &*name), ("types", "GenericAlias")));
            if is_called && depth > 0 { is_alias(context, *parameter, depth - 1) } else { Ok(false) }
        };
        let is_short = is_simple(context, *parameter) && size(context, *parameter) < MAX_NAME;
        if !is_class(*parameter) && !is_short && !is_nested()? {
            return Ok(false);
        }
    }
    Ok(is_class(origin))
}
