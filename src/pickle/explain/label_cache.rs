//! The labels that were made so far: everything that was decoded once is remembered, as far as the budget pays for it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use crate::pickle::machine::value::Ref;
use crate::pickle::work_budget::{WorkBudget, shared_string, table_entry};

/// Labels of one machine. Entries are valid only for the machine that they were made of.
#[derive(Debug, Default)]
pub(crate) struct LabelCache {
    pub(super) strings: Remembered<Option<Rc<str>>>,
    pub(super) types: Remembered<Rc<str>>,
    pub(super) classes: Remembered<Option<Rc<str>>>,
    pub(super) globals: Remembered<Option<Global>>,
    pub(super) lengths: Remembered<Option<u64>>,
    pub(super) previews: Remembered<Rc<str>>,
    pub(super) ends: Remembered<u64>,
}

/// Module and name.
pub(in crate::pickle) type Global = (Rc<str>, Rc<str>);
pub(super) type Remembered<T> = RefCell<HashMap<Ref, T>>;

/// The entry for a key, made if it is missing. `make` may ask for other entries.
///
/// Once the budget is spent, nothing more is remembered: answers take longer then, so callers that ask for many of them
/// must stop.
pub(super) fn remember<T: Label>(
    budget: &WorkBudget,
    entries: &Remembered<T>,
    key: Ref,
    make: impl FnOnce() -> T,
) -> T {
    if let Some(known) = entries.borrow().get(&key) {
        return known.clone();
    }
    budget.steps(1);
    // The cell must not be borrowed while `make` runs.
    let made = make();
    if budget.charge(table_entry::<Ref, T>() + made.allocated()).is_ok() {
        entries.borrow_mut().insert(key, made.clone());
    }
    made
}

/// A value that a cache remembers.
pub(super) trait Label: Clone {
    /// The number of bytes that it takes besides the entry.
    fn allocated(&self) -> usize {
        0
    }
}

impl Label for u64 {}

impl Label for Option<u64> {}

impl Label for Rc<str> {
    fn allocated(&self) -> usize {
        shared_string(self)
    }
}

impl Label for Option<Rc<str>> {
    fn allocated(&self) -> usize {
        self.as_deref().map_or(0, shared_string)
    }
}

impl Label for Option<Global> {
    fn allocated(&self) -> usize {
        self.as_ref().map_or(0, |(module, name)| shared_string(module) + shared_string(name))
    }
}
