//! What to call the values of the machine: their types as people write them, and short texts of them.
//!
//! A pickle can refer to one long text a million times, so whatever was decoded once is remembered, cut to
//! [`MAX_NAME`]: the time that it takes grows with the pickle only.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use super::machine::Machine;
use super::node::{Kind, Leaf, Node, Ref, Value};
use super::rules::{self, Makes, NewClass};

/// The most characters of a name.
pub const MAX_NAME: usize = 200;

/// Names values of one machine.
#[derive(Debug)]
pub struct Naming<'m, 'a> {
    machine: &'m Machine<'a>,
    texts: Remembered<Option<Rc<str>>>,
    types: Remembered<Rc<str>>,
    classes: Remembered<Option<Rc<str>>>,
    globals: Remembered<Option<Global>>,
}

/// Module and name.
type Global = (Rc<str>, Rc<str>);
type Remembered<T> = RefCell<HashMap<Ref, T>>;

/// The entry for a key, made if it is not there. `make` may ask for other entries.
fn remember<T: Clone>(entries: &Remembered<T>, key: Ref, make: impl FnOnce() -> T) -> T {
    if let Some(known) = entries.borrow().get(&key) {
        return known.clone();
    }
    let made = make();
    entries.borrow_mut().insert(key, made.clone());
    made
}

impl<'m, 'a> Naming<'m, 'a> {
    /// Nothing is named yet.
    pub fn new(machine: &'m Machine<'a>) -> Self {
        let (texts, types, classes, globals) = Default::default();
        Self { machine, texts, types, classes, globals }
    }

    /// The machine.
    pub fn machine(&self) -> &'m Machine<'a> {
        self.machine
    }

    /// The start of a `str`; `None` for other values.
    pub fn text(&self, reference: Ref) -> Option<Rc<str>> {
        let reference = self.machine.resolve(reference);
        remember(&self.texts, reference, || match self.machine.value(reference) {
            Value::Leaf(Leaf::Text(text)) => Some(cut(text.start(MAX_NAME))),
            Value::Leaf(Leaf::OldText(bytes)) => Some(cut(old_start(&bytes, MAX_NAME))),
            _ => None,
        })
    }

    /// The module and the name of what is imported; `None` for other values.
    pub fn global(&self, reference: Ref) -> Option<(Rc<str>, Rc<str>)> {
        let reference = self.machine.resolve(reference);
        remember(&self.globals, reference, || match self.machine.value(reference) {
            Value::Leaf(Leaf::Global(module, name)) => Some((cut(module.start(MAX_NAME)), cut(name.start(MAX_NAME)))),
            Value::Node(Node { kind: Kind::Global, items, .. }) => {
                let half = |index: usize| items.get(index).and_then(|half| self.text(*half));
                Some((half(0).unwrap_or_else(|| "?".into()), half(1).unwrap_or_else(|| "?".into())))
            }
            _ => None,
        })
    }

    /// The type of a value: `dict`, `numpy.ndarray`, `__main__.Model`. For what is imported, `import` and its name,
    /// as a pickle does not tell what that is.
    pub fn type_name(&self, reference: Ref) -> Rc<str> {
        let reference = self.machine.resolve(reference);
        remember(&self.types, reference, || match self.machine.value(reference) {
            Value::Leaf(leaf) => self.leaf_type(reference, &leaf),
            Value::Node(node) => self.node_type(reference, node),
        })
    }

    fn leaf_type(&self, reference: Ref, leaf: &Leaf<'_>) -> Rc<str> {
        let name = match leaf {
            Leaf::None => "NoneType",
            Leaf::Bool(_) => "bool",
            Leaf::Int(_) | Leaf::LargeInt => "int",
            Leaf::Float(_) => "float",
            Leaf::Text(_) | Leaf::OldText(_) => "str",
            Leaf::Bytes(_) => "bytes",
            Leaf::ByteArray(_) => "bytearray",
            Leaf::Buffer => "buffer outside the pickle",
            Leaf::Extension(code) => return format!("copyreg extension {code}").into(),
            Leaf::Global(..) => return self.import(reference),
            Leaf::Persistent(_) => "persistent object",
            Leaf::Earlier(slot) => return format!("(shared, memo #{slot})").into(),
        };
        name.into()
    }

    fn node_type(&self, reference: Ref, node: &Node) -> Rc<str> {
        let name = match node.kind {
            Kind::Tuple => "tuple",
            Kind::List => "list",
            Kind::Dict => "dict",
            Kind::Set => "set",
            Kind::FrozenSet => "frozenset",
            Kind::Persistent => "persistent object",
            Kind::Global => return self.import(reference),
            Kind::Call(_) => return self.made(node).unwrap_or_else(|| "object".into()),
        };
        name.into()
    }

    fn import(&self, reference: Ref) -> Rc<str> {
        match self.global(reference) {
            Some((module, name)) if rules::is_session_namespace(&module, &name) => "dict".into(),
            Some((module, name)) => format!("import {module}.{name}").into(),
            None => "import".into(),
        }
    }

