//! The plan of a whole pickle: a recipe for each object that it makes, or the reasons why it is refused.
//!
//! Everything that the pickle does must have an explanation, also what no value refers to: a call is made by a recipe
//! or [consumed](PlanContext::consume) by one, a global is in the registry, and opcodes change only what they have
//! begun.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};

use super::build_order::{BuildOrder, BuildSteps};
use super::key_limits::KeyLimits;
use super::plan_context::LOOKS_PER_BYTE;
use super::planned_call::planned_call;
use super::recipe_table::RecipeTable;
use super::{
    BufferFacts, Builder, Fill, Make, PlanContext, PlannedCall, Recipe, Refused, array_recipe, instance_recipe,
    pandas_recipe, value_recipe,
};
use crate::pickle::explain::labels::Labels;
use crate::pickle::format::opcode::{CodeRun, Opcode};
use crate::pickle::format::parse::Parser;
use crate::pickle::known::{self, current_name};
use crate::pickle::machine::value::{CallKind, Leaf, Node, NodeKind, Ref, Value};
use crate::pickle::machine::{Machine, MachineError};

/// The most reasons that are kept.
const MAX_REFUSALS: usize = 200;
/// How many pickles, one after the other in a file, are analysed.
const MAX_IN_FILE: usize = 64;
/// How many pickles may be within one another.
const MAX_NESTED: usize = 8;
/// The module whose session an untrusted file may restore: it exists already.
const MAIN: &str = "__main__";

/// What an untrusted load of a pickle builds.
#[derive(Debug, Default)]
pub(crate) struct BuildPlan<'a> {
    /// How an object is made that is not a plain container.
    recipes: RecipeTable<'a>,
    /// In which order objects are made.
    steps: BuildSteps,
    /// What the pickle does besides building plain data, each with its offset. Nothing is built unless this is empty.
    refusals: Vec<(u64, Refused)>,
}

/// A pickle within a pickle, with its own plan.
#[derive(Debug)]
pub(crate) struct NestedPickle<'a> {
    /// The machine that has followed it.
    pub machine: Machine<'a>,
    /// Its value.
    pub value: Ref,
    /// How it is built.
    pub plan: BuildPlan<'a>,
}

impl<'a> BuildPlan<'a> {
    /// The plan for the values that some loads leave: see [`Machine::run_loads`]. `buffers` are the NEXT_BUFFERs that
    /// the loads have, by their offsets.
    pub(crate) fn of_loads(labels: &Labels<'_, 'a>, values: &[Ref], buffers: &[(u64, BufferFacts)]) -> Self {
        Planner::new(labels, buffers, 0).plan(values)
    }

    /// The plan for the value of a whole pickle, which `bytes` begin with. Also returns the value that it builds: for a
    /// session of `__main__`, that is the namespace. The plan refuses more pickles after the first one, unless they
    /// are plain data, too: some programs load one after the other.
    pub(crate) fn of_pickle(bytes: &'a [u8], labels: &Labels<'_, 'a>, value: Ref) -> (Self, Ref) {
        let (mut plan, value) = Self::at_depth(labels, value, 0);
        let end = labels.machine().end();
        plan.refusals.extend(following_pickles(bytes, end));
        (plan, value)
    }

    fn at_depth(labels: &Labels<'_, 'a>, value: Ref, depth: usize) -> (Self, Ref) {
        let mut planner = Planner::new(labels, &[], depth);
        let namespace = session_namespace(labels, value).filter(|_| depth == 0);
        if let Some((call, namespace)) = namespace {
            planner.session = call.node_index();
            planner.check_session(namespace);
            return (planner.plan(&[namespace]), namespace);
        }
        (planner.plan(&[value]), value)
    }

    /// How an object is made that is not a plain container.
    #[cfg_attr(not(feature = "python"), allow(dead_code))]
    pub(crate) fn recipe(&self, node: usize) -> Option<&Recipe<'a>> {
        self.recipes.get(node)
    }

    /// In which order objects are made.
    #[cfg_attr(not(feature = "python"), allow(dead_code))]
    pub(crate) fn steps(&self) -> &BuildSteps {
        &self.steps
    }

    /// What the pickle does besides building plain data, each with its offset.
    pub(crate) fn refusals(&self) -> &[(u64, Refused)] {
        &self.refusals
    }
}

