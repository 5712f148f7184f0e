//! What passes from the thread that pickles to the thread that writes: chunks of bytes, and the events between them.

use blake3::Hash;
use blake3::hazmat::ChainingValue;

use super::super::hash_tree::{hash_piece, hex_of};
use super::super::index::Variable;

/// The size of a chunk in bytes: small enough for the cache, and a power of two, as [`hash_piece`] requires.
pub(super) const CHUNK: usize = 512 << 10;

/// Bytes on their way to the file, and the events among them.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    pub(super) bytes: Vec<u8>,
    /// Each event with the number of `bytes` before it.
    pub(super) events: Vec<(usize, ChunkEvent)>,
    /// If the chunk is exactly one piece of its segment's hash tree, and not the first: the number of that piece.
    pub(super) piece_number: Option<usize>,
    /// The chaining value of that piece, if it was computed already.
    pub(super) hashed: Option<ChainingValue>,
}

impl Chunk {
    /// Computes the chaining value, if the chunk is one piece of the hash tree.
    pub(super) fn hash(&mut self) {
        self.hashed = self.piece_number.map(|number| hash_piece(number, CHUNK, &self.bytes));
    }
}

/// As [`SegmentMark`](super::super::save_target::SegmentMark), but owned.
#[derive(Debug)]
pub(super) enum ChunkEvent {
    Begin,
    Contents(u64),
    Opcodes,
    /// Holds the variable only if the target wants marks.
    End(Option<Box<Variable>>),
}

pub(super) enum WriteMessage {
    Chunk(Chunk),
    /// This many bytes follow: fail now if the disk has no room for them.
    CheckRoom(u64),
    /// Truncate the file to this length.
    Cut(u64),
}

#[derive(Debug)]
pub(in crate::snapshot) struct SegmentHashes {
    pub(in crate::snapshot) whole: Hash,
    /// Of the segment without the contents of its raw buffers; `None` if it has no buffers.
    pub(in crate::snapshot) opcodes: Option<Hash>,
}

impl SegmentHashes {
    /// Stores the hashes, in hex, in the index entry of the variable.
    pub(in crate::snapshot) fn store_in(&self, variable: &mut Variable) {
        variable.blake3 = hex_of(&self.whole);
        variable.opcodes = self.opcodes.as_ref().map(hex_of).unwrap_or_default();
    }
}
