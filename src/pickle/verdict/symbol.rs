//! The meaning of a value when it is called: something imported, something that the pickle defines, or neither.
//!
//! An attribute of an import is an import of a longer name, so `getattr(os, 'system')` is `os.system`, however many
//! steps lead there. How the symbol of a value is found is in [`resolve_symbol`](super::resolve_symbol).

use std::rc::Rc;

use crate::pickle::explain::labels::{Labels, MAX_NAME};
use crate::pickle::known::renames::current_name;
use crate::pickle::known::{class_named, has_known_effects};
use crate::pickle::machine::value::{Leaf, Ref, Value};
use crate::pickle::work_budget::{ALLOCATION, shared_string};

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Symbol {
    /// A literal or a container.
    Data,
    /// A module and a name in it, with dots; no name for the module itself.
    Import(Rc<str>, Rc<str>),
    /// A function that the pickle defines, or a wrapper of one.
    Function(Ref),
    /// A class that the pickle defines.
    Class(Ref),
    CodeObject,
    /// An instance of a class.
    Instance(Rc<Symbol>),
    /// A partial function, by the call that makes it.
    Partial(Ref),
    /// An iterator that calls a function of the pickle, or one that cannot be resolved.
    Lazy,
    /// `operator.attrgetter` of this name.
    AttrGetter(Rc<str>),
    /// `operator.methodcaller` of this name.
    MethodCaller(Rc<str>),
    /// Takes a function and calls it later.
    Decorator,
    /// An extension or a persistent ID: the program that loads the pickle resolves it.
    External,
    /// It cannot be resolved.
    Unknown,
}

/// How many attributes of attributes are followed. `os.path.join` has two.
const MAX_ATTRIBUTES: usize = 16;

impl Symbol {
    /// The number of bytes that it takes besides the value itself.
    pub(super) fn allocated(&self) -> usize {
        match self {
            Self::Import(module, name) => shared_string(module) + shared_string(name),
            Self::Instance(class) => {
                2 * ALLOCATION + size_of::<Self>() + if let Self::Import(..) = **class { class.allocated() } else { 0 }
            }
            Self::AttrGetter(name) | Self::MethodCaller(name) => shared_string(name),
            _ => 0,
        }
    }
}

/// An instance of a class. An instance is no class, so these do not nest.
pub(super) fn instance(class: Symbol) -> Symbol {
    Symbol::Instance(Rc::new(if let Symbol::Instance(_) = class { Symbol::Unknown } else { class }))
}

/// The class that `types` or dill has under this name.
pub(super) fn named_class(name: &str) -> Symbol {
    let (module, name) = class_named(name);
    Symbol::Import(module.into(), name.into())
}

pub(super) fn leaf(labels: &Labels<'_, '_>, reference: Ref) -> Symbol {
    match labels.machine().value(reference) {
        Value::Leaf(Leaf::Global(..)) => import_of(labels, reference),
        Value::Leaf(Leaf::Extension(_) | Leaf::Persistent(_)) => Symbol::External,
        Value::Leaf(Leaf::Earlier(_)) => Symbol::Unknown,
        _ => Symbol::Data,
    }
}

/// The import of GLOBAL or STACK_GLOBAL. A name that is not a string, or too long, cannot be resolved.
pub(super) fn import_of(labels: &Labels<'_, '_>, reference: Ref) -> Symbol {
    let Some((module, name)) = labels.global(reference) else { return Symbol::Unknown };
    // Labels write `?` for a name that is not a string, and cut long names with an ellipsis.
    if module.as_ref() == "?" || name.as_ref() == "?" || module.ends_with('…') || name.ends_with('…') {
        return Symbol::Unknown;
    }
    // dill's own name for the namespace of its session, not a name of `builtins`.
    if module.as_ref() == "__builtin__" && name.as_ref() == "__main__" {
        return Symbol::Import("builtins".into(), name);
    }
    let (module, name) = current_name(&module, &name);
    Symbol::Import(module.into(), name.into())
}

/// A module that is imported by its name.
pub(super) fn module_named(name: &str) -> Symbol {
    let (module, _) = current_name(name, "");
    Symbol::Import(module.into(), "".into())
}

/// An attribute of an import. An attribute of an object that the pickle made is not resolved, and neither is one whose
/// name is longer than any honest one: each of a chain of attributes has the names of all before it.
pub(super) fn attribute(of: &Symbol, name: &str) -> Symbol {
    let Symbol::Import(module, outer) = of else { return Symbol::Unknown };
    if outer.len() + name.len() > MAX_NAME || outer.matches('.').count() >= MAX_ATTRIBUTES {
        return Symbol::Unknown;
    }
    let inner = format!("{module}.{outer}"); // The name, if `outer` is a submodule.
    let (module, joined) = match outer.as_ref() {
        "" => (module.as_ref(), name.to_owned()),
        // A module is an attribute of its package: `dill._dill`.
        _ if has_known_effects(&inner) => (inner.as_str(), name.to_owned()),
        _ => (module.as_ref(), format!("{outer}.{name}")),
    };
    let (module, name) = current_name(module, &joined);
    Symbol::Import(module.into(), name.into())
}
