//! The order in which objects are made and filled: a list of steps for each value that is wanted.
//!
//! CPython executes opcodes one by one, so a tuple is made of objects that exist already, and a container may be filled
//! later, even with itself. Here, lists, dicts and sets are made empty; a tuple, a frozenset and an object of a recipe
//! are made when their parts exist; and all containers are filled when their contents exist. A container that a recipe
//! reads is filled first. If there is no such order, the value is refused.
//!
//! Nothing recurses: lists may be nested as deep as there are nodes.

use super::build_steps::BuildSteps;
use super::plan_context::CHANGED_LATER;
use super::read_times::{ChangeTimes, ReadTimes};
use super::{Fill, RecipeTable, Refused};
use crate::pickle::machine::Machine;
use crate::pickle::machine::value::{NodeKind, Ref};

/// How far the steps for a node are planned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum NodeProgress {
    #[default]
    Unknown,
    /// The objects that it needs are being planned.
    Needed,
    Made,
    Filled,
}

/// Something that has to be planned.
#[derive(Clone, Copy, Debug)]
enum Task {
    /// Make this node, after the objects that it needs.
    Make(usize),
    /// Everything that this node needs is made.
    Made(usize),
    /// Everything that this node holds is made.
    Filled(usize),
    /// Make and fill this node and everything that it holds: a recipe reads it.
    Complete(usize),
    /// Everything that this node holds is complete.
    Completed(usize),
    /// Plan these parts of a node one after the other.
    Parts(NodeParts),
}

/// The parts of a node that are not planned yet.
#[derive(Clone, Copy, Debug)]
struct NodeParts {
    node: usize,
    /// Whether these are the needs of the node, not its contents.
    are_needs: bool,
    /// The position of the next one.
    next: usize,
    /// Whether they must be complete.
    complete: bool,
}

impl NodeParts {
    fn needs(node: usize, complete: bool) -> Self {
        Self { node, are_needs: true, next: 0, complete }
    }

    fn contents(node: usize, complete: bool) -> Self {
        Self { node, are_needs: false, next: 0, complete }
    }
}

/// Whether a node and everything that it holds is filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Completeness {
    Unknown,
    Planned,
    /// With the end of the last opcode that changed any of it.
    Complete(u64),
}

/// Plans the steps for values of a machine.
pub(super) struct BuildOrder<'p, 'a> {
    machine: &'p Machine<'a>,
    recipes: &'p RecipeTable<'a>,
    progress: Vec<NodeProgress>,
    /// In a packed form; empty until a recipe reads anything.
    complete: Vec<u64>,
    changes: &'p ChangeTimes,
    tasks: Vec<Task>,
    /// Nodes that are made and still have to be filled. Making a node must not wait for these: they may hold that node.
    to_fill: Vec<u32>,
    steps: BuildSteps,
}

/// A node at which no order exists, and why; empty if the node has no recipe.
pub(super) type NoOrder = (usize, Refused);

const NEEDS_ITSELF: &str = "needs itself before it is made";

impl<'p, 'a> BuildOrder<'p, 'a> {
    pub(super) fn new(machine: &'p Machine<'a>, recipes: &'p RecipeTable<'a>, changes: &'p ChangeTimes) -> Self {
        let mut progress = Vec::new();
        if machine.budget().grow(&mut progress, machine.nodes().len()).is_ok() {
            progress.resize(machine.nodes().len(), NodeProgress::Unknown);
        }
        let (complete, tasks, to_fill, steps) = Default::default();
        Self { machine, recipes, progress, complete, changes, tasks, to_fill, steps }
    }

    /// Plans a value.
    ///
    /// # Errors
    /// If it needs something that has no recipe, or no order exists.
    pub(super) fn add(&mut self, value: Ref) -> Result<(), NoOrder> {
        let planned = self.plan(value);
        if planned.is_err() {
            self.give_up();
        }
        self.steps.end_value();
        planned
    }

    /// The steps, which are incomplete if the budget is spent. Gives back the memory that only the planning needed.
    pub(super) fn finish(self) -> BuildSteps {
        let budget = self.machine.budget();
        budget.release_list(self.progress);
        budget.release_list(self.tasks);
        budget.release_list(self.to_fill);
        budget.release_list(self.complete);
        self.steps
    }

    fn push(&mut self, task: Task) {
        // Once the budget is spent, there is no plan, so nothing is lost.
        let _ = self.machine.budget().push(&mut self.tasks, task);
    }

    fn push_step(&mut self, index: usize, is_fill: bool) {
        self.steps.push(self.machine.budget(), index, is_fill);
    }

    fn set_complete(&mut self, index: usize, completeness: Completeness) {
        let count = self.machine.nodes().len();
        if self.complete.is_empty() && self.machine.budget().grow(&mut self.complete, count).is_ok() {
            self.complete.resize(count, 0);
        }
        if let Some(slot) = self.complete.get_mut(index) {
            *slot = match completeness {
                Completeness::Unknown => 0,
                Completeness::Planned => u64::MAX,
                Completeness::Complete(latest) => latest.saturating_add(1),
            };
        }
    }

