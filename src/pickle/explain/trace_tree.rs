//! The tree of a value's parts, with the bytes that each part takes: what `inspect --trace` shows.
//!
//! A value appears where its bytes are; elsewhere it is a line that says it is shared. Depth and size of a tree are
//! limited and the rest is summed up, so that the tree of any pickle can be read by a person.

use std::collections::HashSet;
use std::rc::Rc;

use serde::Serialize;

use super::labels::Labels;
use super::named_previews::{PlaceName, ValuePlace};
use crate::pickle::credentials::NOT_SHOWN;
use crate::pickle::machine::value::{Node, NodeKind, Ref};
use crate::pickle::machine::{Machine, MachineError};
use crate::pickle::work_budget::WorkBudget;

pub(crate) const MAX_DEPTH: usize = 12;
/// The most parts of one value that are shown.
pub(crate) const MAX_CHILDREN: usize = 30;
/// The most parts of a whole tree.
pub(crate) const MAX_PARTS: usize = 2000;

/// A value and its parts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TraceTree {
    /// Its name or role, its type, and its length or the value itself.
    pub label: String,
    /// The offset of its first opcode.
    pub start: u64,
    /// The end of its last opcode.
    pub end: u64,
    /// The number of bytes; for several parts in one, the sum of theirs.
    pub size: u64,
    /// Its parts.
    pub children: Vec<TraceTree>,
}

/// The tree of a value, whose label begins with `name`. `place` says what its name is for.
pub(crate) fn trace_value(labels: &Labels<'_, '_>, value: Ref, name: &str, place: PlaceName) -> TraceTree {
    TreeBuilder::new(labels, &|_| None).root(name, place, value)
}

/// The tree of a variable of a snapshot. Its segment begins at offset `start` of the file, where `memo_start` slots are
/// filled; `owner` returns the name of the variable that filled an earlier slot. With `hides_values`, the tree has
/// types and sizes, but no values.
///
/// # Errors
/// If the machine cannot follow the segment.
pub(crate) fn trace_segment(
    segment: &[u8],
    start: u64,
    memo_start: u64,
    owner: &dyn Fn(u64) -> Option<String>,
    hides_values: bool,
    budget: &Rc<WorkBudget>,
) -> Result<TraceTree, MachineError> {
    let (machine, name, value) = Machine::run_segment(segment, start, memo_start, budget)?;
    let labels = Labels::new(&machine);
    let name = labels.string(name).unwrap_or_else(|| "?".into());
    let mut builder = TreeBuilder { hides_values, ..TreeBuilder::new(&labels, owner) };
    let tree = builder.root(&name, PlaceName::Named(Rc::clone(&name)), value);
    budget.check()?;
    Ok(tree)
}

/// A part of a value, in its role.
struct TracePart<'n, 'm> {
    role: TraceRole<'n>,
    value: Ref,
    place: ValuePlace<'m>,
}

enum TraceRole<'n> {
    Item,
    Key(Ref),
    Name(&'n str),
}

struct TreeBuilder<'n, 'm, 'a> {
    labels: &'n Labels<'m, 'a>,
    owner: &'n dyn Fn(u64) -> Option<String>,
    left: usize,
    hides_values: bool,
    /// Whether the strings of the value that is built are hidden.
    hides_strings: bool,
    /// The name of the value that is built.
    name: Option<PlaceName>,
    /// The values that are in the tree. Only DUP can make one appear twice, possibly within itself.
    placed: HashSet<Ref>,
}

impl<'n, 'm, 'a> TreeBuilder<'n, 'm, 'a> {
    fn new(labels: &'n Labels<'m, 'a>, owner: &'n dyn Fn(u64) -> Option<String>) -> Self {
        let (hides_values, hides_strings, name, placed) = Default::default();
        Self { labels, owner, left: MAX_PARTS, hides_values, hides_strings, name, placed }
    }

    fn root(&mut self, name: &str, place: PlaceName, value: Ref) -> TraceTree {
        self.name = Some(place);
        self.build(&TracePart { role: TraceRole::Name(name), value, place: ValuePlace::Within }, 0)
    }

    /// Recurses to a depth of at most [`MAX_DEPTH`].
    fn build(&mut self, part: &TracePart<'_, 'm>, depth: usize) -> TraceTree {
        let name = self.labels.place_name(part.place, self.name.as_ref());
        let outer = (std::mem::replace(&mut self.name, name), self.hides_strings);
        self.hides_strings |= self.labels.holds_credentials(part.value);
        let tree = self.build_named(part, depth);
        (self.name, self.hides_strings) = outer;
        tree
    }

