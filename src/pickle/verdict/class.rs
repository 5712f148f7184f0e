//! Functions and classes that the pickle defines: which methods of a class a load runs, and whether these look
//! dangerous.
//!
//! Their code is not understood: a function that uses a dangerous name is taken to do harm, and any other is not.

use super::VerdictClass;
use super::judge::{EmbeddedCode, Judge, pairs};
use super::symbol::Symbol;
use crate::pickle::explain::labels::Labels;
use crate::pickle::known::danger::{LOAD_METHODS, is_dangerous, is_dangerous_in_code};
use crate::pickle::known::packages::is_renamed_setter;
use crate::pickle::known::renames::current_name;
use crate::pickle::known::{ClassArguments, Effect, effect_of, is_called_base, is_metaclass};
use crate::pickle::machine::value::{Node, NodeKind, Ref};
use crate::pickle::work_budget::table_entry;

/// How many bases or wrapped functions in a chain are followed.
pub(super) const MAX_CODE_STEPS: usize = 16;
/// How many values of one code object are searched.
const MAX_VALUES: usize = 4096;
/// How many bases of one class are followed.
const MAX_BASES: usize = 64;

impl Judge {
    /// The worst method of a class that a load runs.
    pub(super) fn load_methods(&mut self, labels: &Labels<'_, '_>, class: Ref) -> Option<EmbeddedCode> {
        if let Some(known) = self.class_code.get(&class) {
            return known.clone();
        }
        let found = self.methods(labels, class, LOAD_METHODS, MAX_CODE_STEPS);
        let why = found.as_ref().map_or(0, |code| code.why.len());
        let _ = self.budget.charge(table_entry::<Ref, Option<EmbeddedCode>>() + why);
        self.class_code.insert(class, found.clone());
        found
    }

    /// The worst of these methods of a class, inherited ones included.
    pub(super) fn methods(
        &mut self,
        labels: &Labels<'_, '_>,
        class: Ref,
        names: &[&str],
        steps: usize,
    ) -> Option<EmbeddedCode> {
        let steps = steps.checked_sub(1)?;
        let mut worst: Option<EmbeddedCode> = None;
        for namespace in self.namespaces(labels, class) {
            for (key, value) in pairs(labels, namespace) {
                self.count_step();
                let name = self.short_string(labels, key).filter(|name| names.contains(&name.as_ref()));
                let Some(name) = name else { continue };
                let (class, uses) = match self.symbol(labels, value) {
                    Symbol::Import(module, method) if is_renamed_setter(&module, &method, &name) => {
                        (VerdictClass::Dangerous, format!(", and is {module}.{method}"))
                    }
                    _ => self.called_code(labels, value, MAX_CODE_STEPS),
                };
                // Only the worst method is reported.
                if class == VerdictClass::Plain || worst.as_ref().is_some_and(|worst| worst.class >= class) {
                    continue;
                }
                let when =
                    if name.as_ref() == "__del__" { "runs when an instance is freed" } else { "runs during the load" };
                worst = Some(EmbeddedCode { class, why: format!("its {name}() {when}{uses}") });
            }
        }
        // Inherited methods run as well. The methods of imported bases are not in the pickle.
        for base in self.bases(labels, class) {
            if let Symbol::Class(base) = self.symbol(labels, base)
                && let Some(found) = self.methods(labels, base, names, steps)
                && worst.as_ref().is_none_or(|worst| worst.class < found.class)
            {
                worst = Some(found);
            }
        }
        worst
    }

    /// How bad it is to call a value, and why, as the end of a sentence.
    pub(super) fn called_code(&mut self, labels: &Labels<'_, '_>, value: Ref, steps: usize) -> (VerdictClass, String) {
        let Some(steps) = steps.checked_sub(1) else { return (VerdictClass::Dangerous, String::new()) };
        match self.symbol(labels, value) {
            Symbol::Data | Symbol::CodeObject => (VerdictClass::Plain, String::new()),
            Symbol::Import(module, name) if is_dangerous(&module, &name) => {
                // A method of a built-in type is harmless: `__hash__ = object.__hash__`.
                match effect_of(&module, name.split('.').next().unwrap_or_default()) {
                    Some(Effect::Data) if module.as_ref() == "builtins" => (VerdictClass::Plain, String::new()),
                    _ => (VerdictClass::Dangerous, format!(", and is {module}.{name}")),
                }
            }
            // A method of a library that is not on a deny-list, such as `__eq__ = operator.is_`.
            Symbol::Import(..) => (VerdictClass::Plain, String::new()),
            Symbol::Function(function) => match self.dangerous_use(labels, function, steps) {
                Some(name) => (VerdictClass::Dangerous, format!(", and uses {name}")),
                None => (VerdictClass::Code, String::new()),
            },
            Symbol::Class(_) | Symbol::Instance(_) | Symbol::Decorator => (VerdictClass::Code, String::new()),
            Symbol::Partial(call) => {
                let inner = labels.machine().node(call).and_then(|call| labels.argument(call, 0));
                inner.map_or((VerdictClass::Dangerous, String::new()), |inner| self.called_code(labels, inner, steps))
            }
            _ => (VerdictClass::Dangerous, ", and cannot be resolved statically".to_owned()),
        }
    }

