//! The names that IPython puts into the namespace of its user: inputs and outputs, and functions of the prompt. They
//! belong to the process, and are neither saved nor replaced by a restore.
//!
//! A name alone proves nothing: a script may have a variable `exit` or `_i5` of its own. So the value must be the one
//! that the shell knows, as IPython's own `%who` compares it. Nothing here imports IPython.

use std::collections::HashMap;

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyInt, PyList, PyString, PyType};

use crate::pickler::class_attributes::ClassOrder as _;
use crate::pickler::loaded_modules;
use crate::python::deferred_signals::Tolerated as _;

/// The names that a shell keeps in `user_ns_hidden` from its start.
const FROM_START: [&str; 10] = ["In", "Out", "_ih", "_oh", "_dh", "_sh", "exit", "quit", "get_ipython", "open"];

/// The names of IPython in one namespace.
pub(super) struct IpythonNames<'py> {
    /// What the shell uses, or, if there is no shell any more, the namespace alone.
    namespace: Bound<'py, PyDict>,
    /// The `InteractiveShell` whose namespace it is.
    shell: Option<Bound<'py, PyAny>>,
}

impl<'py> IpythonNames<'py> {
    /// `None` where IPython is not loaded or has nothing to do with the namespace.
    pub(super) fn of(namespace: &Bound<'py, PyDict>) -> Option<Self> {
        let py = namespace.py();
        if !loaded_modules(py).tolerated()?.contains("IPython").tolerated()? {
            return None;
        }
        let shell = shell_of(namespace);
        let has_history = || item(namespace, "_ih").is_some() || item(namespace, "get_ipython").is_some();
        (shell.is_some() || has_history()).then(|| Self { namespace: namespace.clone(), shell })
    }

    /// Whether a variable belongs to IPython.
    pub(super) fn has(&self, name: &str, value: &Bound<'py, PyAny>) -> bool {
        if FROM_START.contains(&name) {
            return self.is_from_start(name, value);
        }
        match name {
            "_" | "__" | "___" => self.is_last_output(name, value),
            "_i" | "_ii" | "_iii" => self.is_last_input(name, value),
            // `!command` sets it to a number, and the start of a kernel sets the other one to the path of its notebook.
            "_exit_code" => value.is_exact_instance_of::<PyInt>(),
            "__session__" => value.is_exact_instance_of::<PyString>() && self.shell.is_some(),
            _ => self.is_numbered(name, value),
        }
    }

    /// All variables that belong to IPython.
    pub(super) fn all(&self) -> Vec<(String, Bound<'py, PyAny>)> {
        let items =
            self.namespace.iter().filter_map(|(name, value)| Some((name.extract::<String>().tolerated()?, value)));
        items.filter(|(name, value)| self.has(name, value)).collect()
    }

    /// The cells that were run, as Python code.
    pub(super) fn inputs(&self) -> Option<Vec<String>> {
        item(&self.namespace, "_ih").filter(|inputs| self.is_from_start("_ih", inputs))?.extract().tolerated()
    }

    fn is_from_start(&self, name: &str, value: &Bound<'py, PyAny>) -> bool {
        let hidden = self.part(&["user_ns_hidden"]).and_then(|hidden| hidden.get_item(name).tolerated());
        if hidden.is_some_and(|hidden| hidden.is(value)) {
            return true;
        }
        // `%reset` clears `user_ns_hidden`, and a namespace may have outlived its shell.
        let is = |other: &str| item(&self.namespace, other).is_some_and(|other| other.is(value));
        match name {
            "In" => is("_ih") && value.is_instance_of::<PyList>(),
            "_ih" => is("In") && value.is_instance_of::<PyList>(),
            "Out" => is("_oh") && value.is_instance_of::<PyDict>(),
            "_oh" => is("Out") && value.is_instance_of::<PyDict>(),
            "_dh" => value.is_instance_of::<PyList>() && item(&self.namespace, "_ih").is_some(),
            "get_ipython" => {
                value.getattr("__self__").tolerated().is_some_and(|shell| is_of_ipython(shell.get_type().as_any()))
            }
            "open" => is_of_ipython(value),
            "exit" | "quit" => is_of_ipython(value.get_type().as_any()),
            _ => false,
        }
    }

