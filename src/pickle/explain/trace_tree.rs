//! The tree of a value's parts, with the bytes that each part takes, for `inspect --trace`.
//!
//! A value appears where its bytes are; elsewhere it is a line that says it is shared. Depth and size of a tree are
//! limited and the rest is summed up, so that a person can read the tree of any pickle.

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
    /// The facts of the label, one by one.
    #[serde(skip)]
    pub facts: TraceFacts,
}

impl TraceTree {
    /// The number of values in the tree, with this one. Recurses as deep as the tree is, which is limited.
    pub(crate) fn parts(&self) -> usize {
        1 + self.children.iter().map(Self::parts).sum::<usize>()
    }
}

/// A value in the tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TraceFacts {
    /// Where it is in the variable, as Python writes it; `None` if Python cannot, or if it is too long.
    pub place: Option<String>,
    /// The type; empty if an earlier segment made the value.
    pub type_name: String,
    /// The `len()`, if it has one.
    pub items: Option<u64>,
    /// The value, if it is no container; empty if there is no short form of it.
    pub preview: String,
    /// The variable that made the value, if that is another one.
    pub shared_with: Option<String>,
}

/// The most bytes of a place.
const MAX_PLACE: usize = 200;

/// The tree of a value, whose label begins with `name`. `place` says what its name is for.
pub(crate) fn trace_value(labels: &Labels<'_, '_>, value: Ref, name: &str, place: PlaceName) -> TraceTree {
    TreeBuilder::new(labels, &|_| None).root(name, place, value)
}

/// The tree of a variable of a snapshot. Its segment begins at offset `start` of the file, where `memo_start` slots are
/// filled; `owner` returns the name of the variable that filled an earlier slot, and `class` the name of the class that
/// it defines. With `hides_values`, the tree has types and sizes, but no values.
///
/// # Errors
/// If the machine cannot follow the segment.
pub(crate) fn trace_segment(
    segment: &[u8],
    start: u64,
    memo_start: u64,
    owner: &dyn Fn(u64) -> Option<String>,
    class: &dyn Fn(u64) -> Option<String>,
    hides_values: bool,
    budget: &Rc<WorkBudget>,
) -> Result<TraceTree, MachineError> {
    let (machine, name, value) = Machine::run_segment(segment, start, memo_start, budget)?;
    let labels = Labels::new(&machine);
    let name = labels.string(name).unwrap_or_else(|| "?".into());
    let mut builder = TreeBuilder { hides_values, class, ..TreeBuilder::new(&labels, owner) };
    let tree = builder.root(&name, PlaceName::Named(Rc::clone(&name)), value);
    budget.check()?;
    Ok(tree)
}

/// A part of a value, in its role.
struct TracePart<'n, 'm> {
    role: TraceRole<'n>,
    value: Ref,
    /// The place that its name refers to.
    within: ValuePlace<'m>,
    /// As [`TraceFacts::place`].
    place: Option<String>,
}

enum TraceRole<'n> {
    Item,
    Key(Ref),
    Name(&'n str),
}