    /// The first dangerous name in the code of a function, or of the function that it wraps.
    fn dangerous_use(&mut self, labels: &Labels<'_, '_>, function: Ref, steps: usize) -> Option<String> {
        let steps = steps.checked_sub(1)?;
        let call = labels.machine().node(function)?;
        let first = labels.argument(call, 0)?;
        match self.symbol(labels, first) {
            Symbol::CodeObject => dangerous_name(labels, first),
            // A decorated function, cell or descriptor.
            Symbol::Function(inner) if inner != function => self.dangerous_use(labels, inner, steps),
            Symbol::Import(module, name) if is_dangerous(&module, &name) => Some(format!("{module}.{name}")),
            _ => None,
        }
    }

    /// The namespaces of a class: the one that it was made with, and the ones in the states that it was given.
    fn namespaces(&self, labels: &Labels<'_, '_>, class: Ref) -> Vec<Ref> {
        let index = self.class_arguments(labels, class).and_then(|arguments| arguments.namespace);
        let call = labels.machine().node(class);
        let own = index.and_then(|index| labels.argument(call?, index)).map(|namespace| labels.namespace(namespace));
        let states = self.class_states.get(&class).into_iter().flatten();
        // A state is a dict, or a tuple of dicts.
        let given = states.flat_map(|state| match labels.machine().node(*state) {
            Some(Node { kind: NodeKind::Tuple, items, .. }) => items.iter().take(2).copied().collect(),
            _ => vec![*state],
        });
        own.into_iter().chain(given).collect()
    }

    fn bases(&self, labels: &Labels<'_, '_>, class: Ref) -> Vec<Ref> {
        let index = self.class_arguments(labels, class).and_then(|arguments| arguments.bases);
        let bases = index.and_then(|index| labels.argument(labels.machine().node(class)?, index));
        match bases.and_then(|bases| labels.machine().node(bases)) {
            Some(Node { kind: NodeKind::Tuple, items, .. }) => items.iter().take(MAX_BASES).copied().collect(),
            _ => Vec::new(),
        }
    }

    fn class_arguments(&self, labels: &Labels<'_, '_>, class: Ref) -> Option<ClassArguments> {
        let callee = *labels.machine().node(class)?.items.first()?;
        let (module, name) = labels.global(callee)?;
        let (module, name) = current_name(&module, &name);
        match effect_of(module, name) {
            Some(Effect::Class(arguments)) => Some(arguments),
            _ => None,
        }
    }

    /// Whether honest pickles call a class: one that derives from an exception, an enum and the like.
    pub(super) fn is_called_class(&mut self, labels: &Labels<'_, '_>, class: Ref, steps: usize) -> bool {
        let Some(steps) = steps.checked_sub(1) else { return false };
        self.bases(labels, class).into_iter().any(|base| match self.symbol(labels, base) {
            Symbol::Import(module, name) => is_called_base(&module, &name),
            Symbol::Class(base) => self.is_called_class(labels, base, steps),
            _ => false,
        })
    }

    /// Whether a class that the pickle defines is a metaclass.
    pub(super) fn is_defined_metaclass(&mut self, labels: &Labels<'_, '_>, class: Ref, steps: usize) -> bool {
        let Some(steps) = steps.checked_sub(1) else { return false };
        self.bases(labels, class).into_iter().any(|base| match self.symbol(labels, base) {
            Symbol::Import(module, name) => is_metaclass(&module, &name),
            Symbol::Class(base) => self.is_defined_metaclass(labels, base, steps),
            _ => false,
        })
    }
}

/// The first dangerous name among the strings of a code object and of the code objects in it.
fn dangerous_name(labels: &Labels<'_, '_>, code: Ref) -> Option<String> {
    let mut waiting = vec![code];
    for _ in 0..MAX_VALUES {
        let value = waiting.pop()?;
        if let Some(node) = labels.machine().node(value) {
            // Constants and names are tuples; nested code objects are calls among the constants.
            if matches!(node.kind, NodeKind::Tuple | NodeKind::Call(_)) {
                waiting.extend(node.items.iter().rev().take(MAX_VALUES));
                // Only the last ones can still be searched.
                waiting.drain(..waiting.len().saturating_sub(MAX_VALUES));
            }
        } else if let Some(name) = labels.string(value).filter(|name| is_dangerous_in_code(name)) {
            return Some(name.as_ref().to_owned());
        }
    }
    // The limit was reached before the end: assume the worst.
    Some("more names than snapcli analyses".to_owned())
}
