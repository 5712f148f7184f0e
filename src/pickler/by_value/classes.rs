//! A class: its bases and metaclass first, then its skeleton, then the attributes that may lead back to it.
//!
//! `type` and `ABCMeta` make the skeleton themselves where the metaclass is the script's own, or one of `enum` or
//! `typing`: what such a metaclass does to a class has been done to it already, and lies in its namespace. Metaclasses of
//! other libraries are called, with the whole namespace, as dill does.

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyFunction, PyList, PyString, PyTuple, PyType};

use super::super::frame::{Do, Frame};
use super::super::native::Native;
use super::super::op;
use super::leaf::{is_leaf, is_scalar};
use super::{beforehand, is_local, set_attribute, steps};

/// Begins with what the skeleton needs. That may lead to the class itself, in which case it is done afterwards.
pub(super) fn begin<'py>(native: &Bound<'py, Native>, class: &Bound<'py, PyType>) -> PyResult<Frame<'py>> {
    let names = class.getattr("__dict__")?;
    let mut needed = Vec::new();
    for part in class.bases().iter().chain([class.get_type().into_any()]) {
        if is_local(native, &part)? {
            needed.push(part);
        }
    }
    needed.extend(names.call_method1("get", ("__orig_bases__",))?.cast_into_exact::<PyTuple>().map(Bound::into_any));
    let mut list: Vec<_> = needed.into_iter().flat_map(beforehand).collect();
    let made = class.clone();
    list.push(Do::Then(Box::new(move |native| skeleton(native, &made))));
    Ok(steps(class, list))
}

/// Writes the class, unless what it needs has led to it already.
fn skeleton<'py>(native: &Bound<'py, Native>, class: &Bound<'py, PyType>) -> PyResult<Option<Frame<'py>>> {
    let address = class.as_ptr() as usize;
    {
        let mut core = native.get().lock()?;
        if core.get(address) {
            core.end_building(address);
            return Ok(None);
        }
    }
    let maker = Maker::of(native, class)?;
    let namespace = Namespace::of(native, class, matches!(maker, Maker::Library))?;
    let postpones = namespace.needs_dill();
    if postpones {
        postpone(native, class)?;
    }
    let quiet = quiet(native, class)?;
    let again = if is_made_over(native, class)? { namespace.functions() } else { Vec::new() };
    let mut list = vec![maker.global()?, Do::Write(op::MARK)];
    let parts = [class.get_type().into_any(), class.name()?.into_any(), class.bases().into_any()];
    list.extend(parts.into_iter().chain([namespace.body.into_any()]).map(Do::Save));
    list.push(Do::Write(op::TUPLE));
    for (base, name, quietly, _) in &quiet {
        list.extend(set_attribute(base, name, quietly.clone())?);
    }
    list.extend([Do::Write(op::REDUCE), Do::Memoize(class.clone().into_any())]);
    for (base, name, _, own) in quiet {
        list.extend(set_attribute(&base, &name, own)?);
    }
    if postpones {
        let class = class.clone();
        list.push(Do::Then(Box::new(move |native| now(native, &class))));
    }
    for (name, value) in again.into_iter().chain(namespace.later) {
        list.extend(set_attribute(class, &name, value)?);
    }
    list.extend(registered(class)?);
    Ok(Some(steps(class, list)))
}

