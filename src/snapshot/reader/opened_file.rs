//! Opens files, bytes and snapshots of stores: only the trailer and the index are read.

use std::path::Path;

#[cfg(test)]
use super::RangeReader;
use super::{Contents, ReadError, Snapshot, Source, StopCheck, integrity, salvage};
use crate::pickle::format::emit;
use crate::snapshot::index::{self, Index, SCHEMA};
use crate::snapshot::layout::{TRAILER, Trailer};
use crate::snapshot::seekable::Strictness;
use crate::snapshot::store::{AssembledSnapshot, StoreAddress};

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
    pub(super) fn from_file(file: std::fs::File) -> Result<Self, ReadError> {
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

    /// The same file, which may be followed with this many bytes of memory; `None` means the standard limit.
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
