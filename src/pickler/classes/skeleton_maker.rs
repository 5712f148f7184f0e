//! The callables that create the skeleton of a class of the script.
//!
//! If the metaclass is the script's own or one of `enum` or `typing`, `type` or `ABCMeta` creates it: the effects of
//! such a metaclass on the class are in the namespace already. A metaclass of another library is called with the whole
//! namespace, as dill does, because it may register the class somewhere. That is impossible if the namespace leads back
//! to the class (in pydantic's models, for example). Then `type` or `ABCMeta` creates this class as well.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyFunction, PyType};

use super::super::pickle_context::PickleContext;
use super::super::plan::Action;
use super::super::strategy::HEAP_TYPE;
use super::self_reference::leads_back;
use crate::pickle::format::opcode::Opcode;
use crate::pickler::class_attributes::ClassOrder as _;

pub(super) enum SkeletonMaker<'py> {
    /// The metaclass, which is `type` or `ABCMeta`.
    Metaclass,
    /// `type.__new__` or `ABCMeta.__new__`, instead of the metaclass.
    StandIn { module: &'static str, name: &'static str, new: Bound<'py, PyAny>, of_library: bool },
    /// A metaclass of a library, which gets the whole namespace.
    LibraryMetaclass,
}

impl<'py> SkeletonMaker<'py> {
    pub(super) fn of(context: &Arc<PickleContext>, class: &Bound<'py, PyType>) -> PyResult<Self> {
        let py = class.py();
        let metaclass = class.get_type();
        let plain = py.get_type::<PyType>();
        let abstracts = py.import("abc")?.getattr("ABCMeta")?;
        if metaclass.is(&plain) || metaclass.is(&abstracts) {
            return Ok(Self::Metaclass);
        }
        let mut of_library = false;
        // The first of `type` and `ABCMeta` stands in for the metaclasses before it.
        for base in metaclass.order() {
            let (module, name) = if base.is(&plain) {
                ("builtins", "type.__new__")
            } else if base.is(&abstracts) {
                ("abc", "ABCMeta.__new__")
            } else {
                if is_written_in_c(&base)? {
                    break;
                }
                let module = base.getattr("__module__")?.str()?.to_string_lossy().into_owned();
                let known = matches!(module.as_str(), "enum" | "typing" | "typing_extensions");
                of_library |= !known && !context.is_local(&base)?;
                continue;
            };
            // The namespace can lead back to the class in a way that only a reduction shows. The class is then met
            // again while its namespace is being written.
            let whole = of_library && !leads_back(context, class)? && context.lock()?.begin_whole_class(class);
            let new = base.getattr("__new__")?;
            return Ok(if whole { Self::LibraryMetaclass } else { Self::StandIn { module, name, new, of_library } });
        }
        Ok(Self::LibraryMetaclass)
    }

    pub(super) fn takes_whole_namespace(&self) -> bool {
        matches!(self, Self::LibraryMetaclass)
    }

    /// Whether the metaclass of a library is not called.
    pub(super) fn replaces_library(&self) -> bool {
        matches!(self, Self::StandIn { of_library: true, .. })
    }

    pub(super) fn global(self) -> PyResult<Action<'py>> {
        let (module, name, object) = match self {
            Self::Metaclass | Self::LibraryMetaclass => ("dill._dill", "_create_type", None),
            Self::StandIn { module, name, new, .. } => (module, name, Some(new)),
        };
        Ok(Action::Global { module, name, object })
    }
}

/// The actions that push the metaclass of a class.
pub(super) fn metaclass<'py>(context: &PickleContext, class: &Bound<'py, PyType>) -> PyResult<Vec<Action<'py>>> {
    let metaclass = class.get_type().into_any();
    let is_written = context.lock()?.slot_in_segment(metaclass.as_ptr() as usize).is_some();
    match typical_base(context, class)?.filter(|_| !is_written) {
        Some(base) => {
            let arguments = [class.py().get_type::<PyType>().into_any(), base].map(Action::Save);
            let call = [Opcode::Tuple1, Opcode::Reduce].map(Action::Write);
            Ok(arguments.into_iter().chain(call).chain([Action::Memoize(metaclass)]).collect())
        }
        None => Ok(vec![Action::Save(metaclass)]),
    }
}

/// An imported base class by whose type a load finds the metaclass, if that has no name. Some metaclasses that are
/// written in C have none: those of `ctypes`, for example.
pub(super) fn typical_base<'py>(
    context: &PickleContext,
    class: &Bound<'py, PyType>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let metaclass = class.get_type();
    if context.is_local(&metaclass)? {
        for base in class.order().iter().skip(1) {
            if base.get_type().is(&metaclass) && !context.is_local(&base)? {
                return Ok(Some(base));
            }
        }
    }
    Ok(None)
}

fn is_created_at_run_time(class: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(class.getattr("__flags__")?.extract::<u64>()? & HEAP_TYPE != 0)
}

/// Whether a metaclass has a constructor written in C. The classes that it creates have a different layout, so that
/// `type.__new__` refuses to create them.
fn is_written_in_c(metaclass: &Bound<'_, PyAny>) -> PyResult<bool> {
    let names = metaclass.getattr("__dict__")?;
    // 3.13 gives the metaclasses of `ctypes` an `__init__` instead of a `__new__`.
    for name in ["__new__", "__init__"] {
        let method = names.call_method1("get", (name,))?;
        let function = method.getattr_opt("__func__")?.unwrap_or_else(|| method.clone());
        if !function.is_none() && !function.is_instance_of::<PyFunction>() {
            return Ok(true);
        }
    }
    Ok(!is_created_at_run_time(metaclass)?)
}
