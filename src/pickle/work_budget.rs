//! How much memory and how many steps examining a pickle may take.
//!
//! A small pickle can cause a great deal of work: each byte of it can be a list, a call, or the name of an attribute of
//! an attribute. So each caller of the machine makes one [`WorkBudget`] from the length of the opcodes, and everything
//! that grows with the pickle pays for it: the values of the machine, labels, symbols, comparisons. Once it is spent,
//! nothing more is remembered, and the result is an error, not an answer.
//!
//! The budget counts allocated memory, and steps instead of seconds: the same file always has the same result.

use std::cell::Cell;
use std::rc::Rc;

use thiserror::Error;

/// The memory that any file may take, in bytes.
const MIN_MEMORY: u64 = 64_000_000;
/// How many bytes of memory each byte of the opcodes may take in addition.
const FOR_EACH_BYTE: u64 = 10;
/// The most memory, unless the user allows more.
const MAX_MEMORY: u64 = 1_000_000_000;
/// The part of the memory that is not counted here: the program itself, the mapped file, and memory that allocators
/// keep.
const UNCOUNTED: u64 = 8_000_000;
const UNCOUNTED_SHARE: u64 = 16;
/// How many bytes of memory there are for each step. A step takes less than a tenth of a microsecond.
const MEMORY_FOR_STEP: u64 = 2;
/// Lists up to the first length, in bytes, double when they grow, and those up to the second grow by a quarter. Longer
/// ones grow by an eighth, so that little of the paid memory is unused.
const SMALL: usize = 1 << 16;
const LARGE: usize = 1 << 22;
/// The bookkeeping of an allocation, in bytes.
pub(in crate::pickle) const ALLOCATION: usize = 16;

/// Memory and steps that are left for looking at one pickle, or at two that are compared.
#[derive(Debug)]
pub struct WorkBudget {
    /// The limit that the user is told, in bytes.
    memory: u64,
    memory_left: Cell<u64>,
    steps_left: Cell<u64>,
    spent: Cell<Option<OverBudget>>,
}

/// The budget of a pickle is spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("it takes more than {limit} {what}: if you expect so large a file, allow more with --max-memory SIZE")]
pub struct OverBudget {
    /// The limit that was exceeded.
    pub limit: u64,
    /// The thing that it counts.
    pub what: &'static str,
}

impl WorkBudget {
    /// For opcodes of this length. `max_memory` is the number of bytes that the user allows.
    pub fn new(opcodes: u64, max_memory: Option<u64>) -> Rc<Self> {
        let standard = MIN_MEMORY.saturating_add(opcodes.saturating_mul(FOR_EACH_BYTE)).min(MAX_MEMORY);
        // The user's limit can be less than the standard, too.
        Rc::new(Self::of(max_memory.unwrap_or(standard)))
    }

    /// Without any limit: for files that this process has written itself.
    pub fn unlimited() -> Rc<Self> {
        Rc::new(Self::of(u64::MAX))
    }

    fn of(memory: u64) -> Self {
        let counted = memory - memory / UNCOUNTED_SHARE;
        Self {
            memory,
            memory_left: Cell::new(counted.saturating_sub(UNCOUNTED)),
            steps_left: Cell::new(memory / MEMORY_FOR_STEP),
            spent: Cell::new(None),
        }
    }

    /// A separate budget with the rest of this one. If it is spent, this one is not.
    pub fn rest(&self) -> Rc<Self> {
        let (memory_left, steps_left) = (self.memory_left.clone(), self.steps_left.clone());
        Rc::new(Self { memory: self.memory, memory_left, steps_left, spent: Cell::new(None) })
    }

    /// A separate budget with half of the rest of this one, for another thread.
    pub(crate) fn half(&self) -> Self {
        let half = |left: &Cell<u64>| Cell::new(left.get() / 2);
        let (memory_left, steps_left) = (half(&self.memory_left), half(&self.steps_left));
        Self { memory: self.memory, memory_left, steps_left, spent: Cell::new(None) }
    }

    /// An error if the budget is spent.
    ///
    /// # Errors
    /// If it is.
    pub fn check(&self) -> Result<(), OverBudget> {
        self.spent.get().map_or(Ok(()), Err)
    }

    /// Whether the budget is spent.
    #[inline]
    pub fn is_spent(&self) -> bool {
        self.spent.get().is_some()
    }

    /// Pays for memory.
    ///
    /// # Errors
    /// If there is not so much left.
    #[inline]
    pub(in crate::pickle) fn charge(&self, bytes: usize) -> Result<(), OverBudget> {
        match self.memory_left.get().checked_sub(bytes as u64) {
            Some(left) => {
                self.memory_left.set(left);
                Ok(())
            }
            None => Err(self.exceed(self.memory, "bytes of memory")),
        }
    }

    /// Gives back the budget for memory that is free again.
    #[inline]
    pub(in crate::pickle) fn release(&self, bytes: usize) {
        self.memory_left.set(self.memory_left.get().saturating_add(bytes as u64));
    }

