//! Checks of arguments. None of them decodes a long value more than once: a pickle can refer to one string a million
//! times.

use std::borrow::Cow;

use crate::pickle::build_plan::{Builder, PlanContext, Refused};
use crate::pickle::explain::label_cache::Global;
use crate::pickle::known::{builder_of, current_name};
use crate::pickle::machine::value::{Leaf, NodeKind, Ref};

/// The most bytes of the opcodes of a value that is decoded whenever it is used.
const SHORT: u64 = 64;

/// Accounts for a copy of an argument: of its items, or of the bytes of its opcode. Without this, many calls could each
/// copy one long argument. `weight` is how much larger than in the pickle the copy is.
pub(super) fn copied(context: &PlanContext<'_, '_>, reference: Ref, weight: usize) -> Result<(), Refused> {
    let bytes = |leaf: Ref| usize::try_from(size(context, leaf)).unwrap_or(usize::MAX);
    let length = match context.kind(reference) {
        Some(kind) if kind.holds_items() => context.items(reference, kind).map_or(1, <[Ref]>::len),
        // A string that is encoded.
        Some(_) => arguments_of(context, reference).and_then(<[Ref]>::first).map_or(1, |text| bytes(*text)),
        None => bytes(reference),
    };
    context.spend(length.saturating_mul(weight))
}

/// Whether this is an object that refers to another one and that Python deletes by recursion, or a call of something
/// unknown. Such objects must not be parts of one another: a long chain of them would overflow the stack.
pub(super) fn is_link(context: &PlanContext<'_, '_>, reference: Ref) -> bool {
    use super::ValueBuilder::{GenericAlias, Interpolation, ItemGetter, Iterator, MappingProxy, Slice, TemplateString};
    let Some(callee) = context.callee(reference) else { return false };
    let Some((module, name)) = context.found_global(callee) else { return true };
    match builder_of(&module, &name) {
        Some(Builder::Value(builder)) => matches!(
            builder,
            GenericAlias | Interpolation | ItemGetter | Iterator | MappingProxy | Slice | TemplateString
        ),
        Some(_) => false,
        None => true,
    }
}

/// The size of the opcodes that make a value without parts.
pub(super) fn size(context: &PlanContext<'_, '_>, reference: Ref) -> u64 {
    context.size(reference)
}

/// A value without parts, if its opcodes take at most `limit` bytes.
pub(super) fn short_leaf<'a>(context: &PlanContext<'_, 'a>, reference: Ref, limit: u64) -> Option<Leaf<'a>> {
    if context.kind(reference).is_some() || size(context, reference) > limit {
        return None;
    }
    context.leaf(reference)
}

/// Whether this is a string that a single opcode makes.
pub(in crate::pickle) fn is_str(context: &PlanContext<'_, '_>, reference: Ref) -> bool {
    has_leaf_type(context, reference, "str")
}

/// Whether this is an `int` that a single opcode makes.
pub(super) fn is_int(context: &PlanContext<'_, '_>, reference: Ref) -> bool {
    has_leaf_type(context, reference, "int")
}

pub(super) fn has_leaf_type(context: &PlanContext<'_, '_>, reference: Ref, wanted: &str) -> bool {
    if context.kind(reference).is_some() {
        return false;
    }
    // Labels remember the values that they have decoded. Short values are decoded again, which takes less memory.
    match short_leaf(context, reference, SHORT) {
        Some(leaf) => leaf_type(&leaf) == wanted,
        None => context.type_name(reference).as_ref() == wanted,
    }
}

