//! What a pickle is that snapcli did not write: a dill session, a dict, or some other object, and what it holds.

use std::rc::Rc;

use super::describe_value::{Describer, ValueFacts, ValueRole};
use super::labels::Labels;
use crate::pickle::format::opcode::Opcode;
use crate::pickle::format::parse::{Argument, Parser};
use crate::pickle::machine::MachineError;
use crate::pickle::machine::value::{Node, NodeKind, Ref};
use crate::pickle::rules;

pub use self::Outline as Shape; // compat
pub use self::OutlineRow as Variable; // compat
pub use super::trace_tree::TraceTree as Tree; // compat
pub use super::trace_tree::trace_segment; // compat
pub use super::trace_tree::trace_value as tree; // compat

/// A dict with more keys is data, not a session.
pub const MAX_VARIABLES: usize = 1 << 16;

/// What a pickle is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outline {
    /// What `dill.dump_module` writes. dill also keeps the module's dunder names.
    Session {
        /// The module's name; `__runtime__.NAME` where it cannot be imported.
        module: String,
        /// Its namespace, in order.
        variables: Vec<OutlineRow>,
    },
    /// A dict whose keys are all strings.
    Dict {
        /// Its items, in order.
        variables: Vec<OutlineRow>,
    },
    /// Any other object.
    Object {
        /// It, without a name.
        value: OutlineRow,
    },
}

/// A value with a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutlineRow {
    /// The name, with replacement characters for surrogates, cut where it is very long.
    pub name: String,
    /// The type, as well as the pickle tells it.
    pub type_name: String,
    /// Where the opcodes of name and value begin.
    pub start: u64,
    /// Where they end. What the value takes from other ones is not within.
    pub end: u64,
    /// `len()`, where the pickle tells it.
    pub len: Option<u64>,
    /// What else it tells.
    pub facts: ValueFacts,
}

pub use crate::pickle::inspection::outline_with_verdict as outline; // compat

/// The outline of the value that a machine has made.
pub(crate) fn outline_of(labels: &Labels<'_, '_>, value: Ref) -> Outline {
    let machine = labels.machine();
    if let Some((module, namespace)) = session(labels, value) {
        let mut variables = variables(labels, namespace);
        variables.retain(|variable| !rules::NAMED_IMPORTS.iter().any(|(key, _)| *key == variable.name));
        variables.extend(imported(labels, namespace).take(MAX_VARIABLES - variables.len()));
        return Outline::Session { module, variables };
    }
    if let Some(Node { kind: NodeKind::Dict, items, .. }) = machine.node(value)
        && items.len() / 2 <= MAX_VARIABLES
        && items.iter().step_by(2).all(|key| labels.text(*key).is_some())
    {
        return Outline::Dict { variables: variables(labels, items) };
    }
    let (start, end) = labels.span(value);
    Outline::Object { value: OutlineRow { start, end, ..described(labels, &Describer::new(labels), value) } }
}

