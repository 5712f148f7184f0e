//! The registry of known globals: one row for each callable or class that the pickles of well-known libraries name.
//!
//! A row gives the type that a call makes (for labels), the effect of a call (for the verdict), whether an untrusted
//! file may load it, and how a call compares (for `diff`). The rows were taken from files of CPython 3.10 to 3.13, dill
//! 0.3 and 0.4, cloudpickle 3, numpy 1 and 2, pandas 1 to 3, scikit-learn, joblib and pyarrow, and from published
//! attacks on pickle scanners. Data only: nothing here reads a pickle.
//!
//! To add a callable, add a row to the file of its library. A global without a row is a class for labels, is not loaded
//! from untrusted files, and makes the verdict `calls`, or `dangerous` if [`danger`] lists its module or its name.

mod builtins;
mod cluster_estimators;
mod composed_estimators;
pub(super) mod danger;
mod declared_kind;
mod decomposition_estimators;
mod dill_cloudpickle;
pub(super) mod dtype;
mod estimator_parameters;
mod estimators;
mod library_errors;
mod named_types;
mod new_syntax;
mod numpy;
mod other_libraries;
pub(super) mod packages;
pub(super) mod pandas;
mod plain_classes;
mod predictors;
mod registry_row;
pub(super) mod renames;
mod stdlib;
#[cfg(test)]
mod tests;
pub(crate) mod untrusted;

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use self::registry_row::{KnownGlobal, Trait};
use super::build_plan::Builder;

pub(super) use self::declared_kind::{ArrayItems, Attributes, Axis, DeclaredKind, Kinds};
pub(super) use self::dill_cloudpickle::{NAMED_IMPORTS, is_known_repr, type_of_repr};
pub(in crate::pickle) use self::library_errors::ErrorInit;
pub(crate) use self::library_errors::Stored;
pub(super) use self::named_types::{class_named, class_named_in_diff, type_name};
#[cfg(feature = "python")]
pub(crate) use self::new_syntax::is_dotted_name;
pub(crate) use self::new_syntax::{is_identifier, is_variable_name};
pub(super) use self::new_syntax::{is_lazy_import, makes_type};
pub(super) use self::numpy::ARRAY;
pub(super) use self::other_libraries::ARRAY_WRAPPER_NAME;
use self::other_libraries::{ARRAY_FILE_NAMES, ARRAY_WRAPPER_MODULES};
pub(crate) use self::packages::property_caches;
pub(super) use self::registry_row::{CanonicalCall, ClassArguments, ClassCall, Effect, Makes, NewClass};
pub(crate) use self::renames::current_name;
#[cfg(feature = "python")]
pub(crate) use self::stdlib::shown_marker;
pub(crate) use self::stdlib::{MARKER_REASON, MARKER_TYPE};

const TABLES: [&[KnownGlobal]; 13] = [
    builtins::ROWS,
    stdlib::ROWS,
    library_errors::ROWS,
    dill_cloudpickle::ROWS,
    numpy::ROWS,
    plain_classes::ROWS,
    pandas::ROWS,
    estimators::ROWS,
    predictors::ROWS,
    cluster_estimators::ROWS,
    decomposition_estimators::ROWS,
    composed_estimators::ROWS,
    other_libraries::ROWS,
];

/// The row of a global, by exact module and name.
fn row(module: &str, name: &str) -> Option<&'static KnownGlobal> {
    static BY_NAME: LazyLock<HashMap<(&str, &str), &KnownGlobal>> = LazyLock::new(|| {
        let rows = TABLES.into_iter().flatten();
        rows.flat_map(|row| globals(row).map(move |global| (global, row))).collect()
    });
    BY_NAME.get(&(module, name)).copied()
}

/// All modules of a row with all its names.
fn globals(row: &'static KnownGlobal) -> impl Iterator<Item = (&'static str, &'static str)> {
    row.modules.iter().flat_map(move |module| row.names.iter().map(move |name| (*module, *name)))
}

