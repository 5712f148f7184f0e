//! How values of a machine are shown: their types as a person would write them, their lengths, and short previews.
//!
//! Outline, trace, verdict and comparison all name values by these labels. A pickle can refer to one long string a
//! million times, so everything that was decoded once is remembered, cut to [`MAX_NAME`]: the time grows with the
//! pickle only.

use std::rc::Rc;

use super::label_cache::{Global, LabelCache, remember};
use super::named_previews::{searched, shown_start};
use crate::pickle::known::{self, Makes, NewClass};
use crate::pickle::machine::Machine;
use crate::pickle::machine::value::{Inner, Leaf, Node, NodeKind, Ref, Value};
use crate::pickle::work_budget::table_entry;

/// The most characters of a name that are kept.
pub(crate) const MAX_NAME: usize = 200;
/// The smallest number of bytes of a value whose end is remembered.
const LONG: u64 = 64;
/// The most keys of a dict that are searched for one of them. The keys that matter come first, or there are few.
const MAX_KEYS: usize = 256;
/// The most characters of a string in a preview.
pub(crate) const MAX_PREVIEW: usize = 40;

/// Names the values of one machine.
#[derive(Clone, Debug)]
pub struct Labels<'m, 'a> {
    machine: &'m Machine<'a>,
    pub(super) cache: Rc<LabelCache>,
}

impl<'m, 'a> Labels<'m, 'a> {
    /// Labels of a machine, none of them made yet.
    pub fn new(machine: &'m Machine<'a>) -> Self {
        Self::with_cache(machine, Rc::default())
    }

    /// Labels that share `cache` with other `Labels` of the same machine.
    pub(crate) fn with_cache(machine: &'m Machine<'a>, cache: Rc<LabelCache>) -> Self {
        Self { machine, cache }
    }

    /// The machine.
    pub fn machine(&self) -> &'m Machine<'a> {
        self.machine
    }

    /// The range of bytes that a value takes: see [`Machine::span`].
    pub fn span(&self, reference: Ref) -> (u64, u64) {
        if let Some(end) = self.cache.ends.borrow().get(&reference) {
            return (self.machine.start(reference), *end);
        }
        let (start, end) = self.machine.span(reference);
        // Short values, which are most, are not remembered: that would take more memory than the pickle itself.
        let is_long = end.saturating_sub(start) > LONG;
        if is_long && self.machine.budget().charge(table_entry::<Ref, u64>()).is_ok() {
            self.cache.ends.borrow_mut().insert(reference, end);
        }
        (start, end)
    }

    /// A `str`, cut to [`MAX_NAME`] characters; `None` for other values.
    pub fn string(&self, reference: Ref) -> Option<Rc<str>> {
        let reference = self.machine.resolve(reference);
        remember(self.machine.budget(), &self.cache.strings, reference, || match self.machine.value(reference) {
            Value::Leaf(Leaf::Str(string)) => Some(cut(string.start(MAX_NAME))),
            Value::Leaf(Leaf::OldStr(bytes)) => Some(cut(old_start(&bytes, MAX_NAME))),
            _ => None,
        })
    }

    /// The module and the name of a global; `None` for other values.
    pub fn global(&self, reference: Ref) -> Option<(Rc<str>, Rc<str>)> {
        let reference = self.machine.resolve(reference);
        remember(self.machine.budget(), &self.cache.globals, reference, || match self.machine.value(reference) {
            Value::Leaf(Leaf::Global(module, name)) => Some((cut(module.start(MAX_NAME)), cut(name.start(MAX_NAME)))),
            Value::Node(Node { kind: NodeKind::Global, items, .. }) => {
                // `?` is no valid name, so it cannot be confused with one.
                let half = |index: usize| items.get(index).and_then(|half| self.string(*half));
                Some((half(0).unwrap_or_else(|| "?".into()), half(1).unwrap_or_else(|| "?".into())))
            }
            _ => None,
        })
    }

