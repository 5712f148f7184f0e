//! The allow-list for files that this user did not sign. It has exact names only, because the unpickler cannot see what
//! the pickle does with an object after it was found.
//!
//! A column of the registry says which names are on it. Most are makers of plain data, and classes whose
//! `__setstate__` stores data. A verdict ([`beyond_plain`](crate::pickle::verdict::beyond_plain)) must pass before
//! anything is loaded.

use super::{packages, row};

/// Packages whose compiled code uses numbers of a state as sizes and offsets, without checking them.
const TRUST_NUMBERS: &[&str] = &["pyarrow", "sklearn", "torch"];

/// Whether the unpickler may find this global in a file that is not trusted. The name is the one that
/// [`current_name`](super::renames::current_name) gives.
pub(crate) fn may_load(module: &str, name: &str) -> bool {
    row(module, name).is_some_and(|row| row.is_loaded_untrusted)
}

/// Whether a module may be imported for a file that is not trusted.
pub(crate) fn may_import(module: &str) -> bool {
    packages::is_known_module(module) && !packages::runs_on_import(module)
}

/// The package of this name (`module.name`), if its compiled code trusts the numbers in a file.
pub(crate) fn trusts_numbers(name: &str) -> Option<&'static str> {
    TRUST_NUMBERS.iter().copied().find(|known| *known == packages::package(name))
}

/// Whether this global belongs to such a package, and is not one of the classes that compute in safe code.
pub(in crate::pickle) fn is_compiled_unchecked(module: &str, name: &str) -> bool {
    trusts_numbers(module).is_some() && !may_load(module, name)
}
