//! Limits on the keys of dicts and the members of sets, before any of them is made: hashing and comparing them must
//! end.
//!
//! A tuple or a frozenset can be as wide as two to the power of its length by sharing its parts, and hashing or
//! comparing it visits all of them, each time. Numbers, and objects made of them, can be chosen so that all have the
//! same hash: then each key is compared with all others. Neither would ever end, so both are refused.

use super::key_costs::{KeyCost, KeyCosts, MAX_KEY};
use super::key_work::KeyWork;
use super::{RecipeTable, Refused};
use crate::pickle::machine::Machine;
use crate::pickle::machine::value::Ref;

/// A key with more values counts as if it were compared with [`FEW_SAME_HASH`] others.
const SMALL_KEY: u64 = 64;
/// How deep tuples may be nested in a key: Python hashes and compares them by recursion.
const MAX_DEPTH: u32 = 200;
/// The most keys of one container with the same hash. -1 and -2 have the same hash, so there are as many tuples of ten
/// of these with one hash.
const MAX_SAME_HASH: usize = 1 << 10;
/// The same limit while the objects are made: collisions of hashes that the plan does not know exactly are a few times
/// as frequent.
#[cfg_attr(not(feature = "python"), allow(dead_code))]
pub(crate) const MOST_SAME_HASH: usize = MAX_SAME_HASH * 8;
/// Up to this many keys with the same hash, comparisons are not counted.
pub(crate) const FEW_SAME_HASH: usize = 16;

const TOO_LONG: &str = "has keys that take too long to hash";

/// The facts about a key that matter when it is compared with others. The order is by hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct HashedKey {
    hash: u64,
    /// The cost of a comparison: see [`KeyCost`].
    compare: u32,
    /// How many time zones with unknown offsets are in it.
    zones: u32,
}

/// Checks the keys of all dicts and sets of a machine.
pub(super) struct KeyLimits<'p, 'm, 'a> {
    machine: &'m Machine<'a>,
    recipes: &'p RecipeTable<'a>,
    costs: KeyCosts<'p, 'm, 'a>,
    work: &'p KeyWork,
    /// The keys of the container that is being checked.
    keys: Vec<HashedKey>,
}

impl Drop for KeyLimits<'_, '_, '_> {
    fn drop(&mut self) {
        self.machine.budget().release_list(std::mem::take(&mut self.keys));
    }
}

impl<'p, 'm: 'p, 'a> KeyLimits<'p, 'm, 'a> {
    pub(super) fn new(machine: &'m Machine<'a>, recipes: &'p RecipeTable<'a>, work: &'p KeyWork) -> Self {
        Self { machine, recipes, costs: KeyCosts::new(machine, recipes, work), work, keys: Vec::new() }
    }

    /// Checks the keys of one container.
    ///
    /// # Errors
    /// If one of them has no hash, or hashing or comparing them would take too long.
    pub(super) fn check(&mut self, keys: impl Iterator<Item = Ref>) -> Result<(), Refused> {
        self.keys.clear();
        for key in keys {
            if self.work.is_hashing_slow() {
                return Err(TOO_LONG.into());
            }
            if let Some(cost) = self.costs.of_key(key) {
                self.add_key(cost)?;
            }
        }
        if self.work.is_hashing_slow() {
            return Err(TOO_LONG.into());
        }
        self.check_collisions()
    }

    fn add_key(&mut self, cost: KeyCost) -> Result<(), Refused> {
        let KeyCost { size, depth, no_key, compare, hash, zones, .. } = cost;
        if let Some(why) = no_key {
            return Err(why.into());
        }
        if size > MAX_KEY || depth > MAX_DEPTH {
            // Measuring it took time as well.
            self.work.visit(size);
            return Err("has a key that is too large or too deep to be hashed".into());
        }
        let times = if size > SMALL_KEY { FEW_SAME_HASH as u64 } else { 1 };
        self.work.visit((size - 1).saturating_mul(times));
        let key = HashedKey { hash, compare, zones };
        self.machine.budget().push(&mut self.keys, key).map_err(|_| TOO_LONG.into())
    }

    /// Refuses too many keys with the same hash, and keys that take too long to compare.
    fn check_collisions(&mut self) -> Result<(), Refused> {
        if self.keys.len() <= FEW_SAME_HASH {
            return Ok(());
        }
        self.keys.sort_unstable();
        for same in self.keys.chunk_by(|one, other| one.hash == other.hash).filter(|same| same.len() > FEW_SAME_HASH) {
            if same.len() > MAX_SAME_HASH {
                return Err(format!("has more than {MAX_SAME_HASH} keys with the same hash"));
            }
            // Each key is compared with all before it, and none takes longer than the slowest.
            let pairs = (same.len() * same.len() / 2) as u64;
            self.work.compare(pairs.saturating_mul(slowest(same).unwrap_or(1)));
        }
        self.check_zones()?;
        if self.work.is_comparing_slow() {
            return Err("has keys with the same hash that take too long to compare".into());
        }
        Ok(())
    }

    /// Refuses keys with times in many time zones: equal moments have equal hashes, whatever their zone.
    fn check_zones(&mut self) -> Result<(), Refused> {
        let zoned = self.keys.iter().filter(|key| key.zones > 0).count();
        if zoned <= FEW_SAME_HASH {
            return Ok(());
        }
        // Where a clock is set back or forward, two times of one zone are one moment, too.
        let offsets = self.recipes.zones().saturating_mul(2);
        let (mut most, mut slowest_pair) = (0, 1);
        for same in self.keys.chunk_by(|one, other| one.hash == other.hash) {
            let zones = same.iter().map(|key| key.zones).max().unwrap_or(0);
            if zones > 0 {
                most = most.max(same.len().saturating_mul(offsets.saturating_pow(zones)).min(zoned));
                slowest_pair = slowest_pair.max(slowest(same).unwrap_or(1));
            }
        }
        if most > MAX_SAME_HASH {
            return Err(format!("has more than {MAX_SAME_HASH} keys that may be one moment in several time zones"));
        }
        let pairs = (zoned as u64).saturating_mul(most as u64) / 2;
        self.work.compare(if most > FEW_SAME_HASH { pairs.saturating_mul(slowest_pair) } else { 0 });
        Ok(())
    }
}

/// The highest cost of comparing one of these keys.
fn slowest(keys: &[HashedKey]) -> Option<u64> {
    keys.iter().map(|key| u64::from(key.compare)).max()
}
