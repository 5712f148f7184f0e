//! Instances whose ordinary reduction a load may not survive, because it calls methods of their class before they have
//! their attributes.
//!
//! The unpickler calls `__new__` with other arguments than the script did; BUILD asks the instance for `__setstate__`,
//! and so a `__getattr__` that forwards to an attribute; items pass through `__setitem__` or `append`. Such an instance
//! is created by the `__new__` of its built-in base, and `object.__setattr__`, `dict.update` and `list.extend` fill it.
//! None of them calls a method of the class. Plain dill makes the same calls.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyFunction, PyList, PyString, PyTuple, PyType};

use super::class_attributes::{
    attribute, builtin_base, defines_pickling, find, has_other_owner, instance_dict, is_overridden, is_python_class,
    slot_names,
};
use super::pickle_context::PickleContext;
use super::plan::{Action, ObjectPlan};
use super::reduce;
use crate::pickle::format::opcode::Opcode;
use crate::python::deferred_signals::Tolerated as _;

/// Built-in classes whose instances hold one value, which `__new__` takes.
const VALUES: [&str; 6] = ["tuple", "str", "int", "float", "bytes", "complex"];

/// How the instances of a class are written.
pub(super) struct RawForm {
    base: BuiltinBase,
    creation: Creation,
    /// Whether the attributes are set one by one, without BUILD.
    sets_directly: bool,
    /// Whether the class has its own methods to take items, which must not be called.
    fills_directly: bool,
    slots: Vec<String>,
    /// Only instances that are their own `__dict__` are written this way.
    only_own_dict: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum BuiltinBase {
    Object,
    Dict,
    List,
    Value,
    Set,
    ByteArray,
    OrderedDict,
    DefaultDict,
}

enum Creation {
    /// `class.__new__(class, *arguments)`, with the arguments that the class or its base gives.
    New,
    /// `base.__new__(class, value)`.
    NewOf(Py<PyType>),
}

/// The form for a class, if the ordinary reduction of its instances may fail or change them.
pub(super) fn form(context: &PickleContext, kind: &Bound<'_, PyType>) -> PyResult<Option<RawForm>> {
    if !is_python_class(kind)? || defines_pickling(kind)? {
        return Ok(None);
    }
    let builtin = builtin_base(kind)?;
    let Some(base) = BuiltinBase::of(&builtin)? else { return Ok(None) };
    // A property called `__dict__` hides the real one.
    if attribute(kind, "__dict__")?
        .is_some_and(|found| found.get_type().name().tolerated().is_some_and(|name| name == "property"))
    {
        return Ok(None);
    }
    if attribute(kind, "__getnewargs_ex__")?.is_some() {
        return Ok(None);
    }
    let slots = slot_names(kind)?;
    let hides_attributes = is_overridden(kind, "__getattr__")? || is_overridden(kind, "__getattribute__")?;
    let sets_directly = hides_attributes || (!slots.is_empty() && is_overridden(kind, "__setattr__")?);
    let fills_directly = base.takes_items_by(kind)?;
    let is_called = base.is_called() && (is_overridden(kind, "__init__")? || is_overridden(kind, "__new__")?);
    let creates_directly = is_called || base == BuiltinBase::DefaultDict || needs_base_new(context, kind, base)?;
    let has_dict = kind.getattr("__dictoffset__")?.extract::<isize>()? != 0;
    let only_own_dict = !(sets_directly || fills_directly || creates_directly);
    if only_own_dict && !(base == BuiltinBase::Dict && has_dict) {
        return Ok(None);
    }
    let creates_directly = creates_directly || (base.is_called() && !only_own_dict);
    let creation = if creates_directly { Creation::NewOf(builtin.unbind()) } else { Creation::New };
    Ok(Some(RawForm { base, creation, sets_directly, fills_directly, slots, only_own_dict }))
}

impl BuiltinBase {
    /// None for a class that may hold more than is known here.
    fn of(builtin: &Bound<'_, PyType>) -> PyResult<Option<Self>> {
        let (module, name) =
            (builtin.module()?.to_string_lossy().into_owned(), builtin.name()?.to_string_lossy().into_owned());
        Ok(match (module.as_str(), name.as_str()) {
            ("builtins", "object") => Some(Self::Object),
            ("builtins", "dict") => Some(Self::Dict),
            ("builtins", "list") => Some(Self::List),
            ("builtins", "set" | "frozenset") => Some(Self::Set),
            ("builtins", "bytearray") => Some(Self::ByteArray),
            ("collections", "OrderedDict") => Some(Self::OrderedDict),
            ("collections", "defaultdict") => Some(Self::DefaultDict),
            ("builtins", name) if VALUES.contains(&name) => Some(Self::Value),
            _ => None,
        })
    }

