//! Random generators of numpy: a new one with a fixed seed, which then gets the checked state.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyBytes, PyDict, PyTuple};

use super::BuildContext;
use crate::pickle::build_plan::{BitGeneratorMake, BitGeneratorSeed, RandomMake, StateValue};

/// Makes a generator or a part of one. `needs` are the objects that its recipe needs, in the same order.
pub(super) fn make<'py>(
    context: &BuildContext<'py>,
    make: &RandomMake,
    needs: &[Bound<'py, PyAny>],
) -> PyResult<Bound<'py, PyAny>> {
    let first = || needs.first().ok_or_else(|| PyValueError::new_err("a random generator has no parts"));
    match make {
        RandomMake::BitGenerator(parts) => bit_generator(context, parts, needs),
        RandomMake::Generator => context.global("numpy.random", "Generator")?.call1((first()?,)),
        RandomMake::WholeGenerator(parts) => {
            context.global("numpy.random", "Generator")?.call1((bit_generator(context, parts, needs)?,))
        }
        RandomMake::RandomState { state, is_whole, has_gauss, gauss } => {
            let bit_generator = if *is_whole { new_bit_generator(context, state, needs)? } else { first()?.clone() };
            let made = context.global("numpy.random", "RandomState")?.call1((bit_generator,))?;
            let state = state_dict(context, state, needs)?;
            state.set_item("has_gauss", i32::from(*has_gauss))?;
            state.set_item("gauss", gauss)?;
            made.call_method1("set_state", (state,))?;
            Ok(made)
        }
        RandomMake::SeedSequence { spawn_key, pool_size, children, pool } => {
            let options = PyDict::new(context.py());
            options.set_item("spawn_key", PyTuple::new(context.py(), spawn_key)?)?;
            options.set_item("pool_size", pool_size)?;
            options.set_item("n_children_spawned", children)?;
            let made = context.global("numpy.random", "SeedSequence")?.call((first()?,), Some(&options))?;
            // The pool of the file, whether or not it follows from the entropy.
            let pool = context.global("numpy", "frombuffer")?.call1((PyBytes::new(context.py(), pool), "u4"))?;
            made.getattr("pool")?.set_item(context.py().Ellipsis(), pool)?;
            Ok(made)
        }
    }
}

fn bit_generator<'py>(
    context: &BuildContext<'py>,
    parts: &BitGeneratorMake,
    needs: &[Bound<'py, PyAny>],
) -> PyResult<Bound<'py, PyAny>> {
    let made = new_bit_generator(context, parts, needs)?;
    let state = state_dict(context, parts, needs)?;
    if parts.seed == BitGeneratorSeed::Missing && parts.name != "MT19937" {
        // No argument of the class says that there is no seed sequence. numpy sets what it is given, and the state.
        made.call_method1("__setstate__", ((state, context.py().None()),))?;
    } else {
        made.setattr("state", state)?;
    }
    Ok(made)
}

/// A bit generator that does not have its state yet.
fn new_bit_generator<'py>(
    context: &BuildContext<'py>,
    parts: &BitGeneratorMake,
    needs: &[Bound<'py, PyAny>],
) -> PyResult<Bound<'py, PyAny>> {
    let class = context.global("numpy.random", parts.name)?;
    match (parts.seed, needs.last()) {
        (BitGeneratorSeed::Sequence, Some(seed)) => class.call1((seed,)),
        // The bit generator of a RandomState has no seed sequence.
        (BitGeneratorSeed::Missing, _) if parts.name == "MT19937" => {
            context.global("numpy.random", "RandomState")?.call1((0,))?.getattr("_bit_generator")
        }
        _ => class.call1((0,)),
    }
}

/// The state of a bit generator.
fn state_dict<'py>(
    context: &BuildContext<'py>,
    parts: &BitGeneratorMake,
    needs: &[Bound<'py, PyAny>],
) -> PyResult<Bound<'py, PyDict>> {
    let (state, inner) = (PyDict::new(context.py()), PyDict::new(context.py()));
    state.set_item("bit_generator", parts.name)?;
    let need = |index: usize| needs.get(index).ok_or_else(|| PyValueError::new_err("a random generator has no state"));
    for entry in &parts.entries {
        let dict = if entry.is_inner { &inner } else { &state };
        match entry.value {
            StateValue::Number(number) => dict.set_item(entry.key, number)?,
            StateValue::Array(index) => dict.set_item(entry.key, need(index)?)?,
            StateValue::Large(index) => {
                if need(index)?.call_method0("bit_length")?.extract::<u64>()? > 128 {
                    return Err(PyValueError::new_err("a random generator has a state of more than 128 bits"));
                }
                dict.set_item(entry.key, need(index)?)?;
            }
        }
    }
    state.set_item("state", inner)?;
    Ok(state)
}
