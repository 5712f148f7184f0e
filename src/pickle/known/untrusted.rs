//! What a file that this user did not sign may import, and which packages it may not have compiled objects of. What it
//! may build is a column of the registry.

use super::packages;

/// Packages whose compiled code uses numbers of a state as sizes and offsets, without checking them.
const TRUST_NUMBERS: &[&str] = &["pyarrow", "regex", "sklearn", "torch"];

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
    trusts_numbers(module).is_some() && !super::is_built(module, name)
}
