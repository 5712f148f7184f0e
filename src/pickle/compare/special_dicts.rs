//! Dicts of a pickle that are not compared as other dicts are.
//!
//! The attributes in which classes of libraries keep what their properties have computed do not count: two objects are
//! equal, whatever each of them has been asked. [`property_cache`] names them. The attributes of an instance are in the
//! dict of its BUILD, or in a dict of a tuple there.
//!
//! A dict that is an argument of a call which makes an immutable object is made for that call: it is no object that
//! could be shared.

use std::collections::HashSet;

use super::canonical::{Atom, Canonicalizer};
use crate::pickle::known::{CanonicalCall, property_cache};
use crate::pickle::machine::value::{Node, NodeKind, Ref};
use crate::pickle::work_budget::table_entry;

/// The most parts of a state, and arguments of a call, that are looked at. A pickle can give one long tuple to a
/// million calls.
const MOST_PARTS: usize = 8;

impl Canonicalizer<'_, '_> {
    /// Notes these dicts, if the budget allows.
    pub(super) fn find_special_dicts(&mut self) {
        let mut searched = HashSet::new();
        for node in self.machine.nodes() {
            for dict in self.arguments_of_constant(node) {
                if self.budget().charge(table_entry::<Ref, ()>()).is_ok() {
                    self.arguments.insert(dict);
                }
            }
            let Some(state) = node.state() else { continue };
            let Some(cache) = self.cache_of(node) else { continue };
            let parts = self.tuple(state).unwrap_or(std::slice::from_ref(&state));
            for part in parts.iter().take(MOST_PARTS).map(|part| self.machine.resolve(*part)) {
                if self.budget().charge(table_entry::<Ref, &str>()).is_err() {
                    return;
                }
                // A pickle can give one dict to a million objects.
                if searched.insert(part) && self.has_key(part, cache) {
                    self.caches.insert(part, cache);
                }
            }
        }
    }

    /// The dicts among the arguments of a call that makes an immutable object.
    fn arguments_of_constant(&self, node: &Node) -> Vec<Ref> {
        let (NodeKind::Call(_), [callee, arguments, ..]) = (node.kind, node.items.as_slice()) else {
            return Vec::new();
        };
        let is_dict = |found: &Ref| matches!(self.machine.node(*found), Some(Node { kind: NodeKind::Dict, .. }));
        let arguments = self.tuple(*arguments).unwrap_or_default().iter().take(MOST_PARTS);
        let dicts: Vec<Ref> = arguments.map(|found| self.machine.resolve(*found)).filter(is_dict).collect();
        // Most calls have none, and looking in the registry is slower.
        if dicts.is_empty() || !self.is_call_of(*callee, CanonicalCall::Constant) { Vec::new() } else { dicts }
    }

    /// The attribute that is a cache in instances of the class, by the module of the class or of what calls it.
    fn cache_of(&self, node: &Node) -> Option<&'static str> {
        let mut callee = *node.items.first()?;
        if let Some(CanonicalCall::NewObj | CanonicalCall::Reconstructor) = self.rule(callee) {
            callee = *self.tuple(*node.items.get(1)?)?.first()?;
        }
        match self.global(callee)? {
            Atom::Global(module, _) => property_cache(&module),
            _ => None,
        }
    }

    fn has_key(&self, dict: Ref, key: &str) -> bool {
        let Some(Node { kind: NodeKind::Dict, items, .. }) = self.machine.node(dict) else { return false };
        items.as_chunks::<2>().0.iter().any(|[found, _]| self.is_string(*found, key.as_bytes()))
    }

    /// The keys and values of a dict, without the cache.
    pub(super) fn without_cache(&self, pairs: &[Ref], cache: &str) -> Vec<Ref> {
        let kept = pairs.as_chunks::<2>().0.iter().filter(|[key, _]| !self.is_string(*key, cache.as_bytes()));
        kept.flatten().copied().collect()
    }
}
