//! A class of the script: its bases and its metaclass first, then its skeleton, then the attributes that may refer back
//! to it.
//!
//! [`SkeletonMaker`] decides which callable creates the skeleton.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyFunction, PyList, PyString, PyTuple, PyType};

use super::super::early_bindings::bind_names;
use super::super::functions::{close_cells, fill_waiting};
use super::super::pickle_context::PickleContext;
use super::super::plan::Action;
use super::acyclic::cannot_refer_back;
use super::skeleton_maker::{SkeletonMaker, metaclass, typical_base};
use super::struct_class;
use super::subclass_hooks::{hooks_to_disable, library_changes_class};
use crate::pickle::format::opcode::Opcode;
use crate::pickler::class_attributes::ClassOrder as _;
use crate::python::deferred_signals::Tolerated as _;

/// The attribute that `typing.runtime_checkable` sets. The `__init_subclass__` of `typing.Protocol` takes a class that
/// already has it for one that inherits it (3.15).
const RUNTIME_PROTOCOL: &str = "_is_runtime_protocol";

/// The name and the value of an attribute.
type Attribute<'py> = (Bound<'py, PyString>, Bound<'py, PyAny>);

/// The actions that save the objects that the skeleton needs, and then the class. These objects may refer to the class
/// itself: then the class is written on the way.
pub(super) fn creation<'py>(context: &Arc<PickleContext>, class: &Bound<'py, PyType>) -> PyResult<Vec<Action<'py>>> {
    let names = class.getattr("__dict__")?;
    let mut needed = Vec::new();
    let metaclass = (typical_base(context, class)?.is_none()).then(|| class.get_type().into_any());
    for part in class.direct_bases().iter().chain(metaclass) {
        if context.is_local(&part)? {
            needed.push(part);
        }
    }
    // `Generic[T]` refers to a type variable of the script, for example.
    needed.extend(names.call_method1("get", ("__orig_bases__",))?.cast_into_exact::<PyTuple>().map(Bound::into_any));
    let mut actions = vec![Action::BeginBuilding(class.clone().into_any())];
    actions.extend(needed.into_iter().flat_map(Action::save_and_pop));
    let (object, class) = (class.clone().into_any(), class.clone());
    actions.push(Action::UnlessSaved(object, Box::new(move |context| class_creation(context, &class))));
    Ok(actions)
}

/// The skeleton, then the attributes.
fn class_creation<'py>(context: &Arc<PickleContext>, class: &Bound<'py, PyType>) -> PyResult<Vec<Action<'py>>> {
    context.lock()?.unfinished_classes.insert(class.as_ptr() as usize);
    if struct_class::is_struct(class)? {
        return struct_class::creation(class);
    }
    let maker = SkeletonMaker::of(context, class)?;
    let namespace = ClassNamespace::of(context, class, maker.takes_whole_namespace())?;
    // The cells of the methods, which are in the body, may hold the class.
    context.lock()?.cells.open_class(class.as_any());
    let hooks = hooks_to_disable(context, class, maker.replaces_library())?;
    let set_again = if library_changes_class(context, class)? { namespace.functions() } else { Vec::new() };

    let mut actions = vec![maker.global()?, Action::Write(Opcode::Mark)];
    actions.extend(metaclass(context, class)?);
    let arguments = [class.name()?.into_any(), class.direct_bases().into_any()];
    actions.extend(arguments.into_iter().chain([namespace.body.into_any()]).map(Action::Save));
    actions.push(Action::Write(Opcode::Tuple));
    // The hooks are disabled only around the REDUCE that creates the class.
    for hook in &hooks {
        actions.extend(Action::set_attribute(&hook.base, &hook.name, hook.disabled.clone())?);
    }
    actions.extend([Action::Write(Opcode::Reduce), Action::Memoize(class.clone().into_any())]);
    for hook in hooks {
        actions.extend(Action::set_attribute(&hook.base, &hook.name, hook.original)?);
    }
    actions.extend(bind_names(context, class));
    let owner = class.clone().into_any();
    actions.push(Action::Then(Box::new(move |context| close_cells(context, &owner))));
    let py = class.py();
    actions.push(Action::Then(Box::new(move |context| fill_waiting(context, py))));
    for (name, value) in set_again.into_iter().chain(namespace.later) {
        actions.push(Action::set_and_fill(class, name, value));
    }
    actions.extend(virtual_subclasses(class)?);
    let address = class.as_ptr() as usize;
    actions.push(Action::Then(Box::new(move |context| {
        context.lock()?.unfinished_classes.remove(&address);
        Ok(Vec::new())
    })));
    Ok(actions)
}