/// Who makes the skeleton.
enum Maker<'py> {
    /// The metaclass, which is `type` or `ABCMeta`.
    Itself,
    /// `type.__new__`.
    Type(Bound<'py, PyAny>),
    /// `ABCMeta.__new__`.
    Abc(Bound<'py, PyAny>),
    /// A metaclass of a library, which wants the whole namespace.
    Library,
}

impl<'py> Maker<'py> {
    fn of(native: &Bound<'py, Native>, class: &Bound<'py, PyType>) -> PyResult<Self> {
        let py = class.py();
        let metaclass = class.get_type();
        let plain = py.get_type::<PyType>();
        let abstracts = py.import("abc")?.getattr("ABCMeta")?;
        if metaclass.is(&plain) || metaclass.is(&abstracts) {
            return Ok(Self::Itself);
        }
        for base in metaclass.mro() {
            if base.is(&plain) {
                return Ok(Self::Type(plain.getattr("__new__")?));
            }
            if base.is(&abstracts) {
                return Ok(Self::Abc(abstracts.getattr("__new__")?));
            }
            let module = base.getattr("__module__")?.to_string();
            if !matches!(module.as_str(), "enum" | "typing" | "typing_extensions") && !is_local(native, &base)? {
                break;
            }
        }
        Ok(Self::Library)
    }

    fn global(self) -> PyResult<Do<'py>> {
        let (module, name, object) = match self {
            Self::Itself | Self::Library => ("dill._dill", "_create_type", None),
            Self::Type(new) => ("builtins", "type.__new__", Some(new)),
            Self::Abc(new) => ("abc", "ABCMeta.__new__", Some(new)),
        };
        Ok(Do::Global { module, name, object })
    }
}

/// What a class has, in two parts.
struct Namespace<'py> {
    /// For the skeleton. What comes later is None here, if it has a common name: a `__new__` of the script's, called for
    /// an instance that hangs on the class, may look at it meanwhile.
    body: Bound<'py, PyDict>,
    later: Vec<(Bound<'py, PyString>, Bound<'py, PyAny>)>,
}

impl<'py> Namespace<'py> {
    fn of(native: &Bound<'py, Native>, class: &Bound<'py, PyType>, whole: bool) -> PyResult<Self> {
        let py = class.py();
        let body = PyDict::new(py);
        body.set_item("__qualname__", class.getattr("__qualname__")?)?;
        let mut later = Vec::new();
        for item in class.getattr("__dict__")?.call_method0("items")?.try_iter()? {
            let (name, value): (Bound<'py, PyString>, Bound<'py, PyAny>) = item?.extract()?;
            let text = name.to_string_lossy();
            if is_made_by_python(class, &text, &value)? {
                continue;
            }
            let special = text.starts_with("__") && text.ends_with("__");
            let needed = whole || matches!(&*text, "__orig_bases__" | "__slots__");
            // `type` would make a static method of it, which that of an enumeration is not.
            let late =
                (value.is_none() && !special) || (text == "__new__" && value.is_exact_instance_of::<PyFunction>());
            if needed || (!late && is_leaf(native, &value)?) {
                body.set_item(name, value)?;
                continue;
            }
            if !special {
                body.set_item(&name, py.None())?;
            }
            let known_as = if text == "__annotate_func__" { PyString::new(py, "__annotate__") } else { name.clone() };
            // What instances are made with comes before instances, and what has a name before what Python keeps of it.
            let order = if value.hasattr("__get__")? { 0 } else { 1 + u8::from(text.starts_with('_')) };
            later.push((order, known_as, value));
        }
        later.sort_by_key(|(order, ..)| *order);
        Ok(Self { body, later: later.into_iter().map(|(_, name, value)| (name, value)).collect() })
    }

    /// The functions in the body, which a library may have wrapped.
    fn functions(&self) -> Vec<(Bound<'py, PyString>, Bound<'py, PyAny>)> {
        let named = self.body.iter().filter(|(_, value)| value.is_exact_instance_of::<PyFunction>());
        named.filter_map(|(name, value)| Some((name.cast_into().ok()?, value))).collect()
    }

    /// Whether dill may have a say in the body.
    fn needs_dill(&self) -> bool {
        self.body.values().iter().any(|value| !is_scalar(&value))
    }
}

/// Whether a class has an attribute by being a class: slots, caches.
fn is_made_by_python(class: &Bound<'_, PyType>, name: &str, value: &Bound<'_, PyAny>) -> PyResult<bool> {
    let kind = value.get_type().name()?.to_string();
    let descriptor = matches!(kind.as_str(), "member_descriptor" | "getset_descriptor");
    Ok(matches!(name, "_abc_impl" | "__annotations_cache__")
        || (descriptor && value.getattr("__objclass__").is_ok_and(|owner| owner.is(class))))
}

/// What must not run while the class is made: who, the attribute, what it is meanwhile, and what it is.
type Quiet<'py> = (Bound<'py, PyType>, Bound<'py, PyString>, Bound<'py, PyAny>, Bound<'py, PyAny>);

