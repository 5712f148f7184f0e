//! The memo: which object has which slot. One memo serves the whole session, so that shared objects stay shared.
//!
//! An open-addressing hash table over object addresses. The memo holds a reference to each object, because an address
//! that was freed and used again would name the wrong object. Slots are given out in order, so a rollback cuts the tail
//! off.

use pyo3::prelude::*;

/// Maps addresses to slots and keeps the objects alive.
pub(super) struct ObjectMemo {
    /// `(address, slot)`; address 0 marks an empty entry.
    table: Vec<(usize, u32)>,
    /// The objects by slot.
    objects: Vec<Py<PyAny>>,
}

/// The smallest table. All table sizes are powers of two.
const SMALLEST: usize = 64;
/// Entries per cache line: four of 16 bytes.
const LINE: usize = 4;
/// Tables of this size and more grow by a factor of two only, to save memory.
const LARGE: usize = 1 << 17;

impl ObjectMemo {
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
        let (key, slot) = self.table[self.entry_index(address)];
        (key != 0).then_some(slot)
    }

    /// Gives the next slot to an object that has none. Returns false if it has one.
    #[inline]
    pub(super) fn put(&mut self, object: &Bound<'_, PyAny>) -> bool {
        // At most two thirds full, as CPython's dicts are.
        if 3 * self.objects.len() >= 2 * self.table.len() {
            self.grow();
        }
        let address = object.as_ptr() as usize;
        let index = self.entry_index(address);
        if self.table[index].0 != 0 {
            return false;
        }
        self.table[index] = (address, self.objects.len() as u32);
        self.objects.push(object.clone().unbind());
        true
    }

    /// Gives the next slot to an object even if it already has one: later references use the new slot.
    pub(super) fn renew(&mut self, object: &Bound<'_, PyAny>) {
        if !self.put(object) {
            let index = self.entry_index(object.as_ptr() as usize);
            self.table[index].1 = self.objects.len() as u32;
            self.objects.push(object.clone().unbind());
        }
    }

    /// The object in a slot.
    pub(super) fn object(&self, slot: u32) -> Option<&Py<PyAny>> {
        self.objects.get(slot as usize)
    }

    /// Forgets the slots from `length` on. Returns their objects, which the caller must drop after it has released the
    /// lock: freeing an object can run Python code.
    pub(super) fn cut(&mut self, length: usize) -> Vec<Py<PyAny>> {
        if length >= self.objects.len() {
            return Vec::new();
        }
        let gone = self.objects.split_off(length);
        // An object whose slot had been renewed gets its old one back, as `rebuild` reads the slots in order.
        self.rebuild(self.table.len());
        gone
    }

    /// The index of an address in the table, or of the empty entry where it belongs.
    ///
    /// Objects that are created together tend to lie next to each other and to be pickled in that order. Neighbours get
    /// neighbouring entries, so the next lookup finds its line in the cache. Only a full line sends the search
    /// elsewhere, along the sequence of CPython's own tables (`perturb` in Objects/dictobject.c).
    #[inline]
    fn entry_index(&self, address: usize) -> usize {
        let mask = self.table.len() - 1;
        // Objects are aligned to 16 bytes: the low four bits say nothing.
        let mut perturb = address >> 4;
        let mut line = perturb & mask;
        loop {
            for offset in 0..LINE {
                let index = line ^ offset;
                let key = self.table[index].0;
                if key == address || key == 0 {
                    return index;
                }
            }
            perturb >>= 5;
            line = line.wrapping_mul(5).wrapping_add(perturb).wrapping_add(1) & mask;
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
            let index = self.entry_index(address);
            self.table[index] = (address, slot as u32);
        }
    }
}
