//! Values in a canonical form, which does not depend on the pickler or the protocol. `diff` compares and digests it.
//!
//! The same `set` can be EMPTY_SET and ADDITEMS or a call of `set`, the same number BININT or LONG1, the same array
//! `_frombuffer` or `_reconstruct` and BUILD. Equal values have equal canonical forms, apart from the order of sets and
//! dicts, which the caller takes care of. The calls are in [`canonical_calls`](super::canonical_calls).

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::large_integer::large_integer;
use crate::pickle::format::py_str::PyStr;
use crate::pickle::known::renames::same_module;
use crate::pickle::known::{CanonicalCall, canonical_call};
use crate::pickle::machine::Machine;
use crate::pickle::machine::value::{CallKind, Leaf, Node, NodeKind, Ref, Value};
use crate::pickle::work_budget::{WorkBudget, table_entry};

/// The values of a pickle, and the effects of calls whose result was discarded.
#[derive(Debug)]
pub(super) struct Canonicalizer<'m, 'a> {
    pub(super) machine: &'m Machine<'a>,
    /// The calls and changes after a value was made, by that value.
    effects: HashMap<Ref, Vec<Ref>>,
    /// The dicts with the attributes of instances, and the attribute that is only a cache.
    pub(super) caches: HashMap<Ref, &'static [&'static str]>,
    /// The dicts that are arguments of a call which makes an immutable object.
    pub(super) arguments: HashSet<Ref>,
    budget: Rc<WorkBudget>,
    /// How many bytes of arrays were copied.
    copied: Cell<usize>,
}

