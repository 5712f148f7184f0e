//! Asks the handler for an object's type how to write the object. The state is not locked, as handlers run Python code.

use std::sync::Arc;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyCFunction, PyDict, PyFunction, PyModule, PyType};

use super::super::load_hooks::load_may_fail;
use super::super::pickle_context::PickleContext;
use super::super::plan::{DirectWrite, ObjectPlan};
use super::super::strategy::{Strategy, classify};
use super::super::{
    classes, container_iterator, exceptions, functions, lazy_imports, memory, named_objects, raw_instances, reduce,
    repeated_values, resources, unkept_state, weak_objects, without_dill,
};

/// The plan for an object that the fast path does not know and that has no slot, or none in the current segment.
/// `in_reduction` is whether it is an argument in a reduction.
pub(super) fn dispatch_slow<'py>(
    context: &Arc<PickleContext>,
    object: &Bound<'py, PyAny>,
    in_reduction: bool,
) -> PyResult<ObjectPlan<'py>> {
    if let Ok(dict) = object.cast_exact::<PyDict>()
        && let Some(plan) = functions::plan_namespace(context, dict)?
    {
        return Ok(plan);
    }
    if let Some((module, name)) = context.singleton_name(object) {
        return Ok(ObjectPlan::Write(DirectWrite::Singleton { module, name }));
    }
    let strategy = strategy(context, &object.get_type())?;
    let written = strategy.without_hash();
    if matches!(written, Strategy::Logger) {
        unkept_state::note_logger(context, object)?;
    }
    // An object with a name is always written again.
    if !matches!(written, Strategy::Named | Strategy::Module) && context.has_slot(object)? {
        if !repeated_values::has_equal_reduction(context, object, written)? {
            return Ok(ObjectPlan::Write(DirectWrite::Reference));
        }
        if matches!(written, Strategy::Reduce | Strategy::Logger | Strategy::Plain) {
            return repeated_values::plan_again(context, object);
        }
    }
    carry_out(context, object, &strategy, in_reduction)
}

fn carry_out<'py>(
    context: &Arc<PickleContext>,
    object: &Bound<'py, PyAny>,
    strategy: &Strategy,
    in_reduction: bool,
) -> PyResult<ObjectPlan<'py>> {
    match strategy {
        Strategy::Plain => plan_plain(context, object),
        Strategy::Reduce | Strategy::Logger => plan_reduction(context, object),
        Strategy::Named => plan_named(context, object),
        Strategy::Module => named_objects::plan_module(context, object),
        Strategy::PickleBuffer => reduce::plan_buffer(context, object, in_reduction),
        Strategy::MappedArray if context.is_session() => resources::plan_mapped_array(context, object),
        Strategy::MappedArray => Ok(ObjectPlan::Dill { function: None }),
        Strategy::Array => memory::plan_array(context, object),
        Strategy::TorchTensor => memory::plan_tensor(context, object),
        Strategy::TorchParameter => memory::plan_parameter(context, object),
        Strategy::TorchExactParameter => memory::plan_exact_parameter(context, object),
        Strategy::TorchStorage => memory::plan_storage(context, object),
        Strategy::ArrowBuffer => memory::plan_arrow_buffer(context, object),
        Strategy::Polars => memory::plan_polars(context, object),
        Strategy::JaxArray => memory::plan_jax_array(context, object),
        Strategy::File => resources::plan_file(context, object),
        Strategy::Lock { reentrant } => resources::plan_lock(context, object, *reentrant),
        Strategy::ContainerIterator(iterated) => container_iterator::plan(context, object, *iterated),
        Strategy::FunctionPart(part) => functions::plan_part(context, object, *part),
        Strategy::EnumMember => classes::plan_enum_member(context, object),
        Strategy::Weak(kind) => weak_objects::plan_weak(context, object, *kind),
        Strategy::Hashed(inner) => {
            carry_out(context, object, inner, in_reduction).map(|plan| tracking_hash(plan, object))
        }
        Strategy::Exception(form) => exceptions::plan(context, object, form),
        Strategy::Raw(form) => raw_instances::plan(context, object, form),
        Strategy::LazyImport => lazy_imports::plan(context, object),
        Strategy::TypeVariable => classes::plan_type_variable(context, object),
        Strategy::ProcessBound(refusal, otherwise) => match otherwise {
            Some(otherwise) if !refusal.applies_to(object)? => carry_out(context, object, otherwise, in_reduction),
            _ => resources::refuse(context, object, &refusal.what),
        },
        Strategy::DillFunction(function) => Ok(ObjectPlan::Dill { function: Some(function.clone_ref(object.py())) }),
        Strategy::WithoutDill => without_dill::plan(context, object),
        Strategy::DillPickler => Ok(ObjectPlan::Dill { function: None }),
    }
}

