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
        let mask = self.table.len() - 1;
        let mut place = hash(address) & mask;
        loop {
            let (key, slot) = self.table[place];
            if key == address {
                return Some(slot);
            }
            if key == 0 {
                return None;
            }
            place = (place + 1) & mask;
        }
    }

    /// Gives the next slot to an object that has none. Returns false where it has one.
    #[inline]
    pub(super) fn put(&mut self, object: &Bound<'_, PyAny>) -> bool {
        if 3 * self.objects.len() >= 2 * self.table.len() {
            self.grow();
        }
        let address = object.as_ptr() as usize;
        let mask = self.table.len() - 1;
        let mut place = hash(address) & mask;
        while self.table[place].0 != 0 {
            if self.table[place].0 == address {
                return false;
            }
            place = (place + 1) & mask;
        }
        self.table[place] = (address, self.objects.len() as u32);
        self.objects.push(object.clone().unbind());
        true
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
        if gone.len() * 4 < self.objects.len() {
            gone.iter().rev().for_each(|object| self.remove(object.as_ptr() as usize));
        } else {
            self.rebuild(self.table.len());
        }
        gone
    }

    /// Takes an address out, and moves what had to make way for it.
    fn remove(&mut self, address: usize) {
        let mask = self.table.len() - 1;
        let mut hole = hash(address) & mask;
        while self.table[hole].0 != address {
            if self.table[hole].0 == 0 {
                return;
            }
            hole = (hole + 1) & mask;
        }
        let mut next = hole;
        loop {
            next = (next + 1) & mask;
            let (key, _) = self.table[next];
            if key == 0 {
                break;
            }
            // An entry may move into the hole unless its own place lies between the hole and where it is.
            let home = hash(key) & mask;
            if (next.wrapping_sub(home) & mask) >= (next.wrapping_sub(hole) & mask) {
                self.table[hole] = self.table[next];
                hole = next;
            }
        }
        self.table[hole] = (0, 0);
    }

    #[cold]
    fn grow(&mut self) {
        self.rebuild(self.table.len() * 2);
    }

    fn rebuild(&mut self, size: usize) {
        self.table.clear();
        self.table.resize(size, (0, 0));
        let mask = size - 1;
        for (slot, object) in self.objects.iter().enumerate() {
            let address = object.as_ptr() as usize;
            let mut place = hash(address) & mask;
            while self.table[place].0 != 0 {
                place = (place + 1) & mask;
            }
            self.table[place] = (address, slot as u32);
        }
    }
}

/// Objects lie at multiples of 16, and those made together lie together: a multiplication spreads them.
#[inline]
fn hash(address: usize) -> usize {
    (address >> 4).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20
}
