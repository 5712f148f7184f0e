//! The plan of a whole pickle, of the loads from our own file, or of a pickle within another one.

use std::rc::Rc;

use super::build_steps::BuildSteps;
use super::planned_call::planned_call;
use super::planner::Planner;
use super::recipe_table::RecipeTable;
use super::{BufferFacts, PlannedRecipe, Refused};
use crate::pickle::explain::labels::Labels;
use crate::pickle::format::opcode::CodeRun;
use crate::pickle::format::parse::Parser;
use crate::pickle::known;
use crate::pickle::machine::Machine;
use crate::pickle::machine::value::{Leaf, Node, NodeKind, Ref, Value};
use crate::pickle::work_budget::WorkBudget;

/// How many pickles, one after the other in a file, are analysed.
const MAX_IN_FILE: usize = 64;
/// The module whose session an untrusted file may restore: it exists already.
const MAIN: &str = "__main__";

/// The objects that an untrusted load of a pickle builds.
#[derive(Debug, Default)]
pub(crate) struct BuildPlan<'a> {
    /// How an object is made that is not a plain container.
    pub(super) recipes: RecipeTable<'a>,
    /// In which order objects are made.
    pub(super) steps: BuildSteps,
    /// How deep the objects are nested that Python deletes by recursion: see `recipe_nesting`.
    pub(super) nesting: u32,
    /// Everything that the pickle does besides building plain data, each with its offset. Nothing is built unless this
    /// is empty.
    pub(super) refusals: Vec<(u64, Refused)>,
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
    pub(crate) fn of_file(bytes: &'a [u8], labels: &Labels<'_, 'a>, value: Ref) -> (Self, Ref) {
        let (mut plan, value) = Self::at_depth(labels, value, 0);
        let end = labels.machine().end();
        let mut arrays = Planner::new(labels, &[], 0);
        arrays.check_array_bytes(bytes);
        plan.refusals.append(&mut arrays.refusals);
        plan.refusals.extend(following_pickles(bytes, end, labels.machine().shared_budget()));
        (plan, value)
    }

    /// The plan for the value of a pickle that nothing follows.
    #[cfg(test)]
    pub(crate) fn of_pickle(labels: &Labels<'_, 'a>, value: Ref) -> Self {
        Self::at_depth(labels, value, 0).0
    }

    pub(super) fn at_depth(labels: &Labels<'_, 'a>, value: Ref, depth: usize) -> (Self, Ref) {
        let mut planner = Planner::new(labels, &[], depth);
        let namespace = session_namespace(labels, value).filter(|_| depth == 0);
        if let Some((call, namespace)) = namespace {
            planner.session = call.node_index();
            planner.check_session(planner.session, labels.machine().resolve(namespace));
            return (planner.plan(&[namespace]), namespace);
        }
        (planner.plan(&[value]), value)
    }

    /// How an object is made that is not a plain container.
    #[cfg_attr(not(feature = "python"), allow(dead_code))]
    pub(crate) fn recipe(&self, node: usize) -> Option<&PlannedRecipe<'a>> {
        self.recipes.get(node)
    }

    /// In which order objects are made.
    #[cfg_attr(not(feature = "python"), allow(dead_code))]
    pub(crate) fn steps(&self) -> &BuildSteps {
        &self.steps
    }

    /// Everything that the pickle does besides building plain data, each with its offset.
    pub(crate) fn refusals(&self) -> &[(u64, Refused)] {
        &self.refusals
    }
}

/// Everything that the pickles after the first one do besides building plain data.
fn following_pickles(bytes: &[u8], mut end: u64, budget: &Rc<WorkBudget>) -> Option<(u64, Refused)> {
    for _ in 0..MAX_IN_FILE {
        let rest = usize::try_from(end).ok().and_then(|end| bytes.get(end..)).filter(|rest| !rest.is_empty())?;
        let Ok((machine, value)) = Machine::run_with(rest, budget) else {
            // Bytes that are no pickle do not matter, unless a load would find or call something before it fails.
            let mut ops = Parser::new(rest).map_while(Result::ok);
            let does_something = ops.any(|op| !matches!(op.opcode.runs(), CodeRun::Nothing | CodeRun::Methods));
            return does_something.then(|| (end, "a second pickle that cannot be followed".into()));
        };
        let (plan, _) = BuildPlan::at_depth(&Labels::new(&machine), value, 0);
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
    let node = machine.node(call).filter(|node| matches!(node.kind, NodeKind::Call(_)) && node.added().is_none())?;
    let state = node.state()?;
    let planned = planned_call(labels, call).ok()?;
    let is_main = known::imports_module(&planned.module, &planned.name)
        && matches!(planned.arguments, [name] if labels.string(*name).as_deref() == Some(MAIN));
    // A state of (dict, None) is the general form of an argument of BUILD.
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
