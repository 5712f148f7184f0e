//! Values as short strings in findings: literals as Python writes them, and anything else by its type.
//!
//! The strings come from hostile files: they are cut here, and escaped where they are printed. Apparent credentials are
//! not shown, if no command can be hidden that way.

use crate::pickle::credentials::{NOT_SHOWN, hidden_in_command, is_no_command};
use crate::pickle::explain::labels::Labels;
use crate::pickle::explain::named_previews::{ValuePlace, searched};
use crate::pickle::machine::value::{Leaf, Node, NodeKind, Ref, Value};

/// The most characters of one string, and of all arguments together.
const MAX_STRING: usize = 60;
const MAX_ALL: usize = 160;
/// How deep containers are shown, and how many items of each.
const MAX_DEPTH: usize = 3;
const MAX_SHOWN: usize = 6;
/// The cost of showing one value, in steps of the budget.
const STEPS_FOR_VALUE: u64 = 8;

/// Functions that set an attribute or an item, the value of which may be a credential.
const SETTERS: [&str; 4] = ["setattr", "__setattr__", "setitem", "__setitem__"];

/// The arguments of a call in parentheses, without the first `skip` of them.
pub(super) fn arguments(labels: &Labels<'_, '_>, callee: &str, arguments: Option<Ref>, skip: usize) -> String {
    let sets = SETTERS.contains(&callee.rsplit('.').next().unwrap_or(callee));
    let shown = match arguments.and_then(|arguments| labels.machine().node(arguments)) {
        Some(Node { kind: NodeKind::Tuple, items, .. }) if sets && items.len() > skip => {
            let names = items.get(skip..items.len() - 1).unwrap_or_default();
            let parts = [joined(labels, names, MAX_DEPTH), "…".to_owned()];
            parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
        }
        Some(Node { kind: NodeKind::Tuple, items, .. }) => {
            joined(labels, items.get(skip..).unwrap_or_default(), MAX_DEPTH)
        }
        _ => "…".to_owned(),
    };
    cut(&format!("({shown})"), MAX_ALL)
}

pub(super) fn value(labels: &Labels<'_, '_>, value: Ref) -> String {
    cut(&shown(labels, value, MAX_DEPTH), MAX_ALL)
}

/// A name, cut if it is very long.
pub(super) fn name(name: &str) -> String {
    cut(name, MAX_ALL)
}

fn shown(labels: &Labels<'_, '_>, value: Ref, depth: usize) -> String {
    // A short pickle can ask for the same value very often.
    labels.machine().budget().steps(STEPS_FOR_VALUE);
    match labels.machine().value(value) {
        Value::Leaf(leaf) => literal(&leaf),
        Value::Node(Node { kind: NodeKind::Global, .. }) => {
            labels.global(value).map_or_else(|| "…".to_owned(), |(module, name)| format!("{module}.{name}"))
        }
        Value::Node(_) if depth == 0 => "…".to_owned(),
        Value::Node(Node { kind, items, .. }) => match kind {
            NodeKind::Tuple if items.len() == 1 => format!("({},)", joined(labels, items, depth - 1)),
            NodeKind::Tuple => format!("({})", joined(labels, items, depth - 1)),
            NodeKind::List => format!("[{}]", joined(labels, items, depth - 1)),
            NodeKind::Set | NodeKind::FrozenSet => format!("{{{}}}", joined(labels, items, depth - 1)),
            NodeKind::Dict if items.is_empty() => "{}".to_owned(),
            NodeKind::Dict => "{…}".to_owned(),
            NodeKind::Call(_) | NodeKind::Array => format!("<{}>", labels.type_name(value)),
            NodeKind::Persistent | NodeKind::Global => "…".to_owned(),
        },
    }
}

fn joined(labels: &Labels<'_, '_>, items: &[Ref], depth: usize) -> String {
    let item = |(at, item): (usize, &Ref)| match is_hidden(labels, items, at, *item) {
        true => NOT_SHOWN.to_owned(),
        false => shown(labels, *item, depth),
    };
    let mut shown_items: Vec<String> = items.iter().enumerate().take(MAX_SHOWN).map(item).collect();
    if items.len() > MAX_SHOWN {
        shown_items.push("…".to_owned());
    }
    shown_items.join(", ")
}

