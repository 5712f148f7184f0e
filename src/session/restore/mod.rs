//! Restores a file: its variables become names of `__main__`, of the module they were saved from, or of a dict.
//!
//! One of our own snapshots is restored in four steps: [`selection`] chooses variables, [`LoadPlan`] says what is
//! loaded of these and of others that share objects with them, [`fetch`] checks bytes and reads raw buffers, and
//! [`load_variables`] loads them. [`foreign_load`] loads any other pickle as a whole. Files that are not trusted go
//! another way ([`built_load`]): no unpickler reads them.

mod attribute_setter;
mod bound_names;
mod buffer_memory;
mod builder;
mod built_load;
mod class_finder;
mod dill_equivalents;
mod dill_functions;
mod fault_log;
mod foreign_load;
pub(super) mod installed_imports;
mod joblib_load;
mod joined_loads;
mod load_variables;
mod loss_reason;
mod module_renames;
mod restore_context;
mod segment_loader;
mod selection;
mod unpickler;
mod unpickler_stream;
mod untrusted_load;

use std::collections::HashSet;
use std::sync::Arc;

use anyhow::Result;
use pyo3::exceptions::{PyKeyboardInterrupt, PyMemoryError, PyUnicodeDecodeError};
use pyo3::prelude::*;

use self::buffer_memory::{BufferMemory, MappedFile};
pub(crate) use self::built_load::build_object;
pub(crate) use self::fault_log::{FaultLog, LoadFault};
use self::load_variables::{ChosenVariable, Refusal, VariableLoads};
pub(crate) use self::loss_reason::FailedImport;
use self::loss_reason::missing_module;
pub(crate) use self::module_renames::ModuleRenames;
pub(crate) use self::restore_context::{
    AmbientChoice, FrameChoice, LoadedFrames, LostVariable, RestoreRequest, Restored,
};
use self::restore_context::{RestoreContext, add_script_directory, bind_module};
use self::segment_loader::{SegmentLoader, other_python};
use self::selection::choose;
pub(crate) use self::untrusted_load::{Signer, Untrusted};
use super::ambient::{self, AppliedState};
use super::code_sources;
use super::failure_path::error_text;
use super::interpreter_guards::{IgnoredWarnings, PausedCollector};
use super::ipython_names::KeptNames;
use crate::exit::{self, OrExit};
use crate::python::deferred_signals::Tolerated as _;
use crate::snapshot::index::{Index, SegmentRole, Variable};
use crate::snapshot::load_plan::{LoadPlan, LostSlots, Usable};
use crate::snapshot::needed_opcodes::bytes_for;
use crate::snapshot::reader::{Contents, Damage, Memory, OpcodeImage, Progress, ReadError, Snapshot, Wanted};
use crate::snapshot::segment::{Load, SegmentError, VariableSegment};
use crate::snapshot::work_meter::{self, WorkStage};

/// Checks the requested variables of a file, and loads them. `progress` is called with the bytes that were read.
///
/// # Errors
/// [`Untrusted`] if the file is not trusted and would do more than build plain data. All errors carry an exit code.
pub(crate) fn restore<'py>(
    py: Python<'py>,
    snapshot: &Arc<Snapshot>,
    request: &RestoreRequest<'_, 'py>,
    progress: Progress<'_>,
) -> Result<Restored> {
    let ignored = IgnoredWarnings::new(py);
    let paused = PausedCollector::new(py)?;
    let held = snapshot.hold().or_exit(exit::DAMAGED, || format!("cannot restore {}", request.name))?;
    let restored = match snapshot.contents() {
        Contents::Own { index } if !request.trusted => built_load::restore_own(py, snapshot, index, request, progress),
        Contents::Own { index } => restore_own(py, snapshot, index, request, progress),
        Contents::Foreign { .. } => restore_foreign(py, snapshot, request),
    };
    // Before the collector is resumed, which would run at the next allocation.
    drop(held);
    drop(ignored);
    drop(paused);
    work_meter::begin(WorkStage::None, 0);
    let mut restored = restored.map_err(|error| explain_rename(error, request))?;
    request.renames.explain(&mut restored.lost);
    restored.notes.extend(request.renames.notes());
    Ok(restored)
}

