//! `save --verify`: a second snapshot of a session, written only to be compared with the first.
//!
//! If the hash of a variable is the same as in the first file, nothing is kept. Otherwise its opcodes are kept in
//! memory, with a hash in place of the contents of each large array, so no array is ever copied. What was kept is then
//! compared with the first file value by value, as [`file_changes`](super::file_changes) does.

use std::collections::{HashMap, HashSet};
use std::io::{self, Write};
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::file_changes::{
    Change, FoundDifference, LoadedValues, changed, differing, has_same_bytes, of_index, with_sources,
};
use super::index::{Index, SegmentRole, Variable};
use super::pipeline::LARGE_BUFFER;
use super::reader::{Contents, ReadError, Snapshot};
use super::save_target::{SaveTarget, SegmentMark};
use super::segment::{SegmentFrame, SegmentPart, VariableSegment};
use crate::pickle::machine::SegmentRange;
use crate::pickle::work_budget::WorkBudget;

/// The most bytes of one variable that are kept. A variable that takes more is not compared.
const MAX_KEPT: usize = 64 << 20;
/// The length of the last part of the header of a raw buffer, which is the length of its contents.
const LENGTH: usize = size_of::<u64>();

/// The second snapshot, as far as it differs from the first.
#[derive(Debug)]
pub(crate) struct RoundTripTarget {
    first: Arc<Snapshot>,
    /// For each variable of the first file, its position in the index.
    positions: HashMap<String, usize>,
    same: HashSet<String>,
    kept: Vec<u8>,
    /// Where in `kept` the open segment begins.
    start: usize,
    /// Whether the open segment exceeds [`MAX_KEPT`].
    is_over: bool,
    /// The hash of the large contents that are being written, which will replace them.
    contents: Option<blake3::Hasher>,
    segments: HashMap<String, SegmentRange>,
}

/// The result of a comparison of two snapshots of one session.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Compared {
    /// How many variables are the same.
    pub same: usize,
    /// The variables that differ.
    pub changes: Vec<Change>,
    /// The variables that could not be compared.
    pub not_compared: Vec<NotCompared>,
}

/// A variable that could not be compared.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct NotCompared {
    /// The name.
    pub name: String,
    /// The reason.
    pub why: String,
}

impl Write for RoundTripTarget {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(hasher) = &mut self.contents {
            hasher.update(bytes);
            return Ok(bytes.len());
        }
        // A variable that is too large is still accepted to its end, as its hash may turn out to be the same.
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

impl SaveTarget for RoundTripTarget {
    /// Only the open segment is ever discarded.
    fn cut(&mut self, _: u64) -> io::Result<()> {
        self.discard_segment();
        Ok(())
    }

    const MARKED: bool = true;

    fn mark(&mut self, mark: SegmentMark<'_>) {
        match mark {
            SegmentMark::Begin => self.start = self.kept.len(),
            // From here to the next mark, `write` hashes the bytes instead of keeping them.
            SegmentMark::Contents(length) if length >= LARGE_BUFFER as u64 => {
                self.contents = Some(blake3::Hasher::new())
            }
            SegmentMark::Contents(_) => {}
            SegmentMark::Opcodes => {
                if let Some(hasher) = self.contents.take().filter(|_| !self.is_over) {
                    replace_by_hash(&mut self.kept, hasher.finalize());
                }
            }
            SegmentMark::End(variable) => self.end(variable),
        }
    }
}

/// Writes a hash in place of contents whose opcode and length were just written.
fn replace_by_hash(out: &mut Vec<u8>, hash: blake3::Hash) {
    out.truncate(out.len().saturating_sub(LENGTH));
    out.extend((hash.as_bytes().len() as u64).to_le_bytes());
    out.extend(hash.as_bytes());
}

impl RoundTripTarget {
    /// A target for the second snapshot. `None` if `first` is not a snapshot of our own.
    pub(crate) fn new(first: Arc<Snapshot>) -> Option<Self> {
        let Contents::Own { index } = first.contents() else { return None };
        let names = index.compared().enumerate();
        let positions = names.map(|(position, (_, variable))| (variable.name.clone(), position)).collect();
        Some(Self {
            first,
            positions,
            same: HashSet::new(),
            kept: Vec::new(),
            start: 0,
            is_over: false,
            contents: None,
            segments: HashMap::new(),
        })
    }

