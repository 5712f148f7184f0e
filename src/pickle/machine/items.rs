//! The parts of a value of the machine. Most values have one or two, which take no memory of their own.
//!
//! A value with more has a vector; unused vectors are kept for reuse ([`SpareItems`]).

use std::ops::{Deref, DerefMut};

use super::value::{Added, Ref};
use crate::pickle::work_budget::{ALLOCATION, OverBudget, WorkBudget};

/// The parts of a value. Dereferences to a slice of them.
#[derive(Debug, Default)]
pub struct NodeItems(ItemStorage);

// One and two items fit beside the words of a vector, so all variants take three words.
#[derive(Debug, Default)]
enum ItemStorage {
    #[default]
    None,
    One([Ref; 1]),
    Two([Ref; 2]),
    Many(Vec<Ref>),
    With(Box<ItemsWith>),
}

/// Parts of a value, and facts that few values have besides.
#[derive(Debug, Default)]
pub(super) struct ItemsWith {
    items: NodeItems,
    /// The state that BUILD gave it.
    pub(super) state: Option<Ref>,
    /// Items that were added by opcodes for another kind.
    pub(super) added: Option<Box<Added>>,
}

impl NodeItems {
    /// The items as a slice.
    #[inline]
    pub fn as_slice(&self) -> &[Ref] {
        match &self.0 {
            ItemStorage::None => &[],
            ItemStorage::One(items) => items,
            ItemStorage::Two(items) => items,
            ItemStorage::Many(items) => items,
            ItemStorage::With(with) => match &with.items.0 {
                ItemStorage::Many(items) => items,
                ItemStorage::Two(items) => items,
                ItemStorage::One(items) => items,
                ItemStorage::None | ItemStorage::With(_) => &[],
            },
        }
    }

    /// The facts about the value besides its parts.
    #[inline]
    pub(super) fn extras(&self) -> Option<&ItemsWith> {
        if let ItemStorage::With(with) = &self.0 { Some(with) } else { None }
    }

    /// The same, to be changed.
    pub(super) fn extras_mut(&mut self, budget: &WorkBudget) -> Result<&mut ItemsWith, OverBudget> {
        if self.extras().is_none() {
            budget.charge(size_of::<ItemsWith>() + ALLOCATION)?;
            let items = std::mem::take(self);
            self.0 = ItemStorage::With(Box::new(ItemsWith { items, ..ItemsWith::default() }));
        }
        match &mut self.0 {
            ItemStorage::With(with) => Ok(with),
            _ => Err(budget.exceed(0, "values")),
        }
    }

    pub(super) fn one(item: Ref) -> Self {
        Self(ItemStorage::One([item]))
    }

    pub(super) fn two(first: Ref, second: Ref) -> Self {
        Self(ItemStorage::Two([first, second]))
    }

    /// Takes a vector that was paid for.
    pub(super) fn many(items: Vec<Ref>) -> Self {
        Self(ItemStorage::Many(items))
    }

    /// A copy of these items.
    #[inline]
    pub(super) fn copy_of(items: &[Ref], spare: &mut SpareItems, budget: &WorkBudget) -> Result<Self, OverBudget> {
        Ok(Self(match items {
            [] => ItemStorage::None,
            [item] => ItemStorage::One([*item]),
            [first, second] => ItemStorage::Two([*first, *second]),
            items => ItemStorage::Many(spare.copy_of(items, budget)?),
        }))
    }

    /// Appends items.
    pub(super) fn append(&mut self, more: NodeItems, budget: &WorkBudget) -> Result<(), OverBudget> {
        if let ItemStorage::With(with) = &mut self.0 {
            return with.items.append_to_parts(more, budget);
        }
        self.append_to_parts(more, budget)
    }