fn restore_foreign<'py>(
    py: Python<'py>,
    snapshot: &Arc<Snapshot>,
    request: &RestoreRequest<'_, 'py>,
) -> Result<Restored> {
    // Fails if the file is not a pickle. The trust check below would report such a file as untrusted instead.
    snapshot.raw_arrays()?;
    if !request.only.is_empty() || !request.exclude.is_empty() || request.mapped {
        let text = format!(
            "{} has no index, so it can only be restored as a whole: omit --only, --exclude and --mmap",
            request.name
        );
        return Err(exit::error(exit::USAGE, text));
    }
    // A dill session of a kernel has the inputs and outputs of that kernel.
    let kept = if request.into.is_none() { Some(KeptNames::of(&py.import("__main__")?.dict())) } else { None };
    let restored = restore_foreign_names(py, snapshot, request);
    drop(kept);
    restored
}

fn restore_foreign_names<'py>(
    py: Python<'py>,
    snapshot: &Arc<Snapshot>,
    request: &RestoreRequest<'_, 'py>,
) -> Result<Restored> {
    if !request.trusted {
        return built_load::restore_foreign(py, snapshot, request);
    }
    foreign_load::load(py, snapshot, request).map_err(|error| explain_error(py, &error, request.name))
}

fn restore_own<'py>(
    py: Python<'py>,
    snapshot: &Arc<Snapshot>,
    index: &Index,
    request: &RestoreRequest<'_, 'py>,
    progress: Progress<'_>,
) -> Result<Restored> {
    let cannot_restore = || format!("cannot restore {}", request.name);
    let segments = segments_for(index, request);
    let segments = segments.map_err(ReadError::from).or_exit(exit::DAMAGED, cannot_restore)?;
    let mut variables = select(py, index, segments.clone(), request)?;
    let bound = variables.iter().map(|chosen| chosen.is_bound);
    let file = bytes_for(snapshot, &segments, bound, false).or_exit(exit::DAMAGED, cannot_restore)?;
    let (loads, lost_slots) = plan_for(file, &segments, &variables, &Damage::default(), request).loads();
    let scanned = variables_that_share_lost_objects(&variables, &loads, &lost_slots);
    // From here on, an exception may come from code of the file or of an imported module.
    let failed = |error: PyErr| explain_error(py, &error, request.name);
    let entries = ambient_entries(snapshot, index, request)?;
    let mut state = AppliedState::default();
    // Directories that the script added may have modules that the variables need.
    state.apply(py, &entries, ambient::is_early);
    // Modules next to the script must be importable before the session's own module is.
    if request.finds_script_modules {
        add_script_directory(py, index)?;
    }
    let module = py.import(index.module.as_str()).map_err(failed)?;
    let (damage, opcodes) = fetch(py, snapshot, index, &mut variables, (&loads, &scanned), request, progress)?;
    let opcodes = Arc::new(opcodes);
    note_damage(&mut variables, &damage);
    // From here on, only what was checked is read: the file may have changed meanwhile.
    let plan = plan_for(opcodes.bytes(), &segments, &variables, &damage, request);
    let (loads, lost_slots) = plan.loads();
    let namespace = request.into.clone().unwrap_or_else(|| module.dict());
    let context = RestoreContext::new(request, module, namespace).map_err(failed)?;
    work_meter::begin(WorkStage::Loading, bytes_to_load(&variables, &loads));
    let loader = SegmentLoader::new(py, &opcodes, &context).map_err(failed)?;
    let loading = VariableLoads::new(loader, &context, &plan, lost_slots);
    let (names, lost, frames) = loading.load_all(&mut variables, loads).map_err(failed)?;
    if request.into.is_none() {
        bind_module(py, &context.module)?;
    }
    code_sources::restore_sources(py, snapshot, index, &mut state.notes);
    // The other libraries are those that are loaded by now.
    if request.only.is_empty() {
        state.apply(py, &entries, |name| is_late_state(name, request));
    }
    let notes = state.notes.into_iter().chain(unmapped_note(snapshot, request)).chain(context.kept.notes()).collect();
    Ok(Restored { names, lost, module: index.module.clone(), state: state.names, notes, frames })
}

/// Whether a part of the ambient state is applied after the variables are loaded.
fn is_late_state(name: &str, request: &RestoreRequest<'_, '_>) -> bool {
    let has_directory = request.ambient == AmbientChoice::AllAndDirectory;
    !ambient::is_early(name) && (has_directory || !ambient::is_directory(name))
}

