//! A second snapshot of a session, written only to be compared with the first: does a load bring back what was saved?
//!
//! Of each variable the writer tells the hash. Where it is that of the first file, nothing is kept; else its opcodes are,
//! in memory, with a hash in place of the contents of each large array. So no array is ever copied. What was kept is
//! compared in the normal form that [`changes`](super::changes) uses, value by value.

use std::collections::{HashMap, HashSet};
use std::io::{self, Write};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::changes::{Change, Found, Loaded, changed, differing, has_same_bytes, of_index, with_sources};
use super::index::{Index, Variable};
use super::pipe::LARGE;
use super::reader::{Contents, ReadError, Snapshot};
use super::target::{Mark, Target};
use crate::pickle::machine::{MachineError, Segment};

/// The most bytes of one variable that are kept. What takes more is not compared.
const MAX_KEPT: usize = 64 << 20;
/// The length of what stands before the contents of a raw buffer.
const LENGTH: usize = size_of::<u64>();

/// The second snapshot, as far as it is not the first one again.
#[derive(Debug)]
pub struct Echo {
    first: Arc<Snapshot>,
    /// The variables of the first file, by their names.
    places: HashMap<String, usize>,
    same: HashSet<String>,
    kept: Vec<u8>,
    /// Where the open segment begins in what is kept.
    start: usize,
    /// Whether the open segment takes more than may be kept.
    is_over: bool,
    /// The hash of the large contents that are being written, which will stand in for them.
    contents: Option<blake3::Hasher>,
    segments: HashMap<String, Segment>,
}

/// What a comparison of two snapshots of one session found.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Compared {
    /// How many variables are the same.
    pub same: usize,
    /// Those that are not.
    pub changes: Vec<Change>,
    /// Those of which it cannot be told.
    pub not_compared: Vec<NotCompared>,
}

/// A variable of which it cannot be told whether it is the same.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NotCompared {
    /// Its name.
    pub name: String,
    /// Why.
    pub why: String,
}

