//! The memo: which object has which slot. One for the whole session, so that shared objects stay shared.
//!
//! Open addressing over object addresses. Each entry holds a reference to its object: an address that was freed
//! and used again would otherwise name a wrong one. Slots are given in order, so a rollback cuts the tail off.

use pyo3::prelude::*;

/// Addresses to slots, and the objects that are kept alive.
pub(super) struct Memo {
    /// `(address, slot)`; address 0 is an empty place.
    table: Vec<(usize, u32)>,
    /// By slot. None is a slot that belongs to no object: what an earlier stream filled.
    objects: Vec<Py<PyAny>>,
}

/// The smallest table; a power of two, as all sizes are.
const SMALLEST: usize = 64;

impl Memo {
    pub(super) fn new() -> Self {
        Self { table: vec![(0, 0); SMALLEST], objects: Vec::new() }
    }

    /// The number of slots in use.
    pub(super) fn len(&self) -> usize {
        self.objects.len()
    }

    /// The slot of the object at an address.
    #[inline]
    pub(super) fn get(&self, address: usize) -> Option<u32> {
        let (key, slot) = self.table[self.place_of(address)];
        (key != 0).then_some(slot)
    }

    /// Gives the next slot to an object that has none. Returns false where it has one.
    #[inline]
    pub(super) fn put(&mut self, object: &Bound<'_, PyAny>) -> bool {
        if 3 * self.objects.len() >= 2 * self.table.len() {
            self.grow();
        }
        let address = object.as_ptr() as usize;
        let place = self.place_of(address);
        if self.table[place].0 != 0 {
            return false;
        }
        self.table[place] = (address, self.objects.len() as u32);
        self.objects.push(object.clone().unbind());
        true
    }

    /// Gives the next slot to an object, also to one that has one already: from now on it is taken from the new one.
    pub(super) fn renew(&mut self, object: &Bound<'_, PyAny>) {
        if !self.put(object) {
            let place = self.place_of(object.as_ptr() as usize);
            self.table[place].1 = self.objects.len() as u32;
            self.objects.push(object.clone().unbind());
        }
    }

    /// The object in a slot.
    pub(super) fn object(&self, slot: u32) -> Option<&Py<PyAny>> {
        self.objects.get(slot as usize)
    }

    /// Forgets the slots from `length` on. Returns their objects, for the caller to drop when it holds no borrow:
    /// freeing an object can run code.
    pub(super) fn cut(&mut self, length: usize) -> Vec<Py<PyAny>> {
        if length >= self.objects.len() {
            return Vec::new();
        }
        let gone = self.objects.split_off(length);
        // Objects that had been given new slots have their old ones again.
        self.rebuild(self.table.len());
        gone
    }

    /// Where an address is in the table, or the empty place where it would be.
    #[inline]
    fn place_of(&self, address: usize) -> usize {
        let mask = self.table.len() - 1;
        let mut place = hash(address) & mask;
        while self.table[place].0 != 0 && self.table[place].0 != address {
            place = (place + 1) & mask;
        }
        place
    }

    #[cold]
    fn grow(&mut self) {
        self.rebuild(self.table.len() * 2);
    }

    fn rebuild(&mut self, size: usize) {
        self.table.clear();
        self.table.resize(size, (0, 0));
        for slot in 0..self.objects.len() {
            let address = self.objects[slot].as_ptr() as usize;
            let place = self.place_of(address);
            self.table[place] = (address, slot as u32);
        }
    }
}

/// Objects lie at multiples of 16, and those made together lie together: a multiplication spreads them.
#[inline]
fn hash(address: usize) -> usize {
    (address >> 4).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20
}
