//! Instances of classes on a list: a new object without a call of its class. The engine sets its attributes.

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyTuple};

use super::BuildContext;
use crate::pickle::build_plan::{InstanceCall, InstanceMake};

/// Makes an object. By `object.__new__`, it uses nothing of what its recipe needs: that is the dict of its attributes.
pub(super) fn make<'py>(
    context: &BuildContext<'py>,
    make: &InstanceMake,
    needs: &[Bound<'py, PyAny>],
) -> PyResult<Bound<'py, PyAny>> {
    let class = context.global(&make.module, &make.name)?;
    let given = PyTuple::new(context.py(), needs)?;
    match make.by {
        InstanceCall::New => {}
        InstanceCall::NewTuple => {
            return context.py().get_type::<PyTuple>().getattr("__new__")?.call1((&class, given));
        }
        InstanceCall::Called => return class.call1(given),
    }
    // The `__new__` of `object` itself: a class could have another one.
    let object = context.py().get_type::<PyAny>().getattr("__new__")?.call1((&class,))?;
    if let Some(version) = &make.version {
        warn_of_version(context, &make.name, version)?;
    }
    Ok(object)
}

/// Warns as `BaseEstimator.__setstate__` does if another version of scikit-learn wrote the estimator.
fn warn_of_version(context: &BuildContext<'_>, name: &str, version: &str) -> PyResult<()> {
    let current = context.global("sklearn", "__version__")?;
    if current.eq(version)? {
        return Ok(());
    }
    let facts = PyDict::new(context.py());
    facts.set_item("estimator_name", name)?;
    facts.set_item("current_sklearn_version", current)?;
    facts.set_item("original_sklearn_version", version)?;
    let warn = context.global("warnings", "warn")?;
    // Older versions of scikit-learn have no class of their own for this warning.
    match context.global("sklearn.exceptions", "InconsistentVersionWarning") {
        Ok(warning) => warn.call1((warning.call((), Some(&facts))?,))?,
        Err(_) => {
            let category = context.global("builtins", "UserWarning")?;
            let text = format!(
                "Trying to unpickle estimator {name} from version {version} when using version {}. This might lead to \
                 breaking code or invalid results. Use at your own risk.",
                context.global("sklearn", "__version__")?
            );
            warn.call1((text, category))?
        }
    };
    Ok(())
}