/// Only two kinds of instances of plain classes get here: the first instance, whose reduction gives the class a slot,
/// and instances that share their `__dict__` with others.
fn plan_plain<'py>(context: &Arc<PickleContext>, object: &Bound<'py, PyAny>) -> PyResult<ObjectPlan<'py>> {
    match context.is_session() && raw_instances::has_shared_dict(object)? {
        true => raw_instances::plan_with_shared_dict(object),
        false => plan_reduction(context, object),
    }
}

fn plan_reduction<'py>(context: &Arc<PickleContext>, object: &Bound<'py, PyAny>) -> PyResult<ObjectPlan<'py>> {
    reduce::plan(context, object).or_else(|error| by_dill(context, object, error))
}

fn tracking_hash<'py>(mut plan: ObjectPlan<'py>, object: &Bound<'py, PyAny>) -> ObjectPlan<'py> {
    if let ObjectPlan::Work(item) = &mut plan {
        item.track_hash(object);
    }
    plan
}

/// Whether a class or function that no import finds is created anew by a load, and so can be shared.
fn is_of_script(context: &PickleContext, object: &Bound<'_, PyAny>) -> PyResult<bool> {
    match object.cast::<PyType>() {
        Ok(class) => context.is_script_class(class),
        Err(_) => Ok(object.is_exact_instance_of::<PyFunction>()),
    }
}

/// An object that its type does not know how to pickle: a later dill may know it.
fn by_dill<'py>(context: &PickleContext, object: &Bound<'py, PyAny>, error: PyErr) -> PyResult<ObjectPlan<'py>> {
    let kind = object.get_type();
    if error.is_instance_of::<PyTypeError>(object.py()) && context.dill.is_last_resort(&kind)? {
        let function = context.dill.function(&kind)?;
        return function.map_or(Err(error), |function| Ok(ObjectPlan::Dill { function: Some(function) }));
    }
    Err(error)
}

fn strategy(context: &PickleContext, kind: &Bound<'_, PyType>) -> PyResult<Arc<Strategy>> {
    if let Some(strategy) = context.known_strategy(kind)? {
        return Ok(strategy);
    }
    // A module is imported, and never an instance that could fail to load.
    let is_module = kind.is(kind.py().get_type::<PyModule>());
    let may_fail = context.is_session() && !is_module && load_may_fail(kind, context.is_local(kind)?)?;
    let strategy = match classify(kind, context)? {
        // The fast path records nothing for the check of the load.
        Strategy::Plain if may_fail => Arc::new(Strategy::Reduce),
        strategy => Arc::new(strategy),
    };
    // The context keeps the type alive, so that the addresses below stay valid.
    context.remember_strategy(kind, &strategy)?;
    let address = kind.as_ptr() as usize;
    let is_repeated = repeated_values::may_repeat(context, kind, strategy.without_hash())?;
    let mut state = context.lock()?;
    if may_fail {
        state.unproven_types.insert(address);
    }
    if is_repeated {
        state.repeated_types.insert(address);
    } else if matches!(strategy.without_hash(), Strategy::Plain) {
        state.plain_types.insert(address, matches!(*strategy, Strategy::Hashed(_)));
    }
    drop(state);
    Ok(strategy)
}

/// Classes and functions: by name if an import finds them. Otherwise they are created anew.
fn plan_named<'py>(context: &Arc<PickleContext>, object: &Bound<'py, PyAny>) -> PyResult<ObjectPlan<'py>> {
    if let Some((module, name)) = context.global_name(object)? {
        return named_objects::plan_global(context, object.py(), module, name);
    }
    if is_of_script(context, object)? {
        context.lock()?.script_objects.insert(object.as_ptr() as usize);
    }
    let has_slot = context.has_slot(object)?;
    if has_slot && !repeated_values::has_equal_reduction(context, object, &Strategy::Named)? {
        return Ok(ObjectPlan::Write(DirectWrite::Reference));
    }
    if !context.is_session() {
        return Ok(ObjectPlan::Dill { function: context.dill.function(&object.get_type())? });
    }
    if let Ok(function) = object.cast_exact::<PyFunction>() {
        return functions::plan_function(context, function);
    }
    if object.is_exact_instance_of::<PyCFunction>() {
        return reduce::plan(context, object);
    }
    if let Ok(class) = object.cast::<PyType>() {
        if context.is_script_class(class)? {
            return classes::plan_class(context, class);
        }
        if let Some(plan) = functions::plan_named_in_types(class)? {
            return Ok(plan);
        }
    }
    let function = context.dill.function(&object.get_type())?;
    // dill's pickler would write a reference to the earlier slot.
    if has_slot && function.is_none() {
        return reduce::plan(context, object);
    }
    Ok(ObjectPlan::Dill { function })
}
