//! Replacements for functions that dill's pickles call.
//!
//! Two of them ([`CreateType`], [`Reconstruct`]) return a class, type variable or enumeration member that the session
//! had before the load, if it has not changed: otherwise a second restore into the same process would leave some
//! instances with the old class and others with the new one. The other two work without dill ([`ImportModule`]) and
//! never create or truncate a file ([`OpenForReading`]). [`ClassFinder`](super::class_finder::ClassFinder) returns
//! them.

use std::collections::HashMap;
use std::sync::Arc;

use pyo3::exceptions::{PyFileNotFoundError, PyOSError};
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyFunction, PyModule, PyString, PyTuple, PyType};

use super::module_renames::ModuleRenames;
use super::restore_context::ImportRecord;
use crate::python::deferred_signals::Tolerated as _;
use crate::python::deferred_signals::ends_call;

/// The prefix that dill gives to the name of a module that cannot be imported.
pub(super) const RUNTIME: &str = "__runtime__.";
/// What is opened for a closed file that was removed.
const NO_FILE: &str = "/dev/null";

/// Replaces `dill._dill._create_type` and `type.__new__`, which create a class.
#[pyclass(frozen)]
pub(super) struct CreateType {
    /// The classes and type variables that the session held before the load, by name. Not those of the load itself: a
    /// file creates a class once, so that two classes of one name in it are two versions of a class.
    pub(super) before: Py<PyDict>,
    /// The function that creates the class; `None` to call its metaclass.
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
        // For a type variable, the pickler passes a `functools.partial` in place of the metaclass, and no arguments.
        let known = if arguments.is_empty() {
            self.known_type_variable(metaclass)
        } else {
            self.unchanged_class(metaclass, arguments)
        };
        if let Some(known) = known {
            // The next one of this name is another one.
            let name = if arguments.is_empty() { known.getattr("__name__")? } else { arguments.get_item(0)? };
            self.before.bind(metaclass.py()).del_item(name)?;
            return Ok(known);
        }
        let Some(new) = &self.new else { return metaclass.call1(arguments) };
        let all: Vec<_> = [metaclass.clone()].into_iter().chain(arguments.iter()).collect();
        new.bind(metaclass.py()).call1(PyTuple::new(metaclass.py(), all)?)
    }
}

impl CreateType {
    /// The existing class of the session that these arguments would create again.
    fn unchanged_class<'py>(
        &self,
        metaclass: &Bound<'py, PyAny>,
        arguments: &Bound<'py, PyTuple>,
    ) -> Option<Bound<'py, PyAny>> {
        let (name, bases, members): (Bound<'py, PyString>, Bound<'py, PyTuple>, Bound<'py, PyDict>) =
            arguments.extract().tolerated()?;
        let class = self.before.bind(metaclass.py()).get_item(name).tolerated()??;
        let known = class.cast::<PyType>().ok()?;
        let same_bases = known.getattr("__bases__").and_then(|found| found.eq(&bases)).tolerated().unwrap_or(false);
        // Cheap checks first: comparing the members can compare much code.
        if !known.get_type().is(metaclass) || !same_bases {
            return None;
        }
        let found = known.getattr("__dict__").tolerated()?;
        // First: every member in the pickle is in the existing class, and is the same.
        let same =
            members.iter().all(|(key, value)| match key.extract::<String>().tolerated().unwrap_or_default().as_str() {
                "__qualname__" => {
                    known.qualname().tolerated().is_some_and(|name| value.eq(name).tolerated().unwrap_or(false))
                }
                name => found.get_item(key).tolerated().is_some_and(|found| match is_set_later(name, &value) {
                    true => is_kept(known, name, &found),
                    false => is_same(&found, &value),
                }),
            });
        // Second: the class has no other members, except those that Python adds: names with an underscore, and slots.
        let added = |key: &Bound<'py, PyAny>| {
            key.extract::<String>().tolerated().is_some_and(|name| name.starts_with('_'))
                || members.contains(key).tolerated().unwrap_or(true)
                || found.get_item(key).tolerated().is_some_and(|found| is_slot(&found))
        };
        let all_known = found.try_iter().tolerated()?.map_while(|key| key.tolerated()).all(|key| added(&key));
        // `dataclass(slots=True)` creates a second class. Methods still refer to the first one, which has no slots.
        let same_slots = found.contains("__slots__").tolerated()? == members.contains("__slots__").tolerated()?;
        (same && all_known && same_slots).then(|| class.clone())
    }

    /// The existing type variable of the session that this `functools.partial` would create again.
    fn known_type_variable<'py>(&self, call: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
        let arguments = call.getattr("args").tolerated()?.cast_into::<PyTuple>().ok()?;
        let options = call.getattr("keywords").tolerated()?.cast_into::<PyDict>().ok()?;
        let known = self.before.bind(call.py()).get_item(arguments.get_item(0).tolerated()?).tolerated()??;
        if !known.get_type().is(&call.getattr("func").tolerated()?) {
            return None;
        }
        let has = |name: &str, value: &Bound<'py, PyAny>| {
            known.getattr(name).and_then(|found| found.eq(value)).tolerated().unwrap_or(false)
        };
        // The first argument is the name; the others depend on the kind of type variable.
        let rest = arguments.get_slice(1, arguments.len());
        let same_arguments = match known.get_type().name().tolerated()?.to_string_lossy().as_ref() {
            "TypeVar" => has("__constraints__", rest.as_any()),
            "NewType" => has("__supertype__", &rest.get_item(0).tolerated()?),
            "TypeAliasType" => has("__value__", &rest.get_item(0).tolerated()?),
            _ => true,
        };
        let same_options = ["bound", "covariant", "contravariant", "infer_variance"].into_iter().all(|name| {
            let wanted = options.get_item(name).tolerated().flatten();
            // An option that the partial does not set must have a false value.
            match (known.getattr(format!("__{name}__")).tolerated(), wanted) {
                (Some(found), Some(wanted)) => found.eq(wanted).tolerated().unwrap_or(false),
                (Some(found), None) => !found.is_truthy().tolerated().unwrap_or(true),
                (None, wanted) => wanted.is_none(),
            }
        });
        (same_arguments && same_options).then_some(known)
    }
}

