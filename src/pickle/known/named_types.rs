//! The classes that `types` and dill's `_load_type` know by names such as `PartialType`.

use super::effect_of;

/// A name of such a class.
struct NamedType {
    name: &'static str,
    /// Its module and name, unless it is this name in `types` or `builtins`.
    class: Option<(&'static str, &'static str)>,
    /// Its `__name__`, if that is different.
    label: Option<&'static str>,
    /// The global that is the same class, if `diff` would not find it: in `types` by a name that ends with `Type`,
    /// and else in `builtins`.
    in_diff: Option<(&'static str, &'static str)>,
}

const fn named(name: &'static str, label: &'static str) -> NamedType {
    NamedType { name, class: None, label: Some(label), in_diff: None }
}

const fn of(name: &'static str, module: &'static str, class: &'static str) -> NamedType {
    NamedType { name, class: Some((module, class)), label: None, in_diff: None }
}

const NAMED_TYPES: &[NamedType] = &[
    NamedType { in_diff: Some(("functools", "partial")), ..of("PartialType", "functools", "partial") },
    NamedType { in_diff: Some(("operator", "attrgetter")), ..of("AttrGetterType", "operator", "attrgetter") },
    NamedType { in_diff: Some(("operator", "itemgetter")), ..of("ItemGetterType", "operator", "itemgetter") },
    of("MethodCallerType", "operator", "methodcaller"),
    of("SuperType", "builtins", "super"),
    of("DictProxyType", "types", "MappingProxyType"),
    NamedType { label: Some("object"), ..of("ObjectType", "builtins", "object") },
    NamedType { label: Some("slice"), ..of("SliceType", "builtins", "slice") },
    NamedType { label: Some("NoneType"), ..of("NoneType", "builtins", "NoneType") },
    NamedType { label: Some("ellipsis"), ..of("EllipsisType", "types", "EllipsisType") },
    NamedType { in_diff: Some(("types", "FunctionType")), ..named("LambdaType", "function") },
    named("FunctionType", "function"),
    named("MethodType", "method"),
    named("CodeType", "code"),
    named("ModuleType", "module"),
    named("CellType", "cell"),
    named("MappingProxyType", "mappingproxy"),
    named("NotImplementedType", "NotImplementedType"),
];

fn find(name: &str) -> Option<&'static NamedType> {
    NAMED_TYPES.iter().find(|named| named.name == name)
}

/// The `__name__` of the class that `types` has under this name.
pub(super) fn label(name: &str) -> Option<&'static str> {
    find(name)?.label
}

/// The class that dill's `_load_type` or cloudpickle's `_builtin_type` finds under this name.
pub(in crate::pickle) fn class_named(name: &str) -> (&'static str, &str) {
    let otherwise = || (if effect_of("types", name).is_some() { "types" } else { "builtins" }, name);
    find(name).and_then(|named| named.class).unwrap_or_else(otherwise)
}

/// The class that [`class_named`] finds, as labels write it.
pub(in crate::pickle) fn type_name(name: &str) -> String {
    if let Some(label) = label(name) {
        return label.to_owned();
    }
    match class_named(name) {
        ("builtins", name) => name.to_owned(),
        (module, name) => format!("{module}.{name}"),
    }
}

/// The global that `diff` takes for the same class as dill's `_load_type` of this name.
pub(in crate::pickle) fn class_named_in_diff(name: &str) -> (&'static str, &str) {
    let otherwise = || (if name.ends_with("Type") { "types" } else { "builtins" }, name);
    find(name).and_then(|named| named.in_diff).unwrap_or_else(otherwise)
}
