//! Walks through the plan of a pickle as the builder carries it out, but makes nothing: for tests and the fuzzer, which
//! run without Python.
//!
//! It does not rely on the notes of the planner. Each object must be made once and before others use it, the containers
//! that a recipe reads must be complete, and in the end everything must be filled.

use super::recipe_nesting::for_each_part;
use super::{BuildPlan, BuildStep, Fill, Make, NestedPickle, PlannedRecipe, value_recipe};
use crate::pickle::explain::labels::Labels;
use crate::pickle::machine::Machine;
use crate::pickle::machine::value::{Leaf, NodeKind, Ref, Value};

/// The steps that a node has had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WalkProgress {
    Nothing,
    Made,
    Filled,
    /// Filled, and everything that it holds as well.
    Complete,
}

struct PlanWalk<'w, 'a> {
    machine: &'w Machine<'a>,
    plan: &'w BuildPlan<'a>,
    nodes: Vec<WalkProgress>,
    steps: usize,
}

/// The number of steps that build the value of a pickle; `None` if an untrusted load refuses it.
///
/// # Errors
/// A step that cannot be carried out: a fault of the planner.
pub fn walk_plan(bytes: &[u8]) -> Result<Option<usize>, String> {
    let Ok((machine, value)) = Machine::run(bytes) else { return Ok(None) };
    let (plan, value) = BuildPlan::of_file(bytes, &Labels::new(&machine), value);
    if !plan.refusals().is_empty() || machine.budget().is_spent() {
        return Ok(None);
    }
    walk(&machine, &plan, value).map(Some)
}

fn walk(machine: &Machine<'_>, plan: &BuildPlan<'_>, value: Ref) -> Result<usize, String> {
    let mut walk = PlanWalk { machine, plan, nodes: vec![WalkProgress::Nothing; machine.nodes().len()], steps: 0 };
    for step in plan.steps().of(0) {
        walk.steps += 1;
        match step {
            BuildStep::Make(index) => walk.make(index)?,
            BuildStep::Fill(index) => walk.fill(index)?,
        }
    }
    match machine.resolve(value).node_index() {
        Some(index) => walk.complete(index)?,
        None => walk.exists(value)?,
    }
    Ok(walk.steps)
}

impl PlanWalk<'_, '_> {
    fn make(&mut self, index: usize) -> Result<(), String> {
        let (machine, plan) = (self.machine, self.plan);
        let node = machine.nodes().get(index).ok_or_else(|| format!("node {index} does not exist"))?;
        if self.done(index) != WalkProgress::Nothing {
            return Err(format!("node {index} is made twice"));
        }
        let (needs, is_filled) = match (node.kind, plan.recipe(index)) {
            (NodeKind::Tuple | NodeKind::FrozenSet, _) => (&node.items[..], false),
            (NodeKind::List | NodeKind::Dict | NodeKind::Set, _) => (&[][..], !node.items.is_empty()),
            (_, Some(recipe)) => (&recipe.needs[..], !matches!(recipe.fill(), Fill::Nothing)),
            (_, None) => return Err(format!("node {index} has no recipe")),
        };
        needs.iter().try_for_each(|need| self.exists(*need))?;
        if let Some(recipe) = plan.recipe(index).filter(|_| !node.kind.holds_items()) {
            self.read(recipe)?;
        }
        self.set(index, if is_filled { WalkProgress::Made } else { WalkProgress::Filled });
        Ok(())
    }

    /// The containers that a recipe reads must be complete, and a pickle within it must have a plan of its own.
    fn read(&mut self, recipe: &PlannedRecipe<'_>) -> Result<(), String> {
        if recipe.reads {
            let needs = recipe.needs.iter().filter_map(|need| self.machine.resolve(*need).node_index());
            needs.collect::<Vec<_>>().into_iter().try_for_each(|need| self.complete(need))?;
        }
        if let Make::Pickle(nested) = &*recipe.make {
            let NestedPickle { machine, value, plan } = nested.as_ref();
            if !plan.refusals().is_empty() {
                return Err("a pickle within the pickle is refused".to_owned());
            }
            self.steps += walk(machine, plan, *value)?;
        }
        Ok(())
    }

