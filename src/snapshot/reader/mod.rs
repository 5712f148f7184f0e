//! Opens snapshots and other pickles, and checks that they are intact.
//!
//! [`Snapshot::open`] only finds out the kind of file: it reads trailer and index. The pickle is mapped when it is
//! needed. A pickle without an index is followed by the symbolic machine when its outline, its arrays or its verdict
//! are first needed, once. Nothing is executed.

mod checked_reads;
mod compressed;
mod file_form;
mod file_kind;
mod integrity;
mod opcode_image;
mod opened_file;
mod parallel_hash;
mod range_reader;
mod ranged_file;
#[cfg(test)]
mod ranged_tests;
mod read_error;
#[cfg(test)]
mod reader_tests;
mod remote_ranges;
mod salvage;
mod signed_snapshot;
mod snapshot_views;
mod source;
mod sparse_image;
mod store_integrity;

use std::ops::Range;
use std::rc::Rc;
use std::sync::OnceLock;

pub use integrity::{Memory, Wanted};
pub(crate) use opcode_image::OpcodeImage;
pub(crate) use parallel_hash::Progress;
pub(crate) use range_reader::{RangeReader, WantedRange};
pub(crate) use read_error::{Damage, ReadError};

pub(crate) use self::file_form::FileOutput;
use self::source::Source;
pub(crate) use self::source::StopCheck;
use super::index::{Index, Variable};
use super::layout::Trailer;
use super::segment::VariableSegment;
use super::store::{AssembledSnapshot, BufferContents, HeldStore};
use super::verification::Problem;
use crate::pickle::explain::outline::Outline;
use crate::pickle::format::emit;
use crate::pickle::inspection::Inspection;
use crate::pickle::machine::RawArray;
use crate::pickle::verdict::Verdict;
use crate::pickle::work_budget::WorkBudget;

/// How many times longer than the compressed file its opcodes count, for the limits of memory.
const MAX_UNPACKED: u64 = 20;

/// An open file.
#[derive(Debug)]
pub struct Snapshot {
    source: Source,
    contents: Contents,
    /// `None` for a file that is not our own.
    trailer: Option<Trailer>,
    /// Set once the symbolic machine has followed a pickle without an index.
    followed: OnceLock<FollowedPickle>,
    /// How many bytes of memory the user allows for following it; `None` for the standard.
    max_memory: Option<u64>,
    verdict: OnceLock<Verdict>,
    /// The fault of the index, once that is known.
    index_problem: OnceLock<Option<Problem>>,
}

/// What is wrong with a snapshot without an index.
pub(crate) const LOST_INDEX: &str = "its index is missing, so the file is truncated, or damaged at its end";

/// What kind of file it is.
// There is one for each open file, so its size does not matter.
#[allow(clippy::large_enum_variant)]
#[derive(Debug)]
pub enum Contents {
    /// A session that snapcli saved.
    Own {
        /// Its index.
        index: Index,
    },
    /// Any other file, which is a pickle if it can be followed: see [`Snapshot::followed`].
    Foreign {
        /// Whether snapcli wrote it, and its index or trailer is lost. Then no hash proves its bytes.
        lost_index: bool,
    },
}

/// The facts that the symbolic machine found in a pickle without an index.
#[derive(Debug)]
struct FollowedPickle {
    outline: Outline,
    raw_arrays: Vec<RawArray>,
}

impl Snapshot {
    /// The snapshot of a store that it is; `None` for a file.
    fn assembled(&self) -> Option<&AssembledSnapshot> {
        if let Source::Assembled(assembled) = &self.source { Some(assembled) } else { None }
    }

    /// How many bytes of memory the user allows for following it.
    pub(crate) fn max_memory(&self) -> Option<u64> {
        self.max_memory
    }

    /// The budget for examining the opcodes.
    pub(crate) fn budget(&self) -> Rc<WorkBudget> {
        WorkBudget::new(self.opcodes_len(), self.max_memory)
    }

