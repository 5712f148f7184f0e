//! Makes the Python objects of a file that is not trusted, by the recipes of its
//! [`BuildPlan`](crate::pickle::build_plan::BuildPlan). No unpickler runs, and nothing of the file is called.
//!
//! The plan says in which order objects are made and filled ([`BuildSteps`](crate::pickle::build_plan::BuildSteps)).
//! This file carries the steps out; lists, dicts, sets and tuples are in [`container_objects`], values of a single
//! opcode in [`leaf_objects`], and objects of recipes in a file for each of their domains.

mod array_objects;
mod build_context;
mod container_objects;
mod instance_objects;
mod leaf_objects;
mod pandas_objects;
mod random_objects;
mod value_objects;

use std::collections::HashMap;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyAny;

pub(super) use self::build_context::BuildContext;
use self::leaf_objects::SharedLeaves;
use crate::pickle::build_plan::{BufferFacts, BuildPlan, BuildStep, Make, NestedPickle};
use crate::pickle::machine::Machine;
use crate::pickle::machine::value::Ref;

/// Why a value cannot be built.
pub(super) enum BuildFailure {
    /// An exception.
    Raised(PyErr),
    /// It shares an object with the wanted value of this number, which could not be built.
    Shared(usize),
    /// The load takes longer than any honest file.
    TooLong,
}

impl From<PyErr> for BuildFailure {
    fn from(error: PyErr) -> Self {
        Self::Raised(error)
    }
}

type Built<T> = Result<T, BuildFailure>;

/// Builds the wanted values of one pickle.
pub(super) struct ObjectBuilder<'b, 'a, 'py> {
    context: &'b BuildContext<'py>,
    machine: &'b Machine<'a>,
    plan: &'b BuildPlan<'a>,
    /// The objects that were made, by the index of their node.
    objects: Vec<Option<Bound<'py, PyAny>>>,
    leaves: SharedLeaves<'py>,
    buffers: &'b [(u64, BufferFacts)],
    /// The memory of the buffers, by their number.
    memory: &'b [Bound<'py, PyAny>],
    /// By node: the number of the wanted value that failed while it was made.
    failed: HashMap<usize, usize>,
    /// The values of a container that is being made, kept for reuse.
    spare: Vec<Bound<'py, PyAny>>,
}

impl<'b, 'a, 'py> ObjectBuilder<'b, 'a, 'py> {
    /// A builder of the values of a plan. NEXT_BUFFER at one of the offsets takes the memory with that number.
    pub(super) fn new(
        context: &'b BuildContext<'py>,
        machine: &'b Machine<'a>,
        plan: &'b BuildPlan<'a>,
        buffers: &'b [(u64, BufferFacts)],
        memory: &'b [Bound<'py, PyAny>],
    ) -> Self {
        let objects = machine.nodes().iter().map(|_| None).collect();
        let leaves = SharedLeaves::of(machine);
        let (failed, spare) = Default::default();
        Self { context, machine, plan, objects, leaves, buffers, memory, failed, spare }
    }

    /// Builds the wanted value with this number, which is `value`. The values before it were built.
    ///
    /// # Errors
    /// Values that share objects with this one cannot be built after an error.
    pub(super) fn build(&mut self, number: usize, value: Ref) -> Built<Bound<'py, PyAny>> {
        let plan = self.plan;
        let built = plan.steps().of(number).try_for_each(|step| self.carry_out(step));
        if let Err(failure) = built {
            // What was made may be incomplete.
            for step in plan.steps().of(number) {
                if let BuildStep::Make(index) = step {
                    self.failed.insert(index, number);
                    self.objects.get_mut(index).map(Option::take);
                }
            }
            return Err(failure);
        }
        self.value(value)
    }

    fn carry_out(&mut self, step: BuildStep) -> Built<()> {
        self.context.carry_out(self.plan.steps().len())?;
        match step {
            BuildStep::Make(index) => {
                let object = self.make(index)?;
                if let Some(slot) = self.objects.get_mut(index) {
                    *slot = Some(object);
                }
                Ok(())
            }
            BuildStep::Fill(index) => self.fill(index),
        }
    }

    fn make(&mut self, index: usize) -> Built<Bound<'py, PyAny>> {
        let machine = self.machine;
        let node = machine.nodes().get(index).ok_or_else(missing)?;
        if node.kind.holds_items() {
            return self.container(node);
        }
        let plan = self.plan;
        let recipe = plan.recipe(index).ok_or_else(missing)?;
        let needs = recipe.needs.iter().map(|need| self.value(*need)).collect::<Built<Vec<_>>>()?;
        self.make_as(&recipe.make, &needs)
    }

    /// Makes an object of those that it needs.
    fn make_as(&self, make: &Make<'_>, needs: &[Bound<'py, PyAny>]) -> Built<Bound<'py, PyAny>> {
        let context = self.context;
        Ok(match make {
            Make::Value(make) => {
                context.tick(value_objects::steps(make))?;
                value_objects::make(context, make, needs)?
            }
            Make::Array(make) => {
                context.tick(array_objects::steps(make))?;
                array_objects::make(context, make, needs)?
            }
            Make::Pandas(make) => {
                context.tick_long_step()?;
                pandas_objects::make(context, make, needs)?
            }
            Make::Instance(make) => instance_objects::make(context, make, needs)?,
            Make::Global(module, name) => context.global(module, name)?,
            Make::Module(name) => context.module(name)?,
            Make::Pickle(nested) => {
                let NestedPickle { machine, value, plan } = nested.as_ref();
                // The plan limits how deep pickles are nested.
                ObjectBuilder::new(context, machine, plan, &[], &[]).build(0, *value)?
            }
        })
    }

    /// The object of a reference, which was made before if it has parts.
    fn value(&mut self, reference: Ref) -> Built<Bound<'py, PyAny>> {
        let resolved = self.machine.resolve(reference);
        let Some(index) = resolved.node_index() else { return self.leaf(resolved) };
        if let Some(Some(object)) = self.objects.get(index) {
            return Ok(object.clone());
        }
        Err(self.failed.get(&index).map_or_else(missing, |number| BuildFailure::Shared(*number)))
    }

    /// Whether a value is a string, which remembers its hash.
    fn is_string(&self, reference: Ref) -> bool {
        let resolved = self.machine.resolve(reference);
        resolved.leaf_offset().is_some_and(|at| leaf_objects::is_string(self.machine.bytes_from(at)))
    }
}

/// The plan is wrong about an object: a fault of this program.
fn missing() -> BuildFailure {
    BuildFailure::Raised(PyValueError::new_err("the file cannot be restored: an object was not planned"))
}