struct TreeBuilder<'n, 'm, 'a> {
    labels: &'n Labels<'m, 'a>,
    owner: &'n dyn Fn(u64) -> Option<String>,
    /// The class that a variable defines, by a slot of that variable.
    class: &'n dyn Fn(u64) -> Option<String>,
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
        Self { labels, owner, class: &|_| None, left: MAX_PARTS, hides_values, hides_strings, name, placed }
    }

    fn root(&mut self, name: &str, place: PlaceName, value: Ref) -> TraceTree {
        self.name = Some(place);
        let (role, place) = (TraceRole::Name(name), Some(name.to_owned()));
        self.build(TracePart { role, value, within: ValuePlace::Within, place }, 0)
    }

    /// Recurses to a depth of at most [`MAX_DEPTH`].
    fn build(&mut self, part: TracePart<'_, 'm>, depth: usize) -> TraceTree {
        let name = self.labels.place_name(part.within, self.name.as_ref());
        let outer = (std::mem::replace(&mut self.name, name), self.hides_strings);
        self.hides_strings |= self.labels.holds_credentials(part.value);
        let tree = self.build_named(&part, depth);
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
        let (label, facts) = (self.label(part), self.facts(part));
        let mut tree = TraceTree { label, start, end, size: end.saturating_sub(start), children: Vec::new(), facts };
        // A shared value has its parts where it was made.
        if machine.memo_index(part.value).is_some() {
            return tree;
        }
        if let Some(node) = machine.node(part.value)
            && depth < MAX_DEPTH
            && self.placed.insert(part.value)
        {
            tree.children = self.children(node, part.place.as_deref(), depth + 1);
        }
        tree
    }

    fn children(&mut self, node: &'m Node, place: Option<&str>, depth: usize) -> Vec<TraceTree> {
        let mut parts = self.parts(node, place);
        let mut children = Vec::new();
        while children.len() < MAX_CHILDREN && self.left > 0 {
            let Some(part) = parts.next() else { return children };
            children.push(self.build(part, depth));
        }
        // Parts that do not fit become one line.
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
            // Shared parts can be anywhere in the file, so the range covers all parts.
            tree.start = tree.start.min(start);
            tree.end = tree.end.max(end);
            tree.size = tree.size.saturating_add(end.saturating_sub(start));
        }
        rest.map(|(count, tree)| TraceTree { label: format!("… {count} more"), ..tree })
    }

    /// The parts of a value at `place`. The strings of a global and an empty tuple of arguments are not worth a line.
    fn parts(&self, node: &'m Node, place: Option<&str>) -> Box<dyn Iterator<Item = TracePart<'static, 'm>> + 'n>
    where
        'm: 'n,
    {
        let named = |name, value: Option<Ref>, place: Option<String>| {
            value.map(|value| TracePart { role: TraceRole::Name(name), value, within: ValuePlace::Within, place })
        };
        let (labels, place) = (self.labels, place.map(str::to_owned));
        let own: Box<dyn Iterator<Item = TracePart<'static, 'm>> + 'n> = match node.kind {
            NodeKind::Global => Box::new(std::iter::empty()),
            NodeKind::Dict => Box::new(pairs(labels, node, &node.items, place.clone())),
            NodeKind::Tuple => Box::new(items(&node.items, true, None, place.clone())),
            NodeKind::List => Box::new(items(&node.items, false, None, place.clone())),
            NodeKind::Call(_) => {
                let callee = named("calls", node.items.first().copied(), None);
                let keywords = named("keywords", node.items.get(2).copied(), None);
                Box::new(callee.into_iter().chain(self.arguments(node)).chain(keywords))
            }
            _ => Box::new(items(&node.items, false, None, None)),
        };
        let is_dict = |value: &Ref| labels.machine().node(*value).is_some_and(|node| node.kind == NodeKind::Dict);
        let namespace = node.state().filter(is_dict).and(place.as_ref()).map(|place| format!("{place}.__dict__"));
        let state = named("state", node.state(), namespace);
        // BUILD comes before or after the added items; the state is shown first either way.
        let added = node.added().into_iter().flat_map(move |added| {
            let items = items(&added.items, false, None, place.clone());
            items.chain(pairs(labels, node, &added.pairs, place.clone()))
        });
        Box::new(own.chain(state).chain(added))
    }

    /// The arguments of a call: the items of its tuple, or the value that is used instead of a tuple.
    fn arguments(&self, node: &'m Node) -> Vec<TracePart<'static, 'm>> {
        let Some(arguments) = node.items.get(1).copied() else { return Vec::new() };
        let machine = self.labels.machine();
        match machine.node(arguments) {
            Some(Node { kind: NodeKind::Tuple, items: values, .. }) if machine.memo_index(arguments).is_none() => {
                items(values, true, Some(node), None).collect()
            }
            _ => {
                let (role, within) = (TraceRole::Name("arguments"), ValuePlace::Within);
                vec![TracePart { role, value: arguments, within, place: None }]
            }
        }
    }

    fn facts(&self, part: &TracePart<'_, '_>) -> TraceFacts {
        let (machine, value, place) = (self.labels.machine(), part.value, part.place.clone());
        let shared_with = machine.memo_index(value).and_then(|(slot, _)| (self.owner)(slot));
        if machine.memo_index(machine.resolve(value)).is_some() {
            return TraceFacts { place, shared_with, ..TraceFacts::default() };
        }
        let type_name = self.type_name(value);
        if machine.node(value).is_some() {
            let (items, preview) = (self.labels.length(value), String::new());
            return TraceFacts { place, type_name, items, preview, shared_with };
        }
        let preview = self.preview(value).as_ref().to_owned();
        TraceFacts { place, type_name, items: None, preview, shared_with }
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
        let type_name = self.type_name(value);
        if machine.node(value).is_none() {
            return join(&[&type_name, &self.preview(value), &shared]);
        }
        let length = self.labels.length(value).map_or_else(String::new, |length| format!("({length})"));
        join(&[&type_name, &length, &shared])
    }

    /// The type of a value. An earlier variable may define the class of an instance.
    fn type_name(&self, value: Ref) -> String {
        let machine = self.labels.machine();
        let earlier = || match machine.node(value)? {
            Node { kind: NodeKind::Call(_), items, .. } => {
                let (slot, _) = machine.memo_index(machine.resolve(*items.first()?))?;
                (self.class)(slot)
            }
            _ => None,
        };
        let found = self.labels.type_name(value);
        if found.as_ref() == "object" { earlier().unwrap_or_else(|| found.to_string()) } else { found.to_string() }
    }

    /// A short form of a value without parts, unless that is hidden.
    fn preview(&self, value: Ref) -> Rc<str> {
        let is_hidden = self.hides_values || self.hides_strings && self.labels.is_string(value);
        if is_hidden { NOT_SHOWN.into() } else { self.labels.named_preview(self.name.as_ref(), value) }
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

/// The items of a container at `place`, which are the arguments of `call` if there is one.
fn items<'m>(
    all: &'m [Ref],
    is_tuple: bool,
    call: Option<&'m Node>,
    place: Option<String>,
) -> impl Iterator<Item = TracePart<'static, 'm>> {
    all.iter().enumerate().map(move |(at, value)| {
        let place = place.as_ref().and_then(|place| within_limit(format!("{place}[{at}]")));
        let within = ValuePlace::Item { items: all, at, is_tuple, call };
        TracePart { role: TraceRole::Item, value: *value, within, place }
    })
}

