//! Makes the recipes of all calls of a pickle, and plans in which order they are carried out.
//!
//! Everything that the pickle does must have an explanation, even if no value refers to it: a call is made by a recipe
//! or [consumed](PlanContext::consume) by one, a global is in the registry, and opcodes change only objects that they
//! have begun.

use std::collections::{HashMap, HashSet};

use super::build_order::BuildOrder;
use super::plan_context::{PlanCounters, PlanParts};
use super::planned_call::planned_call;
use super::read_times::ChangeTimes;
use super::recipe_nesting::{Nesting, nesting};
use super::recipe_table::RecipeTable;
use super::refused_names::IMPORTS_MODULE;
use super::shared_states::shared_state;
use super::{
    BufferFacts, BuildPlan, Builder, Fill, Make, NestedPickle, PlanContext, PlannedCall, Recipe, Refused, array_recipe,
    instance_recipe, pandas_recipe, value_recipe,
};
use crate::pickle::explain::labels::Labels;
use crate::pickle::known::{self};
use crate::pickle::machine::value::{Leaf, Node, NodeKind, Ref, Value};
use crate::pickle::machine::{Machine, MachineError};
use crate::pickle::work_budget::{OverBudget, table_entry};

/// The most reasons that are kept.
const MAX_REFUSALS: usize = 200;
/// Why objects are refused that are nested too deep.
const TOO_DEEP: &str = "is nested so deep that Python would crash when it deletes the objects";
/// How many pickles may be within one another.
const MAX_NESTED: usize = 8;

/// The recipe for a call of a global that has a row.
fn recipe<'a>(context: &PlanContext<'_, 'a>, builder: Builder, call: &PlannedCall<'_>) -> Result<Recipe<'a>, Refused> {
    match builder {
        Builder::Value(builder) => value_recipe::recipe(context, builder, call),
        Builder::Array(builder) => array_recipe::recipe(context, builder, call),
        Builder::Pandas(builder) => pandas_recipe::recipe(context, builder, call),
        Builder::Instance(builder) => instance_recipe::recipe(context, builder, call),
    }
}

/// Makes a plan.
pub(super) struct Planner<'l, 'm, 'a> {
    pub(super) labels: &'l Labels<'m, 'a>,
    pub(super) buffers: &'l [(u64, BufferFacts)],
    depth: usize,
    /// The call that is the module of the session.
    pub(super) session: Option<usize>,
    pub(super) recipes: RecipeTable<'a>,
    effects: HashMap<Ref, Vec<Ref>>,
    pub(super) changes: ChangeTimes,
    pub(super) counters: PlanCounters,
    /// Calls without a recipe, and why.
    failed: Vec<(usize, Refused)>,
    pub(super) refusals: Vec<(u64, Refused)>,
    known: HashSet<Refused>,
}

impl<'l, 'm, 'a> Planner<'l, 'm, 'a> {
    pub(super) fn new(labels: &'l Labels<'m, 'a>, buffers: &'l [(u64, BufferFacts)], depth: usize) -> Self {
        let (session, recipes, effects, failed, refusals, known) = Default::default();
        let outside: u64 = buffers.iter().map(|(_, facts)| facts.length).fold(0, u64::saturating_add);
        let bytes = labels.machine().end().saturating_add(outside);
        let (changes, counters) = (ChangeTimes::of(labels.machine()), PlanCounters::new(bytes));
        Self { labels, buffers, depth, session, recipes, effects, changes, counters, failed, refusals, known }
    }