    /// Whether the built-in class has a reduction that calls the class of the object.
    fn is_called(self) -> bool {
        matches!(self, Self::Set | Self::ByteArray | Self::OrderedDict | Self::DefaultDict)
    }

    /// Whether a class has its own methods to add the items or to list them.
    fn takes_items_by(self, kind: &Bound<'_, PyType>) -> PyResult<bool> {
        let names: &[&str] = match self {
            Self::Dict | Self::OrderedDict | Self::DefaultDict => &["__setitem__", "items", "__getattribute__"],
            Self::List => &["append", "extend", "__iter__", "__getattribute__"],
            _ => &[],
        };
        for name in names {
            if is_overridden(kind, name)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Whether the `__new__` of a class may require other arguments than a load passes.
fn needs_base_new(context: &PickleContext, kind: &Bound<'_, PyType>, base: BuiltinBase) -> PyResult<bool> {
    let Some(new) = find(kind, "__new__")? else { return Ok(false) };
    if !is_python_class(&new.owner)? {
        return Ok(false);
    }
    // A class that gives the arguments itself gives those that its `__new__` requires.
    if find(kind, "__getnewargs__")?.is_some_and(|told| told.position <= new.position) {
        return Ok(false);
    }
    if context.is_script_class(&new.owner)? {
        return Ok(true);
    }
    // Libraries may return an existing object from `__new__`, which a call with the right arguments gets again.
    let function = new.value.getattr("__func__").tolerated().unwrap_or(new.value);
    let Ok(function) = function.cast_into::<PyFunction>() else { return Ok(false) };
    Ok(!takes(&function, if base == BuiltinBase::Value { 1 } else { 0 })?)
}

/// Whether a function can be called with a class and this many arguments.
fn takes(function: &Bound<'_, PyFunction>, arguments: usize) -> PyResult<bool> {
    let code = function.getattr("__code__")?;
    let positional: usize = code.getattr("co_argcount")?.extract()?;
    let keyword_only: usize = code.getattr("co_kwonlyargcount")?.extract()?;
    let flags: u32 = code.getattr("co_flags")?.extract()?;
    let count = |name: &str| -> PyResult<usize> {
        let defaults = function.getattr(name)?;
        if defaults.is_none() { Ok(0) } else { defaults.len() }
    };
    let required = positional.saturating_sub(count("__defaults__")?);
    /// `CO_VARARGS`: the function takes any number of arguments.
    const VARIADIC: u32 = 4;
    let most = if flags & VARIADIC == 0 { positional } else { usize::MAX };
    Ok((required..=most).contains(&(arguments + 1)) && keyword_only <= count("__kwdefaults__")?)
}

/// The plan for an instance.
pub(super) fn plan<'py>(
    context: &Arc<PickleContext>,
    object: &Bound<'py, PyAny>,
    form: &RawForm,
) -> PyResult<ObjectPlan<'py>> {
    let dict = instance_dict(object)?;
    let is_own_dict = dict.as_ref().is_some_and(|dict| dict.is(object));
    if !context.is_session() || (form.only_own_dict && !is_own_dict) {
        return reduce::plan(context, object);
    }
    let mut actions = vec![Action::BeginBuilding(object.clone())];
    actions.extend(form.create(object)?);
    actions.push(Action::Memoize(object.clone()));
    if is_own_dict {
        actions.extend(set_directly(object, "__dict__", object.clone())?);
    }
    actions.extend(form.fill(object, is_own_dict)?);
    let dict = dict.filter(|dict| !is_own_dict && !dict.is_empty());
    actions.extend(form.attributes(object, dict)?);
    Ok(ObjectPlan::actions(object, actions))
}

/// Whether anything but the object has its `__dict__`: another object, or the script.
pub(super) fn has_shared_dict(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(instance_dict(object)?.is_some_and(|dict| !dict.is_empty() && has_other_owner(&dict)))
}

/// The plan for an instance of a plain class whose `__dict__` others have as well.
pub(super) fn plan_with_shared_dict<'py>(object: &Bound<'py, PyAny>) -> PyResult<ObjectPlan<'py>> {
    let mut actions = vec![Action::Save(object.get_type().into_any())];
    actions.extend([Opcode::EmptyTuple, Opcode::NewObj].map(Action::Write));
    actions.push(Action::Memoize(object.clone()));
    if let Some(dict) = instance_dict(object)? {
        actions.extend(set_directly(object, "__dict__", dict.into_any())?);
    }
    Ok(ObjectPlan::actions(object, actions))
}