    fn discard_segment(&mut self) {
        self.kept.truncate(self.start);
        self.is_over = false;
        self.contents = None;
    }

    fn end(&mut self, variable: &Variable) {
        let Some((role, first)) = self.first_of(&variable.name) else { return self.discard_segment() };
        if has_same_bytes(first, variable, &|name| self.same.contains(name)) {
            self.same.insert(variable.name.clone());
            self.discard_segment();
        } else if self.is_over {
            self.discard_segment();
        } else {
            let (before, after) = SegmentFrame::around(role, &variable.name);
            let (start, end) = (self.start as u64 + before, (self.kept.len() as u64).saturating_sub(after));
            // The next segment is appended, so this one stays in `kept`.
            self.segments.insert(variable.name.clone(), SegmentRange { start, end, memo: variable.memo.0 });
        }
    }

    fn first_index(&self) -> Option<&Index> {
        match self.first.contents() {
            Contents::Own { index } => Some(index),
            Contents::Foreign { .. } => None,
        }
    }

    fn first_of(&self, name: &str) -> Option<(SegmentRole, &Variable)> {
        let (index, mut position) = (self.first_index()?, *self.positions.get(name)?);
        // As in `Index::compared`.
        let lists = [
            (SegmentRole::Variable, &index.variables),
            (SegmentRole::ModuleItem, &index.module_state),
            (SegmentRole::FrameLocal, &index.frame_locals),
        ];
        for (role, list) in lists {
            match list.get(position) {
                Some(variable) => return Some((role, variable)),
                None => position = position.checked_sub(list.len())?,
            }
        }
        None
    }

    /// Compares the first snapshot with the second one, which was written to this target and has this index.
    ///
    /// # Errors
    /// If the first file cannot be read.
    pub(crate) fn compare(&self, second: &Index) -> Result<Compared, ReadError> {
        let Some(first) = self.first_index() else { return Ok(Compared::default()) };
        let missing = self.missing(second);
        let others: HashMap<&str, &Variable> =
            second.compared().map(|(_, variable)| (variable.name.as_str(), variable)).collect();
        let mut compared = Compared::default();
        let mut unequal = Vec::new();
        // What is the same counts only if it is a variable of the session.
        let count =
            |name: &str| usize::from(self.first_of(name).is_some_and(|(role, _)| role == SegmentRole::Variable));
        for (_, variable) in first.compared() {
            let name = variable.name.as_str();
            match missing.get(name) {
                _ if self.same.contains(name) => compared.same += count(name),
                Some(why) => compared.not_compared.push(NotCompared { name: name.to_owned(), why: why.clone() }),
                None => unequal.push(name),
            }
        }
        let found = self.differing([first, second], &unequal)?;
        for name in unequal {
            let both =
                self.first_of(name).map(|(_, first)| of_index(first)).zip(others.get(name).copied().map(of_index));
            match (found.get(name), both) {
                (Some(found), _) if found.is_unsure => {
                    let why = "a set or dict in it has members that cannot be distinguished".to_owned();
                    compared.not_compared.push(NotCompared { name: name.to_owned(), why });
                }
                // The indexes describe the values better than the machine does.
                (Some(found), Some((before, after))) if found.is_known() => {
                    compared.changes.push(changed(name, &before, &after, found));
                }
                (Some(_), _) => compared.not_compared.push(too_large(name)),
                (None, _) => compared.same += count(name),
            }
        }
        Ok(compared)
    }

    /// The variables of the first snapshot that are not complete in the second one, with the reason.
    fn missing(&self, second: &Index) -> HashMap<String, String> {
        let mut missing: HashMap<String, String> =
            self.positions.keys().map(|name| (name.clone(), "it is missing after the load".to_owned())).collect();
        for item in &second.left_out {
            let why = format!("it cannot be pickled again: {}", item.error);
            // Only names of the first file: the second may leave out others.
            missing.entry(item.name.clone()).and_modify(|known| *known = why);
        }
        for (_, variable) in second.compared() {
            let name = variable.name.as_str();
            let is_whole = self.same.contains(name) || self.segments.contains_key(name);
            if is_whole && variable.uses.iter().all(|used| !missing.contains_key(used)) {
                missing.remove(name);
            } else if !is_whole {
                missing.insert(name.to_owned(), too_large(name).why);
            } else {
                let why = "it shares objects with a variable that cannot be compared".to_owned();
                missing.insert(name.to_owned(), why);
            }
        }
        missing
    }

