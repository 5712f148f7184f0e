//! What the makers of objects need: globals of installed packages, and the time that is left.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::time::{Duration, Instant};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyBool, PyBytes, PyFloat, PyInt, PyString};

use super::{BuildFailure, Built};
use crate::pickle::build_plan::MOST_SAME_HASH;
use crate::python::deferred_signals::check_signals;
use crate::session::restore::untrusted_load;
use crate::snapshot::work_meter;

/// How long any load may take, and how much longer for each byte of the opcodes: far longer than honest files need.
const MIN_TIME: Duration = Duration::from_secs(10);
const TIME_FOR_MEGABYTE: Duration = Duration::from_secs(1);
/// After how many objects the clock is read.
const STEPS: u32 = 4096;

/// What the makers of objects need.
pub(in crate::session::restore) struct BuildContext<'py> {
    py: Python<'py>,
    globals: RefCell<HashMap<(String, String), Bound<'py, PyAny>>>,
    deadline: Instant,
    steps: Cell<u32>,
    /// The length of the opcodes.
    length: usize,
    /// The steps of the plan that are done, and all of them, for the progress bar.
    carried_out: Cell<(usize, usize)>,
}

impl<'py> BuildContext<'py> {
    /// For a load of opcodes of this length.
    pub(in crate::session::restore) fn new(py: Python<'py>, opcodes: usize) -> Self {
        let megabytes = u32::try_from(opcodes / 1_000_000).unwrap_or(u32::MAX);
        let deadline = Instant::now() + MIN_TIME + TIME_FOR_MEGABYTE.saturating_mul(megabytes);
        Self {
            py,
            globals: RefCell::default(),
            deadline,
            steps: Cell::new(0),
            length: opcodes,
            carried_out: Cell::default(),
        }
    }

    /// The Python that runs.
    pub(in crate::session::restore) fn py(&self) -> Python<'py> {
        self.py
    }

    /// A module, which is imported only from the directories where packages are installed.
    pub(super) fn module(&self, name: &str) -> PyResult<Bound<'py, PyAny>> {
        untrusted_load::import_installed(self.py, name).map(Bound::into_any)
    }

    /// A global of such a module. The name may be dotted.
    pub(super) fn global(&self, module: &str, name: &str) -> PyResult<Bound<'py, PyAny>> {
        let key = (module.to_owned(), name.to_owned());
        if let Some(known) = self.globals.borrow().get(&key) {
            return Ok(known.clone());
        }
        let found = match (module, name) {
            ("builtins", "NoneType") => self.py.None().bind(self.py).get_type().into_any(),
            _ => name.split('.').try_fold(self.module(module)?, |object, part| object.getattr(part))?,
        };
        self.globals.borrow_mut().insert(key, found.clone());
        Ok(found)
    }

    /// Counts a step of the plan, of `all`.
    #[inline]
    pub(super) fn carry_out(&self, all: usize) -> Built<()> {
        let (done, _) = self.carried_out.get();
        self.carried_out.set((done + 1, all));
        self.tick(1)
    }

    /// Counts steps, and looks now and then whether the load takes too long or was interrupted.
    #[inline]
    pub(super) fn tick(&self, steps: u32) -> Built<()> {
        let counted = self.steps.get().saturating_add(steps);
        self.steps.set(counted);
        if counted < STEPS { Ok(()) } else { self.look() }
    }

    /// Looks whether the load takes too long before a step that may take a second.
    pub(super) fn tick_long_step(&self) -> Built<()> {
        self.tick(STEPS)
    }

    #[cold]
    fn look(&self) -> Built<()> {
        self.steps.set(0);
        let (done, all) = self.carried_out.get();
        // As if all steps made equally many bytes into objects.
        work_meter::set((self.length as f64 * done as f64 / all.max(done) as f64) as u64);
        check_signals(self.py)?;
        if Instant::now() < self.deadline { Ok(()) } else { Err(BuildFailure::TooLong) }
    }

    /// Looks whether the load takes too long before each key that has many others to be compared with.
    ///
    /// # Errors
    /// If it does, or was interrupted.
    #[inline]
    pub(super) fn tick_key(&self, key: &Bound<'py, PyAny>) -> PyResult<()> {
        if is_simple(key) {
            return Ok(());
        }
        check_signals(self.py)?;
        if Instant::now() < self.deadline { Ok(()) } else { Err(PyValueError::new_err("it takes too long to build")) }
    }

    /// Refuses keys of one dict or members of one set if too many have the same hash: each would be compared with all
    /// others.
    pub(super) fn check_hashes(&self, keys: impl Iterator<Item = PyResult<Bound<'py, PyAny>>>) -> PyResult<()> {
        let mut hashes = HashCount::default();
        for key in keys {
            hashes.count(&key?)?;
        }
        Ok(())
    }
}

/// Counts how many keys have the same hash. The file chooses the hashes, so the map has a key of its own.
#[derive(Default)]
pub(super) struct HashCount(HashMap<isize, usize>);

impl HashCount {
    /// Counts a key. The plan has counted all of them, and refused fewer.
    ///
    /// # Errors
    /// If too many have its hash, or it has none.
    pub(super) fn count(&mut self, key: &Bound<'_, PyAny>) -> PyResult<()> {
        if is_simple(key) {
            return Ok(());
        }
        let count = self.0.entry(key.hash()?).or_default();
        *count += 1;
        if *count > MOST_SAME_HASH {
            return Err(PyValueError::new_err(format!("more than {MOST_SAME_HASH} keys have the same hash")));
        }
        Ok(())
    }
}

/// Whether a key is a number or a string, or the like.
fn is_simple(key: &Bound<'_, PyAny>) -> bool {
    key.is_exact_instance_of::<PyInt>()
        || key.is_exact_instance_of::<PyFloat>()
        || key.is_exact_instance_of::<PyString>()
        || key.is_exact_instance_of::<PyBytes>()
        || key.is_exact_instance_of::<PyBool>()
        || key.is_none()
}
