//! What a pickle is that snapcli did not write: a dill session, a dict, or some other object, and what it holds.

use std::rc::Rc;

use super::facts::{Facts, Role, Teller};
use super::machine::{MachineError, Raw};
use super::naming::Naming;
use super::node::{Kind, Node, Ref};
use super::opcode::Opcode;
use super::parse::{Argument, Parser};
use super::rules;
use super::verdict::Verdict;

pub use super::tree::{Tree, trace_segment, tree};

/// A dict with more keys is data, not a session.
pub const MAX_VARIABLES: usize = 1 << 16;

/// What a pickle is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// What `dill.dump_module` writes. dill also keeps the module's dunder names.
    Session {
        /// The module's name; `__runtime__.NAME` where it cannot be imported.
        module: String,
        /// Its namespace, in order.
        variables: Vec<Variable>,
    },
    /// A dict whose keys are all strings.
    Dict {
        /// Its items, in order.
        variables: Vec<Variable>,
    },
    /// Any other object.
    Object {
        /// It, without a name.
        value: Variable,
    },
}

/// A value with a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
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
    pub facts: Facts,
}

/// Tells what a pickle is, what loading it would do, and where bytes of arrays stand between its opcodes.
///
/// A dill session that is too large to look into has no variables here, and any other pickle of that size is an
/// `object`, as they may be sound.
pub fn outline(bytes: &[u8]) -> Result<(Shape, Verdict, Vec<Raw>), MachineError> {
    match Verdict::follow(bytes) {
        Ok((verdict, machine, value)) => {
            let raw = machine.raw().to_vec();
            Ok((shape(&Naming::new(&machine), value), verdict, raw))
        }
        Err(error @ MachineError::TooLarge { .. }) => {
            let verdict = Verdict::refused(&error);
            Ok((outline_of_large(bytes, error)?, verdict, Vec::new()))
        }
        Err(error) => Err(error),
    }
}

fn shape(naming: &Naming<'_, '_>, value: Ref) -> Shape {
    let machine = naming.machine();
    if let Some((module, namespace)) = session(naming, value) {
        let mut variables = variables(naming, namespace);
        variables.retain(|variable| !rules::NAMED_IMPORTS.iter().any(|(key, _)| *key == variable.name));
        variables.extend(imported(naming, namespace).take(MAX_VARIABLES - variables.len()));
        return Shape::Session { module, variables };
    }
    if let Some(Node { kind: Kind::Dict, items, .. }) = machine.node(value)
        && items.len() / 2 <= MAX_VARIABLES
        && items.iter().step_by(2).all(|key| naming.text(*key).is_some())
    {
        return Shape::Dict { variables: variables(naming, items) };
    }
    let (start, end) = naming.span(value);
    Shape::Object { value: Variable { start, end, ..described(naming, &Teller::new(naming), value) } }
}

/// The module's name and its namespace, keys and values by turns.
fn session<'m>(naming: &Naming<'m, '_>, value: Ref) -> Option<(String, &'m [Ref])> {
    let machine = naming.machine();
    let Some(call @ Node { kind: Kind::Call(_), state: Some(state), .. }) = machine.node(value) else {
        return None;
    };
    let (module, name) = naming.global(*call.items.first()?)?;
    if !rules::imports_module(&module, &name) {
        return None;
    }
    let module = naming.text(naming.argument(call, 0)?)?;
    // A state of (dict, slots) is the general form of what BUILD takes.
    let dict = match machine.node(*state) {
        Some(Node { kind: Kind::Tuple, items, .. }) => *items.first()?,
        _ => *state,
    };
    match machine.node(dict) {
        Some(Node { kind: Kind::Dict, items, .. }) => Some((module.as_ref().to_owned(), items)),
        _ => None,
    }
}

fn variables(naming: &Naming<'_, '_>, namespace: &[Ref]) -> Vec<Variable> {
    let teller = Teller::new(naming);
    let (pairs, _) = namespace.as_chunks::<2>();
    pairs.iter().take(MAX_VARIABLES).map(|[key, value]| variable(naming, &teller, *key, *value)).collect()
}

