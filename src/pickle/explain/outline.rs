//! The contents of a pickle that snapcli did not write: a dill session, a dict or another object, with its variables.
//!
//! `inspect` shows an outline as the table of variables. It is made from the values of a machine, without executing
//! anything. A dill session is a call `_import_module('…')` with the namespace as its state, as `dill.dump_module`
//! writes it.

use std::collections::HashSet;
use std::rc::Rc;

use super::describe_value::{Describer, ValueFacts, ValueRole};
use super::labels::Labels;
use crate::pickle::known::{self, MARKER_REASON, MARKER_TYPE, is_variable_name};
use crate::pickle::machine::value::{Leaf, Node, NodeKind, Ref, Value};

/// A dict with more keys is data, not a session.
pub(crate) const MAX_VARIABLES: usize = 1 << 16;

/// The contents of a pickle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outline {
    /// A session, as `dill.dump_module` writes it.
    Session {
        /// The name of the module; `__runtime__.NAME` if it cannot be imported.
        module: String,
        /// Its namespace, in order. dill includes the module's dunder names.
        variables: Vec<OutlineRow>,
    },
    /// A dict whose keys are all names.
    Dict {
        /// Its items, in order.
        variables: Vec<OutlineRow>,
    },
    /// Any other object.
    Object {
        /// The object, without a name.
        value: OutlineRow,
    },
}

impl Outline {
    /// The outline, of which nothing but the kind is left here: its rows take much memory.
    pub(crate) fn take(&mut self) -> Self {
        match self {
            Self::Session { module, variables } => {
                Self::Session { module: module.clone(), variables: std::mem::take(variables) }
            }
            Self::Dict { variables } => Self::Dict { variables: std::mem::take(variables) },
            Self::Object { value } => Self::Object { value: value.clone() },
        }
    }
}

/// A row of an outline: a value with a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutlineRow {
    /// The name, cut if it is very long, with replacement characters for surrogates.
    pub name: String,
    /// The type, as far as the pickle says.
    pub type_name: String,
    /// The offset of the first opcode of name and value.
    pub start: u64,
    /// The end of the last one. Values that are shared with earlier variables are not in this range.
    pub end: u64,
    /// `len()`, if the pickle determines it.
    pub len: Option<u64>,
    /// Everything else that is shown.
    pub facts: ValueFacts,
}

/// The outline of the value that a machine has made.
pub(crate) fn outline_of(labels: &Labels<'_, '_>, value: Ref) -> Outline {
    let machine = labels.machine();
    if let Some((module, namespace)) = session(labels, value) {
        let mut variables = variables(labels, namespace);
        // A load replaces dill's lists of imports by the imports themselves, and so does the outline.
        variables.retain(|variable| !known::NAMED_IMPORTS.iter().any(|(key, _)| *key == variable.name));
        variables.extend(imported(labels, namespace).take(MAX_VARIABLES - variables.len()));
        return Outline::Session { module, variables };
    }
    if let Some(Node { kind: NodeKind::Dict, items, .. }) = machine.node(value)
        && names_variables(labels, items)
    {
        return Outline::Dict { variables: variables(labels, items) };
    }
    let (start, end) = labels.span(value);
    Outline::Object { value: OutlineRow { start, end, ..described(labels, &Describer::new(labels), value) } }
}

/// Whether a load binds the items of a dict to its keys: a dict with other keys than names, or with very many, is data
/// and not a namespace.
fn names_variables(labels: &Labels<'_, '_>, items: &[Ref]) -> bool {
    let mut known = HashSet::new();
    let is_name = |key: &Ref| !known.insert(labels.machine().resolve(*key)) || is_whole_name(labels, *key);
    !items.is_empty() && items.len() / 2 <= MAX_VARIABLES && items.iter().step_by(2).all(is_name)
}

