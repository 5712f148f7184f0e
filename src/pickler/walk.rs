//! Saves one object with all that hangs on it: works through the list of frames, and leaves the lock whenever Python
//! code has to run.

use pyo3::exceptions::{PyRecursionError, PyRuntimeError};
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyType};

use super::by_value;
use super::core::Core;
use super::fast::{Saved, save_fast};
use super::frame::{Frame, Step};
use super::live;
use super::native::Native;
use super::nesting::Nesting;
use super::op;
use super::reduce;
use super::types::{Info, classify, importable, module_name};

/// The most frames, of some hundred bytes each: what makes new objects for ever ends before memory does.
const DEEPEST: usize = 5_000_000;
/// The most objects of a failing walk that are kept for the path to the one at fault.
const KEPT: usize = 100;

/// Saves an object to the end.
pub(super) fn save<'py>(native: &Bound<'py, Native>, object: &Bound<'py, PyAny>) -> PyResult<()> {
    let py = native.py();
    let mut core = native.get().lock()?;
    core.out.between_opcodes()?;
    // SAFETY: the caller holds the object.
    let saved = first(py, &mut core, object)?;
    let frame = match saved {
        Saved::Done => return Ok(()),
        Saved::Open(frame) => Some(frame),
        Saved::Slow => {
            drop(core);
            let frame = open(native, &[], object)?;
            core = native.get().lock()?;
            frame
        }
    };
    drop(core);
    match frame {
        Some(frame) => walk(native, vec![frame]),
        None => Ok(()),
    }
}

#[allow(unsafe_code)]
fn first<'py>(py: Python<'py>, core: &mut Core, object: &Bound<'py, PyAny>) -> PyResult<Saved<'py>> {
    // SAFETY: the caller's reference and that of whatever it came from keep the object alive.
    unsafe { save_fast(py, core, object.as_ptr()) }
}

/// Works through frames until none is left.
pub(super) fn walk<'py>(native: &Bound<'py, Native>, mut frames: Vec<Frame<'py>>) -> PyResult<()> {
    let result = work(native, &mut frames);
    if result.is_err() {
        let objects: Vec<_> = frames.iter().rev().take(KEPT).filter_map(Frame::object).collect();
        if let Ok(mut core) = native.get().lock() {
            core.fault.extend(objects.into_iter().map(Bound::unbind));
        }
    }
    result
}

fn work<'py>(native: &Bound<'py, Native>, frames: &mut Vec<Frame<'py>>) -> PyResult<()> {
    let py = native.py();
    let mut core = native.get().lock()?;
    loop {
        let depth = frames.len();
        let Some(frame) = frames.last_mut() else { return Ok(()) };
        if depth > DEEPEST {
            return Err(PyRecursionError::new_err(format!("nested more than {DEEPEST} deep, without end perhaps")));
        }
        match frame.step(py, &mut core)? {
            Step::Push(frame) => frames.push(frame),
            Step::Pop => drop(frames.pop()),
            Step::Slow(object) => {
                drop(core);
                let next = open(native, frames, &object)?;
                frames.extend(next);
                core = native.get().lock()?;
            }
            Step::Then(then) => {
                drop(core);
                frames.extend(then(native)?);
                core = native.get().lock()?;
            }
            Step::Advance => {
                drop(core);
                let item = frame.next_item()?;
                core = native.get().lock()?;
                frame.item_taken(&mut core, item.is_some())?;
                match item {
                    None => drop(frames.pop()),
                    Some(item) => match first(py, &mut core, &item)? {
                        Saved::Done => {}
                        Saved::Open(frame) => frames.push(frame),
                        Saved::Slow => {
                            drop(core);
                            let next = open(native, frames, &item)?;
                            frames.extend(next);
                            core = native.get().lock()?;
                        }
                    },
                }
            }
        }
    }
}

/// Begins an object whose type alone does not say how it is written, and notes it where that fails. While all faults are
/// looked for, the first one is no end: None stands in for the object.
fn open<'py>(
    native: &Bound<'py, Native>,
    frames: &[Frame<'py>],
    object: &Bound<'py, PyAny>,
) -> PyResult<Option<Frame<'py>>> {
    let trail = native.get().lock()?.search.as_mut().map(|search| search.enter(frames));
    // What a reduction is called with may be any memory; elsewhere a buffer stands for bytes.
    let raw = matches!(frames, [.., Frame::Steps { .. }, Frame::Tuple { .. }]);
    let opened = slow(native, object, raw);
    let mut core = native.get().lock()?;
    if let (Some(trail), Some(search)) = (trail, core.search.as_mut()) {
        let opened = match opened {
            Err(error) if search.forgives(object, &error) => {
                core.out.byte(op::NONE);
                Ok(None)
            }
            opened => opened,
        };
        if let Some(search) = core.search.as_mut() {
            search.leave(trail);
        }
        return opened;
    }
    if opened.is_err() {
        core.fault.push(object.clone().unbind());
    }
    opened
}

