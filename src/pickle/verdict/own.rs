//! Functions and classes that the pickle carries: which of a class's methods a load runs, and what gives them away.
//!
//! Their code is not understood: a function that uses a dangerous name is taken to do harm, and one that does not
//! is taken to be what it says.

use super::symbol::Symbol;
use super::{Class, Judge, pairs};
use crate::pickle::naming::Naming;
use crate::pickle::node::{Kind, Node, Ref};
use crate::pickle::rules::trust::{self, ClassArguments, Does};

/// How far bases and wrapped functions are followed, and how many values of one code object are looked at.
pub(super) const MAX_STEPS: usize = 16;
const MAX_VALUES: usize = 4096;

/// What a load runs of a class that the pickle carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Carried {
    /// How bad that is.
    pub(super) class: Class,
    /// The method, and what it uses.
    pub(super) why: String,
}

impl Judge {
    /// What a load runs of a class's methods: the worst of them.
    pub(super) fn load_methods(&mut self, naming: &Naming<'_, '_>, class: Ref) -> Option<Carried> {
        if let Some(known) = self.carried.get(&class) {
            return known.clone();
        }
        let found = self.methods(naming, class, trust::LOAD_METHODS, MAX_STEPS);
        self.carried.insert(class, found.clone());
        found
    }

    pub(super) fn methods(
        &mut self,
        naming: &Naming<'_, '_>,
        class: Ref,
        names: &[&str],
        steps: usize,
    ) -> Option<Carried> {
        let steps = steps.checked_sub(1)?;
        let mut worst: Option<Carried> = None;
        for namespace in self.namespaces(naming, class) {
            for (key, value) in pairs(naming, namespace) {
                let Some(name) = self.short_text(naming, key).filter(|name| names.contains(&name.as_ref())) else {
                    continue;
                };
                let (class, uses) = self.runs(naming, value, MAX_STEPS);
                if class == Class::Plain || worst.as_ref().is_some_and(|worst| worst.class >= class) {
                    continue;
                }
                let when = if name.as_ref() == "__del__" { "runs when it is freed" } else { "runs while it is loaded" };
                worst = Some(Carried { class, why: format!("its {name}() {when}{uses}") });
            }
        }
        for base in self.bases(naming, class) {
            if let Symbol::Class(base) = self.symbol(naming, base)
                && let Some(found) = self.methods(naming, base, names, steps)
                && worst.as_ref().is_none_or(|worst| worst.class < found.class)
            {
                worst = Some(found);
            }
        }
        worst
    }

    /// How bad it is that a value is called, and why.
    pub(super) fn runs(&mut self, naming: &Naming<'_, '_>, value: Ref, steps: usize) -> (Class, String) {
        let Some(steps) = steps.checked_sub(1) else { return (Class::Dangerous, String::new()) };
        match self.symbol(naming, value) {
            Symbol::Data | Symbol::CodeObject => (Class::Plain, String::new()),
            Symbol::Import(module, name) if trust::is_dangerous(&module, &name) => {
                // Types of the interpreter's own are no harm: `__hash__ = object.__hash__`.
                match trust::does(&module, name.split('.').next().unwrap_or_default()) {
                    Some(Does::Data) if module.as_ref() == "builtins" => (Class::Plain, String::new()),
                    _ => (Class::Dangerous, format!(", and is {module}.{name}")),
                }
            }
            Symbol::Import(..) => (Class::Plain, String::new()),
            Symbol::Function(function) => match self.used(naming, function, steps) {
                Some(name) => (Class::Dangerous, format!(", and uses {name}")),
                None => (Class::Code, String::new()),
            },
            Symbol::Class(_) | Symbol::Instance(_) | Symbol::Decorator => (Class::Code, String::new()),
            Symbol::Partial(call) => {
                let inner = naming.machine().node(call).and_then(|call| naming.argument(call, 0));
                inner.map_or((Class::Dangerous, String::new()), |inner| self.runs(naming, inner, steps))
            }
            _ => (Class::Dangerous, ", and cannot be told".to_owned()),
        }
    }

