//! Opens snapshots and other pickles, and checks that they are intact.
//!
//! [`Snapshot::open`] only finds out what kind of file it is: it reads trailer and index. The pickle is mapped when it
//! is needed. A pickle without an index is followed by the symbolic machine when its outline, its arrays or its
//! verdict are first asked for, once. Nothing is executed.

mod compressed;
mod file_form;
mod file_kind;
mod integrity;
mod opcode_image;
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
mod source;
mod sparse_image;
mod store_integrity;

use std::borrow::Cow;
use std::io::Write;
use std::ops::Range;
use std::path::Path;
use std::rc::Rc;
use std::sync::OnceLock;

pub use integrity::{Memory, Wanted};
pub(crate) use opcode_image::OpcodeImage;
pub(crate) use parallel_hash::Progress;
pub(crate) use range_reader::{RangeReader, WantedRange};
pub(crate) use read_error::{Damage, ReadError};

use self::source::Source;
pub(crate) use self::source::StopCheck;
use super::index::{self, Index, SCHEMA, SegmentRole, Variable};
use super::layout::{TRAILER, Trailer};
use super::proven_facts::ProvenFacts;
use super::seekable::Strictness;
use super::segment::VariableSegment;
use super::signature::SigningKey;
use super::store::{AssembledSnapshot, BufferContents, HeldStore, StoreAddress};
use super::verification::{self, Problem};
use crate::pickle::explain::array_elements::HEAD;
use crate::pickle::explain::outline::Outline;
use crate::pickle::explain::trace_tree::TraceTree;
use crate::pickle::format::emit;
use crate::pickle::inspection::Inspection;
use crate::pickle::machine::RawArray;
use crate::pickle::verdict::{Verdict, VerdictClass};
use crate::pickle::work_budget::WorkBudget;

/// The most opcode bytes of our own file for which a verdict is formed without being asked for: about a second.
const MAX_UNASKED: u64 = 32 << 20;
/// The same for a file on another machine, whose opcodes must be downloaded first.
const MAX_UNASKED_FROM_AFAR: u64 = 64 << 10;
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
    /// What is wrong with the index, once that is known.
    index_problem: OnceLock<Option<Problem>>,
}

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

/// The most values in the trees of all variables together.
const MOST_TRACED: usize = 100_000;

/// What the symbolic machine found in a pickle without an index.
#[derive(Debug)]
struct FollowedPickle {
    outline: Outline,
    raw_arrays: Vec<RawArray>,
}

impl Snapshot {
    /// Opens a file.
    ///
    /// # Errors
    /// If it cannot be read, or its trailer or index is damaged. The pickle itself is not checked.
    pub fn open(path: &Path) -> Result<Self, ReadError> {
        match StoreAddress::of(path)? {
            Some(address) => Self::of_store(&address),
            None => match Source::open(path, Strictness::Checked) {
                // A store can be named without its `/`.
                Err(ReadError::Remote(error)) if error.is_missing() && StoreAddress::is_whole_store(path) => {
                    Self::of_store(&StoreAddress::newest_of(path))
                }
                source => Self::from_source(source?),
            },
        }
    }

    /// Opens a file that has no name.
    fn from_file(file: std::fs::File) -> Result<Self, ReadError> {
        Self::from_source(Source::of_file(file)?)
    }

    /// Opens a snapshot of a store.
    fn of_store(address: &StoreAddress) -> Result<Self, ReadError> {
        let (assembled, index) = AssembledSnapshot::open(address)?;
        integrity::ranges(&index, index.stream.length)?;
        Ok(Self::new(Source::Assembled(Box::new(assembled)), Contents::Own { index }, None))
    }

    /// Opens a file of which only ranges are read.
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    #[cfg(test)]
    pub(crate) fn from_ranges(reader: Box<dyn RangeReader>) -> Result<Self, ReadError> {
        Self::from_source(Source::ranged(reader))
    }

    /// The snapshot of a store that it is; `None` for a file.
    fn assembled(&self) -> Option<&AssembledSnapshot> {
        if let Source::Assembled(assembled) = &self.source { Some(assembled) } else { None }
    }

    /// Takes the bytes of a file, as it came from standard input.
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, ReadError> {
        Self::from_source(Source::memory(bytes, Strictness::Checked)?)
    }