    /// What is known of the callee of a call.
    pub(super) fn maker(&self, node: &Node) -> Option<Makes> {
        let (module, name) = self.global(*node.items.first()?)?;
        rules::made_by(&module, &name)
    }

    fn made(&self, node: &Node) -> Option<Rc<str>> {
        match self.maker(node) {
            Some(Makes::Type(name)) => Some(name.into()),
            Some(Makes::InstanceOf(index)) => self.class(self.argument(node, index)?),
            Some(Makes::Scalar) => self.scalar(self.argument(node, 0)?),
            Some(Makes::Repr) => {
                let text = self.text(self.argument(node, 0)?)?;
                text.split_once('(').map(|(name, _)| name.into())
            }
            Some(Makes::NamedClass | Makes::Class(_)) => Some("type".into()),
            None => self.class(*node.items.first()?),
        }
    }

    /// An argument of a call, where its arguments are a plain tuple.
    pub(super) fn argument(&self, node: &Node, index: usize) -> Option<Ref> {
        match self.machine.value(*node.items.get(1)?) {
            Value::Node(Node { kind: Kind::Tuple, items, .. }) => items.get(index).copied(),
            _ => None,
        }
    }

    /// The name of a class.
    pub(super) fn class(&self, reference: Ref) -> Option<Rc<str>> {
        let reference = self.machine.resolve(reference);
        remember(&self.classes, reference, || {
            if let Some((module, name)) = self.global(reference) {
                return Some(rules::public_name(&module, &name).into());
            }
            let Value::Node(node) = self.machine.value(reference) else { return None };
            match self.maker(node)? {
                Makes::NamedClass => Some(rules::type_name(&self.text(self.argument(node, 0)?)?).into()),
                Makes::Class(arguments) => self.new_class(node, arguments),
                _ => None,
            }
        })
    }

    fn new_class(&self, node: &Node, arguments: NewClass) -> Option<Rc<str>> {
        let name = self.text(self.argument(node, arguments.name)?)?;
        let module = self.argument(node, arguments.module);
        let module = module.and_then(|module| self.text(module).or_else(|| self.module_in(module)));
        Some(format!("{}.{name}", module.as_deref().unwrap_or("__main__")).into())
    }

    /// `__module__` of a class's dict.
    fn module_in(&self, dict: Ref) -> Option<Rc<str>> {
        let Value::Node(Node { kind: Kind::Dict, items, .. }) = self.machine.value(dict) else { return None };
        let (pairs, _) = items.as_chunks::<2>();
        let found = pairs.iter().find(|[key, _]| self.text(*key).as_deref() == Some("__module__"));
        found.and_then(|[_, module]| self.text(*module))
    }

    fn scalar(&self, dtype: Ref) -> Option<Rc<str>> {
        let Value::Node(node) = self.machine.value(dtype) else { return None };
        let code = self.text(self.argument(node, 0)?)?;
        Some(rules::scalar_name(&code).into())
    }
}

/// A cut text, with a sign where something is missing.
fn cut((text, whole): (String, bool)) -> Rc<str> {
    if whole { text.into() } else { format!("{text}…").into() }
}

/// The start of a `str` of Python 2, most of which are ASCII.
pub(super) fn old_start(bytes: &[u8], characters: usize) -> (String, bool) {
    let start = bytes.get(..characters).unwrap_or(bytes);
    (String::from_utf8_lossy(start).into_owned(), start.len() == bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pickle::samples;

    /// The types of the items of a pickled list or tuple.
    fn types(pickle: &[u8]) -> Vec<String> {
        let (machine, value) = Machine::run(pickle).expect("a pickle");
        let naming = Naming::new(&machine);
        let Value::Node(node) = machine.value(value) else { panic!("a list") };
        node.items.iter().map(|item| naming.type_name(*item).as_ref().to_owned()).collect()
    }

    #[test]
    fn objects_of_all_protocols_have_their_types() {
        for pickle in samples::OBJECTS {
            assert_eq!(types(pickle), ["__main__.Thing", "set", "frozenset", "bytes"]);
        }
    }

    #[test]
    fn what_cloudpickle_writes_has_its_type() {
        assert_eq!(types(samples::CLOUDPICKLE), ["function", "__main__.K"]);
    }

    #[test]
    fn callees_that_make_no_sense_make_objects() {
        assert_eq!(types(b"(K\x01)RK\x01)\x81](K\x01eRt."), ["object", "object"]);
        // A class that is made by itself: no hop is taken twice.
        assert_eq!(types(b"(](K\x01el."), ["list"]);
    }

    #[test]
    fn long_names_are_cut() {
        let mut pickle = b"(\x8c\x01mX\x00\x10\x00\x00".to_vec();
        pickle.extend([b'n'; 4096]);
        pickle.extend(b"\x93)R2l.");
        let names = types(&pickle);
        assert_eq!(names, [format!("m.{}…", "n".repeat(MAX_NAME)), format!("m.{}…", "n".repeat(MAX_NAME))]);
    }
}
