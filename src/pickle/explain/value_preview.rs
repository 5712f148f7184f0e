//! The value of a variable in a line, as a save writes it into the index: `{'lr': 0.1, 'layers': [3, 4, …]}`.
//!
//! A save makes these previews of Python objects (`session/object_description.rs`), and this module makes them of the
//! values of a machine, for files without the user's signature. They contain nothing that looks like a credential.

use super::array_elements::{ArrayHead, HeadReader};
use super::describe_frames::ColumnLabel;
use super::describe_value::{Describer, ValueRole};
use super::element_text::ElementText;
use super::labels::Labels;
use super::named_previews::{PlaceName, ValuePlace, searched, shown_start};
use crate::pickle::credentials::{NOT_SHOWN, hidden};
use crate::pickle::format::{py_str::PyStr, split_joined};
use crate::pickle::machine::value::{Leaf, Node, NodeKind, Ref, Value};

/// The most elements of a container that a preview shows, and how many levels of containers.
pub(super) const MAX_ELEMENTS: usize = 6;
const MAX_DEPTH: usize = 2;

/// A preview.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ValuePreview {
    pub(crate) text: String,
    /// Whether a save certainly writes the same for this value.
    pub(crate) is_exact: bool,
}

/// The preview of a value in at most `most` characters. `name` is the name of its variable; `head` reads the contents
/// of arrays.
pub(crate) fn value_preview(
    describer: &Describer<'_, '_, '_>,
    name: &PlaceName,
    value: Ref,
    most: usize,
    head: HeadReader<'_>,
) -> ValuePreview {
    let mut writer = PreviewWriter { describer, labels: describer.labels, most, text: String::new(), is_exact: true };
    match describer.elements(value, head) {
        Some(head) => writer.array(name, &head),
        None => writer.write(Some(name), value, 0),
    }
    let text: String = writer.text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let text = match text.chars().count() > most {
        true => text.chars().take(most.saturating_sub(1)).chain(['…']).collect(),
        false => text,
    };
    ValuePreview { text, is_exact: writer.is_exact }
}

struct PreviewWriter<'l, 'm, 'a> {
    describer: &'l Describer<'l, 'm, 'a>,
    labels: &'l Labels<'m, 'a>,
    most: usize,
    text: String,
    is_exact: bool,
}

impl<'m> PreviewWriter<'_, 'm, '_> {
    fn write(&mut self, name: Option<&PlaceName>, value: Ref, depth: usize) {
        // The rest would be cut off. A character takes at most four bytes.
        if self.text.len() > 4 * self.most {
            return;
        }
        if name.is_some_and(|name| self.labels.is_credential(name, value)) {
            return self.push_unsure(NOT_SHOWN);
        }
        match self.labels.machine().value(value) {
            Value::Leaf(leaf) => self.leaf(value, &leaf, depth),
            Value::Node(node) if node.kind.holds_items() => self.container(name, node, depth),
            Value::Node(node) => match self.labels.joined_strings(node) {
                Some(joined) => self.strings(joined.bytes()),
                None => self.made(value, depth),
            },
        }
    }

    /// A long list of strings, which is one string with separators in the pickle.
    fn strings(&mut self, joined: &[u8]) {
        self.text.push('[');
        for (number, string) in split_joined(joined).take(MAX_ELEMENTS).enumerate() {
            self.text.push_str(if number > 0 { ", " } else { "" });
            if let Some(string) = PyStr::new(string) {
                self.leaf_string(&Leaf::Str(string));
            }
        }
        self.push_unsure(", …]");
    }

    fn leaf(&mut self, value: Ref, leaf: &Leaf<'_>, depth: usize) {
        match leaf {
            Leaf::None => self.text.push_str("None"),
            Leaf::Bool(true) => self.text.push_str("True"),
            Leaf::Bool(false) => self.text.push_str("False"),
            Leaf::Int(number) => self.text.push_str(&number.to_string()),
            Leaf::Float(number) => self.text.push_str(&python_float(*number)),
            Leaf::Str(_) | Leaf::OldStr(_) => self.leaf_string(leaf),
            Leaf::Bytes(bytes) => self.bytes(bytes, searched(leaf).is_some_and(|(text, _)| hidden(&text).is_some())),
            Leaf::LargeInt => self.push_unsure("an int of more than 64 bits"),
            _ => self.made(value, depth),
        }
    }

