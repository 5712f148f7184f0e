//! Tensors and storages of torch: a storage on the CPU is one raw buffer, which `torch.frombuffer` uses after a load.
//!
//! torch itself copies a storage twice, by `torch.save`, and writes it anew for each tensor that uses it. The tensors
//! are written by torch's own reduction, except for the storage in their arguments, or the part of it that they need.

use std::sync::Arc;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyString, PyTuple};

use super::super::pickle_context::PickleContext;
use super::super::plan::{Action, ObjectPlan};
use super::super::reduce::{self, Reduction};
use super::array_layout::ArrayLayout;
use super::cuda_storage::cuda_storage;
use super::memory_block::{MemoryBlock, MemoryOwner, storage_range};
use super::memory_survey::MemorySurvey;
use crate::pickle::format::opcode::Opcode;
use crate::python::deferred_signals::Tolerated as _;

/// The plan for an exact `torch.Tensor`.
pub(in crate::pickler) fn plan_tensor<'py>(
    context: &Arc<PickleContext>,
    tensor: &Bound<'py, PyAny>,
) -> PyResult<ObjectPlan<'py>> {
    note_gradients(context, tensor)?;
    let reduced = tensor.call_method1("__reduce_ex__", (5,))?;
    match with_own_storage(context, tensor, &reduced)? {
        Some(reduction) => {
            let mut item = reduction.into_work_item(Some(tensor))?;
            item.insert_actions([Action::BeginBuilding(tensor.clone())]);
            Ok(ObjectPlan::Work(item))
        }
        None => reduce::plan_reduced(context, tensor, &reduced),
    }
}

/// The plan for an exact `torch.nn.Parameter`: torch's own reduction.
pub(in crate::pickler) fn plan_exact_parameter<'py>(
    context: &Arc<PickleContext>,
    parameter: &Bound<'py, PyAny>,
) -> PyResult<ObjectPlan<'py>> {
    note_gradients(context, parameter)?;
    reduce::plan(context, parameter)
}

/// Notes the parts of a tensor that torch does not pickle: its gradient, and how it was computed.
fn note_gradients(context: &PickleContext, tensor: &Bound<'_, PyAny>) -> PyResult<()> {
    let has = |name: &Bound<'_, PyString>| tensor.getattr(name).tolerated().is_some_and(|value| !value.is_none());
    let py = tensor.py();
    if has(intern!(py, "grad_fn")) {
        return context.note("a tensor comes back without the computation that made it (grad_fn)".to_owned());
    }
    // torch warns of other tensors that are asked for it.
    let is_leaf = tensor
        .getattr(intern!(py, "is_leaf"))
        .tolerated()
        .is_some_and(|leaf| leaf.is_truthy().tolerated().unwrap_or(false));
    if is_leaf && has(intern!(py, "grad")) {
        return context.note("a tensor comes back without its gradient (grad)".to_owned());
    }
    Ok(())
}

/// The plan for an instance of a subclass of `torch.nn.Parameter`, which torch itself would bring back as a plain
/// `Parameter`: `torch.Tensor._make_subclass(class, tensor, requires_grad)`, as `Parameter.__new__` does.
pub(in crate::pickler) fn plan_parameter<'py>(
    context: &Arc<PickleContext>,
    parameter: &Bound<'py, PyAny>,
) -> PyResult<ObjectPlan<'py>> {
    let py = parameter.py();
    note_gradients(context, parameter)?;
    let reduced = parameter.call_method1("__reduce_ex__", (5,))?;
    let parts = reduced.extract::<(Bound<'py, PyAny>, Bound<'py, PyTuple>)>();
    let Some((function, arguments)) = parts.tolerated() else {
        return reduce::plan_reduced(context, parameter, &reduced);
    };
    // `_rebuild_parameter(data, requires_grad, hooks)`, or `_rebuild_parameter_with_state` with the state as a fourth.
    let name =
        function.getattr_opt("__name__")?.and_then(|name| name.extract::<String>().tolerated()).unwrap_or_default();
    let state = match (name.as_str(), arguments.len()) {
        ("_rebuild_parameter", 3) => None,
        ("_rebuild_parameter_with_state", 4) => Some(arguments.get_item(3)?),
        _ => return reduce::plan_reduced(context, parameter, &reduced),
    };
    let class = parameter.get_type().into_any();
    let maker = py.import("torch")?.getattr("Tensor")?.getattr("_make_subclass")?;
    let values = PyTuple::new(py, [class, arguments.get_item(0)?, arguments.get_item(1)?])?.into_any();
    let mut actions = vec![
        Action::BeginBuilding(parameter.clone()),
        Action::Global { module: "torch", name: "Tensor._make_subclass", object: Some(maker) },
        Action::Save(values),
        Action::Write(Opcode::Reduce),
        Action::Memoize(parameter.clone()),
    ];
    if let Some(state) = state {
        let setter = py.import("torch._utils")?.getattr("_set_obj_state")?;
        actions.push(Action::Global { module: "torch._utils", name: "_set_obj_state", object: Some(setter) });
        actions.extend([Action::Save(parameter.clone()), Action::Save(state)]);
        actions.extend([Opcode::Tuple2, Opcode::Reduce, Opcode::Pop].map(Action::Write));
    }
    Ok(ObjectPlan::actions(parameter, actions))
}