/// Whether a key is a name, all of it: its label may be cut.
fn is_whole_name(labels: &Labels<'_, '_>, key: Ref) -> bool {
    match labels.string(key) {
        Some(label) if label.ends_with('…') => match labels.machine().value(key) {
            Value::Leaf(Leaf::Str(name)) => is_variable_name(&name.lossy()),
            Value::Leaf(Leaf::OldStr(name)) => is_variable_name(&String::from_utf8_lossy(&name)),
            _ => false,
        },
        label => label.is_some_and(|name| is_variable_name(&name)),
    }
}

/// The module of a session, and its namespace: keys and values, alternating.
fn session<'m>(labels: &Labels<'m, '_>, value: Ref) -> Option<(String, &'m [Ref])> {
    let machine = labels.machine();
    let call = machine.node(value).filter(|node| matches!(node.kind, NodeKind::Call(_)))?;
    let state = call.state()?;
    let (module, name) = labels.global(*call.items.first()?)?;
    if !known::imports_module(&module, &name) {
        return None;
    }
    let module = labels.string(labels.argument(call, 0)?)?;
    // A state of (dict, slots) is the general form of an argument of BUILD.
    let dict = match machine.node(state) {
        Some(Node { kind: NodeKind::Tuple, items, .. }) => *items.first()?,
        _ => state,
    };
    match machine.node(dict) {
        Some(Node { kind: NodeKind::Dict, items, .. }) => Some((module.as_ref().to_owned(), items)),
        _ => None,
    }
}

fn variables(labels: &Labels<'_, '_>, namespace: &[Ref]) -> Vec<OutlineRow> {
    let describer = Describer::new(labels);
    let (pairs, _) = namespace.as_chunks::<2>();
    pairs.iter().take(MAX_VARIABLES).map(|[key, value]| variable(labels, &describer, *key, *value)).collect()
}

/// The imports that `dill.dump_module(refimported=True)` lists by name: see [`known::NAMED_IMPORTS`].
fn imported<'n>(labels: &'n Labels<'_, '_>, namespace: &'n [Ref]) -> impl Iterator<Item = OutlineRow> + 'n {
    known::NAMED_IMPORTS.iter().flat_map(move |(key, is_module)| {
        rows_under(labels, namespace, key).iter().filter_map(move |row| named_import(labels, *row, *is_module))
    })
}

/// The items of the list under a key of a namespace: the last one, as it replaces the earlier ones.
fn rows_under<'m>(labels: &Labels<'m, '_>, namespace: &[Ref], key: &str) -> &'m [Ref] {
    let mut pairs = namespace.as_chunks::<2>().0.iter().rev();
    let found = pairs.find(|[found, _]| labels.string(*found).as_deref() == Some(key));
    match found.and_then(|[_, rows]| labels.machine().node(*rows)) {
        Some(Node { kind: NodeKind::List, items, .. }) => items,
        _ => &[],
    }
}

/// A listed import: `(module, name)`, `(module, its name there, name)` or, for a module, `(module, name)`.
fn named_import(labels: &Labels<'_, '_>, row: Ref, is_module: bool) -> Option<OutlineRow> {
    let Some(Node { kind: NodeKind::Tuple, items, .. }) = labels.machine().node(row) else { return None };
    let (module, name) = (labels.string(*items.first()?)?, labels.string(*items.last()?)?);
    let imported_name = labels.string(*items.get(1)?)?;
    let type_name = if is_module { "module".to_owned() } else { format!("import {module}.{imported_name}") };
    let facts = ValueFacts { role: ValueRole::Import, ..ValueFacts::default() };
    let (start, end) = labels.span(row);
    Some(OutlineRow { name: name.as_ref().to_owned(), type_name, start, end, len: None, facts })
}

fn variable(labels: &Labels<'_, '_>, describer: &Describer<'_, '_, '_>, key: Ref, value: Ref) -> OutlineRow {
    let name = labels.string(key).map_or_else(String::new, |name| name.as_ref().to_owned());
    let machine = labels.machine();
    // The only bytes of a value from the memo are its GET. In a hostile pickle the key can come after its value.
    let end = labels.span(value).1;
    OutlineRow { name, start: machine.start(key).min(end), end, ..described(labels, describer, value) }
}

