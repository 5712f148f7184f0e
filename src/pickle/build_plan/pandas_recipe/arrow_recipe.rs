//! Recipes for arrays that pyarrow stores: strings, numbers, bools and dates.
//!
//! pyarrow pickles an array as `_restore_array((type, length, missing, offset, buffers, children, dictionary))`, where
//! each buffer is `py_buffer(bytearray)`. Strings are three buffers: a bit for each that is not missing, the offsets of
//! all, and their UTF-8 one after the other (<https://arrow.apache.org/docs/format/Columnar.html>). Its compiled code
//! trusts these numbers, so they are checked here, and again when the array is made.

use std::borrow::Cow;

use super::super::array_arguments::contents;
use super::pandas_parts::{
    instance_state, sequence, take_readonly, text, unexpected_arguments, unexpected_state, unless_none,
};
use super::{ArrayKind, DtypeMade, Made, PandasArgument, PandasMake, PlanContext, PlannedCall, Refused, call_of, made};
use crate::pickle::machine::value::{Leaf, NodeKind, Ref};

/// The most chunks of an array.
const MAX_CHUNKS: usize = 1 << 16;
/// More than the memory of any machine, and small enough that sums of such numbers do not overflow.
const MAX_LENGTH: i64 = 1 << 47;

/// The types, by pyarrow's name.
const TYPES: &[(&str, ArrowLayout)] = &[
    ("string", ArrowLayout::Strings(4)),
    ("large_string", ArrowLayout::Strings(8)),
    ("bool", ArrowLayout::Bits(1)),
    ("bool_", ArrowLayout::Bits(1)),
    ("int8", ArrowLayout::Bits(8)),
    ("int16", ArrowLayout::Bits(16)),
    ("int32", ArrowLayout::Bits(32)),
    ("int64", ArrowLayout::Bits(64)),
    ("uint8", ArrowLayout::Bits(8)),
    ("uint16", ArrowLayout::Bits(16)),
    ("uint32", ArrowLayout::Bits(32)),
    ("uint64", ArrowLayout::Bits(64)),
    ("float", ArrowLayout::Bits(32)),
    ("double", ArrowLayout::Bits(64)),
    ("date32[day]", ArrowLayout::Bits(32)),
    ("date32", ArrowLayout::Bits(32)),
    ("date64[ms]", ArrowLayout::Bits(64)),
    ("date64", ArrowLayout::Bits(64)),
    ("timestamp[s]", ArrowLayout::Bits(64)),
    ("timestamp[ms]", ArrowLayout::Bits(64)),
    ("timestamp[us]", ArrowLayout::Bits(64)),
    ("timestamp[ns]", ArrowLayout::Bits(64)),
    ("duration[s]", ArrowLayout::Bits(64)),
    ("duration[ms]", ArrowLayout::Bits(64)),
    ("duration[us]", ArrowLayout::Bits(64)),
    ("duration[ns]", ArrowLayout::Bits(64)),
];

/// How the values of a type are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ArrowLayout {
    /// This number of bits for each value.
    Bits(u64),
    /// UTF-8, and offsets into it of this number of bytes.
    Strings(usize),
}

/// A buffer of an array.
enum ArrowBuffer<'a> {
    Bytes(Cow<'a, [u8]>),
    /// In memory outside of the pickle, of this length.
    Outside(Ref, u64),
}

/// `ArrowStringArray` or `ArrowExtensionArray`, with a state.
pub(super) fn array<'a>(context: &PlanContext<'_, 'a>, call: &PlannedCall<'_>) -> Result<PandasMake<'a>, Refused> {
    let mut state = instance_state(context, call)?;
    let held = state.take_either("_pa_array", "_data").ok_or_else(unexpected_state)?;
    let (alias, chunks, length) = chunked(context, held)?;
    let dtype = state.need("_dtype")?;
    let own_dtype = match made(context, dtype) {
        Some(Made::Dtype(DtypeMade::String { by_arrow: true, .. })) if is_text(alias) => Some(dtype),
        Some(Made::Dtype(DtypeMade::Arrow(of_dtype))) if of_dtype == alias && !call.name.contains("String") => None,
        _ => return Err("has a dtype that does not fit its type".to_owned()),
    };
    let readonly = take_readonly(context, &mut state)?;
    state.take("_cache");
    state.end()?;
    let arguments = vec![
        PandasArgument::Tuple(chunks),
        PandasArgument::Text(alias.to_owned()),
        PandasArgument::optional(own_dtype),
        PandasArgument::Bool(readonly),
    ];
    Ok(call_of("arrow_array", arguments, Made::Array { class: ArrayKind::Other, length, freq: None }))
}

fn is_text(alias: &str) -> bool {
    matches!(alias, "string" | "large_string")
}