/// How our own code makes the result of a call of this global, by its current name; `None` if it does not.
pub(super) fn builder_of(module: &str, name: &str) -> Option<Builder> {
    row(module, name)?.builder
}

/// Whether a file that is not trusted may look up this global, by its current name: to call it, or as a value.
pub(crate) fn is_built(module: &str, name: &str) -> bool {
    row(module, name).is_some_and(|row| row.builder.is_some() || row.is_value)
}

/// Whether a file that is not trusted may have this class, function or singleton itself as a value, by its current
/// name.
pub(super) fn is_harmless_value(module: &str, name: &str) -> bool {
    is_built(module, name) && !has_exact_trait(module, name, Trait::OnlyCalled)
}

/// Whether this global is part of how pickles write other objects, and is no value itself.
pub(super) fn names_no_value(module: &str, name: &str) -> bool {
    matches!((module, name), ("copyreg", "_reconstructor" | "__newobj__" | "__newobj_ex__") | ("builtins", "object"))
        || is_getattr(module, name)
        || imports_module(module, name)
        || effect_of(module, name) == Some(Effect::NamedType)
        || is_array_wrapper(module, name)
}

/// Whether a global has a trait, under its current name or the one of Python 2 or numpy 1.
fn has_trait(module: &str, name: &str, wanted: Trait) -> bool {
    row(&renames::same_module(module), name).is_some_and(|row| row.traits.contains(&wanted))
}

/// Whether a global of exactly this name has a trait.
fn has_exact_trait(module: &str, name: &str, wanted: Trait) -> bool {
    row(module, name).is_some_and(|row| row.traits.contains(&wanted))
}

/// The rule for the type that a call of this global makes; `None` if it is an instance of the global, as far as is
/// known.
pub(super) fn made_by(module: &str, name: &str) -> Option<Makes> {
    let (module, name) = renames::current_name(module, name);
    if makes_builtin(module, name) {
        return Some(Makes::InstanceOf(0));
    }
    row(module, name)?.makes
}

/// Whether this is the `__new__` of a built-in class of plain data or of an exception: its first argument is the class
/// of the new object.
fn makes_builtin(module: &str, name: &str) -> bool {
    let class = name.strip_suffix(".__new__").filter(|_| module == "builtins");
    class.and_then(|class| row(module, class)).is_some_and(|row| row.effect == Some(Effect::Data))
}

/// The effect of a call of this global, by its current name; `None` if it is not known.
pub(super) fn effect_of(module: &str, name: &str) -> Option<Effect> {
    if makes_builtin(module, name) {
        return Some(Effect::New(0));
    }
    row(module, name)?.effect
}

/// How a call of this global compares, by the name that [`renames::same_module`] gives.
pub(super) fn canonical_call(module: &str, name: &str) -> Option<CanonicalCall> {
    row(module, name)?.canonical
}

/// Whether a call of this global changes its first argument, and no other object of the pickle.
pub(super) fn changes_first_argument(module: &str, name: &str) -> bool {
    matches!(effect_of(module, name), Some(Effect::SetAttr | Effect::Init))
        || matches!((module, name), ("abc", "ABCMeta.register") | ("torch._utils", "_set_obj_state"))
}

/// Whether this module has callables whose effect is known.
pub(super) fn has_known_effects(module: &str) -> bool {
    static MODULES: LazyLock<HashSet<&str>> = LazyLock::new(|| {
        let rows = TABLES.into_iter().flatten().filter(|row| row.effect.is_some());
        rows.flat_map(|row| row.modules).copied().collect()
    });
    MODULES.contains(module)
}

/// The name of a class as people write it: without `builtins`, and with the module that exports it.
pub(super) fn public_name(module: &str, name: &str) -> String {
    let (module, name) = renames::current_name(module, name);
    if module == "builtins" {
        return name.to_owned();
    }
    if module == "types" {
        return named_types::label(name).map_or_else(|| format!("types.{name}"), str::to_owned);
    }
    format!("{}.{name}", row(module, name).and_then(|row| row.exported_by).unwrap_or(module))
}

