//! The globals of functions that `exec` made in a dict of the script or of a library.
//!
//! Such a dict may hold much that the functions do not use and that cannot be pickled. So a function brings only the
//! names that its code uses. All functions of the dict share one dict again, and if the dict itself is reached later,
//! the rest of its items are added to that.
//!
//! So does the namespace of a class, which the annotations of its methods refer to: see [`CLASS_NAMES`].
//!
//! In the memo, a dict that gets its items in several steps is represented by a stand-in. It has no items, or only the
//! built-in names of a sandbox, so it is written like an empty dict.

use std::sync::Arc;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyFunction, PyList, PyString, PyTuple};
use rustc_hash::{FxHashMap, FxHashSet};

use super::super::pickle_context::PickleContext;
use super::super::plan::{Action, ObjectPlan};
use super::super::submodules::{add_names, names_in_code};
use crate::pickle::format::opcode::Opcode;
use crate::python::deferred_signals::Tolerated as _;

/// Code that uses one of these names may look up any global.
const REFLECTION: [&str; 5] = ["eval", "exec", "globals", "locals", "vars"];

/// The variable by which annotations, type aliases and bounds in a class find the names of the class, since 3.13. It is
/// the namespace of the class itself, not a copy. At load it is a dict of the names that they use.
pub(crate) const CLASS_NAMES: &str = "__classdict__";

/// The dicts in which `exec` made functions that have been saved, by address.
#[derive(Default)]
pub(in super::super) struct ExecNamespaces {
    known: FxHashMap<usize, ExecNamespace>,
    /// The current segment.
    segment: u32,
    /// Dicts with functions that wait for items.
    waiting: Vec<usize>,
    /// Whether items are being written.
    filling: bool,
}

struct ExecNamespace {
    dict: Py<PyDict>,
    stand_in: Py<PyDict>,
    /// Whether it is the namespace of a class, whose items belong to the class.
    is_of_class: bool,
    /// The addresses of the keys that the current segment has written. Later segments write the keys that they need
    /// again, so that they do not depend on this one.
    written: FxHashSet<usize>,
    /// The names that functions wait for.
    wanted: FxHashSet<String>,
    /// Whether functions want all names.
    wants_all: bool,
    /// The segment that has written all items.
    complete_since: Option<u32>,
}

impl ExecNamespace {
    fn new(dict: &Bound<'_, PyDict>, stand_in: Bound<'_, PyDict>, is_of_class: bool) -> Self {
        Self {
            dict: dict.clone().unbind(),
            stand_in: stand_in.unbind(),
            is_of_class,
            written: FxHashSet::default(),
            wanted: FxHashSet::default(),
            wants_all: false,
            complete_since: None,
        }
    }
}

impl ExecNamespaces {
    pub(in super::super) fn begin_segment(&mut self) {
        self.segment += 1;
        self.filling = false;
        self.waiting.clear();
        for namespace in self.known.values_mut() {
            namespace.written.clear();
            namespace.wanted.clear();
            namespace.wants_all = false;
        }
    }

    /// Forgets the keys that the current segment has written.
    pub(in super::super) fn roll_back(&mut self) {
        for namespace in self.known.values_mut() {
            namespace.complete_since = namespace.complete_since.filter(|segment| *segment != self.segment);
        }
    }

    /// Whether a dict has a stand-in.
    #[inline]
    pub(in super::super) fn contains(&self, address: usize) -> bool {
        self.known.contains_key(&address)
    }
}

/// The dict that a function gets as its globals at load: the dict itself if that is in the memo, else its stand-in.
pub(super) fn globals_for<'py>(
    context: &Arc<PickleContext>,
    function: &Bound<'py, PyFunction>,
    globals: &Bound<'py, PyDict>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = globals.py();
    // An instance of a subclass of dict is written by its reduction.
    if context.has_slot(globals)? || !globals.is_exact_instance_of::<PyDict>() {
        return Ok(globals.clone().into_any());
    }
    let mut names = FxHashSet::default();
    add_names(&function.getattr(intern!(py, "__code__"))?, &mut names)?;
    // It costs nothing that the function itself is there.
    let name = function.getattr(intern!(py, "__name__"))?;
    if globals.get_item(&name)?.is_some_and(|found| found.is(function)) {
        names.insert(name.str()?.to_string_lossy().into_owned());
    }
    // A class statement in a function, and a logger, read this name.
    names.insert("__name__".to_owned());
    let address = globals.as_ptr() as usize;
    let stand_in = PyDict::new(py);
    // A function looks for its built-in names once, when it is created.
    let builtins = globals.get_item(intern!(py, "__builtins__"))?;
    if let Some(own) = builtins.filter(|names| names.is_exact_instance_of::<PyDict>())
        && !own.is(py.import(intern!(py, "builtins"))?.dict())
    {
        stand_in.set_item(intern!(py, "__builtins__"), own)?;
    }
    let namespaces = &mut context.lock()?.namespaces;
    let namespace = namespaces.known.entry(address).or_insert_with(|| ExecNamespace::new(globals, stand_in, false));
    namespace.wants_all |= REFLECTION.iter().any(|name| names.contains(*name));
    namespace.wanted.extend(names);
    namespaces.waiting.push(address);
    Ok(namespace.stand_in.bind(py).clone().into_any())
}

