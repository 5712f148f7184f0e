//! The symbols that the machine works on instead of Python objects.
//!
//! A [`Ref`] takes eight bytes. A value that a single opcode makes is referred to by the offset of that opcode and
//! decoded when it is read, so a list of a million numbers costs eight bytes for each. Only a value that is put
//! together from others has a [`Node`].

use std::borrow::Cow;
use std::num::NonZeroU64;

use super::items::NodeItems;
use crate::pickle::format::py_str::PyStr;

/// Refers to a value. It is meaningful only to the machine that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ref(NonZeroU64);

/// The target of a [`Ref`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RefTarget {
    /// The value that the opcode at this offset makes.
    Leaf(u64),
    /// The node with this index.
    Node(usize),
    /// The value that the GET at this offset reads from the memo.
    Get(u64),
    /// A value that was pruned.
    Inner(Inner),
}

/// The remains of a value that was pruned: plain data whose parts are not needed. See [`prune`](super::prune).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inner {
    /// It was a container of this kind.
    Container(NodeKind),
    /// It was an instance of a class.
    Instance,
}

/// By number: the meaning of the rest of a `Ref` with tag 0.
const INNER: [Inner; 6] = [
    Inner::Container(NodeKind::Tuple),
    Inner::Container(NodeKind::List),
    Inner::Container(NodeKind::Dict),
    Inner::Container(NodeKind::Set),
    Inner::Container(NodeKind::FrozenSet),
    Inner::Instance,
];

const LEAF: NonZeroU64 = tag(1);
const NODE: NonZeroU64 = tag(2);
const GET: NonZeroU64 = tag(3);
/// The two highest bits distinguish the kinds of references. No file is long enough for its offsets to need them.
const TAG_SHIFT: u32 = 62;
const REST: u64 = (1 << TAG_SHIFT) - 1;

const fn tag(number: u64) -> NonZeroU64 {
    match NonZeroU64::new(number << TAG_SHIFT) {
        Some(tag) => tag,
        None => panic!("a tag is not zero"),
    }
}

impl Ref {
    pub(crate) fn leaf(offset: u64) -> Self {
        Self(LEAF | (offset & REST))
    }

    pub(in crate::pickle) fn node(index: usize) -> Self {
        Self(NODE | (index as u64 & REST))
    }

    pub(super) fn get(offset: u64) -> Self {
        Self(GET | (offset & REST))
    }

    /// The index of the node, if it refers to one.
    pub(crate) fn node_index(self) -> Option<usize> {
        if let RefTarget::Node(index) = self.target() { Some(index) } else { None }
    }

    /// The offset of the opcode that makes the value alone.
    pub(crate) fn leaf_offset(self) -> Option<u64> {
        if let RefTarget::Leaf(at) = self.target() { Some(at) } else { None }
    }

    /// The pruned form of a value of this kind.
    pub(super) fn inner(kind: NodeKind) -> Self {
        let number = INNER.iter().position(|inner| *inner == Inner::Container(kind)).unwrap_or(INNER.len() - 1);
        // Tag 0, and one more than the number, as a `Ref` is never zero.
        Self(NonZeroU64::MIN.saturating_add(number as u64))
    }

    pub(super) fn target(self) -> RefTarget {
        let rest = self.0.get() & REST;
        match self.0.get() >> TAG_SHIFT {
            1 => RefTarget::Leaf(rest),
            2 => RefTarget::Node(rest as usize),
            0 => RefTarget::Inner(INNER.get(rest as usize - 1).copied().unwrap_or(Inner::Instance)),
            _ => RefTarget::Get(rest),
        }
    }
}

/// A value that is put together from others. It takes 40 bytes: a small file may make millions of them.
#[derive(Debug)]
pub struct Node {
    /// Its kind.
    pub kind: NodeKind,
    start: PackedOffset,
    end: PackedOffset,
    /// Its parts: see [`NodeKind`].
    pub items: NodeItems,
}

/// An offset in six bytes, which are enough for any file.
#[derive(Clone, Copy, Debug, Default)]
struct PackedOffset([u8; 6]);

impl PackedOffset {
    #[inline]
    fn new(offset: u64) -> Self {
        let [a, b, c, d, e, f, ..] = offset.to_le_bytes();
        Self([a, b, c, d, e, f])
    }

    #[inline]
    fn get(self) -> u64 {
        let [a, b, c, d, e, f] = self.0;
        u64::from_le_bytes([a, b, c, d, e, f, 0, 0])
    }
}