/// What `dill.dump_module(refimported=True)` only names, and a load looks up: see [`rules::NAMED_IMPORTS`].
fn imported<'n>(naming: &'n Naming<'_, '_>, namespace: &'n [Ref]) -> impl Iterator<Item = Variable> + 'n {
    rules::NAMED_IMPORTS.iter().flat_map(move |(key, is_module)| {
        rows_under(naming, namespace, key).iter().filter_map(move |row| named_import(naming, *row, *is_module))
    })
}

/// The items of the last list that a namespace has under a key.
fn rows_under<'m>(naming: &Naming<'m, '_>, namespace: &[Ref], key: &str) -> &'m [Ref] {
    let mut pairs = namespace.as_chunks::<2>().0.iter().rev();
    let found = pairs.find(|[found, _]| naming.text(*found).as_deref() == Some(key));
    match found.and_then(|[_, rows]| naming.machine().node(*rows)) {
        Some(Node { kind: Kind::List, items, .. }) => items,
        _ => &[],
    }
}

/// `(module, name)`, `(module, its name there, name)`, or `(module, name)` of a module.
fn named_import(naming: &Naming<'_, '_>, row: Ref, is_module: bool) -> Option<Variable> {
    let Some(Node { kind: Kind::Tuple, items, .. }) = naming.machine().node(row) else { return None };
    let (module, name) = (naming.text(*items.first()?)?, naming.text(*items.last()?)?);
    let there = naming.text(*items.get(1)?)?;
    let type_name = if is_module { "module".to_owned() } else { format!("import {module}.{there}") };
    let facts = Facts { role: Role::Import, ..Facts::default() };
    let (start, end) = naming.span(row);
    Some(Variable { name: name.as_ref().to_owned(), type_name, start, end, len: None, facts })
}

fn variable(naming: &Naming<'_, '_>, teller: &Teller<'_, '_, '_>, key: Ref, value: Ref) -> Variable {
    let name = naming.text(key).map_or_else(String::new, |name| name.as_ref().to_owned());
    let machine = naming.machine();
    let end = naming.span(value).1;
    Variable { name, start: machine.start(key).min(end), end, ..described(naming, teller, value) }
}

/// Type, length and what else is told, without name and place.
fn described(naming: &Naming<'_, '_>, teller: &Teller<'_, '_, '_>, value: Ref) -> Variable {
    let type_name = naming.type_name(value).as_ref().to_owned();
    let facts = teller.facts(value);
    let len = facts.len.or_else(|| naming.length(value));
    Variable { name: String::new(), type_name, start: 0, end: 0, len, facts }
}

/// The names and values of a session, without dill's dunder names, or of a dict whose keys are all strings.
pub fn named(naming: &Naming<'_, '_>, value: Ref) -> Option<Vec<(Rc<str>, Ref)>> {
    let session = session(naming, value);
    let is_session = session.is_some();
    let items = match (session, naming.machine().node(value)) {
        (Some((_, namespace)), _) => namespace,
        (None, Some(Node { kind: Kind::Dict, items, .. })) if items.len() / 2 <= MAX_VARIABLES => items,
        _ => return None,
    };
    let pairs = items.as_chunks::<2>().0.iter();
    let named: Option<Vec<_>> = pairs.map(|[key, value]| Some((naming.text(*key)?, *value))).collect();
    let is_kept = |name: &str| !(is_session && name.starts_with("__") && name.ends_with("__"));
    named.map(|named| named.into_iter().filter(|(name, _)| is_kept(name)).collect())
}

/// Finds a variable of a session or a dict by its name.
pub fn find(naming: &Naming<'_, '_>, value: Ref, name: &str) -> Option<Ref> {
    let items = match (session(naming, value), naming.machine().node(value)) {
        (Some((_, namespace)), _) => namespace,
        (None, Some(Node { kind: Kind::Dict, items, .. })) => items,
        _ => return None,
    };
    let (pairs, _) = items.as_chunks::<2>();
    // The last one, as later keys win in a dict.
    pairs.iter().rev().find(|[key, _]| naming.text(*key).as_deref() == Some(name)).map(|[_, value]| *value)
}

