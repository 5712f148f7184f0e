//! The kinds of hashes of keys: which of them the plan knows as Python computes them, and which it has a stand-in for.
//!
//! The hash of a frozenset is the XOR of the hashes of its members, so two members with one hash cancel each other. The
//! plan sees that only if both hashes are of the same kind.

use super::key_hashes::of_contents;
use super::{ArrayMake, DtypeKind, Make, PlannedRecipe, ValueMake};

/// A hash that is known, except for the random part in the hashes of strings, or that no file can choose.
pub(super) const EXACT: u64 = 1;
/// Two objects of this kind may have the same hash in Python, and different ones here.
pub(super) const UNSURE: u64 = 2;

/// Whether two members of a frozenset with hashes of these kinds may have the same hash without having it here.
pub(super) fn is_mixed(kinds: u64) -> bool {
    kinds & UNSURE != 0 || kinds.count_ones() > 1
}

/// The kinds of the hash of the object of a recipe, from the kinds of the objects that it needs.
pub(super) fn of_recipe(recipe: &PlannedRecipe<'_>, parts: u64) -> u64 {
    match &*recipe.make {
        Make::Value(make) => of_value(make, recipe.needs.len(), parts),
        Make::Array(ArrayMake::Scalar(dtype, _)) => match &dtype.kind {
            DtypeKind::Code { code, .. } if code.starts_with(['b', 'i', 'u', 'f', 'c', 'U', 'S']) => EXACT,
            DtypeKind::Code { code, .. } => named(code),
            _ => UNSURE,
        },
        Make::Global(module, _) | Make::Module(module) => named(module),
        // By their identity.
        Make::Array(ArrayMake::Random(_)) | Make::Instance(_) => EXACT,
        Make::Pandas(make) => named(make.function) | if make.function == "interval" { parts } else { 0 },
        Make::Array(_) | Make::Pickle(_) => UNSURE,
    }
}

fn of_value(make: &ValueMake<'_>, needs: usize, parts: u64) -> u64 {
    match make {
        ValueMake::Call(call) => match (&*call.module, &*call.name) {
            ("builtins", "tuple" | "frozenset") | ("datetime", "timezone") => parts,
            ("builtins", "complex" | "range" | "bytes" | "object") | ("datetime", "timedelta") | ("ipaddress", _) => {
                EXACT
            }
            // Other texts than the plan reads get the hash ANY, and are unsure.
            ("decimal" | "fractions", _) => EXACT,
            (module @ "builtins", _) => named(module),
            ("datetime", _) => {
                if needs == 0 {
                    EXACT
                } else {
                    UNSURE
                }
            }
            ("pathlib", name) => named(if name.contains("Windows") { "windows" } else { "posix" }),
            (module, _) => named(module) | parts,
        },
        ValueMake::Uuid { .. } => EXACT,
        ValueMake::WeakReference => parts,
        // The offset of a time zone may be any.
        ValueMake::Clock(_) if needs < 2 || parts == EXACT => EXACT,
        ValueMake::Clock(_) => UNSURE,
        ValueMake::Regex { .. } => named("re") | parts,
        ValueMake::Zone { .. } => named("zoneinfo"),
        // Of two enumerations, members of the same name have one hash.
        ValueMake::NamedMember(module, name) => {
            let class = name.rsplit_once('.').map_or(module.as_str(), |(class, _)| class);
            named(class)
        }
        ValueMake::JoinedStrings { .. } => named("str"),
        _ => named("identity"),
    }
}

/// The kind of an object whose module or class has hashes of its own.
fn named(name: &str) -> u64 {
    1 << (2 + of_contents(b'k', name.bytes()) % 62)
}