    fn append_to_parts(&mut self, more: NodeItems, budget: &WorkBudget) -> Result<(), OverBudget> {
        if self.is_empty() {
            *self = more;
            return Ok(());
        }
        if !matches!(self.0, ItemStorage::Many(_)) {
            let mut all = Vec::new();
            budget.grow(&mut all, self.len() + more.len())?;
            all.extend_from_slice(self);
            self.0 = ItemStorage::Many(all);
        }
        let ItemStorage::Many(all) = &mut self.0 else { return Ok(()) };
        budget.grow(all, more.len())?;
        all.extend_from_slice(&more);
        more.free(budget);
        Ok(())
    }

    /// Drops the items, and gives back the budget that was paid for them.
    pub(super) fn free(self, budget: &WorkBudget) {
        if let ItemStorage::Many(items) = self.0 {
            budget.release_list(items);
        }
    }

    /// Removes and returns the first item.
    pub(super) fn take_first(&mut self) -> Option<Ref> {
        let first = *self.first()?;
        self.0 = match std::mem::take(&mut self.0) {
            ItemStorage::Two([_, second]) => ItemStorage::One([second]),
            ItemStorage::Many(mut items) => {
                items.remove(0);
                ItemStorage::Many(items)
            }
            other @ ItemStorage::With(_) => other,
            ItemStorage::None | ItemStorage::One(_) => ItemStorage::None,
        };
        Some(first)
    }
}

impl Deref for NodeItems {
    type Target = [Ref];

    #[inline]
    fn deref(&self) -> &[Ref] {
        self.as_slice()
    }
}

impl DerefMut for NodeItems {
    fn deref_mut(&mut self) -> &mut [Ref] {
        match &mut self.0 {
            ItemStorage::None => &mut [],
            ItemStorage::One(items) => items,
            ItemStorage::Two(items) => items,
            ItemStorage::Many(items) => items,
            ItemStorage::With(with) => match &mut with.items.0 {
                ItemStorage::Many(items) => items,
                ItemStorage::Two(items) => items,
                ItemStorage::One(items) => items,
                ItemStorage::None | ItemStorage::With(_) => &mut [],
            },
        }
    }
}

impl<'i> IntoIterator for &'i NodeItems {
    type Item = &'i Ref;
    type IntoIter = std::slice::Iter<'i, Ref>;

    fn into_iter(self) -> Self::IntoIter {
        self.as_slice().iter()
    }
}

/// The most items of a vector that is kept for reuse.
const MAX_SPARE_LENGTH: usize = 16;
/// The most vectors of one length that are kept.
const MAX_SPARE_OF_LENGTH: usize = 2048;

/// Empty vectors for reuse, by capacity. A pickle that is a long list of records makes vectors of the same few
/// lengths again and again. They stay paid for.
#[derive(Debug, Default)]
pub(super) struct SpareItems([Vec<Vec<Ref>>; MAX_SPARE_LENGTH + 1]);

impl SpareItems {
    /// A copy of these items, in a vector that has room for no more.
    #[inline]
    fn copy_of(&mut self, items: &[Ref], budget: &WorkBudget) -> Result<Vec<Ref>, OverBudget> {
        if let Some(mut copy) = self.0.get_mut(items.len()).and_then(Vec::pop) {
            copy.extend_from_slice(items);
            return Ok(copy);
        }
        budget.charge(size_of_val(items) + ALLOCATION)?;
        Ok(items.to_vec())
    }

    /// Takes back items that are no longer needed.
    pub(super) fn keep(&mut self, items: NodeItems, budget: &WorkBudget) {
        let mut items = match items.0 {
            ItemStorage::Many(items) => items,
            ItemStorage::With(with) => {
                budget.release(size_of::<ItemsWith>() + ALLOCATION);
                match with.items.0 {
                    ItemStorage::Many(items) => items,
                    _ => return,
                }
            }
            _ => return,
        };
        // `copy_of` asks for a vector of exactly the capacity that it needs.
        let capacity = items.capacity();
        match self.0.get_mut(capacity) {
            Some(same) if capacity > 0 && same.len() < MAX_SPARE_OF_LENGTH => {
                items.clear();
                same.push(items);
            }
            _ => budget.release_list(items),
        }
    }
}
