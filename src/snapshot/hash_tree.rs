//! BLAKE3 computed piece by piece: pieces of equal length are hashed independently, in any order and on any thread, and
//! their chaining values are merged into the hash of the whole.
//!
//! Used by the write pipeline and by the parallel reader. The tree is that of section 2.1 of the BLAKE3 paper, built
//! with `blake3::hazmat`.

use blake3::hazmat::{ChainingValue, HasherExt, Mode, merge_subtrees_non_root, merge_subtrees_root};
use blake3::{Hash, Hasher};

/// The chaining value of piece `number` of an input of more than one piece. Every piece but the last has `length`
/// bytes, a power of two and at least 1,024: then each piece is a complete subtree.
pub(super) fn hash_piece(number: usize, length: usize, bytes: &[u8]) -> ChainingValue {
    let offset = (number as u64).saturating_mul(length as u64);
    Hasher::new().set_input_offset(offset).update(bytes).finalize_non_root()
}

/// The hash of the whole from the chaining values of its pieces, in order. A single value must already be a root hash.
pub(super) fn merge_pieces(pieces: &[ChainingValue]) -> Hash {
    match pieces {
        [] => Hasher::new().finalize(),
        [whole] => Hash::from_bytes(*whole),
        // Only the topmost merge has the ROOT flag of BLAKE3.
        _ => {
            let (left, right) = halves(pieces);
            merge_subtrees_root(&subtree(left), &subtree(right), Mode::Hash)
        }
    }
}

/// A hash in hex, as the index has it. `Hash::to_hex` takes ten times as long: it checks each digit for its room.
pub(super) fn hex_of(hash: &Hash) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = Vec::with_capacity(2 * hash.as_bytes().len());
    for byte in hash.as_bytes() {
        text.extend_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
    String::from_utf8(text).unwrap_or_default()
}

/// The recursion is as deep as the logarithm of the number of pieces.
fn subtree(pieces: &[ChainingValue]) -> ChainingValue {
    match pieces {
        [] => [0; 32],
        [one] => *one,
        _ => {
            let (left, right) = halves(pieces);
            merge_subtrees_non_root(&subtree(left), &subtree(right), Mode::Hash)
        }
    }
}

/// BLAKE3 makes the left half the largest complete tree that leaves at least one piece for the right half.
fn halves(pieces: &[ChainingValue]) -> (&[ChainingValue], &[ChainingValue]) {
    pieces.split_at(pieces.len().div_ceil(2).next_power_of_two().min(pieces.len()))
}

/// An incremental hasher that also accepts pieces hashed elsewhere.
#[derive(Clone, Debug)]
pub(super) struct TreeHasher {
    piece_length: usize,
    /// Chaining values of the complete pieces that are followed by more input.
    done: Vec<ChainingValue>,
    /// The current piece, and its length so far.
    current: Hasher,
    filled: usize,
}

impl TreeHasher {
    /// For pieces of this length, with the constraints of [`hash_piece`].
    pub(super) fn new(piece_length: usize) -> Self {
        Self { piece_length, done: Vec::new(), current: Hasher::new(), filled: 0 }
    }

    pub(super) fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            self.finish_full_piece();
            let (head, tail) = bytes.split_at(bytes.len().min(self.piece_length - self.filled));
            self.current.update(head);
            self.filled += head.len();
            bytes = tail;
        }
    }

    /// Accepts the chaining value of the next piece, which must be complete and not the first one.
    pub(super) fn push_piece(&mut self, piece: ChainingValue) {
        self.finish_full_piece();
        self.start_after(piece);
    }

    pub(super) fn finalize(mut self) -> Hash {
        // A single piece is the root of its own tree: its chaining value would be wrong.
        if self.done.is_empty() {
            return self.current.finalize();
        }
        if self.filled > 0 {
            self.done.push(self.current.finalize_non_root());
        }
        merge_pieces(&self.done)
    }

    /// Finishes a full piece only when more input arrives: the last piece may still turn out to be the only one.
    fn finish_full_piece(&mut self) {
        if self.filled == self.piece_length {
            self.filled = 0;
            self.start_after(self.current.finalize_non_root());
        }
    }

    fn start_after(&mut self, piece: ChainingValue) {
        self.done.push(piece);
        self.current = Hasher::new();
        self.current.set_input_offset((self.done.len() as u64).saturating_mul(self.piece_length as u64));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTH: usize = 4096;

    #[test]
    fn chunks_of_any_size_give_the_hash_of_the_whole() {
        let bytes: Vec<u8> = (0..LENGTH * 9 + 3).map(|index| (index * 7 % 251) as u8).collect();
        for length in [0, 1, LENGTH - 1, LENGTH, LENGTH + 1, LENGTH * 2, LENGTH * 5, LENGTH * 9 + 3] {
            let whole = &bytes[..length];
            for chunk in [1, 1000, LENGTH, 3 * LENGTH + 1] {
                let mut hasher = TreeHasher::new(LENGTH);
                whole.chunks(chunk).for_each(|chunk| hasher.update(chunk));
                assert_eq!(hasher.finalize(), blake3::hash(whole), "{length} in {chunk}");
            }
        }
    }

    #[test]
    fn pieces_hashed_elsewhere_are_accepted() {
        let bytes: Vec<u8> = (0..LENGTH * 7 + 5).map(|index| (index * 7 % 251) as u8).collect();
        for length in [LENGTH * 2, LENGTH * 3, LENGTH * 6, LENGTH * 7 + 5] {
            for stride in [1, 2, 3] {
                let mut hasher = TreeHasher::new(LENGTH);
                for (number, bytes) in bytes[..length].chunks(LENGTH).enumerate() {
                    if number > 0 && number % stride == 0 && bytes.len() == LENGTH {
                        hasher.push_piece(hash_piece(number, LENGTH, bytes));
                    } else {
                        hasher.update(bytes);
                    }
                }
                assert_eq!(hasher.finalize(), blake3::hash(&bytes[..length]), "{length}, every {stride}");
            }
        }
    }
}
