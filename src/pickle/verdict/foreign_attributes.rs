//! Attributes that a pickle sets on classes and functions of an unknown module: `settings.Config.DEBUG`.
//!
//! A load runs the code of such a module in any case. So this is no worse than a call of it, as long as Python itself
//! does not look up the attribute, and its value is made by the pickle and not an import.

use super::call::CallSite;
use super::judge::{Judge, pairs};
use super::symbol::Symbol;
use crate::pickle::explain::labels::Labels;
use crate::pickle::known::danger::{LOAD_METHODS, is_inner};
use crate::pickle::known::packages::is_known_module;
use crate::pickle::machine::value::{NodeKind, Ref};

impl Judge {
    /// Whether `setattr(object, name, value)` gives something of an unknown module a value of the pickle, by a name
    /// that Python itself does not look up.
    pub(super) fn sets_foreign_attribute(&mut self, labels: &Labels<'_, '_>, module: &str, site: CallSite<'_>) -> bool {
        let is_plain = self.argument_string(labels, site, 1).is_some_and(|name| is_plain_attribute(&name));
        is_plain && is_unknown(module) && is_of_pickle(&self.argument_symbol(labels, site, 2))
    }

    /// Whether BUILD gives a function of an unknown module attributes as [`Self::sets_foreign_attribute`] does.
    pub(super) fn sets_foreign_attributes(&mut self, labels: &Labels<'_, '_>, module: &str, state: Ref) -> bool {
        is_unknown(module)
            && labels.machine().node(state).is_some_and(|node| node.kind == NodeKind::Dict)
            && pairs(labels, state).into_iter().all(|(key, value)| {
                let is_plain = self.short_string(labels, key).is_some_and(|name| is_plain_attribute(&name));
                is_plain && is_of_pickle(&self.symbol(labels, value))
            })
    }
}

/// Whether a module is one of which nothing is known. A load runs its code.
fn is_unknown(module: &str) -> bool {
    !module.is_empty() && module != "__main__" && !is_known_module(module)
}

/// Whether the pickle has made an object: it is no import.
fn is_of_pickle(value: &Symbol) -> bool {
    matches!(value, Symbol::Data | Symbol::Instance(_) | Symbol::Class(_) | Symbol::Function(_))
}

/// Whether Python itself does not look an attribute up.
fn is_plain_attribute(name: &str) -> bool {
    !name.starts_with('_') && !LOAD_METHODS.contains(&name) && !is_inner(name)
}