/// The type, the chunks, and the length of all: `chunked_array([…], type)`, or one chunk alone.
fn chunked<'a>(
    context: &PlanContext<'_, 'a>,
    reference: Ref,
) -> Result<(&'static str, Vec<PandasArgument<'a>>, u64), Refused> {
    let (chunks, mut alias) = match arrow_call(context, reference, "chunked_array") {
        Some(call) => {
            let &[chunks, kind] = call.arguments else { return Err(unexpected_arguments()) };
            let chunks = context.items(chunks, NodeKind::List).filter(|chunks| chunks.len() <= MAX_CHUNKS);
            context.consume(reference);
            (chunks.ok_or_else(unexpected_arguments)?.to_vec(), Some(arrow_type(context, kind)?))
        }
        None => (vec![reference], None),
    };
    let (mut made, mut whole) = (Vec::with_capacity(chunks.len()), 0_u64);
    for chunk in chunks {
        let (found, length, argument) = arrow_chunk(context, chunk)?;
        if *alias.get_or_insert(found) != found {
            return Err("has chunks of different types".to_owned());
        }
        whole = whole.saturating_add(length);
        made.push(argument);
    }
    Ok((alias.ok_or("has no type")?, made, whole))
}

/// A call of a function of pyarrow.
fn arrow_call<'m>(context: &PlanContext<'m, '_>, reference: Ref, name: &str) -> Option<PlannedCall<'m>> {
    let call = context.call(reference)?;
    let is_plain = !call.is_new && call.state.is_none() && call.added.is_none() && call.keywords.is_empty();
    (is_plain && (&*call.module, &*call.name) == ("pyarrow.lib", name)).then_some(call)
}

/// The name of `type_for_alias(name)`.
pub(super) fn arrow_type(context: &PlanContext<'_, '_>, reference: Ref) -> Result<&'static str, Refused> {
    let unknown = || "has an unknown type".to_owned();
    let call = arrow_call(context, reference, "type_for_alias").ok_or_else(unknown)?;
    let &[name] = call.arguments else { return Err(unknown()) };
    let name = text(context, name).ok_or_else(unknown)?;
    let (alias, _) = TYPES.iter().find(|(alias, _)| *alias == name).ok_or_else(unknown)?;
    context.consume(reference);
    Ok(alias)
}

/// `_restore_array((type, length, missing, offset, buffers, children, dictionary))`.
fn arrow_chunk<'a>(
    context: &PlanContext<'_, 'a>,
    reference: Ref,
) -> Result<(&'static str, u64, PandasArgument<'a>), Refused> {
    let call = arrow_call(context, reference, "_restore_array").ok_or("has something else in place of an array")?;
    let data = call.arguments.first().filter(|_| call.arguments.len() == 1);
    let data = data.and_then(|data| context.items(*data, NodeKind::Tuple)).ok_or_else(unexpected_arguments)?;
    let &[kind, length, missing, offset, buffers, children, dictionary] = data else {
        return Err(unexpected_arguments());
    };
    let alias = arrow_type(context, kind)?;
    let number = |value| context.int(value).filter(|number| (0..MAX_LENGTH).contains(number));
    let (length, offset) = number(length).zip(number(offset)).ok_or("has an impossible length or offset")?;
    // How many are missing is counted when the array is made.
    context.int(missing).ok_or_else(unexpected_arguments)?;
    let has_parts = sequence(context, children).is_none_or(|children| !children.is_empty());
    if has_parts || unless_none(context, Some(dictionary)).is_some() {
        return Err("has parts that its type does not have".to_owned());
    }
    let buffers = sequence(context, buffers).filter(|buffers| buffers.len() <= 3).ok_or_else(unexpected_arguments)?;
    let buffers = buffers.iter().map(|buffer| match unless_none(context, Some(*buffer)) {
        None => Ok(None),
        Some(buffer) => arrow_buffer(context, buffer).map(Some),
    });
    let buffers = buffers.collect::<Result<Vec<_>, _>>()?;
    let bytes = buffers.iter().flatten().map(ArrowBuffer::length).fold(0, u64::saturating_add);
    context.spend(usize::try_from(bytes).unwrap_or(usize::MAX))?;
    check_buffers(alias, offset, offset + length, &buffers)?;
    context.consume(reference);
    let buffers = buffers.into_iter().map(|buffer| match buffer {
        None => PandasArgument::None,
        Some(ArrowBuffer::Bytes(bytes)) => PandasArgument::Bytes(bytes),
        Some(ArrowBuffer::Outside(buffer, _)) => PandasArgument::Object(buffer),
    });
    let chunk =
        vec![PandasArgument::Int(length), PandasArgument::Int(offset), PandasArgument::Tuple(buffers.collect())];
    Ok((alias, length.unsigned_abs(), PandasArgument::Tuple(chunk)))
}

