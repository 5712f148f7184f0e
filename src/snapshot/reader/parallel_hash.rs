//! BLAKE3 of ranges of a file, on all processors.
//!
//! A long range is cut into pieces that threads hash on their own and whose results are joined ([`hash_tree`]). Every
//! thread reads into one buffer that stays in its processor's cache. The file is not mapped, so a disk failure is an
//! error and not a signal, and memory use does not depend on the length of the file.

use std::num::NonZero;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::{io, thread};

use blake3::{Hash, Hasher};

use super::ranged_file::is_damage;
use super::source::Source;
use crate::snapshot::hash_tree;
use crate::snapshot::worker_threads::in_threads;

/// How many bytes are read and hashed at a time: a power of two, as such pieces are whole subtrees, and less than a
/// processor's own cache.
pub(super) const PIECE: usize = 1 << 18;
/// More threads than this would only wait for memory.
const MAX_THREADS: usize = 16;

/// A callback for progress: it is called with the number of bytes that were done since the last call.
pub(crate) type Progress<'p> = &'p (dyn Fn(u64) + Sync);

/// The hash of some bytes, unless they are so damaged that they cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FoundHash(pub(super) Option<Hash>);

impl FoundHash {
    /// Whether it is this hash, in hexadecimal.
    pub(super) fn is(self, expected: &str) -> bool {
        self.0.is_some_and(|found| found.to_hex().as_str() == expected)
    }
}

/// The hash of each range.
pub(super) fn hash(source: &Source, ranges: &[Range<u64>], progress: Progress<'_>) -> io::Result<Vec<FoundHash>> {
    hash_and_copy(source, ranges, Vec::new(), progress)
}

/// Memory that is filled with the bytes of the file from `offset` on.
pub(super) struct Copy<'m> {
    pub(super) offset: u64,
    pub(super) memory: &'m mut [u8],
}

/// As [`hash`], and copies the bytes to the memory that needs them: they are read only once, so the hashed bytes are
/// the ones that are used. Copies outside the ranges are ignored.
pub(super) fn hash_and_copy(
    source: &Source,
    ranges: &[Range<u64>],
    copies: Vec<Copy<'_>>,
    progress: Progress<'_>,
) -> io::Result<Vec<FoundHash>> {
    let (size, threads) = source.reading();
    let job = Job::new(source, size, ranges, copies, progress);
    let pieces = *job.ends.last().unwrap_or(&0);
    let bytes: u64 = ranges.iter().map(length).sum();
    let useful = usize::try_from(bytes / size as u64).unwrap_or(usize::MAX).clamp(1, MAX_THREADS);
    // A thread for less than one piece would have nothing to do. Ranges that come from elsewhere are waited for.
    let threads = match threads {
        Some(threads) => threads.min(pieces.max(1)),
        None => thread::available_parallelism().map_or(1, NonZero::get).min(useful),
    };
    let mut results = vec![None; pieces];
    // This thread is one of the workers.
    for done in in_threads(threads, || job.work()) {
        for (piece, result) in done? {
            if let Some(slot) = results.get_mut(piece) {
                *slot = result;
            }
        }
    }
    // The results of all ranges are in one list: each range takes its own from the front.
    let mut rest = results.as_slice();
    let counts = ranges.iter().map(|range| pieces_of(length(range), size));
    let merge = |pieces: &[Option<[u8; 32]>]| {
        let pieces: Option<Vec<[u8; 32]>> = pieces.iter().copied().collect();
        FoundHash(pieces.map(|pieces| hash_tree::merge_pieces(&pieces)))
    };
    Ok(counts.map(|count| merge(rest.split_off(..count).unwrap_or_default())).collect())
}

/// The hash of several ranges as if they were one.
pub(super) fn hash_joined(source: &Source, ranges: &[Range<u64>], progress: Progress<'_>) -> io::Result<FoundHash> {
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; PIECE];
    let mut is_damaged = false;
    for range in ranges {
        for piece in 0..pieces_of(length(range), PIECE) {
            match read(source, range, piece, &mut buffer) {
                Ok(bytes) => drop(hasher.update(bytes)),
                Err(error) if is_damage(&error) => is_damaged = true,
                Err(error) => return Err(error),
            }
        }
        progress(length(range));
    }
    Ok(FoundHash((!is_damaged).then(|| hasher.finalize())))
}

/// The hash of several ranges as if they were one, which are copied to memory meanwhile.
pub(super) fn hash_copied(source: &Source, copies: Vec<Copy<'_>>, progress: Progress<'_>) -> io::Result<FoundHash> {
    let mut hasher = Hasher::new();
    let mut is_damaged = false;
    for Copy { mut offset, memory } in copies {
        // In pieces, so that the bytes are still in the processor's cache when they are hashed.
        for piece in memory.chunks_mut(PIECE) {
            match source.read(offset, piece) {
                Ok(()) => drop(hasher.update(piece)),
                Err(error) if is_damage(&error) => is_damaged = true,
                Err(error) => return Err(error),
            }
            offset = offset.saturating_add(piece.len() as u64);
            progress(piece.len() as u64);
        }
    }
    Ok(FoundHash((!is_damaged).then(|| hasher.finalize())))
}

