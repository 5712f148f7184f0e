//! The variable that holds the state of a run in its checkpoints: for the script and each function under way, the
//! iterators and the local variables. The index of the checkpoint has the position.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};

use super::step_program::{StepPosition, StepProgram};
use crate::python::deferred_signals::Tolerated as _;
use crate::session::select::is_of_module;
use crate::snapshot::index::{RUN_POSITION, RerunStatement, RunPlace, RunProgress, WrittenFile};

/// The version of the variable.
pub(super) const VERSION: u32 = 2;
/// What the program notes of statements that have run.
pub(super) const NOTED: [&str; 2] = ["inputs", "openings"];

/// The position, bound in the namespace of the script until this is dropped: as one variable, and one more for each
/// local variable of a function that is under way, so that one which cannot be saved costs only itself.
pub(crate) struct BoundPosition<'py> {
    namespace: Bound<'py, PyDict>,
    /// The names that are bound.
    bound: Vec<String>,
    /// Files that are open for writing: the path, and how long it is.
    pub(crate) files: Vec<WrittenFile>,
    /// Variables that come back with the loggers, or as objects that have ended.
    pub(crate) provided: Vec<String>,
    /// Handlers of loggers.
    pub(crate) handlers: Vec<BoundHandler>,
    /// Messages about what a resumed run does not have, besides variables.
    pub(crate) losses: Vec<String>,
    /// Why the script could not go on, besides variables.
    pub(crate) blocked: Vec<String>,
    /// Objects that the script has set in the interpreter.
    pub(crate) kept: Vec<KeptObject>,
    /// Attributes of objects that cannot be saved.
    pub(crate) attributes: Vec<BoundAttribute<'py>>,
    /// Cells that were emptied, with what was in them.
    emptied: Vec<(Bound<'py, PyAny>, Bound<'py, PyAny>)>,
    /// The variable with the position.
    state: Bound<'py, PyDict>,
    /// The script and the functions under way, each with its local variables.
    pub(super) frames: Option<(Bound<'py, PyList>, Bound<'py, PyList>)>,
}

/// A handler of a logger, which is saved as a variable of its own.
pub(crate) struct BoundHandler {
    pub(crate) variable: String,
    /// The variable of the script that has it, if there is one: the number of the function under way, and the name.
    pub(crate) owner: Option<(usize, String)>,
    pub(crate) logger: String,
}

/// An object that the script has set in the interpreter or in a module, such as `sys.excepthook`. It is saved as a
/// variable of its own.
pub(crate) struct KeptObject {
    pub(crate) variable: String,
    /// What it is, for the user.
    pub(crate) description: String,
    /// Whether the script cannot go on without it.
    pub(crate) is_needed: bool,
}

/// An attribute of an object that cannot be saved and is made again. It is saved as a variable of its own.
pub(crate) struct BoundAttribute<'py> {
    pub(crate) variable: String,
    /// The variable that has the object: the number of the function under way, and the name.
    pub(crate) owner: (usize, String),
    pub(crate) attribute: String,
    pub(crate) value: Bound<'py, PyAny>,
}

impl<'py> BoundPosition<'py> {
    /// Binds it. Whatever waits in the buffers of files is written.
    ///
    /// # Errors
    /// Those of the namespace, and of files.
    pub(crate) fn bind(
        namespace: &Bound<'py, PyDict>,
        program: &StepProgram,
        position: Option<&StepPosition<'py>>,
    ) -> PyResult<Self> {
        let py = namespace.py();
        let mut this = Self {
            namespace: namespace.clone(),
            bound: Vec::new(),
            files: Vec::new(),
            provided: Vec::new(),
            handlers: Vec::new(),
            losses: Vec::new(),
            blocked: Vec::new(),
            kept: Vec::new(),
            attributes: Vec::new(),
            emptied: Vec::new(),
            state: PyDict::new(py),
            frames: None,
        };
        let state = this.state.clone();
        state.set_item("version", VERSION)?;
        state.set_item("names", own_names(namespace)?)?;
        for name in NOTED {
            state.set_item(name, program.object(py).getattr(name)?)?;
        }
        if let Some(StepPosition(frames)) = position {
            let outer = program.function(py, "outer_state")?.call1((program.object(py), namespace, frames))?;
            this.note_outer(&outer, frames)?;
            this.bind_locals(frames)?;
            state.set_item("outer", outer)?;
            state.set_item("frames", frames)?;
        }
        this.set(RUN_POSITION.to_owned(), state.as_any())?;
        Ok(this)
    }

