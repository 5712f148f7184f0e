//! What is loaded of each variable of our own file: all of it, the objects that others share with it, or nothing.
//!
//! A variable that is not wanted, or cannot be loaded as a whole, may own objects that wanted variables share. Only
//! these are loaded then. A restore, the security check and `verify` ask the same plan, so they agree on which
//! variables of a damaged file can be had. The slots that a segment reads are found in its opcodes.

use std::cell::OnceCell;
use std::collections::{BTreeSet, HashMap};

use super::segment::{DividedSegment, Load, SegmentObjects, VariableSegment};
use crate::pickle::passes::scan::scan_segment;

/// What may be loaded of a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Usable {
    /// Whether it is wanted, and can be loaded as a whole.
    pub(crate) whole: bool,
    /// Whether objects in its slots may be loaded for others.
    pub(crate) objects: bool,
    /// Whether these objects may contain raw buffers.
    pub(crate) buffers: bool,
    /// Whether these objects may contain code.
    pub(crate) code: bool,
}

impl Usable {
    /// A variable that is wanted and intact.
    pub(crate) const WHOLE: Self = Self { whole: true, objects: true, buffers: true, code: true };
    /// One that is loaded for others only.
    pub(crate) const FOR_OTHERS: Self = Self { whole: false, ..Self::WHOLE };
    /// One that must not be touched.
    pub(crate) const NOTHING: Self = Self { whole: false, objects: false, buffers: false, code: false };
}

/// Memo slots whose objects cannot be loaded: for each, the number of the variable that owns it.
pub(crate) type LostSlots = HashMap<u64, usize>;

/// The least number of bytes of opcodes that may be followed to find which objects of one variable can be loaded.
const MIN_EFFORT: usize = 64 << 20;
/// How many times the length of the segment may be followed for that.
const MAX_PASSES: usize = 4;

/// The plan of a load.
pub(crate) struct LoadPlan<'s, 'v> {
    file: &'s [u8],
    segments: Vec<&'s VariableSegment<'v>>,
    usable: Vec<Usable>,
    /// Whether the index is not believed, even where it says that a variable shares nothing.
    guarded: bool,
    /// For each variable, the slots that later ones read. Computed when the first variable cannot be loaded as a whole.
    needs: OnceCell<Vec<Vec<u64>>>,
    /// For each variable, the slots of earlier ones that it reads.
    takes: Vec<OnceCell<Vec<u64>>>,
}

impl<'s, 'v> LoadPlan<'s, 'v> {
    /// A plan for segments in the order of the file, with one entry of `usable` for each.
    pub(crate) fn new(
        file: &'s [u8],
        segments: impl Iterator<Item = &'s VariableSegment<'v>>,
        usable: Vec<Usable>,
        guarded: bool,
    ) -> Self {
        let takes = vec![OnceCell::new(); usable.len()];
        Self { file, segments: segments.collect(), usable, guarded, needs: OnceCell::new(), takes }
    }

    /// What is loaded of each variable, and which slots are lost, if all goes as planned.
    pub(crate) fn loads(&self) -> (Vec<Load>, LostSlots) {
        let mut lost = LostSlots::new();
        let loads = (0..self.segments.len()).map(|number| self.load_of(number, &mut lost)).collect();
        (loads, lost)
    }

    /// What is loaded of a variable if these slots of earlier ones are lost. Adds those that are lost with it.
    pub(crate) fn load_of(&self, number: usize, lost: &mut LostSlots) -> Load {
        let usable = self.usable.get(number).copied().unwrap_or(Usable::NOTHING);
        if usable.whole && self.lost_owner(number, lost).is_none() {
            return Load::Whole;
        }
        self.objects_of(number, lost)
    }

    /// The number of the first variable whose lost objects this one shares.
    pub(crate) fn lost_owner(&self, number: usize, lost: &LostSlots) -> Option<usize> {
        if lost.is_empty() {
            return None;
        }
        self.takes(number).iter().find_map(|slot| lost.get(slot)).copied()
    }

    /// The slots of a variable that later ones read, in ascending order.
    pub(crate) fn needs(&self, number: usize) -> &[u64] {
        self.needs.get_or_init(|| self.find_needs()).get(number).map_or(&[], Vec::as_slice)
    }