/// Begins an object whose type alone does not say how it is written. The core is not locked, the object has no slot.
fn slow<'py>(native: &Bound<'py, Native>, object: &Bound<'py, PyAny>, raw: bool) -> PyResult<Option<Frame<'py>>> {
    let kind = object.get_type();
    let known = native.get().lock()?.types.contains_key(&(kind.as_ptr() as usize));
    if !known {
        let info = classify(&kind, &native.get().dill)?;
        native.get().lock()?.types.insert(kind.as_ptr() as usize, (kind.clone().unbind(), info));
    }
    let core = native.get().lock()?;
    let Some((_, info)) = core.types.get(&(kind.as_ptr() as usize)) else {
        return Err(PyRuntimeError::new_err("the table of types was changed"));
    };
    match info {
        // The first instance of a plain class comes here: its reduction gives the class a slot.
        Info::Plain | Info::Reduce => {
            drop(core);
            reduce::begin(native, object)
        }
        Info::Named => {
            drop(core);
            named(native, object)
        }
        Info::Module => {
            drop(core);
            module(native, object)
        }
        Info::Buffer => {
            drop(core);
            super::buffers::save(native, object, raw).map(|()| None)
        }
        Info::File => {
            drop(core);
            live::file(native, object)
        }
        Info::Lock(again) => {
            let again = *again;
            drop(core);
            live::lock(native, object, again)
        }
        Info::Member => {
            drop(core);
            by_value::member(native, object)
        }
        Info::TypeVariable => {
            drop(core);
            by_value::variable(native, object)
        }
        Info::Live(what) => {
            let what = *what;
            drop(core);
            live::refuse(native, object, what)
        }
        Info::Dill(function) => {
            let function = function.clone_ref(object.py());
            drop(core);
            by_dill(native, object, Some(function.bind(object.py()))).map(|()| None)
        }
        Info::DillSaves => {
            drop(core);
            by_dill(native, object, None).map(|()| None)
        }
    }
}

/// Classes and functions: by name where an import finds them, else made anew; functions dill's way.
fn named<'py>(native: &Bound<'py, Native>, object: &Bound<'py, PyAny>) -> PyResult<Option<Frame<'py>>> {
    let py = native.py();
    if let Some((module, name)) = importable(object, native.get().main.bind(py))? {
        reduce::write_global(native, object, &module, &name)?;
        return Ok(None);
    }
    if native.get().lock()?.get(object.as_ptr() as usize) {
        return Ok(None);
    }
    if let Ok(class) = object.cast::<PyType>()
        && by_value::is_ours(native, class)?
    {
        return by_value::class(native, class);
    }
    let function = native.get().dill.function(&object.get_type())?;
    by_dill(native, object, function.as_ref().map(|function| function.bind(py))).map(|()| None)
}

/// Modules: by name where an import finds them; one that only lives in memory goes dill's way.
fn module<'py>(native: &Bound<'py, Native>, object: &Bound<'py, PyAny>) -> PyResult<Option<Frame<'py>>> {
    let py = native.py();
    match module_name(object)? {
        Some(name) => {
            native.get().check_name(py, &name, "")?;
            let mut core = native.get().lock()?;
            core.global("dill._dill", "_import_module");
            core.out.text(&name);
            core.out.slice(&[op::TUPLE1, op::REDUCE]);
            core.memoize(object);
            Ok(None)
        }
        None if native.get().is_session() => {
            let why = "it was made at run time, and cannot be imported in another process";
            Err(reduce::pickling_error(py, &format!("cannot keep a module: {why}")))
        }
        None => {
            let function = native.get().dill.function(&object.get_type())?;
            by_dill(native, object, function.as_ref().map(|function| function.bind(py))).map(|()| None)
        }
    }
}

/// Hands an object over to dill's function for its type, or to dill's pickler as a whole.
pub(super) fn by_dill<'py>(
    native: &Bound<'py, Native>,
    object: &Bound<'py, PyAny>,
    function: Option<&Bound<'py, PyAny>>,
) -> PyResult<()> {
    let pickler = native.get().hand_over(native)?;
    let _nested = Nesting::enter()?;
    native.get().lock()?.facts.has_code |= object.is_instance_of::<pyo3::types::PyCode>();
    match function {
        Some(function) => function.call1((&pickler, object)).map(drop),
        None => native.get().dill.save_whole(&pickler, object),
    }
}
