//! Changes that a pickle makes to objects after they are made: BUILD, and the opcodes that add items.
//!
//! On an instance that means data, unless it overrides a method that a load calls. On an import it changes an object
//! that the whole program shares.

use std::collections::HashMap;
use std::rc::Rc;

use super::judge::{FORGED, Judge, pairs};
use super::symbol::Symbol;
use super::{VerdictClass, forged_arrays, show};
use crate::pickle::dtype_call::is_dtype_call;
use crate::pickle::explain::labels::Labels;
use crate::pickle::format::opcode::Opcode;
use crate::pickle::known::danger::{LOAD_METHODS, is_dangerous, is_inner};
use crate::pickle::known::packages::is_known_module;
use crate::pickle::known::renames::current_name;
use crate::pickle::known::{NAMED_IMPORTS, is_session_namespace};
use crate::pickle::machine::ObjectChange;
use crate::pickle::machine::value::{Node, NodeKind, Ref};
use crate::pickle::work_budget::table_entry;

/// How many attributes of a state are examined before each costs steps.
const FREE_ATTRIBUTES: usize = 256;
/// The cost of examining an attribute, in steps of the machine.
const STEPS_FOR_ATTRIBUTE: u64 = 8;
/// How many keys of namespaces are remembered that are not names of methods.
const MAX_KEYS: usize = 16;

const SHARED: &str = "is modified for the whole program";

impl Judge {
    pub(super) fn change(&mut self, labels: &Labels<'_, '_>, change: &ObjectChange) {
        match (change.opcode, change.items.as_slice()) {
            (Opcode::Build, &[state]) => self.build(labels, change.target, state, change.at),
            _ => self.added(labels, change.target, &change.items, change.at),
        }
    }

    /// BUILD: calls `__setstate__`, or updates the namespace of the object.
    pub(super) fn build(&mut self, labels: &Labels<'_, '_>, target: Ref, state: Ref, at: u64) {
        match self.symbol(labels, target) {
            Symbol::Import(module, name) => {
                self.named_imports(labels, state);
                if !name.is_empty() && self.sets_foreign_attributes(labels, &module, state) {
                    let full = format!("{module}.{name}");
                    self.note(VerdictClass::Calls, at, &full, "", "is given attributes");
                    return;
                }
                self.import_changed(&module, &name, state, at);
            }
            Symbol::Class(class) => self.add_class_state(labels, class, state, at),
            Symbol::Instance(class) if self.is_hidden_dtype(labels, target, &class) => {
                self.note(VerdictClass::Dangerous, at, "numpy.dtype", "", FORGED);
            }
            Symbol::External => self.external(at, "BUILD of an external object"),
            _ => {
                // The state is a dict, or a tuple of two dicts: of attributes and of slots.
                let dicts = [Some(state), self.item(labels, state, 0), self.item(labels, state, 1)];
                for dict in dicts.into_iter().flatten() {
                    self.instance_names(labels, dict, at);
                }
            }
        }
    }

    /// Whether a dtype is made in a way that numpy does not write, so that its state was not checked against its code.
    fn is_hidden_dtype(&self, labels: &Labels<'_, '_>, target: Ref, class: &Symbol) -> bool {
        let Symbol::Import(module, name) = class else { return false };
        forged_arrays::is_dtype_class(module, name)
            && !labels.machine().node(target).is_some_and(|node| is_dtype_call(labels, node))
    }

    /// Judges the modules that `dill.load_module` imports because a session has them in lists of certain names.
    fn named_imports(&mut self, labels: &Labels<'_, '_>, state: Ref) {
        let dict = self.item(labels, state, 0).unwrap_or(state);
        for (key, value) in pairs(labels, dict) {
            let is_list = |name: Rc<str>| NAMED_IMPORTS.iter().any(|(key, _)| *key == name.as_ref());
            if !self.short_string(labels, key).is_some_and(is_list) {
                continue;
            }
            // A value that is not a list is judged as if it were a row itself.
            let rows = match labels.machine().node(value) {
                Some(Node { kind: NodeKind::List, items, .. }) => items.as_slice(),
                _ => &[value],
            };
            for row in rows {
                let at = labels.machine().start(*row);
                if let Some(module) = self.item(labels, *row, 0).and_then(|module| labels.string(module)) {
                    self.import(current_name(&module, "").0, at);
                } else {
                    let why = "makes dill import a module that cannot be resolved statically";
                    self.note(VerdictClass::Dangerous, at, "a session", "", why);
                }
            }
        }
    }

    /// Gives a class of the pickle more attributes. Instances that were made before have them, too.
    pub(super) fn add_class_state(&mut self, labels: &Labels<'_, '_>, class: Ref, state: Ref, at: u64) {
        let _ = self.budget.charge(table_entry::<Ref, Vec<Ref>>());
        self.class_states.entry(class).or_default().push(state);
        // Earlier conclusions about the class may no longer be true.
        self.class_code.remove(&class);
        self.harmful_arguments.remove(&class);
        self.set_last_class(None);
        // Without instances nothing calls the new methods yet; later ones are judged with them.
        if self.instances.remove(&class).is_none() {
            return;
        }
        if let Some(code) = self.load_methods(labels, class).filter(|code| code.class == VerdictClass::Dangerous) {
            self.note(code.class, at, "a class", "", &code.why);
        }
    }

    /// Judges the attributes of an instance: `__setstate__` among them is called at the next BUILD, and so are others.
    pub(super) fn instance_names(&mut self, labels: &Labels<'_, '_>, dict: Ref, at: u64) {
        for (number, (key, value)) in pairs(labels, dict).enumerate() {
            // Many instances may share one long state.
            if number >= FREE_ATTRIBUTES && self.budget.steps(STEPS_FOR_ATTRIBUTE) {
                return;
            }
            self.instance_name(labels, key, value, at);
        }
    }