/// How many bytes the unpickler will read.
fn bytes_to_load(variables: &[ChosenVariable<'_, '_>], loads: &[Load]) -> u64 {
    let loaded = loads.iter().zip(variables).filter(|(load, _)| !matches!(load, Load::Nothing));
    loaded.map(|(_, chosen)| opcodes_of(chosen.variable())).sum()
}

/// The segments that the request may load objects from. Local variables may share objects with the state of modules.
fn segments_for<'a>(
    index: &'a Index,
    request: &RestoreRequest<'_, '_>,
) -> Result<Vec<VariableSegment<'a>>, SegmentError> {
    let has_frames = request.frames != FrameChoice::None;
    let wanted = index.segments().filter(|(role, _)| match role {
        SegmentRole::Variable => true,
        SegmentRole::ModuleItem => sets_modules(request) || has_frames,
        SegmentRole::FrameLocal => has_frames,
        SegmentRole::Ambient => false,
    });
    wanted.map(|(role, variable)| VariableSegment::of(role, variable)).collect()
}

/// Whether variables of other modules are set. A dict takes none, and a file that is not trusted must not change any.
fn sets_modules(request: &RestoreRequest<'_, '_>) -> bool {
    request.trusted && request.into.is_none()
}

/// The ambient state that the request wants.
fn ambient_entries(
    snapshot: &Snapshot,
    index: &Index,
    request: &RestoreRequest<'_, '_>,
) -> Result<Vec<(String, serde_json::Value)>> {
    if request.ambient == AmbientChoice::None || request.into.is_some() {
        return Ok(Vec::new());
    }
    ambient::stored_entries(snapshot, index).or_exit(exit::DAMAGED, || format!("cannot restore {}", request.name))
}

/// All variables of the index, and which of them the request binds to names.
fn select<'a, 'py>(
    py: Python<'py>,
    index: &'a Index,
    segments: Vec<VariableSegment<'a>>,
    request: &RestoreRequest<'_, 'py>,
) -> Result<Vec<ChosenVariable<'a, 'py>>> {
    let (bound, locals) = choose(index, request.only, request.exclude, request.frames);
    // An empty session matches everything, so it is no usage error.
    if !bound.contains(&true) && !locals.contains(&true) && !index.variables.is_empty() {
        let text = format!("no variable in {} matches: list them with `snapcli restore --list`", request.name);
        return Err(exit::error(exit::USAGE, text));
    }
    let other_python = other_python(py, index, request.trusted);
    // The variables are followed by the state of modules, if any segment of that may be loaded.
    let has_modules = segments.iter().any(|segment| segment.role() == SegmentRole::ModuleItem);
    let of_session = bound.into_iter().take(if has_modules { usize::MAX } else { index.variables.len() });
    let chosen = segments.into_iter().zip(of_session.chain(locals)).map(|(segment, is_bound)| {
        let is_bound = is_bound && (segment.role() != SegmentRole::ModuleItem || sets_modules(request));
        let has_code = segment.variable().has_code;
        let refusal = other_python.clone().filter(|_| has_code).map(Refusal::OtherPython);
        ChosenVariable { segment, is_bound, memory: None, refusal }
    });
    Ok(chosen.collect())
}

/// What may be loaded of a variable if its bytes are intact.
fn usable(chosen: &ChosenVariable<'_, '_>, request: &RestoreRequest<'_, '_>) -> Usable {
    let for_others = match &chosen.refusal {
        None | Some(Refusal::Damaged(_) | Refusal::Module(_)) => Usable::FOR_OTHERS,
        Some(Refusal::OtherPython(_)) if request.trusted => Usable { code: false, ..Usable::FOR_OTHERS },
        // Whether a variable contains code is only known from the index.
        Some(Refusal::OtherPython(_)) => Usable::NOTHING,
    };
    Usable { whole: chosen.is_bound && chosen.refusal.is_none(), ..for_others }
}

/// What is loaded of each segment.
fn plan_for<'s, 'v>(
    file: &'s [u8],
    segments: &'s [VariableSegment<'v>],
    variables: &[ChosenVariable<'_, '_>],
    damage: &Damage,
    request: &RestoreRequest<'_, '_>,
) -> LoadPlan<'s, 'v> {
    let usable = variables.iter().map(|chosen| damage.usable(chosen.variable(), usable(chosen, request)));
    LoadPlan::new(file, segments.iter(), usable.collect(), !request.trusted)
}

