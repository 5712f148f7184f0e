//! How recipes describe values: how a value is made, and which contents are put into it afterwards.

use std::borrow::Cow;

use super::value_times::ClockClass;
use crate::pickle::build_plan::{Fill, Make, Recipe};
use crate::pickle::known::Stored;
use crate::pickle::machine::value::Ref;

/// How an object is made, with checked arguments.
#[derive(Debug)]
pub(crate) enum ValueMake<'a> {
    /// By a call that is harmless with these arguments.
    Call(Box<HarmlessCall<'a>>),
    /// By `object.__new__` of the class with this module and name: a class of the standard library that has its value
    /// in its `__dict__`.
    New(&'static str, &'static str),
    /// By `__new__` of a class of exceptions, with the needed objects as its arguments.
    NewError(Box<NewError>),
    /// This many strings, divided by the separator: both are needed.
    JoinedStrings { count: u64 },
    /// An iterator over the needed object, after this many items.
    Iterator { skipped: u64 },
    /// An iterator over the needed list, from the item with this index down to the first.
    Reversed { next: u64 },
    /// A compiled pattern with these flags, of the needed string or bytes.
    Regex { flags: i64 },
    /// An `array.array` with this typecode. Its bytes, the needed object, have the other byte order.
    SwappedArray { typecode: char },
    /// `StringIO` or `BytesIO` with the needed contents.
    MemoryFile { is_text: bool, newline: Option<Cow<'a, str>>, position: i64 },
    /// A random generator with the needed state.
    Random,
    /// A UUID with the needed number, and the value of its `SafeUUID`.
    Uuid { safe: Option<i64> },
    /// A date or a time of the needed bytes, and with the needed time zone, if any.
    Clock(ClockClass),
    /// A time zone of the system, by its key; from the cache of `zoneinfo`, or a new one.
    Zone { key: String, cached: bool },
    /// A lock, and whether it is held.
    Lock { held: bool },
    /// A weak reference to the needed object, or to one that is gone.
    WeakReference,
    /// A view of a dict that is made of the needed list or dict.
    DictView(ViewOf),
    /// A `sentinel` with this name and this module.
    Sentinel { name: String, module: Option<String> },
    /// A constant of an enumeration under its name in this module.
    NamedMember(String, String),
}

/// An exception that is made without its `__init__`.
#[derive(Debug)]
pub(crate) struct NewError {
    /// The module of the class.
    pub module: String,
    /// The name of the class.
    pub name: String,
    /// The effect of `__init__`: it stores its arguments in these attributes, and keeps this many of them as its
    /// `args`. `None` if the pickle does not call it either.
    pub init: Option<(&'static [Stored], usize)>,
}

/// The kind of a view of a dict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ViewOf {
    Keys,
    Values,
    Items,
}

/// A call of a class or function that is harmless with these arguments.
#[derive(Debug, PartialEq)]
pub(crate) struct HarmlessCall<'a> {
    /// The module.
    pub module: Cow<'static, str>,
    /// The name in it, which may have dots.
    pub name: Cow<'static, str>,
    /// The positional arguments.
    pub arguments: Vec<Given<'a>>,
    /// Names and values of the keyword arguments.
    pub keywords: Vec<(&'static str, Given<'a>)>,
}

/// An argument of a [`HarmlessCall`].
#[derive(Debug, PartialEq)]
pub(crate) enum Given<'a> {
    /// The next one of the needed objects.
    Needed,
    /// The next one of the needed objects, a string, encoded in Latin-1.
    Encoded,
    /// A number.
    Int(i64),
    /// A large number.
    Wide(Box<i128>),
    /// A string.
    Text(Cow<'a, str>),
}

/// Contents that are put into a value after it was made.
#[derive(Debug)]
pub(crate) enum ValueFill {
    /// Attributes of an exception: the ones that its class keeps in C, its notes, and the exceptions that it follows
    /// from.
    Members(Vec<(String, Ref)>),
    /// Members of a `WeakSet`.
    WeakItems(Vec<Ref>),
    /// Keys and values, alternating, of a weak dict.
    WeakPairs(Vec<Ref>),
}

impl ValueFill {
    /// One of the objects to put in.
    pub(crate) fn part(&self, position: usize) -> Option<Ref> {
        match self {
            Self::Members(members) => members.get(position).map(|(_, value)| *value),
            Self::WeakItems(items) | Self::WeakPairs(items) => items.get(position).copied(),
        }
    }

    /// The objects to put in. They may lead back to the object.
    pub(crate) fn parts(&self) -> Vec<Ref> {
        match self {
            Self::Members(members) => members.iter().map(|(_, value)| *value).collect(),
            Self::WeakItems(items) | Self::WeakPairs(items) => items.clone(),
        }
    }

    /// The parts that are hashed.
    pub(in crate::pickle) fn keys(&self) -> impl Iterator<Item = Ref> + '_ {
        let (keys, step) = match self {
            Self::Members(_) => (&[][..], 1),
            Self::WeakItems(items) => (&items[..], 1),
            Self::WeakPairs(pairs) => (&pairs[..], 2),
        };
        keys.iter().copied().step_by(step)
    }
}

impl<'a> HarmlessCall<'a> {
    pub(super) fn new(module: impl Into<Cow<'static, str>>, name: impl Into<Cow<'static, str>>) -> Self {
        Self { module: module.into(), name: name.into(), arguments: Vec::new(), keywords: Vec::new() }
    }

    pub(super) fn with(self, arguments: impl IntoIterator<Item = Given<'a>>) -> Self {
        Self { arguments: arguments.into_iter().collect(), ..self }
    }

    pub(super) fn keyword(mut self, name: &'static str, value: Given<'a>) -> Self {
        self.keywords.push((name, value));
        self
    }
}

/// A call with the needed objects as its arguments.
pub(super) fn called<'a>(
    module: impl Into<Cow<'static, str>>,
    name: impl Into<Cow<'static, str>>,
    needs: Vec<Ref>,
) -> Recipe<'a> {
    let arguments = needs.iter().map(|_| Given::Needed);
    let call = HarmlessCall::new(module, name).with(arguments);
    made(ValueMake::Call(Box::new(call)), needs)
}

pub(super) fn made(make: ValueMake<'_>, needs: Vec<Ref>) -> Recipe<'_> {
    Recipe { make: Make::Value(make), needs, reads: false, fill: Fill::Nothing }
}

/// The same recipe for an object that reads the contents of the objects that it needs.
pub(super) fn reading(recipe: Recipe<'_>) -> Recipe<'_> {
    Recipe { reads: true, ..recipe }
}

pub(super) fn filled(recipe: Recipe<'_>, fill: Fill) -> Recipe<'_> {
    Recipe { fill, ..recipe }
}
