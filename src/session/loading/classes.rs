//! Classes, type variables and members of enumerations that a load makes, or finds: what the session has already and has
//! not changed is given again, so that a second restore into the same process does not split the new from the old.
//!
//! [`super::names`] gives these in place of the functions that the pickle names.

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyFunction, PyString, PyTuple, PyType};

/// `dill._dill._create_type`, which makes a class: one that is there already and has not changed is given again, so that
/// a second restore into the same process does not split its instances from those of the first. So is `type.__new__`.
#[pyclass(frozen)]
pub(super) struct CreateType {
    pub(super) namespace: Py<PyDict>,
    /// What makes the class, if not its metaclass.
    pub(super) new: Option<Py<PyAny>>,
}

#[pymethods]
impl CreateType {
    #[pyo3(signature = (metaclass, *arguments))]
    fn __call__<'py>(
        &self,
        metaclass: &Bound<'py, PyAny>,
        arguments: &Bound<'py, PyTuple>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let known = match arguments.is_empty() {
            true => self.known_variable(metaclass),
            false => self.unchanged(metaclass, arguments),
        };
        if let Some(known) = known {
            return Ok(known);
        }
        let Some(new) = &self.new else { return metaclass.call1(arguments) };
        let all: Vec<_> = [metaclass.clone()].into_iter().chain(arguments.iter()).collect();
        new.bind(metaclass.py()).call1(PyTuple::new(metaclass.py(), all)?)
    }
}

impl CreateType {
    fn unchanged<'py>(
        &self,
        metaclass: &Bound<'py, PyAny>,
        arguments: &Bound<'py, PyTuple>,
    ) -> Option<Bound<'py, PyAny>> {
        let (name, bases, members): (Bound<'py, PyString>, Bound<'py, PyTuple>, Bound<'py, PyDict>) =
            arguments.extract().ok()?;
        let class = self.namespace.bind(metaclass.py()).get_item(name).ok()??;
        let known = class.cast::<PyType>().ok()?;
        let same_bases = known.getattr("__bases__").and_then(|found| found.eq(&bases)).unwrap_or(false);
        if !known.get_type().is(metaclass) || !same_bases {
            return None;
        }
        let found = known.getattr("__dict__").ok()?;
        let same = members.iter().all(|(key, value)| match key.to_string().as_str() {
            "__qualname__" => known.qualname().is_ok_and(|name| value.eq(name).unwrap_or(false)),
            name => found.get_item(key).is_ok_and(|found| match is_set_later(name, &value) {
                true => !is_slot(&found),
                false => is_same(&found, &value),
            }),
        });
        // What Python itself adds to a class has such a name, or is a slot.
        let added = |key: &Bound<'py, PyAny>| {
            key.to_string().starts_with('_')
                || members.contains(key).unwrap_or(true)
                || found.get_item(key).is_ok_and(|found| is_slot(&found))
        };
        let all_known = found.try_iter().ok()?.flatten().all(|key| added(&key));
        // A class that `dataclass` has given slots lives on in its methods without them.
        let same_slots = found.contains("__slots__").ok()? == members.contains("__slots__").ok()?;
        (same && all_known && same_slots).then(|| class.clone())
    }

    /// A type variable of the session that is what this partial call would make.
    fn known_variable<'py>(&self, call: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
        let arguments = call.getattr("args").ok()?.cast_into::<PyTuple>().ok()?;
        let options = call.getattr("keywords").ok()?.cast_into::<PyDict>().ok()?;
        let known = self.namespace.bind(call.py()).get_item(arguments.get_item(0).ok()?).ok()??;
        if !known.get_type().is(&call.getattr("func").ok()?) {
            return None;
        }
        let has = |name: &str, value: &Bound<'py, PyAny>| {
            known.getattr(name).and_then(|found| found.eq(value)).unwrap_or(false)
        };
        let rest = arguments.get_slice(1, arguments.len());
        let same_arguments = match known.get_type().name().ok()?.to_string().as_str() {
            "TypeVar" => has("__constraints__", rest.as_any()),
            "NewType" => has("__supertype__", &rest.get_item(0).ok()?),
            "TypeAliasType" => has("__value__", &rest.get_item(0).ok()?),
            _ => true,
        };
        let same_options = ["bound", "covariant", "contravariant", "infer_variance"].into_iter().all(|name| {
            let wanted = options.get_item(name).ok().flatten();
            match (known.getattr(format!("__{name}__")), wanted) {
                (Ok(found), Some(wanted)) => found.eq(wanted).unwrap_or(false),
                (Ok(found), None) => !found.is_truthy().unwrap_or(true),
                (Err(_), wanted) => wanted.is_none(),
            }
        });
        (same_arguments && same_options).then_some(known)
    }
}

/// Whether a member is one that the pickle sets when it has the class: it is None until then.
fn is_set_later(name: &str, value: &Bound<'_, PyAny>) -> bool {
    value.is_none() && !(name.starts_with("__") && name.ends_with("__"))
}

fn is_slot(member: &Bound<'_, PyAny>) -> bool {
    member.get_type().name().is_ok_and(|name| name == "member_descriptor")
}

/// Whether two members of a class are alike: functions by their code, all else by type and value.
fn is_same(left: &Bound<'_, PyAny>, right: &Bound<'_, PyAny>) -> bool {
    if left.is(right) {
        return true;
    }
    if !left.get_type().is(right.get_type()) {
        return false;
    }
    let same_part = |name: &str| match (left.getattr(name), right.getattr(name)) {
        (Ok(left), Ok(right)) => left.is(&right) || is_same(&left, &right),
        _ => false,
    };
    if left.is_exact_instance_of::<PyFunction>() {
        return same_part("__code__") && same_part("__defaults__") && same_part("__kwdefaults__");
    }
    if left.hasattr("__func__").unwrap_or(false) {
        return same_part("__func__");
    }
    if left.get_type().name().is_ok_and(|name| name == "property") {
        return ["fget", "fset", "fdel"].into_iter().all(same_part);
    }
    left.eq(right).unwrap_or(false)
}

/// `copyreg._reconstructor`, which makes members of enumerations: one that is there already, as its enumeration was given
/// again, is given again.
#[pyclass(frozen)]
pub(super) struct Reconstruct {}

#[pymethods]
impl Reconstruct {
    fn __call__<'py>(
        &self,
        class: &Bound<'py, PyAny>,
        base: &Bound<'py, PyAny>,
        state: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        if let Some(member) = known_member(class, base, state)? {
            return Ok(member);
        }
        class.py().import("copyreg")?.getattr("_reconstructor")?.call1((class, base, state))
    }
}

fn known_member<'py>(
    class: &Bound<'py, PyAny>,
    base: &Bound<'py, PyAny>,
    state: &Bound<'py, PyAny>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = class.py();
    if class.get_type().is(py.get_type::<PyType>()) || !class.is_instance(&py.import("enum")?.getattr("EnumMeta")?)? {
        return Ok(None);
    }
    // One that is being made has no members yet.
    let Ok(members) = class.getattr("_member_map_")?.cast_into::<PyDict>() else { return Ok(None) };
    if base.is(py.get_type::<PyAny>()) {
        return members.get_item(state);
    }
    let is_same = |member: &Bound<'py, PyAny>| base.call_method1("__eq__", (member, state))?.is_truthy();
    for member in members.values() {
        if is_same(&member)? {
            return Ok(Some(member));
        }
    }
    Ok(None)
}