/// Notes why damaged variables are not loaded.
fn note_damage(variables: &mut [ChosenVariable<'_, '_>], damage: &Damage) {
    for chosen in variables {
        if let Some(why) = damage.reason(chosen.variable()) {
            chosen.refusal = Some(Refusal::Damaged(why));
        }
    }
}

/// The variables that are not refused themselves, but share objects that cannot be loaded. Nothing is loaded of them.
/// Their opcodes say so, and to whom these objects belong.
fn variables_that_share_lost_objects(
    variables: &[ChosenVariable<'_, '_>],
    loads: &[Load],
    lost_slots: &LostSlots,
) -> HashSet<usize> {
    let owners: HashSet<usize> = lost_slots.values().copied().collect();
    let shares = |(number, (chosen, load)): &(usize, (&ChosenVariable<'_, '_>, &Load))| {
        matches!(load, Load::Nothing) && chosen.refusal.is_none() && (chosen.is_bound || owners.contains(number))
    };
    variables.iter().zip(loads).enumerate().filter(shares).map(|(number, _)| number).collect()
}

/// Checks the bytes of all that will be loaded, and reads its opcodes and the raw buffers that it needs into memory,
/// before any variable is loaded. Of those that are `scanned`, only the opcodes are read. Damage is an error, unless
/// the request is partial.
fn fetch<'py>(
    py: Python<'py>,
    snapshot: &Snapshot,
    index: &Index,
    variables: &mut [ChosenVariable<'_, 'py>],
    (loads, scanned): (&[Load], &HashSet<usize>),
    request: &RestoreRequest<'_, 'py>,
    progress: Progress<'_>,
) -> Result<(Damage, OpcodeImage)> {
    let mapped = mapping_for(py, snapshot, variables, loads, request)?;
    let wanted = wanted_bytes(py, variables, (loads, scanned), mapped.as_ref())?;
    let total = wanted.iter().map(|wanted| match wanted.memory {
        Memory::Mapped => opcodes_of(wanted.variable),
        Memory::Filled(_) => wanted.variable.length,
    });
    work_meter::begin(WorkStage::Checking, total.sum());
    let progress: Progress<'_> = &|bytes| {
        work_meter::advance(bytes);
        progress(bytes);
    };
    // Release the GIL: reading and hashing touch no Python object except the memory that `wanted` locks.
    let trusted = request.trusted;
    let fetched = py.detach(|| match trusted {
        true => snapshot.fetch_opcodes(index, wanted, progress),
        // These opcodes were copied before they were judged.
        false => snapshot.fetch(index, wanted, progress).map(|damage| (damage, OpcodeImage::default())),
    });
    let fetched = fetched.and_then(|(damage, opcodes)| {
        if damage.is_none() || request.partial { Ok((damage, opcodes)) } else { Err(ReadError::Damaged(damage)) }
    });
    fetched.or_exit(exit::DAMAGED, || format!("cannot restore {}", request.name))
}

/// Whether a load needs the contents of the raw buffer with this number.
fn needs_buffer(load: &Load, number: usize) -> bool {
    match load {
        Load::Nothing => false,
        Load::Whole => true,
        Load::Objects(objects) => objects.buffers.contains(&number),
    }
}

fn takes_buffers(variable: &Variable, load: &Load) -> bool {
    (0..variable.buffers.len()).any(|number| needs_buffer(load, number))
}

/// The mapping of the file, if raw buffers are to be mapped. One serves all variables: each takes views of it.
fn mapping_for<'s, 'py>(
    py: Python<'py>,
    snapshot: &'s Snapshot,
    variables: &[ChosenVariable<'_, 'py>],
    loads: &[Load],
    request: &RestoreRequest<'_, 'py>,
) -> Result<Option<MappedFile<'s, 'py>>> {
    let is_mapped = request.mapped && snapshot.why_not_mapped().is_none();
    if !is_mapped || !variables.iter().zip(loads).any(|(chosen, load)| takes_buffers(chosen.variable(), load)) {
        return Ok(None);
    }
    let usage = || exit::error(exit::USAGE, "cannot memory-map standard input: save it to a file first");
    MappedFile::new(py, snapshot)?.ok_or_else(usage).map(Some)
}

