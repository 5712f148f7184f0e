//! The engine: saves an object with everything that it refers to. It is the only code that works through the work list,
//! calls the fast path and carries out the plans of handlers.
//!
//! It holds the lock on the state while opcodes are written, and releases it whenever Python code may run, because such
//! code may come back to the same pickler: dill's functions call `save`, and so end up in [`save`] again.

mod dispatch;
mod item_loops;
mod postponed;
mod reduction_steps;

use std::cell::Cell;
use std::sync::Arc;

use pyo3::exceptions::PyRecursionError;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyCode, PyDict};

use self::dispatch::dispatch_slow;
use self::item_loops::{dispatch, step};
pub(super) use self::postponed::{PendingKey, PendingMember};
use self::reduction_steps::{element_fetched, fetch_element, replace_fetched};
use super::fault_search::{LONGEST_PATH, recover};
use super::functions;
use super::lost_items::replace_in_last;
use super::native_types::FastSave;
use super::pickle_context::PickleContext;
use super::pickler_state::PicklerState;
use super::plan::{DirectWrite, Next, ObjectPlan, WorkItem};
use super::unloadable::CannotLoad;
use crate::pickle::format::opcode::Opcode;
use crate::pickle::known;
use crate::snapshot::work_meter;

/// The most work items, each of some hundred bytes: an object that creates new objects endlessly fails before memory is
/// exhausted.
pub(super) const DEEPEST_NESTING: usize = 5_000_000;

/// Saves an object completely.
pub(super) fn save(context: &Arc<PickleContext>, object: &Bound<'_, PyAny>) -> PyResult<()> {
    let mut state = context.lock()?;
    // dill's functions call this between opcodes, so a full buffer may be flushed here.
    state.out.between_opcodes()?;
    let saved = dispatch(object.py(), &mut state, object)?;
    drop(state);
    let started = match saved {
        FastSave::Done => None,
        FastSave::Started(item) => Some(item),
        FastSave::Slow => start_slow(context, &[], object)?,
    };
    started.map_or(Ok(()), |item| run(context, object.py(), item))
}

/// Works through an item and everything that it leads to.
pub(super) fn run<'py>(context: &Arc<PickleContext>, py: Python<'py>, item: WorkItem<'py>) -> PyResult<()> {
    let mut work = vec![item];
    let unfinished = {
        let mut state = context.lock()?;
        replace_lost(&mut state, &mut work)?;
        state.cycles.len()
    };
    loop {
        let Err(error) = run_all(context, py, &mut work) else { return Ok(()) };
        if recover(context, py, &mut work, &error)? {
            continue;
        }
        if let Ok(mut state) = context.lock() {
            state.cut_unfinished(unfinished);
            state.failed.extend(work.iter().rev().take(LONGEST_PATH).filter_map(WorkItem::object).map(Bound::unbind));
        }
        return Err(error);
    }
}