    /// Opens a file, or the intact variables before its damage, without a proof that they are as they were saved. Also
    /// returns the damage.
    ///
    /// # Errors
    /// If nothing is intact.
    pub fn open_partial(path: &Path, max_memory: Option<u64>) -> Result<(Self, Option<ReadError>), ReadError> {
        if let Some(address) = StoreAddress::of(path)? {
            // Each object is intact or not: nothing can be salvaged from the rest.
            return Ok((Self::of_store(&address)?.with_max_memory(max_memory), None));
        }
        Self::partial(|strictness| Source::open(path, strictness), max_memory)
    }

    /// As [`open_partial`](Self::open_partial), from the bytes of a file.
    ///
    /// # Errors
    /// As for [`open_partial`](Self::open_partial).
    pub fn partial_from_bytes(bytes: &[u8], max_memory: Option<u64>) -> Result<(Self, Option<ReadError>), ReadError> {
        Self::partial(|strictness| Source::memory(bytes.to_vec(), strictness), max_memory)
    }

    fn partial(
        source: impl Fn(Strictness) -> Result<Source, ReadError>,
        max_memory: Option<u64>,
    ) -> Result<(Self, Option<ReadError>), ReadError> {
        let open = |source| Self::from_source(source).map(|snapshot| snapshot.with_max_memory(max_memory));
        let opened = source(Strictness::Checked).and_then(open).and_then(Self::followed);
        let error = match opened {
            Ok(snapshot) => return Ok((snapshot, None)),
            Err(error) => error,
        };
        if !error.leaves_something() {
            return Err(error);
        }
        let source = |strictness| source(strictness).map_err(ReadError::of_salvage);
        let salvaging = source(Strictness::Salvaging)?;
        let salvaging = match salvaging {
            // Each variable has a hash, unless the index is in a damaged frame.
            Source::Ranged(_) => match open(salvaging) {
                Ok(snapshot) => return Ok((snapshot.followed()?, Some(error))),
                Err(_) => source(Strictness::FromStart)?,
            },
            other => other,
        };
        let Some(pickle) = salvage::salvage(salvaging.bytes()?) else { return Err(error.of_salvage()) };
        // The salvaged pickle has no trailer, so no index is read.
        let snapshot = Self::new(Source::Memory(pickle), Contents::Foreign { lost_index: true }, None);
        Ok((snapshot.with_max_memory(max_memory).followed()?, Some(error)))
    }

    fn from_source(source: Source) -> Result<Self, ReadError> {
        if source.length() == 0 {
            return Err(ReadError::Empty);
        }
        if let Some((index, trailer)) = read_index(&source)? {
            return Ok(Self::new(source, Contents::Own { index }, Some(trailer)));
        }
        // Without a trailer, only the prelude shows that snapcli wrote the file.
        let lost_index = source.starts_with(emit::HEAD)?;
        Ok(Self::new(source, Contents::Foreign { lost_index }, None))
    }

    fn new(source: Source, contents: Contents, trailer: Option<Trailer>) -> Self {
        let (followed, verdict, index_problem) = Default::default();
        Self { source, contents, trailer, followed, max_memory: None, verdict, index_problem }
    }

    /// The same file, which may be followed with this many bytes of memory; `None` stands for the standard.
    #[must_use]
    pub fn with_max_memory(self, max_memory: Option<u64>) -> Self {
        Self { max_memory, ..self }
    }

    /// The same file, whose reads end with an error once `check` returns one.
    #[must_use]
    pub(crate) fn stopped_by(mut self, check: StopCheck) -> Self {
        self.source.stop_at(check);
        self
    }

    /// How many bytes of memory the user allows for following it.
    pub(crate) fn max_memory(&self) -> Option<u64> {
        self.max_memory
    }

    /// What may be spent to look at the opcodes.
    pub(crate) fn budget(&self) -> Rc<WorkBudget> {
        WorkBudget::new(self.opcodes_len(), self.max_memory)
    }

    /// What may be spent to compare this file with another one.
    pub(crate) fn budget_with(&self, other: &Self) -> Rc<WorkBudget> {
        let opcodes = self.opcodes_len().saturating_add(other.opcodes_len());
        WorkBudget::new(opcodes, self.max_memory.max(other.max_memory))
    }

