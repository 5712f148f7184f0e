//! Loads files that are not trusted: checks them, and builds their objects without an unpickler.
//!
//! The plan of a [`LoadInput`] says how each object is made, or why the file is refused. Then a
//! [`builder`](super::builder) carries out that plan. Of our own file, a variable that cannot be built is lost; any
//! other pickle fails as a whole.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use anyhow::{Result, anyhow};
use pyo3::exceptions::{PyKeyboardInterrupt, PyMemoryError, PyUnicodeDecodeError};
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyString};

use super::bound_names::{BoundNames, has_names, is_of_module};
use super::buffer_memory::BufferMemory;
use super::builder::{BuildContext, BuildFailure, ObjectBuilder};
use super::installed_imports::InstalledImports;
use super::load_variables::{ChosenVariable, Refusal, reason_for_skip};
use super::loss_reason::{LossReason, missing_module};
use super::restore_context::{LoadedFrames, LostVariable, RestoreRequest, Restored, add_local, bind_module};
use super::untrusted_load::{self, check_index, module_of_session};
use super::{explain_error, fetch, note_damage, plan_for, segments_for, select, unmapped_note};
use crate::exit::{self, OrExit};
use crate::pickle::build_plan::{BuildPlan, refused_module};
use crate::pickle::machine::Machine;
use crate::pickle::machine::value::Ref;
use crate::session::object_description::type_name;
use crate::snapshot::OBJECT_NAME;
use crate::snapshot::index::{Index, SegmentRole, Variable, VariableKind, split_local_name};
use crate::snapshot::load_plan::{LoadPlan, LostSlots};
use crate::snapshot::needed_opcodes::bytes_for;
use crate::snapshot::reader::{Damage, Progress, ReadError, Snapshot};
use crate::snapshot::requirements::{LoadInput, NotPlanned, PlannedLoads, Requirement};
use crate::snapshot::segment::{Load, VariableSegment};
use crate::snapshot::work_meter::{self, WorkStage};

/// The message for a load that is stopped.
const TOO_LONG: &str = "loading it takes too long: no honest file of its size needs as much time";

/// Restores a snapshot of our own.
pub(super) fn restore_own<'py>(
    py: Python<'py>,
    snapshot: &Arc<Snapshot>,
    index: &Index,
    request: &RestoreRequest<'_, 'py>,
    progress: Progress<'_>,
) -> Result<Restored> {
    let _installed = InstalledImports::only(py)?;
    let cannot_restore = || format!("cannot restore {}", request.name);
    // Before anything is decided by a name of the index.
    if !request.partial {
        snapshot.check_index().or_exit(exit::DAMAGED, cannot_restore)?;
    }
    let segments = segments_for(index, request);
    let segments = segments.map_err(ReadError::from).or_exit(exit::DAMAGED, cannot_restore)?;
    let mut variables = select(py, index, segments.clone(), request)?;
    let nameless = leave_nameless(py, &mut variables, request)?;
    let mut restored = build_chosen(py, (snapshot, index), request, progress, &segments, variables)?;
    restored.lost.splice(0..0, nameless);
    Ok(restored)
}

