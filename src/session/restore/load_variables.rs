//! Loads the variables of our own snapshot one at a time, so that a failure loses one variable and not the session.
//!
//! [`LoadPlan`] says what can be loaded of each. If a load fails all the same, because a module is missing or an object
//! raises an exception, the objects that other variables share with the one that failed are loaded on their own, as far
//! as they do not need what failed.

use std::collections::{HashMap, HashSet};

use pyo3::prelude::*;
use pyo3::types::PyAny;

use super::buffer_memory::BufferMemory;
use super::joined_loads::count_joined;
use super::loss_reason::{FailedImport, LossReason};
use super::restore_context::{LoadedFrames, LostVariable, ModuleItems, RestoreContext, add_local};
use super::segment_loader::SegmentLoader;
use crate::snapshot::index::{SegmentRole, Variable, VariableKind};
use crate::snapshot::load_plan::{LoadPlan, LostSlots};
use crate::snapshot::segment::{Load, VariableSegment};

/// How many loads may fail while it is found out which objects of one variable can be loaded.
const MAX_FAILURES: usize = 64;

/// A variable of the index while it is being restored.
pub(super) struct ChosenVariable<'a, 'py> {
    pub(super) segment: VariableSegment<'a>,
    /// Whether it is bound to its name.
    pub(super) is_bound: bool,
    /// Its raw buffers, once they have been read. `None` if the variable is not read.
    pub(super) memory: Option<BufferMemory<'py>>,
    /// Why it is not loaded as a whole although it is wanted.
    pub(super) refusal: Option<Refusal>,
}

/// Why a variable is not loaded as a whole.
pub(super) enum Refusal {
    /// Its bytes do not match their checksum. The message says which.
    Damaged(String),
    /// It contains code for another Python. The message says what to do.
    OtherPython(String),
    /// It is a module that is not imported for a file that is not trusted. The message says which.
    Module(String),
}

impl<'a> ChosenVariable<'a, '_> {
    pub(super) fn variable(&self) -> &'a Variable {
        self.segment.variable()
    }
}

/// Names with the values that they had before a load, if they had any.
type NamesBefore<'a, 'py> = Vec<(&'a str, Option<Bound<'py, PyAny>>)>;

/// Loads variables in the order of the file: a segment refers only to memo slots of earlier segments.
pub(super) struct VariableLoads<'p, 'a, 'py> {
    pub(super) loader: SegmentLoader<'a, 'py>,
    pub(super) context: &'a RestoreContext<'py>,
    pub(super) plan: &'p LoadPlan<'p, 'a>,
    pub(super) lost_slots: LostSlots,
    /// Whether a load has failed, so that the plan has to be asked again for each of the following variables.
    has_failed: bool,
    /// Why objects of a variable that is not bound could not be loaded.
    causes: HashMap<usize, LossReason>,
    /// The imports that failed in variables, by their numbers.
    imports: HashMap<usize, FailedImport>,
    items: ModuleItems<'py>,
    names: Vec<String>,
    lost: Vec<LostVariable>,
    frames: LoadedFrames,
}

impl<'p, 'a, 'py> VariableLoads<'p, 'a, 'py> {
    pub(super) fn new(
        loader: SegmentLoader<'a, 'py>,
        context: &'a RestoreContext<'py>,
        plan: &'p LoadPlan<'p, 'a>,
        lost_slots: LostSlots,
    ) -> Self {
        let (causes, imports, items, names, lost, frames) = Default::default();
        Self { loader, context, plan, lost_slots, has_failed: false, causes, imports, items, names, lost, frames }
    }

    /// Loads what is planned of each variable, and binds names. Returns the bound names, the variables that were lost,
    /// and the local variables of frames.
    ///
    /// # Errors
    /// Only errors that end the whole restore.
    pub(super) fn load_all(
        mut self,
        variables: &mut [ChosenVariable<'a, 'py>],
        mut loads: Vec<Load>,
    ) -> PyResult<(Vec<String>, Vec<LostVariable>, LoadedFrames)> {
        let before = self.names_that_may_be_bound_early(variables)?;
        let mut number = 0;
        while number < loads.len().min(variables.len()) {
            let joined = if self.may_join() { count_joined(&variables[number..], &loads[number..]) } else { 0 };
            let next = number + joined.max(1);
            if joined < 2 || !self.load_joined(&variables[number..next])? {
                for number in number..next {
                    let memory = variables[number].memory.take().map(BufferMemory::into_objects).unwrap_or_default();
                    let planned = std::mem::replace(&mut loads[number], Load::Nothing);
                    self.load_next(number, variables, planned, &memory)?;
                }
            }
            number = next;
        }
        self.unbind(before)?;
        Ok((self.names, self.lost, self.frames))
    }