/// `py_buffer(bytes)` or `py_buffer(bytearray)`.
fn arrow_buffer<'a>(context: &PlanContext<'_, 'a>, reference: Ref) -> Result<ArrowBuffer<'a>, Refused> {
    let unknown = || "has something else in place of a buffer".to_owned();
    let call = arrow_call(context, reference, "py_buffer").ok_or_else(unknown)?;
    let &[memory] = call.arguments else { return Err(unknown()) };
    context.consume(reference);
    if let Some(facts) = context.buffer(memory) {
        return Ok(ArrowBuffer::Outside(memory, facts.length));
    }
    if let Some(Leaf::Bytes(bytes) | Leaf::ByteArray(bytes)) = context.leaf(memory) {
        return Ok(ArrowBuffer::Bytes(Cow::Borrowed(bytes)));
    }
    // Protocols before 5 write `bytearray(bytes)`.
    let inner = context.call(memory).filter(|call| (&*call.module, &*call.name) == ("builtins", "bytearray"));
    let Some(inner) = inner.filter(|call| !call.is_new && call.state.is_none() && call.added.is_none()) else {
        return contents(context, memory).map(ArrowBuffer::Bytes);
    };
    context.consume(memory);
    match *inner.arguments {
        [] => Ok(ArrowBuffer::Bytes(Cow::Borrowed(&[]))),
        [bytes] => contents(context, bytes).map(ArrowBuffer::Bytes),
        _ => Err(unknown()),
    }
}

/// Refuses buffers that are too short for the values from `start` to `end`, and strings that are not UTF-8 or overlap.
fn check_buffers(alias: &str, start: i64, end: i64, buffers: &[Option<ArrowBuffer<'_>>]) -> Result<(), Refused> {
    let layout = TYPES.iter().find(|(name, _)| *name == alias).map(|(_, layout)| *layout);
    let values = end.unsigned_abs();
    match (layout, buffers) {
        (Some(ArrowLayout::Bits(bits)), [missing, values_of]) => {
            has_length(missing.as_ref(), values.div_ceil(8))?;
            let found = values_of.as_ref().ok_or("has no values")?;
            has_length(Some(found), (values * bits).div_ceil(8))
        }
        (Some(ArrowLayout::Strings(size)), [missing, offsets, text]) => {
            has_length(missing.as_ref(), values.div_ceil(8))?;
            // No offsets are needed where there are no strings.
            let needed = if values == 0 { 0 } else { (values + 1) * size as u64 };
            has_length(offsets.as_ref(), needed)?;
            let found = offsets.is_some() || values == 0;
            found.then_some(()).ok_or("has no offsets")?;
            check_strings(size, start, end, offsets.as_ref(), text.as_ref())
        }
        _ => Err("has another number of buffers than its type".to_owned()),
    }
}

impl ArrowBuffer<'_> {
    fn length(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Outside(_, length) => *length,
        }
    }
}

fn has_length(buffer: Option<&ArrowBuffer<'_>>, needed: u64) -> Result<(), Refused> {
    match buffer {
        Some(buffer) if buffer.length() < needed => {
            Err(format!("has a buffer of {} bytes that needs {needed}", buffer.length()))
        }
        _ => Ok(()),
    }
}

/// Checks the strings from `start` to `end`, as far as they are in the pickle.
fn check_strings(
    size: usize,
    start: i64,
    end: i64,
    offsets: Option<&ArrowBuffer<'_>>,
    text: Option<&ArrowBuffer<'_>>,
) -> Result<(), Refused> {
    let Some(ArrowBuffer::Bytes(offsets)) = offsets else { return Ok(()) };
    let (Ok(start), Ok(end)) = (usize::try_from(start), usize::try_from(end)) else { return Ok(()) };
    if end == 0 {
        return Ok(());
    }
    let outside = || "has a string that begins or ends outside of its buffer".to_owned();
    // The offset after the last string is its end.
    let used = offsets.get(start * size..(end + 1) * size).ok_or_else(outside)?;
    let offsets = || used.chunks_exact(size).map(string_offset);
    let (first, last) = (offsets().next().unwrap_or(-1), offsets().next_back().unwrap_or(-1));
    if first < 0 || !offsets().is_sorted() || last.unsigned_abs() > text.map_or(0, ArrowBuffer::length) {
        return Err(outside());
    }
    let Some(ArrowBuffer::Bytes(text)) = text else { return Ok(()) };
    let (Ok(from), Ok(to)) = (usize::try_from(first), usize::try_from(last)) else { return Err(outside()) };
    let text = text.get(from..to).and_then(|text| std::str::from_utf8(text).ok());
    let is_boundary =
        |at: i64| usize::try_from(at - first).is_ok_and(|at| text.is_some_and(|text| text.is_char_boundary(at)));
    if offsets().all(is_boundary) { Ok(()) } else { Err("has a string that is not UTF-8".to_owned()) }
}

/// An offset into the UTF-8 of all strings.
fn string_offset(item: &[u8]) -> i64 {
    match *item {
        [a, b, c, d] => i64::from(i32::from_le_bytes([a, b, c, d])),
        [a, b, c, d, e, f, g, h] => i64::from_le_bytes([a, b, c, d, e, f, g, h]),
        _ => -1,
    }
}
