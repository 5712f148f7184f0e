//! Type aliases, and type variables with bounds and defaults, that Python evaluates at the first use (PEP 695, 696):
//! `type Tree = list[Tree]`. A save does not evaluate them: they may refer to themselves, or to names that exist for
//! type checkers only.
//!
//! The compiler makes a function of each such expression, and an instruction of the interpreter makes the alias or the
//! variable of that. No function of Python does the same, so the pickle has a code object with that instruction. Like
//! the code of the expressions, it belongs to this minor version.

use std::sync::Arc;

use pyo3::exceptions::PyRuntimeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyBytes, PyFunction, PyString, PyTuple};

use super::super::functions::{close_cells, fill_waiting, python_version, type_global};
use super::super::pickle_context::PickleContext;
use super::super::plan::Action;
use crate::pickle::format::opcode::Opcode;

/// The expressions of an object that have not been evaluated.
struct LazyParts<'py> {
    /// The instruction that makes the object.
    instruction: Intrinsic,
    /// Its arguments.
    arguments: Vec<Bound<'py, PyAny>>,
    /// The default of a type variable.
    default: Option<Bound<'py, PyAny>>,
}

/// An argument of CALL_INTRINSIC_1 or CALL_INTRINSIC_2, by its name in the module `opcode`.
#[derive(Clone, Copy, Debug)]
enum Intrinsic {
    /// Takes one object.
    Unary(&'static str),
    /// Takes two objects.
    Binary(&'static str),
}

/// The actions that create a type alias or a type variable from the functions of its expressions. None if it has none.
pub(super) fn creation<'py>(
    context: &Arc<PickleContext>,
    variable: &Bound<'py, PyAny>,
) -> PyResult<Option<Vec<Action<'py>>>> {
    let py = variable.py();
    let Some(parts) = lazy_parts(variable)? else { return Ok(None) };
    context.lock()?.cells.open_class(variable);
    let mut actions = vec![Action::BeginBuilding(variable.clone())];
    actions.extend(call(py, parts.instruction, parts.arguments)?);
    actions.push(Action::Memoize(variable.clone()));
    if let Some(default) = parts.default {
        let set = Intrinsic::Binary("INTRINSIC_SET_TYPEPARAM_DEFAULT");
        actions.extend(call(py, set, vec![variable.clone(), default])?);
        actions.push(Action::Write(Opcode::Pop));
    }
    let owner = variable.clone();
    actions.push(Action::Then(Box::new(move |context| close_cells(context, &owner))));
    actions.push(Action::Then(Box::new(move |context| fill_waiting(context, py))));
    Ok(Some(actions))
}

fn lazy_parts<'py>(variable: &Bound<'py, PyAny>) -> PyResult<Option<LazyParts<'py>>> {
    let py = variable.py();
    let kind = variable.get_type().name()?.to_string_lossy().into_owned();
    let name = variable.getattr(intern!(py, "__name__"))?;
    if kind == "TypeAliasType" {
        let Some(value) = alias_value(variable)? else { return Ok(None) };
        let parameters = variable.getattr(intern!(py, "__type_params__"))?;
        let parameters = if parameters.len()? == 0 { py.None().into_bound(py) } else { parameters };
        let arguments = vec![PyTuple::new(py, [name, parameters, value])?.into_any()];
        return Ok(Some(LazyParts { instruction: Intrinsic::Unary("INTRINSIC_TYPEALIAS"), arguments, default: None }));
    }
    let VariableFunctions { bound, constraints, default } = VariableFunctions::of(variable, &kind)?;
    let (instruction, value) = match kind.as_str() {
        "TypeVar" => match (bound, constraints) {
            (Some(bound), _) => (Intrinsic::Binary("INTRINSIC_TYPEVAR_WITH_BOUND"), Some(bound)),
            (_, Some(constraints)) => (Intrinsic::Binary("INTRINSIC_TYPEVAR_WITH_CONSTRAINTS"), Some(constraints)),
            _ => (Intrinsic::Unary("INTRINSIC_TYPEVAR"), None),
        },
        "ParamSpec" => (Intrinsic::Unary("INTRINSIC_PARAMSPEC"), None),
        "TypeVarTuple" => (Intrinsic::Unary("INTRINSIC_TYPEVARTUPLE"), None),
        _ => return Ok(None),
    };
    if value.is_none() && default.is_none() {
        return Ok(None);
    }
    Ok(Some(LazyParts { instruction, arguments: std::iter::once(name).chain(value).collect(), default }))
}

/// The functions that evaluate the parts of a type variable, as far as they have not been given as values.
#[derive(Default)]
struct VariableFunctions<'py> {
    bound: Option<Bound<'py, PyAny>>,
    constraints: Option<Bound<'py, PyAny>>,
    default: Option<Bound<'py, PyAny>>,
}