    /// The length of the opcodes in bytes. Opcodes of real files do not compress extremely well: those of a compressed
    /// file count for at most [`MAX_UNPACKED`] times its length.
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
            // Its contents may be shown all the same.
            Err(error) if with_verdict && error.is_limit() => {
                let followed = self.follow(false)?;
                self.verdict.get_or_init(|| Verdict::refused(&error));
                Ok(followed)
            }
            Err(error) => Err(ReadError::of_pickle(bytes, error)),
        }
    }

    /// The contents of the pickle, as far as its opcodes show them. For our own file, the index says more.
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

    /// Whether the owner of this key signed the file. The signature proves the index, and its hashes prove the rest.
    pub fn is_signed_by(&self, key: &SigningKey) -> bool {
        if let Some(assembled) = self.assembled() {
            return assembled.seal().is_signed_by(key);
        }
        self.trailer.as_ref().is_some_and(|trailer| key.has_signed(trailer))
    }

    /// Whether the file is signed with the key of this user. If that cannot be read, it is not.
    pub(crate) fn is_signed_by_user(&self) -> bool {
        matches!(SigningKey::existing(), Ok(Some(key)) if self.is_signed_by(&key))
    }

    /// Whether the file has a signature.
    pub fn is_signed(&self) -> bool {
        if let Some(assembled) = self.assembled() {
            return assembled.seal().is_signed();
        }
        self.trailer.as_ref().is_some_and(Trailer::is_signed)
    }

    /// Writes our own file with a new signature, compressed if it is seekable zstd. Returns whether it is our own.
    ///
    /// # Errors
    /// If the file cannot be read or written.
    pub fn write_signed(&self, key: &SigningKey, out: &mut dyn Write) -> Result<bool, ReadError> {
        let Some(trailer) = &self.trailer else { return Ok(false) };
        let signed = key.sign(trailer).encode();
        if let Source::Ranged(file) = &self.source
            && file.reader().write_with_end(&signed, out)?
        {
            return Ok(true);
        }
        // Pickle and index stay as they are; only the trailer changes.
        let end = usize::try_from(trailer.index_offset.saturating_add(trailer.index_length)).unwrap_or(usize::MAX);
        let bytes = self.source.bytes()?;
        out.write_all(bytes.get(..end).ok_or(ReadError::CutShort { at: bytes.len() as u64 })?)?;
        out.write_all(&signed)?;
        Ok(true)
    }

    /// Signs a snapshot of a store, which is not written again for that. Returns whether it is one.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(crate) fn sign_stored(&self, key: &SigningKey) -> Result<bool, ReadError> {
        let Some(assembled) = self.assembled() else { return Ok(false) };
        assembled.sign(key)?;
        Ok(true)
    }

    /// Reads the contents of the raw buffers of some segments of a stored snapshot, which [`bytes`](Self::bytes) has
    /// from then on: without this call, it has zeros in their place.
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

    /// As [`bytes`](Self::bytes), for what needs the opcodes of these segments only: those of others may be missing.
    ///
    /// # Errors
    /// As for [`bytes`](Self::bytes).
    pub(crate) fn bytes_with<'s, 'v: 's>(
        &self,
        segments: impl Iterator<Item = &'s VariableSegment<'v>>,
    ) -> Result<&[u8], ReadError> {
        self.bytes_of(|| segments.flat_map(VariableSegment::opcode_ranges))
    }

    /// As [`bytes`](Self::bytes), for what needs the names of these segments only.
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

    /// Whether it is on another machine, so that no more of it should be read than what was asked for.
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

    /// The value of a variable as a tree with sizes. `None` if there is no such variable.
    ///
    /// # Errors
    /// If the pickle cannot be followed.
    pub fn trace(&self, name: &str) -> Result<Option<TraceTree>, ReadError> {
        match &self.contents {
            Contents::Own { index } => {
                let mut segments = index.compared().filter(|(role, _)| *role != SegmentRole::ModuleItem);
                let Some((role, variable)) = segments.find(|(_, variable)| variable.name == name) else {
                    return Ok(None);
                };
                self.load_contents(std::iter::once(variable))?;
                let range = VariableSegment::of(role, variable)?.for_machine();
                let owner = |slot| index.owner(slot).map(str::to_owned);
                let tree = crate::pickle::explain::trace_tree::trace_segment(
                    self.range(range.start, range.end.saturating_sub(range.start))?,
                    range.start,
                    variable.memo.0,
                    &owner,
                    &|slot| index.class_of_slot(slot),
                    // What looks like a credential is not on every screen.
                    !variable.secrets.is_empty(),
                    &self.budget(),
                );
                tree.map(Some).map_err(ReadError::BadPickle)
            }
            Contents::Foreign { .. } => {
                let bytes = self.source.bytes()?;
                // A trace shows every value, so this run must not prune.
                let inspection =
                    Inspection::run(bytes, &self.budget()).map_err(|error| ReadError::of_pickle(bytes, error))?;
                inspection.trace(name).map_err(ReadError::BadPickle)
            }
        }
    }

    /// The values of variables as trees, as far as they can be followed, in the order of `names`. It ends early if it
    /// becomes too much for a person to look at.
    ///
    /// # Errors
    /// If the pickle of another program cannot be followed.
    pub fn traces(&self, names: &[&str]) -> Result<Vec<(String, TraceTree)>, ReadError> {
        let mut trees = Vec::new();
        let mut left = MOST_TRACED;
        let mut add = |name: &str, tree: Option<TraceTree>| {
            left = left.saturating_sub(tree.as_ref().map_or(1, TraceTree::parts));
            trees.extend(tree.map(|tree| (name.to_owned(), tree)));
            left > 0
        };
        match &self.contents {
            Contents::Own { .. } => {
                let _ = names.iter().all(|name| add(name, self.trace(name).ok().flatten()));
            }
            Contents::Foreign { .. } => {
                let bytes = self.source.bytes()?;
                let inspection =
                    Inspection::run(bytes, &self.budget()).map_err(|error| ReadError::of_pickle(bytes, error))?;
                let _ = names.iter().all(|name| add(name, inspection.trace(name).ok().flatten()));
            }
        }
        Ok(trees)
    }

    /// What loading the file would do; computed once. For our own file the machine follows the pickle now. If that
    /// would take more than a few milliseconds, the result is `None` unless `however_long` is set.
    ///
    /// # Errors
    /// If the file is not a sound pickle.
    pub fn verdict(&self, however_long: bool) -> Result<Option<Verdict>, ReadError> {
        let index = match &self.contents {
            Contents::Foreign { .. } => {
                self.follow(true)?;
                return Ok(self.verdict.get().cloned());
            }
            Contents::Own { index } => index,
        };
        // The machine steps over the contents of raw buffers, so only the opcodes take time.
        let most = if self.is_remote() { MAX_UNASKED_FROM_AFAR } else { MAX_UNASKED };
        if self.opcodes_len() > most && !however_long {
            return Ok(None);
        }
        if let Some(verdict) = self.verdict.get() {
            return Ok(Some(verdict.clone()));
        }
        let verdict = match Verdict::of_file(self.bytes()?, &self.budget()) {
            // The index says what is in the file, so it can be shown without a verdict.
            Ok(verdict) if verdict.class == VerdictClass::NotJudged && !however_long => return Ok(None),
            Ok(verdict) => self.verdict_with_index(index, verdict)?.hiding(&hidden_ranges(index)),
            Err(error) if error.is_limit() && !however_long => return Ok(None),
            Err(error) => Verdict::refused(&error),
        };
        Ok(Some(self.verdict.get_or_init(|| verdict).clone()))
    }

    /// The verdict on our own file: the pickle may be plain, but a load goes by the index.
    fn verdict_with_index(&self, index: &Index, verdict: Verdict) -> Result<Verdict, ReadError> {
        if verdict.class != VerdictClass::Plain {
            return Ok(verdict);
        }
        let found = if self.is_signed_by_user() {
            let (segments, bytes) = (VariableSegment::all(index)?, self.bytes()?);
            let skip = vec![false; segments.len()];
            verification::problem_of_index(index, &segments, bytes, &skip, true, &self.budget())
        } else {
            self.index_problem(index, &Damage::default())?
        };
        Ok(match found {
            None => verdict,
            Some(problem) => verdict.with_wrong_index(problem.at, &problem.what),
        })
    }

    /// Checks that the index names the variables that the pickle has and, unless this user signed it, that nothing of
    /// the pickle contradicts it. What differs because bytes are damaged is left to those that check the hashes.
    ///
    /// # Errors
    /// [`ReadError::WrongIndex`] if it does not, or if the file cannot be read.
    pub(crate) fn check_index(&self) -> Result<(), ReadError> {
        let Contents::Own { index } = &self.contents else { return Ok(()) };
        let mut found = verification::problem_of_names(self)?;
        if found.is_none() && !self.is_signed_by_user() {
            found = self.index_problem(index, &Damage::default())?;
            if found.is_some() {
                let damage = self.damage(&|_| {})?;
                if !damage.is_none() {
                    found = self.find_index_problem(index, &damage)?;
                }
            }
        }
        found.map_or(Ok(()), |Problem { at, what }| Err(ReadError::WrongIndex { what, at }))
    }

    /// What is wrong with the index of a file that is not damaged.
    fn index_problem(&self, index: &Index, undamaged: &Damage) -> Result<Option<Problem>, ReadError> {
        if let Some(known) = self.index_problem.get() {
            return Ok(known.clone());
        }
        let found = self.find_index_problem(index, undamaged)?;
        Ok(self.index_problem.get_or_init(|| found).clone())
    }

    fn find_index_problem(&self, index: &Index, damage: &Damage) -> Result<Option<Problem>, ReadError> {
        let segments = VariableSegment::all(index)?;
        let skip: Vec<bool> = segments.iter().map(|segment| damage.reason(segment.variable()).is_some()).collect();
        verification::problem_of_claims(self, index, &segments, &skip, !damage.outside)
    }

    /// Whether the checksum that older versions compare matches: that of all bytes outside the variables.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub(super) fn has_stream_hash(&self, index: &Index) -> Result<bool, ReadError> {
        integrity::has_stream_hash(&self.source, index)
    }

    /// The first bytes of an array's contents, which are a part of `file`. They are read if `file` does not have them:
    /// see [`load_contents`](Self::load_contents).
    pub(super) fn head_of(&self, file: &[u8], contents: &[u8]) -> Option<Vec<u8>> {
        let head = contents.get(..contents.len().min(HEAD))?;
        match &self.source {
            Source::Memory(_) | Source::File { .. } => Some(head.to_vec()),
            _ if self.is_remote() => None,
            Source::Ranged(_) | Source::Assembled(_) => {
                let start = head.as_ptr().addr().checked_sub(file.as_ptr().addr())?;
                let end = start.checked_add(head.len()).filter(|end| *end <= file.len())?;
                self.read_range(start..end).ok()
            }
        }
    }

    /// What the opcodes of our own file show of its variables.
    ///
    /// # Errors
    /// If the file cannot be mapped, or the index has impossible ranges.
    pub(crate) fn proven_facts(&self, index: &Index) -> Result<ProvenFacts, ReadError> {
        let segments = VariableSegment::all(index)?;
        let bytes = self.bytes()?;
        Ok(ProvenFacts::of(&segments, bytes, |_| false, &self.budget(), &|contents| self.head_of(bytes, contents)))
    }

    /// The index to show: the one of the file if this user signed it, and otherwise one whose descriptions of variables
    /// are what the opcodes show.
    ///
    /// # Errors
    /// If the file cannot be mapped, or the index has impossible ranges.
    pub(crate) fn shown_index<'i>(&self, index: &'i Index) -> Result<Cow<'i, Index>, ReadError> {
        if self.is_signed_by_user() {
            return Ok(Cow::Borrowed(index));
        }
        let facts = self.proven_facts(index)?;
        let mut shown = index.clone();
        facts.put_into(&mut shown);
        Ok(Cow::Owned(shown))
    }

    /// Checks the whole pickle, and calls `progress` with the number of bytes that were checked since the last call. In
    /// our own file it checks every hash; any other pickle must consist of opcodes up to STOP.
    ///
    /// # Errors
    /// If it is damaged.
    pub fn check(&self, progress: Progress<'_>) -> Result<(), ReadError> {
        match &self.contents {
            Contents::Own { index } => integrity::hashes(&self.source, index, progress)?.into_result(),
            Contents::Foreign { .. } => integrity::opcodes(self.source.bytes()?, self.raw_arrays()?, progress),
        }
    }

    /// Checks the segments of some variables of our own file, and reads their raw buffers into the memory that is
    /// given.
    ///
    /// # Errors
    /// If the file cannot be read. Damage is not an error.
    pub fn fetch(
        &self,
        index: &Index,
        wanted: Vec<Wanted<'_, '_>>,
        progress: Progress<'_>,
    ) -> Result<Damage, ReadError> {
        integrity::fetch(&self.source, index, wanted, None, progress)
    }

    /// As [`fetch`](Self::fetch). Also returns the opcodes that were checked, for loads that must not read the file
    /// again: it may change meanwhile.
    ///
    /// # Errors
    /// As for [`fetch`](Self::fetch), or if there is not enough memory.
    pub(crate) fn fetch_opcodes(
        &self,
        index: &Index,
        wanted: Vec<Wanted<'_, '_>>,
        progress: Progress<'_>,
    ) -> Result<(Damage, OpcodeImage), ReadError> {
        let mut image = OpcodeImage::new(index.stream.length)?;
        let damage = integrity::fetch(&self.source, index, wanted, Some(&mut image), progress)?;
        Ok((damage, image))
    }

    /// The bytes of a segment without raw buffers, if they match their checksum.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub(crate) fn checked_segment(&self, segment: &VariableSegment<'_>) -> Result<Option<Vec<u8>>, ReadError> {
        // Its range was checked against the length of the file when the index was read.
        let range = segment.range();
        if let Some(assembled) = self.assembled()
            && !assembled.has_opcodes(range.start)?
        {
            return Ok(None);
        }
        let mut bytes = vec![0; usize::try_from(range.end.saturating_sub(range.start)).unwrap_or_default()];
        match self.source.read(range.start, &mut bytes) {
            // So damaged that the bytes cannot be read.
            Err(error) if ranged_file::is_damage(&error) => return Ok(None),
            read => read?,
        }
        let is_intact =
            self.assembled().is_some() || blake3::hash(&bytes).to_hex().as_str() == segment.variable().blake3;
        Ok(is_intact.then_some(bytes))
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

    /// Checks the hashes of some segments of our own file.
    ///
    /// # Errors
    /// [`ReadError::Damaged`] names the damaged variables.
    pub fn check_segments<'v>(
        &self,
        segments: impl Iterator<Item = &'v VariableSegment<'v>> + Clone,
        progress: Progress<'_>,
    ) -> Result<(), ReadError> {
        integrity::segments(&self.source, segments, progress)?.into_result()
    }

    /// Checks every hash of our own file. Any other file has no hashes, and so no damage.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn damage(&self, progress: Progress<'_>) -> Result<Damage, ReadError> {
        let _held = self.hold()?;
        match &self.contents {
            Contents::Own { index } => integrity::hashes(&self.source, index, progress),
            Contents::Foreign { .. } => Ok(Damage::default()),
        }
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

