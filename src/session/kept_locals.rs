//! The local variables of functions that `save --locals` keeps: they become variables of the session.
//!
//! A name that the session has already, or that is a built-in, stays what it is: functions look it up. The local
//! variable is then named after its function as well: `main_df`.

use anyhow::{Context, Result};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use super::interpreter_guards::WarningFilters;
use crate::python::call_watch::{self, FunctionLocals};
use crate::python::deferred_signals::Tolerated;
use crate::python::script_command::ScriptSource;
use crate::python::script_run::ScriptRun;

/// A local variable that is bound in the session.
#[derive(Clone, Debug)]
pub(crate) struct BoundLocal {
    /// Its name in the session.
    pub name: String,
    /// Its name in the function, if that is another one.
    pub renamed: Option<String>,
    /// The function, as the user has named it.
    pub function: String,
}

/// Local variables that are bound in a namespace until this is dropped.
pub(crate) struct BoundLocals<'py> {
    namespace: Bound<'py, PyDict>,
    bound: Vec<(BoundLocal, Bound<'py, PyAny>)>,
}

impl<'py> BoundLocals<'py> {
    /// Binds the variables of these functions in the module of the session.
    ///
    /// # Errors
    /// If that module cannot be imported.
    pub(crate) fn bind(py: Python<'py>, run: &ScriptRun, module: &str, functions: &[FunctionLocals]) -> Result<Self> {
        let namespace = match module {
            "__main__" => run.main.bind(py).dict(),
            name => py.import(name).with_context(|| format!("cannot import module {name}: check its name"))?.dict(),
        };
        let builtins = py.import("builtins")?.dict();
        let mut locals = Self { namespace: namespace.clone(), bound: Vec::new() };
        for FunctionLocals { function, locals: variables, .. } in functions {
            let Some(variables) = variables else { continue };
            for (name, value) in variables.bind(py).iter() {
                let Ok(text) = name.extract::<String>() else { continue };
                let is_name = name.cast::<PyString>().is_ok_and(|name| is_identifier(name));
                if !is_name || (text.starts_with("__") && text.ends_with("__")) {
                    continue;
                }
                let known = namespace.get_item(&name)?;
                // A global that was passed to the function.
                if known.as_ref().is_some_and(|known| known.is(&value)) {
                    continue;
                }
                let is_taken = known.is_some() || builtins.contains(&name)?;
                let free = if is_taken { locals.free_name(&function.text(), &text)? } else { text.clone() };
                namespace.set_item(&free, &value)?;
                let renamed = (free != text).then_some(text);
                locals.bound.push((BoundLocal { name: free, renamed, function: function.text() }, value));
            }
        }
        Ok(locals)
    }

    /// `main_df`, or with a number if that is taken as well.
    fn free_name(&self, function: &str, name: &str) -> PyResult<String> {
        let function: String = function.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect();
        let first = format!("{function}_{name}");
        let (mut free, mut number) = (first.clone(), 1);
        while self.namespace.contains(&free)? {
            number += 1;
            free = format!("{first}_{number}");
        }
        Ok(free)
    }

    /// What is bound.
    pub(crate) fn all(&self) -> Vec<BoundLocal> {
        self.bound.iter().map(|(local, _)| local.clone()).collect()
    }
}

impl Drop for BoundLocals<'_> {
    fn drop(&mut self) {
        for (local, value) in &self.bound {
            // `atexit` functions see the session as the script has left it.
            let now = self.namespace.get_item(&local.name).tolerated().flatten();
            if now.is_some_and(|now| now.is(value)) {
                self.namespace.del_item(&local.name).tolerated();
            }
        }
    }
}

/// The functions of a script by their qualified names. `None` if it cannot be compiled.
pub(crate) fn functions_of_script(py: Python<'_>, source: &ScriptSource) -> Option<Vec<String>> {
    // Compiling the script twice would repeat its SyntaxWarnings.
    let _quiet = WarningFilters::ignore_all(py);
    call_watch::functions_in(py, source)
}

fn is_identifier(name: &Bound<'_, PyString>) -> bool {
    name.call_method0("isidentifier").and_then(|is| is.is_truthy()).tolerated().unwrap_or(false)
}
