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
/// Places that share a line of the cache: four of 16 bytes.
const LINE: usize = 4;
/// From this size on tables grow by two only, to save memory.
const LARGE: usize = 1 << 17;

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
    ///
    /// Objects that are made together lie together, and are met in that order: so neighbours get neighbouring places, and
    /// the next look-up finds its line in the cache. Only a full line sends the search elsewhere, as CPython's own
    /// tables do, by a sequence that uses up the address (`perturb` in Objects/dictobject.c).
    #[inline]
    fn place_of(&self, address: usize) -> usize {
        let mask = self.table.len() - 1;
        // Objects lie at multiples of 16.
        let mut rest = address >> 4;
        let mut line = rest & mask;
        loop {
            for near in 0..LINE {
                let place = line ^ near;
                let key = self.table[place].0;
                if key == address || key == 0 {
                    return place;
                }
            }
            rest >>= 5;
            line = line.wrapping_mul(5).wrapping_add(rest).wrapping_add(1) & mask;
        }
    }

    #[cold]
    fn grow(&mut self) {
        let factor = if self.table.len() < LARGE { 4 } else { 2 };
        self.rebuild(self.table.len() * factor);
    }

    fn rebuild(&mut self, size: usize) {
        self.table = vec![(0, 0); size];
        for slot in 0..self.objects.len() {
            let address = self.objects[slot].as_ptr() as usize;
            let place = self.place_of(address);
            self.table[place] = (address, slot as u32);
        }
    }
}