    /// The first dangerous name that a function's code uses; wrapped functions are looked into.
    fn used(&mut self, naming: &Naming<'_, '_>, function: Ref, steps: usize) -> Option<String> {
        let steps = steps.checked_sub(1)?;
        let call = naming.machine().node(function)?;
        let first = naming.argument(call, 0)?;
        match self.symbol(naming, first) {
            Symbol::CodeObject => dangerous_name(naming, first),
            Symbol::Function(inner) if inner != function => self.used(naming, inner, steps),
            Symbol::Import(module, name) if trust::is_dangerous(&module, &name) => Some(format!("{module}.{name}")),
            _ => None,
        }
    }

    /// The namespaces of a class: the one that it was made with, and those that it was given.
    fn namespaces(&self, naming: &Naming<'_, '_>, class: Ref) -> Vec<Ref> {
        let made = self.class_arguments(naming, class).and_then(|arguments| arguments.namespace);
        let call = naming.machine().node(class);
        let first = made.and_then(|index| naming.argument(call?, index)).map(|namespace| naming.namespace(namespace));
        let given = self.attributes.get(&class).into_iter().flatten();
        // A state is a dict, or a tuple of dicts.
        let given = given.flat_map(|state| match naming.machine().node(*state) {
            Some(Node { kind: Kind::Tuple, items, .. }) => items.iter().take(2).copied().collect(),
            _ => vec![*state],
        });
        first.into_iter().chain(given).collect()
    }

    fn bases(&self, naming: &Naming<'_, '_>, class: Ref) -> Vec<Ref> {
        let index = self.class_arguments(naming, class).and_then(|arguments| arguments.bases);
        // An enum of cloudpickle's has its bases first.
        let found = index.and_then(|index| naming.argument(naming.machine().node(class)?, index));
        match found.and_then(|bases| naming.machine().node(bases)) {
            Some(Node { kind: Kind::Tuple, items, .. }) => items.iter().take(64).copied().collect(),
            _ => Vec::new(),
        }
    }

    fn class_arguments(&self, naming: &Naming<'_, '_>, class: Ref) -> Option<ClassArguments> {
        let callee = *naming.machine().node(class)?.items.first()?;
        let (module, name) = naming.global(callee)?;
        let (module, name) = trust::canonical(&module, &name);
        match trust::does(module, name) {
            Some(Does::Class(arguments)) if name == "_make_skeleton_enum" => {
                Some(ClassArguments { meta: None, bases: Some(0), ..arguments })
            }
            Some(Does::Class(arguments)) => Some(arguments),
            _ => None,
        }
    }

    /// Whether honest pickles call a class: what derives from an exception, an enum and the like.
    pub(super) fn is_called_class(&mut self, naming: &Naming<'_, '_>, class: Ref, steps: usize) -> bool {
        let Some(steps) = steps.checked_sub(1) else { return false };
        self.bases(naming, class).into_iter().any(|base| match self.symbol(naming, base) {
            Symbol::Import(module, name) => trust::is_called_base(&module, &name),
            Symbol::Class(base) => self.is_called_class(naming, base, steps),
            _ => false,
        })
    }

    /// Whether a class that the pickle carries makes classes.
    pub(super) fn is_metaclass(&mut self, naming: &Naming<'_, '_>, class: Ref, steps: usize) -> bool {
        let Some(steps) = steps.checked_sub(1) else { return false };
        self.bases(naming, class).into_iter().any(|base| match self.symbol(naming, base) {
            Symbol::Import(module, name) => trust::is_metaclass(&module, &name),
            Symbol::Class(base) => self.is_metaclass(naming, base, steps),
            _ => false,
        })
    }
}

/// The first dangerous name among the texts of a code object, those of nested ones included.
fn dangerous_name(naming: &Naming<'_, '_>, code: Ref) -> Option<String> {
    let mut waiting = vec![code];
    for _ in 0..MAX_VALUES {
        let value = waiting.pop()?;
        if let Some(node) = naming.machine().node(value) {
            if matches!(node.kind, Kind::Tuple | Kind::Call(_)) {
                waiting.extend(node.items.iter().rev().take(MAX_VALUES));
            }
        } else if let Some(text) = naming.text(value).filter(|text| trust::is_dangerous_in_code(text)) {
            return Some(text.as_ref().to_owned());
        }
    }
    Some("more than is looked at".to_owned())
}