/// What is read of the variables that are loaded or scanned, and the memory for it, which each of them keeps.
fn wanted_bytes<'v, 'm, 'py>(
    py: Python<'py>,
    variables: &'m mut [ChosenVariable<'v, 'py>],
    (loads, scanned): (&[Load], &HashSet<usize>),
    mapped: Option<&MappedFile<'_, 'py>>,
) -> Result<Vec<Wanted<'v, 'm>>> {
    let mut wanted = Vec::new();
    let read = variables.iter_mut().zip(loads).zip(0..);
    let read = read.filter(|((_, load), number)| !matches!(load, Load::Nothing) || scanned.contains(number));
    for ((chosen, load), _) in read {
        let variable = chosen.variable();
        let memory = match (mapped, takes_buffers(variable, load)) {
            (Some(file), true) => file.views(&chosen.segment)?,
            (None, true) => BufferMemory::allocate(py, &chosen.segment, |number| needs_buffer(load, number))?,
            (_, false) if variable.buffers.is_empty() => BufferMemory::allocate(py, &chosen.segment, |_| false)?,
            // The contents of buffers that are not needed are not read, and not checked.
            (_, false) => BufferMemory::unread(),
        };
        let role = chosen.segment.role();
        wanted.push(Wanted { variable, role, memory: chosen.memory.insert(memory).fill_target() });
    }
    Ok(wanted)
}

/// That arrays were not mapped although that was asked for.
fn unmapped_note(snapshot: &Snapshot, request: &RestoreRequest<'_, '_>) -> Option<String> {
    let why = snapshot.why_not_mapped().filter(|_| request.mapped)?;
    Some(format!("{} {why}: its arrays were read into memory, and not mapped", request.name))
}

/// The bytes of a variable that the unpickler reads.
fn opcodes_of(variable: &Variable) -> u64 {
    variable.buffers.iter().fold(variable.length, |length, buffer| length.saturating_sub(buffer.length))
}

/// Turns an exception that ends a restore into an error with an exit code and advice.
fn explain_error(py: Python<'_>, error: &PyErr, name: &str) -> anyhow::Error {
    let text = error_text(py, error);
    if error.is_instance_of::<PyKeyboardInterrupt>(py) {
        return exit::error(exit::INTERRUPTED, format!("interrupted while restoring {name}"));
    }
    if error.is_instance_of::<PyMemoryError>(py) {
        return exit::error(exit::NO_MEMORY, format!("cannot restore {name}: out of memory (see `ulimit -v`)"));
    }
    let unpickling = py.import("pickle").and_then(|pickle| pickle.getattr("UnpicklingError"));
    if unpickling.tolerated().is_some_and(|kind| error.value(py).is_instance(&kind).tolerated().unwrap_or(false)) {
        return exit::error(exit::DAMAGED, format!("{name} cannot be unpickled ({text}): save it again"));
    }
    if error.is_instance_of::<PyUnicodeDecodeError>(py) {
        let what = format!(
            "cannot restore {name}: it holds strings that Python 2 wrote: load it with pickle.load(file, \
             encoding='latin1') and save it again"
        );
        return anyhow::Error::msg(text).context(what);
    }
    match missing_module(py, error) {
        Some((module, package)) => {
            let what =
                format!("{name} needs the module {module}: install {package}, or select its environment with --python");
            anyhow::Error::new(MissingModule { text, module }).context(what)
        }
        None => anyhow::Error::msg(text).context(format!("cannot restore {name}: its unpickling code raised an error")),
    }
}

/// The error of a load that failed because a rename leads to a module that was not found; other errors as they are.
fn explain_rename(error: anyhow::Error, request: &RestoreRequest<'_, '_>) -> anyhow::Error {
    let module = error.chain().find_map(|link| Some(link.downcast_ref::<MissingModule>()?.module.clone()));
    let Some((module, advice)) = module.and_then(|module| Some((module.clone(), request.renames.advice(&module)?)))
    else {
        return error;
    };
    let text = format!("No module named '{module}'");
    anyhow::Error::new(MissingModule { text, module }).context(format!("cannot restore {}: {advice}", request.name))
}

/// The exception of an import that found no module.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub(crate) struct MissingModule {
    text: String,
    pub(crate) module: String,
}