    /// The type of a value: `dict`, `numpy.ndarray`, `__main__.Model`. For a global it is `import` and its name, as a
    /// pickle does not say which type the global has.
    pub fn type_name(&self, reference: Ref) -> Rc<str> {
        let reference = self.machine.resolve(reference);
        remember(self.machine.budget(), &self.cache.types, reference, || match self.machine.value(reference) {
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
            Leaf::Str(_) | Leaf::OldStr(_) => "str",
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
            NodeKind::Global => return self.import(reference),
            NodeKind::Array => return self.array_class(node).unwrap_or_else(|| known::ARRAY.into()),
            NodeKind::Call(_) => return self.made(node).unwrap_or_else(|| "object".into()),
            kind => kind.name(),
        };
        name.into()
    }

    fn import(&self, reference: Ref) -> Rc<str> {
        match self.global(reference) {
            // dill refers to the namespace of the session by a global.
            Some((module, name)) if known::is_session_namespace(&module, &name) => "dict".into(),
            Some((module, name)) => match known::singleton(&module, &name) {
                Some(known) => known.into(),
                None => format!("import {}", known::import_name(&module, &name)).into(),
            },
            None => "import".into(),
        }
    }

    /// The rule for the type that a call makes, if its callee is known.
    pub(in crate::pickle) fn maker(&self, node: &Node) -> Option<Makes> {
        let callee = *node.items.first()?;
        let (module, name) = self.global(callee).or_else(|| self.attribute(callee))?;
        known::made_by(&module, &name)
    }

    /// An attribute of a global, as a global with a dotted name. Protocols before 4 write `getattr(ZoneInfo,
    /// '_unpickle')` for `ZoneInfo._unpickle`.
    pub(in crate::pickle) fn attribute(&self, callee: Ref) -> Option<Global> {
        let node = self.machine.node(callee)?;
        let (module, name) = self.global(*node.items.first().filter(|_| matches!(node.kind, NodeKind::Call(_)))?)?;
        if !known::is_getattr(&module, &name) {
            return None;
        }
        let (module, outer) = self.global(self.argument(node, 0)?)?;
        let inner = self.string(self.argument(node, 1)?)?;
        Some((module, format!("{outer}.{inner}").into()))
    }

    /// The type of the value that a call makes.
    fn made(&self, node: &Node) -> Option<Rc<str>> {
        match self.maker(node) {
            Some(Makes::Type(name)) => Some(name.into()),
            Some(Makes::InstanceOf(index)) => self.class(self.argument(node, index)?),
            Some(Makes::Call) => self.made_with(node),
            Some(Makes::Attribute) => {
                let of = self.global(self.argument(node, 0)?);
                // `str.join` is a method descriptor, `''.join` a method.
                let of_type = of.is_some_and(|(module, _)| known::is_builtin(&module));
                Some(if of_type { "method_descriptor" } else { "method" }.into())
            }
            // `scalar(dtype, bytes)`.
            Some(Makes::Scalar) => self.scalar(self.argument(node, 0)?),
            Some(Makes::Repr) => self.described_by(node, 0),
            Some(Makes::Descriptor) => self.described_by(node, 2),
            Some(Makes::Subscript) => {
                let (module, name) = self.global(self.argument(node, 0)?)?;
                known::subscript_of(&module, &name).map(Rc::from)
            }
            // `lru_cache(…)` returns the decorator; calling that returns the wrapper, whose class is below.
            Some(Makes::Decorator) => Some("function".into()),
            Some(Makes::NamedClass | Makes::Class(_)) => Some("type".into()),
            None => self.instance(node),
        }
    }

    /// The type of an instance. numpy has a class of dtypes for each kind of item.
    fn instance(&self, node: &Node) -> Option<Rc<str>> {
        let class = *node.items.first()?;
        if self.global(class).is_some_and(|(module, name)| known::is_dtype(&module, &name))
            && let Some(code) = self.argument(node, 0).and_then(|code| self.string(code))
        {
            return Some(known::dtype::dtype_class(&code).into());
        }
        self.class(class)
    }

    /// The type of the value that the callable in the first argument makes with the tuple in the second, whose first
    /// item is the class: this is how dill writes arrays.
    fn made_with(&self, node: &Node) -> Option<Rc<str>> {
        let (module, name) = self.global(self.argument(node, 0)?)?;
        let index = match known::made_by(&module, &name)? {
            Makes::InstanceOf(index) => index,
            Makes::Type(name) => return Some(name.into()),
            _ => return None,
        };
        match self.machine.node(self.argument(node, 1)?)? {
            Node { kind: NodeKind::Tuple, items, .. } => self.class(*items.get(index)?),
            _ => None,
        }
    }

    /// The type of the value whose `repr` is this argument.
    fn described_by(&self, node: &Node, index: usize) -> Option<Rc<str>> {
        known::type_of_repr(&self.string(self.argument(node, index)?)?).map(Rc::from)
    }

    /// The class that joblib states for an array. A `memmap` is loaded into memory, so it counts as a plain array.
    fn array_class(&self, node: &Node) -> Option<Rc<str>> {
        let class = self.class(self.machine.described(node, "subclass")?)?;
        Some(class).filter(|class| !class.ends_with(".memmap"))
    }

    /// An argument of a call, if its arguments are a plain tuple.
    pub(crate) fn argument(&self, node: &Node, index: usize) -> Option<Ref> {
        match self.machine.node(*node.items.get(1)?) {
            Some(Node { kind: NodeKind::Tuple, items, .. }) => items.get(index).copied(),
            _ => None,
        }
    }

    pub(crate) fn class(&self, reference: Ref) -> Option<Rc<str>> {
        let reference = self.machine.resolve(reference);
        remember(self.machine.budget(), &self.cache.classes, reference, || {
            // An imported class is a global; any other was made by a call.
            if let Some((module, name)) = self.global(reference) {
                return Some(known::public_name(&module, &name).into());
            }
            let node = self.machine.node(reference)?;
            match self.maker(node)? {
                Makes::NamedClass => Some(known::type_name(&self.string(self.argument(node, 0)?)?).into()),
                Makes::Class(arguments) => self.new_class(node, arguments),
                Makes::Decorator => Some("functools._lru_cache_wrapper".into()),
                _ => None,
            }
        })
    }

    /// The name of a class that the pickle carries.
    fn new_class(&self, node: &Node, arguments: NewClass) -> Option<Rc<str>> {
        let name = self.string(self.argument(node, arguments.name)?)?;
        // Some makers get the module itself, others only the namespace of the class.
        let module = self.argument(node, arguments.module);
        let module = module.and_then(|module| self.string(module).or_else(|| self.module_in(module)));
        Some(format!("{}.{name}", module.as_deref().unwrap_or("__main__")).into())
    }

    /// `__module__` in the dict of a class.
    fn module_in(&self, namespace: Ref) -> Option<Rc<str>> {
        self.under(self.namespace(namespace), "__module__").and_then(|module| self.string(module))
    }

    /// The dict of a new class: the argument itself or, for generic classes of dill, the dict that a function copies
    /// into it (`partial(_setitems, source={…})`).
    pub(crate) fn namespace(&self, argument: Ref) -> Ref {
        let filled_by = || {
            // The state of a partial is (function, arguments, keywords, attributes).
            let partial = self.machine.node(argument).filter(|node| matches!(node.kind, NodeKind::Call(_)))?;
            let Node { kind: NodeKind::Tuple, items, .. } = self.machine.node(partial.state()?)? else { return None };
            self.under(*items.get(2)?, "source")
        };
        filled_by().unwrap_or(argument)
    }

    /// The value of a key in a dict, if it is one of the first [`MAX_KEYS`], and all of these are literal strings. The
    /// last value of a key counts, as in Python.
    pub(crate) fn under(&self, dict: Ref, key: &str) -> Option<Ref> {
        let Some(Node { kind: NodeKind::Dict, items, .. }) = self.machine.node(dict) else { return None };
        let mut under = None;
        for [found, value] in items.as_chunks::<2>().0.iter().take(MAX_KEYS) {
            if *self.string(*found)? == *key {
                under = Some(*value);
            }
        }
        under
    }

    /// The type of a numpy scalar with this dtype.
    fn scalar(&self, dtype: Ref) -> Option<Rc<str>> {
        let node = self.machine.node(dtype)?;
        let code = self.string(self.argument(node, 0)?)?;
        Some(known::dtype::scalar_name(&code).into())
    }

    /// An `int` that fits into 64 bits.
    pub(crate) fn int(&self, reference: Ref) -> Option<i64> {
        if self.type_name(reference).as_ref() != "int" {
            return None;
        }
        match self.machine.value(reference) {
            Value::Leaf(Leaf::Int(number)) => Some(number),
            _ => None,
        }
    }

    /// A short form of a value without parts, with apparent credentials hidden; empty if its type says everything, and
    /// for other values. If the value has a name, use its [named preview](Self::named_preview).
    pub fn preview(&self, reference: Ref) -> Rc<str> {
        let reference = self.machine.resolve(reference);
        remember(self.machine.budget(), &self.cache.previews, reference, || match self.machine.value(reference) {
            Value::Leaf(leaf) => preview(&leaf).into(),
            Value::Node(_) => "".into(),
        })
    }
}

/// A string that may have been cut, with an ellipsis if it was.
fn cut((string, whole): (String, bool)) -> Rc<str> {
    if whole { string.into() } else { format!("{string}…").into() }
}

/// The first characters of a `str` of Python 2, and whether they are all of it. Most are ASCII.
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
        Leaf::Str(_) | Leaf::OldStr(_) => {
            searched(leaf).map_or_else(String::new, |string| quote(shown_start(string, MAX_PREVIEW)))
        }
        Leaf::Bytes(bytes) | Leaf::ByteArray(bytes) => format!("({})", bytes.len()),
        _ => String::new(),
    }
}

