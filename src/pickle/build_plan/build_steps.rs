//! The steps of a load that builds: which objects are made and filled, in which order. A step takes four bytes, as a
//! plan may have millions of them.

use crate::pickle::work_budget::WorkBudget;

/// One step of a load that builds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BuildStep {
    /// Makes the object of this node.
    Make(usize),
    /// Puts its contents into the object of this node.
    Fill(usize),
}

/// The steps that build some values.
#[derive(Debug, Default)]
pub(crate) struct BuildSteps {
    steps: Vec<PackedStep>,
    /// For each wanted value: where its steps end. They begin where the steps of the previous value end.
    ends: Vec<usize>,
}

/// A step in four bytes: the index of the node, and whether it is filled.
#[derive(Clone, Copy, Debug)]
struct PackedStep(u32);

impl PackedStep {
    fn new(index: usize, is_fill: bool) -> Self {
        // The machine has fewer nodes than that.
        Self(u32::try_from(index).unwrap_or(u32::MAX >> 1) << 1 | u32::from(is_fill))
    }

    fn step(self) -> BuildStep {
        let index = (self.0 >> 1) as usize;
        if self.0 & 1 == 0 { BuildStep::Make(index) } else { BuildStep::Fill(index) }
    }
}

impl BuildSteps {
    /// Adds a step. If the budget is spent, the step is lost, and there is no plan.
    pub(super) fn push(&mut self, budget: &WorkBudget, index: usize, is_fill: bool) {
        let _ = budget.push(&mut self.steps, PackedStep::new(index, is_fill));
    }

    /// Ends the steps for a wanted value.
    pub(super) fn end_value(&mut self) {
        self.ends.push(self.steps.len());
    }

    /// The number of all steps.
    pub(crate) fn len(&self) -> usize {
        self.steps.len()
    }

    /// The steps for the wanted value with this number, without the steps for earlier values.
    pub(crate) fn of(&self, number: usize) -> impl Iterator<Item = BuildStep> + '_ {
        let start = number.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        let end = self.ends.get(number).copied().unwrap_or(start);
        self.steps.get(start..end).unwrap_or_default().iter().map(|step| step.step())
    }
}
