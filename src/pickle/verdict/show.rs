//! Values as short texts for a person to read: literals as Python writes them, all else by its kind.

use crate::pickle::naming::Naming;
use crate::pickle::node::{Kind, Leaf, Node, Ref, Value};

/// The most characters of one text, and of all arguments together.
const MAX_TEXT: usize = 60;
const MAX_ALL: usize = 160;
/// How deep containers are shown, and how many items of each.
const MAX_DEPTH: usize = 3;
const MAX_SHOWN: usize = 6;

/// Arguments of a call in parentheses, without the first `skip` of them.
pub(super) fn arguments(naming: &Naming<'_, '_>, arguments: Option<Ref>, skip: usize) -> String {
    let shown = match arguments.and_then(|arguments| naming.machine().node(arguments)) {
        Some(Node { kind: Kind::Tuple, items, .. }) => listed(naming, items.get(skip..).unwrap_or_default(), MAX_DEPTH),
        _ => "…".to_owned(),
    };
    cut(&format!("({shown})"), MAX_ALL)
}

/// One value.
pub(super) fn value(naming: &Naming<'_, '_>, value: Ref) -> String {
    cut(&shown(naming, value, MAX_DEPTH), MAX_ALL)
}

/// A name, cut where it is very long.
pub(super) fn name(name: &str) -> String {
    cut(name, MAX_ALL)
}

fn shown(naming: &Naming<'_, '_>, value: Ref, depth: usize) -> String {
    match naming.machine().value(value) {
        Value::Leaf(leaf) => literal(&leaf),
        Value::Node(Node { kind: Kind::Global, .. }) => {
            naming.global(value).map_or_else(|| "…".to_owned(), |(module, name)| format!("{module}.{name}"))
        }
        Value::Node(_) if depth == 0 => "…".to_owned(),
        Value::Node(Node { kind, items, .. }) => match kind {
            Kind::Tuple if items.len() == 1 => format!("({},)", listed(naming, items, depth - 1)),
            Kind::Tuple => format!("({})", listed(naming, items, depth - 1)),
            Kind::List => format!("[{}]", listed(naming, items, depth - 1)),
            Kind::Set | Kind::FrozenSet => format!("{{{}}}", listed(naming, items, depth - 1)),
            Kind::Dict if items.is_empty() => "{}".to_owned(),
            Kind::Dict => "{…}".to_owned(),
            Kind::Call(_) | Kind::Array => format!("<{}>", naming.type_name(value)),
            Kind::Persistent | Kind::Global => "…".to_owned(),
        },
    }
}

fn listed(naming: &Naming<'_, '_>, items: &[Ref], depth: usize) -> String {
    let mut texts: Vec<String> = items.iter().take(MAX_SHOWN).map(|item| shown(naming, *item, depth)).collect();
    if items.len() > MAX_SHOWN {
        texts.push("…".to_owned());
    }
    texts.join(", ")
}

fn literal(leaf: &Leaf<'_>) -> String {
    match leaf {
        Leaf::None => "None".to_owned(),
        Leaf::Bool(true) => "True".to_owned(),
        Leaf::Bool(false) => "False".to_owned(),
        Leaf::Int(value) => value.to_string(),
        Leaf::LargeInt => "<large int>".to_owned(),
        Leaf::Float(value) => format!("{value:?}"),
        Leaf::Text(text) => quoted(&text.start(MAX_TEXT)),
        Leaf::OldText(bytes) => bytes_shown(bytes, ""),
        Leaf::Bytes(bytes) => bytes_shown(bytes, "b"),
        Leaf::ByteArray(bytes) => format!("bytearray({})", bytes_shown(bytes, "b")),
        Leaf::Buffer => "<buffer>".to_owned(),
        Leaf::Extension(code) => format!("<extension {code}>"),
        Leaf::Global(module, name) => format!("{}.{}", module.start(MAX_TEXT).0, name.start(MAX_TEXT).0),
        Leaf::Persistent(text) => format!("<persistent {}>", text.start(MAX_TEXT).0),
        Leaf::Earlier(_) | Leaf::Inner(_) => "…".to_owned(),
    }
}

fn quoted((text, whole): &(String, bool)) -> String {
    format!("'{}{}'", text.escape_debug(), if *whole { "" } else { "…" })
}

fn bytes_shown(bytes: &[u8], prefix: &str) -> String {
    let start = bytes.get(..MAX_TEXT).unwrap_or(bytes);
    format!("{prefix}'{}{}'", start.escape_ascii(), if start.len() == bytes.len() { "" } else { "…" })
}

fn cut(text: &str, characters: usize) -> String {
    match text.char_indices().nth(characters) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
