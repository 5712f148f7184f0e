//! Dicts of a pickle that are not compared as other dicts are.
//!
//! The attributes in which classes of libraries keep what their properties have computed do not count: two objects are
//! equal, whatever each of them has been asked. [`property_caches`] names them. The attributes of an instance are in
//! the dict of its BUILD, or in a dict of a tuple there.
//!
//! A dict that is an argument of a call which makes an immutable object is made for that call: it is no object that
//! could be shared.

use std::collections::HashSet;

use super::canonical::{Atom, Canonicalizer};
use crate::pickle::known::{CanonicalCall, property_caches};
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
            let caches = self.caches_of(node).unwrap_or_default();
            if caches.is_empty() {
                continue;
            }
            let parts = self.tuple(state).unwrap_or(std::slice::from_ref(&state));
            for part in parts.iter().take(MOST_PARTS).map(|part| self.machine.resolve(*part)) {
                if self.budget().charge(table_entry::<Ref, &[&str]>()).is_err() {
                    return;
                }
                // A pickle can give one dict to a million objects.
                if searched.insert(part) && caches.iter().any(|cache| self.has_key(part, cache)) {
                    self.caches.insert(part, caches);
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

    /// The attributes that are caches in instances of the class, by the class or by the module of what calls it.
    fn caches_of(&self, node: &Node) -> Option<&'static [&'static str]> {
        let mut callee = *node.items.first()?;
        let makes_argument = matches!(self.rule(callee), Some(CanonicalCall::NewObj | CanonicalCall::Reconstructor))
            || self.is_global(callee, "pandas._libs.arrays", "__pyx_unpickle_NDArrayBacked");
        if makes_argument {
            callee = *self.tuple(*node.items.get(1)?)?.first()?;
        }
        match self.global(callee)? {
            Atom::Global(module, name) => Some(property_caches(&module, &name)),
            _ => None,
        }
    }

    fn has_key(&self, dict: Ref, key: &str) -> bool {
        let Some(Node { kind: NodeKind::Dict, items, .. }) = self.machine.node(dict) else { return false };
        items.as_chunks::<2>().0.iter().any(|[found, _]| self.is_string(*found, key.as_bytes()))
    }

    /// The keys and values of a dict, without the caches.
    pub(super) fn without_caches(&self, pairs: &[Ref], caches: &[&str]) -> Vec<Ref> {
        let is_cache = |key: Ref| caches.iter().any(|cache| self.is_string(key, cache.as_bytes()));
        let kept = pairs.as_chunks::<2>().0.iter().filter(|[key, _]| !is_cache(*key));
        kept.flatten().copied().collect()
    }
}