impl RawForm {
    /// Pushes the instance, without attributes and items.
    fn create<'py>(&self, object: &Bound<'py, PyAny>) -> PyResult<Vec<Action<'py>>> {
        let py = object.py();
        let class = object.get_type();
        let Creation::NewOf(base) = &self.creation else {
            let arguments = new_arguments(object, &class)?.into_any();
            return Ok(vec![Action::Save(class.into_any()), Action::Save(arguments), Action::Write(Opcode::NewObj)]);
        };
        let base = base.bind(py);
        let value = match self.base {
            BuiltinBase::Object | BuiltinBase::DefaultDict => py.None().into_bound(py),
            BuiltinBase::Dict | BuiltinBase::List | BuiltinBase::OrderedDict => PyTuple::empty(py).into_any(),
            BuiltinBase::Set => {
                let members = base.call_method1("__iter__", (object,))?.try_iter()?;
                PyList::new(py, members.collect::<PyResult<Vec<_>>>()?)?.into_any()
            }
            BuiltinBase::ByteArray => py.import("builtins")?.getattr("bytes")?.call1((object,))?,
            BuiltinBase::Value => value_of(base, object)?,
        };
        // It calls `base.__new__(class, value)`, and `base.__init__` unless that is the one of `object`.
        let function = py.import("copyreg")?.getattr("_reconstructor")?;
        let arguments = (class, base, value).into_pyobject(py)?.into_any();
        Ok(vec![Action::Save(function), Action::Save(arguments), Action::Write(Opcode::Reduce)])
    }

    /// Adds the items of a dict or a list.
    fn fill<'py>(&self, object: &Bound<'py, PyAny>, is_own_dict: bool) -> PyResult<Vec<Action<'py>>> {
        let py = object.py();
        match self.base {
            BuiltinBase::Dict | BuiltinBase::DefaultDict | BuiltinBase::OrderedDict => {
                let class = if self.base == BuiltinBase::OrderedDict {
                    py.import("collections")?.getattr("OrderedDict")?
                } else {
                    py.get_type::<PyDict>().into_any()
                };
                let items = class.call_method1("items", (object,))?;
                if items.len()? == 0 {
                    return Ok(Vec::new());
                }
                if !self.fills_directly && !is_own_dict {
                    return Ok(vec![Action::SetItems(items.try_iter()?)]);
                }
                if self.base == BuiltinBase::OrderedDict {
                    let setter = class.getattr("__setitem__")?;
                    let mut actions = Vec::new();
                    for item in items.try_iter()? {
                        let (key, value): (Bound<'py, PyAny>, Bound<'py, PyAny>) = item?.extract()?;
                        let setter = Some(setter.clone());
                        let setter =
                            Action::Global { module: "collections", name: "OrderedDict.__setitem__", object: setter };
                        actions.extend(call_and_pop(setter, [object.clone(), key, value]));
                    }
                    return Ok(actions);
                }
                let copy = PyDict::new(py);
                for item in items.try_iter()? {
                    let (key, value): (Bound<'py, PyAny>, Bound<'py, PyAny>) = item?.extract()?;
                    copy.set_item(key, value)?;
                }
                Ok(call_of(object, "dict.update", py.get_type::<PyDict>().getattr("update")?, copy.into_any()))
            }
            BuiltinBase::List => {
                let items = py.get_type::<PyList>().call_method1("__iter__", (object,))?.cast_into()?;
                if !self.fills_directly {
                    return Ok(vec![Action::Appends(items)]);
                }
                let copy = PyList::new(py, items.collect::<PyResult<Vec<_>>>()?)?;
                Ok(call_of(object, "list.extend", py.get_type::<PyList>().getattr("extend")?, copy.into_any()))
            }
            _ => Ok(Vec::new()),
        }
    }

    /// Sets the attributes: with BUILD, or one by one.
    fn attributes<'py>(
        &self,
        object: &Bound<'py, PyAny>,
        dict: Option<Bound<'py, PyDict>>,
    ) -> PyResult<Vec<Action<'py>>> {
        let py = object.py();
        let get = py.get_type::<PyAny>().getattr("__getattribute__")?;
        let slots = PyDict::new(py);
        for name in &self.slots {
            // A slot may be unset.
            if let Some(value) = get.call1((object, name)).tolerated() {
                slots.set_item(name, value)?;
            }
        }
        if self.base == BuiltinBase::DefaultDict {
            slots.set_item("default_factory", get.call1((object, "default_factory"))?)?;
        }
        let mut actions = Vec::new();
        if self.sets_directly {
            if let Some(dict) = dict {
                actions.extend(set_directly(object, "__dict__", dict.into_any())?);
            }
            for (name, value) in &slots {
                actions.extend(set_directly(object, &name.extract::<String>()?, value)?);
            }
            return Ok(actions);
        }
        let state = match (dict, slots.is_empty()) {
            (None, true) => return Ok(actions),
            (Some(dict), true) => dict.into_any(),
            // The state of an object with slots is a pair.
            (dict, false) => (dict, slots).into_pyobject(py)?.into_any(),
        };
        actions.extend([Action::Save(state), Action::Write(Opcode::Build)]);
        Ok(actions)
    }
}

