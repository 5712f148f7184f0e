//! Refusals of a plan besides those of calls: lookups, changes, and keys that take too long to hash.

use std::collections::HashSet;

use super::build_steps::BuildSteps;
use super::key_limits::KeyLimits;
use super::planner::{Planner, is_call};
use super::read_times::ReadTimes;
use super::{BuildStep, Fill, Make, PlannedRecipe, value_recipe};
use crate::pickle::format::lines::MAX_DIGITS;
use crate::pickle::format::opcode::Opcode;
use crate::pickle::known::renames::is_of_python_2;
use crate::pickle::known::{self, current_name};
use crate::pickle::machine::FarSlot;
use crate::pickle::machine::value::{NodeKind, Ref};
use crate::pickle::verdict;

/// Python cannot read such a string unless it is told an encoding.
const OLD_STRING: &str =
    "strings that Python 2 wrote: load it with pickle.load(file, encoding='latin1') and save it again";

impl Planner<'_, '_, '_> {
    /// Refuses strings of Python 2 that are not ASCII, where they become strings: the load could not decode them.
    pub(super) fn check_old_strings(&mut self, values: &[Ref], steps: &BuildSteps) {
        let machine = self.labels.machine();
        let old = &machine.notes().old_strings;
        if old.is_empty() {
            return;
        }
        let found = |part: Ref| machine.resolve(part).leaf_offset().filter(|at| old.binary_search(at).is_ok());
        let mut refused: Vec<u64> = values.iter().filter_map(|value| found(*value)).collect();
        for step in (0..values.len()).flat_map(|number| steps.of(number)) {
            let (BuildStep::Make(index) | BuildStep::Fill(index)) = step;
            let Some(node) = machine.nodes().get(index) else { continue };
            let recipe = self.recipes.get(index).filter(|_| !node.kind.holds_items());
            // Other recipes may read the strings of Python 2 that they need as bytes.
            let needs = recipe.filter(|recipe| matches!(*recipe.make, Make::Instance(_)));
            needs.into_iter().for_each(|recipe| refused.extend(recipe.needs.iter().filter_map(|it| found(*it))));
            match recipe.map(PlannedRecipe::fill) {
                Some(fill) => {
                    let parts = (0..).map_while(|at| fill.part(at));
                    refused.extend(parts.filter_map(found));
                }
                None if node.kind.holds_items() => refused.extend(node.items.iter().filter_map(|it| found(*it))),
                None => {}
            }
        }
        if let Some(at) = refused.into_iter().min() {
            self.refuse(at, OLD_STRING.into());
        }
    }

    /// Refuses objects that `dill.load_module` would import because a session lists them under certain names, names
    /// that only Python can compute, and names that are added after `dill.load_module` has read the namespace.
    pub(super) fn check_session(&mut self, session: Option<usize>, namespace: Ref) {
        let machine = self.labels.machine();
        let Some((index, node)) = namespace.node_index().and_then(|index| Some((index, machine.nodes().get(index)?)))
        else {
            return;
        };
        for key in node.items.iter().step_by(2) {
            match machine.literal_key(*key) {
                Some(name) if known::NAMED_IMPORTS.iter().all(|(key, _)| *key != name) => {}
                Some(_) => self.refuse(machine.start(*key), "to import modules".into()),
                // No import has so long a name.
                None if machine.is_long_string(*key) => {}
                None => self.refuse(machine.start(*key), "a variable whose name is not a literal string".into()),
            }
        }
        let read = session.map_or(0, |session| ReadTimes::of(machine, session).last());
        if !node.items.is_empty() && self.changes.last(index, node) > read {
            self.refuse(node.start(), "variables that are added after the session was loaded".into());
        }
    }

    /// Checks opcodes that leave no trace in the values.
    pub(super) fn check_notes(&mut self) {
        let notes = self.labels.machine().notes();
        if let Some(at) = notes.crossed_frame {
            self.refuse(at, "an opcode that does not end with its frame".into());
        }
        if let Some(FarSlot { at, index }) = self.labels.machine().far_slot() {
            self.refuse(
                at,
                format!("memo slot {index} (far beyond the others, so an unpickler takes memory for a gap)"),
            );
        }
        if let Some(at) = notes.long_integer {
            self.refuse(at, format!("an integer as text with more than {MAX_DIGITS} digits"));
        }
        // Each NEXT_BUFFER is one that the load has put there, and so is READONLY_BUFFER, right after it.
        let mut expected = self.buffers.iter().peekable();
        let mut last = None;
        let mut wrong = None;
        for (at, opcode) in &notes.buffers {
            let is_right = match opcode {
                Opcode::NextBuffer => {
                    last = expected.next_if(|(offset, _)| offset == at);
                    last.is_some()
                }
                _ => last.take().is_some_and(|(offset, facts)| offset + 1 == *at && !facts.writable),
            };
            if !is_right {
                wrong.get_or_insert(*at);
            }
        }
        if let Some(at) = wrong {
            self.refuse(at, "a buffer outside the pickle".into());
        }
    }

    /// Checks the globals that the pickle looks up, also if nothing refers to them.
    pub(super) fn check_lookups(&mut self) {
        let machine = self.labels.machine();
        for at in machine.looked_up() {
            self.check_lookup(Ref::leaf(*at), *at);
        }
        for (index, node) in machine.nodes().iter().enumerate() {
            match node.kind {
                NodeKind::Global => {
                    if let Some((module, name)) = self.check_lookup(Ref::node(index), node.end().saturating_sub(1))
                        && let Ok(recipe) = value_recipe::global(&module, &name)
                    {
                        // The budget remembers that it is spent.
                        let _ = self.recipes.insert(machine.budget(), index, recipe);
                    }
                }
                NodeKind::Persistent => self.refuse(node.start(), "an object that its program names by an ID".into()),
                _ => {}
            }
        }
    }

    /// Refuses functions that pickles call, such as `getattr`, as values. The functions that have nodes have no recipe.
    pub(super) fn check_called_only(&mut self, values: &[Ref]) {
        let machine = self.labels.machine();
        let is_only_called = |at: &&u64| {
            let global = self.labels.global(Ref::leaf(**at));
            global.is_some_and(|(module, name)| value_recipe::global(&module, &name).is_err())
        };
        let only_called: HashSet<u64> = machine.looked_up().iter().filter(is_only_called).copied().collect();
        if only_called.is_empty() {
            return;
        }
        let mut found: Vec<Ref> = values.to_vec();
        for node in machine.nodes() {
            let items = if node.kind.holds_items() { &node.items[..] } else { &[] };
            let added = node.added().into_iter().flat_map(|added| added.items.iter().chain(&added.pairs));
            let held = items.iter().chain(node.state_ref()).chain(added).map(|reference| machine.resolve(*reference));
            found.extend(held.filter(|held| held.leaf_offset().is_some_and(|at| only_called.contains(&at))));
        }
        for reference in found {
            let reference = machine.resolve(reference);
            if let Some(at) = reference.leaf_offset().filter(|at| only_called.contains(at)) {
                let (module, name) = self.labels.global(reference).unwrap_or_else(|| ("?".into(), "?".into()));
                self.refuse(at, format!("{module}.{name}"));
            }
        }
    }

    fn check_lookup(&mut self, reference: Ref, at: u64) -> Option<(String, String)> {
        let Some((module, name)) = self.labels.global(reference) else {
            self.refuse(at, "an object that its program names by an ID".into());
            return None;
        };
        if let Some(why) = self.name_fault(&module, &name, at) {
            self.refuse(at, format!("{module}.{name} ({why})"));
            return None;
        }
        let (new_module, new_name) = current_name(&module, &name);
        if known::is_built(new_module, new_name) || value_recipe::is_constant(new_module, new_name) {
            return Some((new_module.to_owned(), new_name.to_owned()));
        }
        if !known::names_no_value(new_module, new_name) {
            self.refuse(at, format!("{module}.{name}"));
        }
        None
    }

    /// Why CPython would not find a global whose name suits another protocol.
    fn name_fault(&self, module: &str, name: &str, at: u64) -> Option<&'static str> {
        let protocol = self.labels.machine().notes().protocol_at(at);
        if protocol < 4 && name.contains('.') {
            return Some("is an attribute, which pickles before protocol 4 find by getattr");
        }
        let is_too_old = protocol > 2 && is_of_python_2(module, name);
        is_too_old.then_some("is a name of Python 2, which has no protocol 3")
    }

    /// Refuses opcodes that change objects which they have not begun, or containers of another kind.
    pub(super) fn check_changes(&mut self) {
        let machine = self.labels.machine();
        for change in machine.changes() {
            let what = match change.opcode {
                Opcode::Build => "a second state of an object",
                _ => "items that are added to an object that the pickle has not made",
            };
            self.refuse(change.at, what.into());
        }
        for node in machine.nodes() {
            // The recipes of calls and arrays check their arguments.
            if !is_call(node.kind) && (node.state().is_some() || node.added().is_some()) {
                let what = match node.kind {
                    NodeKind::Global => "a change to a class or function, for the whole program".to_owned(),
                    kind => format!("a {} that is changed like another type", kind.name()),
                };
                self.refuse(node.end().saturating_sub(1), what);
            }
        }
    }

    /// Refuses bytes of arrays that other unpicklers than today's joblib would execute.
    pub(super) fn check_array_bytes(&mut self, bytes: &[u8]) {
        for (at, what) in verdict::beyond_plain_elsewhere(bytes, self.labels.machine()) {
            self.refuse(at, format!("the bytes of an array (would run as opcodes in other unpicklers: {what})"));
        }
    }

    /// Refuses keys that take too long to hash.
    pub(super) fn check_keys(&mut self) {
        let machine = self.labels.machine();
        let mut limits = KeyLimits::new(machine, &self.recipes, &self.counters.keys);
        let mut found = Vec::new();
        for (index, node) in machine.nodes().iter().enumerate() {
            let checked = match node.kind {
                NodeKind::Dict => limits.check(node.items.iter().copied().step_by(2)),
                NodeKind::Set | NodeKind::FrozenSet => limits.check(node.items.iter().copied()),
                NodeKind::Call(_) => match self.recipes.get(index) {
                    Some(recipe) => limits.check(self.hashed_by(recipe).into_iter()),
                    None => Ok(()),
                },
                _ => Ok(()),
            };
            if let Err(why) = checked {
                let what = match node.kind {
                    NodeKind::Call(_) => self.described(index, &why),
                    kind => format!("a {} that {why}", kind.name()),
                };
                found.push((node.start(), what));
            }
        }
        drop(limits);
        for (at, what) in found {
            self.refuse(at, what);
        }
    }

    /// The keys and members of the object of a recipe, except the keys of containers that are checked on their own.
    fn hashed_by(&self, recipe: &PlannedRecipe<'_>) -> Vec<Ref> {
        let mut keys = value_recipe::hashed(self.labels, recipe);
        match recipe.fill() {
            Fill::Pairs(pairs) => keys.extend(pairs.iter().copied().step_by(2)),
            Fill::Value(fill) => keys.extend(fill.keys()),
            Fill::Nothing | Fill::Items(_) | Fill::Elements(_) | Fill::Attributes(_) => {}
        }
        keys
    }
}
