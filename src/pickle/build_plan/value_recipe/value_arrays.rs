//! Recipes for bytes, and for arrays of the module `array`: as a list of numbers, or as bytes in the format of the
//! machine that wrote them (`Modules/arraymodule.c`).

use super::value_arguments::{
    arguments_of, copied, has_leaf_type, int_in, is_bytes, is_latin_1, is_str, sequence, short_leaf, short_text, size,
};
use super::value_make::{Given, HarmlessCall, ValueMake, called, made, reading};
use super::value_numbers::checked;
use super::{PlanContext, PlannedCall, Recipe, Refused, ValueBuilder};
use crate::pickle::machine::value::{Leaf, Ref};

/// The item of a typecode: its size in bytes where snapcli runs, and its kind.
const TYPECODES: &[(char, usize, Kind)] = &[
    ('b', 1, Kind::Signed),
    ('B', 1, Kind::Unsigned),
    ('u', 4, Kind::Character),
    ('w', 4, Kind::Character),
    ('h', 2, Kind::Signed),
    ('H', 2, Kind::Unsigned),
    ('i', 4, Kind::Signed),
    ('I', 4, Kind::Unsigned),
    ('l', 8, Kind::Signed),
    ('L', 8, Kind::Unsigned),
    ('q', 8, Kind::Signed),
    ('Q', 8, Kind::Unsigned),
    ('f', 4, Kind::Float),
    ('d', 8, Kind::Float),
];
/// By number: the formats of machines, as size, kind, and whether the highest byte comes first.
const FORMATS: &[(usize, Kind, bool)] = &[
    (1, Kind::Unsigned, false),
    (1, Kind::Signed, false),
    (2, Kind::Unsigned, false),
    (2, Kind::Unsigned, true),
    (2, Kind::Signed, false),
    (2, Kind::Signed, true),
    (4, Kind::Unsigned, false),
    (4, Kind::Unsigned, true),
    (4, Kind::Signed, false),
    (4, Kind::Signed, true),
    (8, Kind::Unsigned, false),
    (8, Kind::Unsigned, true),
    (8, Kind::Signed, false),
    (8, Kind::Signed, true),
    (4, Kind::Float, false),
    (4, Kind::Float, true),
    (8, Kind::Float, false),
    (8, Kind::Float, true),
    (2, Kind::Character, false),
    (2, Kind::Character, true),
    (4, Kind::Character, false),
    (4, Kind::Character, true),
];
/// The number of code points of Unicode.
const CODE_POINTS: u32 = 0x11_0000;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Signed,
    Unsigned,
    Float,
    Character,
}

pub(super) fn recipe<'a>(
    context: &PlanContext<'_, 'a>,
    builder: ValueBuilder,
    call: &PlannedCall<'_>,
) -> Result<Recipe<'a>, Refused> {
    let arguments = call.arguments;
    if !matches!(builder, ValueBuilder::Array) {
        arguments.iter().try_for_each(|bytes| copied(context, *bytes, 1))?;
    }
    match builder {
        ValueBuilder::Encode => match *arguments {
            [text, encoding] if is_str(context, text) && is_latin_1(context, encoding) => Ok(encoded("bytes", text)),
            _ => Err("of anything but a string into latin1".into()),
        },
        ValueBuilder::Bytes => match *arguments {
            [] => Ok(called("builtins", "bytes", Vec::new())),
            [bytes] if is_bytes(context, bytes) => Ok(called("builtins", "bytes", vec![bytes])),
            _ => Err("of anything but bytes".into()),
        },
        ValueBuilder::ByteArray => match *arguments {
            [] => Ok(called("builtins", "bytearray", Vec::new())),
            [bytes] if is_bytes(context, bytes) => Ok(called("builtins", "bytearray", vec![bytes])),
            [text, encoding] if is_str(context, text) && is_latin_1(context, encoding) => {
                Ok(encoded("bytearray", text))
            }
            _ => Err("of anything but bytes".into()),
        },
        ValueBuilder::Array => of_list(context, arguments),
        _ => of_bytes(context, arguments),
    }
}

fn encoded(class: &'static str, text: Ref) -> Recipe<'static> {
    made(ValueMake::Call(Box::new(HarmlessCall::new("builtins", class).with([Given::Encoded]))), vec![text])
}

/// The typecode in an argument.
fn typecode(context: &PlanContext<'_, '_>, code: Ref) -> Result<&'static (char, usize, Kind), Refused> {
    let code = short_text(context, code, 16);
    let found = TYPECODES
        .iter()
        .find(|(known, ..)| code.as_deref().is_some_and(|code| code.len() == 1 && code.starts_with(*known)));
    found.ok_or_else(|| "with an unknown typecode".to_owned())
}