/// The arguments of `__new__`, from the class or its built-in base.
fn new_arguments<'py>(object: &Bound<'py, PyAny>, class: &Bound<'py, PyType>) -> PyResult<Bound<'py, PyTuple>> {
    match attribute(class, "__getnewargs__")? {
        Some(told) => Ok(told.call1((object,))?.cast_into()?),
        None => Ok(PyTuple::empty(object.py())),
    }
}

/// The value of a number, a string or a tuple, as an object of the built-in class.
fn value_of<'py>(base: &Bound<'py, PyType>, object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let parts = base.call_method1("__getnewargs__", (object,))?.cast_into::<PyTuple>()?;
    // A complex number gives its two parts.
    if parts.len() == 1 { parts.get_item(0) } else { base.call1(parts) }
}

/// Calls `base.__new__` with these arguments.
pub(super) fn call_new<'py>(
    base: &Bound<'py, PyType>,
    arguments: Vec<Bound<'py, PyAny>>,
) -> PyResult<Vec<Action<'py>>> {
    let py = base.py();
    let getter = py.import("builtins")?.getattr("getattr")?;
    let of_base = (base, "__new__").into_pyobject(py)?.into_any();
    let arguments = PyTuple::new(py, arguments)?.into_any();
    let call = [Action::Save(arguments), Action::Write(Opcode::Reduce)];
    Ok([Action::Save(getter), Action::Save(of_base), Action::Write(Opcode::Reduce)].into_iter().chain(call).collect())
}

/// Sets an attribute of any kind with `object.__setattr__`, which no class of the script can change.
pub(super) fn set_directly<'py>(
    object: &Bound<'py, PyAny>,
    name: &str,
    value: Bound<'py, PyAny>,
) -> PyResult<Vec<Action<'py>>> {
    let py = object.py();
    let setter = py.get_type::<PyAny>().getattr("__setattr__")?;
    let setter = Action::Global { module: "builtins", name: "object.__setattr__", object: Some(setter) };
    Ok(call_and_pop(setter, [object.clone(), PyString::intern(py, name).into_any(), value]))
}

/// Calls a function of a built-in class with the object and one argument.
fn call_of<'py>(
    object: &Bound<'py, PyAny>,
    name: &'static str,
    function: Bound<'py, PyAny>,
    argument: Bound<'py, PyAny>,
) -> Vec<Action<'py>> {
    let function = Action::Global { module: "builtins", name, object: Some(function) };
    call_and_pop(function, [object.clone(), argument])
}

/// Calls a function for its effect on its first argument.
fn call_and_pop<'py, const COUNT: usize>(
    function: Action<'py>,
    arguments: [Bound<'py, PyAny>; COUNT],
) -> Vec<Action<'py>> {
    let tuple = if COUNT == 2 { Opcode::Tuple2 } else { Opcode::Tuple3 };
    let saved = arguments.map(Action::Save);
    [function].into_iter().chain(saved).chain([tuple, Opcode::Reduce, Opcode::Pop].map(Action::Write)).collect()
}
