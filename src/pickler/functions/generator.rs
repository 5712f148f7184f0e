//! Generators, generator expressions, coroutines and async generators.
//!
//! One that has not started is written as a call of its function with its arguments: the call makes it and runs none of
//! its code. One that has ended is made in the same way and closed at once. One that has started is refused, because
//! Python cannot set the position in a frame. The exception is a generator expression with one loop: all that it has is
//! its iterator, so a new one over the rest of the iterator yields the rest.

use std::sync::Arc;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyBytes, PyFunction, PyIterator, PyString, PyTuple};

use super::super::pickle_context::{PickleContext, pickling_error};
use super::super::plan::{Action, ObjectPlan};
use super::generator_function::{Arguments, function_for_ended, function_of};
use super::python_version;
use crate::pickle::format::opcode::Opcode;
use crate::python::deferred_signals::{Tolerated as _, shown};

/// The three types, which differ in the names of their attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum GeneratorKind {
    Generator,
    Coroutine,
    AsyncGenerator,
}

/// How far a generator has come.
enum GeneratorState<'py> {
    /// The frame, with the arguments.
    Unstarted(Bound<'py, PyAny>),
    /// The frame, with all variables.
    Suspended(Bound<'py, PyAny>),
    Running,
    Ended,
}

/// The plan for a generator that has no slot.
pub(super) fn plan<'py>(
    context: &Arc<PickleContext>,
    generator: &Bound<'py, PyAny>,
    kind: GeneratorKind,
) -> PyResult<ObjectPlan<'py>> {
    let actions = match progress(generator, kind)? {
        GeneratorState::Unstarted(frame) => unstarted(context, generator, kind, &frame)?,
        GeneratorState::Suspended(frame) if is_one_loop(generator, kind, &frame)? => {
            unstarted(context, generator, kind, &frame)?
        }
        GeneratorState::Suspended(frame) => return Err(has_started(generator, kind, &frame)?),
        GeneratorState::Running => {
            let message = format!("cannot pickle {} that is running", kind.noun());
            return Err(pickling_error(generator.py(), &message));
        }
        GeneratorState::Ended => ended(generator, kind)?,
    };
    Ok(ObjectPlan::actions(generator, actions))
}

fn progress<'py>(generator: &Bound<'py, PyAny>, kind: GeneratorKind) -> PyResult<GeneratorState<'py>> {
    let py = generator.py();
    if kind.attribute(generator, "running")?.is_truthy()? {
        return Ok(GeneratorState::Running);
    }
    let frame = kind.attribute(generator, "frame")?;
    if frame.is_none() {
        return Ok(GeneratorState::Ended);
    }
    let is_suspended = if python_version(py) >= (3, 12) {
        kind.attribute(generator, "suspended")?.is_truthy()?
    } else {
        // 3.10 has not executed anything. 3.11 has executed the instruction that made the generator, and no other.
        let last: isize = frame.getattr(intern!(py, "f_lasti"))?.extract()?;
        last >= 0 && Some(opcode_at(generator, kind, last.cast_unsigned())?) != opcode_number(py, "RETURN_GENERATOR")?
    };
    Ok(if is_suspended { GeneratorState::Suspended(frame) } else { GeneratorState::Unstarted(frame) })
}

/// The number of an opcode, if this Python has it.
fn opcode_number(py: Python<'_>, name: &str) -> PyResult<Option<u8>> {
    py.import("opcode")?.getattr("opmap")?.call_method1("get", (name,))?.extract()
}

fn opcode_at(generator: &Bound<'_, PyAny>, kind: GeneratorKind, offset: usize) -> PyResult<u8> {
    let code = kind.attribute(generator, "code")?.getattr("co_code")?;
    Ok(code.cast::<PyBytes>()?.as_bytes().get(offset).copied().unwrap_or_default())
}

/// Whether this is a generator expression with one loop, whose variables nothing else refers to, over an iterator that
/// its frame names.
fn is_one_loop(generator: &Bound<'_, PyAny>, kind: GeneratorKind, frame: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = generator.py();
    let code = kind.attribute(generator, "code")?;
    let has = |attribute: &str, value: &str| code.getattr(attribute)?.eq(value);
    if kind != GeneratorKind::Generator || !has("co_name", "<genexpr>")? {
        return Ok(false);
    }
    let variables = code.getattr("co_varnames")?.cast_into::<PyTuple>()?;
    let takes_iterator =
        variables.get_item(0).tolerated().is_some_and(|first| first.eq(".0").tolerated().unwrap_or(false));
    // Since 3.15 the code itself makes the iterator. Over a list there is none: how far it came is not to be seen.
    let iterated = frame.getattr(intern!(py, "f_locals"))?.get_item(".0").tolerated();
    if iterated.is_none_or(|iterated| iterated.cast::<PyIterator>().is_err()) {
        return Ok(false);
    }
    // A lambda in the expression shares a cell with the loop.
    let shares = !code.getattr("co_cellvars")?.is_empty()?;
    let Some(number) = opcode_number(py, "FOR_ITER")? else { return Ok(false) };
    let bytes = code.getattr("co_code")?;
    let loops = bytes.cast::<PyBytes>()?.as_bytes().chunks_exact(2).filter(|unit| unit[0] == number).count();
    Ok(takes_iterator && !shares && loops == 1 && kind.attribute(generator, "yieldfrom")?.is_none())
}