    /// Pays for some steps. Returns whether the budget is spent.
    #[inline]
    pub(in crate::pickle) fn steps(&self, count: u64) -> bool {
        match self.steps_left.get().checked_sub(count) {
            Some(left) => self.steps_left.set(left),
            None => drop(self.exceed(self.memory / MEMORY_FOR_STEP, "steps")),
        }
        self.is_spent()
    }

    /// Notes that a limit was exceeded. The first one counts.
    #[cold]
    pub(in crate::pickle) fn exceed(&self, limit: u64, what: &'static str) -> OverBudget {
        let over = self.spent.get().unwrap_or(OverBudget { limit, what });
        self.spent.set(Some(over));
        // Nothing is paid for any more, so that the end is reached soon.
        self.memory_left.set(0);
        over
    }

    /// Appends to a list, and pays for its growth.
    ///
    /// # Errors
    /// If the budget is spent.
    #[inline(always)]
    pub(in crate::pickle) fn push<T>(&self, list: &mut Vec<T>, item: T) -> Result<(), OverBudget> {
        if list.len() == list.capacity() {
            self.grow(list, 1)?;
        }
        list.push(item);
        Ok(())
    }

    /// Makes room for more items in a list, and pays for it.
    ///
    /// # Errors
    /// If the budget is spent.
    #[inline(never)]
    pub(in crate::pickle) fn grow<T>(&self, list: &mut Vec<T>, more: usize) -> Result<(), OverBudget> {
        let needed = list.len().saturating_add(more);
        if needed <= list.capacity() {
            return Ok(());
        }
        let capacity = list.capacity();
        let size = size_of::<T>().max(1);
        let grown = match capacity.saturating_mul(size) {
            ..SMALL => capacity * 2,
            SMALL..LARGE => capacity + capacity / 4,
            LARGE.. => capacity + capacity / 8,
        };
        let wanted = grown.max(needed).max(4);
        self.charge((wanted - capacity).saturating_mul(size) + if capacity == 0 { ALLOCATION } else { 0 })?;
        list.reserve_exact(wanted - list.len());
        Ok(())
    }

    /// Gives back the budget for a list.
    pub(in crate::pickle) fn release_list<T>(&self, list: Vec<T>) {
        if list.capacity() > 0 {
            self.release(list.capacity().saturating_mul(size_of::<T>()).saturating_add(ALLOCATION));
        }
    }

    /// The memory that is left, to be restored when everything that was paid for since is free again.
    pub(in crate::pickle) fn memory_left(&self) -> u64 {
        self.memory_left.get()
    }

    /// Restores the memory that was left at some point, unless the budget was spent since.
    pub(in crate::pickle) fn restore(&self, memory_left: u64) {
        if !self.is_spent() {
            self.memory_left.set(memory_left);
        }
    }
}

/// The memory of an entry of a hash table: a table is up to sixteen sevenths of its entries, and while it grows, the
/// old one still exists.
pub(in crate::pickle) const fn table_entry<K, V>() -> usize {
    (size_of::<(K, V)>() + 1) * 5 / 2
}

/// The memory of a string with a reference count.
pub(in crate::pickle) fn shared_string(string: &str) -> usize {
    ALLOCATION + ALLOCATION + string.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limits_follow_from_the_length_of_the_opcodes() {
        let memory = |opcodes, max| WorkBudget::new(opcodes, max).memory;
        assert_eq!(memory(0, None), 64_000_000);
        assert_eq!(memory(1_000_000, None), 74_000_000);
        assert_eq!(memory(u64::MAX, None), 1_000_000_000);
        assert_eq!(memory(1_000_000, Some(5_000_000_000)), 5_000_000_000);
    }

    #[test]
    fn a_spent_budget_stays_spent_and_names_its_limit() {
        let budget = WorkBudget::new(0, None);
        let left = budget.memory_left();
        assert_eq!(budget.charge(1 << 20), Ok(()));
        budget.release(1 << 20);
        assert_eq!(budget.memory_left(), left);
        let over = budget.charge(1 << 30).expect_err("more than the limit");
        assert_eq!(over.limit, 64_000_000);
        assert!(over.to_string().contains("--max-memory"));
        assert!(budget.steps(1));
        budget.restore(left);
        assert_eq!((budget.charge(1), budget.check()), (Err(over), Err(over)));
    }

    #[test]
    fn a_list_pays_for_its_growth_and_gets_it_back() -> Result<(), OverBudget> {
        let budget = WorkBudget::new(0, None);
        let left = budget.memory_left();
        let mut list: Vec<u64> = Vec::new();
        for number in 0..100_000 {
            budget.push(&mut list, number)?;
        }
        assert_eq!(left - budget.memory_left(), list.capacity() as u64 * 8 + ALLOCATION as u64);
        budget.release_list(list);
        assert_eq!(budget.memory_left(), left);
        Ok(())
    }
}