/// The classes and type variables among the values of a namespace. Nothing else is kept alive.
pub(super) fn definitions<'py>(namespace: &Bound<'py, PyDict>) -> PyResult<Bound<'py, PyDict>> {
    let py = namespace.py();
    let found = PyDict::new(py);
    // Most values have one of a few types.
    let mut are_definitions = HashMap::new();
    for (name, value) in namespace {
        let kind = value.get_type();
        let is_definition = *are_definitions.entry(kind.as_ptr()).or_insert_with(|| {
            let module = kind.module().tolerated();
            let is_typing = |name: &Bound<'_, PyString>| {
                name.to_str().is_ok_and(|name| name == "typing" || name == "typing_extensions")
            };
            value.is_instance_of::<PyType>() || module.is_some_and(|module| is_typing(&module))
        });
        if is_definition {
            found.set_item(name, value)?;
        }
    }
    Ok(found)
}

/// Whether the pickle sets a member after it has created the class. Such a member is None at first.
fn is_set_later(name: &str, value: &Bound<'_, PyAny>) -> bool {
    value.is_none() && !(name.starts_with("__") && name.ends_with("__"))
}

/// Whether a member of an existing class that the pickle sets later may be taken for the same one. Nothing is known yet
/// of the value in the pickle, so this is only true of the members of an enumeration, which [`Reconstruct`] looks up by
/// value, and of what Python keeps with them.
fn is_kept(class: &Bound<'_, PyType>, name: &str, member: &Bound<'_, PyAny>) -> bool {
    !is_slot(member)
        && (member.is_none() || name.starts_with('_') || member.is_instance(class).tolerated().unwrap_or(false))
}

fn is_slot(member: &Bound<'_, PyAny>) -> bool {
    member.get_type().name().tolerated().is_some_and(|name| name == "member_descriptor")
}

/// Whether two members of a class are the same. Functions are compared by their code, other objects by type and value.
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
    // Class methods and static methods.
    if left.hasattr("__func__").tolerated().unwrap_or(false) {
        return same_part("__func__");
    }
    if left.get_type().name().tolerated().is_some_and(|name| name == "property") {
        return ["fget", "fset", "fdel"].into_iter().all(same_part);
    }
    left.eq(right).tolerated().unwrap_or(false)
}

/// Replaces `copyreg._reconstructor`, which creates enumeration members.
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

/// The existing enumeration member that these arguments would create again.
fn known_member<'py>(
    class: &Bound<'py, PyAny>,
    base: &Bound<'py, PyAny>,
    state: &Bound<'py, PyAny>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = class.py();
    if class.get_type().is(py.get_type::<PyType>()) || !class.is_instance(&py.import("enum")?.getattr("EnumMeta")?)? {
        return Ok(None);
    }
    // An enumeration that is still being created has no members yet.
    let Ok(members) = class.getattr("_member_map_")?.cast_into::<PyDict>() else { return Ok(None) };
    // The pickler passes the name of a member whose base is `object`, and otherwise its value.
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

/// Replaces `dill._dill._import_module`, without importing dill.
#[pyclass(frozen)]
pub(super) struct ImportModule {
    /// The module of the session. It exists already and is not imported.
    pub(super) module: Py<PyModule>,
    pub(super) module_name: String,
    pub(super) renames: ModuleRenames,
    pub(super) imports: Arc<ImportRecord>,
}

