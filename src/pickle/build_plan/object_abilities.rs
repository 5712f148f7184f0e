//! Which objects of recipes can be keys, and which can be the target of weak references. A plan must know both, so that
//! everything it accepts can be built.

use super::{ArrayMake, Make, PlannedRecipe, ValueMake, ViewOf};
use crate::pickle::machine::Machine;

/// The calls of standard classes whose objects have no hash. A `slice` has one since Python 3.12.
const WITHOUT_HASH: &[&str] = &[
    "Counter",
    "MappingProxyType",
    "OrderedDict",
    "SimpleNamespace",
    "WeakKeyDictionary",
    "WeakSet",
    "WeakValueDictionary",
    "array",
    "bytearray",
    "defaultdict",
    "deque",
    "dict",
    "dict.items",
    "dict.keys",
    "list",
    "set",
    "slice",
];
/// The calls of standard classes to whose objects weak references may refer.
const REFERENCED: &[(&str, &str)] = &[
    ("_thread", "RLock"),
    ("array", "array"),
    ("builtins", "frozenset"),
    ("builtins", "set"),
    ("collections", "Counter"),
    ("collections", "OrderedDict"),
    ("collections", "deque"),
    ("ipaddress", "IPv4Address"),
    ("ipaddress", "IPv4Interface"),
    ("ipaddress", "IPv4Network"),
    ("ipaddress", "IPv6Address"),
    ("ipaddress", "IPv6Interface"),
    ("ipaddress", "IPv6Network"),
    ("threading", "Event"),
    ("types", "GenericAlias"),
    ("weakref", "WeakKeyDictionary"),
    ("weakref", "WeakSet"),
    ("weakref", "WeakValueDictionary"),
];

/// How the hash of an object is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hashing {
    /// From the object itself.
    Own,
    /// From the hashes of the objects that it needs.
    OfNeeds,
    /// From the hashes of the items of the object that it needs.
    OfItems,
    /// It has none.
    None,
}

/// How the object of a recipe is hashed.
pub(super) fn hashing(machine: &Machine<'_>, recipe: &PlannedRecipe<'_>) -> Hashing {
    let own = |has_hash: bool| if has_hash { Hashing::Own } else { Hashing::None };
    match &*recipe.make {
        Make::Value(ValueMake::Call(call)) => match &*call.name {
            "tuple" => Hashing::OfItems,
            "GenericAlias" => Hashing::OfNeeds,
            "Decimal" => own(!is_signaling(machine, recipe)),
            name => own(!WITHOUT_HASH.contains(&name)),
        },
        Make::Value(ValueMake::WeakReference) => Hashing::OfNeeds,
        Make::Value(ValueMake::JoinedStrings { .. } | ValueMake::SwappedArray { .. }) => Hashing::None,
        Make::Value(ValueMake::DictView(view)) => own(*view == ViewOf::Values),
        Make::Value(_) | Make::Instance(_) | Make::Global(..) | Make::Module(_) => Hashing::Own,
        Make::Array(ArrayMake::Dtype(_) | ArrayMake::Random(_)) => Hashing::Own,
        Make::Array(ArrayMake::Scalar(dtype, _)) => own(dtype.letter() != 'V'),
        Make::Array(_) | Make::Pickle(_) => Hashing::None,
        Make::Pandas(make) => own(!make.is_container()),
    }
}

/// Whether a decimal number is `sNaN`, which raises an exception instead of having a hash.
fn is_signaling(machine: &Machine<'_>, recipe: &PlannedRecipe<'_>) -> bool {
    let text = recipe.needs.first().map(|text| machine.opcode_bytes(machine.resolve(*text))).unwrap_or_default();
    text.windows(4).any(|part| part.eq_ignore_ascii_case(b"snan"))
}

/// Whether the object of a recipe is a time zone.
pub(super) fn is_zone(recipe: &PlannedRecipe<'_>) -> bool {
    match &*recipe.make {
        Make::Value(ValueMake::Call(call)) => &*call.name == "timezone",
        Make::Value(ValueMake::Zone { .. }) => true,
        Make::Pandas(make) => make.is_zone(),
        _ => false,
    }
}

/// Whether a weak reference may refer to the object of a recipe.
pub(super) fn takes_references(recipe: &PlannedRecipe<'_>) -> bool {
    match &*recipe.make {
        Make::Value(ValueMake::Call(call)) => REFERENCED.contains(&(&*call.module, &*call.name)),
        Make::Value(
            ValueMake::Lock { .. }
            | ValueMake::MemoryFile { .. }
            | ValueMake::New(..)
            | ValueMake::Random
            | ValueMake::Regex { .. }
            | ValueMake::SwappedArray { .. }
            | ValueMake::Uuid { .. }
            | ValueMake::Zone { .. },
        ) => true,
        Make::Array(make) => !matches!(make, ArrayMake::Dtype(_) | ArrayMake::Scalar(..) | ArrayMake::Random(_)),
        Make::Pandas(make) => make.is_container(),
        // An estimator. Other classes on the list are compiled.
        Make::Instance(make) => make.version.is_some(),
        _ => false,
    }
}

/// Whether a recipe makes a number of the only value that it needs: `int(5)`.
pub(super) fn is_number(recipe: &PlannedRecipe<'_>) -> bool {
    matches!(&*recipe.make, Make::Value(ValueMake::Call(call)) if matches!(&*call.name, "int" | "float" | "bool"))
}

/// Whether a recipe makes a tuple or a frozenset of the items of the object that it needs; `true` for a frozenset.
pub(super) fn collection(recipe: &PlannedRecipe<'_>) -> Option<bool> {
    match &*recipe.make {
        Make::Value(ValueMake::Call(call)) if call.module == "builtins" => match &*call.name {
            "tuple" => Some(false),
            "frozenset" => Some(true),
            _ => None,
        },
        _ => None,
    }
}

/// Whether an object has no hash, or one that depends on contents that are put into it after it was made.
pub(super) fn has_late_hash(recipe: &PlannedRecipe<'_>) -> bool {
    matches!(&*recipe.make, Make::Value(ValueMake::New("collections", _)))
}