fn leaf_type(leaf: &Leaf<'_>) -> &'static str {
    match leaf {
        Leaf::None => "NoneType",
        Leaf::Bool(_) => "bool",
        Leaf::Int(_) | Leaf::LargeInt => "int",
        Leaf::Float(_) => "float",
        Leaf::Str(_) | Leaf::OldStr(_) => "str",
        Leaf::Bytes(_) => "bytes",
        Leaf::ByteArray(_) => "bytearray",
        _ => "",
    }
}

/// Whether this is a number, a string, bytes or `None`, which one opcode makes.
pub(super) fn is_simple(context: &PlanContext<'_, '_>, reference: Ref) -> bool {
    ["NoneType", "bool", "int", "float", "str", "bytes"].into_iter().any(|kind| has_leaf_type(context, reference, kind))
}

pub(super) fn is_none(context: &PlanContext<'_, '_>, reference: Ref) -> bool {
    has_leaf_type(context, reference, "NoneType")
}

/// Whether this is bytes: of one opcode, or as protocols 0 to 2 write them.
pub(in crate::pickle) fn is_bytes(context: &PlanContext<'_, '_>, reference: Ref) -> bool {
    let is_called = || {
        called_global(context, reference)
            .is_some_and(|(module, name)| matches!((&*module, &*name), ("_codecs", "encode") | ("builtins", "bytes")))
    };
    has_leaf_type(context, reference, "bytes") || is_called()
}

/// A string whose opcode takes at most `limit` bytes.
pub(super) fn short_text<'a>(context: &PlanContext<'_, 'a>, reference: Ref, limit: u64) -> Option<Cow<'a, str>> {
    let owned = |bytes: Cow<'a, [u8]>| match bytes {
        Cow::Borrowed(bytes) => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
        Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
    };
    match short_leaf(context, reference, limit)? {
        Leaf::Str(text) => owned(text.into_bytes()),
        Leaf::OldStr(bytes) if bytes.is_ascii() => owned(bytes),
        _ => None,
    }
}

/// Bytes whose opcodes take at most `limit` bytes: of one opcode, a `str` of Python 2, a string that Python 2 wrote and
/// that was pickled again, or encoded in Latin-1, as protocols 0 to 2 write them.
pub(in crate::pickle) fn byte_string<'a>(
    context: &PlanContext<'_, 'a>,
    reference: Ref,
    limit: u64,
) -> Option<Cow<'a, [u8]>> {
    if let Some(arguments) = arguments_of(context, reference) {
        let (module, name) = called_global(context, reference)?;
        return match ((&*module, &*name), arguments) {
            (("_codecs", "encode"), [text, encoding]) if is_latin_1(context, *encoding) => {
                latin_1(context, *text, limit).map(Cow::Owned)
            }
            (("builtins", "bytes"), []) => Some(Cow::Borrowed(&[])),
            _ => None,
        };
    }
    match short_leaf(context, reference, limit)? {
        Leaf::Bytes(bytes) => Some(Cow::Borrowed(bytes)),
        Leaf::OldStr(bytes) => Some(bytes),
        Leaf::Str(_) => latin_1(context, reference, limit).map(Cow::Owned),
        _ => None,
    }
}

pub(super) fn is_latin_1(context: &PlanContext<'_, '_>, reference: Ref) -> bool {
    short_text(context, reference, SHORT).is_some_and(|name| matches!(&*name, "latin1" | "latin-1"))
}

fn latin_1(context: &PlanContext<'_, '_>, reference: Ref, limit: u64) -> Option<Vec<u8>> {
    // An escape of protocol 0 takes six bytes for one character.
    let text = short_text(context, reference, limit.saturating_mul(6).saturating_add(8))?;
    text.chars().map(|character| u8::try_from(u32::from(character)).ok()).collect()
}

/// An integer that is not negative, of at most 128 bits.
pub(in crate::pickle::build_plan) fn wide_int(context: &PlanContext<'_, '_>, reference: Ref) -> Option<u128> {
    match short_leaf(context, reference, SHORT)? {
        Leaf::Int(number) => u128::try_from(number).ok(),
        Leaf::LargeInt => {
            match context.opcode_bytes(reference) {
                // LONG1: a length and little-endian two's complement.
                [0x8a, _, digits @ ..] => {
                    let (low, high) = digits.split_at_checked(16).unwrap_or((digits, &[]));
                    let is_negative = digits.last().is_some_and(|byte| *byte >= 0x80);
                    let mut bytes = [0; 16];
                    bytes.get_mut(..low.len())?.copy_from_slice(low);
                    (!is_negative && high.iter().all(|byte| *byte == 0)).then(|| u128::from_le_bytes(bytes))
                }
                // LONG and INT: decimal digits.
                [_, line @ ..] => {
                    let line = line.trim_ascii();
                    std::str::from_utf8(line.strip_suffix(b"L").unwrap_or(line)).ok()?.parse().ok()
                }
                [] => None,
            }
        }
        _ => None,
    }
}