    /// The budget for comparing this file with another one.
    pub(crate) fn budget_with(&self, other: &Self) -> Rc<WorkBudget> {
        let opcodes = self.opcodes_len().saturating_add(other.opcodes_len());
        WorkBudget::new(opcodes, self.max_memory.max(other.max_memory))
    }

    /// The length of the opcodes in bytes. Opcodes of real files do not compress extremely well: the opcodes of a
    /// compressed file count as at most [`MAX_UNPACKED`] times its length.
    fn opcodes_len(&self) -> u64 {
        let opcodes = match &self.contents {
            Contents::Own { index } => {
                let buffers = index.segments().flat_map(|(_, variable)| &variable.buffers);
                index.stream.length.saturating_sub(buffers.map(|buffer| buffer.length).sum())
            }
            Contents::Foreign { .. } => self.source.length(),
        };
        let packed = self.source.packed_length().map(|packed| packed.saturating_mul(MAX_UNPACKED));
        packed.map_or(opcodes, |most| opcodes.min(most))
    }

    /// The same file, if it is ours or a pickle that can be followed to its STOP.
    ///
    /// # Errors
    /// If it is neither: another kind of file, or a pickle that was cut short or damaged, or is too large.
    pub fn followed(self) -> Result<Self, ReadError> {
        if let Contents::Foreign { .. } = self.contents {
            self.follow(false)?;
        }
        Ok(self)
    }

    /// As [`followed`](Self::followed), for callers that will ask for the verdict: the same run forms it.
    ///
    /// # Errors
    /// As for [`followed`](Self::followed).
    pub fn judged(self) -> Result<Self, ReadError> {
        if let Contents::Foreign { .. } = self.contents {
            self.follow(true)?;
        }
        Ok(self)
    }

    /// Runs the machine, unless an earlier run gave all that is needed.
    fn follow(&self, with_verdict: bool) -> Result<&FollowedPickle, ReadError> {
        let known = self.followed.get().filter(|_| !with_verdict || self.verdict.get().is_some());
        if let Some(followed) = known {
            return Ok(followed);
        }
        let bytes = self.bytes()?;
        // Either run prunes; only the first judges the values before they are gone.
        let budget = self.budget();
        let run =
            if with_verdict { Inspection::run_pruned(bytes, &budget) } else { Inspection::run_outline(bytes, &budget) };
        let found = run.and_then(|inspection| {
            let (outline, raw_arrays, verdict) = inspection.into_answers(with_verdict)?;
            Ok((FollowedPickle { outline, raw_arrays }, verdict))
        });
        match found {
            Ok((followed, verdict)) => {
                if let Some(verdict) = verdict {
                    self.verdict.get_or_init(|| verdict);
                }
                Ok(self.followed.get_or_init(|| followed))
            }
            // Its contents may still be shown.
            Err(error) if with_verdict && error.is_limit() => {
                let followed = self.follow(false)?;
                self.verdict.get_or_init(|| Verdict::refused(&error));
                Ok(followed)
            }
            Err(error) => Err(ReadError::of_pickle(bytes, error)),
        }
    }

    /// The contents of the pickle, as far as its opcodes show them. For our own file, the index has more.
    ///
    /// # Errors
    /// If the file is not a sound pickle.
    pub fn outline(&self) -> Result<&Outline, ReadError> {
        Ok(&self.follow(false)?.outline)
    }

    /// The same for a caller that is the last one to ask for it.
    ///
    /// # Errors
    /// As for [`outline`](Self::outline).
    pub(crate) fn take_outline(&mut self) -> Result<Outline, ReadError> {
        self.follow(false)?;
        Ok(self.followed.get_mut().map_or(Outline::Dict { variables: Vec::new() }, |found| found.outline.take()))
    }

    /// The ranges of array bytes between the opcodes, as joblib writes them; always empty for our own file.
    ///
    /// # Errors
    /// If the file is not a sound pickle.
    pub fn raw_arrays(&self) -> Result<&[RawArray], ReadError> {
        match self.contents {
            Contents::Own { .. } => Ok(&[]),
            Contents::Foreign { .. } => self.follow(false).map(|followed| followed.raw_arrays.as_slice()),
        }
    }