    /// The variables of a session in which a class binds names before the variables are complete, each with its value
    /// before the load.
    fn names_that_may_be_bound_early(&self, variables: &[ChosenVariable<'a, 'py>]) -> PyResult<NamesBefore<'a, 'py>> {
        if !variables.iter().any(|chosen| chosen.variable().kind == VariableKind::Class) {
            return Ok(Vec::new());
        }
        let names = variables.iter().filter(|chosen| chosen.segment.role() == SegmentRole::Variable);
        let names = names.map(|chosen| chosen.variable().name.as_str());
        names.map(|name| Ok((name, self.context.namespace.get_item(name)?))).collect()
    }

    /// Gives names their values of before that were bound early, but whose variables are not wanted or are lost.
    fn unbind(&self, before: NamesBefore<'a, 'py>) -> PyResult<()> {
        let namespace = &self.context.namespace;
        let kept: HashSet<&str> = self.names.iter().map(String::as_str).collect();
        for (name, value) in before.into_iter().filter(|(name, _)| !kept.contains(name)) {
            match value {
                Some(value) => namespace.set_item(name, value)?,
                None if namespace.contains(name)? => namespace.del_item(name)?,
                None => {}
            }
        }
        Ok(())
    }

    /// Whether variables may be loaded together. Those of a guarded load are judged one by one.
    fn may_join(&self) -> bool {
        !self.has_failed && self.context.fault_log.is_none()
    }

    /// Loads variables together and binds their names. Returns false, and has done nothing, if that is not possible.
    fn load_joined(&mut self, variables: &[ChosenVariable<'a, 'py>]) -> PyResult<bool> {
        let segments: Vec<_> = variables.iter().map(|chosen| &chosen.segment).collect();
        let Some(values) = self.loader.load_joined(&segments)? else { return Ok(false) };
        for chosen in variables {
            if let Some(value) = values.get_item(&chosen.variable().name)? {
                self.bind(chosen.variable(), value)?;
            }
        }
        Ok(true)
    }