impl Node {
    #[inline]
    pub(super) fn new(kind: NodeKind, start: u64, end: u64, items: NodeItems) -> Self {
        Self { kind, start: PackedOffset::new(start), end: PackedOffset::new(end), items }
    }

    /// The offset of the first opcode that makes it.
    #[inline]
    pub fn start(&self) -> u64 {
        self.start.get()
    }

    /// The end of the last opcode that makes it. Opcodes that change it later, through the memo, do not count.
    #[inline]
    pub fn end(&self) -> u64 {
        self.end.get()
    }

    #[inline]
    pub(super) fn extend_to(&mut self, end: u64) {
        self.end = PackedOffset::new(end);
    }

    /// The state that BUILD gave it.
    #[inline]
    pub fn state(&self) -> Option<Ref> {
        self.state_ref().copied()
    }

    /// See [`state`](Self::state).
    #[inline]
    pub fn state_ref(&self) -> Option<&Ref> {
        self.items.extras().and_then(|extras| extras.state.as_ref())
    }

    /// Items that were added by opcodes for another kind.
    #[inline]
    pub fn added(&self) -> Option<&Added> {
        self.items.extras().and_then(|extras| extras.added.as_deref())
    }
}

/// The kinds of [`Node`]. The comments describe their items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeKind {
    /// The items of the tuple.
    Tuple,
    /// The items of the list.
    List,
    /// Keys and values, alternating.
    Dict,
    /// The members of the set.
    Set,
    /// The members of the set.
    FrozenSet,
    /// STACK_GLOBAL: the module and the name.
    Global,
    /// BINPERSID: the identifier.
    Persistent,
    /// The callee, a tuple of arguments, and a dict of keyword arguments for [`CallKind::NewObjEx`].
    Call(CallKind),
    /// An array that joblib wrote: the wrapper that describes it, and its contents, which are between the opcodes.
    Array,
}

impl NodeKind {
    /// Whether such a value consists of its items and nothing else.
    pub(crate) fn holds_items(self) -> bool {
        matches!(self, Self::Tuple | Self::List | Self::Dict | Self::Set | Self::FrozenSet)
    }

    /// The type of such a value; `object` if it depends on more than the kind.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tuple => "tuple",
            Self::List => "list",
            Self::Dict => "dict",
            Self::Set => "set",
            Self::FrozenSet => "frozenset",
            Self::Persistent => "persistent object",
            Self::Global | Self::Call(_) | Self::Array => "object",
        }
    }
}

/// The kind of opcode that makes a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallKind {
    /// REDUCE: any callable.
    Reduce,
    /// INST and OBJ: a class.
    Instance,
    /// NEWOBJ: a class's `__new__`.
    NewObj,
    /// NEWOBJ_EX: the same with keyword arguments.
    NewObjEx,
}

/// Items that were added to an object other than a plain list, dict or set: its `append`, `extend`, `add` or
/// `__setitem__` receives them.
#[derive(Debug, Default)]
pub struct Added {
    /// By APPEND, APPENDS and ADDITEMS.
    pub items: NodeItems,
    /// How many of the items came by ADDITEMS, which calls `add` and not `append` or `extend`.
    pub by_add_items: usize,
    /// By SETITEM and SETITEMS: keys and values, alternating.
    pub pairs: NodeItems,
}

/// A value that is not put together from others, decoded.
#[derive(Clone, Debug, PartialEq)]
pub enum Leaf<'a> {
    /// `None`.
    None,
    /// A bool.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// An integer of more than 64 bits.
    LargeInt,
    /// A float.
    Float(f64),
    /// A `str`.
    Str(PyStr<'a>),
    /// A `str` of Python 2.
    OldStr(Cow<'a, [u8]>),
    /// `bytes`.
    Bytes(&'a [u8]),
    /// A `bytearray`.
    ByteArray(&'a [u8]),
    /// An out-of-band buffer, whose contents are not in the pickle.
    Buffer,
    /// A code of `copyreg`'s extension registry.
    Extension(i64),
    /// GLOBAL: module and name.
    Global(PyStr<'a>, PyStr<'a>),
    /// PERSID: the identifier.
    Persistent(PyStr<'a>),
    /// A memo slot that was filled before these bytes, by an earlier segment.
    Earlier(u64),
    /// A value that was pruned.
    Inner(Inner),
}

/// A value, as [`Machine::value`](super::Machine::value) shows it.
#[derive(Clone, Debug)]
pub enum Value<'m, 'a> {
    /// A value without parts.
    Leaf(Leaf<'a>),
    /// A value with parts.
    Node(&'m Node),
}
