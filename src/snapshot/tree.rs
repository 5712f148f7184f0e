//! BLAKE3 as the tree that it is: pieces of one length are hashed on their own, in any order and by any thread, and what
//! they gave is joined to the hash of the whole (`blake3::hazmat`; section 2.1 of the BLAKE3 paper).

use blake3::hazmat::{ChainingValue, HasherExt, Mode, merge_subtrees_non_root, merge_subtrees_root};
use blake3::{Hash, Hasher};

/// What piece number `number` of a hash of more than one piece gives. All pieces but the last have `length` bytes, which
/// is a power of two and at least 1,024.
pub(super) fn piece(number: usize, length: usize, bytes: &[u8]) -> ChainingValue {
    let offset = (number as u64).saturating_mul(length as u64);
    Hasher::new().set_input_offset(offset).update(bytes).finalize_non_root()
}

/// The hash of what has the pieces that gave these. A single one is the hash already.
pub(super) fn join(pieces: &[ChainingValue]) -> Hash {
    match pieces {
        [] => Hasher::new().finalize(),
        [whole] => Hash::from_bytes(*whole),
        _ => {
            let (left, right) = halves(pieces);
            merge_subtrees_root(&subtree(left), &subtree(right), Mode::Hash)
        }
    }
}

/// Recurses as deep as the logarithm of the number of pieces.
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

/// The left half is the largest full tree that leaves something for the right one.
fn halves(pieces: &[ChainingValue]) -> (&[ChainingValue], &[ChainingValue]) {
    pieces.split_at(pieces.len().div_ceil(2).next_power_of_two().min(pieces.len()))
}

/// A hash of what comes in any portions, some of which may have been hashed elsewhere.
#[derive(Clone, Debug)]
pub(super) struct TreeHasher {
    /// The length of a piece.
    length: usize,
    /// What the pieces gave that are followed by more.
    done: Vec<ChainingValue>,
    /// The piece that is under way, and its length so far.
    current: Hasher,
    filled: usize,
}

impl TreeHasher {
    /// For pieces of this length, as [`piece`] wants it.
    pub(super) fn new(length: usize) -> Self {
        Self { length, done: Vec::new(), current: Hasher::new(), filled: 0 }
    }

    /// Takes the next bytes.
    pub(super) fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            self.turn_over();
            let (head, tail) = bytes.split_at(bytes.len().min(self.length - self.filled));
            self.current.update(head);
            self.filled += head.len();
            bytes = tail;
        }
    }

    /// Takes what [`piece`] gave for the next piece, which is whole and not the first one.
    pub(super) fn take(&mut self, piece: ChainingValue) {
        self.turn_over();
        self.begin_behind(piece);
    }

    /// The hash of all that has come.
    pub(super) fn finalize(mut self) -> Hash {
        if self.done.is_empty() {
            return self.current.finalize();
        }
        if self.filled > 0 {
            self.done.push(self.current.finalize_non_root());
        }
        join(&self.done)
    }

    /// Ends a piece that is full, as more is to come.
    fn turn_over(&mut self) {
        if self.filled == self.length {
            self.filled = 0;
            self.begin_behind(self.current.finalize_non_root());
        }
    }

    /// Begins the piece behind the one that gave this.
    fn begin_behind(&mut self, piece: ChainingValue) {
        self.done.push(piece);
        self.current = Hasher::new();
        self.current.set_input_offset((self.done.len() as u64).saturating_mul(self.length as u64));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTH: usize = 4096;

    #[test]
    fn any_portions_give_the_hash_of_the_whole() {
        let bytes: Vec<u8> = (0..LENGTH * 9 + 3).map(|place| (place * 7 % 251) as u8).collect();
        for length in [0, 1, LENGTH - 1, LENGTH, LENGTH + 1, LENGTH * 2, LENGTH * 5, LENGTH * 9 + 3] {
            let whole = &bytes[..length];
            for portion in [1, 1000, LENGTH, 3 * LENGTH + 1] {
                let mut hasher = TreeHasher::new(LENGTH);
                whole.chunks(portion).for_each(|portion| hasher.update(portion));
                assert_eq!(hasher.finalize(), blake3::hash(whole), "{length} in {portion}");
            }
        }
    }

    #[test]
    fn pieces_hashed_elsewhere_are_taken() {
        let bytes: Vec<u8> = (0..LENGTH * 7 + 5).map(|place| (place * 7 % 251) as u8).collect();
        for length in [LENGTH * 2, LENGTH * 3, LENGTH * 6, LENGTH * 7 + 5] {
            for elsewhere in [1, 2, 3] {
                let mut hasher = TreeHasher::new(LENGTH);
                for (number, bytes) in bytes[..length].chunks(LENGTH).enumerate() {
                    if number > 0 && number % elsewhere == 0 && bytes.len() == LENGTH {
                        hasher.take(piece(number, LENGTH, bytes));
                    } else {
                        hasher.update(bytes);
                    }
                }
                assert_eq!(hasher.finalize(), blake3::hash(&bytes[..length]), "{length}, each {elsewhere}");
            }
        }
    }
}
