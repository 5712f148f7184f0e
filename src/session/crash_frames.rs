//! Where a script is or ended: the exceptions of its traceback, with the causes and members of each, or the calls that
//! it is in; and the local variables of the frames in code that is not installed.
//!
//! Nothing here fails a save: what cannot be read of a frame is left out.

use std::collections::{HashMap, HashSet};

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyFunction, PyModule, PyString, PyType};

use super::module_state::{is_of_project, library_folder};
use super::select::{NamedValue, names_of_type};
use crate::python::deferred_signals::{Tolerated, shown};
use crate::snapshot::index::{FrameKind, Index, RaisedError, StackFrame, local_name};

/// The most frames of one traceback: the outermost and the innermost. Endless recursion has a thousand.
const OUTERMOST: usize = 50;
const INNERMOST: usize = 150;
/// The most exceptions, of a chain or of groups.
const MOST_RAISED: usize = 100;

/// Exceptions and frames, as they are now.
#[derive(Default)]
pub(crate) struct CapturedFrames {
    raised: Vec<RaisedError>,
    frames: Vec<CapturedFrame>,
}

/// A frame, with the local variables that are saved.
struct CapturedFrame {
    described: StackFrame,
    locals: Option<Py<PyDict>>,
}

/// A local variable to save.
pub(super) struct FrameLocal<'py> {
    /// Its name is that in the index.
    pub(super) named: NamedValue<'py>,
    pub(super) bare_name: String,
}

impl CapturedFrames {
    /// Those of an exception that ended the script.
    pub(crate) fn of_error(py: Python<'_>, error: &PyErr, main: &Bound<'_, PyModule>) -> Self {
        let Some(mut capture) = FrameCapture::new(main).tolerated() else { return Self::default() };
        let value = error.value(py);
        // Before Python 3.12, an exception that nothing has printed or caught, as SystemExit, does not have it yet.
        if let (Some(traceback), None) = (error.traceback(py), value_traceback(value)) {
            value.setattr(intern!(py, "__traceback__"), traceback).tolerated();
        }
        // Odd exceptions may have no usable attributes.
        capture.add_chain(value, None).tolerated();
        capture.found
    }

    /// The calls that the main thread is in. `why` says why it is interrupted.
    pub(crate) fn of_stack(frame: Option<Bound<'_, PyAny>>, why: &str, main: &Bound<'_, PyModule>) -> Self {
        let Some(mut capture) = FrameCapture::new(main).tolerated() else { return Self::default() };
        let mut frames = Vec::new();
        let mut next = frame;
        while let Some(frame) = next {
            let line = frame.getattr("f_lineno").and_then(|line| line.extract()).tolerated().unwrap_or(0);
            next = frame.getattr("f_back").tolerated().filter(|back| !back.is_none());
            frames.push((frame, line));
        }
        frames.reverse();
        capture.found.raised.push(RaisedError { text: why.to_owned(), ..RaisedError::default() });
        capture.add_frames(frames, 0);
        capture.found
    }

    /// The local variables to save, in the order of the frames.
    pub(super) fn locals<'py>(&self, py: Python<'py>) -> Vec<FrameLocal<'py>> {
        let mut all = Vec::new();
        for (number, frame) in self.frames.iter().enumerate() {
            let Some(locals) = &frame.locals else { continue };
            for (name, value) in locals.bind(py).iter() {
                let Ok(bare_name) = name.extract::<String>() else { continue };
                all.push(FrameLocal { named: NamedValue { name: local_name(number, &bare_name), value }, bare_name });
            }
        }
        all
    }

    /// The names of the local variables, and those of their types.
    pub(crate) fn names_and_types(&self, py: Python<'_>) -> (HashSet<String>, HashSet<String>) {
        let all = self.locals(py);
        let types = all.iter().flat_map(|local| names_of_type(&local.named.value.get_type())).collect();
        (all.into_iter().map(|local| local.bare_name).collect(), types)
    }

    /// Describes exceptions and frames in the index.
    pub(super) fn describe_in(&self, index: &mut Index) {
        index.raised.clone_from(&self.raised);
        index.frames = self.frames.iter().map(|frame| frame.described.clone()).collect();
    }
}

