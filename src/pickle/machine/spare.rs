//! The memory of what was forgotten, for what comes next: a pickle that is a long list of records makes the same few
//! lengths of items again and again.

use super::value::Ref;

/// The most items of what is kept.
const MAX_LENGTH: usize = 16;
/// CallKind much of one length is kept.
const MAX_OF_A_LENGTH: usize = 2048;

/// Empty vectors, by the number of items for which they have room.
#[derive(Debug, Default)]
pub(crate) struct Spare([Vec<Vec<Ref>>; MAX_LENGTH + 1]);

impl Spare {
    /// A copy of these items that takes no more room than they need.
    #[inline]
    pub(crate) fn filled(&mut self, items: &[Ref]) -> Vec<Ref> {
        match self.0.get_mut(items.len()).and_then(Vec::pop) {
            Some(mut filled) => {
                filled.extend_from_slice(items);
                filled
            }
            None => items.to_vec(),
        }
    }

    /// Keeps the room of items that nobody needs.
    pub(crate) fn keep(&mut self, mut items: Vec<Ref>) {
        let room = items.capacity();
        if let Some(same) = self.0.get_mut(room).filter(|same| room > 0 && same.len() < MAX_OF_A_LENGTH) {
            items.clear();
            same.push(items);
        }
    }
}