impl<'py> VariableFunctions<'py> {
    fn of(variable: &Bound<'py, PyAny>, kind: &str) -> PyResult<Self> {
        if !matches!(kind, "TypeVar" | "ParamSpec" | "TypeVarTuple") {
            return Ok(Self::default());
        }
        if python_version(variable.py()) >= (3, 14) {
            let function = |part: &str| -> PyResult<Option<Bound<'py, PyAny>>> {
                Ok(variable.getattr_opt(part)?.filter(|part| part.is_exact_instance_of::<PyFunction>()))
            };
            let (bound, constraints) = (function("evaluate_bound")?, function("evaluate_constraints")?);
            return Ok(Self { bound, constraints, default: function("evaluate_default")? });
        }
        // Before 3.14 no attributes have them, but the variable refers to them: the default is the last one.
        let mut held = held_functions(variable)?;
        let has_default = match variable.getattr_opt("has_default")? {
            Some(has_default) => has_default.call0()?.is_truthy()?,
            None => false,
        };
        let default = if has_default { held.pop() } else { None };
        let first = held.pop();
        match first {
            Some(function) if returns_tuple(&function)? => {
                Ok(Self { constraints: Some(function), bound: None, default })
            }
            bound => Ok(Self { bound, constraints: None, default }),
        }
    }
}

/// The functions that an object of `typing` refers to and that have its name.
fn held_functions<'py>(object: &Bound<'py, PyAny>) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let py = object.py();
    if !object.get_type().getattr(intern!(py, "__module__"))?.eq("typing")? {
        return Ok(Vec::new());
    }
    let name = object.getattr(intern!(py, "__name__"))?;
    let mut found = Vec::new();
    for held in py.import("gc")?.call_method1("get_referents", (object,))?.try_iter()? {
        let held = held?;
        if held.is_exact_instance_of::<PyFunction>() && held.getattr(intern!(py, "__name__"))?.eq(&name)? {
            found.push(held);
        }
    }
    Ok(found)
}

/// Whether the code of an expression ends with making a tuple, as for constraints: 3.12 and 3.13.
fn returns_tuple(function: &Bound<'_, PyAny>) -> PyResult<bool> {
    let opcodes = function.py().import("opcode")?.getattr("opmap")?;
    let code = function.getattr(intern!(function.py(), "__code__"))?;
    let bytes = code.getattr("co_code")?.cast_into::<PyBytes>()?;
    let units: Vec<_> = bytes.as_bytes().chunks_exact(2).collect();
    let [.., [made, _], [last, constant]] = units.as_slice() else { return Ok(false) };
    if *last == opcodes.get_item("RETURN_CONST")?.extract::<u8>()? {
        return Ok(code.getattr("co_consts")?.get_item(*constant)?.is_exact_instance_of::<PyTuple>());
    }
    Ok(*made == opcodes.get_item("BUILD_TUPLE")?.extract::<u8>()?)
}

/// The function that evaluates a type alias. None for one that a call of `TypeAliasType` has made, with its value.
fn alias_value<'py>(alias: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = alias.py();
    if let Some(value) = alias.getattr_opt(intern!(py, "evaluate_value"))? {
        return Ok(Some(value).filter(|value| value.is_exact_instance_of::<PyFunction>()));
    }
    // Before 3.14 no attribute has it, but the alias refers to it.
    Ok(held_functions(alias)?.pop())
}

/// The call of a function that consists of one instruction.
fn call<'py>(py: Python<'py>, instruction: Intrinsic, arguments: Vec<Bound<'py, PyAny>>) -> PyResult<Vec<Action<'py>>> {
    let count = arguments.len();
    let kind = py.import("types")?.getattr("FunctionType")?.cast_into()?;
    let mut actions = vec![type_global("FunctionType", kind), Action::Save(code(py, instruction)?)];
    actions.extend([Opcode::EmptyDict, Opcode::Tuple2, Opcode::Reduce].map(Action::Write));
    actions.extend(arguments.into_iter().map(Action::Save));
    let tuple = if count == 1 { Opcode::Tuple1 } else { Opcode::Tuple2 };
    actions.extend([tuple, Opcode::Reduce].map(Action::Write));
    Ok(actions)
}

/// The code of `lambda a: +a` or `lambda a, b: a is b`, with another instruction instead of the operator.
fn code<'py>(py: Python<'py>, instruction: Intrinsic) -> PyResult<Bound<'py, PyAny>> {
    let (source, operator, call, table, name) = match instruction {
        Intrinsic::Unary(name) => ("lambda a: +a", "CALL_INTRINSIC_1", "CALL_INTRINSIC_1", "_intrinsic_1_descs", name),
        Intrinsic::Binary(name) => ("lambda a, b: a is b", "IS_OP", "CALL_INTRINSIC_2", "_intrinsic_2_descs", name),
    };
    let opcodes = py.import("opcode")?;
    let number = |name: &str| opcodes.getattr("opmap")?.get_item(name)?.extract::<u8>();
    let argument: u8 = opcodes.getattr(table)?.call_method1("index", (name,))?.extract()?;
    let (operator, call) = (number(operator)?, number(call)?);
    let module = py.import("builtins")?.getattr("compile")?.call1((source, "<snapcli>", "eval"))?;
    let lambda = module.getattr("co_consts")?.get_item(0)?;
    let code = lambda.getattr("co_code")?.cast_into::<PyBytes>()?;
    let mut bytes = code.as_bytes().to_vec();
    let found = bytes.chunks_exact_mut(2).find(|unit| unit.first() == Some(&operator));
    let Some([opcode, operand]) = found else {
        let version = python_version(py);
        return Err(PyRuntimeError::new_err(format!("the compiler of Python {version:?} is not known")));
    };
    (*opcode, *operand) = (call, argument);
    let changes = pyo3::types::PyDict::new(py);
    changes.set_item("co_code", PyBytes::new(py, &bytes))?;
    changes.set_item("co_name", PyString::new(py, "make"))?;
    lambda.call_method("replace", (), Some(&changes))
}