/// The name of an import: the module and the name in current Pythons.
pub(super) fn import_name(module: &str, name: &str) -> String {
    let (module, name) = renames::current_name(module, name);
    format!("{module}.{name}")
}

/// The type of the singleton that this global is.
pub(super) fn singleton(module: &str, name: &str) -> Option<&'static str> {
    row(&renames::same_module(module), name)?.singleton
}

/// The type of a subscript of this global, for globals of `typing`.
pub(super) fn subscript_of(module: &str, name: &str) -> Option<&'static str> {
    (module == "typing").then(|| stdlib::subscript_type(name))
}

/// Whether an instance of this class, by its public name, has no items except those that the pickle adds to it.
pub(super) fn starts_empty(class: &str) -> bool {
    let global = class.rsplit_once('.');
    global.is_some_and(|(module, name)| has_trait(module, name, Trait::StartsEmpty))
}

/// Whether this module is `builtins`, also as Python 2 calls it.
pub(super) fn is_builtin(module: &str) -> bool {
    renames::same_module(module) == "builtins"
}

/// Whether a call of this global makes code objects, or functions that have one.
pub(crate) fn makes_code(module: &str, name: &str) -> bool {
    has_trait(module, name, Trait::MakesCode)
}

/// Whether this global is dill's function to import a module.
pub(super) fn imports_module(module: &str, name: &str) -> bool {
    has_trait(module, name, Trait::ImportsModule)
}

/// Whether this global is joblib's [`ARRAY_WRAPPER_NAME`].
pub(crate) fn is_array_wrapper(module: &str, name: &str) -> bool {
    // This test runs for every call: comparing the name first avoids most look-ups.
    name == ARRAY_WRAPPER_NAME && has_trait(module, name, Trait::ArrayWrapper)
}

/// Whether this global is a class of joblib up to 0.9 that replaces an array in a file next to the pickle.
pub(crate) fn is_array_file(module: &str, name: &str) -> bool {
    ARRAY_FILE_NAMES.contains(&name)
        && (ARRAY_WRAPPER_MODULES.contains(&module) || module == "joblib.numpy_pickle_compat")
}

/// Whether this global makes numpy's dtype of strings of any length.
pub(super) fn is_string_dtype(module: &str, name: &str) -> bool {
    has_trait(module, name, Trait::StringDtype)
}

/// Whether this global is dill's name for the namespace of the session.
pub(super) fn is_session_namespace(module: &str, name: &str) -> bool {
    has_trait(module, name, Trait::SessionNamespace)
}

pub(super) fn is_getattr(module: &str, name: &str) -> bool {
    has_trait(module, name, Trait::GetsAttribute)
}

/// Whether a time zone has this name, by the list of the package `tzdata`. Whether a machine has its file is another
/// matter.
pub(super) fn is_time_zone(name: &str) -> bool {
    static NAMES: LazyLock<HashSet<&str>> = LazyLock::new(|| include_str!("time_zones.txt").lines().collect());
    NAMES.contains(name)
}

/// Whether this global gives a class its attributes.
pub(super) fn fills_class(module: &str, name: &str) -> bool {
    has_exact_trait(module, name, Trait::FillsClass)
}

/// Whether this global is `numpy.dtype`.
pub(super) fn is_dtype(module: &str, name: &str) -> bool {
    has_exact_trait(module, name, Trait::Dtype)
}

/// Whether a class that this metaclass makes runs no code of the pickle.
pub(super) fn is_metaclass(module: &str, name: &str) -> bool {
    has_exact_trait(module, name, Trait::Metaclass)
}

/// Whether a call of this global returns a class of its library, which honest pickles call.
pub(super) fn makes_class(module: &str, name: &str) -> bool {
    has_exact_trait(module, name, Trait::MakesClass)
}

/// Whether honest pickles call subclasses of this class.
pub(super) fn is_called_base(module: &str, name: &str) -> bool {
    has_exact_trait(module, name, Trait::CalledBase)
}