    fn plan(&mut self, value: Ref) -> Result<(), NoOrder> {
        if let Some(index) = self.machine.resolve(value).node_index() {
            self.push(Task::Make(index));
        }
        loop {
            if self.machine.budget().is_spent() {
                return Ok(());
            }
            if let Some(task) = self.tasks.pop() {
                self.carry_out(task)?;
            } else if let Some(index) = self.to_fill.pop() {
                let index = index as usize;
                if self.progress(index) == NodeProgress::Made {
                    self.push(Task::Filled(index));
                    self.push(Task::Parts(NodeParts::contents(index, false)));
                }
            } else {
                return Ok(());
            }
        }
    }

    /// Resets nodes that are only begun, so that other values are not refused because of them.
    fn give_up(&mut self) {
        for task in std::mem::take(&mut self.tasks) {
            match task {
                Task::Made(index) => self.set(index, NodeProgress::Unknown),
                Task::Completed(index) => self.set_complete(index, Completeness::Unknown),
                _ => {}
            }
        }
    }

    fn carry_out(&mut self, task: Task) -> Result<(), NoOrder> {
        match task {
            Task::Make(index) => self.make(index),
            Task::Made(index) => {
                if self.recipes.get(index).is_some_and(|recipe| recipe.reads) {
                    self.check_reads(index)?;
                }
                self.made(index);
                Ok(())
            }
            Task::Filled(index) => {
                self.filled(index);
                Ok(())
            }
            Task::Complete(index) => self.complete(index),
            Task::Completed(index) => {
                self.completed(index);
                Ok(())
            }
            Task::Parts(parts) => {
                self.plan_parts(parts);
                Ok(())
            }
        }
    }

    /// Plans the next of these parts that is not planned yet, and then the rest.
    fn plan_parts(&mut self, mut parts: NodeParts) {
        while let Some(part) = self.part(parts) {
            parts.next += 1;
            let Some(index) = self.machine.resolve(part).node_index() else { continue };
            let is_planned = if parts.complete {
                matches!(self.completeness(index), Completeness::Complete(_))
            } else {
                matches!(self.progress(index), NodeProgress::Made | NodeProgress::Filled)
            };
            if !is_planned {
                self.push(Task::Parts(parts));
                self.push(if parts.complete { Task::Complete(index) } else { Task::Make(index) });
                return;
            }
        }
    }

    /// The next of these parts.
    fn part(&self, parts: NodeParts) -> Option<Ref> {
        if parts.are_needs {
            return self.needs(parts.node).ok()?.get(parts.next).copied();
        }
        let node = self.machine.nodes().get(parts.node)?;
        match node.kind {
            NodeKind::List | NodeKind::Dict | NodeKind::Set => node.items.get(parts.next).copied(),
            _ => self.recipes.get(parts.node)?.fill().part(parts.next),
        }
    }

    fn progress(&self, index: usize) -> NodeProgress {
        self.progress.get(index).copied().unwrap_or_default()
    }

    fn set(&mut self, index: usize, progress: NodeProgress) {
        if let Some(slot) = self.progress.get_mut(index) {
            *slot = progress;
        }
    }

    fn completeness(&self, index: usize) -> Completeness {
        match self.complete.get(index).copied() {
            None | Some(0) => Completeness::Unknown,
            Some(u64::MAX) => Completeness::Planned,
            Some(latest) => Completeness::Complete(latest - 1),
        }
    }