/// Collects exceptions and frames.
struct FrameCapture<'py> {
    found: CapturedFrames,
    main: Bound<'py, PyDict>,
    /// The folder of the standard library.
    library: Option<String>,
    linecache: Bound<'py, PyModule>,
    /// The number of each frame that has locals, by its address. They stay alive: exceptions and callers hold them.
    known: HashMap<usize, u32>,
    /// The exceptions so far, by their address.
    seen: HashSet<usize>,
}

impl<'py> FrameCapture<'py> {
    fn new(main: &Bound<'py, PyModule>) -> PyResult<Self> {
        let py = main.py();
        let (found, known, seen) = Default::default();
        let (library, linecache) = (library_folder(py)?, py.import("linecache")?);
        Ok(Self { found, main: main.dict(), library, linecache, known, seen })
    }

    /// Adds an exception with those that it was raised from, which come first, as Python prints them. `group` is the
    /// number of the group that it is a member of.
    fn add_chain(&mut self, error: &Bound<'py, PyAny>, group: Option<u32>) -> PyResult<()> {
        let mut chain = vec![(error.clone(), if group.is_some() { "member" } else { "" })];
        self.seen.insert(error.as_ptr() as usize);
        while let Some((last, _)) = chain.last().filter(|_| chain.len() < MOST_RAISED) {
            let Some((next, relation)) = raised_before(last).tolerated().flatten() else { break };
            // A chain can be a circle.
            if !self.seen.insert(next.as_ptr() as usize) {
                break;
            }
            chain.push((next, relation));
        }
        let mut before: Option<usize> = None;
        for (error, relation) in chain.into_iter().rev() {
            let number = self.found.raised.len();
            if number >= MOST_RAISED {
                return Ok(());
            }
            if let Some(before) = before.and_then(|before| self.found.raised.get_mut(before)) {
                before.of = Some(as_number(number));
            }
            before = Some(number);
            let text = message(&error);
            self.found.raised.push(RaisedError { text, relation: relation.to_owned(), of: group, omitted: 0 });
            self.add_frames(traceback_frames(&error), as_number(number));
            for member in members(&error) {
                if !self.seen.contains(&(member.as_ptr() as usize)) {
                    self.add_chain(&member, Some(as_number(number)))?;
                }
            }
        }
        Ok(())
    }

    fn add_frames(&mut self, mut frames: Vec<(Bound<'py, PyAny>, u32)>, raised: u32) {
        if let Some(omitted) = frames.len().checked_sub(OUTERMOST + INNERMOST).filter(|omitted| *omitted > 0) {
            frames.drain(OUTERMOST..OUTERMOST + omitted);
            if let Some(error) = self.found.raised.get_mut(raised as usize) {
                error.omitted = as_number(omitted);
            }
        }
        for (frame, line) in frames {
            let captured = self.capture(&frame, line, raised).tolerated();
            self.found.frames.extend(captured);
        }
    }

    fn capture(&mut self, frame: &Bound<'py, PyAny>, line: u32, raised: u32) -> PyResult<CapturedFrame> {
        let py = frame.py();
        let code = frame.getattr(intern!(py, "f_code"))?;
        let path: String = lossy(&code.getattr(intern!(py, "co_filename"))?);
        let name = match code.getattr_opt(intern!(py, "co_qualname"))? {
            Some(name) => name,
            None => code.getattr(intern!(py, "co_name"))?,
        };
        let globals = frame.getattr(intern!(py, "f_globals"))?;
        let source = self.linecache.call_method1(intern!(py, "getline"), (&path, line, &globals));
        let source = source.tolerated().map(|source| lossy(&source).trim().to_owned()).unwrap_or_default();
        let mut described = StackFrame { raised, path, line, function: lossy(&name), source, ..StackFrame::default() };
        let mut locals = None;
        if self.is_own(&described.path, &globals) {
            let number = as_number(self.found.frames.len());
            let first = *self.known.entry(frame.as_ptr() as usize).or_insert(number);
            described.same_as = (first != number).then_some(first);
            let found = frame.getattr(intern!(py, "f_locals"))?;
            described.locals = if found.is(&self.main) { FrameKind::Globals } else { FrameKind::Saved };
            if described.locals == FrameKind::Saved && described.same_as.is_none() {
                locals = Some(copy_of_locals(&found, found.is(&globals))?.unbind());
            }
        }
        Ok(CapturedFrame { described, locals })
    }

    /// Whether code belongs to the script or its project, and not to an installed package or to Python.
    fn is_own(&self, path: &str, globals: &Bound<'py, PyAny>) -> bool {
        if globals.is(&self.main) {
            return true;
        }
        let library = self.library.as_deref();
        if !path.starts_with('<') {
            return is_of_project(path, library);
        }
        // Code in a string: of `exec` in a module of the project, or of a library such as `dataclasses`.
        let file = globals.get_item("__file__").and_then(|file| file.extract::<String>());
        file.tolerated().is_some_and(|file| is_of_project(&file, library))
    }
}

/// The exception that an exception was raised from, as far as Python prints it.
fn raised_before<'py>(error: &Bound<'py, PyAny>) -> PyResult<Option<(Bound<'py, PyAny>, &'static str)>> {
    let py = error.py();
    let cause = error.getattr(intern!(py, "__cause__"))?;
    if !cause.is_none() {
        return Ok(Some((cause, "cause")));
    }
    let context = error.getattr(intern!(py, "__context__"))?;
    let is_hidden = error.getattr(intern!(py, "__suppress_context__"))?.is_truthy()?;
    Ok((!is_hidden && !context.is_none()).then_some((context, "context")))
}