/// What the pickles after the first one do besides building plain data.
fn following_pickles(bytes: &[u8], mut end: u64) -> Option<(u64, Refused)> {
    for _ in 0..MAX_IN_FILE {
        let rest = usize::try_from(end).ok().and_then(|end| bytes.get(end..)).filter(|rest| !rest.is_empty())?;
        let Ok((machine, value)) = Machine::run(rest) else {
            // Bytes that are no pickle do not matter, unless a load would find or call something before it fails.
            let mut ops = Parser::new(rest).map_while(Result::ok);
            let does_something = ops.any(|op| !matches!(op.opcode.runs(), CodeRun::Nothing | CodeRun::Methods));
            return does_something.then(|| (end, "a second pickle that cannot be followed".into()));
        };
        let (plan, _) = BuildPlan::at_depth(&Labels::new(&machine), value, 0);
        if machine.budget().is_spent() {
            return Some((end, "a second pickle that is too large to look at".into()));
        }
        if let Some((_, why)) = plan.refusals.first() {
            return Some((end, format!("a second pickle that needs {why}")));
        }
        end = end.saturating_add(machine.end());
    }
    Some((end, "more pickles in a row than snapcli analyses".into()))
}

/// The call that is the module of a session of `__main__`, and the dict that it gets as its namespace.
pub(crate) fn session_namespace(labels: &Labels<'_, '_>, value: Ref) -> Option<(Ref, Ref)> {
    let machine = labels.machine();
    let call = machine.resolve(value);
    let node = machine.node(call).filter(|node| matches!(node.kind, NodeKind::Call(_)) && node.added.is_none())?;
    let state = node.state?;
    let planned = planned_call(labels, call).ok()?;
    let is_main = known::imports_module(&planned.module, &planned.name)
        && matches!(planned.arguments.as_slice(), [name] if labels.string(*name).as_deref() == Some(MAIN));
    // A state of (dict, None) is the general form of what BUILD takes.
    let namespace = match machine.node(state) {
        Some(Node { kind: NodeKind::Tuple, items, .. }) => match &items[..] {
            [dict, slots] if matches!(machine.value(*slots), Value::Leaf(Leaf::None)) => *dict,
            _ => return None,
        },
        _ => state,
    };
    let is_dict = machine.node(namespace).is_some_and(|node| node.kind == NodeKind::Dict);
    (is_main && is_dict).then_some((call, namespace))
}

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
struct Planner<'l, 'm, 'a> {
    labels: &'l Labels<'m, 'a>,
    buffers: &'l [(u64, BufferFacts)],
    depth: usize,
    /// The call that is the module of the session.
    session: Option<usize>,
    recipes: RecipeTable<'a>,
    effects: HashMap<Ref, Vec<Ref>>,
    consumed: RefCell<Vec<Ref>>,
    copied: Cell<u64>,
    budget: Cell<u64>,
    /// Calls without a recipe, and why.
    failed: Vec<(usize, Refused)>,
    refusals: Vec<(u64, Refused)>,
    known: HashSet<Refused>,
}

impl<'l, 'm, 'a> Planner<'l, 'm, 'a> {
    fn new(labels: &'l Labels<'m, 'a>, buffers: &'l [(u64, BufferFacts)], depth: usize) -> Self {
        let (session, recipes, effects, consumed, copied, failed, refusals, known) = Default::default();
        let budget = Cell::new(labels.machine().end().saturating_mul(LOOKS_PER_BYTE));
        Self { labels, buffers, depth, session, recipes, effects, consumed, copied, budget, failed, refusals, known }
    }