    /// Reads the contents of the raw buffers of some segments of a stored snapshot. From then on,
    /// [`bytes`](Self::bytes) has them; without this call, it has zeros instead.
    ///
    /// # Errors
    /// If they cannot be read.
    pub(super) fn load_contents<'v>(&self, of: impl Iterator<Item = &'v Variable>) -> Result<(), ReadError> {
        match &self.source {
            Source::Assembled(assembled) => {
                let segments: Vec<u64> = of.map(|variable| variable.offset).collect();
                assembled.load_contents(&segments)?;
            }
            Source::Ranged(file) => {
                file.load(of.map(|it| it.offset..it.offset.saturating_add(it.length)).collect())?;
            }
            Source::Memory(_) | Source::File { .. } => {}
        }
        Ok(())
    }

    /// Keeps a `prune` of its store from removing objects, as long as the result exists.
    ///
    /// # Errors
    /// If it has been removed already.
    pub(crate) fn hold(&self) -> Result<HeldStore, ReadError> {
        match self.assembled() {
            Some(assembled) => Ok(assembled.hold()?),
            None => Ok(HeldStore::default()),
        }
    }

    /// What kind of file it is.
    pub fn contents(&self) -> &Contents {
        &self.contents
    }

    /// The length of the file in bytes.
    pub fn file_len(&self) -> u64 {
        self.source.length()
    }

    /// Where the damaged seek table of a compressed file ends, if it has one.
    pub(super) fn bad_table_end(&self) -> Option<u64> {
        self.source.packed_length().filter(|_| self.source.has_bad_table())
    }

    /// The length of the pickle in bytes. [`Self::check`] reads all of it, a load at most that.
    pub fn stream_len(&self) -> u64 {
        match &self.contents {
            Contents::Own { index } => index.stream.length,
            Contents::Foreign { .. } => self.source.length(),
        }
    }

    /// The entire pickle. For our own file that excludes index and trailer; for any other file it includes all bytes.
    /// The contents of raw buffers may be missing: see [`load_contents`](Self::load_contents).
    ///
    /// # Errors
    /// If the file cannot be mapped, or became shorter.
    pub fn bytes(&self) -> Result<&[u8], ReadError> {
        match &self.contents {
            Contents::Own { index } => {
                if let Source::Ranged(file) = &self.source {
                    file.load_opcodes(|| around_contents(index))?;
                }
                self.range(0, index.stream.length)
            }
            Contents::Foreign { .. } => self.source.bytes(),
        }
    }

    /// As [`bytes`](Self::bytes), for callers that need only the opcodes of these segments: the opcodes of others may
    /// be missing.
    ///
    /// # Errors
    /// As for [`bytes`](Self::bytes).
    pub(crate) fn bytes_with<'s, 'v: 's>(
        &self,
        segments: impl Iterator<Item = &'s VariableSegment<'v>>,
    ) -> Result<&[u8], ReadError> {
        self.bytes_of(|| segments.flat_map(VariableSegment::opcode_ranges))
    }

    /// As [`bytes`](Self::bytes), for callers that need only the names of these segments.
    ///
    /// # Errors
    /// As for [`bytes`](Self::bytes).
    pub(super) fn bytes_with_names<'s, 'v: 's>(
        &self,
        segments: impl Iterator<Item = &'s VariableSegment<'v>>,
    ) -> Result<&[u8], ReadError> {
        self.bytes_of(|| segments.map(VariableSegment::head))
    }

    fn bytes_of<R: Iterator<Item = Range<u64>>>(&self, ranges: impl FnOnce() -> R) -> Result<&[u8], ReadError> {
        if let Some(assembled) = self.assembled().filter(|assembled| assembled.is_remote()) {
            return Ok(assembled.bytes_with(ranges())?);
        }
        let (Source::Ranged(file), Contents::Own { index }) = (&self.source, &self.contents) else {
            return self.bytes();
        };
        let stream = &index.stream;
        let end = stream.length.saturating_sub(emit::END.len() as u64);
        file.load(ranges().chain([0..stream.prelude, end..stream.length]).collect())?;
        self.range(0, stream.length)
    }

    /// Why its arrays cannot be mapped, in words that follow the name of the file; `None` if nothing is known against
    /// it.
    pub fn why_not_mapped(&self) -> Option<&'static str> {
        if let Source::Ranged(file) = &self.source { Some(file.reader().why_not_mapped()) } else { None }
    }

    /// Whether parts of it are read when they are needed, and not the whole file at once.
    pub(crate) fn is_read_in_parts(&self) -> bool {
        matches!(self.source, Source::Ranged(_)) || self.assembled().is_some_and(AssembledSnapshot::is_remote)
    }

    /// Whether it is on another machine, so that no more than necessary should be read of it.
    pub fn is_remote(&self) -> bool {
        match &self.source {
            Source::Ranged(file) => file.reader().is_remote(),
            Source::Assembled(assembled) => assembled.is_remote(),
            Source::Memory(_) | Source::File { .. } => false,
        }
    }

    /// The segment of a variable of our own file: name, value, SETITEM.
    ///
    /// # Errors
    /// As for [`bytes`](Self::bytes).
    pub fn segment(&self, variable: &Variable) -> Result<&[u8], ReadError> {
        self.range(variable.offset, variable.length)
    }

    fn range(&self, offset: u64, length: u64) -> Result<&[u8], ReadError> {
        let bytes = self.source.loaded()?;
        let start_and_length = usize::try_from(offset).ok().zip(usize::try_from(length).ok());
        let range = start_and_length.and_then(|(start, length)| bytes.get(start..start.checked_add(length)?));
        range.ok_or(ReadError::CutShort { at: bytes.len() as u64 })
    }

    /// The file itself, to be mapped; `None` if it came from a pipe, is in a store, or is read by ranges.
    pub fn file(&self) -> Option<&std::fs::File> {
        self.source.file()
    }

    /// The bytes of a range, read and not mapped.
    ///
    /// # Errors
    /// If they cannot be read.
    pub(super) fn read_range(&self, range: Range<usize>) -> Result<Vec<u8>, ReadError> {
        let mut bytes = vec![0; range.len()];
        self.source.read(range.start as u64, &mut bytes)?;
        Ok(bytes)
    }

    /// Whether it is a snapshot of a store.
    pub fn is_stored(&self) -> bool {
        self.assembled().is_some()
    }

    /// Fails if a snapshot of a store lacks an object, or one with opcodes is damaged.
    ///
    /// # Errors
    /// What is wrong with the first such object.
    pub(crate) fn check_objects(&self) -> Result<(), ReadError> {
        self.assembled().map_or(Ok(()), |assembled| Ok(assembled.check_objects()?))
    }

    /// Whether the script that made it failed, or a check of the snapshot.
    pub(crate) fn has_failed(&self) -> bool {
        let has_ended = |index: &Index| index.script.ended.code != 0;
        self.assembled().is_some_and(AssembledSnapshot::has_failed)
            || matches!(&self.contents, Contents::Own { index } if has_ended(index))
    }

    /// The files with the raw buffers of a variable of a stored snapshot, each with its length.
    ///
    /// # Errors
    /// If one is missing, or has another length.
    pub fn buffer_files(&self, variable: &Variable) -> Result<Vec<(std::sync::Arc<std::fs::File>, u64)>, ReadError> {
        let Some(assembled) = self.assembled() else { return Ok(Vec::new()) };
        let open = |contents: &BufferContents| {
            let length = contents.range.end.saturating_sub(contents.range.start);
            Ok((assembled.open_contents(contents)?, length))
        };
        assembled.contents_of(variable.offset).iter().map(open).collect()
    }
}

/// All of a pickle except the contents of raw buffers.
fn around_contents(index: &Index) -> Vec<Range<u64>> {
    let (mut ranges, mut end) = (Vec::new(), 0);
    for buffer in index.segments().flat_map(|(_, variable)| &variable.buffers) {
        ranges.push(end..buffer.offset.max(end));
        end = buffer.offset.saturating_add(buffer.length).max(end);
    }
    ranges.push(end..index.stream.length.max(end));
    ranges
}