    fn fill(&mut self, index: usize) -> Result<(), String> {
        if self.done(index) != WalkProgress::Made {
            return Err(format!("node {index} is filled when it is {:?}", self.done(index)));
        }
        let mut parts = Vec::new();
        for_each_part(self.machine, &self.plan.recipes, index, |part| parts.push(part));
        let is_there = parts.into_iter().try_for_each(|part| self.exists(part));
        self.set(index, WalkProgress::Filled);
        is_there.map_err(|why| format!("node {index} is filled, but {why}"))
    }

    /// Whether a node and all that it refers to are filled.
    fn complete(&mut self, index: usize) -> Result<(), String> {
        let mut waiting = vec![index];
        while let Some(index) = waiting.pop() {
            match self.done(index) {
                WalkProgress::Complete => {}
                WalkProgress::Filled => {
                    self.set(index, WalkProgress::Complete);
                    let recipes = &self.plan.recipes;
                    for_each_part(self.machine, recipes, index, |part| waiting.extend(part.node_index()));
                }
                done => return Err(format!("node {index} is {done:?} when it must be complete")),
            }
        }
        Ok(())
    }

    fn exists(&self, reference: Ref) -> Result<(), String> {
        let resolved = self.machine.resolve(reference);
        let is_there = match resolved.node_index() {
            Some(index) => self.done(index) != WalkProgress::Nothing,
            None => match self.machine.value(resolved) {
                Value::Leaf(Leaf::Extension(_) | Leaf::Persistent(_) | Leaf::Earlier(_) | Leaf::Inner(_)) => false,
                Value::Leaf(Leaf::Global(module, name)) => value_recipe::global(&module.lossy(), &name.lossy()).is_ok(),
                Value::Leaf(_) => true,
                Value::Node(_) => false,
            },
        };
        if is_there { Ok(()) } else { Err(format!("{resolved:?} is needed before it is made")) }
    }

    fn done(&self, index: usize) -> WalkProgress {
        self.nodes.get(index).copied().unwrap_or(WalkProgress::Nothing)
    }

    fn set(&mut self, index: usize, done: WalkProgress) {
        if let Some(slot) = self.nodes.get_mut(index) {
            *slot = done;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The plan of one pickle, walked through for another with the same nodes in another order.
    fn walked(planned: &[u8], walked: &[u8]) -> Result<usize, String> {
        let (machine, value) = Machine::run(planned).expect("a pickle");
        let (plan, _) = BuildPlan::of_file(planned, &Labels::new(&machine), value);
        let (machine, value) = Machine::run(walked).expect("a pickle");
        walk(&machine, &plan, value)
    }

    #[test]
    fn plans_of_containers_can_be_walked_through() {
        assert_eq!(walk_plan(b"]q\x00h\x00\x85q\x01a0h\x01."), Ok(Some(3)));
        assert_eq!(walk_plan(b"(](K\x01K\x02}K\x03Nset."), Ok(Some(5)));
        assert_eq!(walk_plan(b"cos\nsystem\n."), Ok(None));
    }

    #[test]
    fn faults_of_a_plan_are_found() {
        // A tuple of two lists; a list in a list, which is filled later.
        let (tuple, list) = (&b"]]\x86."[..], &b"]]a."[..]);
        assert!(walked(tuple, tuple).is_ok() && walked(list, list).is_ok());
        assert!(walked(tuple, list).is_err_and(|why| why.contains("no recipe") || why.contains("not exist")));
        assert!(walked(b"]K\x01a.", b"]]a.").is_err_and(|why| why.contains("is filled, but")));
        assert!(walked(b"].", b"]K\x01a.").is_err_and(|why| why.contains("must be complete")));
    }
}