/// The reduction of a tensor with another storage in its arguments: a part, if the tensor needs no more, and one that
/// `_rebuild_tensor_v3` can use (it uses attributes that only a `TypedStorage` has, but torch passes another storage).
/// `None` if torch's own reduction is right.
fn with_own_storage<'py>(
    context: &PickleContext,
    tensor: &Bound<'py, PyAny>,
    reduced: &Bound<'py, PyAny>,
) -> PyResult<Option<Reduction<'py>>> {
    let py = tensor.py();
    let Some((function, arguments)) = reduced.extract::<(Bound<'py, PyAny>, Bound<'py, PyTuple>)>().tolerated() else {
        return Ok(None);
    };
    let name =
        function.getattr_opt("__name__")?.and_then(|name| name.extract::<String>().tolerated()).unwrap_or_default();
    // `(storage, offset, size, stride, …)`.
    let (Ok(given), true) =
        (arguments.get_item(0), matches!(name.as_str(), "_rebuild_tensor_v2" | "_rebuild_tensor_v3"))
    else {
        return Ok(None);
    };
    let untyped = given.getattr_opt("_untyped_storage")?;
    let dtype = match &untyped {
        Some(_) => given.getattr("dtype")?,
        None => py.import("torch")?.getattr("uint8")?,
    };
    let is_typed = untyped.is_some();
    let untyped = untyped.unwrap_or(given);
    let survey = context.memory.survey(context, py)?;
    let part = match device_of(&untyped)? {
        Device::Cpu => part_of_storage(&survey, tensor, &untyped)?,
        Device::Cuda => None,
        Device::Other => return Ok(None),
    };
    if part.is_none() && is_typed {
        return Ok(None);
    }
    let (storage, offset) = match part {
        Some(part) => part,
        None => (survey.storage(&untyped)?, arguments.get_item(1)?.extract()?),
    };
    let options = PyDict::new(py);
    options.set_item("wrap_storage", storage)?;
    options.set_item("dtype", dtype)?;
    options.set_item("_internal", true)?;
    let typed = py.import("torch.storage")?.getattr("TypedStorage")?.call((), Some(&options))?;
    let mut items = vec![typed, offset.into_pyobject(py)?.into_any()];
    items.extend(arguments.iter().skip(2));
    Ok(Some(Reduction::new(function, PyTuple::new(py, items)?.into_any())))
}

/// The part of a storage that is written for a tensor, and the offset of the tensor in it, in elements. `None` if that
/// is the whole storage.
fn part_of_storage<'py>(
    survey: &MemorySurvey,
    tensor: &Bound<'py, PyAny>,
    untyped: &Bound<'py, PyAny>,
) -> PyResult<Option<(Bound<'py, PyAny>, usize)>> {
    let Some(layout) = ArrayLayout::of_tensor(tensor)? else { return Ok(None) };
    let whole = storage_range(untyped)?;
    let part = survey.block_at(&layout.span);
    let Some(block) = part.filter(|block| whole.start < block.range.start || block.range.end < whole.end) else {
        return Ok(None);
    };
    let item: usize = tensor.call_method0("element_size")?.extract()?;
    let offset = layout.data - block.range.start;
    if offset.checked_rem(item) != Some(0) {
        return Ok(None);
    }
    Ok(Some((block.storage(tensor.py())?, offset / item)))
}

/// The plan for a `torch.TypedStorage` or a `torch.UntypedStorage`.
pub(in crate::pickler) fn plan_storage<'py>(
    context: &Arc<PickleContext>,
    storage: &Bound<'py, PyAny>,
) -> PyResult<ObjectPlan<'py>> {
    let untyped = storage.getattr_opt("_untyped_storage")?;
    let actions = match (device_of(untyped.as_ref().unwrap_or(storage))?, untyped) {
        (Device::Other, _) => return reduce::plan(context, storage),
        (_, Some(untyped)) => typed_storage(context, storage, &untyped)?,
        (Device::Cpu, None) => untyped_storage(context, storage)?,
        (Device::Cuda, None) => cuda_storage(context, storage)?,
    };
    Ok(ObjectPlan::actions(storage, actions))
}

