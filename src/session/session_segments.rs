//! Saves a session: selects the variables, and writes a segment for each of them, in the order of the file. After the
//! variables come the state of the project's modules, the local variables of frames, and the ambient state.

use anyhow::Result;
use pyo3::prelude::*;

use super::ambient::{self, AmbientEntry};
use super::code_objects::CodeReader;
use super::crash_frames::FrameLocal;
use super::interpreter_guards::{IgnoredWarnings, PausedCollector};
use super::load_faults::{CheckedVariable, LoadFaults};
use super::load_needs;
use super::provenance::ScriptNames;
use super::save_request::{SaveRequest, SaveSource};
use super::select::{NamedValue, SelectedNames, select};
use super::size_estimate::{check_room, likely_size};
use super::variable_saver::{SaverInputs, VariableSaver};
use crate::python::deferred_signals::check_signals;
use crate::snapshot::index::{LeftOut, SegmentRole};
use crate::snapshot::save_target::SaveTarget;
use crate::snapshot::work_meter::{self, WorkStage};
use crate::snapshot::writer::SnapshotWriter;

/// The variables of a session, in the file.
pub(super) struct SavedVariables<T: SaveTarget> {
    pub(super) writer: SnapshotWriter<T>,
    /// The names left out, with the reasons.
    pub(super) left_out: Vec<LeftOut>,
    /// The variables with objects whose load may fail.
    pub(super) checked: Vec<CheckedVariable>,
}

/// Saves a segment for each variable that the rules select. `names` comes from the source of the script; `faults` are
/// the objects that cannot be loaded.
pub(super) fn save_variables<'py, T: SaveTarget>(
    py: Python<'py>,
    request: &SaveRequest<'_>,
    source: &SaveSource<'_, 'py>,
    names: &ScriptNames,
    faults: &LoadFaults,
    writer: SnapshotWriter<T>,
) -> Result<SavedVariables<T>> {
    // Before this save changes the warning filters.
    let ambient = if request.ambient { ambient::changed(py) } else { Vec::new() };
    let code_reader = CodeReader::new(py)?;
    let mut selection = select_with_needs(request, source, &code_reader)?;
    let early = load_needs::arrange(&mut selection.kept, source.globals, &code_reader)?;
    // Before anything is written: a full disk would otherwise show only after minutes of pickling.
    check_room(writer.free(), &selection.kept, request.rules)?;
    let inputs = SaverInputs { request, source, names, faults, code_reader: &code_reader };
    let saver = VariableSaver::new(inputs, &selection.kept, early, writer)?;
    let locals = request.frames.map_or_else(Vec::new, |frames| frames.locals(py));
    let all = selection.kept.iter().chain(locals.iter().map(|local| &local.named));
    saver.pickler.expect(all.map(|named| &named.value));
    let mut left_out = selection.left_out;
    save_all(py, &saver, &selection.kept, &locals, &ambient, &mut left_out)?;
    // Both apply to all names left out, whether by a rule or by a failure.
    for item in &mut left_out {
        item.line = names.lines.get(&item.name).copied();
    }
    add_users(&mut left_out, &selection.kept, source, &code_reader);
    let (writer, checked) = saver.finish()?;
    Ok(SavedVariables { writer, left_out, checked })
}

/// The names that the rules select and, if these are only a part of the session, the globals that they need.
fn select_with_needs<'py>(
    request: &SaveRequest<'_>,
    source: &SaveSource<'_, 'py>,
    code_reader: &CodeReader,
) -> PyResult<SelectedNames<'py>> {
    let mut selection = select(source.namespace, source.globals, request.rules, code_reader, source.is_part)?;
    if source.takes_needed(request.rules) {
        selection.add_needed(source.globals, request.rules, code_reader)?;
    }
    Ok(selection)
}

/// Writes all segments. Adds the variables that cannot be saved to `left_out`.
fn save_all<'py, T: SaveTarget>(
    py: Python<'py>,
    saver: &VariableSaver<'_, 'py, T>,
    kept: &[NamedValue<'py>],
    locals: &[FrameLocal<'py>],
    ambient: &[AmbientEntry],
    left_out: &mut Vec<LeftOut>,
) -> Result<()> {
    let _paused = PausedCollector::new(py)?;
    // If dill meets a recursive object that it cannot handle, it warns and writes a bare name, which does not exist in
    // another process: the saver makes an error of that warning.
    let _warnings = saver.filters.until_dropped(py);
    let _ignored = IgnoredWarnings::new(py);
    let is_measured = saver.request.measured;
    let mut after = if is_measured { likely_size(kept) } else { 0 };
    work_meter::begin(WorkStage::Saving, after);
    for named in kept {
        if is_measured {
            after = after.saturating_sub(likely_size(std::slice::from_ref(named)));
            work_meter::begin_variable(after);
        }
        // Nothing is being pickled now, so a signal handler of the script may run, and may end the save.
        check_signals(py)?;
        left_out.extend(saver.save(py, named, SegmentRole::Variable)?);
    }
    if saver.source.takes_needed(saver.request.rules) {
        let late = saver.save_late_globals(py, kept, left_out)?;
        left_out.extend(late);
    }
    // After all variables: objects that a module shares with them are in their segments, so they need nothing of the
    // module.
    left_out.extend(saver.save_module_state(py)?);
    left_out.extend(saver.save_locals(py, locals)?);
    ambient.iter().chain(&saver.code_sources()?).try_for_each(|entry| saver.save_ambient(entry))
}

/// Adds to each name left out the saved functions and classes that use it.
fn add_users(left_out: &mut [LeftOut], kept: &[NamedValue<'_>], source: &SaveSource<'_, '_>, code_reader: &CodeReader) {
    if left_out.is_empty() {
        return;
    }
    for named in kept {
        let used = code_reader.globals_used(&named.value, source.globals);
        for item in left_out.iter_mut().filter(|item| item.name != named.name && used.contains(&item.name)) {
            item.users.push(named.name.clone());
        }
    }
}