    pub(super) fn plan(mut self, values: &[Ref]) -> BuildPlan<'a> {
        self.check_notes();
        self.check_lookups();
        self.check_called_only(values);
        self.check_changes();
        self.find_effects();
        if let Err(error) = self.make_recipes() {
            self.refuse_all(&error);
        }
        self.refuse_unexplained();
        self.check_keys();
        let machine = self.labels.machine();
        let late = machine.notes().late.len().saturating_mul(table_entry::<usize, u64>());
        if let Err(error) = machine.budget().charge(late) {
            self.refuse_all(&error);
            return BuildPlan { refusals: self.refusals, ..BuildPlan::default() };
        }
        self.check_states(values);
        let Some(nesting) = self.check_nesting() else {
            return BuildPlan { refusals: self.refusals, ..BuildPlan::default() };
        };
        let mut order = BuildOrder::new(self.labels.machine(), &self.recipes, &self.changes);
        let mut impossible = Vec::new();
        for value in values {
            if let Err(found) = order.add(*value) {
                impossible.push((self.labels.machine().start(*value), found));
            }
        }
        let steps = order.finish();
        self.check_old_strings(values, &steps);
        for (start, (node, why)) in impossible {
            // The offset of the value tells which variable needs it.
            let what = self.described(node, &why);
            self.refuse(start, what);
        }
        // The builder has a pointer to the object of each node.
        let objects = machine.nodes().len().saturating_mul(size_of::<usize>());
        let budget = machine.budget();
        if let Err(error) = budget.charge(objects).and_then(|()| budget.check()) {
            self.refuse_all(&error);
        }
        BuildPlan { recipes: self.recipes, steps, nesting, refusals: self.refusals }
    }

    /// Refuses states that are part of something else, too.
    fn check_states(&mut self, values: &[Ref]) {
        let machine = self.labels.machine();
        match shared_state(machine, &self.recipes, values) {
            Ok(None) => {}
            Ok(Some(index)) => {
                let at = machine.nodes().get(index).map_or(0, |node| node.start());
                let what = self.described(index, "has a state that is part of something else, too");
                self.refuse(at, what);
            }
            Err(error) => self.refuse_all(&error),
        }
    }

    /// How deep the objects are nested; `None` if that is refused.
    fn check_nesting(&mut self) -> Option<u32> {
        let machine = self.labels.machine();
        match nesting(machine, &self.recipes, self.depth > 0) {
            Ok(Nesting::Within(depth)) => return Some(depth),
            Ok(Nesting::TooDeep(index)) => {
                let at = machine.nodes().get(index).map_or(0, |node| node.start());
                let what = self.described(index, TOO_DEEP);
                self.refuse(at, what);
            }
            Err(error) => self.refuse_all(&error),
        }
        None
    }

    /// Refuses a pickle whose plan takes more than the budget.
    fn refuse_all(&mut self, error: &OverBudget) {
        self.refuse(0, format!("all of the pickle (cannot be planned: {error})"));
    }

    pub(super) fn refuse(&mut self, at: u64, what: Refused) {
        // The same reason at another offset can concern another variable, so only whole repetitions are left out.
        let key = format!("{at} {what}");
        if self.refusals.len() < MAX_REFUSALS && self.known.insert(key) {
            self.refusals.push((at, what));
        }
    }

    fn find_effects(&mut self) {
        for effect in self.labels.machine().effects() {
            if let Ok(call) = planned_call(self.labels, *effect)
                && let Some(first) = call.arguments.first()
            {
                let first = self.labels.machine().resolve(*first);
                self.effects.entry(first).or_default().push(*effect);
            }
        }
    }

    /// Makes the recipes of all calls, each after the calls whose opcodes end before its own.
    fn make_recipes(&mut self) -> Result<(), OverBudget> {
        let machine = self.labels.machine();
        let (budget, nodes) = (machine.budget(), machine.nodes());
        let mut calls: Vec<u32> = Vec::new();
        for (index, _) in nodes.iter().enumerate().filter(|(_, node)| is_call(node.kind)) {
            // The machine has fewer nodes than that.
            budget.push(&mut calls, u32::try_from(index).unwrap_or(u32::MAX))?;
        }
        // The opcodes of a call end with the opcodes of its state, which can begin after the call.
        calls.sort_unstable_by_key(|index| (nodes.get(*index as usize).map_or(0, Node::end), *index));
        let session = self.session;
        for index in calls.iter().map(|index| *index as usize).filter(|index| Some(*index) != session) {
            match self.recipe_of(index) {
                Ok(recipe) => self.recipes.insert(budget, index, recipe)?,
                Err(why) => {
                    budget.charge(why.len())?;
                    budget.push(&mut self.failed, (index, why))?;
                }
            }
        }
        budget.release_list(calls);
        Ok(())
    }

    fn recipe_of(&mut self, index: usize) -> Result<Recipe<'a>, Refused> {
        let reference = Ref::node(index);
        let machine = self.labels.machine();
        if let Some(Node { kind: NodeKind::Array, items, .. }) = machine.nodes().get(index)
            && let Some(contents) = items.get(1)
            && machine.holds_pickle(*contents)
        {
            // The wrapper describes an array, but joblib's unpickler returns the object of the pickle.
            let nested = self.nested(*contents)?;
            items.first().into_iter().for_each(|wrapper| self.counters.consume(machine.resolve(*wrapper)));
            return Ok(alone(Make::Pickle(Box::new(nested))));
        }
        let call = planned_call(self.labels, reference)?;
        if known::imports_module(&call.module, &call.name) {
            return self.module(&call);
        }
        let Some(builder) = known::builder_of(&call.module, &call.name) else { return Err(String::new()) };
        if call.base.is_some() && !matches!(builder, Builder::Instance(_)) {
            return Err("has a base that it does not have".into());
        }
        let parts = PlanParts {
            labels: self.labels,
            recipes: &self.recipes,
            buffers: self.buffers,
            effects: &self.effects,
            changes: &self.changes,
            counters: &self.counters,
        };
        let context = PlanContext::new(parts, index);
        context.spend(call.arguments.len())?;
        let recipe = recipe(&context, builder, &call);
        context.fault().map_or(recipe, |fault| Err(fault.to_owned()))
    }

    /// A module as a value: sessions that import modules have them.
    fn module(&self, call: &PlannedCall<'_>) -> Result<Recipe<'a>, Refused> {
        let name = match call.arguments {
            [name] if !call.is_new => self.labels.string(*name),
            _ => None,
        };
        let name = name.ok_or("imports a module whose name is no string")?;
        if call.state.is_some() || call.added.is_some() {
            return Err(format!("changes the module {name}"));
        }
        if !known::untrusted::may_import(&name) {
            return Err(format!("{IMPORTS_MODULE}{name}"));
        }
        Ok(alone(Make::Module(name.as_ref().to_owned())))
    }

    /// A pickle in the bytes of an array.
    fn nested(&self, contents: Ref) -> Result<NestedPickle<'a>, Refused> {
        let Value::Leaf(Leaf::Bytes(bytes)) = self.labels.machine().value(contents) else {
            return Err("has contents that are no pickle".into());
        };
        let depth = self.depth + 1;
        if depth > MAX_NESTED {
            return Err("has pickles that are nested too deep".into());
        }
        let cannot = |error: MachineError| format!("holds a pickle that cannot be followed ({error})");
        let (machine, value) = Machine::run_within(bytes, self.labels.machine().shared_budget()).map_err(cannot)?;
        let (plan, value) = BuildPlan::at_depth(&Labels::new(&machine), value, depth);
        match plan.refusals.first() {
            Some((_, why)) => Err(format!("holds a pickle that needs {why}")),
            None => Ok(NestedPickle { machine, value, plan }),
        }
    }

    /// Refuses the calls that have no recipe, unless a recipe of another call makes use of them.
    fn refuse_unexplained(&mut self) {
        let machine = self.labels.machine();
        let consumed: HashSet<Ref> = self.counters.take_consumed().into_iter().collect();
        let mut failed = std::mem::take(&mut self.failed);
        // An object comes before its parts: if a recipe refuses it, these are refused because nothing uses them.
        let span = |index: usize| machine.span(Ref::node(index));
        failed.sort_by_cached_key(|(index, _)| (span(*index).0, std::cmp::Reverse(span(*index).1)));
        for (index, why) in failed {
            if consumed.contains(&Ref::node(index)) || self.is_explained(index) {
                continue;
            }
            let at = machine.nodes().get(index).map_or(0, |node| node.end().saturating_sub(1));
            let what = self.described(index, &why);
            self.refuse(at, what);
        }
    }

    /// Whether a call without a recipe is part of the machine's handling of joblib's files.
    fn is_explained(&self, index: usize) -> bool {
        Some(index) == self.session
    }

    /// The refused object of a node, and why it is refused.
    pub(super) fn described(&self, index: usize, why: &str) -> Refused {
        let name = match planned_call(self.labels, Ref::node(index)) {
            Ok(PlannedCall { module, name, .. }) => known::import_name(&module, &name),
            Err(_) => self.labels.type_name(Ref::node(index)).as_ref().to_owned(),
        };
        if why.is_empty() { name } else { format!("{name} ({why})") }
    }
}

pub(super) fn is_call(kind: NodeKind) -> bool {
    matches!(kind, NodeKind::Call(_) | NodeKind::Array)
}

/// A recipe that needs nothing.
fn alone(make: Make<'_>) -> Recipe<'_> {
    Recipe { make, needs: Vec::new(), reads: false, fill: Fill::Nothing }
}