    fn bytes(&mut self, bytes: &[u8], is_credential: bool) {
        let head = bytes.get(..self.most).unwrap_or(bytes);
        match is_credential {
            false => self.text.push_str(&format!("b\"{}\"", head.escape_ascii())),
            true => self.push_unsure(NOT_SHOWN),
        }
    }

    /// The first elements of an array, each with the name of the array.
    fn array(&mut self, name: &PlaceName, head: &ArrayHead) {
        self.text.push('[');
        for (number, element) in head.elements.iter().enumerate() {
            self.text.push_str(if number > 0 { ", " } else { "" });
            match element {
                ElementText::Shown(text) => self.text.push_str(text),
                ElementText::Text(text) if name.hides(text) => self.push_unsure(NOT_SHOWN),
                ElementText::Text(text) => {
                    let (shown, _) = shown_start((text.clone(), true), self.most + 1);
                    self.string(&shown, true);
                }
                ElementText::Bytes(bytes) => {
                    let text = String::from_utf8_lossy(bytes);
                    self.bytes(bytes, name.hides(&text) || hidden(&text).is_some());
                }
            }
        }
        self.text.push_str(if head.has_more { ", …]" } else { "]" });
    }

    fn leaf_string(&mut self, leaf: &Leaf<'_>) {
        let Some(found) = searched(leaf) else { return };
        let was_whole = found.1;
        let (shown, _) = shown_start(found, self.most + 1);
        self.string(&shown, was_whole);
    }

    /// A string as Python's `repr` writes it, as far as that is plain ASCII.
    fn string(&mut self, string: &str, was_whole: bool) {
        let quote = if string.contains('\'') && !string.contains('"') { '"' } else { '\'' };
        self.text.push(quote);
        for letter in string.chars() {
            match letter {
                '\\' => self.text.push_str("\\\\"),
                '\n' => self.text.push_str("\\n"),
                '\r' => self.text.push_str("\\r"),
                '\t' => self.text.push_str("\\t"),
                _ if letter == quote => self.text.extend(['\\', letter]),
                _ => self.text.push(letter),
            }
        }
        self.text.push(quote);
        // Python escapes characters by its own tables, and a longer string may have a credential after its start.
        self.is_exact &= was_whole && string.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t' | b'\n' | b'\r'));
        self.is_exact &= !string.contains(NOT_SHOWN);
    }

    fn container(&mut self, name: Option<&PlaceName>, node: &'m Node, depth: usize) {
        let length = if node.kind == NodeKind::Dict { node.items.len() / 2 } else { node.items.len() };
        let (start, end) = match node.kind {
            NodeKind::List => ("[", "]"),
            NodeKind::Tuple if length == 1 => ("(", ",)"),
            NodeKind::Tuple => ("(", ")"),
            NodeKind::Set if length == 0 => return self.text.push_str("set()"),
            NodeKind::FrozenSet => return self.text.push_str("<frozenset>"),
            _ => ("{", "}"),
        };
        // A set that is made again has another order.
        self.is_exact &= node.kind != NodeKind::Set;
        self.text.push_str(start);
        if depth >= MAX_DEPTH && length > 0 {
            self.text.push('…');
        } else {
            for number in 0..length.min(MAX_ELEMENTS) {
                self.text.push_str(if number > 0 { ", " } else { "" });
                self.element(name, node, number, depth);
            }
            self.text.push_str(if length > MAX_ELEMENTS { ", …" } else { "" });
        }
        self.text.push_str(end);
    }

    fn element(&mut self, name: Option<&PlaceName>, node: &'m Node, number: usize, depth: usize) {
        if node.kind != NodeKind::Dict {
            if let Some(item) = node.items.get(number) {
                let is_tuple = node.kind == NodeKind::Tuple;
                let within = ValuePlace::Item { items: &node.items, at: number, is_tuple, call: None };
                let place = self.labels.place_name(within, name);
                self.write(place.as_ref(), *item, depth + 1);
            }
            return;
        }
        let Some([key, value]) = node.items.get(2 * number..2 * number + 2) else { return };
        self.write(None, *key, depth + 1);
        self.text.push_str(": ");
        let place = self.labels.place_name(ValuePlace::Key(node, *key), name);
        self.write(place.as_ref(), *value, depth + 1);
    }

