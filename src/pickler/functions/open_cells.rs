//! Cells, and when they are filled.
//!
//! A cell may hold an object that needs the cell: a recursive function, the class of a method. So a cell is written
//! empty if its contents may lead back to the object that is being created. It is filled when its function exists or,
//! if a class is being created, when that class exists.

use std::sync::Arc;

use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyCFunction, PyFunction, PyModule, PyType};

use super::super::classes::is_scalar;
use super::super::pickle_context::PickleContext;
use super::super::plan::{Action, ObjectPlan, WorkItem};
use super::type_global;
use crate::pickle::format::opcode::Opcode;

/// The functions and classes that are being created, with the cells that wait for them.
#[derive(Default)]
pub(in super::super) struct OpenCells {
    levels: Vec<Level>,
}

struct Level {
    /// The function or class.
    owner: Py<PyAny>,
    is_class: bool,
    waiting: Vec<WaitingCell>,
}

/// A cell that is empty in the pickle so far.
struct WaitingCell {
    cell: Py<PyAny>,
    /// The function that it belongs to, for the path to an object at fault.
    function: Py<PyAny>,
}

impl OpenCells {
    /// The arguments of a function follow.
    pub(super) fn open_function(&mut self, function: &Bound<'_, PyAny>) {
        self.levels.push(Level { owner: function.clone().unbind(), is_class: false, waiting: Vec::new() });
    }

    /// A class follows, or a type alias or a type variable: functions that are made for it may refer to it.
    pub(in super::super) fn open_class(&mut self, class: &Bound<'_, PyAny>) {
        self.levels.push(Level { owner: class.clone().unbind(), is_class: true, waiting: Vec::new() });
    }

    /// The number of functions and classes that are being created.
    pub(in super::super) fn depth(&self) -> usize {
        self.levels.len()
    }

    /// Whether a class is being created.
    pub(super) fn creates_class(&self) -> bool {
        self.levels.iter().any(|level| level.is_class)
    }

    /// Returns to an earlier depth after an error. The caller must drop the result after it has released the lock.
    pub(in super::super) fn cut(&mut self, depth: usize) -> impl Sized + use<> {
        self.levels.split_off(depth.min(self.levels.len()))
    }

    /// As [`cut`](Self::cut), before the outermost level of one of these objects.
    pub(in super::super) fn cut_before(&mut self, owners: &[Bound<'_, PyAny>]) -> impl Sized + use<> {
        let is_one = |level: &Level| owners.iter().any(|owner| level.owner.is(owner));
        let index = self.levels.iter().position(is_one).unwrap_or(self.levels.len());
        self.levels.split_off(index)
    }

    /// Lets a cell wait for the innermost function or class. Returns false if there is none.
    fn defer(&mut self, cell: &Bound<'_, PyAny>) -> bool {
        let Some(level) = self.levels.last_mut() else { return false };
        let function = level.owner.clone_ref(cell.py());
        level.waiting.push(WaitingCell { cell: cell.clone().unbind(), function });
        true
    }
}

/// The plan for a cell that has no slot.
pub(super) fn plan_cell<'py>(context: &Arc<PickleContext>, cell: &Bound<'py, PyAny>) -> PyResult<ObjectPlan<'py>> {
    let contents = contents(cell)?;
    let mut actions = vec![type_global("CellType", cell.get_type())];
    let known = match &contents {
        Some(contents) => is_complete(context, contents)?,
        None => false,
    };
    let waits = contents.is_some() && !known;
    match contents.filter(|_| known) {
        Some(contents) => actions.extend([Action::Save(contents), Action::Write(Opcode::Tuple1)]),
        None => actions.push(Action::Write(Opcode::EmptyTuple)),
    }
    actions.extend([Action::Write(Opcode::Reduce), Action::Memoize(cell.clone())]);
    if waits && !context.lock()?.cells.defer(cell) {
        actions.extend(fill(cell)?);
    }
    Ok(ObjectPlan::actions(cell, actions))
}

/// The contents of a cell; `None` if it is empty.
fn contents<'py>(cell: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    match cell.getattr(intern!(cell.py(), "cell_contents")) {
        Ok(contents) => Ok(Some(contents)),
        Err(error) if error.is_instance_of::<PyValueError>(cell.py()) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether an object can be written at once, because nothing that is being created is a part of it.
fn is_complete(context: &PickleContext, object: &Bound<'_, PyAny>) -> PyResult<bool> {
    if is_scalar(object) || object.is_exact_instance_of::<PyModule>() || context.has_slot(object)? {
        return Ok(true);
    }
    let is_named = object.is_instance_of::<PyType>()
        || object.is_exact_instance_of::<PyFunction>()
        || object.is_exact_instance_of::<PyCFunction>();
    Ok(is_named && !context.is_local(object)?)
}

/// Ends the creation of a function or class, and fills the cells that waited for it. Cells whose contents may lead back
/// to a class that is still being created wait for that.
pub(in super::super) fn close_cells<'py>(
    context: &Arc<PickleContext>,
    owner: &Bound<'py, PyAny>,
) -> PyResult<Vec<Action<'py>>> {
    let py = owner.py();
    let (ended, class) = {
        let levels = &mut context.lock()?.cells.levels;
        // A search for faults continues after an error, so levels within this one may never have ended.
        let index = levels.iter().rposition(|level| level.owner.is(owner)).unwrap_or(levels.len());
        (levels.split_off(index), levels.iter().rposition(|level| level.is_class))
    };
    let mut actions = Vec::new();
    for waiting in ended.into_iter().flat_map(|level| level.waiting) {
        let cell = waiting.cell.bind(py).clone();
        if let Some(class) = class
            && let Some(contents) = contents(&cell)?
            && !is_complete(context, &contents)?
        {
            let mut state = context.lock()?;
            if let Some(level) = state.cells.levels.get_mut(class) {
                level.waiting.push(waiting);
            }
            continue;
        }
        let function = waiting.function.into_bound(py);
        actions.push(Action::Nested(Box::new(WorkItem::actions(Some(&function), fill(&cell)?))));
    }
    Ok(actions)
}

/// `setattr(cell, 'cell_contents', contents)`.
fn fill<'py>(cell: &Bound<'py, PyAny>) -> PyResult<Vec<Action<'py>>> {
    let py = cell.py();
    let Some(contents) = contents(cell)? else { return Ok(Vec::new()) };
    let setter = py.import(intern!(py, "builtins"))?.getattr(intern!(py, "setattr"))?;
    Ok(vec![
        Action::Global { module: "builtins", name: "setattr", object: Some(setter) },
        Action::Save(cell.clone()),
        Action::Save(intern!(py, "cell_contents").clone().into_any()),
        Action::Save(contents),
        Action::Write(Opcode::Tuple3),
        Action::Write(Opcode::Reduce),
        Action::Write(Opcode::Pop),
    ])
}