/// Builds the variables that were chosen.
fn build_chosen<'v, 'py>(
    py: Python<'py>,
    (snapshot, index): (&Arc<Snapshot>, &Index),
    request: &RestoreRequest<'_, 'py>,
    progress: Progress<'_>,
    segments: &[VariableSegment<'v>],
    mut variables: Vec<ChosenVariable<'v, 'py>>,
) -> Result<Restored> {
    let module = module_of_session(py, &index.module, request.name)?;
    let bound = variables.iter().map(|chosen| chosen.is_bound);
    let file = bytes_for(snapshot, segments, bound, true)
        .or_exit(exit::DAMAGED, || format!("cannot restore {}", request.name))?;
    let plan = plan_for(file, segments, &variables, &Damage::default(), request);
    let (loads, lost_slots) = plan.loads();
    let input = input_of(snapshot, request, segments, &loads)?;
    work_meter::begin(WorkStage::Following, input.len() as u64);
    let planned = match input.plan() {
        Ok(planned) => planned,
        Err(NotPlanned::Needs(needs)) => {
            if leave_out_modules(&mut variables, &needs) {
                return build_chosen(py, (snapshot, index), request, progress, segments, variables);
            }
            return untrusted_load::refuse(snapshot, request.name, needs);
        }
        Err(error) => return untrusted_load::refuse_plan(snapshot, request.name, error),
    };
    // The plan reads the file itself, so no opcodes are read for it.
    let none = HashSet::new();
    let (damage, _) = fetch(py, snapshot, index, &mut variables, (&loads, &none), request, progress)?;
    check_index(snapshot, index, segments, &loads, &damage, request)?;
    work_meter::begin(WorkStage::Building, input.len() as u64);
    let namespace = request.into.clone().unwrap_or_else(|| module.dict());
    let (names, lost, frames) = if damage.is_none() {
        let building = OwnBuild { namespace: &namespace, plan: &plan, lost_slots: &lost_slots };
        building.build_all(py, &input, &planned, &mut variables)
    } else {
        note_damage(&mut variables, &damage);
        let plan = plan_for(file, segments, &variables, &damage, request);
        let (loads, lost_slots) = plan.loads();
        // What is loaded has changed, and is planned again.
        let input = input_of(snapshot, request, segments, &loads)?;
        let planned = input.plan().or_else(|why| untrusted_load::refuse_plan(snapshot, request.name, why))?;
        let building = OwnBuild { namespace: &namespace, plan: &plan, lost_slots: &lost_slots };
        building.build_all(py, &input, &planned, &mut variables)
    }
    .map_err(|failure| fatal(py, failure, request.name))?;
    if request.into.is_none() {
        bind_module(py, &module)?;
    }
    let notes = notes(snapshot, index, request);
    Ok(Restored { names, lost, module: index.module.clone(), state: Vec::new(), notes, frames })
}

/// What a user should know about a load that was not trusted.
fn notes(snapshot: &Snapshot, index: &Index, request: &RestoreRequest<'_, '_>) -> Vec<String> {
    let has_state = !index.ambient.is_empty() || !index.module_state.is_empty();
    let left = "the state of modules and of the interpreter was not restored: the file is not trusted";
    let state = (has_state && request.into.is_none()).then(|| left.to_owned());
    unmapped_note(snapshot, request).into_iter().chain(state).collect()
}

/// Leaves out the wanted variables that must not get their names, and returns them.
fn leave_nameless<'py>(
    py: Python<'py>,
    variables: &mut [ChosenVariable<'_, 'py>],
    request: &RestoreRequest<'_, 'py>,
) -> PyResult<Vec<LostVariable>> {
    let allowed = BoundNames::new(py, request)?;
    let mut lost = Vec::new();
    for chosen in variables.iter_mut().filter(|chosen| chosen.is_bound) {
        let Variable { name, type_name, .. } = chosen.variable();
        let bound_name = match chosen.segment.role() {
            SegmentRole::Variable => name.as_str(),
            SegmentRole::FrameLocal => split_local_name(name).map_or("", |(_, bare)| bare),
            SegmentRole::ModuleItem | SegmentRole::Ambient => continue,
        };
        if let Some(why) = allowed.refusal(&PyString::new(py, bound_name))? {
            lost.push(LostVariable::new(name, type_name, why.into()));
            chosen.is_bound = false;
        }
    }
    Ok(lost)
}

/// Leaves out the variables that are modules which may not be imported, if the file needs nothing else that is refused:
/// the others do not depend on them. Returns whether it has left out any.
fn leave_out_modules(variables: &mut [ChosenVariable<'_, '_>], needs: &[Requirement]) -> bool {
    let module = |need: &Requirement| {
        let imported = need.what.iter().map(|what| refused_module(what)).collect::<Option<Vec<_>>>()?.join(", ");
        let number = variables.iter().position(|chosen| {
            let Variable { name, type_name, kind, .. } = chosen.variable();
            let is_module = *kind == VariableKind::Import && type_name == "module" && chosen.refusal.is_none();
            is_module && Some(name) == need.variable.as_ref()
        })?;
        Some((number, format!("a module that is not imported for a file that is not trusted: {imported}")))
    };
    let Some(modules) = needs.iter().map(module).collect::<Option<Vec<_>>>() else { return false };
    for (number, why) in &modules {
        if let Some(chosen) = variables.get_mut(*number) {
            chosen.refusal = Some(Refusal::Module(why.clone()));
        }
    }
    !modules.is_empty()
}

fn input_of<'f>(
    snapshot: &Snapshot,
    request: &RestoreRequest<'_, '_>,
    segments: &[VariableSegment<'f>],
    loads: &[Load],
) -> Result<LoadInput<'f>> {
    let loads: Vec<(&VariableSegment<'f>, &Load)> = segments.iter().zip(loads).collect();
    LoadInput::of_loads(snapshot, &loads).or_exit(exit::DAMAGED, || format!("cannot restore {}", request.name))
}