    /// The result of a call, or a global: only its type, except for functions and classes, and for frames that are not
    /// in a container.
    fn made(&mut self, value: Ref, depth: usize) {
        if depth == 0
            && let Some((columns, has_more)) = self.describer.column_labels(value)
        {
            return self.columns(&columns, has_more);
        }
        let facts = self.describer.facts(value);
        let columns = facts.columns.iter().take(MAX_ELEMENTS).map(|column| format!("'{column}'"));
        let columns = columns.collect::<Vec<_>>().join(", ");
        let more = if facts.columns.len() > MAX_ELEMENTS { ", …" } else { "" };
        let type_name = self.labels.type_name(value);
        match facts.role {
            ValueRole::Value if depth == 0 && !columns.is_empty() => {
                self.push_unsure(&format!("columns [{columns}{more}]"))
            }
            ValueRole::Value => self.push_unsure(&format!("<{type_name}>")),
            _ if facts.preview.is_empty() => self.push_unsure(&type_name),
            _ => self.push_unsure(&facts.preview),
        }
    }

    /// The names of the columns of a data frame.
    fn columns(&mut self, columns: &[ColumnLabel], has_more: bool) {
        self.text.push_str("columns [");
        for (number, column) in columns.iter().enumerate() {
            self.text.push_str(if number > 0 { ", " } else { "" });
            match column {
                ColumnLabel::Value(label) => self.write(None, *label, 1),
                ColumnLabel::Number(number) => self.text.push_str(&number.to_string()),
            }
        }
        self.text.push_str(if has_more { ", …]" } else { "]" });
    }

    fn push_unsure(&mut self, text: &str) {
        self.text.push_str(text);
        self.is_exact = false;
    }
}

/// A float as Python's `repr` writes it: the shortest digits that give the same float, with an exponent from 1e16 on
/// and below 1e-4.
pub(super) fn python_float(number: f64) -> String {
    if number.is_nan() {
        return "nan".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let scientific = format!("{number:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    match exponent.parse::<i32>() {
        Ok(exponent) if !(-4..16).contains(&exponent) => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{digits}e{sign}{:02}", exponent.unsigned_abs())
        }
        _ => {
            let plain = number.to_string();
            if plain.contains('.') { plain } else { format!("{plain}.0") }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pickle::machine::Machine;

    fn preview(pickle: &[u8]) -> (String, bool) {
        let (machine, value) = Machine::run(pickle).expect("a pickle");
        let labels = Labels::new(&machine);
        let name = PlaceName::of_variable("x", false);
        let ValuePreview { text, is_exact } = value_preview(&Describer::new(&labels), &name, value, 80, &|_| None);
        (text, is_exact)
    }

    #[test]
    fn floats_are_those_of_python() {
        for (number, text) in [
            (1.0, "1.0"),
            (0.1, "0.1"),
            (1e16, "1e+16"),
            (1.5e300, "1.5e+300"),
            (1e15, "1000000000000000.0"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (-0.0, "-0.0"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(python_float(number), text);
        }
    }

    #[test]
    fn containers_are_shown_in_a_line() {
        let cases: [(&[u8], &str, bool); 6] = [
            (b"\x80\x04](K\x01K\x02K\x03K\x04K\x05K\x06K\x07e.", "[1, 2, 3, 4, 5, 6, …]", true),
            (b"\x80\x04}(\x8c\x01a]]a\x8c\x01bK\x05\x85u.", "{'a': [[]], 'b': (5,)}", true),
            (b"\x80\x04]]]K\x01aaa.", "[[[…]]]", true),
            (b"\x80\x04\x8c\x04it's.", "\"it's\"", true),
            (b"\x80\x04}(\x8c\x08password\x8c\x07hunter2u.", "{'password': (not shown)}", false),
            (b"\x80\x04cos\nsystem\n.", "import os.system", false),
        ];
        for (pickle, text, is_exact) in cases {
            assert_eq!(preview(pickle), (text.to_owned(), is_exact));
        }
    }
}