/// A row without name and range.
pub(crate) fn described(labels: &Labels<'_, '_>, describer: &Describer<'_, '_, '_>, value: Ref) -> OutlineRow {
    // A class may have no name.
    let type_name = match labels.type_name(value).as_ref() {
        "" => "object".to_owned(),
        name => name.to_owned(),
    };
    let facts = describer.facts(value);
    let len = facts.len.or_else(|| labels.length(value));
    OutlineRow { name: String::new(), type_name, start: 0, end: 0, len, facts }
}

pub(crate) type NamedValues = Vec<(Rc<str>, Ref)>;

/// The names and values of a session, without dill's dunder names, or of a dict whose keys are all strings; `None` for
/// any other object.
pub(crate) fn named(labels: &Labels<'_, '_>, value: Ref) -> Option<NamedValues> {
    let session = session(labels, value);
    let is_session = session.is_some();
    let items = match (session, labels.machine().node(value)) {
        (Some((_, namespace)), _) => namespace,
        (None, Some(Node { kind: NodeKind::Dict, items, .. })) if names_variables(labels, items) => items,
        _ => return None,
    };
    let pairs = items.as_chunks::<2>().0.iter();
    let named: Option<Vec<_>> = pairs.map(|[key, value]| Some((labels.string(*key)?, *value))).collect();
    // dill saves the module's own dunder names, which are not variables.
    let is_kept = |name: &str| !(is_session && name.starts_with("__") && name.ends_with("__"));
    named.map(|named| named.into_iter().filter(|(name, _)| is_kept(name)).collect())
}

/// Finds a variable of a session or a dict by its name.
pub(crate) fn find(labels: &Labels<'_, '_>, value: Ref, name: &str) -> Option<Ref> {
    let items = match (session(labels, value), labels.machine().node(value)) {
        (Some((_, namespace)), _) => namespace,
        (None, Some(Node { kind: NodeKind::Dict, items, .. })) if names_variables(labels, items) => items,
        _ => return None,
    };
    let (pairs, _) = items.as_chunks::<2>();
    // The last one, as later keys win in a dict.
    pairs.iter().rev().find(|[key, _]| labels.string(*key).as_deref() == Some(name)).map(|[_, value]| *value)
}

/// The offsets of the markers that a save writes instead of objects that cannot be saved, ascending.
pub(crate) fn marker_offsets(labels: &Labels<'_, '_>) -> Vec<u64> {
    let nodes = labels.machine().nodes().iter();
    let mut offsets: Vec<u64> = nodes.filter(|node| is_marker(labels, node)).map(Node::start).collect();
    offsets.sort_unstable();
    offsets
}