/// An integer in this range.
pub(super) fn int_in(
    context: &PlanContext<'_, '_>,
    reference: Ref,
    range: std::ops::RangeInclusive<i64>,
) -> Option<i64> {
    match short_leaf(context, reference, SHORT)? {
        Leaf::Int(number) if range.contains(&number) => Some(number),
        _ => None,
    }
}

/// Whether a value is a bool, or a number that means one.
pub(super) fn truth(context: &PlanContext<'_, '_>, reference: Ref) -> Option<bool> {
    match short_leaf(context, reference, SHORT)? {
        Leaf::Bool(value) => Some(value),
        Leaf::Int(number @ 0..=1) => Some(number == 1),
        _ => None,
    }
}

/// The items of a plain list or tuple.
pub(super) fn sequence<'m>(context: &PlanContext<'m, '_>, reference: Ref) -> Option<&'m [Ref]> {
    context.items(reference, NodeKind::List).or_else(|| context.items(reference, NodeKind::Tuple))
}

/// Whether this is a plain list or tuple. Its contents may change later.
pub(super) fn is_sequence(context: &PlanContext<'_, '_>, reference: Ref) -> bool {
    context.is_plain(reference, NodeKind::List) || context.is_plain(reference, NodeKind::Tuple)
}

/// The arguments of a call by REDUCE that nothing changes later.
pub(super) fn arguments_of<'m>(context: &PlanContext<'m, '_>, reference: Ref) -> Option<&'m [Ref]> {
    context.plain_call(reference).map(|(_, arguments)| arguments)
}

/// The callee of a call by REDUCE, by its current name.
pub(super) fn called_global(context: &PlanContext<'_, '_>, reference: Ref) -> Option<Global> {
    context.found_global(context.plain_call(reference)?.0)
}

pub(super) fn current(module: &str, name: &str) -> Global {
    let (module, name) = current_name(module, name);
    (module.into(), name.into())
}

/// Whether this is the result of a call: an object that has a recipe of its own.
pub(super) fn is_called(context: &PlanContext<'_, '_>, reference: Ref) -> bool {
    context.callee(reference).is_some()
}

/// The most bytes of the opcode that pushes a name.
pub(super) const MAX_NAME: u64 = 1024;

/// How much more an attribute takes than looking at an item.
pub(super) const ATTRIBUTE: usize = 16;

/// The attributes in a state: a dict whose keys are names. No name begins and ends with two underscores.
pub(super) fn attributes(context: &PlanContext<'_, '_>, state: Ref) -> Result<Vec<(String, Ref)>, Refused> {
    let state = context.keyed(state, usize::MAX)?.into_pairs();
    context.spend(state.len().saturating_mul(ATTRIBUTE))?;
    let named = state.into_iter().map(|(name, value)| match name.starts_with("__") && name.ends_with("__") {
        true => Err(format!("with the attribute {name}")),
        false => Ok((name.into_owned(), value)),
    });
    named.collect()
}

/// The bytes of a string, or bytes, whose opcodes take at most `limit` bytes.
pub(super) fn byte_string_or_text<'a>(
    context: &PlanContext<'_, 'a>,
    reference: Ref,
    limit: u64,
) -> Option<Cow<'a, [u8]>> {
    match short_leaf(context, reference, limit) {
        Some(Leaf::Str(text)) => Some(text.into_bytes()),
        _ => byte_string(context, reference, limit),
    }
}
