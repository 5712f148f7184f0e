//! Storages of torch on a GPU: copied to the memory of the CPU and written piece by piece.
//!
//! A load makes a storage on the same device if there is one, else on the CPU, and fills it piece by piece. The choice
//! is in the pickle: `operator.getitem(("cpu", "cuda:0"), operator.gt(torch.cuda.device_count(), 0))`. No GPU was at
//! hand when this was written: it was tried with storages on the CPU.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyTuple};

use super::super::buffer_view::PyBufferView;
use super::super::pickle_context::PickleContext;
use super::super::plan::{Action, NextActions};
use super::torch_tensors::{frombuffer, partial};
use crate::pickle::format::opcode::Opcode;

/// The length of a piece in bytes.
const PIECE: usize = 16 << 20;

/// The actions that write a `torch.UntypedStorage` on a GPU.
pub(super) fn cuda_storage<'py>(
    context: &Arc<PickleContext>,
    storage: &Bound<'py, PyAny>,
) -> PyResult<Vec<Action<'py>>> {
    let py = storage.py();
    let torch = py.import("torch")?;
    let device = storage.getattr("device")?;
    let length: usize = storage.call_method0("nbytes")?.extract()?;
    let note = format!("a tensor on {device} will come back on the CPU if there is no {device}");
    {
        let mut state = context.lock()?;
        if !state.needs.notes.contains(&note) {
            state.needs.notes.push(note);
        }
    }
    let options = PyDict::new(py);
    options.set_item("dtype", torch.getattr("uint8")?)?;
    options.set_item("device", &device)?;
    let whole = torch.getattr("empty")?.call((0,), Some(&options))?.call_method1("set_", (storage,))?;
    let mut actions = vec![Action::BeginBuilding(storage.clone())];
    actions.extend(empty_tensor(&torch, &device)?);
    actions.push(Action::Save(PyTuple::new(py, [length])?.into_any()));
    actions.push(Action::Write(Opcode::Reduce));
    actions.extend([Action::Memoize(whole.clone()), Action::Write(Opcode::Pop)]);
    actions.push(Action::Then(piece(whole.clone(), 0, length)));
    actions.push(method(&torch, "Tensor.untyped_storage", "untyped_storage")?);
    actions.push(Action::Save(whole));
    actions.extend([Opcode::Tuple1, Opcode::Reduce].map(Action::Write));
    actions.push(Action::Memoize(storage.clone()));
    Ok(actions)
}

fn method<'py>(torch: &Bound<'py, PyModule>, path: &'static str, name: &str) -> PyResult<Action<'py>> {
    let object = Some(torch.getattr("Tensor")?.getattr(name)?);
    Ok(Action::Global { module: "torch", name: path, object })
}

/// `functools.partial(torch.empty, dtype=torch.uint8, device=…)`: a function of a length.
fn empty_tensor<'py>(torch: &Bound<'py, PyModule>, device: &Bound<'py, PyAny>) -> PyResult<Vec<Action<'py>>> {
    let py = torch.py();
    let global = |module: &'static str, name: &'static str| Action::Global { module, name, object: None };
    // A device without an index is the current one, which is the first by default.
    let index = device.getattr("index")?.extract::<Option<usize>>()?.unwrap_or_default();
    let text = |text: &str| Action::Save(pyo3::types::PyString::new(py, text).into_any());
    let mut actions = vec![
        Action::Save(py.import("functools")?.getattr("partial")?),
        global("torch", "empty"),
        Action::Write(Opcode::Tuple1),
        Action::Write(Opcode::EmptyDict),
        Action::Write(Opcode::Mark),
        text("dtype"),
        Action::Save(torch.getattr("uint8")?),
        text("device"),
        global("_operator", "getitem"),
        text("cpu"),
        text(&device.str()?.to_string_lossy()),
        Action::Write(Opcode::Tuple2),
        global("_operator", "gt"),
        global("torch.cuda", "device_count"),
    ];
    actions.extend([Opcode::EmptyTuple, Opcode::Reduce].map(Action::Write));
    actions.push(Action::Save(index.into_pyobject(py)?.into_any()));
    let calls = [Opcode::Tuple2, Opcode::Reduce, Opcode::Tuple2, Opcode::Reduce, Opcode::SetItems, Opcode::NewObjEx];
    actions.extend(calls.map(Action::Write));
    Ok(actions)
}

/// `torch.Tensor.copy_(torch.Tensor.narrow(whole, 0, offset, count), torch.frombuffer(piece, dtype=torch.uint8))` for
/// this and the following pieces. Only one piece is in memory at a time.
fn piece<'py>(whole: Bound<'py, PyAny>, offset: usize, length: usize) -> NextActions<'py> {
    Box::new(move |_| {
        if offset >= length {
            return Ok(Vec::new());
        }
        let py = whole.py();
        let torch = py.import("torch")?;
        let count = PIECE.min(length - offset);
        let copy = whole.call_method1("narrow", (0, offset, count))?.call_method0("cpu")?.call_method0("numpy")?;
        let number = |number: usize| Ok::<_, PyErr>(Action::Save(number.into_pyobject(py)?.into_any()));
        let mut actions = vec![method(&torch, "Tensor.copy_", "copy_")?, method(&torch, "Tensor.narrow", "narrow")?];
        actions.extend([Action::Write(Opcode::Mark), Action::Save(whole.clone())]);
        actions.extend([number(0)?, number(offset)?, number(count)?]);
        actions.extend([Opcode::Tuple, Opcode::Reduce].map(Action::Write));
        let options = PyDict::new(py);
        options.set_item("dtype", torch.getattr("uint8")?)?;
        actions.extend(partial(frombuffer(&torch)?, &options)?);
        actions.push(Action::Contents(PyBufferView::of(&copy)?));
        let calls = [Opcode::Tuple1, Opcode::Reduce, Opcode::Tuple2, Opcode::Reduce, Opcode::Pop];
        actions.extend(calls.map(Action::Write));
        actions.push(Action::Then(piece(whole, offset + count, length)));
        Ok(actions)
    })
}