fn is_marker(labels: &Labels<'_, '_>, node: &Node) -> bool {
    let (NodeKind::Call(_), Some(state)) = (node.kind, node.state()) else { return false };
    let Some(Node { kind: NodeKind::Dict, items, .. }) = labels.machine().node(state) else { return false };
    let &[first, _, second, _] = &**items else { return false };
    let is_key = |key, name| labels.string(key).is_some_and(|key| key.as_ref() == name);
    is_key(first, MARKER_TYPE) && is_key(second, MARKER_REASON)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pickle::machine::{Machine, MachineError};
    use crate::pickle::samples::{self, outline};

    /// Variables as `name: type (len)`, without dill's dunder names.
    fn listed(variables: &[OutlineRow]) -> Vec<String> {
        let kept = variables.iter().filter(|variable| !variable.name.starts_with("__"));
        let line = |variable: &OutlineRow| match variable.len {
            Some(length) => format!("{}: {} ({length})", variable.name, variable.type_name),
            None => format!("{}: {}", variable.name, variable.type_name),
        };
        kept.map(line).collect()
    }

    #[test]
    fn keys_with_long_names_are_variables() {
        let of_key = |key: &str| outline(&[b"}V", key.as_bytes(), b"\nNs."].concat()).expect("a pickle");
        for length in [1, 199, 200, 201, 5000] {
            let name = "n".repeat(length);
            let Outline::Dict { variables } = of_key(&name) else { panic!("a dict") };
            assert_eq!(variables.len(), 1);
            // The end of a name counts as well.
            for ending in [" ", ".", "…"] {
                assert!(matches!(of_key(&format!("{name}{}", ending)), Outline::Object { .. }), "{length} {ending}");
            }
        }
    }

    #[test]
    fn a_dill_session_is_listed() {
        let Ok(Outline::Session { module, variables }) = outline(samples::SESSION) else { panic!("a session") };
        assert_eq!(module, "__main__");
        let expected = "np: module, pd: module, dill: module, collections: module, datetime: module, re: module, x: \
            int, big: int, l: list (3), d: dict (2), arr: numpy.ndarray, df: pandas.DataFrame (2), ser: pandas.Series \
            (2), sc: numpy.float64, f: function, C: type, c: __main__.C, od: collections.OrderedDict (1), dq: \
            collections.deque (2), when: datetime.date, pat: re.Pattern, z: complex, s: set (2), fs: frozenset \
            (1), ba: bytearray (2), r: range (3), same: list (3), idx: pandas.RangeIndex (2), m: method, nt: \
            type, p: __main__.P, npsum: import numpy.sum, ty: type, u: str (2)";
        assert_eq!(listed(&variables).join(", "), expected);
    }

    #[test]
    fn rows_have_the_offsets_of_their_bytes() {
        let Ok(Outline::Dict { variables }) = outline(b"\x80\x04}(\x8c\x01a]\x94\x8c\x01bh\x00u.") else {
            panic!("a dict")
        };
        let ranges: Vec<_> = variables.iter().map(|variable| (variable.start, variable.end, variable.len)).collect();
        assert_eq!(ranges, [(4, 9, Some(0)), (9, 14, Some(0))]);
    }

    #[test]
    fn dicts_of_all_protocols_are_listed() {
        for pickle in samples::DICTS {
            let Ok(Outline::Dict { variables }) = outline(pickle) else { panic!("a dict") };
            assert_eq!(listed(&variables), ["a: int", "b: list (3)", "c: tuple (2)", "d: dict (1)"]);
        }
        let Ok(Outline::Dict { variables }) = outline(samples::PYTHON_2) else { panic!("a dict") };
        assert_eq!(listed(&variables), ["a: str (4)", "old: __main__.Old"]);
    }

    #[test]
    fn other_pickles_are_objects() {
        let type_name = |pickle| match outline(pickle) {
            Ok(Outline::Object { value }) => value.type_name,
            other => panic!("{other:?}"),
        };
        for pickle in samples::OBJECTS {
            assert_eq!(type_name(pickle), "list");
        }
        for pickle in samples::ARRAYS {
            assert_eq!(type_name(pickle), "numpy.ndarray");
        }
        assert_eq!(type_name(b"\x80\x04}K\x01K\x02s."), "dict");
        assert_eq!(type_name(b"\x80\x04Pid\n."), "persistent object");
        assert_eq!(type_name(b"\x80\x04\x8c\x08builtins\x8c\x00\x93)\x81."), "object");
    }

    #[test]
    fn variables_are_found_by_name() -> Result<(), MachineError> {
        let (machine, value) = Machine::run(samples::SESSION)?;
        let labels = Labels::new(&machine);
        let found = |name| find(&labels, value, name).map(|value| labels.type_name(value).as_ref().to_owned());
        assert_eq!(found("df").as_deref(), Some("pandas.DataFrame"));
        assert_eq!(found("none"), None);
        Ok(())
    }
}