/// All that can be told without a machine, which has failed with this. Nobody can tell without one where the bytes of
/// joblib's arrays end.
fn outline_of_large(bytes: &[u8], too_large: MachineError) -> Result<Shape, MachineError> {
    let mut module = None;
    let mut end = 0;
    let mut head = Vec::new();
    for op in Parser::new(bytes) {
        let op = op?;
        end = op.end;
        if op.names_array_wrapper() {
            return Err(too_large);
        }
        // As in dill's `_identify_module`: the text after the first name that ends with `_import_module`.
        if module.is_none() && op.start < 256 && op.opcode != Opcode::PersId {
            match op.argument {
                Argument::Text(text) => head.push(text.start(super::naming::MAX_NAME).0),
                Argument::Name(_, name) => head.push(name.start(super::naming::MAX_NAME).0),
                _ => {}
            }
            module = match head.as_slice() {
                [.., before, name] if before.ends_with("_import_module") => Some(name.clone()),
                _ => None,
            };
        }
    }
    let type_name = "object".to_owned();
    let value = Variable { name: String::new(), type_name, start: 0, end, len: None, facts: Facts::default() };
    Ok(module.map_or(Shape::Object { value }, |module| Shape::Session { module, variables: Vec::new() }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pickle::machine::Machine;
    use crate::pickle::samples;

    /// Variables as `name: type (len)`, without dill's dunder names.
    fn listed(variables: &[Variable]) -> Vec<String> {
        let kept = variables.iter().filter(|variable| !variable.name.starts_with("__"));
        let line = |variable: &Variable| match variable.len {
            Some(length) => format!("{}: {} ({length})", variable.name, variable.type_name),
            None => format!("{}: {}", variable.name, variable.type_name),
        };
        kept.map(line).collect()
    }

    #[test]
    fn a_dill_session_is_listed() {
        let Ok((Shape::Session { module, variables }, ..)) = outline(samples::SESSION) else { panic!("a session") };
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
        let Ok((Shape::Dict { variables }, ..)) = outline(b"\x80\x04}(\x8c\x01a]\x94\x8c\x01bh\x00u.") else {
            panic!("a dict")
        };
        let places: Vec<_> = variables.iter().map(|variable| (variable.start, variable.end, variable.len)).collect();
        assert_eq!(places, [(4, 9, Some(0)), (9, 14, Some(0))]);
    }

    #[test]
    fn dicts_of_all_protocols_are_listed() {
        for pickle in samples::DICTS {
            let Ok((Shape::Dict { variables }, ..)) = outline(pickle) else { panic!("a dict") };
            assert_eq!(listed(&variables), ["a: int", "b: list (3)", "c: tuple (2)", "d: dict (1)"]);
        }
        let Ok((Shape::Dict { variables }, ..)) = outline(samples::PYTHON_2) else { panic!("a dict") };
        assert_eq!(listed(&variables), ["a: str (4)", "old: __main__.Old"]);
    }

    #[test]
    fn other_pickles_are_objects() {
        let type_name = |pickle| match outline(pickle) {
            Ok((Shape::Object { value }, ..)) => value.type_name,
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
        let naming = Naming::new(&machine);
        let found = |name| find(&naming, value, name).map(|value| naming.type_name(value).as_ref().to_owned());
        assert_eq!(found("df").as_deref(), Some("pandas.DataFrame"));
        assert_eq!(found("none"), None);
        Ok(())
    }

    #[test]
    fn a_session_too_large_to_look_into_is_a_session() -> Result<(), MachineError> {
        let too_large = || MachineError::TooLarge { at: 7, what: "objects", limit: 5 };
        let shape = outline_of_large(samples::SESSION, too_large())?;
        assert_eq!(shape, Shape::Session { module: "__main__".to_owned(), variables: Vec::new() });
        assert!(matches!(outline_of_large(samples::CYCLE, too_large())?, Shape::Object { .. }));
        assert_eq!(outline_of_large(samples::joblib::C_ORDER, too_large()), Err(too_large()));
        Ok(())
    }
}