    /// The objects that must exist before a node is made.
    fn needs(&self, index: usize) -> Result<&'p [Ref], NoOrder> {
        let (machine, recipes) = (self.machine, self.recipes);
        let Some(node) = machine.nodes().get(index) else { return Ok(&[]) };
        match node.kind {
            NodeKind::List | NodeKind::Dict | NodeKind::Set => Ok(&[]),
            NodeKind::Tuple | NodeKind::FrozenSet => Ok(&node.items),
            NodeKind::Global | NodeKind::Persistent | NodeKind::Call(_) | NodeKind::Array => {
                recipes.get(index).map(|recipe| &recipe.needs[..]).ok_or_else(|| (index, Refused::new()))
            }
        }
    }

    fn has_contents(&self, index: usize) -> bool {
        match self.machine.nodes().get(index).map(|node| (node.kind, node.items.is_empty())) {
            Some((NodeKind::List | NodeKind::Dict | NodeKind::Set, is_empty)) => !is_empty,
            _ => self.recipes.get(index).is_some_and(|recipe| !matches!(recipe.fill(), Fill::Nothing)),
        }
    }

    fn make(&mut self, index: usize) -> Result<(), NoOrder> {
        match self.progress(index) {
            NodeProgress::Unknown => {}
            NodeProgress::Needed => return Err((index, NEEDS_ITSELF.into())),
            NodeProgress::Made | NodeProgress::Filled => return Ok(()),
        }
        let needs = self.needs(index)?;
        if needs.is_empty() {
            self.made(index);
            return Ok(());
        }
        let reads = self.recipes.get(index).is_some_and(|recipe| recipe.reads);
        self.set(index, NodeProgress::Needed);
        self.push(Task::Made(index));
        self.push(Task::Parts(NodeParts::needs(index, reads)));
        Ok(())
    }

    fn made(&mut self, index: usize) {
        self.push_step(index, false);
        let has_contents = self.has_contents(index);
        self.set(index, if has_contents { NodeProgress::Made } else { NodeProgress::Filled });
        if has_contents {
            // The machine has fewer nodes than that.
            let number = u32::try_from(index).unwrap_or(u32::MAX);
            let _ = self.machine.budget().push(&mut self.to_fill, number);
        }
    }

    fn filled(&mut self, index: usize) {
        if self.progress(index) == NodeProgress::Made {
            self.push_step(index, true);
            self.set(index, NodeProgress::Filled);
        }
    }

    fn complete(&mut self, index: usize) -> Result<(), NoOrder> {
        match self.completeness(index) {
            Completeness::Complete(_) => return Ok(()),
            Completeness::Planned => return Err((index, NEEDS_ITSELF.into())),
            Completeness::Unknown if self.progress(index) == NodeProgress::Needed => {
                return Err((index, NEEDS_ITSELF.into()));
            }
            Completeness::Unknown => {}
        }
        self.needs(index)?;
        self.set_complete(index, Completeness::Planned);
        self.push(Task::Completed(index));
        self.push(Task::Parts(NodeParts::contents(index, true)));
        self.push(Task::Parts(NodeParts::needs(index, true)));
        Ok(())
    }

    fn completed(&mut self, index: usize) {
        if self.progress(index) == NodeProgress::Unknown {
            self.made(index);
        }
        self.filled(index);
        let latest = self.latest_change(index);
        self.set_complete(index, Completeness::Complete(latest));
    }

    /// The end of the last opcode that changed a complete node or anything that it holds.
    fn latest_change(&self, index: usize) -> u64 {
        let own = match self.machine.nodes().get(index) {
            Some(node) if self.has_contents(index) => self.changes.last(index, node),
            _ => 0,
        };
        let mut latest = own;
        for mut parts in [NodeParts::contents(index, true), NodeParts::needs(index, true)] {
            while let Some(part) = self.part(parts) {
                parts.next += 1;
                let change = self.machine.resolve(part).node_index().map_or(0, |part| self.change_of(part));
                latest = latest.max(change);
            }
        }
        latest
    }

    fn change_of(&self, index: usize) -> u64 {
        if let Completeness::Complete(latest) = self.completeness(index) { latest } else { 0 }
    }

    /// Refuses a call that reads objects which later opcodes change: it would have read something else.
    fn check_reads(&self, index: usize) -> Result<(), NoOrder> {
        let times = ReadTimes::of(self.machine, index);
        let is_changed = |need: &Ref| {
            let need = self.machine.resolve(*need);
            need.node_index().is_some_and(|index| self.change_of(index) > times.of_object(self.machine, need))
        };
        match self.needs(index)?.iter().any(is_changed) {
            true => Err((index, CHANGED_LATER.into())),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pickle::build_plan::BuildStep;

    fn order(pickle: &[u8]) -> Result<Vec<BuildStep>, NoOrder> {
        let (machine, value) = Machine::run(pickle).expect("a pickle");
        let recipes = RecipeTable::default();
        let changes = ChangeTimes::of(&machine);
        let mut order = BuildOrder::new(&machine, &recipes, &changes);
        order.add(value)?;
        Ok(order.finish().of(0).collect())
    }

    #[test]
    fn a_tuple_that_holds_itself_in_a_list_is_made_before_the_list_is_filled() {
        // a = []; t = (a,); a.append(t); t
        let steps = order(b"]q\x00h\x00\x85q\x01a0h\x01.").expect("an order");
        assert_eq!(steps, [BuildStep::Make(0), BuildStep::Make(1), BuildStep::Fill(0)]);
        // The same list as the value.
        let steps = order(b"]q\x00h\x00\x85q\x01a.").expect("an order");
        assert_eq!(steps, [BuildStep::Make(0), BuildStep::Make(1), BuildStep::Fill(0)]);
    }

    #[test]
    fn what_is_popped_is_not_made() {
        assert_eq!(order(b"]0N.").expect("an order"), []);
        assert_eq!(order(b"]q\x00]00h\x00.").expect("an order"), [BuildStep::Make(0)]);
    }

    #[test]
    fn deep_nesting_has_an_order() {
        let deep = [&b"]".repeat(100_000)[..], &b"a".repeat(99_999), b"."].concat();
        assert_eq!(order(&deep).expect("an order").len(), 199_999);
        let deep = [&b"N"[..], &b"\x85".repeat(100_000), b"."].concat();
        assert_eq!(order(&deep).expect("an order").len(), 100_000);
    }

    #[test]
    fn a_call_without_a_recipe_has_no_order() {
        assert_eq!(order(b"]cos\nsystem\n)Ra.").expect_err("a call"), (2, String::new()));
    }
}