/// Writes markers for lost objects in the last item of the work list. There are hardly ever any.
#[inline]
fn replace_lost(state: &mut PicklerState, work: &mut [WorkItem<'_>]) -> PyResult<()> {
    if state.lost.is_empty() { Ok(()) } else { replace_in_last(&state.lost, work, state.dill_calls == 0) }
}

/// How many containers are begun between two notes of the progress: a mask.
const NOTED_PUSHES: u32 = 0xfff;
/// In how many levels of containers the progress is looked at.
const NOTED_LEVELS: usize = 6;

/// Notes how much of the current variable is done, judged by the positions in the outermost containers.
fn note_share(work: &[WorkItem<'_>], state: &PicklerState) {
    if !work_meter::counts_pickled() {
        return;
    }
    let (mut share, mut width) = (0.0, 1.0);
    for (begun, all) in work.iter().take(NOTED_LEVELS).filter_map(WorkItem::position).filter(|(_, all)| *all > 0) {
        width /= all as f64;
        share += width * begun.saturating_sub(1) as f64;
    }
    work_meter::note_pickled(state.out.position(), share);
}

fn run_all<'py>(context: &Arc<PickleContext>, py: Python<'py>, work: &mut Vec<WorkItem<'py>>) -> PyResult<()> {
    let mut state = context.lock()?;
    let mut pushed = 0_u32;
    loop {
        let depth = work.len();
        let Some(item) = work.last_mut() else { return Ok(()) };
        if depth > context.deepest_nesting {
            let message = format!("nested more than {DEEPEST_NESTING} levels deep, perhaps infinitely");
            return Err(PyRecursionError::new_err(message));
        }
        match step(item, py, &mut state)? {
            Next::Push(item) => {
                work.push(item);
                replace_lost(&mut state, work)?;
                pushed = pushed.wrapping_add(1);
                if pushed & NOTED_PUSHES == 0 && state.dill_calls == 0 {
                    note_share(work, &state);
                }
            }
            Next::Replace(next) => drop(std::mem::replace(item, next)),
            Next::Again => {}
            // Freeing an object can run a finalizer. If that uses this pickler, `lock` returns an error to it.
            Next::Done => drop(work.pop()),
            Next::Dispatch(object) => {
                // The handler runs Python code, which may save objects with this very pickler.
                if state.dill_calls == 0 {
                    note_share(work, &state);
                }
                drop(state);
                let started = start_slow(context, work, &object)?;
                state = context.lock()?;
                if let Some(started) = started {
                    work.push(started);
                    replace_lost(&mut state, work)?;
                }
            }
            Next::Then(next_actions) => {
                drop(state);
                item.insert_actions(next_actions(context)?);
                state = context.lock()?;
            }
            Next::FetchElement => {
                drop(state);
                let found = fetch_element(item)?;
                state = context.lock()?;
                replace_fetched(item, &state.lost);
                element_fetched(item, &mut state, found)?;
                if !found {
                    drop(work.pop());
                }
            }
        }
    }
}

/// Begins an object that the fast path does not know, and records it if that fails. During a search for all faults, a
/// fault does not end the save: None is written for the object.
fn start_slow<'py>(
    context: &Arc<PickleContext>,
    work: &[WorkItem<'py>],
    object: &Bound<'py, PyAny>,
) -> PyResult<Option<WorkItem<'py>>> {
    // The fast path leaves a dict to this function if it may be the namespace of a module.
    if object.is_exact_instance_of::<PyDict>() && context.find_module_dicts(object.py())? {
        match dispatch(object.py(), &mut *context.lock()?, object)? {
            FastSave::Done => return Ok(None),
            FastSave::Started(item) => return Ok(Some(item)),
            FastSave::Slow => {}
        }
    }
    let (is_session, depth) = {
        let state = context.lock()?;
        (state.dill_calls == 0, state.cells.depth())
    };
    let level = context.fault_search()?.map(|mut search| search.enter(work));
    // A load may pass any memory to the function of a reduction. Elsewhere a `PickleBuffer` means bytes.
    let in_reduction = matches!(work, [.., WorkItem::Actions { .. }, WorkItem::Tuple { .. }]);
    let started = match known_error(context, object)? {
        Some(error) => Err(error),
        None => {
            dispatch_slow(context, object, in_reduction).and_then(|plan| carry_out_checked(context, work, object, plan))
        }
    };
    if started.is_err() {
        // dill's functions save the objects that an object needs: if it fails, those that they have begun never end.
        let unfinished = context.lock()?.cells.cut(depth);
        drop(unfinished);
    }
    // The search was not locked while the handler ran, as Python code can lead to this function again.
    if let (Some(level), Some(mut search)) = (level, context.fault_search()?) {
        let forgiven = started.as_ref().is_err_and(|error| search.record(work, object, is_session, error));
        search.leave(&level);
        if forgiven {
            // Something must be on the stack for the opcodes that follow, although the output is discarded.
            let mut state = context.lock()?;
            state.failed.clear();
            state.out.op(Opcode::None);
            return Ok(None);
        }
    }
    if started.is_err() {
        context.lock()?.failed.push(object.clone().unbind());
    }
    started
}

/// The error of an object that is known to fail.
fn known_error(context: &PickleContext, object: &Bound<'_, PyAny>) -> PyResult<Option<PyErr>> {
    if let Some(why) = context.unloadable.why(object) {
        return Ok(Some(CannotLoad::new_err(why)));
    }
    Ok(context.fault_search()?.and_then(|search| search.known_error(object)))
}

/// As [`carry_out`]. Records where the opcodes are if the load of the object may fail.
fn carry_out_checked<'py>(
    context: &Arc<PickleContext>,
    work: &[WorkItem<'py>],
    object: &Bound<'py, PyAny>,
    mut plan: ObjectPlan<'py>,
) -> PyResult<Option<WorkItem<'py>>> {
    let may_fail = context.lock()?.unproven_types.contains(&(object.get_type().as_ptr() as usize));
    if let (ObjectPlan::Dill { .. }, Some(mut search)) = (&plan, context.fault_search()?) {
        let is_session = context.lock()?.dill_calls == 0;
        search.enter_dill(work, object, is_session);
    }
    match &mut plan {
        ObjectPlan::Work(item) if may_fail => item.check(object),
        ObjectPlan::Dill { .. } if may_fail => {
            let mut state = context.lock()?;
            let position = state.out.position();
            state.needs.checked.begin(object, position);
            drop(state);
            let started = carry_out(context, object, plan)?;
            let mut state = context.lock()?;
            let position = state.out.position();
            state.needs.checked.end(position);
            return Ok(started);
        }
        // A name has no hooks.
        _ => {}
    }
    carry_out(context, object, plan)
}