/// The members of an exception group.
fn members<'py>(error: &Bound<'py, PyAny>) -> Vec<Bound<'py, PyAny>> {
    let py = error.py();
    let group = py.import("builtins").and_then(|builtins| builtins.getattr("BaseExceptionGroup"));
    let is_group = group.and_then(|group| error.is_instance(&group)).tolerated();
    if is_group != Some(true) {
        return Vec::new();
    }
    error.getattr("exceptions").and_then(|members| members.extract()).tolerated().unwrap_or_default()
}

fn value_traceback<'py>(error: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
    error.getattr(intern!(error.py(), "__traceback__")).tolerated().filter(|it| !it.is_none())
}

/// The frames of an exception's traceback with their lines, the outermost first.
fn traceback_frames<'py>(error: &Bound<'py, PyAny>) -> Vec<(Bound<'py, PyAny>, u32)> {
    let py = error.py();
    let mut frames = Vec::new();
    let mut next = value_traceback(error);
    while let Some(entry) = next {
        let line = entry.getattr(intern!(py, "tb_lineno")).and_then(|line| line.extract()).tolerated().unwrap_or(0);
        let frame = entry.getattr(intern!(py, "tb_frame")).tolerated();
        frames.extend(frame.map(|frame| (frame, line)));
        next = entry.getattr(intern!(py, "tb_next")).tolerated().filter(|it| !it.is_none());
    }
    frames
}

/// `ValueError: step is zero`, without notes.
fn message(error: &Bound<'_, PyAny>) -> String {
    let py = error.py();
    let lines = || -> PyResult<String> {
        let lines = py.import("traceback")?.call_method1("format_exception_only", (error.get_type(), error))?;
        Ok(lossy(&PyString::new(py, "").call_method1("join", (lines,))?).trim_end().to_owned())
    };
    let name = || error.get_type().name().map(|name| shown(&name)).tolerated();
    lines().tolerated().or_else(name).unwrap_or_default()
}

/// The variables of a frame. Those of a module are without what importing it makes, and those of the interpreter are
/// left out.
fn copy_of_locals<'py>(locals: &Bound<'py, PyAny>, of_module: bool) -> PyResult<Bound<'py, PyDict>> {
    let py = locals.py();
    // A dict, or a view of the frame since Python 3.13.
    let all = py.get_type::<PyDict>().call1((locals,))?.cast_into::<PyDict>()?;
    let kept = PyDict::new(py);
    for (name, value) in all.iter() {
        let Ok(text) = name.extract::<String>() else { continue };
        let is_dunder = text.starts_with("__") && text.ends_with("__");
        let is_definition = || {
            value.is_instance_of::<PyModule>()
                || value.is_instance_of::<PyFunction>()
                || value.is_instance_of::<PyType>()
        };
        // The iterator of a comprehension is called `.0`.
        let is_left_out = is_dunder || text.starts_with('.') || (of_module && is_definition());
        if !is_left_out {
            kept.set_item(name, value)?;
        }
    }
    Ok(kept)
}

fn lossy(text: &Bound<'_, PyAny>) -> String {
    text.cast::<PyString>().map(|text| text.to_string_lossy().into_owned()).unwrap_or_default()
}

fn as_number(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
