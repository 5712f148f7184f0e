//! Numbers by which the members of sets and the keys of dicts of two pickles find each other.
//!
//! Equal values have equal digests, whatever the order of sets and dicts, the memo or the opcodes. A digest looks
//! [`DEPTH`] levels deep, so it ends in cycles, takes no more than that many looks at each value, and does not depend
//! on where it was begun. Different values may share one: who pairs by digests must still compare.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::form::{Form, Forms, Parts, Tag, Whole};
use super::node::Ref;
use super::texts::{SHORTEST, split};

/// How deep digests look into members and keys.
const DEPTH: u8 = 6;
/// From how many bytes on the digest of a text or of bytes is remembered: a pickle can refer to it a million times.
const LONG: usize = 64;

/// The digest of a text.
pub(super) fn digest_of_text(text: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    Whole::Text(text.into()).hash(&mut hasher);
    hasher.finish()
}

/// Digests of one pickle's values.
#[derive(Debug)]
pub(super) struct Digests<'f, 'm, 'a> {
    forms: &'f Forms<'m, 'a>,
    known: RefCell<HashMap<(Ref, u8), u64>>,
}

impl<'f, 'm, 'a> Digests<'f, 'm, 'a> {
    pub(super) fn new(forms: &'f Forms<'m, 'a>) -> Self {
        Self { forms, known: RefCell::default() }
    }

    /// The digest of a value.
    pub(super) fn digest(&self, value: Ref) -> u64 {
        self.to_depth(value, DEPTH)
    }

    /// Recurses `depth` deep.
    fn to_depth(&self, value: Ref, depth: u8) -> u64 {
        let value = self.forms.machine().resolve(value);
        if let Some(known) = self.known.borrow().get(&(value, depth)) {
            return *known;
        }
        let mut hasher = DefaultHasher::new();
        let remember = match self.forms.form(value) {
            Form::Whole(whole) => {
                whole.hash(&mut hasher);
                matches!(&whole, Whole::Text(bytes) | Whole::Bytes(bytes) | Whole::ByteArray(bytes) if bytes.len() > LONG)
            }
            Form::Parts(parts) => {
                self.parts(&parts, depth, &mut hasher);
                true
            }
        };
        let digest = hasher.finish();
        if remember {
            self.known.borrow_mut().insert((value, depth), digest);
        }
        digest
    }

    fn parts(&self, parts: &Parts<'_>, depth: u8, hasher: &mut DefaultHasher) {
        parts.tag.hash(hasher);
        let length = parts.texts.as_ref().map_or(parts.ordered.len(), |texts| split(texts).count());
        if parts.tag == Tag::List && length >= SHORTEST {
            // It may be one text in one pickle, and not in the other.
            return length.hash(hasher);
        }
        (parts.ordered.len(), parts.members.len()).hash(hasher);
        let Some(depth) = depth.checked_sub(1) else { return };
        for (role, part) in &parts.ordered {
            role.hash(hasher);
            self.to_depth(*part, depth).hash(hasher);
        }
        let mut members: Vec<u64> = parts.members.iter().map(|member| self.to_depth(*member, depth)).collect();
        members.sort_unstable();
        members.hash(hasher);
        // A key that is set twice has its last value.
        let mut pairs: HashMap<u64, u64> = HashMap::new();
        for (key, value) in &parts.pairs {
            pairs.insert(self.to_depth(*key, depth), self.to_depth(*value, depth));
        }
        let mut pairs: Vec<(u64, u64)> = pairs.into_iter().collect();
        pairs.sort_unstable();
        pairs.hash(hasher);
    }
}
