//! The symbols that the machine works on in place of objects.
//!
//! A [`Ref`] is eight bytes: what one opcode makes alone is referred to by that opcode's place and decoded when it
//! is looked at, so a list of a million numbers costs eight bytes for each. Only what is put together from
//! other things has a [`Node`].

use std::borrow::Cow;
use std::num::NonZeroU64;

use crate::pickle::format::py_str::PyStr;

pub use self::CallKind as How; // compat
pub use self::NodeKind as Kind; // compat

/// Refers to a value of the machine that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ref(NonZeroU64);

/// What a [`Ref`] refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RefTarget {
    /// What the opcode at this place makes.
    Leaf(u64),
    /// A node.
    Node(usize),
    /// What the GET at this place takes from the memo.
    Get(u64),
    /// What was part of a larger value and is not kept: see [`Inner`].
    Inner(Inner),
}

/// What is known of a value that was forgotten, as it holds nothing but data and nobody asks for its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inner {
    /// A container of this kind.
    Container(NodeKind),
    /// An instance of a class.
    Instance,
}

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
/// The two highest bits say which kind of reference it is; no file is so long that it needs them.
const TAG_SHIFT: u32 = 62;
const REST: u64 = (1 << TAG_SHIFT) - 1;

const fn tag(number: u64) -> NonZeroU64 {
    match NonZeroU64::new(number << TAG_SHIFT) {
        Some(tag) => tag,
        None => panic!("a tag is not zero"),
    }
}

impl Ref {
    pub(crate) fn leaf(place: u64) -> Self {
        Self(LEAF | (place & REST))
    }

    pub(crate) fn node(index: usize) -> Self {
        Self(NODE | (index as u64 & REST))
    }

    pub(crate) fn get(place: u64) -> Self {
        Self(GET | (place & REST))
    }

    /// Which node it is, if it is one.
    pub(crate) fn node_index(self) -> Option<usize> {
        if let RefTarget::Node(index) = self.target() { Some(index) } else { None }
    }

    /// What is left of a value of this kind.
    pub(crate) fn inner(kind: NodeKind) -> Self {
        let number = INNER.iter().position(|inner| *inner == Inner::Container(kind)).unwrap_or(INNER.len() - 1);
        Self(NonZeroU64::MIN.saturating_add(number as u64))
    }

    pub(crate) fn target(self) -> RefTarget {
        let rest = self.0.get() & REST;
        match self.0.get() >> TAG_SHIFT {
            1 => RefTarget::Leaf(rest),
            2 => RefTarget::Node(rest as usize),
            0 => RefTarget::Inner(INNER.get(rest as usize - 1).copied().unwrap_or(Inner::Instance)),
            _ => RefTarget::Get(rest),
        }
    }
}

/// A value that was put together from others.
#[derive(Debug)]
pub struct Node {
    /// What it is.
    pub kind: NodeKind,
    /// Where the first opcode that made it begins.
    pub start: u64,
    /// Where the last opcode that made it ends. What changed it later, through the memo, is not counted.
    pub end: u64,
    /// What it is made of: see [`NodeKind`].
    pub items: Vec<Ref>,
    /// What BUILD gave it.
    pub state: Option<Ref>,
    /// What was added to it by opcodes that are not made for its kind.
    pub added: Option<Box<Added>>,
}

/// The kinds of [`Node`], and what each one's items are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeKind {
    /// Its items.
    Tuple,
    /// Its items.
    List,
    /// Keys and values by turns.
    Dict,
    /// Its items.
    Set,
    /// Its items.
    FrozenSet,
    /// STACK_GLOBAL: the module and the name.
    Global,
    /// BINPERSID: the identifier.
    Persistent,
    /// The callee, a tuple of arguments, and a dict of keyword arguments for [`CallKind::NewObjEx`].
    Call(CallKind),
    /// An array that joblib wrote: what describes it, and its contents, which stand between the opcodes.
    Array,
}

impl NodeKind {
    /// Whether such a value is nothing but what it holds.
    pub(crate) fn holds_items(self) -> bool {
        matches!(self, Self::Tuple | Self::List | Self::Dict | Self::Set | Self::FrozenSet)
    }

    /// The type of such a value, where that is always the same.
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

/// The opcode that calls.
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

/// What was added to an object other than a plain list, dict or set: its `append`, `extend`, `add` or
/// `__setitem__` gets it.
#[derive(Debug, Default)]
pub struct Added {
    /// By APPEND, APPENDS and ADDITEMS.
    pub items: Vec<Ref>,
    /// By SETITEM and SETITEMS: keys and values by turns.
    pub pairs: Vec<Ref>,
}

/// What a [`Ref`] shows when it is looked at.
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
    Text(PyStr<'a>),
    /// A `str` of Python 2.
    OldText(Cow<'a, [u8]>),
    /// `bytes`.
    Bytes(&'a [u8]),
    /// A `bytearray`.
    ByteArray(&'a [u8]),
    /// A buffer that is not in the pickle.
    Buffer,
    /// A number of `copyreg`'s extension registry.
    Extension(i64),
    /// GLOBAL: module and name.
    Global(PyStr<'a>, PyStr<'a>),
    /// PERSID: the identifier.
    Persistent(PyStr<'a>),
    /// A memo slot that was filled before the bytes at hand.
    Earlier(u64),
    /// A value that was forgotten.
    Inner(Inner),
}

/// A value: a single opcode's, or one that was put together.
#[derive(Clone, Debug)]
pub enum Value<'m, 'a> {
    /// A single opcode's.
    Leaf(Leaf<'a>),
    /// Put together.
    Node(&'m Node),
}