    fn load_next(
        &mut self,
        number: usize,
        variables: &[ChosenVariable<'a, 'py>],
        planned: Load,
        memory: &[Bound<'py, PyAny>],
    ) -> PyResult<()> {
        let Some(chosen) = variables.get(number) else { return Ok(()) };
        let load = self.still_possible(number, planned);
        let why = match load {
            Load::Nothing => None,
            Load::Whole => match self.loader.load(&chosen.segment, memory)? {
                Ok(value) if chosen.segment.role() == SegmentRole::ModuleItem => {
                    match self.items.set(self.context, &chosen.variable().name, &value) {
                        Ok(()) => return Ok(()),
                        // The value is there for others, only its module is not.
                        Err(why) => Some(why),
                    }
                }
                Ok(value) if chosen.segment.role() == SegmentRole::FrameLocal => {
                    return add_local(&mut self.frames, &chosen.variable().name, &value);
                }
                Ok(value) => return self.bind(chosen.variable(), value),
                Err(why) => {
                    self.imports.extend(why.import.clone().map(|import| (number, import)));
                    self.load_parts(number, chosen, memory, false)?;
                    Some(why)
                }
            },
            Load::Objects(objects) => match self.loader.load_objects(&chosen.segment, objects, memory)? {
                Ok(()) => None,
                Err(why) => {
                    self.load_parts(number, chosen, memory, true)?;
                    self.causes.insert(number, why);
                    None
                }
            },
        };
        self.note_loss(number, chosen, variables, why);
        Ok(())
    }

    /// Notes that a variable was not loaded, or why others that share its objects may not be.
    fn note_loss(
        &mut self,
        number: usize,
        chosen: &ChosenVariable<'a, 'py>,
        variables: &[ChosenVariable<'a, 'py>],
        why: Option<LossReason>,
    ) {
        if chosen.is_bound {
            let why = why.unwrap_or_else(|| self.reason(number, variables));
            let Variable { name, type_name, .. } = chosen.variable();
            self.lost.push(LostVariable::new(name, type_name, why));
        } else if !self.causes.contains_key(&number) && !self.lost_slots.is_empty() {
            // Others may name this variable as the reason for their loss.
            if self.plan.lost_owner(number, &self.lost_slots).is_some() || chosen.refusal.is_some() {
                let why = self.reason(number, variables);
                self.causes.insert(number, why);
            }
        }
    }

    fn bind(&mut self, variable: &Variable, value: Bound<'py, PyAny>) -> PyResult<()> {
        self.context.namespace.set_item(&variable.name, value)?;
        self.names.push(variable.name.clone());
        Ok(())
    }

    /// What can be loaded of a variable after earlier ones have failed.
    fn still_possible(&mut self, number: usize, planned: Load) -> Load {
        if !self.has_failed {
            return planned;
        }
        self.plan.load_of(number, &mut self.lost_slots)
    }

    fn lose(&mut self, number: usize, slots: &[u64]) {
        self.lost_slots.extend(slots.iter().map(|slot| (*slot, number)));
    }

    /// Loads the objects of a failed variable that later ones share, as far as they can be loaded. `tried` says whether
    /// a load of all of them has failed already.
    fn load_parts(
        &mut self,
        number: usize,
        chosen: &ChosenVariable<'a, 'py>,
        memory: &[Bound<'py, PyAny>],
        tried: bool,
    ) -> PyResult<()> {
        self.has_failed = true;
        let needed = self.plan.needs(number);
        let slots: Vec<u64> = needed.iter().copied().filter(|slot| !self.lost_slots.contains_key(slot)).collect();
        let (mut good, mut loads, mut failures) = (Vec::new(), 0, 0);
        let mut waiting = vec![slots.as_slice()];
        while let Some(some) = waiting.pop().filter(|_| failures < MAX_FAILURES) {
            let is_known_to_fail = tried && some.len() == slots.len();
            if !is_known_to_fail && self.load_slots(number, chosen, some, memory)? {
                good.extend_from_slice(some);
                loads += 1;
                continue;
            }
            failures += 1;
            if some.len() > 1 {
                let (left, right) = some.split_at(some.len() / 2);
                waiting.extend([right, left]);
            }
        }
        // Each failure has emptied the slots, and objects that were loaded apart from each other do not share their
        // parts: load all of them at once.
        if loads + failures > 1 && !good.is_empty() && !self.load_slots(number, chosen, &good, memory)? {
            good.clear();
        }
        let bad: Vec<u64> = needed.iter().copied().filter(|slot| good.binary_search(slot).is_err()).collect();
        self.lose(number, &bad);
        Ok(())
    }

    fn load_slots(
        &mut self,
        number: usize,
        chosen: &ChosenVariable<'a, 'py>,
        slots: &[u64],
        memory: &[Bound<'py, PyAny>],
    ) -> PyResult<bool> {
        if slots.is_empty() {
            return Ok(true);
        }
        let Some(objects) = self.plan.objects_in(number, slots) else { return Ok(false) };
        if objects.takes.iter().any(|slot| self.lost_slots.contains_key(slot)) {
            return Ok(false);
        }
        Ok(self.loader.load_objects(&chosen.segment, objects, memory)?.is_ok())
    }

    /// Why a variable is lost whose own load has not failed.
    fn reason(&mut self, number: usize, variables: &[ChosenVariable<'a, 'py>]) -> LossReason {
        let mut why = reason_for_skip(self.plan, &self.lost_slots, &self.causes, number, variables);
        if why.import.is_none()
            && let Some(import) =
                self.plan.lost_owner(number, &self.lost_slots).and_then(|owner| self.imports.get(&owner)).cloned()
        {
            self.imports.insert(number, import.clone());
            why.import = Some(import);
        }
        why
    }
}

/// Why a variable is lost whose own load has not failed.
pub(super) fn reason_for_skip(
    plan: &LoadPlan<'_, '_>,
    lost_slots: &LostSlots,
    causes: &HashMap<usize, LossReason>,
    number: usize,
    variables: &[ChosenVariable<'_, '_>],
) -> LossReason {
    let chosen = variables.get(number);
    match chosen.and_then(|chosen| chosen.refusal.as_ref()) {
        Some(Refusal::Damaged(why) | Refusal::OtherPython(why) | Refusal::Module(why)) => return why.clone().into(),
        None => {}
    }
    let owner = plan.lost_owner(number, lost_slots);
    let Some((owner, of)) = owner.and_then(|owner| Some((owner, variables.get(owner)?))) else {
        return "its opcodes cannot be followed".into();
    };
    if let Some(why) = other_python_of(plan, lost_slots, owner, variables) {
        return why.into();
    }
    let name = &of.variable().name;
    match (&of.refusal, causes.get(&owner)) {
        (Some(Refusal::Damaged(_)), _) => format!("shares an object with {name}, which is damaged").into(),
        // A variable that was to be bound has a message of its own, with the cause.
        (None, Some(cause)) if !of.is_bound => LossReason {
            text: format!("shares an object with {name}, which cannot be restored: {}", cause.text),
            import: cause.import.clone(),
        },
        _ => format!("shares an object with {name}, which cannot be restored").into(),
    }
}

/// The advice about code for another Python, if that is why the variable that owns a lost object is lost, or the one
/// whose lost object that variable shares.
fn other_python_of(
    plan: &LoadPlan<'_, '_>,
    lost_slots: &LostSlots,
    mut owner: usize,
    variables: &[ChosenVariable<'_, '_>],
) -> Option<String> {
    loop {
        if let Some(refusal) = &variables.get(owner)?.refusal {
            return if let Refusal::OtherPython(advice) = refusal { Some(advice.clone()) } else { None };
        }
        // A segment reads only slots of earlier ones, so this ends.
        owner = plan.lost_owner(owner, lost_slots).filter(|earlier| *earlier < owner)?;
    }
}