    /// `_`, `__` and `___`: a value that the user has assigned is not the one that the display hook has.
    fn is_last_output(&self, name: &str, value: &Bound<'py, PyAny>) -> bool {
        match self.part(&["displayhook", name]) {
            Some(known) => known.is(value),
            // Empty strings at first, later one of the outputs.
            None => {
                let outputs = item(&self.namespace, "_oh").and_then(|outputs| outputs.cast_into::<PyDict>().ok());
                let mut outputs = outputs.into_iter().flat_map(|outputs| outputs.values());
                value.extract::<&str>().tolerated().is_some_and(str::is_empty) || outputs.any(|output| output.is(value))
            }
        }
    }

    fn is_last_input(&self, name: &str, value: &Bound<'py, PyAny>) -> bool {
        match self.part(&["history_manager", name]) {
            Some(known) => is_same_string(&known, value),
            None => value.is_exact_instance_of::<PyString>(),
        }
    }

    /// `_i5`, the fifth input, and `_5`, its output.
    fn is_numbered(&self, name: &str, value: &Bound<'py, PyAny>) -> bool {
        let number = |prefix: &str| name.strip_prefix(prefix)?.parse::<usize>().ok();
        if let Some(number) = number("_i") {
            return match self.part(&["history_manager", "input_hist_raw"]) {
                Some(inputs) => inputs.get_item(number).tolerated().is_some_and(|input| is_same_string(&input, value)),
                None => value.is_exact_instance_of::<PyString>(),
            };
        }
        let Some(number) = number("_") else { return false };
        item(&self.namespace, "_oh")
            .is_some_and(|all| all.get_item(number).tolerated().is_some_and(|output| output.is(value)))
    }

    /// An attribute of an attribute of the shell.
    fn part(&self, path: &[&str]) -> Option<Bound<'py, PyAny>> {
        path.iter().try_fold(self.shell.clone()?, |object, name| object.getattr(*name).tolerated())
    }
}

/// Keeps what belongs to IPython in a namespace, and puts it back when it is dropped: a dill session that was saved in
/// a kernel has the inputs and outputs of that kernel.
pub(super) struct KeptNames<'py> {
    namespace: Bound<'py, PyDict>,
    names: HashMap<String, Bound<'py, PyAny>>,
}

impl<'py> KeptNames<'py> {
    pub(super) fn of(namespace: &Bound<'py, PyDict>) -> Self {
        let names = IpythonNames::of(namespace).map(|names| names.all().into_iter().collect()).unwrap_or_default();
        Self { namespace: namespace.clone(), names }
    }
}

impl Drop for KeptNames<'_> {
    fn drop(&mut self) {
        for (name, value) in &self.names {
            // Setting an item of a dict with a string as its key fails only without memory.
            self.namespace.set_item(name, value).tolerated();
        }
    }
}

/// The shell that runs in a namespace: the owner of its `get_ipython`, or the only one of the process.
fn shell_of<'py>(namespace: &Bound<'py, PyDict>) -> Option<Bound<'py, PyAny>> {
    let owner = item(namespace, "get_ipython").and_then(|function| function.getattr("__self__").tolerated());
    owner.filter(|shell| is_of_ipython(shell.get_type().as_any())).or_else(|| {
        let module =
            loaded_modules(namespace.py()).tolerated()?.get_item("IPython.core.interactiveshell").tolerated()?;
        let shell = module.getattr("InteractiveShell").tolerated()?.getattr("_instance").tolerated()?;
        shell.getattr("user_ns").tolerated().is_some_and(|names| names.is(namespace)).then_some(shell)
    })
}

/// Whether a class or function is defined in IPython or one of its kernels, or a class is derived from one that is.
fn is_of_ipython(object: &Bound<'_, PyAny>) -> bool {
    let is_own = |object: &Bound<'_, PyAny>| {
        let module = object.getattr("__module__").and_then(|module| module.extract::<String>());
        module.tolerated().is_some_and(|module| matches!(module.split('.').next(), Some("IPython" | "ipykernel")))
    };
    let bases = object.cast::<PyType>().map(|class| class.order());
    is_own(object) || bases.is_ok_and(|bases| bases.iter().any(|base| is_own(&base)))
}

fn is_same_string(known: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> bool {
    value.is_exact_instance_of::<PyString>() && known.eq(value).tolerated().unwrap_or(false)
}

fn item<'py>(namespace: &Bound<'py, PyDict>, name: &str) -> Option<Bound<'py, PyAny>> {
    namespace.get_item(name).tolerated().flatten()
}
