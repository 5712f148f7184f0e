//! What to call the values of the machine: their types as people write them, and short texts of them.
//!
//! A pickle can refer to one long text a million times, so whatever was decoded once is remembered, cut to
//! [`MAX_NAME`]: the time that it takes grows with the pickle only.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use super::machine::Machine;
use super::node::{Inner, Kind, Leaf, Node, Ref, Value};
use super::rules::{self, Makes, NewClass};

/// The most characters of a name.
pub const MAX_NAME: usize = 200;
/// From how many bytes on the end of a value is remembered.
const LONG: u64 = 64;
/// The most characters of a text that a preview shows.
pub const MAX_PREVIEW: usize = 40;

/// Names values of one machine.
#[derive(Debug)]
pub struct Naming<'m, 'a> {
    machine: &'m Machine<'a>,
    texts: Remembered<Option<Rc<str>>>,
    types: Remembered<Rc<str>>,
    classes: Remembered<Option<Rc<str>>>,
    globals: Remembered<Option<Global>>,
    lengths: Remembered<Option<u64>>,
    previews: Remembered<Rc<str>>,
    ends: Remembered<u64>,
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
        let (lengths, previews, ends) = Default::default();
        Self { machine, texts, types, classes, globals, lengths, previews, ends }
    }

    /// The machine.
    pub fn machine(&self) -> &'m Machine<'a> {
        self.machine
    }

    /// The bytes that a reference takes, as [`Machine::span`] tells them.
    pub fn span(&self, reference: Ref) -> (u64, u64) {
        if let Some(end) = self.ends.borrow().get(&reference) {
            return (self.machine.start(reference), *end);
        }
        let (start, end) = self.machine.span(reference);
        // Most values are short and read again in no time: remembering them would take more memory than the pickle.
        if end.saturating_sub(start) > LONG {
            self.ends.borrow_mut().insert(reference, end);
        }
        (start, end)
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
            Leaf::Inner(Inner::Container(kind)) => kind.name(),
            Leaf::Inner(Inner::Instance) => "object",
            Leaf::Earlier(slot) => return format!("(shared, memo #{slot})").into(),
        };
        name.into()
    }

    fn node_type(&self, reference: Ref, node: &Node) -> Rc<str> {
        let name = match node.kind {
            Kind::Global => return self.import(reference),
            Kind::Array => return self.array_class(node).unwrap_or_else(|| rules::ARRAY.into()),
            Kind::Call(_) => return self.made(node).unwrap_or_else(|| "object".into()),
            kind => kind.name(),
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
    fn maker(&self, node: &Node) -> Option<Makes> {
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

    /// What joblib says an array is. It is loaded into memory, also where it was mapped.
    fn array_class(&self, node: &Node) -> Option<Rc<str>> {
        let class = self.class(self.machine.described(node, "subclass")?)?;
        Some(class).filter(|class| !class.ends_with(".memmap"))
    }

    /// An argument of a call, where its arguments are a plain tuple.
    pub(super) fn argument(&self, node: &Node, index: usize) -> Option<Ref> {
        match self.machine.node(*node.items.get(1)?) {
            Some(Node { kind: Kind::Tuple, items, .. }) => items.get(index).copied(),
            _ => None,
        }
    }

    /// The name of a class.
    fn class(&self, reference: Ref) -> Option<Rc<str>> {
        let reference = self.machine.resolve(reference);
        remember(&self.classes, reference, || {
            if let Some((module, name)) = self.global(reference) {
                return Some(rules::public_name(&module, &name).into());
            }
            let node = self.machine.node(reference)?;
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
        let Some(Node { kind: Kind::Dict, items, .. }) = self.machine.node(dict) else { return None };
        let (pairs, _) = items.as_chunks::<2>();
        let found = pairs.iter().find(|[key, _]| self.text(*key).as_deref() == Some("__module__"));
        found.and_then(|[_, module]| self.text(*module))
    }

    fn scalar(&self, dtype: Ref) -> Option<Rc<str>> {
        let node = self.machine.node(dtype)?;
        let code = self.text(self.argument(node, 0)?)?;
        Some(rules::scalar_name(&code).into())
    }

    /// The `len()` of containers, of objects that are filled like containers, and of bytes and texts.
    pub fn length(&self, reference: Ref) -> Option<u64> {
        let reference = self.machine.resolve(reference);
        remember(&self.lengths, reference, || match self.machine.value(reference) {
            Value::Leaf(Leaf::Text(text)) => Some(text.characters()),
            Value::Leaf(Leaf::OldText(bytes)) => Some(bytes.len() as u64),
            Value::Leaf(Leaf::Bytes(bytes) | Leaf::ByteArray(bytes)) => Some(bytes.len() as u64),
            Value::Leaf(_) => None,
            Value::Node(node) => self.node_length(node),
        })
    }

    fn node_length(&self, node: &Node) -> Option<u64> {
        match node.kind {
            Kind::Tuple | Kind::List | Kind::Set | Kind::FrozenSet => Some(node.items.len() as u64),
            Kind::Dict => Some(node.items.len() as u64 / 2),
            Kind::Global | Kind::Persistent | Kind::Array => None,
            // `deque` and `OrderedDict` are filled one way or the other.
            Kind::Call(_) => match node.added.as_deref() {
                Some(added) => Some((added.items.len() + added.pairs.len() / 2) as u64),
                None => self.constructor_length(node),
            },
        }
    }

    /// `set`, `frozenset` and `bytearray` called with what they consist of, as older protocols do.
    fn constructor_length(&self, node: &Node) -> Option<u64> {
        let class = self.class(*node.items.first()?)?;
        let argument = self.argument(node, 0)?;
        if !matches!(class.as_ref(), "set" | "frozenset" | "bytearray") {
            return None;
        }
        match self.machine.node(argument) {
            None => self.length(argument),
            // Not what is made by a call again: calls can be nested without end.
            Some(Node { kind: Kind::List | Kind::Tuple, items, .. }) => Some(items.len() as u64),
            Some(_) => None,
        }
    }

    /// A short text of a value that one opcode makes, where its type does not say all.
    pub fn preview(&self, reference: Ref) -> Rc<str> {
        let reference = self.machine.resolve(reference);
        remember(&self.previews, reference, || match self.machine.value(reference) {
            Value::Leaf(leaf) => preview(&leaf).into(),
            Value::Node(_) => "".into(),
        })
    }
}

/// A cut text, with a sign where something is missing.
fn cut((text, whole): (String, bool)) -> Rc<str> {
    if whole { text.into() } else { format!("{text}…").into() }
}

/// The start of a `str` of Python 2, most of which are ASCII.
fn old_start(bytes: &[u8], characters: usize) -> (String, bool) {
    let start = bytes.get(..characters).unwrap_or(bytes);
    (String::from_utf8_lossy(start).into_owned(), start.len() == bytes.len())
}

fn preview(leaf: &Leaf<'_>) -> String {
    match leaf {
        Leaf::Bool(true) => "True".to_owned(),
        Leaf::Bool(false) => "False".to_owned(),
        Leaf::Int(value) => value.to_string(),
        Leaf::Float(value) => value.to_string(),
        Leaf::Text(text) => quoted(text.start(MAX_PREVIEW)),
        Leaf::OldText(bytes) => quoted(old_start(bytes, MAX_PREVIEW)),
        Leaf::Bytes(bytes) | Leaf::ByteArray(bytes) => format!("({})", bytes.len()),
        _ => String::new(),
    }
}

fn quoted((text, whole): (String, bool)) -> String {
    format!("'{text}{}'", if whole { "" } else { "…" })
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
    fn calls_may_be_nested_deeply() {
        let mut pickle = b"(cbuiltins\nset\n\x940".to_vec();
        pickle.extend(b"h\x00".repeat(300_000));
        pickle.push(b')');
        pickle.extend(b"R\x85".repeat(299_999));
        pickle.extend(b"Rl.");
        assert_eq!(types(&pickle), ["set"]);
        let (machine, value) = Machine::run(&pickle).expect("a pickle");
        let nest = machine.node(value).and_then(|list| list.items.first().copied()).expect("an item");
        assert_eq!(Naming::new(&machine).length(nest), None);
    }

    #[test]
    fn long_names_are_cut() {
        let mut pickle = b"(\x8c\x01mX\x00\x10\x00\x00".to_vec();
        pickle.extend([b'n'; 4096]);
        pickle.extend(b"\x93)R2l.");
        let names = types(&pickle);
        assert_eq!(names, [format!("m.{}…", "n".repeat(MAX_NAME)), format!("m.{}…", "n".repeat(MAX_NAME))]);
    }

    #[test]
    fn what_is_long_and_used_often_is_decoded_once() {
        // A line of a million characters with escapes, 60,000 times as a key and as a value.
        let mut pickle = b"(V".to_vec();
        pickle.extend(b"\\u0041".repeat(1 << 18));
        pickle.push(b'\n');
        pickle.extend(vec![b'2'; 119_999]);
        pickle.extend(b"d.");
        let began = std::time::Instant::now();
        let shape = crate::pickle::outline::outline(&pickle);
        assert!(
            matches!(shape, Ok((crate::pickle::outline::Shape::Dict { variables }, ..)) if variables.len() == 60_000)
        );
        // Some milliseconds, where decoding it each time would take hours.
        assert!(began.elapsed().as_secs() < 20);
    }
}
