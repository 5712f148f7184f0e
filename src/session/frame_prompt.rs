//! Selects a frame of a crash snapshot: binds its local variables, and gives a prompt `frames`, `up`, `down` and
//! `frame`.
//!
//! The part in Python shows strings of the file, so they are escaped here.

use std::ffi::CStr;

use anyhow::Result;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyList, PyModule};

use super::restore::LoadedFrames;
use crate::exit;
use crate::snapshot::index::{FrameKind, Index, RaisedError, StackFrame};
use crate::ui::escape;

const SOURCE: &CStr = match CStr::from_bytes_with_nul(concat!(include_str!("frame_prompt.py"), "\0").as_bytes()) {
    Ok(source) => source,
    Err(_) => c"",
};

/// The frames of a file whose local variables have been loaded.
pub(crate) struct FramePrompt<'py>(Bound<'py, PyAny>);

impl<'py> FramePrompt<'py> {
    /// # Errors
    /// If a library that it needs is broken.
    pub(crate) fn new(py: Python<'py>, index: &Index, loaded: &LoadedFrames) -> PyResult<Self> {
        let module = PyModule::from_code(py, SOURCE, c"<snapcli frames>", c"_snapcli_frames")?;
        let headings = PyList::new(py, index.raised.iter().map(|raised| escape(&heading(raised)).into_owned()))?;
        let rows = PyList::empty(py);
        for (number, frame) in index.frames.iter().enumerate() {
            rows.append(row(number, frame))?;
        }
        let locals = PyDict::new(py);
        for (number, variables) in loaded {
            locals.set_item(number, variables)?;
        }
        let namespace = py.import("__main__")?.dict();
        Ok(Self(module.getattr("Frames")?.call1((namespace, headings, rows, locals))?))
    }

    /// Binds the local variables of a frame.
    ///
    /// # Errors
    /// Those of the namespace.
    pub(crate) fn bind(&self, number: usize) -> PyResult<()> {
        self.0.call_method1("bind", (number,)).map(drop)
    }

    /// Prints where the bound frame is, and makes the functions of the prompt known. Returns those whose names are
    /// those of variables, each with the expression that has the function.
    ///
    /// # Errors
    /// If printing fails.
    pub(crate) fn begin(&self) -> PyResult<Vec<(String, String)>> {
        let hidden = self.0.call_method0("install")?.extract()?;
        self.0.call_method0("show")?;
        Ok(hidden)
    }
}

/// What an exception is, in a line.
fn heading(raised: &RaisedError) -> String {
    let relation = match raised.relation.as_str() {
        "cause" => "the cause: ",
        "context" => "raised before: ",
        "member" => "in the group: ",
        _ => "",
    };
    let text = raised.text.lines().next().unwrap_or_default();
    let omitted =
        if raised.omitted == 0 { String::new() } else { format!(" ({} frames are not kept)", raised.omitted) };
    format!("{relation}{text}{omitted}")
}

/// As the part in Python wants it.
fn row(number: usize, frame: &StackFrame) -> (u32, String, u32, String, String, &'static str, u32) {
    let kind = match frame.locals {
        FrameKind::Library => "library",
        FrameKind::Saved => "saved",
        FrameKind::Globals => "globals",
    };
    let escaped = |text: &str| escape(text).into_owned();
    let home = frame.same_as.unwrap_or(u32::try_from(number).unwrap_or(u32::MAX));
    (frame.raised, escaped(&frame.path), frame.line, escaped(&frame.function), escaped(&frame.source), kind, home)
}

/// The frame where a prompt begins: the innermost one of the exception that ended the script whose locals are saved.
pub(crate) fn first_frame(index: &Index) -> Option<usize> {
    let is_last =
        |frame: &StackFrame| index.raised.get(frame.raised as usize).is_some_and(|raised| raised.relation.is_empty());
    let frames = || index.frames.iter().enumerate().rev();
    let own = frames().find(|(_, frame)| is_last(frame) && frame.locals != FrameKind::Library);
    own.or_else(|| frames().next()).map(|(number, _)| number)
}

/// The frame that the user means; a negative number counts from the innermost one.
///
/// # Errors
/// If there is no such frame, or its local variables are not saved.
pub(crate) fn frame_number(index: &Index, number: i64, file: &str) -> Result<usize> {
    let usage = |text: String| exit::error(exit::USAGE, text);
    if index.frames.is_empty() {
        return Err(usage(format!("{file} has no frames: only the snapshot of a script that failed has any")));
    }
    let length = index.frames.len();
    let found = match usize::try_from(number) {
        Ok(number) => Some(number),
        Err(_) => usize::try_from(number.unsigned_abs()).ok().and_then(|back| length.checked_sub(back)),
    };
    let found = found.filter(|number| *number < length);
    let Some(found) = found else {
        return Err(usage(format!("{file} has no frame {number}: its frames are 0 to {}", length - 1)));
    };
    if index.frames.get(found).is_some_and(|frame| frame.locals == FrameKind::Library) {
        let saved = index.frames.iter().enumerate().filter(|(_, frame)| frame.locals != FrameKind::Library);
        let saved: Vec<String> = saved.map(|(number, _)| number.to_string()).collect();
        return Err(usage(format!(
            "the locals of frame {found} were not saved, because its code is installed: those of {} were",
            saved.join(", ")
        )));
    }
    Ok(found)
}
