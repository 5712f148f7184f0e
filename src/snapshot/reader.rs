//! Opens snapshots and other pickles, tells what they hold, and checks that they are whole.
//!
//! Of our own file, [`Snapshot::open`] reads the trailer and the index only; the pickle is mapped when it is asked
//! for. Any other pickle is followed from its start to its STOP by the symbolic machine. Nothing is executed.

mod error;
mod hashing;
mod kind;
mod packed;
mod salvage;
mod source;
#[cfg(test)]
mod tests;
mod verify;

use std::path::Path;

pub use error::{Damage, ReadError};
pub use hashing::Progress;
pub use kind::FileKind;
pub use verify::{Memory, Wanted};

use self::source::Source;
use super::index::{self, Index, SCHEMA, Variable};
use super::layout::{TRAILER, Trailer};
use super::trust::Key;
use super::writer::owner;
use crate::pickle::emit;
use crate::pickle::machine::{Machine, MachineError, Raw};
use crate::pickle::naming::Naming;
use crate::pickle::outline::{self, Shape, Tree};
use crate::pickle::parse::{NEWEST_PROTOCOL, ParseError};
use crate::pickle::verdict::Verdict;

/// How many bytes of opcodes of our own file are followed where nobody asked for it: some milliseconds' worth.
const MAX_AT_ONCE: u64 = 1 << 20;

/// A file that is a pickle.
#[derive(Debug)]
pub struct Snapshot {
    source: Source,
    contents: Contents,
    /// Of our own file.
    trailer: Option<Trailer>,
}

/// What is in a file.
// There is one for each open file, so its size does not matter.
#[allow(clippy::large_enum_variant)]
#[derive(Debug)]
pub enum Contents {
    /// A session that snapcli saved.
    Own {
        /// What its index tells.
        index: Index,
    },
    /// A pickle without an index.
    Foreign {
        /// What it is.
        shape: Shape,
        /// Whether snapcli wrote it, and index or trailer are lost. Its pickle is whole, but unproven.
        lost_index: bool,
        /// What loading it would do.
        verdict: Verdict,
        /// Where the bytes of arrays stand between its opcodes, as joblib writes them.
        raw: Vec<Raw>,
    },
}

impl Snapshot {
    /// Opens a file.
    pub fn open(path: &Path) -> Result<Self, ReadError> {
        Self::from_source(Source::open(path)?)
    }