impl Write for Echo {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(hasher) = &mut self.contents {
            hasher.update(bytes);
            return Ok(bytes.len());
        }
        self.is_over |= self.kept.len().saturating_sub(self.start).saturating_add(bytes.len()) > MAX_KEPT;
        if !self.is_over {
            self.kept.extend_from_slice(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Target for Echo {
    /// Only the open segment is ever cut off.
    fn cut(&mut self, _: u64) -> io::Result<()> {
        self.forget();
        Ok(())
    }

    const MARKED: bool = true;

    fn mark(&mut self, mark: Mark<'_>) {
        match mark {
            Mark::Begin => self.start = self.kept.len(),
            Mark::Contents(length) if length >= LARGE as u64 => self.contents = Some(blake3::Hasher::new()),
            Mark::Contents(_) => {}
            Mark::Opcodes => {
                if let Some(hasher) = self.contents.take().filter(|_| !self.is_over) {
                    stand_in(&mut self.kept, hasher.finalize());
                }
            }
            Mark::End(variable) => self.end(variable),
        }
    }
}

/// Puts a hash in place of contents whose opcode and length were written.
fn stand_in(out: &mut Vec<u8>, hash: blake3::Hash) {
    out.truncate(out.len().saturating_sub(LENGTH));
    out.extend((hash.as_bytes().len() as u64).to_le_bytes());
    out.extend(hash.as_bytes());
}

impl Echo {
    /// Nothing is written yet. `None` where `first` is no snapshot of ours.
    pub fn new(first: Arc<Snapshot>) -> Option<Self> {
        let Contents::Own { index } = first.contents() else { return None };
        let names = index.variables.iter().enumerate();
        let places = names.map(|(place, variable)| (variable.name.clone(), place)).collect();
        Some(Self {
            first,
            places,
            same: HashSet::new(),
            kept: Vec::new(),
            start: 0,
            is_over: false,
            contents: None,
            segments: HashMap::new(),
        })
    }

    fn forget(&mut self) {
        self.kept.truncate(self.start);
        self.is_over = false;
        self.contents = None;
    }

    fn end(&mut self, variable: &Variable) {
        let Some(first) = self.first_of(&variable.name) else { return self.forget() };
        if has_same_bytes(first, variable, &|name| self.same.contains(name)) {
            self.same.insert(variable.name.clone());
            self.forget();
        } else if self.is_over {
            self.forget();
        } else {
            let (start, end) = (self.start as u64, self.kept.len() as u64);
            self.segments.insert(variable.name.clone(), Segment { start, end, memo: variable.memo.0 });
        }
    }

    fn first_index(&self) -> Option<&Index> {
        match self.first.contents() {
            Contents::Own { index } => Some(index),
            Contents::Foreign { .. } => None,
        }
    }

    fn first_of(&self, name: &str) -> Option<&Variable> {
        self.first_index()?.variables.get(*self.places.get(name)?)
    }

    /// Compares the first snapshot with this one, whose index was written by the end of it.
    pub fn compare(&self, second: &Index) -> Result<Compared, ReadError> {
        let Some(first) = self.first_index() else { return Ok(Compared::default()) };
        let missing = self.missing(second);
        let others: HashMap<&str, &Variable> =
            second.variables.iter().map(|variable| (variable.name.as_str(), variable)).collect();
        let mut compared = Compared::default();
        let mut doubtful = Vec::new();
        for variable in &first.variables {
            let name = variable.name.as_str();
            match missing.get(name) {
                _ if self.same.contains(name) => compared.same += 1,
                Some(why) => compared.not_compared.push(NotCompared { name: name.to_owned(), why: why.clone() }),
                None => doubtful.push(name),
            }
        }
        let found = self.differing([first, second], &doubtful)?;
        for name in doubtful {
            let both = self.first_of(name).map(of_index).zip(others.get(name).copied().map(of_index));
            match (found.get(name), both) {
                (Some(found), _) if found.is_unsure => {
                    let why = "a set or a dict in it has members that cannot be told apart".to_owned();
                    compared.not_compared.push(NotCompared { name: name.to_owned(), why });
                }
                (Some(found), Some((before, after))) if found.is_known() => {
                    compared.changes.push(changed(name, &before, &after, found));
                }
                (Some(_), _) => compared.not_compared.push(too_large(name)),
                (None, _) => compared.same += 1,
            }
        }
        Ok(compared)
    }

    /// The variables of the first snapshot of which the second one does not have all, and why.
    fn missing(&self, second: &Index) -> HashMap<String, String> {
        let mut missing: HashMap<String, String> =
            self.places.keys().map(|name| (name.clone(), "it was not there to be pickled again".to_owned())).collect();
        for item in &second.left_out {
            let why = format!("it cannot be pickled again: {}", item.error);
            missing.entry(item.name.clone()).and_modify(|known| *known = why);
        }
        for variable in &second.variables {
            let name = variable.name.as_str();
            let is_whole = self.same.contains(name) || self.segments.contains_key(name);
            if is_whole && variable.uses.iter().all(|used| !missing.contains_key(used)) {
                missing.remove(name);
            } else if !is_whole {
                missing.insert(name.to_owned(), too_large(name).why);
            } else {
                let why = "it shares objects with what cannot be compared".to_owned();
                missing.insert(name.to_owned(), why);
            }
        }
        missing
    }

    /// How variables differ, by name: all together, or, where that is too large, one by one.
    fn differing<'n>(&self, indexes: [&Index; 2], names: &[&'n str]) -> Result<HashMap<&'n str, Found>, ReadError> {
        if names.is_empty() {
            return Ok(HashMap::new());
        }
        match (self.together(indexes, names), names) {
            (Err(ReadError::BadPickle(MachineError::TooLarge { .. })), [name]) => {
                Ok(HashMap::from([(*name, Found::unknown())]))
            }
            (Err(ReadError::BadPickle(MachineError::TooLarge { .. })), _) => {
                let each = names.iter().map(|name| self.differing(indexes, &[*name]));
                Ok(each.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
            }
            (found, _) => found,
        }
    }

    fn together<'n>(&self, indexes: [&Index; 2], names: &[&'n str]) -> Result<HashMap<&'n str, Found>, ReadError> {
        let [first, second] = indexes.map(|index| with_sources(index, names));
        let mut streams = [Stream::default(), Stream::default()];
        let [left, right] = &mut streams;
        for variable in &first {
            left.push(self.first.segment(variable)?, variable);
        }
        for variable in &second {
            match (self.segments.get(&variable.name), self.first_of(&variable.name)) {
                (Some(segment), _) => right.push_kept(self.bytes(segment), segment.memo),
                // What has the same bytes was not kept.
                (None, Some(same)) => right.push(self.first.segment(same)?, same),
                (None, None) => {}
            }
        }
        let [left, right] = [(&streams[0], &first), (&streams[1], &second)].map(|(stream, variables)| {
            let names = variables.iter().map(|variable| variable.name.as_str());
            Loaded::of_segments(&stream.bytes, names, &stream.segments)
        });
        Ok(differing(&left?, &right?, names, false))
    }

    fn bytes(&self, segment: &Segment) -> &[u8] {
        let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
        self.kept.get(place(segment.start)..place(segment.end)).unwrap_or_default()
    }
}

fn too_large(name: &str) -> NotCompared {
    NotCompared { name: name.to_owned(), why: "it is too large to be looked into".to_owned() }
}

/// Segments one behind the other, with hashes in place of large contents.
#[derive(Default)]
struct Stream {
    bytes: Vec<u8>,
    segments: Vec<Segment>,
}

impl Stream {
    /// A segment of a file.
    fn push(&mut self, segment: &[u8], variable: &Variable) {
        let start = self.bytes.len() as u64;
        let mut rest = 0;
        for buffer in variable.buffers.iter().filter(|buffer| buffer.length >= LARGE as u64) {
            let from = usize::try_from(buffer.offset.saturating_sub(variable.offset)).unwrap_or(usize::MAX);
            let end = from.saturating_add(usize::try_from(buffer.length).unwrap_or(usize::MAX));
            self.bytes.extend_from_slice(segment.get(rest..from).unwrap_or_default());
            stand_in(&mut self.bytes, blake3::hash(segment.get(from..end).unwrap_or_default()));
            rest = end;
        }
        self.bytes.extend_from_slice(segment.get(rest..).unwrap_or_default());
        self.segments.push(Segment { start, end: self.bytes.len() as u64, memo: variable.memo.0 });
    }

    fn push_kept(&mut self, segment: &[u8], memo: u64) {
        let start = self.bytes.len() as u64;
        self.bytes.extend_from_slice(segment);
        self.segments.push(Segment { start, end: self.bytes.len() as u64, memo });
    }
}