    /// How variables differ, by name. If they are too large together, they are compared one by one.
    fn differing<'n>(
        &self,
        indexes: [&Index; 2],
        names: &[&'n str],
    ) -> Result<HashMap<&'n str, FoundDifference>, ReadError> {
        if names.is_empty() {
            return Ok(HashMap::new());
        }
        match (self.together(indexes, names), names) {
            (Err(error), [name]) if error.is_limit() => Ok(HashMap::from([(*name, FoundDifference::unknown())])),
            (Err(error), _) if error.is_limit() => {
                let each = names.iter().map(|name| self.differing(indexes, &[*name]));
                Ok(each.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
            }
            (found, _) => found,
        }
    }

    fn together<'n>(
        &self,
        indexes: [&Index; 2],
        names: &[&'n str],
    ) -> Result<HashMap<&'n str, FoundDifference>, ReadError> {
        let [first, second] = indexes.map(|index| with_sources(index, names));
        let mut streams = [KeptSegments::default(), KeptSegments::default()];
        let [left, right] = &mut streams;
        for (role, variable) in &first {
            left.push(self.first_file(variable)?, *role, variable)?;
        }
        for (_, variable) in &second {
            match (self.segments.get(&variable.name), self.first_of(&variable.name)) {
                (Some(segment), _) => right.push_kept(self.bytes(segment), segment.memo),
                // Segments with the same bytes were not kept.
                (None, Some((role, same))) => right.push(self.first_file(same)?, role, same)?,
                (None, None) => {}
            }
        }
        let budget = WorkBudget::unlimited();
        let [left, right] = [(&streams[0], &first), (&streams[1], &second)].map(|(stream, variables)| {
            let names = variables.iter().map(|(_, variable)| variable.name.as_str());
            LoadedValues::of_segments(&stream.bytes, names, &stream.segments, &budget)
        });
        differing(&left?, &right?, names, false, &budget)
    }

    /// The first file, with all of a variable.
    fn first_file(&self, variable: &Variable) -> Result<&[u8], ReadError> {
        self.first.load_contents(std::iter::once(variable))?;
        self.first.bytes()
    }

    fn bytes(&self, segment: &SegmentRange) -> &[u8] {
        let range = usize::try_from(segment.start).ok().zip(usize::try_from(segment.end).ok());
        range.and_then(|(start, end)| self.kept.get(start..end)).unwrap_or_default()
    }
}

fn too_large(name: &str) -> NotCompared {
    NotCompared { name: name.to_owned(), why: "it is too large to be compared by value".to_owned() }
}

/// Segments one after the other, with hashes in place of large contents.
#[derive(Default)]
struct KeptSegments {
    bytes: Vec<u8>,
    segments: Vec<SegmentRange>,
}

impl KeptSegments {
    fn push(&mut self, file: &[u8], role: SegmentRole, variable: &Variable) -> Result<(), ReadError> {
        let start = self.bytes.len() as u64;
        for part in VariableSegment::of(role, variable)?.parts() {
            let (range, is_contents) = match part {
                SegmentPart::Opcodes(range) => (range, false),
                SegmentPart::Contents(range) => (range, true),
            };
            let bytes = file.get(range).ok_or(ReadError::CutShort { at: file.len() as u64 })?;
            // As in the second snapshot, so that equal contents have equal hashes on both sides.
            if is_contents && bytes.len() >= LARGE_BUFFER {
                replace_by_hash(&mut self.bytes, blake3::hash(bytes));
            } else {
                self.bytes.extend_from_slice(bytes);
            }
        }
        let (before, after) = SegmentFrame::around(role, &variable.name);
        let (start, end) = (start.saturating_add(before), (self.bytes.len() as u64).saturating_sub(after));
        self.segments.push(SegmentRange { start, end, memo: variable.memo.0 });
        Ok(())
    }

    fn push_kept(&mut self, segment: &[u8], memo: u64) {
        let start = self.bytes.len() as u64;
        self.bytes.extend_from_slice(segment);
        self.segments.push(SegmentRange { start, end: self.bytes.len() as u64, memo });
    }
}