#[pymethods]
impl ImportModule {
    #[pyo3(signature = (import_name, safe = false))]
    fn __call__<'py>(&self, py: Python<'py>, import_name: &str, safe: bool) -> PyResult<Bound<'py, PyAny>> {
        if import_name.strip_prefix(RUNTIME).unwrap_or(import_name) == self.module_name {
            return Ok(self.module.bind(py).clone().into_any());
        }
        let new = self.renames.present(import_name);
        let imported = self.imports.import(py, &new).map(Bound::into_any).or_else(|error| {
            // dill writes `module.Class` in the same way as `package.module`.
            let Some((module, name)) = new.rsplit_once('.') else { return Err(error) };
            self.imports.import(py, module)?.getattr_opt(name)?.ok_or(error)
        });
        match imported {
            Err(error) if safe && !ends_call(py, &error) => Ok(py.None().into_bound(py)),
            imported => imported,
        }
    }
}

/// Replaces `dill._dill._create_namedtuple`, without importing dill. As dill's, it returns the class that the module
/// already has; of the session's module, only one that it had before the load.
#[pyclass(frozen)]
pub(super) struct CreateNamedTuple {
    pub(super) before: Py<PyDict>,
    pub(super) module_name: String,
}

#[pymethods]
impl CreateNamedTuple {
    #[pyo3(signature = (name, fields, module, defaults = None))]
    fn __call__<'py>(
        &self,
        py: Python<'py>,
        name: &str,
        fields: Bound<'py, PyAny>,
        module: &str,
        defaults: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let known = match module == self.module_name {
            true => self.before.bind(py).get_item(name).tolerated().flatten(),
            false => py.import(module).and_then(|module| module.getattr(name)).tolerated(),
        };
        let has_fields = |class: &Bound<'py, PyAny>| class.getattr("_fields")?.eq(fields.cast::<PyTuple>()?);
        if let Some(known) = known.filter(|known| has_fields(known).tolerated().unwrap_or(false)) {
            if module == self.module_name {
                self.before.bind(py).del_item(name)?;
            }
            return Ok(known);
        }
        let options = PyDict::new(py);
        options.set_item("defaults", defaults)?;
        options.set_item("module", module)?;
        py.import("collections")?.call_method("namedtuple", (name, fields), Some(&options))
    }
}

/// Replaces `dill._dill._create_filehandle`, and opens files for reading only: no file is created or truncated.
#[pyclass(frozen)]
pub(super) struct OpenForReading {}

#[pymethods]
impl OpenForReading {
    #[pyo3(signature = (name, mode, position, closed, *_rest))]
    fn __call__<'py>(
        &self,
        py: Python<'py>,
        name: Bound<'py, PyAny>,
        mode: &str,
        position: Bound<'py, PyAny>,
        closed: bool,
        _rest: &Bound<'py, PyTuple>,
    ) -> PyResult<Bound<'py, PyAny>> {
        // dill writes the standard streams by name. They are those of this process.
        let standard = match name.extract::<String>().tolerated().unwrap_or_default().as_str() {
            "<stdin>" => Some("__stdin__"),
            "<stdout>" => Some("__stdout__"),
            "<stderr>" => Some("__stderr__"),
            _ => None,
        };
        if let Some(stream) = standard {
            return py.import("sys")?.getattr(stream);
        }
        let mode = if mode.contains('b') { "rb" } else { "r" };
        let path = py.import("os.path")?;
        let is = |what: &str| path.call_method1(what, (&name,))?.is_truthy();
        let open = py.import("io")?.getattr("open")?;
        if closed && !is("isfile")? {
            return closed_file(&open, &name, mode);
        }
        // Opening a pipe can block forever, and opening a device can have side effects.
        if is("exists")? && !is("isfile")? {
            return Err(PyOSError::new_err(format!("cannot reopen {name}: it is not a regular file")));
        }
        let file = open.call1((&name, mode)).map_err(|error| {
            if !error.is_instance_of::<PyFileNotFoundError>(py) {
                return error;
            }
            PyFileNotFoundError::new_err(format!("cannot reopen {name}: the file no longer exists"))
        })?;
        if closed {
            file.call_method0("close")?;
        } else {
            file.call_method1("seek", (position,))?;
        }
        Ok(file)
    }
}

/// A closed file object with the name of a file that was removed since.
fn closed_file<'py>(open: &Bound<'py, PyAny>, name: &Bound<'py, PyAny>, mode: &str) -> PyResult<Bound<'py, PyAny>> {
    let file = open.call1((NO_FILE, mode))?;
    let buffer = file.getattr_opt("buffer")?.unwrap_or_else(|| file.clone());
    buffer.getattr("raw")?.setattr("name", name)?;
    file.call_method0("close")?;
    Ok(file)
}
