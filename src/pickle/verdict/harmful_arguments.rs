//! Whether the arguments of a call hold a function that does harm when the callee calls it.
//!
//! The same argument can be given to very many calls. So each value that was searched without a result is remembered,
//! with how deep it was searched, until the machine gives values new parts or prunes them.

use super::VerdictClass;
use super::call::{CallSite, MAX_STEPS};
use super::class::MAX_CODE_STEPS;
use super::judge::Judge;
use super::symbol::Symbol;
use crate::pickle::explain::labels::Labels;
use crate::pickle::known::danger::{ARGUMENT_METHODS, is_dangerous};
use crate::pickle::known::effect_of;
use crate::pickle::machine::value::{Node, NodeKind, Ref};
use crate::pickle::work_budget::table_entry;

/// How deep the arguments of a call are searched for something that it could call, how many parts of each value, and
/// how many values for one call that were not searched before.
const MAX_DEPTH: u8 = 4;
const MAX_PARTS: usize = 256;
const MAX_VALUES: usize = 256;

/// A search of the arguments of one call.
struct HarmSearch {
    /// Whether a function that the pickle defines counts as harm: a callable that is not known may call it.
    any_function: bool,
    /// How many more values are searched.
    values_left: usize,
}

/// The finding for one value of the arguments, without its parts.
enum PartHarm<'m> {
    Harmful,
    /// Its parts decide.
    HasParts(&'m Node),
    Harmless,
}

impl Judge {
    /// Whether a call is given a function that does harm, or an iterator that calls one. With `any_function`, a
    /// function that the pickle defines counts as harm, too: a callable that is not known may call it.
    pub(super) fn reaches_harm(&mut self, labels: &Labels<'_, '_>, site: CallSite<'_>, any_function: bool) -> bool {
        let search = &mut HarmSearch { any_function, values_left: MAX_VALUES };
        site.arguments.is_some_and(|arguments| self.holds_harm(labels, arguments, MAX_DEPTH, search))
    }

    /// Whether a value does harm, or a part of it as deep as this.
    fn holds_harm(&mut self, labels: &Labels<'_, '_>, value: Ref, depth: u8, search: &mut HarmSearch) -> bool {
        self.count_step();
        let value = labels.machine().resolve(value);
        let key = (value, search.any_function);
        if self.searched_arguments.get(&key).is_some_and(|searched| *searched >= depth) {
            return false;
        }
        let Some(left) = search.values_left.checked_sub(1) else { return false };
        // Values without parts cost little, and values with parts are remembered.
        if labels.machine().node(value).is_some() {
            search.values_left = left;
        }
        let parts = match self.part_harm(labels, value, search.any_function) {
            PartHarm::Harmful => return true,
            PartHarm::HasParts(node) if depth > 0 => node.items.as_slice(),
            PartHarm::HasParts(_) | PartHarm::Harmless => &[],
        };
        // The last arguments first.
        let last_first = parts.iter().take(MAX_PARTS).rev();
        for part in last_first {
            if self.holds_harm(labels, *part, depth - 1, search) {
                return true;
            }
        }
        // A value that was not searched to the end is searched again.
        if search.values_left > 0 && value.node_index().is_some() {
            let _ = self.budget.charge(table_entry::<(Ref, bool), u8>());
            self.searched_arguments.insert(key, depth);
        }
        false
    }

    fn part_harm<'m>(&mut self, labels: &Labels<'m, '_>, value: Ref, any_function: bool) -> PartHarm<'m> {
        let node = labels.machine().node(value);
        let parts = match self.symbol(labels, value) {
            Symbol::Lazy => return PartHarm::Harmful,
            Symbol::Import(module, name) if does_harm(&module, &name) => return PartHarm::Harmful,
            // Its other arguments are data for the function.
            Symbol::Partial(call) => {
                let function = labels.machine().node(call).and_then(|call| labels.argument(call, 0));
                return match function.map(|function| self.symbol(labels, function)) {
                    Some(Symbol::Import(module, name)) if does_harm(&module, &name) => PartHarm::Harmful,
                    Some(Symbol::Function(_)) if any_function && self.may_do_harm(labels, call) => PartHarm::Harmful,
                    _ => PartHarm::Harmless,
                };
            }
            Symbol::Function(_) if any_function && self.may_do_harm(labels, value) => return PartHarm::Harmful,
            Symbol::Instance(class) => match class.as_ref() {
                Symbol::Class(class) if self.harms_as_argument(labels, *class) => return PartHarm::Harmful,
                // The arguments of the call that made the instance: it may hold on to them.
                _ if any_function => node.and_then(|node| labels.machine().node(*node.items.get(1)?)),
                _ => None,
            },
            Symbol::Data => node.filter(|node| !matches!(node.kind, NodeKind::Call(_))),
            _ => None,
        };
        parts.map_or(PartHarm::Harmless, PartHarm::HasParts)
    }

    /// Forgets which values were searched: the machine may give them more parts, or others their numbers.
    pub(super) fn forget_searched_arguments(&mut self) {
        self.budget.release(self.searched_arguments.len() * table_entry::<(Ref, bool), u8>());
        self.searched_arguments.clear();
    }

    /// Whether the code of a function in the pickle uses a dangerous name.
    fn may_do_harm(&mut self, labels: &Labels<'_, '_>, function: Ref) -> bool {
        self.called_code(labels, function, MAX_CODE_STEPS).0 == VerdictClass::Dangerous
    }

    /// Whether an instance of a class in the pickle does harm when it is an argument.
    pub(super) fn harms_as_argument(&mut self, labels: &Labels<'_, '_>, class: Ref) -> bool {
        if let Some(known) = self.harmful_arguments.get(&class) {
            return *known;
        }
        // The callee may call any method that Python itself calls, such as `__iter__`.
        let code = self.methods(labels, class, ARGUMENT_METHODS, MAX_STEPS);
        let harms = code.is_some_and(|code| code.class == VerdictClass::Dangerous);
        let _ = self.budget.charge(table_entry::<Ref, bool>());
        self.harmful_arguments.insert(class, harms);
        harms
    }
}

/// Whether an import is a function that does harm when it is called.
fn does_harm(module: &str, name: &str) -> bool {
    !name.is_empty() && effect_of(module, name).is_none() && is_dangerous(module, name) && is_function_name(name)
}

/// Whether a name is written like the name of a function.
fn is_function_name(name: &str) -> bool {
    name.rsplit('.').next().is_some_and(|last| last.starts_with(|first: char| first.is_lowercase() || first == '_'))
}