/// The `__init_subclass__` of the script's own bases: it has run, and the names that it uses may not be there yet.
fn quiet<'py>(native: &Bound<'py, Native>, class: &Bound<'py, PyType>) -> PyResult<Vec<Quiet<'py>>> {
    let py = class.py();
    let name = PyString::intern(py, "__init_subclass__");
    let nothing = py.get_type::<PyAny>().getattr(&name)?;
    let mut found = Vec::new();
    for base in class.mro().iter().skip(1) {
        let own = base.getattr("__dict__")?.call_method1("get", (&name,))?;
        if !own.is_none() && is_local(native, &base)? {
            found.push((base.cast_into::<PyType>()?, name.clone(), nothing.clone(), own));
        }
    }
    Ok(found)
}

/// Whether an `__init_subclass__` of a library's has its say when the class is made, as the bases of scikit-learn have:
/// they wrap its methods, and would wrap once more at each load what is wrapped already. So those are set again.
fn is_made_over<'py>(native: &Bound<'py, Native>, class: &Bound<'py, PyType>) -> PyResult<bool> {
    let standard = class.py().import("sys")?.getattr("stdlib_module_names")?;
    for base in class.mro().iter().skip(1) {
        if base.getattr("__dict__")?.contains("__init_subclass__")? && !is_local(native, &base)? {
            let module = base.getattr("__module__")?.to_string();
            if !standard.contains(module.split('.').next().unwrap_or_default())? {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Has dill postpone what refers to the class until it is there: the cells of its methods.
fn postpone<'py>(native: &Bound<'py, Native>, class: &Bound<'py, PyType>) -> PyResult<()> {
    let postponed = native.get().hand_over(native)?.getattr("_postproc")?;
    postponed.set_item(class.as_ptr() as usize, PyList::empty(class.py()))
}

/// Writes what dill has postponed.
fn now<'py>(native: &Bound<'py, Native>, class: &Bound<'py, PyType>) -> PyResult<Option<Frame<'py>>> {
    let all = native.get().hand_over(native)?.getattr("_postproc")?;
    let postponed = all.call_method1("pop", (class.as_ptr() as usize,))?.cast_into::<PyList>()?;
    let mut list = Vec::new();
    for reduction in postponed.iter().rev() {
        let (function, arguments): (Bound<'py, PyAny>, Bound<'py, PyTuple>) = reduction.extract()?;
        let fills_dict = function.getattr_opt("__name__")?.is_some_and(|name| name.eq("_setitems").unwrap_or(false));
        if fills_dict && arguments.len() == 2 {
            let items = arguments.get_item(1)?.call_method0("items")?.try_iter()?;
            list.extend([Do::Save(arguments.get_item(0)?), Do::SetItems(items), Do::Write(op::POP)]);
            continue;
        }
        list.extend([Do::Save(function), Do::Save(arguments.into_any()), Do::Write(op::REDUCE), Do::Write(op::POP)]);
    }
    Ok((!list.is_empty()).then(|| steps(class, list)))
}

/// Registers with an abstract class what had been registered with it.
fn registered<'py>(class: &Bound<'py, PyType>) -> PyResult<Vec<Do<'py>>> {
    let py = class.py();
    let abc = py.import("abc")?;
    if !class.is_instance(&abc.getattr("ABCMeta")?)? {
        return Ok(Vec::new());
    }
    let register = abc.getattr("ABCMeta")?.getattr("register")?;
    let registry = py.import("_abc")?.call_method1("_get_dump", (class,))?.get_item(0)?;
    let mut found = Vec::new();
    for reference in registry.try_iter()? {
        let subclass = reference?.call0()?;
        if !subclass.is_none() {
            found.push(subclass);
        }
    }
    let step = |subclass| {
        let (register, class) = (Do::Save(register.clone()), Do::Save(class.clone().into_any()));
        [register, class, Do::Save(subclass)].into_iter().chain([op::TUPLE2, op::REDUCE, op::POP].map(Do::Write))
    };
    Ok(found.into_iter().flat_map(step).collect())
}