    fn build_named(&mut self, part: &TracePart<'_, 'm>, depth: usize) -> TraceTree {
        // Every line counts, so that a wide tree ends like a deep one.
        self.left = self.left.saturating_sub(1);
        let machine = self.labels.machine();
        let (start, end) = self.labels.span(part.value);
        let (start, end) = match part.role {
            // A key is part of its item.
            TraceRole::Key(key) => (machine.start(key).min(start), end),
            TraceRole::Item | TraceRole::Name(_) => (start, end),
        };
        let mut tree =
            TraceTree { label: self.label(part), start, end, size: end.saturating_sub(start), children: Vec::new() };
        // A shared value has its parts where it was made.
        if machine.memo_index(part.value).is_some() {
            return tree;
        }
        if let Some(node) = machine.node(part.value)
            && depth < MAX_DEPTH
            && self.placed.insert(part.value)
        {
            tree.children = self.children(node, depth + 1);
        }
        tree
    }

    fn children(&mut self, node: &'m Node, depth: usize) -> Vec<TraceTree> {
        let mut parts = self.parts(node);
        let mut children = Vec::new();
        while children.len() < MAX_CHILDREN && self.left > 0 {
            let Some(part) = parts.next() else { return children };
            children.push(self.build(&part, depth));
        }
        // Whatever does not fit becomes one line.
        children.extend(self.rest(parts));
        children
    }

    /// One entry for all parts that are not shown.
    fn rest(&self, parts: impl Iterator<Item = TracePart<'static, 'm>>) -> Option<TraceTree> {
        let mut rest: Option<(u64, TraceTree)> = None;
        for part in parts {
            let (start, end) = self.labels.span(part.value);
            let (count, tree) = rest.get_or_insert_with(|| (0, TraceTree { start, end, ..TraceTree::default() }));
            *count += 1;
            // Shared parts can be anywhere in the file, so the range is that of all parts.
            tree.start = tree.start.min(start);
            tree.end = tree.end.max(end);
            tree.size = tree.size.saturating_add(end.saturating_sub(start));
        }
        rest.map(|(count, tree)| TraceTree { label: format!("… {count} more"), ..tree })
    }

    /// The parts of a value. The strings of a global and an empty tuple of arguments are not worth a line.
    fn parts(&self, node: &'m Node) -> Box<dyn Iterator<Item = TracePart<'static, 'm>> + 'm> {
        let named = |name, value: Option<Ref>| {
            value.map(|value| TracePart { role: TraceRole::Name(name), value, place: ValuePlace::Within })
        };
        let own: Box<dyn Iterator<Item = TracePart<'static, 'm>> + 'm> = match node.kind {
            NodeKind::Global => Box::new(std::iter::empty()),
            NodeKind::Dict => Box::new(pairs(node, &node.items)),
            NodeKind::Call(_) => {
                let callee = named("calls", node.items.first().copied());
                let keywords = named("keywords", node.items.get(2).copied());
                Box::new(callee.into_iter().chain(self.arguments(node)).chain(keywords))
            }
            _ => Box::new(items(&node.items, node.kind == NodeKind::Tuple, None)),
        };
        // BUILD comes before or after the added items; the state is shown first either way.
        let added =
            node.added.iter().flat_map(move |added| items(&added.items, false, None).chain(pairs(node, &added.pairs)));
        Box::new(own.chain(named("state", node.state)).chain(added))
    }

    /// The arguments of a call: the items of its tuple, or the value that is used instead of a tuple.
    fn arguments(&self, node: &'m Node) -> Vec<TracePart<'static, 'm>> {
        let Some(arguments) = node.items.get(1).copied() else { return Vec::new() };
        let machine = self.labels.machine();
        match machine.node(arguments) {
            Some(Node { kind: NodeKind::Tuple, items: all, .. }) if machine.memo_index(arguments).is_none() => {
                items(all, true, Some(node)).collect()
            }
            _ => vec![TracePart { role: TraceRole::Name("arguments"), value: arguments, place: ValuePlace::Within }],
        }
    }

    fn label(&self, part: &TracePart<'_, '_>) -> String {
        let shown = self.shown(part.value);
        match &part.role {
            TraceRole::Item => shown,
            TraceRole::Name(name) => format!("{name}: {shown}"),
            TraceRole::Key(key) => format!("[{}]: {shown}", self.shown_key(*key)),
        }
    }

    /// The type of a value, with its length or the value itself.
    fn shown(&self, value: Ref) -> String {
        let machine = self.labels.machine();
        let shared = machine.memo_index(value).map_or_else(String::new, |(slot, _)| self.shared(slot));
        if machine.memo_index(machine.resolve(value)).is_some() {
            // It was made by an earlier segment.
            return shared;
        }
        let type_name = self.labels.type_name(value);
        if machine.node(value).is_none() {
            let is_hidden = self.hides_values || self.hides_strings && self.labels.is_string(value);
            let preview =
                if is_hidden { NOT_SHOWN.into() } else { self.labels.named_preview(self.name.as_ref(), value) };
            return join(&[&type_name, &preview, &shared]);
        }
        let length = self.labels.length(value).map_or_else(String::new, |length| format!("({length})"));
        join(&[&type_name, &length, &shared])
    }