    /// Takes a file that is in memory, as it came from standard input.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, ReadError> {
        Self::from_source(Source::memory(bytes)?)
    }

    /// Opens a file, or what is left of it where it cannot be read as it is: the whole variables in front of the damage,
    /// unproven. Returns the damage with them.
    pub fn open_partial(path: &Path) -> Result<(Self, Option<ReadError>), ReadError> {
        Self::partial(|| Source::open(path))
    }

    /// As [`open_partial`](Self::open_partial), of a file that is in memory.
    pub fn partial_from_bytes(bytes: &[u8]) -> Result<(Self, Option<ReadError>), ReadError> {
        Self::partial(|| Source::memory(bytes.to_vec()))
    }

    fn partial(source: impl Fn() -> Result<Source, ReadError>) -> Result<(Self, Option<ReadError>), ReadError> {
        let error = match Self::from_source(source()?) {
            Ok(snapshot) => return Ok((snapshot, None)),
            Err(error) => error,
        };
        if !error.leaves_something() {
            return Err(error);
        }
        let Some(pickle) = salvage::salvage(source()?.bytes()?) else { return Err(error) };
        let source = Source::Memory(pickle);
        // Its index is not looked for: it is damaged, or none.
        let contents = foreign(source.bytes()?)?;
        Ok((Self { source, contents, trailer: None }, Some(error)))
    }

    fn from_source(source: Source) -> Result<Self, ReadError> {
        if source.length() == 0 {
            return Err(ReadError::Empty);
        }
        let (contents, trailer) = match read_index(&source)? {
            Some((index, trailer)) => (Contents::Own { index }, Some(trailer)),
            None => (foreign(source.bytes()?)?, None),
        };
        Ok(Self { source, contents, trailer })
    }

    /// Whether the owner of this key signed the file. That proves its index, which proves all that is compared with it.
    pub fn is_signed_by(&self, key: &Key) -> bool {
        self.trailer.as_ref().is_some_and(|trailer| key.has_signed(trailer))
    }

    /// Whether anybody signed the file.
    pub fn is_signed(&self) -> bool {
        self.trailer.as_ref().is_some_and(Trailer::is_signed)
    }

    /// All of our own file but its trailer, and that trailer signed; `None` of any other file.
    pub fn signed(&self, key: &Key) -> Result<Option<(&[u8], Trailer)>, ReadError> {
        let Some(trailer) = &self.trailer else { return Ok(None) };
        let end = trailer.index_offset.saturating_add(trailer.index_length);
        Ok(Some((self.range(0, end)?, key.sign(trailer))))
    }

    /// What is in it.
    pub fn contents(&self) -> &Contents {
        &self.contents
    }

    /// The length of the file in bytes.
    pub fn file_len(&self) -> u64 {
        self.source.length()
    }

    /// The length of the pickle in bytes: what [`Self::check`] reads, and what a load reads at the most.
    pub fn stream_len(&self) -> u64 {
        match &self.contents {
            Contents::Own { index } => index.stream.length,
            Contents::Foreign { .. } => self.source.length(),
        }
    }

    /// The entire pickle: of our own file without index and trailer, of another one with whatever follows it.
    pub fn bytes(&self) -> Result<&[u8], ReadError> {
        match &self.contents {
            Contents::Own { index } => self.range(0, index.stream.length),
            Contents::Foreign { .. } => self.source.bytes(),
        }
    }

    /// The segment of a variable of our own file: name, value, SETITEM.
    pub fn segment(&self, variable: &Variable) -> Result<&[u8], ReadError> {
        self.range(variable.offset, variable.length)
    }

    fn range(&self, offset: u64, length: u64) -> Result<&[u8], ReadError> {
        let bytes = self.source.bytes()?;
        let place = usize::try_from(offset).ok().zip(usize::try_from(length).ok());
        let range = place.and_then(|(start, length)| bytes.get(start..start.checked_add(length)?));
        range.ok_or(ReadError::CutShort { at: bytes.len() as u64 })
    }

    /// What is pickled under a variable, as a tree with sizes. `None` where there is no such variable.
    pub fn trace(&self, name: &str) -> Result<Option<Tree>, ReadError> {
        match &self.contents {
            Contents::Own { index } => {
                let Some(variable) = index.variables.iter().find(|variable| variable.name == name) else {
                    return Ok(None);
                };
                let owner = |slot| owner(&index.variables, slot).map(str::to_owned);
                let tree = outline::trace_segment(self.segment(variable)?, variable.offset, variable.memo.0, &owner);
                tree.map(Some).map_err(ReadError::BadPickle)
            }
            Contents::Foreign { .. } => {
                let (machine, value) = Machine::run(self.source.bytes()?).map_err(ReadError::BadPickle)?;
                let naming = Naming::new(&machine);
                let found = outline::find(&naming, value, name);
                // A pickle that gives its object no name has only that one to trace.
                let whole =
                    || matches!(&self.contents, Contents::Foreign { shape: Shape::Object { .. }, .. }).then_some(value);
                Ok(found.or_else(whole).map(|value| outline::tree(&naming, value, name)))
            }
        }
    }

    /// What loading it would do. Of our own file, the machine follows the pickle for it, stepping over raw buffers;
    /// unless `however_long`, only where that takes no more than some milliseconds.
    pub fn verdict(&self, however_long: bool) -> Result<Option<Verdict>, ReadError> {
        let index = match &self.contents {
            Contents::Foreign { verdict, .. } => return Ok(Some(verdict.clone())),
            Contents::Own { index } => index,
        };
        let buffers = index.variables.iter().flat_map(|variable| &variable.buffers);
        let opcodes = index.stream.length.saturating_sub(buffers.map(|buffer| buffer.length).sum());
        if opcodes > MAX_AT_ONCE && !however_long {
            return Ok(None);
        }
        Ok(Some(Verdict::of_bytes(self.bytes()?)))
    }

    /// Checks the whole pickle, and tells `progress` of each stretch of bytes that is done. Of our own file, every
    /// hash is checked; of any other pickle, whether it is a run of opcodes up to STOP.
    pub fn check(&self, progress: Progress<'_>) -> Result<(), ReadError> {
        match &self.contents {
            Contents::Own { index } => {
                let damage = verify::hashes(&self.source, index, progress)?;
                if damage.is_none() { Ok(()) } else { Err(ReadError::Damaged(damage)) }
            }
            Contents::Foreign { raw, .. } => verify::opcodes(self.source.bytes()?, raw, progress),
        }
    }

    /// Checks the segments of some variables of our own file, and brings their raw buffers to where they are wanted.
    pub fn fetch(
        &self,
        index: &Index,
        wanted: Vec<Wanted<'_, '_>>,
        progress: Progress<'_>,
    ) -> Result<Damage, ReadError> {
        verify::fetch(&self.source, index, wanted, progress)
    }

    /// The file itself, to be mapped; None where it came from a pipe.
    pub fn file(&self) -> Option<&std::fs::File> {
        self.source.file()
    }

    /// Checks the hashes of some segments of our own file: an error tells which are damaged.
    pub fn check_segments<'v>(
        &self,
        variables: impl Iterator<Item = &'v Variable> + Clone,
        progress: Progress<'_>,
    ) -> Result<(), ReadError> {
        let damage = verify::segments(&self.source, variables, progress)?;
        if damage.is_none() { Ok(()) } else { Err(ReadError::Damaged(damage)) }
    }

    /// Checks every hash of our own file. Without an index there is nothing to compare with, and no damage.
    pub fn damage(&self, progress: Progress<'_>) -> Result<Damage, ReadError> {
        match &self.contents {
            Contents::Own { index } => verify::hashes(&self.source, index, progress),
            Contents::Foreign { .. } => Ok(Damage::default()),
        }
    }
}