    /// Empties the cells of the functions under way, and saves what was in them as variables: a function with a
    /// connection in its closure can then be saved, and the statement that made the connection fills the cell again.
    /// False if there is nothing to empty.
    ///
    /// # Errors
    /// Those of the namespace.
    pub(crate) fn empty_cells(&mut self, program: &StepProgram) -> PyResult<bool> {
        let py = self.namespace.py();
        let Some((frames, scopes)) = self.frames.clone().filter(|_| self.emptied.is_empty()) else { return Ok(false) };
        for (depth, frame) in frames.iter().enumerate().skip(1) {
            let scope = scopes.get_item(depth)?;
            for found in program.function(py, "empty_cells")?.call1((&frame, &scope))?.try_iter()? {
                let (name, cell, value): (String, _, Bound<'py, PyAny>) = found?.extract()?;
                self.emptied.push((cell, value.clone()));
                self.set(local_name(depth, &name), &value)?;
            }
            frame.set_item("locals", scope.call_method0("keys")?.try_iter()?.collect::<PyResult<Vec<_>>>()?)?;
        }
        Ok(!self.emptied.is_empty())
    }

    /// Whether one of these statements fills a cell.
    ///
    /// # Errors
    /// None that Python code can cause.
    pub(crate) fn is_in_cells(&self, statements: &[RerunStatement]) -> PyResult<bool> {
        let Some((frames, _)) = &self.frames else { return Ok(false) };
        for RerunStatement { name, depth, .. } in statements.iter().filter(|statement| statement.depth > 0) {
            // The run may be in another function than at the last checkpoint.
            if let Some(frame) = frames.try_iter()?.nth(*depth)
                && frame?.get_item("cells")?.contains(name)?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Binds the attributes of the objects that these statements make again, in place of those that were bound before.
    ///
    /// # Errors
    /// Those of the namespace.
    pub(crate) fn bind_attributes(&mut self, program: &StepProgram, statements: &[RerunStatement]) -> PyResult<()> {
        let py = self.namespace.py();
        for BoundAttribute { variable, .. } in std::mem::take(&mut self.attributes) {
            self.namespace.del_item(&variable).tolerated();
            self.bound.retain(|name| *name != variable);
        }
        let Some((_, scopes)) = self.frames.clone() else { return Ok(()) };
        let made = PyList::empty(py);
        for (number, RerunStatement { name, depth, .. }) in statements.iter().enumerate() {
            // The function that a statement belongs to may have returned since the last checkpoint.
            let Some(scope) = scopes.try_iter()?.nth(*depth).transpose()? else { continue };
            let Some(value) = scope.cast_into::<PyDict>().map_err(PyErr::from)?.get_item(name)? else { continue };
            let found = program.function(py, "kept_attributes")?.call1((program.object(py), name, value))?;
            let (found, how): (Bound<'py, PyDict>, Bound<'py, PyAny>) = found.extract()?;
            made.append((number, depth, name, found.keys(), how))?;
            for (attribute, value) in found {
                let attribute: String = attribute.extract()?;
                let variable = local_name(0, &format!("made{number}_{attribute}"));
                self.set(variable.clone(), &value)?;
                self.attributes.push(BoundAttribute { variable, owner: (*depth, name.clone()), attribute, value });
            }
        }
        self.state.set_item("made", made)
    }

    /// The variables of the script.
    pub(super) fn namespace(&self) -> &Bound<'py, PyDict> {
        &self.namespace
    }

    /// The variable with the position.
    pub(super) fn state(&self) -> &Bound<'py, PyDict> {
        &self.state
    }

    fn set(&mut self, name: String, value: &Bound<'py, PyAny>) -> PyResult<()> {
        self.namespace.set_item(&name, value)?;
        self.bound.push(name);
        Ok(())
    }

    /// Notes the files, and the variables that are handlers of loggers.
    fn note_outer(&mut self, outer: &Bound<'py, PyAny>, frames: &Bound<'py, PyList>) -> PyResult<()> {
        for file in outer.get_item("files")?.try_iter()? {
            let file = file?;
            let part = |name: &str| file.get_item(name);
            let (name, path) = (part("name")?.extract()?, part("path")?.extract()?);
            self.files.push(WrittenFile { name, path, length: part("size")?.extract()? });
        }
        for (number, found) in outer.call_method1("pop", ("handlers",))?.try_iter()?.enumerate() {
            let (handler, owner, logger): (Bound<'py, PyAny>, _, _) = found?.extract()?;
            let variable = local_name(0, &format!("handler{number}"));
            self.set(variable.clone(), &handler)?;
            self.handlers.push(BoundHandler { variable, owner, logger });
        }
        self.losses = outer.call_method1("pop", ("losses",))?.extract()?;
        self.blocked = outer.call_method1("pop", ("blocked",))?.extract()?;
        for ended in outer.get_item("ended")?.try_iter()? {
            let (depth, name, ..): (usize, String, Bound<'py, PyAny>, Bound<'py, PyAny>) = ended?.extract()?;
            self.provided.push(if depth == 0 { name } else { local_name(depth, &name) });
        }
        for (number, found) in outer.call_method1("pop", ("kept objects",))?.try_iter()?.enumerate() {
            let (object, description, is_needed): (Bound<'py, PyAny>, _, _) = found?.extract()?;
            let variable = local_name(0, &format!("kept{number}"));
            self.set(variable.clone(), &object)?;
            self.kept.push(KeptObject { variable, description, is_needed });
        }
        let loggers = outer.get_item("loggers")?;
        if loggers.is_none() {
            return Ok(());
        }
        for bound in loggers.get_item(1)?.try_iter()? {
            let (depth, name, _): (usize, String, Bound<'py, PyAny>) = bound?.extract()?;
            match depth {
                0 => self.provided.push(name),
                _ => frames.get_item(depth)?.get_item("locals")?.del_item(name)?,
            }
        }
        Ok(())
    }

    fn bind_locals(&mut self, frames: &Bound<'py, PyList>) -> PyResult<()> {
        let scopes = PyList::new(self.namespace.py(), [&self.namespace])?;
        self.frames = Some((frames.clone(), scopes.clone()));
        for (depth, frame) in frames.iter().enumerate().skip(1) {
            let locals = frame.get_item("locals")?.cast_into::<PyDict>()?;
            for (name, value) in locals.iter() {
                self.set(local_name(depth, &name.extract::<String>()?), &value)?;
            }
            frame.set_item("locals", locals.keys())?;
            scopes.append(locals)?;
        }
        Ok(())
    }
}

impl Drop for BoundPosition<'_> {
    fn drop(&mut self) {
        for name in &self.bound {
            self.namespace.del_item(name).tolerated();
        }
        for (cell, value) in &self.emptied {
            cell.setattr("cell_contents", value).tolerated();
        }
    }
}

/// The variable that holds a local variable of a function under way.
pub(super) fn local_name(depth: usize, name: &str) -> String {
    format!("{RUN_POSITION}{depth}_{name}")
}

/// The depth and the name of the local variable that a variable of a checkpoint holds; 0 for a global variable.
pub(crate) fn split_local(variable: &str) -> (usize, &str) {
    let local = variable.strip_prefix(RUN_POSITION).and_then(|rest| rest.split_once('_'));
    let local = local.and_then(|(depth, name)| Some((depth.parse().ok()?, name)));
    local.unwrap_or((0, variable))
}

/// The names of the script, in their order.
fn own_names<'py>(namespace: &Bound<'py, PyDict>) -> PyResult<Bound<'py, PyList>> {
    let names = PyList::empty(namespace.py());
    for key in namespace.copy()?.keys().iter() {
        if key.cast::<PyString>().is_ok_and(|key| !is_of_module(&key.to_string_lossy())) {
            names.append(key)?;
        }
    }
    Ok(names)
}

/// How far the run has come.
///
/// # Errors
/// Those of a broken position.
pub(crate) fn progress_of(py: Python<'_>, program: &StepProgram, position: &StepPosition<'_>) -> PyResult<RunProgress> {
    let mut places = Vec::new();
    for frame in position.0.iter() {
        let part = |name: &str| frame.get_item(name);
        let (function, line) = (part("root")?.extract()?, part("line")?.extract()?);
        places.push(RunPlace { function, line, path: part("path")?.extract()?, next: part("at")?.extract()? });
    }
    let (steps_done, steps) = program.object(py).call_method1("progress", (&position.0,))?.extract()?;
    Ok(RunProgress { places, steps_done, steps, ..RunProgress::default() })
}

/// The position as the part in Python wants it.
pub(super) fn frames_of<'py>(py: Python<'py>, progress: &RunProgress) -> PyResult<Bound<'py, PyList>> {
    let frames = PyList::empty(py);
    for RunPlace { function, path, next, .. } in &progress.places {
        let path = pyo3::types::PyTuple::new(py, path.iter().map(|(block, number)| (block.as_str(), *number)))?;
        frames.append((function, path, next))?;
    }
    Ok(frames)
}