    fn plan(mut self, values: &[Ref]) -> BuildPlan<'a> {
        self.check_notes();
        self.check_lookups();
        self.check_called_only(values);
        self.check_changes();
        self.find_effects();
        self.make_recipes();
        self.refuse_unexplained();
        self.check_keys();
        let mut order = BuildOrder::new(self.labels.machine(), &self.recipes);
        let mut impossible = Vec::new();
        for value in values {
            if let Err(found) = order.add(*value) {
                impossible.push((self.labels.machine().start(*value), found));
            }
        }
        let steps = order.finish();
        for (start, (node, why)) in impossible {
            // The offset of the value says which variable needs it.
            let what = self.described(node, &why);
            self.refuse(start, what);
        }
        BuildPlan { recipes: self.recipes, steps, refusals: self.refusals }
    }

    /// Refuses what `dill.load_module` would import because a session has it in lists of certain names.
    fn check_session(&mut self, namespace: Ref) {
        let items = self.labels.machine().node(namespace).map_or(&[][..], |node| &node.items[..]);
        for key in items.iter().step_by(2) {
            let name = self.labels.string(*key);
            if name.is_some_and(|name| known::NAMED_IMPORTS.iter().any(|(key, _)| *key == name.as_ref())) {
                self.refuse(self.labels.machine().start(*key), "to import modules".into());
            }
        }
    }

    fn refuse(&mut self, at: u64, what: Refused) {
        // The same reason at another offset can concern another variable, so only whole repetitions are left out.
        let key = format!("{at} {what}");
        if self.refusals.len() < MAX_REFUSALS && self.known.insert(key) {
            self.refusals.push((at, what));
        }
    }

    /// Checks what leaves no trace in the values.
    fn check_notes(&mut self) {
        let notes = self.labels.machine().notes();
        if let Some(at) = notes.crossed_frame {
            self.refuse(at, "an opcode that does not end with its frame".into());
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
    fn check_lookups(&mut self) {
        let machine = self.labels.machine();
        for at in machine.looked_up() {
            self.check_lookup(Ref::leaf(*at), *at);
        }
        for (index, node) in machine.nodes().iter().enumerate() {
            match node.kind {
                NodeKind::Global => {
                    if let Some((module, name)) = self.check_lookup(Ref::node(index), node.end.saturating_sub(1))
                        && let Ok(recipe) = value_recipe::global(&module, &name)
                    {
                        self.recipes.insert(index, recipe);
                    }
                }
                NodeKind::Persistent => self.refuse(node.start, "an object that its program names by an ID".into()),
                _ => {}
            }
        }
    }

    /// Refuses functions that pickles call, such as `getattr`, as values. Those that have nodes have no recipe.
    fn check_called_only(&mut self, values: &[Ref]) {
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
            let added = node.added.iter().flat_map(|added| added.items.iter().chain(&added.pairs));
            let held = items.iter().chain(&node.state).chain(added).map(|reference| machine.resolve(*reference));
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
        let (new_module, new_name) = current_name(&module, &name);
        if known::is_built(new_module, new_name) || value_recipe::is_constant(new_module, new_name) {
            return Some((new_module.to_owned(), new_name.to_owned()));
        }
        if !known::names_no_value(new_module, new_name) {
            self.refuse(at, format!("{module}.{name}"));
        }
        None
    }

    /// Refuses what opcodes do to objects that they have not begun, and to containers of another kind.
    fn check_changes(&mut self) {
        let machine = self.labels.machine();
        for change in machine.changes() {
            let what = match change.opcode {
                Opcode::Build => "a second state of an object",
                _ => "items that are added to an object that the pickle has not made",
            };
            self.refuse(change.at, what.into());
        }
        for node in machine.nodes() {
            if node.kind.holds_items() && (node.state.is_some() || node.added.is_some()) {
                let what = format!("a {} that is changed like another type", node.kind.name());
                self.refuse(node.end.saturating_sub(1), what);
            }
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

    /// Makes the recipes of all calls, each after those whose opcodes end before its own.
    fn make_recipes(&mut self) {
        let nodes = self.labels.machine().nodes();
        let calls = nodes.iter().enumerate().filter(|(_, node)| is_call(node.kind));
        let mut calls: Vec<(u64, usize)> = calls.map(|(index, node)| (node.end, index)).collect();
        // The opcodes of a call end with those of its state, which can begin after the call.
        calls.sort_unstable();
        for (_, index) in calls {
            if Some(index) == self.session {
                continue;
            }
            match self.recipe_of(index) {
                Ok(recipe) => self.recipes.insert(index, recipe),
                Err(why) => {
                    // Who made the budget finds out that it is spent.
                    let budget = self.labels.machine().budget();
                    if budget.charge(why.len()).and_then(|()| budget.push(&mut self.failed, (index, why))).is_err() {
                        return;
                    }
                }
            }
        }
    }

    fn recipe_of(&mut self, index: usize) -> Result<Recipe<'a>, Refused> {
        let reference = Ref::node(index);
        let machine = self.labels.machine();
        if let Some(Node { kind: NodeKind::Array, items, .. }) = machine.nodes().get(index)
            && let Some(contents) = items.get(1)
            && machine.holds_pickle(*contents)
        {
            // The wrapper describes an array, but joblib's unpickler returns what the pickle holds.
            let nested = self.nested(*contents)?;
            self.consumed.borrow_mut().extend(items.first().map(|wrapper| machine.resolve(*wrapper)));
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
        let context = PlanContext {
            labels: self.labels,
            recipes: &self.recipes,
            buffers: self.buffers,
            effects: &self.effects,
            consumed: &self.consumed,
            copied: &self.copied,
            budget: &self.budget,
        };
        recipe(&context, builder, &call)
    }

    /// A module as a value: sessions that import modules have them.
    fn module(&self, call: &PlannedCall<'_>) -> Result<Recipe<'a>, Refused> {
        let name = match call.arguments.as_slice() {
            [name] if !call.is_new => self.labels.string(*name),
            _ => None,
        };
        let name = name.ok_or("imports a module whose name is no string")?;
        if call.state.is_some() || call.added.is_some() {
            return Err(format!("changes the module {name}"));
        }
        if !known::untrusted::may_import(&name) {
            return Err(format!("imports the module {name}"));
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
        let consumed: HashSet<Ref> = self.consumed.borrow_mut().drain(..).collect();
        for (index, why) in std::mem::take(&mut self.failed) {
            if consumed.contains(&Ref::node(index)) || self.is_explained(index) {
                continue;
            }
            let at = machine.nodes().get(index).map_or(0, |node| node.end.saturating_sub(1));
            let what = self.described(index, &why);
            self.refuse(at, what);
        }
    }

    /// Whether a call without a recipe is part of what the machine makes of joblib's files.
    fn is_explained(&self, index: usize) -> bool {
        Some(index) == self.session
    }

    /// Refuses keys that take too long to hash.
    fn check_keys(&mut self) {
        let machine = self.labels.machine();
        let mut limits = KeyLimits::new(machine, &self.recipes);
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
                found.push((node.start, format!("a {} that {why}", node.kind.name())));
            }
        }
        for (at, what) in found {
            self.refuse(at, what);
        }
    }

    /// The keys and members of the object of a recipe, besides those of containers that are checked on their own.
    fn hashed_by(&self, recipe: &Recipe<'_>) -> Vec<Ref> {
        let mut keys = value_recipe::hashed(self.labels, recipe);
        match &recipe.fill {
            Fill::Pairs(pairs) => keys.extend(pairs.iter().copied().step_by(2)),
            Fill::Value(fill) => keys.extend(fill.keys()),
            Fill::Nothing | Fill::Items(_) | Fill::Elements(_) | Fill::Attributes(_) => {}
        }
        keys
    }

    /// What is refused of a node, and why.
    fn described(&self, index: usize, why: &str) -> Refused {
        let name = match planned_call(self.labels, Ref::node(index)) {
            Ok(PlannedCall { module, name, .. }) => known::import_name(&module, &name),
            Err(_) => self.labels.type_name(Ref::node(index)).as_ref().to_owned(),
        };
        if why.is_empty() { name } else { format!("{name} ({why})") }
    }
}

fn is_call(kind: NodeKind) -> bool {
    matches!(kind, NodeKind::Call(_) | NodeKind::Array)
}

/// A recipe that needs nothing.
fn alone(make: Make<'_>) -> Recipe<'_> {
    Recipe { make, needs: Vec::new(), reads: false, fill: Fill::Nothing }
}
