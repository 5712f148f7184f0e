//! The views of a file that need no load: trees of its values, the verdict, and an index whose claims about variables
//! are proven by the opcodes.

use std::borrow::Cow;
use std::ops::Range;

use super::{Contents, Damage, ReadError, Snapshot, Source};
use crate::pickle::explain::array_elements::HEAD;
use crate::pickle::explain::trace_tree::TraceTree;
use crate::pickle::inspection::Inspection;
use crate::pickle::verdict::{Verdict, VerdictClass};
use crate::snapshot::index::{Index, SegmentRole};
use crate::snapshot::proven_facts::ProvenFacts;
use crate::snapshot::segment::VariableSegment;
use crate::snapshot::verification::{self, Problem};

/// The most opcode bytes of our own file for which a verdict is formed without being asked for: about a second.
const MAX_UNASKED: u64 = 32 << 20;
/// The same for a file on another machine, whose opcodes must be downloaded first.
const MAX_UNASKED_FROM_AFAR: u64 = 64 << 10;
/// The most values in the trees of all variables together.
const MOST_TRACED: usize = 100_000;

impl Snapshot {
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
                    // Apparent credentials are not shown on every screen.
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
    /// becomes too long for a person to read.
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

    /// The effects of loading the file; computed once. For our own file the machine follows the pickle now. If that
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
            // The index describes the contents of the file, so they can be shown without a verdict.
            Ok(verdict) if verdict.class == VerdictClass::NotJudged && !however_long => return Ok(None),
            Ok(verdict) => self.verdict_with_index(index, verdict)?.hiding(&hidden_ranges(index)),
            Err(error) if error.is_limit() && !however_long => return Ok(None),
            Err(error) => Verdict::refused(&error),
        };
        Ok(Some(self.verdict.get_or_init(|| verdict).clone()))
    }

    /// The verdict on our own file: the pickle may be plain, but a load follows the index.
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
    /// the pickle contradicts it. Differences because of damaged bytes are left to the checks of hashes.
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

    /// The fault of the index of a file that is not damaged.
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

    /// The first bytes of an array's contents, which are a part of `file`. They are read if `file` does not have them:
    /// see [`load_contents`](Self::load_contents).
    pub(in crate::snapshot) fn head_of(&self, file: &[u8], contents: &[u8]) -> Option<Vec<u8>> {
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

    /// The facts about the variables that the opcodes of our own file show.
    ///
    /// # Errors
    /// If the file cannot be mapped, or the index has impossible ranges.
    pub(crate) fn proven_facts(&self, index: &Index) -> Result<ProvenFacts, ReadError> {
        let segments = VariableSegment::all(index)?;
        let bytes = self.bytes()?;
        Ok(ProvenFacts::of(&segments, bytes, |_| false, &self.budget(), &|contents| self.head_of(bytes, contents)))
    }

    /// The index to show: the one of the file if this user signed it, and otherwise one whose descriptions of variables
    /// come from the opcodes.
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
}

/// The segments of the variables that look like credentials.
fn hidden_ranges(index: &Index) -> Vec<Range<u64>> {
    let secret = index.segments().filter(|(_, variable)| !variable.secrets.is_empty());
    secret.map(|(_, variable)| variable.offset..variable.offset.saturating_add(variable.length)).collect()
}