#[derive(Debug)]
pub(super) enum Canonical<'m, 'a> {
    Atom(Atom<'a>),
    Compound(Compound<'m, 'a>),
}

/// A value without parts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Atom<'a> {
    None,
    Bool(bool),
    Int(i64),
    /// The shortest little-endian two's complement; the digits, if it is a decimal too long to convert.
    LargeInt(Cow<'a, [u8]>),
    /// The bits, with one NaN for all.
    Float(u64),
    String(Cow<'a, [u8]>),
    Bytes(Cow<'a, [u8]>),
    ByteArray(Cow<'a, [u8]>),
    Global(String, String),
    Extension(i64),
    Persistent(Cow<'a, [u8]>),
    /// A buffer outside the pickle, or a memo slot that another pickle has filled.
    Elsewhere(u64),
}

/// A value that is made of others.
#[derive(Debug)]
pub(super) struct Compound<'m, 'a> {
    pub(super) tag: CompoundTag,
    /// The items of a list, a tuple and the like, which come before all other parts.
    pub(super) items: &'m [Ref],
    /// The items of a list of strings that is pickled as one string with separators; `items` has none then.
    pub(super) joined: Option<Cow<'a, [u8]>>,
    /// The elements of an array that shares its buffer; `ordered` has no data then.
    pub(super) contents: Option<Cow<'a, [u8]>>,
    /// Parts in order.
    pub(super) ordered: Vec<(PartRole, Ref)>,
    /// Parts without order.
    pub(super) members: &'m [Ref],
    /// Keys and values, alternating; the pairs have no order.
    pub(super) pairs: Cow<'m, [Ref]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum CompoundTag {
    Tuple,
    List,
    Dict,
    /// A dict that is made for a call, and no object of its own.
    Arguments,
    Set,
    FrozenSet,
    Global,
    Persistent,
    /// The result of a call.
    Call,
    /// The immutable result of a call: two equal ones are indistinguishable.
    Constant,
    /// Made by the `__new__` of a class.
    New,
    /// A `numpy.ndarray`.
    Array {
        fortran: bool,
    },
}

impl CompoundTag {
    /// Whether one object that is used twice differs from two equal objects.
    pub(super) fn has_identity(self) -> bool {
        matches!(self, Self::List | Self::Dict | Self::Set | Self::Call | Self::New | Self::Array { .. })
    }
}

/// The role of a part in its compound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum PartRole {
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
    /// The bytes of an array, where `bytes` and `bytearray` are the same.
    Data,
}

impl<'m, 'a> Compound<'m, 'a> {
    pub(super) fn new(tag: CompoundTag) -> Self {
        Self {
            tag,
            items: &[],
            joined: None,
            contents: None,
            ordered: Vec::new(),
            members: &[],
            pairs: Cow::Borrowed(&[]),
        }
    }

    fn of(tag: CompoundTag, items: &'m [Ref]) -> Self {
        Self { items, ..Self::new(tag) }
    }

    pub(super) fn arguments(mut self, arguments: &[Ref]) -> Self {
        self.ordered.extend(arguments.iter().enumerate().map(|(index, item)| (PartRole::Argument(index), *item)));
        self
    }

    pub(super) fn with(mut self, role: PartRole, part: Ref) -> Self {
        self.ordered.push((role, part));
        self
    }

    pub(super) fn part(&self, role: PartRole) -> Option<Ref> {
        self.ordered.iter().find(|(found, _)| *found == role).map(|(_, part)| *part)
    }
}

/// How many classes are searched for a base, and how many bases of each: a hostile pickle may have any number of both.
const MAX_BASES: usize = 8;

impl<'m, 'a> Canonicalizer<'m, 'a> {
    pub(super) fn new(machine: &'m Machine<'a>, budget: &Rc<WorkBudget>) -> Self {
        let budget = Rc::clone(budget);
        let (effects, caches, arguments, copied) = Default::default();
        let mut canonicalizer = Self { machine, effects, caches, arguments, budget, copied };
        canonicalizer.find_special_dicts();
        for effect in machine.effects() {
            // `setattr(target, …)`: the effect belongs to the first argument.
            let first = canonicalizer.call_arguments(*effect).and_then(|arguments| arguments.first().copied());
            if let Some(target) = first.map(|first| machine.resolve(first)) {
                canonicalizer.add_effects(target, &[*effect]);
            }
        }
        for change in machine.changes() {
            canonicalizer.add_effects(machine.resolve(change.target), &change.items);
        }
        canonicalizer
    }

    /// Notes the changes of a value after it was made, if the budget allows.
    fn add_effects(&mut self, target: Ref, parts: &[Ref]) {
        let effects = self.effects.entry(target).or_default();
        let entry = if effects.is_empty() { table_entry::<Ref, Vec<Ref>>() } else { 0 };
        if self.budget.charge(entry).is_ok() && self.budget.grow(effects, parts.len()).is_ok() {
            effects.extend(parts);
        }
    }

    /// The budget of a comparison.
    pub(super) fn budget(&self) -> &WorkBudget {
        &self.budget
    }

    pub(super) fn canonical(&self, reference: Ref) -> Canonical<'m, 'a> {
        let reference = self.machine.resolve(reference);
        // One opcode makes a leaf, so nothing can have been added to it.
        let node = match self.machine.value(reference) {
            Value::Leaf(leaf) => return Canonical::Atom(self.leaf(reference, leaf)),
            Value::Node(node) => node,
        };
        let mut canonical = self.node(node);
        if let Canonical::Compound(compound) = &mut canonical
            && let Some(caches) = self.caches.get(&reference)
        {
            compound.pairs = self.without_caches(&compound.pairs, caches).into();
        }
        if let Canonical::Compound(compound) = &mut canonical
            && self.arguments.contains(&reference)
        {
            compound.tag = CompoundTag::Arguments;
        }
        // Atoms are immutable, so nothing can have changed them.
        if let Canonical::Compound(compound) = &mut canonical
            && let Some(effects) = self.effects.get(&reference)
        {
            compound.ordered.extend(effects.iter().map(|effect| (PartRole::Effect, *effect)));
        }
        canonical
    }

    fn leaf(&self, reference: Ref, leaf: Leaf<'a>) -> Atom<'a> {
        match leaf {
            Leaf::None => Atom::None,
            Leaf::Bool(value) => Atom::Bool(value),
            Leaf::Int(value) => Atom::Int(value),
            // The machine does not decode these, so two opcodes of one number must be compared by value here.
            Leaf::LargeInt => Atom::LargeInt(large_integer(self.machine.opcode_bytes(reference))),
            // -0.0 and 0.0 differ, because their `repr` does; all NaNs are the same.
            Leaf::Float(value) => Atom::Float(if value.is_nan() { f64::NAN } else { value }.to_bits()),
            Leaf::Str(string) => Atom::String(string.into_bytes()),
            Leaf::OldStr(bytes) => Atom::String(bytes),
            Leaf::Bytes(bytes) => Atom::Bytes(Cow::Borrowed(bytes)),
            Leaf::ByteArray(bytes) => Atom::ByteArray(Cow::Borrowed(bytes)),
            Leaf::Buffer => Atom::Elsewhere(u64::MAX),
            Leaf::Extension(code) => Atom::Extension(code),
            Leaf::Global(module, name) => global(&module, &name),
            Leaf::Persistent(string) => Atom::Persistent(string.into_bytes()),
            Leaf::Earlier(slot) => Atom::Elsewhere(slot),
            // Only a watched run prunes values, and `diff` never compares such a run.
            Leaf::Inner(_) => Atom::Elsewhere(u64::MAX),
        }
    }

    fn node(&self, node: &'m Node) -> Canonical<'m, 'a> {
        let compound = match node.kind {
            NodeKind::Tuple => Compound::of(CompoundTag::Tuple, &node.items),
            NodeKind::List => Compound::of(CompoundTag::List, &node.items),
            NodeKind::Set => Compound { members: &node.items, ..Compound::new(CompoundTag::Set) },
            NodeKind::FrozenSet => Compound { members: &node.items, ..Compound::new(CompoundTag::FrozenSet) },
            NodeKind::Dict => Compound { pairs: Cow::Borrowed(&node.items), ..Compound::new(CompoundTag::Dict) },
            NodeKind::Persistent => Compound::of(CompoundTag::Persistent, &node.items),
            // STACK_GLOBAL takes its names from the stack; they need not be strings in a hostile pickle.
            NodeKind::Global => match self.global_of(node) {
                Some(global) => return Canonical::Atom(global),
                None => Compound::of(CompoundTag::Global, &node.items),
            },
            NodeKind::Array => match self.array_of_joblib(node) {
                Some(array) => array,
                None => Compound::of(CompoundTag::Call, &node.items),
            },
            NodeKind::Call(how) => {
                if let Some(canonical) = self.known_call(node) {
                    return canonical;
                }
                match self.buffer_array(node, &self.copied) {
                    Some(array) => array,
                    None => self.call(node, how),
                }
            }
        };
        Canonical::Compound(self.with_changes(node, compound))
    }

    /// Adds the state and the items that a value was given after it was made.
    pub(super) fn with_changes(&self, node: &'m Node, mut compound: Compound<'m, 'a>) -> Compound<'m, 'a> {
        if let Some(state) = node.state() {
            match self.without_default_fill(node, state) {
                Some(entries) => compound.ordered.extend(entries),
                None => compound = compound.with(PartRole::State, state),
            }
        }
        let Some(added) = node.added() else { return compound };
        let is_set = |callee: &Ref| self.is_call_of(*callee, CanonicalCall::SetOfMembers) || self.is_set_class(*callee);
        if compound.members.is_empty() && node.items.first().is_some_and(is_set) {
            compound.members = &added.items;
        } else {
            let items = added.items.iter().enumerate();
            compound.ordered.extend(items.map(|(index, item)| (PartRole::Item(index), *item)));
        }
        // `OrderedDict` is the only class filled by SETITEMS whose `==` compares the order.
        let is_ordered = node.items.first().is_some_and(|callee| self.is_call_of(*callee, CanonicalCall::OrderedDict));
        if !is_ordered {
            return Compound { pairs: Cow::Borrowed(&added.pairs), ..compound };
        }
        compound.ordered.extend(added.pairs.iter().enumerate().map(|(index, part)| (PartRole::Entry(index), *part)));
        compound
    }

    /// A call that has no canonical form of its own.
    fn call(&self, node: &'m Node, how: CallKind) -> Compound<'m, 'a> {
        let (callee, arguments) = (node.items.first().copied(), node.items.get(1).copied());
        let rule = callee.and_then(|callee| self.rule(callee));
        let mut compound = Compound::new(match how {
            CallKind::NewObj | CallKind::NewObjEx => CompoundTag::New,
            _ if rule == Some(CanonicalCall::Constant) => CompoundTag::Constant,
            _ => CompoundTag::Call,
        });
        if let Some(callee) = callee {
            compound = compound.with(PartRole::Callee, callee);
        }
        match (arguments, arguments.and_then(|arguments| self.tuple(arguments))) {
            // An instance of a subclass of `set`, or a `WeakSet`: its members have no order.
            (_, Some([members]))
                if rule == Some(CanonicalCall::SetOfMembers)
                    || callee.is_some_and(|callee| self.is_set_class(callee)) =>
            {
                // Normally a list; any other value counts as the only member.
                compound.members = self.sequence(*members).unwrap_or(std::slice::from_ref(members));
            }
            (_, Some(items)) if rule == Some(CanonicalCall::Code) => compound.ordered.extend(self.code_parts(items)),
            (_, Some(items)) => compound = compound.arguments(items),
            (Some(arguments), None) => compound = compound.with(PartRole::Arguments, arguments),
            (None, None) => {}
        }
        // NEWOBJ_EX with an empty dict is NEWOBJ.
        match node.items.get(2) {
            Some(keywords) if !self.is_empty_dict(*keywords) => compound.with(PartRole::Keywords, *keywords),
            _ => compound,
        }
    }

    pub(super) fn call_arguments(&self, call: Ref) -> Option<&'m [Ref]> {
        self.tuple(*self.machine.node(call)?.items.get(1)?)
    }

    pub(super) fn tuple(&self, reference: Ref) -> Option<&'m [Ref]> {
        match self.machine.node(reference) {
            Some(Node { kind: NodeKind::Tuple, items, .. }) => Some(items),
            _ => None,
        }
    }

    pub(super) fn sequence(&self, reference: Ref) -> Option<&'m [Ref]> {
        match self.machine.node(reference) {
            Some(Node { kind: NodeKind::Tuple | NodeKind::List, items, .. }) => Some(items),
            _ => None,
        }
    }

    /// A global, under its current name.
    pub(super) fn global(&self, reference: Ref) -> Option<Atom<'a>> {
        match self.machine.value(reference) {
            Value::Leaf(Leaf::Global(module, name)) => Some(global(&module, &name)),
            Value::Node(node @ Node { kind: NodeKind::Global, .. }) => self.global_of(node),
            _ => None,
        }
    }

    fn global_of(&self, node: &Node) -> Option<Atom<'a>> {
        let string = |half: Option<&Ref>| match self.machine.value(*half?) {
            Value::Leaf(Leaf::Str(string)) => Some(string),
            _ => None,
        };
        Some(global(&string(node.items.first())?, &string(node.items.get(1))?))
    }

