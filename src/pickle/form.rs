//! Values in a form that does not depend on who pickled them, or with which protocol: what is compared and digested.
//!
//! The same `set` can be EMPTY_SET and ADDITEMS or a call of `set`, the same number BININT or LONG1, the same array
//! `_frombuffer` or `_reconstruct` and BUILD. Equal values have equal forms, save for the order of sets and dicts,
//! which is up to who looks at the parts.

mod calls;
mod integer;
mod masked;

use std::borrow::Cow;
use std::collections::HashMap;

use super::machine::Machine;
use super::node::{How, Kind, Leaf, Node, Ref, Value};
use super::text::Text;

/// A pickle's values, and what was done to them by calls whose outcome was thrown away.
#[derive(Debug)]
pub(super) struct Forms<'m, 'a> {
    machine: &'m Machine<'a>,
    effects: HashMap<Ref, Vec<Ref>>,
}

/// A value.
#[derive(Debug)]
pub(super) enum Form<'a> {
    /// All of it.
    Whole(Whole<'a>),
    /// What it is made of.
    Parts(Parts<'a>),
}

/// A value without parts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Whole<'a> {
    None,
    Bool(bool),
    Int(i64),
    /// In little-endian two's complement, as short as can be; a decimal that is not worth converting as its digits.
    LargeInt(Cow<'a, [u8]>),
    /// As bits, but all NaN are one.
    Float(u64),
    Text(Cow<'a, [u8]>),
    Bytes(Cow<'a, [u8]>),
    ByteArray(Cow<'a, [u8]>),
    Global(String, String),
    Extension(i64),
    Persistent(Cow<'a, [u8]>),
    /// A buffer that is not in the pickle, or a memo slot of another one.
    Elsewhere(u64),
}

/// What a value is made of.
#[derive(Debug)]
pub(super) struct Parts<'a> {
    /// What it is.
    pub tag: Tag,
    /// The items of a list of texts that is written as one, with separators between them.
    pub texts: Option<Cow<'a, [u8]>>,
    /// Parts in order.
    pub ordered: Vec<(Role, Ref)>,
    /// Parts without order.
    pub members: Vec<Ref>,
    /// Keys and values, without order.
    pub pairs: Vec<(Ref, Ref)>,
}

/// What is made of parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Tag {
    Tuple,
    List,
    Dict,
    Set,
    FrozenSet,
    Global,
    Persistent,
    /// By calling something.
    Call,
    /// By calling something, and never to be changed: nobody can tell whether two are the same object.
    Constant,
    /// By a class's `__new__`.
    New,
    /// A `numpy.ndarray`, and whether it is in Fortran's order.
    Array {
        fortran: bool,
    },
}

impl Tag {
    /// Whether it matters that a value is the same object in two places.
    pub(super) fn has_identity(self) -> bool {
        matches!(self, Self::List | Self::Dict | Self::Set | Self::Call | Self::New | Self::Array { .. })
    }
}

/// What a part is to the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Role {
    Item(usize),
    /// A key or a value of an ordered dict.
    Entry(usize),
    Callee,
    Argument(usize),
    Arguments,
    Keywords,
    State,
    /// A call that changed it.
    Effect,
    Dtype,
    Shape,
    /// An array's bytes: `bytes` and `bytearray` are the same here.
    Data,
}

impl Parts<'_> {
    fn new(tag: Tag) -> Self {
        Self { tag, texts: None, ordered: Vec::new(), members: Vec::new(), pairs: Vec::new() }
    }

    fn items(mut self, items: &[Ref]) -> Self {
        self.ordered.extend(items.iter().enumerate().map(|(place, item)| (Role::Item(place), *item)));
        self
    }

    fn arguments(mut self, arguments: &[Ref]) -> Self {
        self.ordered.extend(arguments.iter().enumerate().map(|(place, item)| (Role::Argument(place), *item)));
        self
    }

    fn with(mut self, role: Role, part: Ref) -> Self {
        self.ordered.push((role, part));
        self
    }
}

/// Modules that have had another name.
const RENAMED: &[(&str, &str)] = &[("__builtin__", "builtins"), ("copy_reg", "copyreg"), ("dill.dill", "dill._dill")];

/// The arguments of dill's `_create_code` that tell where the code was written, not what it does, by the number of
/// arguments: the table of lines in front, the file, the first line, and the table of positions. See `CODE` in dill 0.4.
const CODE_PLACES: &[(usize, &[usize])] = &[(17, &[0, 11, 13, 14]), (19, &[0, 11, 14, 15])];

/// How many classes are looked at for a base, and how many bases of each.
const MOST_BASES: usize = 8;

impl<'m, 'a> Forms<'m, 'a> {
    pub(super) fn new(machine: &'m Machine<'a>) -> Self {
        let mut forms = Self { machine, effects: HashMap::new() };
        for effect in machine.effects() {
            let first = forms.call_arguments(*effect).and_then(|arguments| arguments.first().copied());
            if let Some(target) = first.map(|first| machine.resolve(first)) {
                forms.effects.entry(target).or_default().push(*effect);
            }
        }
        for change in machine.changes() {
            forms.effects.entry(machine.resolve(change.target)).or_default().extend(&change.items);
        }
        forms
    }

    pub(super) fn machine(&self) -> &'m Machine<'a> {
        self.machine
    }

    /// The form of a value.
    pub(super) fn form(&self, reference: Ref) -> Form<'a> {
        let reference = self.machine.resolve(reference);
        let node = match self.machine.value(reference) {
            Value::Leaf(leaf) => return Form::Whole(self.leaf(reference, leaf)),
            Value::Node(node) => node,
        };
        let mut form = self.node(node);
        if let Form::Parts(parts) = &mut form
            && let Some(effects) = self.effects.get(&reference)
        {
            parts.ordered.extend(effects.iter().map(|effect| (Role::Effect, *effect)));
        }
        form
    }

    fn leaf(&self, reference: Ref, leaf: Leaf<'a>) -> Whole<'a> {
        match leaf {
            Leaf::None => Whole::None,
            Leaf::Bool(value) => Whole::Bool(value),
            Leaf::Int(value) => Whole::Int(value),
            Leaf::LargeInt => Whole::LargeInt(integer::large_int(self.machine.opcode_bytes(reference))),
            Leaf::Float(value) => Whole::Float(if value.is_nan() { f64::NAN } else { value }.to_bits()),
            Leaf::Text(text) => Whole::Text(text.into_bytes()),
            Leaf::OldText(bytes) => Whole::Text(bytes),
            Leaf::Bytes(bytes) => Whole::Bytes(Cow::Borrowed(bytes)),
            Leaf::ByteArray(bytes) => Whole::ByteArray(Cow::Borrowed(bytes)),
            Leaf::Buffer => Whole::Elsewhere(u64::MAX),
            Leaf::Extension(code) => Whole::Extension(code),
            Leaf::Global(module, name) => global(&module, &name),
            Leaf::Persistent(text) => Whole::Persistent(text.into_bytes()),
            Leaf::Earlier(slot) => Whole::Elsewhere(slot),
            // Only a watched run forgets, and none is compared.
            Leaf::Inner(_) => Whole::Elsewhere(u64::MAX),
        }
    }

    fn node(&self, node: &Node) -> Form<'a> {
        let parts = match node.kind {
            Kind::Tuple => Parts::new(Tag::Tuple).items(&node.items),
            Kind::List => Parts::new(Tag::List).items(&node.items),
            Kind::Set => Parts { members: node.items.clone(), ..Parts::new(Tag::Set) },
            Kind::FrozenSet => Parts { members: node.items.clone(), ..Parts::new(Tag::FrozenSet) },
            Kind::Dict => Parts { pairs: pairs(&node.items), ..Parts::new(Tag::Dict) },
            Kind::Persistent => Parts::new(Tag::Persistent).items(&node.items),
            Kind::Global => match self.global_of(node) {
                Some(global) => return Form::Whole(global),
                None => Parts::new(Tag::Global).items(&node.items),
            },
            Kind::Array => match self.array_of_joblib(node) {
                Some(array) => array,
                None => Parts::new(Tag::Call).items(&node.items),
            },
            Kind::Call(how) => {
                if let Some(form) = self.known_call(node) {
                    return form;
                }
                self.call(node, how)
            }
        };
        Form::Parts(self.changed(node, parts))
    }

    /// With what was done to it after it was made.
    fn changed(&self, node: &Node, mut parts: Parts<'a>) -> Parts<'a> {
        if let Some(state) = node.state {
            match self.without_default_fill(node, state) {
                Some(entries) => parts.ordered.extend(entries),
                None => parts = parts.with(Role::State, state),
            }
        }
        let Some(added) = &node.added else { return parts };
        parts = parts.items(&added.items);
        // Of all that is filled with SETITEMS, this one compares its order.
        let is_ordered = node.items.first().is_some_and(|callee| self.is_global(*callee, "collections", "OrderedDict"));
        if !is_ordered {
            return Parts { pairs: pairs(&added.pairs), ..parts };
        }
        parts.ordered.extend(added.pairs.iter().enumerate().map(|(place, part)| (Role::Entry(place), *part)));
        parts
    }

    fn call(&self, node: &Node, how: How) -> Parts<'a> {
        let (callee, arguments) = (node.items.first().copied(), node.items.get(1).copied());
        let mut parts = Parts::new(match how {
            How::NewObj | How::NewObjEx => Tag::New,
            _ if callee.is_some_and(|callee| self.makes_constants(callee)) => Tag::Constant,
            _ => Tag::Call,
        });
        if let Some(callee) = callee {
            parts = parts.with(Role::Callee, callee);
        }
        match (arguments, arguments.and_then(|arguments| self.tuple(arguments))) {
            (_, Some([members])) if callee.is_some_and(|callee| self.is_set_class(callee)) => {
                parts.members = self.sequence(*members).unwrap_or(std::slice::from_ref(members)).to_vec();
            }
            (_, Some(items)) => {
                let places = CODE_PLACES.iter().find(|(count, _)| *count == items.len()).map(|(_, places)| *places);
                let is_code = callee.is_some_and(|callee| self.is_global(callee, "dill._dill", "_create_code"));
                let hidden = places.filter(|_| is_code).unwrap_or_default();
                let shown = items.iter().enumerate().filter(|(place, _)| !hidden.contains(place));
                parts.ordered.extend(shown.map(|(place, item)| (Role::Argument(place), *item)));
            }
            (Some(arguments), None) => parts = parts.with(Role::Arguments, arguments),
            (None, None) => {}
        }
        match node.items.get(2) {
            Some(keywords) if !self.is_empty_dict(*keywords) => parts.with(Role::Keywords, *keywords),
            _ => parts,
        }
    }

    /// `dtype` and `shape` of an array.
    pub(super) fn array_facts(&self, reference: Ref) -> Option<(Ref, Vec<u64>)> {
        let Form::Parts(parts @ Parts { tag: Tag::Array { .. }, .. }) = self.form(reference) else { return None };
        let part = |role| parts.ordered.iter().find(|(found, _)| *found == role).map(|(_, part)| *part);
        let shape = self.tuple(part(Role::Shape)?)?.iter().map(|length| match self.form(*length) {
            Form::Whole(Whole::Int(length)) => u64::try_from(length).ok(),
            _ => None,
        });
        let dtype = self.call_arguments(part(Role::Dtype)?)?.first().copied()?;
        Some((dtype, shape.collect::<Option<_>>()?))
    }

    fn call_arguments(&self, call: Ref) -> Option<&'m [Ref]> {
        self.tuple(*self.machine.node(call)?.items.get(1)?)
    }

    fn tuple(&self, reference: Ref) -> Option<&'m [Ref]> {
        match self.machine.node(reference) {
            Some(Node { kind: Kind::Tuple, items, .. }) => Some(items),
            _ => None,
        }
    }

    fn sequence(&self, reference: Ref) -> Option<&'m [Ref]> {
        match self.machine.node(reference) {
            Some(Node { kind: Kind::Tuple | Kind::List, items, .. }) => Some(items),
            _ => None,
        }
    }

    fn global(&self, reference: Ref) -> Option<Whole<'a>> {
        match self.machine.value(reference) {
            Value::Leaf(Leaf::Global(module, name)) => Some(global(&module, &name)),
            Value::Node(node @ Node { kind: Kind::Global, .. }) => self.global_of(node),
            _ => None,
        }
    }

    fn global_of(&self, node: &Node) -> Option<Whole<'a>> {
        let text = |half: Option<&Ref>| match self.machine.value(*half?) {
            Value::Leaf(Leaf::Text(text)) => Some(text),
            _ => None,
        };
        Some(global(&text(node.items.first())?, &text(node.items.get(1))?))
    }

    fn is_global(&self, reference: Ref, module: &str, name: &str) -> bool {
        matches!(self.global(reference), Some(Whole::Global(its, own)) if its == module && own == name)
    }

    /// numpy's dtypes and numbers. Of some dtypes there is one for all, of others there are many: that is numpy's matter.
    fn makes_constants(&self, callee: Ref) -> bool {
        self.is_global(callee, "numpy", "dtype") || self.is_global(callee, "numpy._core.multiarray", "scalar")
    }

    /// Whether this is a class of the session below `set` or `frozenset`: an instance is a call of it with a list of its
    /// members, in the order that the set has them in.
    fn is_set_class(&self, class: Ref) -> bool {
        let is_set = |base: &Ref| ["set", "frozenset"].iter().any(|name| self.is_global(*base, "builtins", name));
        let mut classes = vec![class];
        // Not more, as a hostile pickle may have as many bases as it likes, and calls of them.
        for _ in 0..MOST_BASES {
            let Some(class) = classes.pop() else { return false };
            let arguments = self.call_arguments(class).unwrap_or_default().iter().take(MOST_BASES);
            let Some(bases) = arguments.filter_map(|argument| self.tuple(*argument)).next() else { continue };
            let bases = bases.get(..MOST_BASES.min(bases.len())).unwrap_or_default();
            if bases.iter().any(is_set) {
                return true;
            }
            classes.extend(bases);
        }
        false
    }

    fn is_text(&self, reference: Ref, text: &[u8]) -> bool {
        matches!(self.machine.value(reference), Value::Leaf(Leaf::Text(found)) if found.bytes() == text)
    }

    fn form_is_true(&self, reference: Ref) -> bool {
        matches!(self.machine.value(reference), Value::Leaf(Leaf::Bool(true) | Leaf::Int(1)))
    }

    fn is_empty_dict(&self, reference: Ref) -> bool {
        matches!(self.machine.node(reference), Some(Node { kind: Kind::Dict, items, .. }) if items.is_empty())
    }
}

fn pairs(items: &[Ref]) -> Vec<(Ref, Ref)> {
    items.as_chunks::<2>().0.iter().map(|[key, value]| (*key, *value)).collect()
}

fn global<'a>(module: &Text<'_>, name: &Text<'_>) -> Whole<'a> {
    let module = module.lossy();
    let renamed = RENAMED.iter().find(|(old, _)| *old == module).map(|(_, new)| (*new).to_owned());
    let module = renamed.unwrap_or_else(|| match module.strip_prefix("numpy.core.") {
        // numpy 2 calls it `_core`.
        Some(rest) => format!("numpy._core.{rest}"),
        None => module.into_owned(),
    });
    Whole::Global(module, name.lossy().into_owned())
}