fn length(range: &Range<u64>) -> u64 {
    range.end.saturating_sub(range.start)
}

/// An empty range has one empty piece.
fn pieces_of(length: u64, size: usize) -> usize {
    usize::try_from(length.div_ceil(size as u64)).unwrap_or(usize::MAX).max(1)
}

/// Reads a piece of a range into a buffer that is as long as a whole one.
fn read<'b>(source: &Source, range: &Range<u64>, piece: usize, buffer: &'b mut [u8]) -> io::Result<&'b [u8]> {
    let size = buffer.len();
    let from = range.start.saturating_add((piece as u64).saturating_mul(size as u64));
    let length = usize::try_from(range.end.saturating_sub(from)).unwrap_or(size).min(size);
    let bytes = buffer.get_mut(..length).unwrap_or_default();
    source.read(from, bytes)?;
    Ok(bytes)
}

/// The pieces that threads hash, in any order.
struct Job<'j> {
    source: &'j Source,
    /// The length of a piece.
    size: usize,
    ranges: &'j [Range<u64>],
    /// For each range, the number of pieces up to its end.
    ends: Vec<usize>,
    /// Sorted by piece.
    copies: Vec<CopyOfPiece<'j>>,
    next: AtomicUsize,
    failed: AtomicBool,
    progress: Progress<'j>,
}

/// The numbers of pieces with their results; `None` for damaged ones.
type Results = Vec<(usize, Option<[u8; 32]>)>;

impl<'j> Job<'j> {
    fn new(
        source: &'j Source,
        size: usize,
        ranges: &'j [Range<u64>],
        copies: Vec<Copy<'j>>,
        progress: Progress<'j>,
    ) -> Self {
        let mut end: usize = 0;
        let ends = ranges.iter().map(|range| {
            end = end.saturating_add(pieces_of(length(range), size));
            end
        });
        let ends: Vec<usize> = ends.collect();
        let mut cut = Vec::new();
        for copy in copies {
            // The range that contains the first byte of the copy.
            let number = ranges.partition_point(|range| range.end <= copy.offset);
            let Some(range) = ranges.get(number).filter(|range| range.start <= copy.offset) else { continue };
            let first = number.checked_sub(1).and_then(|before| ends.get(before)).copied().unwrap_or(0);
            cut_at_pieces(size, (first, copy.offset - range.start), copy.memory, &mut cut);
        }
        cut.sort_by_key(|(piece, ..)| *piece);
        let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
        Self { source, size, ranges, ends, copies: cut, next, failed, progress }
    }

    /// Hashes pieces until there are none left.
    fn work(&self) -> io::Result<Results> {
        let mut results = Vec::new();
        let mut buffer = vec![0; self.size];
        while !self.failed.load(Ordering::Relaxed) {
            let piece = self.next.fetch_add(1, Ordering::Relaxed);
            // Pieces are numbered over all ranges: find the range that this one belongs to.
            let number = self.ends.partition_point(|end| *end <= piece);
            let Some(range) = self.ranges.get(number) else { break };
            let before = number.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
            match self.piece(range, piece.saturating_sub(before), piece, &mut buffer) {
                Ok(result) => results.push((piece, Some(result))),
                Err(error) if is_damage(&error) => {
                    (self.progress)(self.size as u64);
                    results.push((piece, None));
                }
                Err(error) => {
                    self.failed.store(true, Ordering::Relaxed);
                    return Err(error);
                }
            }
        }
        Ok(results)
    }

    /// The hash of a range of one piece, or the chaining value of a piece of a longer range.
    fn piece(&self, range: &Range<u64>, piece: usize, overall: usize, buffer: &mut [u8]) -> io::Result<[u8; 32]> {
        let wanted = self.copies_of(overall);
        if let [(_, 0, memory)] = wanted {
            let mut memory = memory.lock().unwrap_or_else(PoisonError::into_inner);
            if memory.len() == self.size {
                // The whole piece is needed at one address: read it there.
                return self.hash_piece(range, piece, read(self.source, range, piece, &mut memory)?);
            }
        }
        let bytes = read(self.source, range, piece, buffer)?;
        for (_, start, memory) in wanted {
            let mut memory = memory.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(wanted) = bytes.get(*start..).and_then(|bytes| bytes.get(..memory.len())) {
                memory.copy_from_slice(wanted);
            }
        }
        self.hash_piece(range, piece, bytes)
    }