/// The refusal of a generator that has started, with the line where it stopped, and the awaitable that it waits for.
fn has_started(generator: &Bound<'_, PyAny>, kind: GeneratorKind, frame: &Bound<'_, PyAny>) -> PyResult<PyErr> {
    let py = generator.py();
    let waits_for = kind.attribute(generator, if kind == GeneratorKind::Generator { "yieldfrom" } else { "await" })?;
    let line = frame.getattr("f_lineno")?;
    let at = match waits_for.is_none() {
        true => "at a yield".to_owned(),
        false => {
            let name =
                waits_for.getattr_opt("__qualname__")?.map(|name| format!(" {}", shown(&name))).unwrap_or_default();
            format!("and waits for {}{name}", shown(&waits_for.get_type().qualname()?))
        }
    };
    Ok(pickling_error(py, &format!("cannot pickle {} that has started: it stopped at line {line}, {at}", kind.noun())))
}

/// Calls the function with the arguments.
fn unstarted<'py>(
    context: &Arc<PickleContext>,
    generator: &Bound<'py, PyAny>,
    kind: GeneratorKind,
    frame: &Bound<'py, PyAny>,
) -> PyResult<Vec<Action<'py>>> {
    let py = generator.py();
    let code = kind.attribute(generator, "code")?;
    let function = function_of(context, generator, &code, frame)?;
    let arguments = Arguments::of(&code, &frame.getattr(intern!(py, "f_locals"))?)?;
    let mut actions = vec![Action::BeginBuilding(generator.clone())];
    if arguments.keywords.is_empty() {
        actions.extend([function.clone().into_any(), arguments.positional.into_any()].map(Action::Save));
    } else {
        // REDUCE passes no keyword arguments.
        let positional = [function.clone().into_any()].into_iter().chain(arguments.positional.iter());
        let positional = PyTuple::new(py, positional.collect::<Vec<_>>())?;
        let partial = py.import("functools")?.getattr("partial")?.call(positional, Some(&arguments.keywords))?;
        actions.extend([Action::Save(partial), Action::Write(Opcode::EmptyTuple)]);
    }
    actions.extend([Action::Write(Opcode::Reduce), Action::Memoize(generator.clone())]);
    actions.extend(names(generator, &function)?);
    Ok(actions)
}

/// Makes a generator of the same code and closes it, which runs none of the code.
fn ended<'py>(generator: &Bound<'py, PyAny>, kind: GeneratorKind) -> PyResult<Vec<Action<'py>>> {
    let py = generator.py();
    let function = function_for_ended(generator, &kind.attribute(generator, "code")?)?;
    let mut actions = vec![Action::BeginBuilding(generator.clone()), Action::Save(function.clone().into_any())];
    actions.extend([Opcode::EmptyTuple, Opcode::Reduce].map(Action::Write));
    actions.push(Action::Memoize(generator.clone()));
    if kind == GeneratorKind::AsyncGenerator {
        // `aclose` returns an iterator. This one ends without a step.
        actions.push(Action::Save(py.get_type::<PyTuple>().into_any()));
    }
    let (name, method) = kind.closing_method();
    let method = generator.get_type().getattr(method)?;
    actions.push(Action::Global { module: "types", name, object: Some(method) });
    actions.extend([Action::Save(generator.clone()), Action::Write(Opcode::Tuple1), Action::Write(Opcode::Reduce)]);
    if kind == GeneratorKind::AsyncGenerator {
        actions.extend([Opcode::Tuple1, Opcode::Reduce].map(Action::Write));
    }
    actions.push(Action::Write(Opcode::Pop));
    actions.extend(names(generator, &function)?);
    Ok(actions)
}

/// Sets the names of a generator if they differ from the names of its function.
fn names<'py>(generator: &Bound<'py, PyAny>, function: &Bound<'py, PyFunction>) -> PyResult<Vec<Action<'py>>> {
    let mut actions = Vec::new();
    for name in ["__name__", "__qualname__"] {
        let own = generator.getattr(name)?;
        if !own.eq(function.getattr(name)?)? {
            let setter = generator.py().import("builtins")?.getattr("setattr")?;
            actions.push(Action::Global { module: "builtins", name: "setattr", object: Some(setter) });
            let name = PyString::intern(generator.py(), name).into_any();
            actions.extend([generator.clone(), name, own].map(Action::Save));
            actions.extend([Opcode::Tuple3, Opcode::Reduce, Opcode::Pop].map(Action::Write));
        }
    }
    Ok(actions)
}

impl GeneratorKind {
    /// An attribute whose name begins with the letters of the type: `gi_frame`, `cr_frame`, `ag_frame`.
    fn attribute<'py>(self, generator: &Bound<'py, PyAny>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        let prefix = match self {
            Self::Generator => "gi",
            Self::Coroutine => "cr",
            Self::AsyncGenerator => "ag",
        };
        generator.getattr(format!("{prefix}_{name}"))
    }

    fn noun(self) -> &'static str {
        match self {
            Self::Generator => "a generator",
            Self::Coroutine => "a coroutine",
            Self::AsyncGenerator => "an async generator",
        }
    }

    /// The method that closes it: its name in `types`, and its own name.
    fn closing_method(self) -> (&'static str, &'static str) {
        match self {
            Self::Generator => ("GeneratorType.close", "close"),
            Self::Coroutine => ("CoroutineType.close", "close"),
            Self::AsyncGenerator => ("AsyncGeneratorType.aclose", "aclose"),
        }
    }
}