/// The module's name and its namespace, keys and values by turns.
fn session<'m>(labels: &Labels<'m, '_>, value: Ref) -> Option<(String, &'m [Ref])> {
    let machine = labels.machine();
    let Some(call @ Node { kind: NodeKind::Call(_), state: Some(state), .. }) = machine.node(value) else {
        return None;
    };
    let (module, name) = labels.global(*call.items.first()?)?;
    if !rules::imports_module(&module, &name) {
        return None;
    }
    let module = labels.text(labels.argument(call, 0)?)?;
    // A state of (dict, slots) is the general form of what BUILD takes.
    let dict = match machine.node(*state) {
        Some(Node { kind: NodeKind::Tuple, items, .. }) => *items.first()?,
        _ => *state,
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

/// What `dill.dump_module(refimported=True)` only names, and a load looks up: see [`rules::NAMED_IMPORTS`].
fn imported<'n>(labels: &'n Labels<'_, '_>, namespace: &'n [Ref]) -> impl Iterator<Item = OutlineRow> + 'n {
    rules::NAMED_IMPORTS.iter().flat_map(move |(key, is_module)| {
        rows_under(labels, namespace, key).iter().filter_map(move |row| named_import(labels, *row, *is_module))
    })
}

/// The items of the last list that a namespace has under a key.
fn rows_under<'m>(labels: &Labels<'m, '_>, namespace: &[Ref], key: &str) -> &'m [Ref] {
    let mut pairs = namespace.as_chunks::<2>().0.iter().rev();
    let found = pairs.find(|[found, _]| labels.text(*found).as_deref() == Some(key));
    match found.and_then(|[_, rows]| labels.machine().node(*rows)) {
        Some(Node { kind: NodeKind::List, items, .. }) => items,
        _ => &[],
    }
}

/// `(module, name)`, `(module, its name there, name)`, or `(module, name)` of a module.
fn named_import(labels: &Labels<'_, '_>, row: Ref, is_module: bool) -> Option<OutlineRow> {
    let Some(Node { kind: NodeKind::Tuple, items, .. }) = labels.machine().node(row) else { return None };
    let (module, name) = (labels.text(*items.first()?)?, labels.text(*items.last()?)?);
    let there = labels.text(*items.get(1)?)?;
    let type_name = if is_module { "module".to_owned() } else { format!("import {module}.{there}") };
    let facts = ValueFacts { role: ValueRole::Import, ..ValueFacts::default() };
    let (start, end) = labels.span(row);
    Some(OutlineRow { name: name.as_ref().to_owned(), type_name, start, end, len: None, facts })
}

fn variable(labels: &Labels<'_, '_>, describer: &Describer<'_, '_, '_>, key: Ref, value: Ref) -> OutlineRow {
    let name = labels.text(key).map_or_else(String::new, |name| name.as_ref().to_owned());
    let machine = labels.machine();
    let end = labels.span(value).1;
    OutlineRow { name, start: machine.start(key).min(end), end, ..described(labels, describer, value) }
}

/// Type, length and what else is told, without name and place.
fn described(labels: &Labels<'_, '_>, describer: &Describer<'_, '_, '_>, value: Ref) -> OutlineRow {
    let type_name = labels.type_name(value).as_ref().to_owned();
    let facts = describer.facts(value);
    let len = facts.len.or_else(|| labels.length(value));
    OutlineRow { name: String::new(), type_name, start: 0, end: 0, len, facts }
}

/// The names and values of a session, without dill's dunder names, or of a dict whose keys are all strings.
pub fn named(labels: &Labels<'_, '_>, value: Ref) -> Option<Vec<(Rc<str>, Ref)>> {
    let session = session(labels, value);
    let is_session = session.is_some();
    let items = match (session, labels.machine().node(value)) {
        (Some((_, namespace)), _) => namespace,
        (None, Some(Node { kind: NodeKind::Dict, items, .. })) if items.len() / 2 <= MAX_VARIABLES => items,
        _ => return None,
    };
    let pairs = items.as_chunks::<2>().0.iter();
    let named: Option<Vec<_>> = pairs.map(|[key, value]| Some((labels.text(*key)?, *value))).collect();
    let is_kept = |name: &str| !(is_session && name.starts_with("__") && name.ends_with("__"));
    named.map(|named| named.into_iter().filter(|(name, _)| is_kept(name)).collect())
}

/// Finds a variable of a session or a dict by its name.
pub fn find(labels: &Labels<'_, '_>, value: Ref, name: &str) -> Option<Ref> {
    let items = match (session(labels, value), labels.machine().node(value)) {
        (Some((_, namespace)), _) => namespace,
        (None, Some(Node { kind: NodeKind::Dict, items, .. })) => items,
        _ => return None,
    };
    let (pairs, _) = items.as_chunks::<2>();
    // The last one, as later keys win in a dict.
    pairs.iter().rev().find(|[key, _]| labels.text(*key).as_deref() == Some(name)).map(|[_, value]| *value)
}

/// Whether this is the name of the class of whose instances joblib writes array bytes.
fn names_array_wrapper(argument: &Argument<'_>) -> bool {
    match argument {
        Argument::Text(name) | Argument::Name(_, name) => name.bytes() == rules::ARRAY_WRAPPER.1.as_bytes(),
        _ => false,
    }
}

/// All that can be told without a machine, which has failed with this. Nobody can tell without one where the bytes of
/// joblib's arrays end.
pub(crate) fn outline_of_large(bytes: &[u8], too_large: &MachineError) -> Result<Outline, MachineError> {
    let mut module = None;
    let mut end = 0;
    let mut head = Vec::new();
    for op in Parser::new(bytes) {
        let op = op?;
        end = op.end;
        if names_array_wrapper(&op.argument) {
            return Err(too_large.clone());
        }
        // As in dill's `_identify_module`: the text after the first name that ends with `_import_module`.
        if module.is_none() && op.start < 256 && op.opcode != Opcode::PersId {
            match op.argument {
                Argument::Text(text) => head.push(text.start(crate::pickle::explain::labels::MAX_NAME).0),
                Argument::Name(_, name) => head.push(name.start(crate::pickle::explain::labels::MAX_NAME).0),
                _ => {}
            }
            module = match head.as_slice() {
                [.., before, name] if before.ends_with("_import_module") => Some(name.clone()),
                _ => None,
            };
        }
    }
    let type_name = "object".to_owned();
    let value = OutlineRow { name: String::new(), type_name, start: 0, end, len: None, facts: ValueFacts::default() };
    Ok(module.map_or(Outline::Object { value }, |module| Outline::Session { module, variables: Vec::new() }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pickle::machine::Machine;
    use crate::pickle::samples;

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
    fn a_dill_session_is_listed() {
        let Ok((Outline::Session { module, variables }, ..)) = outline(samples::SESSION) else { panic!("a session") };
        assert_eq!(module, "__main__");
        let expected = "np: module, pd: module, dill: module, collections: module, datetime: module, re: module, x: int, \
            big: int, l: list (3), d: dict (2), arr: numpy.ndarray, df: pandas.DataFrame (2), ser: pandas.Series (2), \
            sc: numpy.float64, f: function, C: type, c: __main__.C, od: collections.OrderedDict (1), \
            dq: collections.deque (2), when: datetime.date, pat: re.Pattern, z: complex, s: set (2), fs: frozenset (1), \
            ba: bytearray (2), r: range (3), same: list (3), idx: pandas.RangeIndex (2), m: method, nt: type, p: __main__.P, \
            npsum: import numpy.sum, ty: type, u: str (2)";
        assert_eq!(listed(&variables).join(", "), expected);
    }

    #[test]
    fn variables_lie_where_their_bytes_are() {
        let Ok((Outline::Dict { variables }, ..)) = outline(b"\x80\x04}(\x8c\x01a]\x94\x8c\x01bh\x00u.") else {
            panic!("a dict")
        };
        let places: Vec<_> = variables.iter().map(|variable| (variable.start, variable.end, variable.len)).collect();
        assert_eq!(places, [(4, 9, Some(0)), (9, 14, Some(0))]);
    }

    #[test]
    fn dicts_of_all_protocols_are_listed() {
        for pickle in samples::DICTS {
            let Ok((Outline::Dict { variables }, ..)) = outline(pickle) else { panic!("a dict") };
            assert_eq!(listed(&variables), ["a: int", "b: list (3)", "c: tuple (2)", "d: dict (1)"]);
        }
        let Ok((Outline::Dict { variables }, ..)) = outline(samples::PYTHON_2) else { panic!("a dict") };
        assert_eq!(listed(&variables), ["a: str (4)", "old: __main__.Old"]);
    }

    #[test]
    fn other_pickles_are_objects() {
        let type_name = |pickle| match outline(pickle) {
            Ok((Outline::Object { value }, ..)) => value.type_name,
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

    #[test]
    fn a_session_too_large_to_look_into_is_a_session() -> Result<(), MachineError> {
        let too_large = || MachineError::TooLarge { at: 7, what: "objects", limit: 5 };
        let shape = outline_of_large(samples::SESSION, &too_large())?;
        assert_eq!(shape, Outline::Session { module: "__main__".to_owned(), variables: Vec::new() });
        assert!(matches!(outline_of_large(samples::CYCLE, &too_large())?, Outline::Object { .. }));
        assert_eq!(outline_of_large(samples::joblib_dumps::C_ORDER, &too_large()), Err(too_large()));
        Ok(())
    }
}