/// Index and trailer of our own file; `None` where there is no trailer.
fn read_index(source: &Source) -> Result<Option<(Index, Trailer)>, ReadError> {
    let mut bytes = [0; TRAILER];
    let Some(place) = source.length().checked_sub(TRAILER as u64) else { return Ok(None) };
    source.read(place, &mut bytes)?;
    let Some(trailer) = Trailer::decode(&bytes, source.length())? else { return Ok(None) };
    // Its length was checked against the file's.
    let mut json = vec![0; usize::try_from(trailer.index_length).unwrap_or_default()];
    source.read(trailer.index_offset, &mut json)?;
    if *blake3::hash(&json).as_bytes() != trailer.index_hash {
        return Err(ReadError::IndexDamaged { at: trailer.index_offset });
    }
    let index = parse_index(&json, trailer.index_offset)?;
    Ok(Some((index, trailer)))
}

fn parse_index(json: &[u8], pickle_length: u64) -> Result<Index, ReadError> {
    /// All that is asked of an index whose other fields may mean something else.
    #[derive(serde::Deserialize)]
    struct Version {
        schema: u32,
    }
    let unreadable = |error: serde_json::Error| ReadError::IndexUnreadable { problem: error.to_string() };
    let Version { schema } = serde_json::from_slice(json).map_err(unreadable)?;
    if schema != SCHEMA {
        return Err(ReadError::OtherSchema { schema });
    }
    let index = index::parse(json).map_err(unreadable)?;
    verify::places(&index, pickle_length)?;
    Ok(index)
}

fn foreign(bytes: &[u8]) -> Result<Contents, ReadError> {
    match outline::outline(bytes) {
        Ok((shape, verdict, raw)) => {
            Ok(Contents::Foreign { shape, lost_index: bytes.starts_with(emit::HEAD), verdict, raw })
        }
        Err(error) => Err(explain(bytes, error)),
    }
}

/// Why bytes cannot be followed: they are another kind of file, or a pickle that was cut short or damaged.
fn explain(bytes: &[u8], error: MachineError) -> ReadError {
    if let Some(kind) = FileKind::by_signature(bytes) {
        return ReadError::NotAPickle { kind };
    }
    // Pickles of protocol 2 and up say so; older ones can begin with anything, as texts can.
    let marked = matches!(bytes, [0x80] | [0x80, 0..=NEWEST_PROTOCOL, ..]);
    let cut = match error {
        MachineError::Parse(ParseError::Truncated { at, end, .. }) if marked || at > 0 => Some(end),
        MachineError::Parse(ParseError::FrameBeyondEnd { end, .. } | ParseError::NoStop { end }) => Some(end),
        _ => None,
    };
    match cut {
        Some(at) => ReadError::CutShort { at },
        None if marked => ReadError::BadPickle(error),
        None => ReadError::NotAPickle { kind: FileKind::by_contents(bytes) },
    }
}