fn quote((string, whole): (String, bool)) -> String {
    format!("'{string}{}'", if whole { "" } else { "…" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pickle::explain::outline::Outline;
    use crate::pickle::inspection::Inspection;
    use crate::pickle::samples;
    use crate::pickle::work_budget::WorkBudget;

    /// The types of the items of a pickled list or tuple.
    fn types(pickle: &[u8]) -> Vec<String> {
        let (machine, value) = Machine::run(pickle).expect("a pickle");
        let labels = Labels::new(&machine);
        let Value::Node(node) = machine.value(value) else { panic!("a list") };
        node.items.iter().map(|item| labels.type_name(*item).as_ref().to_owned()).collect()
    }

    #[test]
    fn objects_of_all_protocols_have_their_types() {
        for pickle in samples::OBJECTS {
            assert_eq!(types(pickle), ["__main__.Thing", "set", "frozenset", "bytes"]);
        }
    }

    #[test]
    fn values_of_cloudpickle_have_their_types() {
        assert_eq!(types(samples::CLOUDPICKLE), ["function", "__main__.K"]);
    }

    #[test]
    fn calls_of_nonsense_make_objects() {
        assert_eq!(types(b"(K\x01)RK\x01)\x81](K\x01eRt."), ["object", "object"]);
        // A class that is made by itself: no step is taken twice.
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
        assert_eq!(Labels::new(&machine).length(nest), None);
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
    fn a_long_string_that_is_used_often_is_decoded_once() {
        // A line of 250,000 escaped characters, 60,000 times as a key and as a value; then the same in a tuple.
        let mut dict = b"(V".to_vec();
        dict.extend(b"\\u0041".repeat(1 << 18));
        dict.push(b'\n');
        dict.extend(vec![b'2'; 119_999]);
        dict.push(b'd');
        let in_tuple = [b"(", &*dict, b"t."].concat();
        dict.push(b'.');
        for (pickle, rows) in [(dict, Some(60_000)), (in_tuple, None)] {
            let inspection = Inspection::run(&pickle, &WorkBudget::new(pickle.len() as u64, None)).expect("a pickle");
            let found = match inspection.outline() {
                Outline::Dict { variables } => Some(variables.len()),
                _ => None,
            };
            assert_eq!(found, rows);
            // Each kind of label (name, type, length, span) may decode it a few times.
            let decoded = inspection.decoded_bytes();
            assert!(decoded < 10 * pickle.len() as u64, "{decoded}");
        }
    }
}