/// Prepares a stand-in for the namespace of a class if a function refers to it, with the names that the function uses.
/// Returns whether it does.
pub(super) fn expect_class_names(context: &Arc<PickleContext>, function: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = function.py();
    let Some((dict, names)) = class_names_used(function)? else { return Ok(false) };
    // After a load it is a dict like any other.
    if !dict.contains(intern!(py, "__module__"))? || context.has_slot(&dict)? {
        return Ok(false);
    }
    let address = dict.as_ptr() as usize;
    let namespaces = &mut context.lock()?.namespaces;
    let new = || ExecNamespace::new(&dict, PyDict::new(py), true);
    namespaces.known.entry(address).or_insert_with(new).wanted.extend(names);
    namespaces.waiting.push(address);
    Ok(true)
}

/// The namespace of a class that a function refers to by [`CLASS_NAMES`], and the names in it that its code uses.
pub(super) fn class_names_used<'py>(
    function: &Bound<'py, PyAny>,
) -> PyResult<Option<(Bound<'py, PyDict>, Vec<String>)>> {
    let py = function.py();
    let code = function.getattr(intern!(py, "__code__"))?;
    let variables = code.getattr(intern!(py, "co_freevars"))?.cast_into::<PyTuple>()?;
    let Some(index) = variables.iter().position(|name| name.eq(CLASS_NAMES).tolerated().unwrap_or(false)) else {
        return Ok(None);
    };
    let cell = function.getattr(intern!(py, "__closure__"))?.get_item(index)?;
    // An empty cell raises ValueError.
    let contents = cell.getattr(intern!(py, "cell_contents")).tolerated();
    let Some(dict) = contents.and_then(|contents| contents.cast_into_exact::<PyDict>().ok()) else { return Ok(None) };
    let mut names = names_in_code(&code)?;
    names.extend(variables.extract::<Vec<String>>()?);
    let mut used = Vec::new();
    for name in names {
        // A slot can only belong to this class.
        if let Some(value) = dict.get_item(&name)?
            && !value.get_type().name()?.to_string_lossy().ends_with("_descriptor")
        {
            used.push(name);
        }
    }
    Ok(Some((dict, used)))
}

/// Writes the items that functions wait for, unless a class is being created: it may be among the items.
pub(in super::super) fn fill_waiting<'py>(context: &Arc<PickleContext>, py: Python<'py>) -> PyResult<Vec<Action<'py>>> {
    let (stand_in, dict, wanted, written) = {
        let mut state = context.lock()?;
        if state.namespaces.filling || state.cells.creates_class() {
            return Ok(Vec::new());
        }
        let Some(address) = state.namespaces.waiting.pop() else { return Ok(Vec::new()) };
        state.namespaces.filling = true;
        let Some(namespace) = state.namespaces.known.get_mut(&address) else { return Ok(Vec::new()) };
        let wanted = (!std::mem::take(&mut namespace.wants_all)).then(|| std::mem::take(&mut namespace.wanted));
        let parts = (namespace.stand_in.bind(py).clone(), namespace.dict.bind(py).clone());
        (parts.0, parts.1, wanted, namespace.written.clone())
    };
    let mut items = Vec::new();
    for (key, value) in dict.iter() {
        let name = key.cast_exact::<PyString>().map(|name| name.to_string_lossy().into_owned());
        let is_wanted = wanted.as_ref().is_none_or(|wanted| name.is_ok_and(|name| wanted.contains(&name)));
        if is_wanted && !written.contains(&(key.as_ptr() as usize)) {
            items.push((key, value));
        }
    }
    let mut actions = Vec::new();
    if !items.is_empty() {
        actions.push(Action::Save(stand_in.into_any()));
        actions.extend(set_items(context, &dict, items)?);
        actions.push(Action::Write(Opcode::Pop));
    }
    actions.push(Action::Then(Box::new(move |context| {
        context.lock()?.namespaces.filling = false;
        fill_waiting(context, py)
    })));
    Ok(actions)
}

/// The plan for a dict that has a stand-in: that, and all items.
pub(in super::super) fn plan_namespace<'py>(
    context: &Arc<PickleContext>,
    dict: &Bound<'py, PyDict>,
) -> PyResult<Option<ObjectPlan<'py>>> {
    let py = dict.py();
    let (stand_in, written, is_complete) = {
        let namespaces = &mut context.lock()?.namespaces;
        let segment = namespaces.segment;
        let Some(namespace) = namespaces.known.get_mut(&(dict.as_ptr() as usize)) else { return Ok(None) };
        let was_complete = namespace.complete_since.replace(namespace.complete_since.unwrap_or(segment)).is_some();
        let is_complete = was_complete || namespace.is_of_class;
        (namespace.stand_in.bind(py).clone(), namespace.written.clone(), is_complete)
    };
    let mut actions = vec![Action::Save(stand_in.into_any())];
    if !is_complete {
        let is_new = |(key, _): &(Bound<'py, PyAny>, _)| !written.contains(&(key.as_ptr() as usize));
        actions.extend(set_items(context, dict, dict.iter().filter(is_new).collect())?);
    }
    Ok(Some(ObjectPlan::actions(dict, actions)))
}

/// Adds items to the dict on top of the unpickler's stack.
fn set_items<'py>(
    context: &Arc<PickleContext>,
    dict: &Bound<'py, PyDict>,
    items: Vec<(Bound<'py, PyAny>, Bound<'py, PyAny>)>,
) -> PyResult<Option<Action<'py>>> {
    if items.is_empty() {
        return Ok(None);
    }
    if let Some(namespace) = context.lock()?.namespaces.known.get_mut(&(dict.as_ptr() as usize)) {
        namespace.written.extend(items.iter().map(|(key, _)| key.as_ptr() as usize));
    }
    Ok(Some(Action::SetItems(PyList::new(dict.py(), items)?.try_iter()?)))
}