/// The devices whose storages are written here.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Device {
    Cpu,
    Cuda,
    Other,
}

/// Asks an untyped storage: a `TypedStorage` warns that it is deprecated.
fn device_of(storage: &Bound<'_, PyAny>) -> PyResult<Device> {
    let device: String = storage.getattr("device")?.getattr("type")?.extract()?;
    Ok(match device.as_str() {
        "cpu" => Device::Cpu,
        "cuda" => Device::Cuda,
        _ => Device::Other,
    })
}

/// `torch.storage.TypedStorage(wrap_storage=…, dtype=…, _internal=True)`, as torch makes it.
fn typed_storage<'py>(
    context: &PickleContext,
    storage: &Bound<'py, PyAny>,
    untyped: &Bound<'py, PyAny>,
) -> PyResult<Vec<Action<'py>>> {
    let py = storage.py();
    let options = PyDict::new(py);
    options.set_item("wrap_storage", context.memory.survey(context, py)?.storage(untyped)?)?;
    options.set_item("dtype", storage.getattr("dtype")?)?;
    options.set_item("_internal", true)?;
    let mut actions = vec![Action::BeginBuilding(storage.clone())];
    let class =
        Action::Global { module: "torch.storage", name: "TypedStorage", object: Some(storage.get_type().into_any()) };
    actions.extend(partial(class, &options)?);
    actions.extend([Opcode::EmptyTuple, Opcode::Reduce].map(Action::Write));
    actions.push(Action::Memoize(storage.clone()));
    Ok(actions)
}

/// `torch.Tensor.untyped_storage(torch.frombuffer(buffer, dtype=torch.uint8))`.
fn untyped_storage<'py>(context: &PickleContext, storage: &Bound<'py, PyAny>) -> PyResult<Vec<Action<'py>>> {
    let py = storage.py();
    let range = storage_range(storage)?;
    let begin = Action::BeginBuilding(storage.clone());
    let memoize = Action::Memoize(storage.clone());
    if range.is_empty() {
        // `torch.frombuffer` refuses an empty buffer.
        let arguments = PyTuple::new(py, [0])?.into_any();
        let class = Action::Save(storage.get_type().into_any());
        return Ok(vec![begin, class, Action::Save(arguments), Action::Write(Opcode::Reduce), memoize]);
    }
    let torch = py.import("torch")?;
    let options = PyDict::new(py);
    options.set_item("dtype", torch.getattr("uint8")?)?;
    let survey = context.memory.survey(context, py)?;
    let buffer = match survey.block_at(&range) {
        Some(block) => {
            if block.range != range {
                options.set_item("count", range.len())?;
                options.set_item("offset", range.start - block.range.start)?;
            }
            block.buffer(py)?
        }
        None => {
            let owner = (MemoryOwner::Storage(storage.clone().unbind()), range.clone());
            MemoryBlock::new(range, true, vec![owner], None).buffer(py)?
        }
    };
    let method = torch.getattr("Tensor")?.getattr("untyped_storage")?;
    let mut actions = vec![begin];
    actions.push(Action::Global { module: "torch", name: "Tensor.untyped_storage", object: Some(method) });
    actions.extend(partial(frombuffer(&torch)?, &options)?);
    actions.push(Action::Save(PyTuple::new(py, [buffer])?.into_any()));
    actions.extend([Opcode::Reduce, Opcode::Tuple1, Opcode::Reduce].map(Action::Write));
    actions.push(memoize);
    Ok(actions)
}

/// Its own `__module__` is a class in a private module.
pub(super) fn frombuffer<'py>(torch: &Bound<'py, PyModule>) -> PyResult<Action<'py>> {
    Ok(Action::Global { module: "torch", name: "frombuffer", object: Some(torch.getattr("frombuffer")?) })
}

/// A `functools.partial` with keyword arguments, as a call in a pickle has none. `function` writes the callable.
pub(super) fn partial<'py>(function: Action<'py>, options: &Bound<'py, PyDict>) -> PyResult<[Action<'py>; 5]> {
    let class = options.py().import("functools")?.getattr("partial")?;
    Ok([
        Action::Save(class),
        function,
        Action::Write(Opcode::Tuple1),
        Action::Save(options.clone().into_any()),
        Action::Write(Opcode::NewObjEx),
    ])
}