/// The keys and values of a dict, or of an object like one, at `place`.
fn pairs<'n, 'm: 'n>(
    labels: &'n Labels<'_, '_>,
    dict: &'m Node,
    pairs: &'m [Ref],
    place: Option<String>,
) -> impl Iterator<Item = TracePart<'static, 'm>> + 'n {
    pairs.as_chunks::<2>().0.iter().map(move |[key, value]| {
        let place = place.as_ref().and_then(|place| place_of_key(labels, place, *key));
        TracePart { role: TraceRole::Key(*key), value: *value, within: ValuePlace::Key(dict, *key), place }
    })
}

/// The place of the value of a key; an attribute, if the dict is the `__dict__` of an instance.
fn place_of_key(labels: &Labels<'_, '_>, place: &str, key: Ref) -> Option<String> {
    let is_name = |name: &str| !name.is_empty() && name.chars().all(|c| c == '_' || c.is_alphanumeric());
    let name = labels.string(key);
    if let (Some(instance), Some(name)) = (place.strip_suffix(".__dict__"), name.filter(|name| is_name(name))) {
        return within_limit(format!("{instance}.{name}"));
    }
    let key = labels.preview(key);
    (!key.is_empty()).then(|| format!("{place}[{key}]")).and_then(within_limit)
}

/// A place, unless it is too long to be read.
fn within_limit(place: String) -> Option<String> {
    (place.len() <= MAX_PLACE).then_some(place)
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
        let tree = trace_segment(b"\x8c\x01x](h\x01h\x00es", 100, 2, &owner, &owner, false, &WorkBudget::new(0, None))?;
        let expected = "7 x: list (2)\n  2 (shared with a, memo #1)\n  2 (shared, memo #0)\n";
        assert_eq!((lines(&tree, 0).as_str(), tree.start), (expected, 103));
        Ok(())
    }
}