/// An error that ends the whole load.
fn fatal(py: Python<'_>, failure: BuildFailure, name: &str) -> anyhow::Error {
    match failure {
        BuildFailure::Raised(error) if is_explained(py, &error) => explain_error(py, &error, name),
        BuildFailure::Raised(error) => {
            let why = LossReason::of(py, &error).text;
            exit::error(exit::DAMAGED, format!("cannot restore {name}: an object in it cannot be built: {why}"))
        }
        BuildFailure::TooLong => exit::error(exit::DAMAGED, format!("cannot restore {name}: {TOO_LONG}")),
        BuildFailure::Shared(_) => anyhow!("cannot restore {name}"),
    }
}

/// Whether an exception has advice of its own, whatever made the objects.
fn is_explained(py: Python<'_>, error: &PyErr) -> bool {
    error.is_instance_of::<PyKeyboardInterrupt>(py)
        || error.is_instance_of::<PyMemoryError>(py)
        || error.is_instance_of::<PyUnicodeDecodeError>(py)
        || missing_module(py, error).is_some()
}

/// Builds the variables of our own file.
struct OwnBuild<'p, 'py> {
    namespace: &'p Bound<'py, PyDict>,
    plan: &'p LoadPlan<'p, 'p>,
    lost_slots: &'p LostSlots,
}

impl<'py> OwnBuild<'_, 'py> {
    /// Builds all variables, and binds names. Returns the bound names and the variables that were lost.
    fn build_all(
        &self,
        py: Python<'py>,
        input: &LoadInput<'_>,
        planned: &PlannedLoads<'_>,
        variables: &mut [ChosenVariable<'_, 'py>],
    ) -> Result<(Vec<String>, Vec<LostVariable>, LoadedFrames), BuildFailure> {
        let memory = memory_of(py, input, variables);
        let context = BuildContext::new(py, input.len());
        let PlannedLoads { machine, values, plan, .. } = planned;
        let mut builder = ObjectBuilder::new(&context, machine, plan, input.buffers(), &memory);
        // By the number of a value: the variable that it is of.
        let mut owners = vec![None; values.len()];
        for (variable, value) in input.values().iter().enumerate() {
            if let Some(owner) = value.and_then(|value| owners.get_mut(value)) {
                *owner = Some(variable);
            }
        }
        let (mut names, mut causes, mut frames) = (Vec::new(), HashMap::new(), LoadedFrames::new());
        for (number, (value, owner)) in values.iter().zip(&owners).enumerate() {
            let built = builder.build(number, *value);
            let Some(chosen) = owner.and_then(|owner| variables.get(owner)) else { continue };
            let Variable { name, .. } = chosen.variable();
            match built {
                Ok(object) if chosen.is_bound && chosen.segment.role() == SegmentRole::FrameLocal => {
                    add_local(&mut frames, name, &object)?;
                }
                Ok(object) if chosen.is_bound => {
                    self.namespace.set_item(name, object)?;
                    names.push(name.clone());
                }
                Ok(_) => {}
                Err(failure) => {
                    let why = self.reason(py, failure, &owners, variables)?;
                    causes.extend(owner.map(|owner| (owner, why)));
                }
            }
        }
        let lost = variables.iter().enumerate().filter(|(_, chosen)| chosen.is_bound).filter_map(|(number, chosen)| {
            let Variable { name, type_name, .. } = chosen.variable();
            if input.values().get(number).copied().flatten().is_some() && !causes.contains_key(&number) {
                return None;
            }
            let why = causes.get(&number).cloned();
            let why = why.unwrap_or_else(|| reason_for_skip(self.plan, self.lost_slots, &causes, number, variables));
            Some(LostVariable::new(name, type_name, why))
        });
        let lost = lost.collect();
        Ok((names, lost, frames))
    }

    /// Why a variable could not be built, unless that ends the whole restore.
    fn reason(
        &self,
        py: Python<'py>,
        failure: BuildFailure,
        owners: &[Option<usize>],
        variables: &[ChosenVariable<'_, 'py>],
    ) -> Result<LossReason, BuildFailure> {
        match failure {
            BuildFailure::Raised(error) if error.is_instance_of::<PyKeyboardInterrupt>(py) => Err(error.into()),
            BuildFailure::Raised(error) => Ok(LossReason::of(py, &error)),
            BuildFailure::Shared(number) => {
                let owner = owners.get(number).copied().flatten().and_then(|owner| variables.get(owner));
                let name = owner.map_or("another variable", |owner| &owner.variable().name);
                Ok(format!("shares an object with {name}, which cannot be restored").into())
            }
            BuildFailure::TooLong => Err(failure),
        }
    }
}