/// The attributes of a class, in two parts.
struct ClassNamespace<'py> {
    /// The attributes of the skeleton. Attributes that are set later are None here, unless their names are special: the
    /// script's `__new__` may read them when the load creates an instance that the class refers to.
    body: Bound<'py, PyDict>,
    later: Vec<Attribute<'py>>,
}

impl<'py> ClassNamespace<'py> {
    /// With `whole`, all attributes are in the body.
    fn of(context: &PickleContext, class: &Bound<'py, PyType>, whole: bool) -> PyResult<Self> {
        let py = class.py();
        let body = PyDict::new(py);
        body.set_item("__qualname__", class.getattr("__qualname__")?)?;
        let mut later = Vec::new();
        for item in class.getattr("__dict__")?.call_method0("items")?.try_iter()? {
            let (name, value): (Bound<'py, PyString>, Bound<'py, PyAny>) = item?.extract()?;
            let string = name.to_string_lossy();
            if is_made_by_python(class, &string, &value)? {
                continue;
            }
            let special = string.starts_with("__") && string.ends_with("__");
            let required = whole || matches!(&*string, "__orig_bases__" | "__slots__");
            if required || (!must_be_set(&string, &value, special) && cannot_refer_back(context, &value)?) {
                body.set_item(name, value)?;
                continue;
            }
            if !special && string != RUNTIME_PROTOCOL {
                body.set_item(&name, py.None())?;
            }
            // Functions and other descriptors before instances, which are created with them. Then public names before
            // the tables of Python and `enum` for them.
            let order = if value.hasattr("__get__")? { 0 } else { 1 + u8::from(string.starts_with('_')) };
            // 3.14 stores the function under a name that cannot be set.
            let set_as = if string == "__annotate_func__" { PyString::new(py, "__annotate__") } else { name.clone() };
            later.push((order, set_as, value));
        }
        later.sort_by_key(|(order, ..)| *order);
        Ok(Self { body, later: later.into_iter().map(|(_, name, value)| (name, value)).collect() })
    }

    /// The functions in the body, which a library may have wrapped.
    fn functions(&self) -> Vec<Attribute<'py>> {
        let named = self.body.iter().filter(|(_, value)| value.is_exact_instance_of::<PyFunction>());
        named.filter_map(|(name, value)| Some((name.cast_into().ok()?, value))).collect()
    }
}

/// Whether an attribute must not be in the skeleton although it cannot refer back.
fn must_be_set(name: &str, value: &Bound<'_, PyAny>, special: bool) -> bool {
    // None in the body means "set later", so a real None is set later as well. `type` makes a static method of a
    // function `__new__`, but in an enumeration it is a plain function.
    (value.is_none() && !special)
        || name == RUNTIME_PROTOCOL
        || (name == "__new__" && value.is_exact_instance_of::<PyFunction>())
}

/// Whether Python itself gives a class this attribute: slots, `__dict__`, caches.
pub(super) fn is_made_by_python(class: &Bound<'_, PyType>, name: &str, value: &Bound<'_, PyAny>) -> PyResult<bool> {
    let kind = value.get_type().name()?.to_string_lossy().into_owned();
    let descriptor = matches!(kind.as_str(), "member_descriptor" | "getset_descriptor");
    // Since 3.15 these two say that they belong to `object`.
    let is_shared = matches!(name, "__dict__" | "__weakref__") && kind == "getset_descriptor";
    // What `copyreg` notes in a class when it first pickles an instance: a save must not change the next one.
    let is_noted = name == "__slotnames__" && value.is_exact_instance_of::<PyList>();
    // `ctypes` makes a `CField` of each entry of `_fields_`.
    Ok(name == "_abc_impl"
        || is_noted
        || kind == "CField"
        || is_shared
        || (descriptor && value.getattr("__objclass__").tolerated().is_some_and(|owner| owner.is(class))))
}

/// Registers the virtual subclasses of an abstract class: `ABCMeta.register(class, subclass)`.
fn virtual_subclasses<'py>(class: &Bound<'py, PyType>) -> PyResult<Vec<Action<'py>>> {
    let py = class.py();
    let metaclass = py.import("abc")?.getattr("ABCMeta")?;
    if !class.is_instance(&metaclass)? {
        return Ok(Vec::new());
    }
    let register = metaclass.getattr("register")?;
    let registry = py.import("_abc")?.call_method1("_get_dump", (class,))?.get_item(0)?;
    let mut actions = Vec::new();
    for reference in registry.try_iter()? {
        // The registry holds weak references.
        let subclass = reference?.call0()?;
        if !subclass.is_none() {
            actions.extend([register.clone(), class.clone().into_any(), subclass].map(Action::Save));
            actions.extend([Opcode::Tuple2, Opcode::Reduce, Opcode::Pop].map(Action::Write));
        }
    }
    Ok(actions)
}