    fn shared(&self, slot: u64) -> String {
        match (self.owner)(slot) {
            Some(name) => format!("(shared with {name}, memo #{slot})"),
            None => format!("(shared, memo #{slot})"),
        }
    }

    /// Strings and numbers are shown without their types.
    fn shown_key(&self, key: Ref) -> String {
        match self.labels.type_name(key).as_ref() {
            "str" | "int" | "float" | "bool" if !self.labels.preview(key).is_empty() => {
                self.labels.preview(key).to_string()
            }
            _ => self.shown(key),
        }
    }
}

/// Items in order, which are the arguments of `call` if there is one.
fn items<'m>(all: &'m [Ref], is_tuple: bool, call: Option<&'m Node>) -> impl Iterator<Item = TracePart<'static, 'm>> {
    let place = move |at| ValuePlace::Item { items: all, at, is_tuple, call };
    all.iter().enumerate().map(move |(at, value)| TracePart { role: TraceRole::Item, value: *value, place: place(at) })
}

/// Keys and values, alternating, of a dict or of an object like one.
fn pairs<'m>(dict: &'m Node, all: &'m [Ref]) -> impl Iterator<Item = TracePart<'static, 'm>> {
    let place = move |key| ValuePlace::Key(dict, key);
    let part =
        move |[key, value]: &[Ref; 2]| TracePart { role: TraceRole::Key(*key), value: *value, place: place(*key) };
    all.as_chunks::<2>().0.iter().map(part)
}

fn join(words: &[&str]) -> String {
    let words: Vec<&str> = words.iter().copied().filter(|word| !word.is_empty()).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pickle::explain::outline::find;
    use crate::pickle::samples;

    /// A tree as lines of size and label, with children indented.
    fn lines(tree: &TraceTree, indent: usize) -> String {
        let mut text = format!("{}{} {}\n", "  ".repeat(indent), tree.size, tree.label);
        for child in &tree.children {
            text.push_str(&lines(child, indent + 1));
        }
        text
    }

    fn placed(pickle: &[u8]) -> TraceTree {
        let (machine, value) = Machine::run(pickle).expect("a pickle");
        trace_value(&Labels::new(&machine), value, "it", PlaceName::Argument)
    }

    #[test]
    fn a_variable_is_a_tree_with_sizes() {
        let (machine, value) = Machine::run(samples::SESSION).expect("a pickle");
        let labels = Labels::new(&machine);
        let found = find(&labels, value, "d").expect("a variable");
        let expected = "20 d: dict (2)\n  6 ['a']: int 1\n  10 ['b']: tuple (2)\n    2 int 1\n    2 int 2\n";
        assert_eq!(lines(&trace_value(&labels, found, "d", PlaceName::Named("d".into())), 0), expected);
    }

    #[test]
    fn calls_show_callee_arguments_and_state() {
        let pickle = b"\x80\x04\x8c\x01m\x8c\x01C\x93K\x01\x85R}\x8c\x01xK\x02sb.";
        let expected = "19 it: m.C\n  7 calls: import m.C\n  2 int 1\n  7 state: dict (1)\n    5 ['x']: int 2\n";
        assert_eq!(lines(&placed(pickle), 0), expected);
    }

    #[test]
    fn parts_that_do_not_fit_are_summed_up() {
        let mut pickle = b"(".to_vec();
        pickle.extend(b"K\x01".repeat(100));
        pickle.extend(b"l.");
        let tree = placed(&pickle);
        let last = tree.children.last().expect("children");
        assert_eq!((tree.children.len(), last.label.as_str(), last.size), (MAX_CHILDREN + 1, "… 70 more", 140));
        let mut deep = vec![b']'; 100_000];
        deep.extend([b'a'; 99_999]);
        deep.push(b'.');
        assert_eq!(lines(&placed(&deep), 0).lines().count(), MAX_DEPTH + 1);
    }

    #[test]
    fn wide_and_deep_trees_are_bounded() {
        // 20 levels of lists with 20 references each, which DUP makes without the memo.
        let mut pickle = b"K\x01".to_vec();
        for _ in 0..20 {
            pickle.extend(b"](K\x01K\x01K\x01eK\x02\x86");
        }
        for _ in 0..20 {
            pickle.extend(b"\x86");
        }
        pickle.push(b'.');
        assert!(lines(&placed(&pickle), 0).lines().count() <= 2 * MAX_PARTS);
        assert!(lines(&placed(b"]2a."), 0).lines().count() < 5);
    }

    #[test]
    fn segments_name_the_variables_they_share_with() -> Result<(), MachineError> {
        let owner = |slot| (slot == 1).then(|| "a".to_owned());
        let tree = trace_segment(b"\x8c\x01x](h\x01h\x00es", 100, 2, &owner, false, &WorkBudget::new(0, None))?;
        let expected = "7 x: list (2)\n  2 (shared with a, memo #1)\n  2 (shared, memo #0)\n";
        assert_eq!((lines(&tree, 0).as_str(), tree.start), (expected, 103));
        Ok(())
    }
}