/// The memory of all buffers, by their number.
fn memory_of<'py>(
    py: Python<'py>,
    input: &LoadInput<'_>,
    variables: &mut [ChosenVariable<'_, 'py>],
) -> Vec<Bound<'py, PyAny>> {
    let taken = variables.iter_mut().map(|chosen| chosen.memory.take().map(BufferMemory::into_objects));
    let of_variables: Vec<Vec<Bound<'py, PyAny>>> = taken.map(Option::unwrap_or_default).collect();
    let memory = |(variable, number): &(usize, usize)| {
        of_variables.get(*variable).and_then(|memory| memory.get(*number)).cloned()
    };
    let all = input.buffer_sources().iter().map(memory);
    // A recipe refuses an object that is no memory.
    all.map(|memory| memory.unwrap_or_else(|| py.None().into_bound(py))).collect()
}

/// Restores a pickle of another program: a session into `__main__`, the items of a dict whose keys are names, and any
/// other object into the variable `obj`.
pub(super) fn restore_foreign<'py>(
    py: Python<'py>,
    snapshot: &Arc<Snapshot>,
    request: &RestoreRequest<'_, 'py>,
) -> Result<Restored> {
    let (object, is_session) = build_whole(py, snapshot, request.name)?;
    let failed = |error: PyErr| explain_error(py, &error, request.name);
    bind_foreign(py, &object, is_session, request).map_err(failed)
}

/// Builds the object of a pickle of another program, without binding anything.
pub(crate) fn build_object<'py>(py: Python<'py>, snapshot: &Snapshot, name: &str) -> Result<Bound<'py, PyAny>> {
    build_whole(py, snapshot, name).map(|(object, _)| object)
}

/// The object of a pickle, and whether it is a session.
fn build_whole<'py>(py: Python<'py>, snapshot: &Snapshot, name: &str) -> Result<(Bound<'py, PyAny>, bool)> {
    let _installed = InstalledImports::only(py)?;
    let bytes = snapshot.bytes().or_exit(exit::DAMAGED, || format!("cannot restore {name}"))?;
    let input = LoadInput::of_pickle(bytes).with_max_memory(snapshot.max_memory());
    work_meter::begin(WorkStage::Following, bytes.len() as u64);
    let planned = input.plan().or_else(|why| untrusted_load::refuse_plan(snapshot, name, why))?;
    work_meter::begin(WorkStage::Building, bytes.len() as u64);
    let context = BuildContext::new(py, input.len());
    let built = build_alone(&context, &planned.machine, &planned.plan, &planned.values);
    let object = built.map_err(|failure| fatal(py, failure, name))?;
    Ok((object, planned.is_session))
}

fn build_alone<'py>(
    context: &BuildContext<'py>,
    machine: &Machine<'_>,
    plan: &BuildPlan<'_>,
    values: &[Ref],
) -> Result<Bound<'py, PyAny>, BuildFailure> {
    let mut builder = ObjectBuilder::new(context, machine, plan, &[], &[]);
    match values {
        [value, ..] => builder.build(0, *value),
        [] => Ok(context.py().None().into_bound(context.py())),
    }
}

/// Binds the items of a session, or of a dict whose keys are names, and any other object to the name `obj`.
fn bind_foreign<'py>(
    py: Python<'py>,
    object: &Bound<'py, PyAny>,
    is_session: bool,
    request: &RestoreRequest<'_, 'py>,
) -> PyResult<Restored> {
    let main = py.import("__main__")?;
    let namespace = request.into.clone().unwrap_or_else(|| main.dict());
    let mut restored = Restored { module: "__main__".to_owned(), ..Restored::default() };
    let items = object.cast_exact::<PyDict>().ok().filter(|dict| is_session || has_names(dict));
    let Some(items) = items else {
        namespace.set_item(OBJECT_NAME, object)?;
        restored.names.push(OBJECT_NAME.to_owned());
        return Ok(restored);
    };
    let allowed = BoundNames::new(py, request)?;
    for (key, value) in items {
        // The module's own attributes, which a session has too, stay what they are.
        let Some(name) = key.cast::<PyString>().ok().filter(|name| !is_of_module(name)) else { continue };
        match allowed.refusal(name)? {
            None => {
                namespace.set_item(name, value)?;
                restored.names.push(name.extract()?);
            }
            Some(why) => {
                let (name, kind) = (name.to_string_lossy(), type_name(&value.get_type()));
                restored.lost.push(LostVariable::new(&name, &kind, why.into()));
            }
        }
    }
    // Otherwise nothing of the dict could be reached.
    if restored.names.is_empty() && !is_session {
        namespace.set_item(OBJECT_NAME, object)?;
        restored.names.push(OBJECT_NAME.to_owned());
        restored.lost.clear();
    }
    Ok(restored)
}