    pub(super) fn is_global(&self, reference: Ref, module: &str, name: &str) -> bool {
        self.global(reference) == Some(Atom::Global(module.to_owned(), name.to_owned()))
    }

    /// How calls of this global compare.
    pub(super) fn rule(&self, callee: Ref) -> Option<CanonicalCall> {
        match self.global(callee)? {
            Atom::Global(module, name) => canonical_call(&module, &name),
            _ => None,
        }
    }

    pub(super) fn is_call_of(&self, callee: Ref, rule: CanonicalCall) -> bool {
        self.rule(callee) == Some(rule)
    }

    /// Whether the pickle defines this class as a subclass of `set` or `frozenset`: an instance is a call of it with a
    /// list of the members, in the order of the set.
    fn is_set_class(&self, class: Ref) -> bool {
        let is_set = |base: &Ref| {
            matches!(
                self.rule(*base),
                Some(CanonicalCall::Set | CanonicalCall::FrozenSet | CanonicalCall::SetOfMembers)
            )
        };
        let mut classes = vec![class];
        for _ in 0..MAX_BASES {
            let Some(class) = classes.pop() else { return false };
            // The bases are the first tuple among the arguments of dill's and cloudpickle's helpers.
            let arguments = self.call_arguments(class).unwrap_or_default().iter().take(MAX_BASES);
            let Some(bases) = arguments.filter_map(|argument| self.tuple(*argument)).next() else { continue };
            let bases = bases.get(..MAX_BASES.min(bases.len())).unwrap_or_default();
            if bases.iter().any(is_set) {
                return true;
            }
            // None of the bases is a built-in set, but one of them may be a subclass of it.
            classes.extend(bases);
        }
        false
    }

    pub(super) fn is_string(&self, reference: Ref, string: &[u8]) -> bool {
        matches!(self.machine.value(reference), Value::Leaf(Leaf::Str(found)) if found.bytes() == string)
    }

    pub(super) fn is_true(&self, reference: Ref) -> bool {
        matches!(self.machine.value(reference), Value::Leaf(Leaf::Bool(true) | Leaf::Int(1)))
    }

    pub(super) fn is_empty_dict(&self, reference: Ref) -> bool {
        matches!(self.machine.node(reference), Some(Node { kind: NodeKind::Dict, items, .. }) if items.is_empty())
    }
}

fn global<'a>(module: &PyStr<'_>, name: &PyStr<'_>) -> Atom<'a> {
    Atom::Global(same_module(&module.lossy()).into_owned(), name.lossy().into_owned())
}