/// `array(typecode, [item, …])`.
fn of_list<'a>(context: &PlanContext<'_, 'a>, arguments: &[Ref]) -> Result<Recipe<'a>, Refused> {
    let (&[code], items) = arguments.split_at_checked(1).ok_or("without a typecode")? else {
        return Err("without a typecode".into());
    };
    let &(_, size, kind) = typecode(context, code)?;
    let items = match *items {
        [] => &[],
        [items] => sequence(context, items).ok_or("of anything but a list")?,
        _ => return Err("with these arguments".into()),
    };
    context.spend(items.len().saturating_mul(4))?;
    checked(items.iter().all(|item| is_item(context, *item, size, kind)), "with items that do not fit its typecode")?;
    Ok(reading(called("array", "array", arguments.to_vec())))
}

fn is_item(context: &PlanContext<'_, '_>, item: Ref, size: usize, kind: Kind) -> bool {
    let bits = u32::try_from(size * 8).unwrap_or(64);
    match (kind, short_leaf(context, item, 32)) {
        (Kind::Signed, Some(Leaf::Int(number))) => number >> (bits - 1) == 0 || number >> (bits - 1) == -1,
        (Kind::Unsigned, Some(Leaf::Int(number))) => number >= 0 && (bits == 64 || number >> bits == 0),
        (Kind::Unsigned, Some(Leaf::LargeInt)) => {
            bits == 64 && super::value_arguments::wide_int(context, item).is_some_and(|number| number >> 64 == 0)
        }
        (Kind::Float, Some(leaf)) => matches!(leaf, Leaf::Float(_) | Leaf::Int(_)),
        (Kind::Character, Some(Leaf::Str(text))) => text.characters() == 1,
        _ => false,
    }
}

/// `_array_reconstructor(array, typecode, number of the format, bytes)`.
fn of_bytes<'a>(context: &PlanContext<'_, 'a>, arguments: &[Ref]) -> Result<Recipe<'a>, Refused> {
    let &[class, code, format, bytes] = arguments else { return Err("without four arguments".into()) };
    let is_array = context.found_global(class).is_some_and(|(module, name)| (&*module, &*name) == ("array", "array"));
    checked(is_array, "of another class")?;
    let &(typecode, own_size, kind) = typecode(context, code)?;
    let format = int_in(context, format, 0..=21).and_then(|number| FORMATS.get(usize::try_from(number).ok()?));
    let &(size, written, is_big_endian) = format.ok_or("in an unknown format")?;
    let length = length_of_bytes(context, bytes).ok_or("of anything but bytes")?;
    checked(length.is_multiple_of(size as u64), "of bytes that are no whole number of items")?;
    let is_same_size = own_size == size && kind == written;
    let typecode = match written {
        _ if is_same_size => typecode,
        // As CPython: a type of the same size and sign, here the last one that has them.
        Kind::Signed | Kind::Unsigned => {
            let same = TYPECODES.iter().rfind(|(_, own, kind)| *own == size && *kind == written);
            same.map(|(code, ..)| *code).ok_or("in a format that this machine does not have")?
        }
        _ => return Err("in a format that this machine does not have".into()),
    };
    if written == Kind::Character {
        characters_fit(context, bytes, is_big_endian)?;
    }
    if is_big_endian && size > 1 {
        return Ok(made(ValueMake::SwappedArray { typecode }, vec![bytes]));
    }
    let code = Given::Text(typecode.to_string().into());
    Ok(made(ValueMake::Call(Box::new(HarmlessCall::new("array", "array").with([code, Given::Needed]))), vec![bytes]))
}

/// The length of bytes: of one opcode, or of none.
fn length_of_bytes(context: &PlanContext<'_, '_>, bytes: Ref) -> Option<u64> {
    if has_leaf_type(context, bytes, "bytes") {
        return match context.leaf(bytes) {
            Some(Leaf::Bytes(bytes)) => Some(bytes.len() as u64),
            _ => None,
        };
    }
    let arguments = arguments_of(context, bytes).filter(|_| is_bytes(context, bytes))?;
    match *arguments {
        [] => Some(0),
        [text, _] => {
            context.spend(usize::try_from(size(context, text)).ok()?).ok()?;
            match context.leaf(text) {
                Some(Leaf::Str(text)) => Some(text.characters()),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Whether all characters are code points of Unicode.
fn characters_fit(context: &PlanContext<'_, '_>, bytes: Ref, is_big_endian: bool) -> Result<(), Refused> {
    let Some(Leaf::Bytes(bytes)) = context.leaf(bytes) else { return Err("of anything but bytes".into()) };
    context.spend(bytes.len())?;
    let code = |bytes: &[u8; 4]| if is_big_endian { u32::from_be_bytes(*bytes) } else { u32::from_le_bytes(*bytes) };
    let (characters, _) = bytes.as_chunks::<4>();
    checked(characters.iter().all(|character| code(character) < CODE_POINTS), "with characters that do not exist")
}