    fn hash_piece(&self, range: &Range<u64>, piece: usize, bytes: &[u8]) -> io::Result<[u8; 32]> {
        let result = match pieces_of(length(range), self.size) {
            // A single piece is the root of its tree, which has a hash of its own.
            1 => *blake3::hash(bytes).as_bytes(),
            _ => hash_tree::hash_piece(piece, self.size, bytes),
        };
        (self.progress)(bytes.len() as u64);
        Ok(result)
    }
}

impl<'j> Job<'j> {
    /// The memory that a piece fills.
    fn copies_of(&self, piece: usize) -> &[CopyOfPiece<'j>] {
        let from = self.copies.partition_point(|(other, ..)| *other < piece);
        let rest = self.copies.get(from..).unwrap_or_default();
        rest.get(..rest.partition_point(|(other, ..)| *other == piece)).unwrap_or_default()
    }
}

/// Memory to be filled from one piece: the number of the piece, the offset in it, and the memory, which is locked once.
type CopyOfPiece<'m> = (usize, usize, Mutex<&'m mut [u8]>);

/// Cuts memory at the ends of pieces of this size. It is filled from byte `offset` of a range whose first piece has
/// number `first`.
fn cut_at_pieces<'m>(
    size: usize,
    (first, offset): (usize, u64),
    mut memory: &'m mut [u8],
    out: &mut Vec<CopyOfPiece<'m>>,
) {
    let mut offset = usize::try_from(offset).unwrap_or(usize::MAX);
    while !memory.is_empty() {
        let start = offset % size;
        let length = memory.len().min(size - start);
        let (head, tail) = memory.split_at_mut(length);
        out.push((first.saturating_add(offset / size), start, Mutex::new(head)));
        (memory, offset) = (tail, offset.saturating_add(length));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::seekable::Strictness;

    #[test]
    fn pieces_join_to_the_hash_of_the_whole() -> io::Result<()> {
        let bytes: Vec<u8> = (0..PIECE * 9 + 3).map(|index| (index * 7 % 251) as u8).collect();
        let lengths =
            [0, 1, 1024, PIECE - 1, PIECE, PIECE + 1, PIECE * 2, PIECE * 3, PIECE * 4, PIECE * 5 + 9, PIECE * 9];
        let ranges: Vec<Range<u64>> = lengths.iter().map(|length| 3..3 + *length as u64).collect();
        let done = std::sync::atomic::AtomicU64::new(0);
        let source = Source::memory(bytes.clone(), Strictness::Checked).map_err(io::Error::other)?;
        let hashes = hash(&source, &ranges, &|bytes| {
            let _ = done.fetch_add(bytes, Ordering::Relaxed);
        })?;
        for (length, found) in lengths.iter().zip(&hashes) {
            assert_eq!(found.0, Some(blake3::hash(&bytes[3..3 + length])), "{length}");
        }
        assert_eq!(done.into_inner(), lengths.iter().map(|length| *length as u64).sum::<u64>());
        let joined = hash_joined(&source, &[0..5, 7..7, 9..20], &|_| {})?;
        assert_eq!(joined.0, Some(blake3::hash(&[&bytes[0..5], &bytes[9..20]].concat())));
        Ok(())
    }

    #[test]
    fn copies_are_filled() -> io::Result<()> {
        let bytes: Vec<u8> = (0..PIECE * 4).map(|index| (index * 7 % 251) as u8).collect();
        let source = Source::memory(bytes.clone(), Strictness::Checked).map_err(io::Error::other)?;
        let (mut long, mut short, mut outside) = (vec![0; PIECE * 2 + 5], vec![0; 7], vec![0; 3]);
        let copies = vec![
            Copy { offset: 100, memory: &mut long },
            Copy { offset: 3 * PIECE as u64, memory: &mut short },
            Copy { offset: 4, memory: &mut outside },
        ];
        let ranges = [5..3 * PIECE as u64 - 1, 3 * PIECE as u64 - 1..4 * PIECE as u64];
        let hashes = hash_and_copy(&source, &ranges, copies, &|_| {})?;
        assert_eq!(hashes[0].0, Some(blake3::hash(&bytes[5..3 * PIECE - 1])));
        assert!(long == bytes[100..100 + long.len()] && short == bytes[3 * PIECE..3 * PIECE + 7]);
        assert_eq!(outside, [0; 3]);
        Ok(())
    }

    #[test]
    fn a_range_beyond_the_end_is_an_error() {
        let source = Source::memory(vec![0; 10], Strictness::Checked).expect("not compressed");
        let error = hash(&source, &[0..10, 5..11], &|_| {}).map_err(|error| error.kind());
        assert_eq!(error, Err(io::ErrorKind::UnexpectedEof));
    }
}