/// Whether an item has the name of a credential, and cannot be a part of a command that a reader must see.
fn is_hidden(labels: &Labels<'_, '_>, items: &[Ref], at: usize, item: Ref) -> bool {
    let name = labels.place_name(ValuePlace::Item { items, at, is_tuple: true, call: None }, None);
    name.is_some_and(|name| labels.is_credential(&name, item))
        && matches!(labels.machine().value(item), Value::Leaf(leaf)
            if searched(&leaf).is_some_and(|(text, _)| is_no_command(&text)))
}

fn literal(leaf: &Leaf<'_>) -> String {
    match leaf {
        Leaf::None => "None".to_owned(),
        Leaf::Bool(true) => "True".to_owned(),
        Leaf::Bool(false) => "False".to_owned(),
        Leaf::Int(value) => value.to_string(),
        Leaf::LargeInt => "<large int>".to_owned(),
        Leaf::Float(value) => format!("{value:?}"),
        Leaf::Str(_) | Leaf::OldStr(_) => text_literal(leaf, ""),
        Leaf::Bytes(_) => text_literal(leaf, "b"),
        Leaf::ByteArray(_) => format!("bytearray({})", text_literal(leaf, "b")),
        Leaf::Buffer => "<buffer>".to_owned(),
        Leaf::Extension(code) => format!("<extension {code}>"),
        Leaf::Global(module, name) => format!("{}.{}", module.start(MAX_STRING).0, name.start(MAX_STRING).0),
        Leaf::Persistent(string) => format!("<persistent {}>", string.start(MAX_STRING).0),
        Leaf::Earlier(_) | Leaf::Inner(_) => "…".to_owned(),
    }
}

/// A string or bytes, without credentials.
fn text_literal(leaf: &Leaf<'_>, prefix: &str) -> String {
    let hidden = searched(leaf).and_then(|(text, is_whole)| Some((hidden_in_command(&text)?, is_whole)));
    match (hidden, leaf) {
        (Some((text, is_whole)), _) => {
            let start: String = text.chars().take(MAX_STRING).collect();
            let is_whole = is_whole && start.len() == text.len();
            format!("{prefix}{}", quoted(&(start, is_whole)))
        }
        (None, Leaf::Str(string)) => quoted(&string.start(MAX_STRING)),
        (None, Leaf::OldStr(bytes)) => bytes_literal(bytes, prefix),
        (None, Leaf::Bytes(bytes) | Leaf::ByteArray(bytes)) => bytes_literal(bytes, prefix),
        (None, _) => "…".to_owned(),
    }
}

fn quoted((start, is_whole): &(String, bool)) -> String {
    let start: String = start.chars().map(escaped).collect();
    format!("'{start}{}'", if *is_whole { "" } else { "…" })
}

/// A character in a string literal of Python. Rust writes hidden characters as `\u{1b}`.
fn escaped(c: char) -> String {
    match (c.escape_debug().len(), u32::from(c)) {
        (_, code @ 0) | (3.., code @ ..0x100) => format!("\\x{code:02x}"),
        (3.., code @ ..0x1_0000) => format!("\\u{code:04x}"),
        (3.., code) => format!("\\U{code:08x}"),
        _ => c.escape_debug().collect(),
    }
}

fn bytes_literal(bytes: &[u8], prefix: &str) -> String {
    let start = bytes.get(..MAX_STRING).unwrap_or(bytes);
    format!("{prefix}'{}{}'", start.escape_ascii(), if start.len() == bytes.len() { "" } else { "…" })
}

fn cut(string: &str, characters: usize) -> String {
    match string.char_indices().nth(characters) {
        Some((end, _)) => format!("{}…", string.get(..end).unwrap_or_default()),
        None => string.to_owned(),
    }
}