    fn instance_name(&mut self, labels: &Labels<'_, '_>, key: Ref, value: Ref, at: u64) {
        let key = labels.machine().resolve(key);
        if self.plain_keys.contains(&key) {
            return;
        }
        let Some(name) = self.short_string(labels, key) else { return };
        // Python looks up most special methods on the class, but `__setstate__` also on the instance.
        if !LOAD_METHODS.contains(&name.as_ref()) && !is_inner(&name) {
            self.note_plain_key(key);
            return;
        }
        let is_harmful = match self.symbol(labels, value) {
            Symbol::Data | Symbol::Class(_) | Symbol::Instance(_) => false,
            // A reference to a name that did not exist when annotations were read: `annotationlib.ForwardRef`.
            Symbol::Import(module, of) if is_session_namespace(&module, &of) => name.as_ref() != "__globals__",
            Symbol::Import(module, name) => is_dangerous(&module, &name) || is_setter_name(&name),
            Symbol::Function(_) => name.as_ref() == "__setstate__",
            _ => true,
        };
        if is_harmful {
            let why = format!("of an object is set to {}, which a load would call", show::value(labels, value));
            self.note(VerdictClass::Dangerous, at, &name, "", &why);
        }
    }

    /// Judges the final contents of the dicts that calls made the namespaces of objects. A dict that is its own
    /// namespace is an instance with added items.
    pub(super) fn shared_namespaces(&mut self, labels: &Labels<'_, '_>) {
        for (namespace, at) in std::mem::take(&mut self.namespaces) {
            let added = labels.machine().node(namespace).and_then(|node| node.added());
            let names = added.map_or(&[][..], |added| added.pairs.as_slice());
            for [key, value] in names.as_chunks::<2>().0 {
                self.instance_name(labels, *key, *value, at);
            }
            match self.symbol(labels, namespace) {
                Symbol::Data => self.instance_names(labels, namespace, at),
                Symbol::Instance(_) => {}
                _ => {
                    let why = "of an object is set to something that cannot be resolved statically";
                    self.note(VerdictClass::Dangerous, at, "the namespace", "", why);
                }
            }
        }
    }

    /// Remembers a key that is not the name of a method: the next object is likely to have it, too.
    fn note_plain_key(&mut self, key: Ref) {
        if self.plain_keys.len() == MAX_KEYS {
            self.plain_keys.clear();
        }
        self.plain_keys.push(key);
    }

    /// BUILD of an import.
    fn import_changed(&mut self, module: &str, name: &str, state: Ref, at: u64) {
        let is_main = matches!(module, "__main__" | "__mp_main__") || module.starts_with("__runtime__");
        let is_namespace = module == "builtins" && name == "__main__";
        // Setting the variables of the session is the purpose of a session.
        if (is_main && name.is_empty()) || is_namespace {
            let _ = self.budget.push(&mut self.main_states, state);
            return;
        }
        let full = if name.is_empty() { module.to_owned() } else { format!("{module}.{name}") };
        // `dill.dump_module` writes this for a module other than `__main__`.
        if name.is_empty() && !is_known_module(module) {
            self.note(VerdictClass::Calls, at, &full, "", "is a module whose variables the pickle sets");
            return;
        }
        self.note(VerdictClass::Dangerous, at, &full, "", SHARED);
    }

    /// Items for an object: a load calls its `append`, `extend`, `add` or `__setitem__`.
    pub(super) fn added(&mut self, labels: &Labels<'_, '_>, target: Ref, items: &[Ref], at: u64) {
        if items.is_empty() {
            return;
        }
        match self.symbol(labels, target) {
            Symbol::Import(module, name) if module.as_ref() == "builtins" && name.as_ref() == "__main__" => {
                // Resolves the values now, because their symbols may change later.
                for [_, value] in items.as_chunks::<2>().0 {
                    let _ = self.symbol(labels, *value);
                }
            }
            Symbol::Import(module, name) => {
                self.note(VerdictClass::Dangerous, at, &format!("{module}.{name}"), "", SHARED);
            }
            Symbol::External => self.external(at, "items for an external object"),
            Symbol::Partial(_) | Symbol::Unknown | Symbol::Function(_) => {
                let why = "are added to an object that cannot be resolved statically";
                self.note(VerdictClass::Dangerous, at, "items", "", why);
            }
            _ => {}
        }
    }

    /// Finds calls of `__main__.NAME` if the pickle itself had defined NAME before.
    pub(super) fn redefined_main_calls(&mut self, labels: &Labels<'_, '_>) {
        if self.main_calls.is_empty() {
            return;
        }
        // If a name is called several times, the last call counts: it comes after most definitions.
        let calls: HashMap<Rc<str>, u64> = self.main_calls.drain(..).collect();
        for state in std::mem::take(&mut self.main_states) {
            let dict = self.item(labels, state, 0).unwrap_or(state);
            for (key, value) in pairs(labels, dict) {
                let Some(name) = self.short_string(labels, key) else { continue };
                let Some(at) = calls.get(&name).filter(|at| **at > labels.machine().start(value)) else { continue };
                if !matches!(self.symbol(labels, value), Symbol::Data | Symbol::Class(_)) {
                    let callee = format!("__main__.{name}");
                    self.note(VerdictClass::Dangerous, *at, &callee, "", "is a function that the pickle defined there");
                }
            }
        }
    }
}

/// Whether a function of this name is likely to change its argument.
fn is_setter_name(name: &str) -> bool {
    name.contains("set") || name.contains("update")
}