/// The segments of the variables that look like credentials.
fn hidden_ranges(index: &Index) -> Vec<Range<u64>> {
    let secret = index.segments().filter(|(_, variable)| !variable.secrets.is_empty());
    secret.map(|(_, variable)| variable.offset..variable.offset.saturating_add(variable.length)).collect()
}

/// Index and trailer of our own file; `None` if there is no trailer.
fn read_index(source: &Source) -> Result<Option<(Index, Trailer)>, ReadError> {
    let mut bytes = [0; TRAILER];
    let Some(offset) = source.length().checked_sub(TRAILER as u64) else { return Ok(None) };
    source.read(offset, &mut bytes)?;
    let Some(trailer) = Trailer::decode(&bytes, source.length())? else { return Ok(None) };
    // The trailer's length of the index was compared with the length of the file, so this allocates no more than that.
    let mut json = vec![0; usize::try_from(trailer.index_length).unwrap_or_default()];
    source.read(trailer.index_offset, &mut json)?;
    if *blake3::hash(&json).as_bytes() != trailer.index_hash {
        return Err(ReadError::IndexDamaged { at: trailer.index_offset });
    }
    let index = parse_index(&json, trailer.index_offset)?;
    Ok(Some((index, trailer)))
}

fn parse_index(json: &[u8], pickle_length: u64) -> Result<Index, ReadError> {
    /// The one field whose meaning is the same in every schema.
    #[derive(serde::Deserialize)]
    struct Version {
        schema: u32,
    }
    let unreadable = |error: serde_json::Error| ReadError::IndexUnreadable { problem: error.to_string() };
    // Read on its own first: an index of another schema may not parse as this one.
    let Version { schema } = serde_json::from_slice(json).map_err(unreadable)?;
    if schema != SCHEMA {
        return Err(ReadError::OtherSchema { schema });
    }
    let index = index::parse(json).map_err(unreadable)?;
    integrity::ranges(&index, pickle_length)?;
    Ok(index)
}