/// Carries out a handler's plan. Returns the work that is left.
fn carry_out<'py>(
    context: &Arc<PickleContext>,
    object: &Bound<'py, PyAny>,
    plan: ObjectPlan<'py>,
) -> PyResult<Option<WorkItem<'py>>> {
    match plan {
        ObjectPlan::Work(item) => return Ok(Some(item)),
        ObjectPlan::Dill { function } => call_dill(context, object, function)?,
        ObjectPlan::Write(opcodes) => write(&mut *context.lock()?, object, opcodes)?,
    }
    Ok(None)
}

fn write(state: &mut PicklerState, object: &Bound<'_, PyAny>, opcodes: DirectWrite) -> PyResult<()> {
    match opcodes {
        DirectWrite::Reference => drop(state.write_get(object.as_ptr() as usize)),
        DirectWrite::Global { module, name } => {
            state.write_global(&module, &name);
            state.needs.has_code |= known::makes_code(&module, &name);
            state.memoize_in_segment(object);
            state.repeated_types.insert(object.get_type().as_ptr() as usize);
        }
        DirectWrite::Singleton { module, name } => state.write_global(&module, &name),
        DirectWrite::Extension { module, name, code } => {
            state.needs.import(&module, &name);
            state.write_extension(code);
        }
        DirectWrite::Module { name } => {
            state.write_module(&name);
            state.memoize(object);
        }
        DirectWrite::OwnFunction { name } => {
            state.write_own_function(&name);
            state.memoize_in_segment(object);
        }
        DirectWrite::Buffer { view, raw } => {
            state.out.buffer(view, raw)?;
            state.memoize(object);
        }
        DirectWrite::OutOfBandBuffer { read_only } => {
            state.out.op(Opcode::NextBuffer);
            if read_only {
                state.out.op(Opcode::ReadonlyBuffer);
            }
        }
    }
    Ok(())
}

/// Has dill's function for a type write an object, or dill's pickler if there is no function.
fn call_dill(context: &Arc<PickleContext>, object: &Bound<'_, PyAny>, function: Option<Py<PyAny>>) -> PyResult<()> {
    let py = object.py();
    let pickler = context.dill_pickler(py)?;
    let _nested = NestedSave::enter()?;
    {
        let mut state = context.lock()?;
        // Bytecode is bound to a Python version, so the index records which segments have it.
        state.needs.has_code |= object.is_instance_of::<PyCode>();
        state.dill_calls += 1;
    }
    let is_hidden = functions::hide(context, object)?;
    let saved = match function {
        Some(function) => function.bind(py).call1((&pickler, object)).map(drop),
        None => context.dill.save_whole(&pickler, object),
    };
    if is_hidden {
        functions::show(context, object)?;
    }
    let mut state = context.lock()?;
    state.dill_calls -= 1;
    if saved.is_ok() {
        // dill may have tried something else after an error.
        state.failed.clear();
    }
    drop(state);
    saved
}

/// The most saves that may be nested by way of Python code. Each takes about five C frames, a few kilobytes: that fits
/// into the 8 MiB stack of a main thread many times, also in a debug build.
const DEEPEST_CALLS: usize = 250;

thread_local! {
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// Counts saves that are nested by way of Python code, while it exists: dill's functions save objects with the same
/// pickler, and a `__reduce__` may pickle something itself. Such levels lie on the C stack, which must not overflow.
pub(super) struct NestedSave(());

impl NestedSave {
    /// # Errors
    /// A RecursionError at `DEEPEST_CALLS` levels.
    pub(super) fn enter() -> PyResult<Self> {
        DEPTH.with(|depth| {
            if depth.get() >= DEEPEST_CALLS {
                return Err(PyRecursionError::new_err("maximum recursion depth exceeded while pickling"));
            }
            depth.set(depth.get() + 1);
            Ok(Self(()))
        })
    }
}

impl Drop for NestedSave {
    fn drop(&mut self) {
        DEPTH.with(|depth| depth.set(depth.get() - 1));
    }
}
