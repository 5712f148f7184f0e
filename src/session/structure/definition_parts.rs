//! Describes the definitions of a script: classes by their bases and bodies, functions by their defaults, closures and
//! globals.

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyModule, PyTuple, PyType};

use super::object_parts::{Identity, ObjectDescriber, ObjectParts, Parts, is_one_of, joined, step};
use super::walk::StructureStep;
use crate::pickler::{Annotations, global_name, names_in_code};
use crate::python::deferred_signals::{Tolerated as _, shown};
use crate::session::code_search::named_cells;

/// Attributes of a class that are not from its body, or differ between equal classes: `copyreg` adds `__slotnames__`,
/// and reading `__annotations__` creates them.
const NOT_OF_THE_BODY: [&str; 13] = [
    "__dict__",
    "__weakref__",
    "__module__",
    "__doc__",
    "_abc_impl",
    "__abstractmethods__",
    "__slotnames__",
    "__annotations__",
    "__annotations_cache__",
    "__builtins__",
    // A named tuple keeps the cell that leads annotations to its namespace.
    "__classdictcell__",
    "__firstlineno__",
    "__static_attributes__",
];

impl<'py> ObjectDescriber<'py> {
    pub(super) fn a_class(&mut self, class: &Bound<'py, PyType>) -> PyResult<ObjectParts<'py>> {
        let facts = self.facts(class)?;
        if facts.is_imported {
            return Ok(ObjectParts::leaf(format!("class {}", facts.name)));
        }
        let mut parts = vec![(StructureStep::Text(".__class__".to_owned()), class.get_type().into_any())];
        let bases = class.getattr("__bases__")?.cast_into::<PyTuple>()?;
        parts.extend(bases.iter().enumerate().map(|(n, base)| (StructureStep::Text(format!(".__bases__[{n}]")), base)));
        let body = class.getattr("__dict__")?.call_method0("copy")?.cast_into::<PyDict>()?;
        let mut names = Vec::new();
        for (name, item) in body {
            if !is_one_of(&name, &NOT_OF_THE_BODY) {
                names.push((name.str()?.to_string_lossy().into_owned(), item));
            }
        }
        names.sort_by(|left, right| left.0.cmp(&right.0));
        let text = format!("class {} with {}", facts.name, joined(names.iter().map(|(name, _)| name.as_str())));
        parts.extend(names.iter().map(|(name, item)| (step(name), item.clone())));
        Ok(ObjectParts::new(text, parts, Identity::Own))
    }

    pub(super) fn a_function(&self, value: &Bound<'py, PyAny>) -> PyResult<ObjectParts<'py>> {
        if let Some((module, name)) = global_name(value, &self.main)? {
            return Ok(ObjectParts::leaf(format!("function {module}.{name}")));
        }
        let facts = ["__module__", "__qualname__", "__name__"].map(|name| value.getattr(name));
        let facts: Vec<_> = facts.iter().flatten().map(shown).collect();
        // `namedtuple` makes it of the fields and their defaults, which are attributes of the class.
        if facts.first().is_some_and(|module| module.starts_with("namedtuple_")) {
            return Ok(ObjectParts::leaf("the __new__ of a named tuple".to_owned()));
        }
        let mut parts = self.attributes(value, &["__defaults__", "__kwdefaults__", "__type_params__"]);
        parts.extend(self.closure(value));
        parts.extend(self.globals_used(value)?);
        // Reading it creates it.
        let state = value.getattr("__dict__")?;
        if state.len().tolerated().is_some_and(|length| length > 0) {
            parts.push((step("__dict__"), state));
        }
        parts.extend(Annotations::of(value)?.attribute().map(|(name, value)| (step(name), value)));
        let names = joined(parts.iter().map(|(step, _)| match step {
            StructureStep::Text(text) => text.trim_start_matches('.'),
            StructureStep::Index(_) => "",
        }));
        Ok(ObjectParts::new(format!("function {} with {names}", facts.join(" ")), parts, Identity::Own))
    }

    /// The cells of a function, without the cell for the namespace of its class: a snapshot has the names that are
    /// used, and Python empties the namespace when it deletes a class that a decorator has replaced.
    fn closure(&self, function: &Bound<'py, PyAny>) -> Parts<'py> {
        let cell = |name: &str| StructureStep::Text(format!(".__closure__['{name}']"));
        named_cells(function).map(|(name, value)| (cell(&name), value)).collect()
    }

    /// The globals of a function: the namespace of a module as a whole. Of a dict in which `exec` made the function, a
    /// snapshot has the names that the code uses.
    fn globals_used(&self, function: &Bound<'py, PyAny>) -> PyResult<Parts<'py>> {
        let globals = function.getattr("__globals__")?;
        let address = globals.as_ptr() as usize;
        let Ok(own) = globals.cast_exact::<PyDict>() else { return Ok(vec![(step("__globals__"), globals)]) };
        if self.namespaces.contains_key(&address) {
            return Ok(vec![(step("__globals__"), globals)]);
        }
        let mut parts = Vec::new();
        for name in names_in_code(&function.getattr("__code__")?)? {
            if let Some(value) = own.get_item(&name)? {
                parts.push((StructureStep::Text(format!(".__globals__['{name}']")), value));
            }
        }
        Ok(parts)
    }
}

pub(super) fn a_builtin<'py>(value: &Bound<'py, PyAny>) -> PyResult<ObjectParts<'py>> {
    let name = value.getattr("__qualname__")?;
    let owner = value.getattr("__self__")?;
    if owner.is_none() || owner.is_instance_of::<PyModule>() || owner.is_instance_of::<PyType>() {
        return Ok(ObjectParts::leaf(format!("built-in {}", shown(&name))));
    }
    Ok(ObjectParts::new(format!("built-in {name}"), vec![(step("__self__"), owner)], Identity::Own))
}
