//! Recipes for objects that are made of a string in some syntax (paths and addresses), and for files in memory. No file
//! is opened.

use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::value_arguments::{
    attributes, copied, int_in, is_bytes, is_none, is_str, short_leaf, short_text, size, wide_int,
};
use super::value_make::{ValueMake, called, filled, made};
use super::value_numbers::checked;
use super::{PlanContext, PlannedCall, Recipe, Refused, ValueBuilder};
use crate::pickle::build_plan::Fill;
use crate::pickle::machine::value::{Leaf, NodeKind, Ref};

/// The maximum distance between the end of a file in memory and its position: a write there would fill the gap.
const MAX_GAP: i64 = 1 << 20;
/// The longest address, in bytes of its opcode.
const MAX_ADDRESS: u64 = 128;

pub(super) fn recipe<'a>(
    context: &PlanContext<'_, 'a>,
    builder: ValueBuilder,
    call: &PlannedCall<'_>,
) -> Result<Recipe<'a>, Refused> {
    match builder {
        ValueBuilder::Path => {
            let are_strings = call.arguments.iter().all(|part| is_str(context, *part));
            checked(are_strings, "of anything but strings")?;
            call.arguments.iter().try_for_each(|part| copied(context, *part, 2))?;
            Ok(called("pathlib", call.name.to_string(), call.arguments.to_vec()))
        }
        ValueBuilder::Address => {
            let &[address] = call.arguments else { return Err("with these arguments".into()) };
            let bits = if call.name.starts_with("IPv4") { 32 } else { 128 };
            // Addresses are pickled as numbers, all others as strings.
            let is_number = || {
                let number = wide_int(context, address).filter(|_| call.name.ends_with("Address"));
                number.is_some_and(|number| bits == 128 || number >> bits == 0)
            };
            let text = short_text(context, address, MAX_ADDRESS);
            let is_address = text.map_or_else(is_number, |text| is_address(&call.name, &text));
            checked(is_address, "of a string that is none")?;
            Ok(called("ipaddress", call.name.to_string(), call.arguments.to_vec()))
        }
        _ => memory_file(context, call),
    }
}

/// Whether a string is one that the class writes.
fn is_address(class: &str, text: &str) -> bool {
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (text, None),
    };
    let is_address = class.ends_with("Address");
    let (bits, width) = if class.starts_with("IPv4") {
        let Ok(address) = address.parse::<Ipv4Addr>() else { return false };
        (u128::from(u32::from(address)), 32)
    } else {
        let (address, scope) = address.split_once('%').unwrap_or((address, "0"));
        let Ok(address) = address.parse::<Ipv6Addr>() else { return false };
        if scope.is_empty() || scope.contains('%') {
            return false;
        }
        (u128::from(address), 128)
    };
    let Some(prefix) = prefix else { return true };
    let Some(prefix) = prefix.parse::<u32>().ok().filter(|prefix| *prefix <= width) else { return false };
    // A network has no bits beyond its prefix.
    let host = width - prefix;
    let is_network = host == 0 || bits.trailing_zeros() >= host;
    !is_address && (class.ends_with("Interface") || is_network)
}

/// `StringIO` and `BytesIO`: contents, for strings the newline, position, and attributes.
fn memory_file<'a>(context: &PlanContext<'_, 'a>, call: &PlannedCall<'_>) -> Result<Recipe<'a>, Refused> {
    let is_text = &*call.name == "StringIO";
    checked(call.arguments.is_empty(), "with arguments")?;
    let Some(state) = call.state else { return Ok(called("io", call.name.to_string(), Vec::new())) };
    let parts = context.items(state, NodeKind::Tuple).unwrap_or_default();
    let (contents, newline, position, rest) = match *parts {
        [contents, newline, position, rest] if is_text => (contents, Some(newline), position, rest),
        [contents, position, rest] if !is_text => (contents, None, position, rest),
        _ => return Err("with an unknown state".into()),
    };
    let has_contents = if is_text { is_str(context, contents) } else { is_bytes(context, contents) };
    checked(has_contents, "with contents of another type")?;
    // `StringIO` takes four bytes for a character.
    copied(context, contents, 4)?;
    let newline = match newline {
        Some(newline) => newline_of(context, newline, contents)?,
        None => None,
    };
    let length = i64::try_from(size(context, contents)).unwrap_or(i64::MAX);
    let position =
        int_in(context, position, 0..=length.saturating_add(MAX_GAP)).ok_or("with a position far behind its end")?;
    let recipe = made(ValueMake::MemoryFile { is_text, newline, position }, vec![contents]);
    if is_none(context, rest) {
        return Ok(recipe);
    }
    Ok(filled(recipe, Fill::Attributes(attributes(context, rest)?)))
}

/// The newline of a `StringIO`. Its constructor translates the newlines in the contents, which were translated already:
/// so they must be such that this changes nothing, or can be undone.
fn newline_of<'a>(context: &PlanContext<'_, 'a>, newline: Ref, contents: Ref) -> Result<Option<Cow<'a, str>>, Refused> {
    let newline = match short_leaf(context, newline, 16) {
        Some(Leaf::None) => None,
        Some(_) => short_text(context, newline, 16),
        _ => return Err("with an unknown newline".into()),
    };
    let (is_known, translates) = match newline.as_deref() {
        None => (true, true),
        Some("\r\n" | "\r") => (true, true),
        Some("" | "\n") => (true, false),
        Some(_) => (false, false),
    };
    checked(is_known, "with an unknown newline")?;
    if !translates {
        return Ok(newline);
    }
    let length = size(context, contents);
    context.spend(usize::try_from(length).unwrap_or(usize::MAX))?;
    let text = super::value_arguments::byte_string_or_text(context, contents, length).unwrap_or_default();
    let is_translated = match newline.as_deref() {
        None => !text.contains(&b'\r'),
        Some("\r") => !text.contains(&b'\n'),
        _ => text.iter().enumerate().all(|(index, byte)| {
            *byte != b'\n' || index.checked_sub(1).and_then(|before| text.get(before)) == Some(&b'\r')
        }),
    };
    checked(is_translated, "with newlines that it does not write")?;
    Ok(newline)
}