    /// The objects of a variable that are loaded for others, as far as they can be.
    fn objects_of(&self, number: usize, lost: &mut LostSlots) -> Load {
        let slots = self.needs(number);
        if slots.is_empty() {
            return Load::Nothing;
        }
        let found = self.divided(number).map(|divided| {
            let mut search = ObjectSearch { plan: self, number, lost, effort: effort_for(&divided), divided };
            let good = search.good(slots);
            let objects = search.objects(&good);
            (good, objects)
        });
        let (good, objects) = match found {
            Some((good, Some(objects))) if !good.is_empty() => (good, Load::Objects(objects)),
            _ => (Vec::new(), Load::Nothing),
        };
        let good: BTreeSet<u64> = good.into_iter().collect();
        lost.extend(slots.iter().filter(|slot| !good.contains(slot)).map(|slot| (*slot, number)));
        objects
    }

    /// The input for some objects of a variable: for loads that try which ones can be loaded.
    pub(crate) fn objects_in(&self, number: usize, slots: &[u64]) -> Option<SegmentObjects> {
        let divided = self.divided(number)?;
        divided.objects(divided.part(slots))
    }

    fn divided(&self, number: usize) -> Option<DividedSegment<'s>> {
        let usable = self.usable.get(number)?;
        if usable.objects { DividedSegment::new(self.segments.get(number)?, self.file) } else { None }
    }

    /// The slots of earlier variables that a whole one reads.
    fn takes(&self, number: usize) -> &[u64] {
        let known = self.takes.get(number).map(|takes| takes.get_or_init(|| self.find_takes(number)));
        known.map_or(&[], Vec::as_slice)
    }

    fn find_takes(&self, number: usize) -> Vec<u64> {
        let Some(segment) = self.segments.get(number) else { return Vec::new() };
        // The scan takes time, and nearly all variables share nothing.
        if !self.guarded && segment.variable().uses.is_empty() {
            return Vec::new();
        }
        let scanned = segment.as_loaded(self.file).map(|opcodes| scan_segment(&opcodes, segment.variable().memo.0));
        scanned.and_then(Result::ok).map(|facts| facts.takes).unwrap_or_default()
    }

    fn find_needs(&self) -> Vec<Vec<u64>> {
        let mut all = vec![Vec::new(); self.segments.len()];
        let mut read = BTreeSet::new();
        // From the last variable to the first: each reads slots of earlier ones.
        for (number, segment) in self.segments.iter().enumerate().rev() {
            let memo = segment.variable().memo;
            let slots: Vec<u64> = read.range(memo.0..memo.1.max(memo.0)).copied().collect();
            if self.usable.get(number).is_some_and(|usable| usable.whole) {
                read.extend(self.takes(number).iter().copied());
            } else if let Some(divided) = self.divided(number).filter(|_| !slots.is_empty()) {
                read.extend(divided.part(&slots).takes);
            }
            if let Some(of_variable) = all.get_mut(number) {
                *of_variable = slots;
            }
        }
        all
    }
}

fn effort_for(divided: &DividedSegment<'_>) -> usize {
    divided.length().saturating_mul(MAX_PASSES).max(MIN_EFFORT)
}

/// Finds out which objects of a variable can be loaded.
struct ObjectSearch<'p, 's, 'v> {
    plan: &'p LoadPlan<'s, 'v>,
    number: usize,
    lost: &'p LostSlots,
    divided: DividedSegment<'s>,
    /// How many bytes of opcodes may still be followed.
    effort: usize,
}

impl ObjectSearch<'_, '_, '_> {
    /// Those of the slots whose objects can be loaded.
    fn good(&mut self, slots: &[u64]) -> Vec<u64> {
        let (mut good, mut waiting) = (Vec::new(), vec![slots]);
        while let Some(slots) = waiting.pop() {
            if self.can_load(slots) {
                good.extend_from_slice(slots);
            } else if slots.len() > 1 && self.effort > 0 {
                // One bad object among many: halve the list until it is alone.
                let (left, right) = slots.split_at(slots.len() / 2);
                waiting.extend([right, left]);
            }
        }
        good
    }

    fn can_load(&mut self, slots: &[u64]) -> bool {
        let part = self.divided.part(slots);
        self.effort = self.effort.saturating_sub(part.length().saturating_add(1 << 10));
        let Some(usable) = self.plan.usable.get(self.number) else { return false };
        if part.takes.iter().any(|slot| self.lost.contains_key(slot)) || !(usable.buffers || part.buffers.is_empty()) {
            return false;
        }
        if usable.code {
            return true;
        }
        let memo_end = self.plan.segments.get(self.number).map_or(0, |segment| segment.variable().memo.1);
        self.divided.objects(part).is_some_and(|objects| !objects.has_code(self.plan.file, memo_end))
    }

    fn objects(&self, slots: &[u64]) -> Option<SegmentObjects> {
        self.divided.objects(self.divided.part(slots))
    }
}
