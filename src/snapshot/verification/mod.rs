//! `snapcli verify`: every hash, the index against the pickle, every range and every memo reference.
//!
//! The hashes are checked first, with reads, and only then is the file mapped and parsed. A segment whose hash is
//! wrong is not parsed, as its bytes could be anything. All others must match the index: if another program wrote
//! the file, even right hashes do not prove that.

mod file_input;
mod index_claims;
mod index_names;

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread::Builder;

use schemars::JsonSchema;
use serde::Serialize;

pub(crate) use self::file_input::FileInput;
pub(crate) use self::index_claims::problem_of_claims;
use self::index_names::{gaps, repeated_names};
pub(crate) use self::index_names::{problem_of_names, problem_of_ranges};
use super::index::{Index, Variable, VariableKind};
use super::load_plan::{LoadPlan, Usable};
use super::reader::{Contents, Damage, Progress, ReadError, Snapshot};
use super::segment::{Load, NO_SINGLE_VALUE, SegmentCheck, VariableSegment};
use crate::pickle::explain::outline::{Outline, OutlineRow};
use crate::pickle::format::emit;
use crate::pickle::format::parse::Parser;
use crate::pickle::machine::{MachineError, RawArray, opcodes_around};
use crate::pickle::passes::scan::{Scanner, SegmentFacts};
use crate::pickle::passes::stack_check::StackCheck;
use crate::pickle::work_budget::WorkBudget;

/// The fault of a segment that names another variable.
const WRONG_NAME: &str = "the name here is not the one in the index";
/// What is said of the variables of a file without an index, which has the checksums.
const NO_CHECKSUM: &str = "no checksum proves the bytes of the variables";

/// The result of a check.
#[derive(Clone, Debug, Default)]
pub struct Verified {
    /// Each variable, in the order of the file.
    pub variables: Vec<Checked>,
    /// How many of them are imports.
    pub imports: usize,
    /// Problems outside the variables.
    pub problems: Vec<Problem>,
    /// Whether the file is of another kind, so that nothing in it can be damaged.
    pub is_no_pickle: bool,
    /// The number of bytes after STOP that no index accounts for. Readers of pickles ignore them.
    pub behind_stop: u64,
}

/// A variable that was checked.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "CheckedVariable")]
pub struct Checked {
    /// The name.
    pub name: String,
    /// Where its bytes begin, from the start of the file.
    pub offset: u64,
    /// Its size in the file.
    #[serde(rename = "bytes")]
    pub length: u64,
    /// Whether nothing is wrong with it. Absent if no checksum of its bytes is left: those of a truncated snapshot are
    /// lost with its index.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub whole: Option<bool>,
    /// Its problems.
    pub problems: Vec<Problem>,
    /// The damaged variable whose objects it shares, so that it cannot be restored although its own bytes are intact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shares_with: Option<String>,
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Problem {
    /// Where it is, from the start of the file.
    #[serde(rename = "offset")]
    pub at: u64,
    /// The problem, in words.
    #[serde(rename = "error")]
    pub what: String,
}

impl Problem {
    /// A problem at an offset.
    pub fn new(at: u64, what: impl Into<String>) -> Self {
        Self { at, what: what.into() }
    }
}

impl Verified {
    /// For a file that cannot be opened, or is not a pickle. `rest` holds the variables that are complete nevertheless.
    pub fn unopened(error: &ReadError, rest: Option<&Snapshot>) -> Self {
        let at = match error {
            ReadError::CutShort { at } | ReadError::IndexDamaged { at } | ReadError::BadRange { at, .. } => *at,
            _ => 0,
        };
        let mut problems = vec![Problem::new(at, error.to_string())];
        let variables = rest.and_then(|rest| rest.outline().ok()).map(|shape| named(shape, None)).unwrap_or_default();
        if !variables.is_empty() {
            problems.push(Problem::new(at, NO_CHECKSUM));
        }
        let is_no_pickle = error.is_other_kind();
        Self { variables, problems, is_no_pickle, ..Self::default() }
    }

    /// Whether nothing is wrong.
    pub fn is_whole(&self) -> bool {
        self.problems.is_empty() && self.variables.iter().all(|variable| variable.whole == Some(true))
    }
}

/// The number of bytes that [`verify`] reports.
pub(crate) fn work_of(snapshot: &Snapshot) -> u64 {
    snapshot.stream_len()
}

/// The part of the work that is reading the bytes of our own file for their hashes. The rest is following its opcodes,
/// each of which is half done once it has been read; the contents of arrays are done then.
fn work_of_hashes(index: &Index) -> u64 {
    let buffers = index.segments().flat_map(|(_, variable)| &variable.buffers).map(|buffer| buffer.length);
    let in_buffers = buffers.fold(0_u64, u64::saturating_add).min(index.stream.length);
    index.stream.length - (index.stream.length - in_buffers) / 2
}

/// A receiver of progress that counts `whole` bytes as `part` of the work.
fn as_part(progress: Progress<'_>, part: u64, whole: u64) -> impl Fn(u64) + Sync {
    let done = AtomicU64::new(0);
    move |bytes| {
        let before = done.fetch_add(bytes, Ordering::Relaxed);
        let share = |bytes: u64| u128::from(bytes.min(whole)) * u128::from(part) / u128::from(whole.max(1));
        let more = share(before.saturating_add(bytes)).saturating_sub(share(before));
        progress(u64::try_from(more).unwrap_or(part));
    }
}

/// Checks all of a file. `progress` is called with some of the bytes of [`work_of`].
///
/// # Errors
/// If the file cannot be read, or is not a pickle.
pub fn verify(snapshot: &Snapshot, progress: Progress<'_>) -> Result<Verified, ReadError> {
    match snapshot.contents() {
        Contents::Own { index } => own(snapshot, index, progress),
        Contents::Foreign { lost_index } => {
            let (raw, outline) = (snapshot.raw_arrays()?, snapshot.outline()?);
            let mut verified = foreign(snapshot.bytes()?, raw, outline, &snapshot.budget(), progress);
            if *lost_index {
                let what = "the index is missing: the file is truncated, or damaged at its end; copy it again";
                let at = snapshot.file_len().saturating_sub(verified.behind_stop);
                verified.problems.push(Problem::new(at, what));
                if !verified.variables.is_empty() {
                    verified.problems.push(Problem::new(at, NO_CHECKSUM));
                    verified.variables.iter_mut().for_each(|variable| variable.whole = None);
                }
            }
            Ok(verified)
        }
    }
}

fn own(snapshot: &Snapshot, index: &Index, progress: Progress<'_>) -> Result<Verified, ReadError> {
    let (all, hashes) = (index.stream.length, work_of_hashes(index));
    let damage = snapshot.damage(&as_part(progress, hashes, all))?;
    let segments = VariableSegment::all(index)?;
    // From here on the file is mapped: a disk failure would now be a signal, but all of it was just read.
    let bytes = snapshot.bytes()?;
    let mut checked_segments = checked_by_hash(index, &damage);
    let mut problems = problems_around(index, bytes);
    let table = "the seek table at the end of the compressed file is damaged: restore works, or copy the file again";
    // A problem that was found by its contents is more exact than the checksum.
    if damage.outside && problems.is_empty() {
        problems.push(Problem::new(0, "the bytes outside the variables do not match their checksum"));
    }
    problems.extend(snapshot.bad_table_end().map(|end| Problem::new(end, table)));
    // The bytes of a damaged segment could be anything, so they are not parsed.
    let skip: Vec<bool> = checked_segments.iter().map(|segment| segment.whole != Some(true)).collect();
    let following = as_part(progress, all - hashes, all);
    let mut within = problems_within(index, &segments, bytes, &skip, &snapshot.budget(), &following);
    if !snapshot.is_signed_by_user() {
        add_false_claims(snapshot, index, &segments, &skip, &mut within, &mut problems)?;
    }
    for (variable, found) in checked_segments.iter_mut().zip(within) {
        variable.problems.extend(found);
        variable.whole = Some(variable.problems.is_empty());
    }
    // Segments that belong to no variable count as the rest of the file.
    let hidden = checked_segments.split_off(index.variables.len().min(checked_segments.len()));
    problems.extend(hidden.into_iter().flat_map(problems_with_name));
    note_shared_damage(&mut checked_segments, &damage, &segments, bytes);
    let imports = index.variables.iter().filter(|variable| variable.kind == VariableKind::Import).count();
    Ok(Verified { variables: checked_segments, imports, problems, ..Verified::default() })
}

/// All segments, with a problem for each whose bytes do not match their checksum.
fn checked_by_hash(index: &Index, damage: &Damage) -> Vec<Checked> {
    let mut damaged = damage.damaged.iter().map(|(_, offset)| *offset).peekable();
    let checked_segment = |variable: &Variable| {
        let at = damaged.next_if_eq(&variable.offset);
        checked(variable, at.map(|at| Problem::new(at, "the bytes do not match their checksum")))
    };
    index.segments().map(|(_, variable)| variable).map(checked_segment).collect()
}

/// Adds the claims of an index that are false, unless another problem of the segment is known.
fn add_false_claims(
    snapshot: &Snapshot,
    index: &Index,
    segments: &[VariableSegment<'_>],
    skip: &[bool],
    within: &mut [Vec<Problem>],
    problems: &mut Vec<Problem>,
) -> Result<(), ReadError> {
    let is_known =
        |number: usize| skip.get(number) == Some(&true) || within.get(number).is_some_and(|found| !found.is_empty());
    let known: Vec<bool> = (0..segments.len()).map(is_known).collect();
    for (number, problem) in index_claims::false_claims(snapshot, index, segments, &known, problems.is_empty())? {
        match number.and_then(|number| within.get_mut(number)) {
            Some(found) => found.push(problem),
            None => problems.push(problem),
        }
    }
    Ok(())
}

/// The problems of a segment that is not shown, with its name.
fn problems_with_name(segment: Checked) -> impl Iterator<Item = Problem> {
    let name = segment.name;
    segment.problems.into_iter().map(move |Problem { at, what }| Problem::new(at, format!("{name}: {what}")))
}

/// The first false claim of the index about the segments of variables, apart from skipped ones; with `around`, also
/// about the bytes between them. For files without a trusted signature, before they are loaded.
pub(crate) fn problem_of_index(
    index: &Index,
    segments: &[VariableSegment<'_>],
    bytes: &[u8],
    skip: &[bool],
    around: bool,
    budget: &WorkBudget,
) -> Option<Problem> {
    let outside = if around { problems_around(index, bytes) } else { Vec::new() };
    let within = problems_within(index, segments, bytes, skip, budget, &|_| {}).into_iter().flatten();
    outside.into_iter().chain(within).next()
}

/// Finds the variables that cannot be restored because they share objects with damaged ones. A restore of the intact
/// variables makes the same plan.
fn note_shared_damage(variables: &mut [Checked], damage: &Damage, segments: &[VariableSegment<'_>], bytes: &[u8]) {
    if damage.damaged.is_empty() {
        return;
    }
    let usable = segments.iter().map(|segment| damage.usable(segment.variable(), Usable::WHOLE)).collect();
    let plan = LoadPlan::new(bytes, segments.iter(), usable, false);
    let (loads, lost) = plan.loads();
    for (number, load) in loads.iter().enumerate() {
        let owner = plan.lost_owner(number, &lost).and_then(|owner| segments.get(owner)).map(VariableSegment::variable);
        if let (Some(variable), Some(owner), false) = (variables.get_mut(number), owner, matches!(load, Load::Whole))
            && variable.whole == Some(true)
        {
            (variable.whole, variable.shares_with) = (Some(false), Some(owner.name.clone()));
        }
    }
}

fn checked(variable: &Variable, problem: Option<Problem>) -> Checked {
    let Variable { name, offset, length, .. } = variable;
    let whole = Some(problem.is_none());
    let problems = problem.into_iter().collect();
    Checked { name: name.clone(), offset: *offset, length: *length, whole, problems, shares_with: None }
}

/// Problems outside the segments: the bytes of prelude and end are known, and there is nothing between segments.
fn problems_around(index: &Index, bytes: &[u8]) -> Vec<Problem> {
    let mut problems = Vec::new();
    let (mut prelude, mut end) = (Vec::new(), Vec::new());
    let written = emit::prelude(&mut prelude, &index.module).and_then(|()| emit::end(&mut end));
    if written.is_err() || !bytes.starts_with(&prelude) || index.stream.prelude != prelude.len() as u64 {
        problems.push(Problem::new(0, "the pickle does not begin like a snapshot of the module that the index names"));
    }
    let last = index.stream.length.saturating_sub(end.len() as u64);
    problems.extend(gaps(index, last));
    problems.extend(repeated_names(index));
    if !bytes.ends_with(&end) {
        problems.push(Problem::new(last, "the pickle does not end like a snapshot"));
    }
    problems
}

/// Problems within the segments, by variable; `skip` marks segments with a wrong hash. The scan must see the segments
/// in order, because it takes names of globals from the memo. Meanwhile another thread checks the stack and memo of
/// each.
fn problems_within(
    index: &Index,
    segments: &[VariableSegment<'_>],
    bytes: &[u8],
    skip: &[bool],
    budget: &WorkBudget,
    progress: Progress<'_>,
) -> Vec<Vec<Problem>> {
    let next = AtomicUsize::new(0);
    let follow = |budget: &WorkBudget| {
        let mut found = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(segment) = segments.get(number) else { return found };
            if !skip.get(number).copied().unwrap_or_default()
                && let Err(problem) = follow_segment(segment, bytes, budget, progress)
            {
                found.push((number, problem));
            }
        }
    };
    let mut problems: Vec<Vec<Problem>> = vec![Vec::new(); segments.len()];
    std::thread::scope(|scope| {
        let [half, other_half] = [budget.half(), budget.half()];
        let follow = &follow;
        // Where the system starts no more threads, this one does all of it.
        let other = Builder::new().spawn_scoped(scope, move || follow(&other_half));
        let scanned = scan(index, segments, bytes, skip);
        let mut followed = follow(&half);
        let of_other = other.map(|other| other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        followed.extend(of_other.unwrap_or_default());
        for (number, problem) in followed {
            if let Some(of_variable) = problems.get_mut(number) {
                of_variable.push(problem);
            }
        }
        // If stack or memo are wrong, the facts of the scan are meaningless.
        for (of_variable, found) in problems.iter_mut().zip(scanned).filter(|(known, _)| known.is_empty()) {
            *of_variable = found;
        }
    });
    problems
}

/// After how many bytes progress is reported.
const REPORTED: u64 = 1 << 18;

/// Checks the opcodes of a segment in the file: the name, a value, the raw buffers that the index lists, SETITEM.
fn follow_segment(
    segment: &VariableSegment<'_>,
    bytes: &[u8],
    budget: &WorkBudget,
    progress: Progress<'_>,
) -> Result<(), Problem> {
    let wrong = |(at, what): (u64, &str)| Problem::new(at, format!("{what}: save the session again"));
    let (range, value) = (segment.range(), segment.value());
    if !segment.has_name(bytes) {
        return Err(wrong((range.start, WRONG_NAME)));
    }
    // The dict of the session is on the stack.
    let mut balance = StackCheck::within(budget, 1, segment.variable().memo.0);
    let mut check = SegmentCheck::new(segment);
    let mut reported = range.start;
    for op in Parser::segment(segment.bytes(bytes).unwrap_or_default(), range.start) {
        let op = op.map_err(|error| Problem::new(range.start, error.to_string()))?;
        // A load reads the value alone: it must not take the name, and nothing may be set before it ends.
        if op.start == value.start {
            balance.begin_value();
        }
        if op.start == value.end && !balance.end_value() {
            return Err(wrong((op.start, NO_SINGLE_VALUE)));
        }
        balance.step(&op).map_err(|error| Problem::new(op.start, error.to_string()))?;
        check.step(&op).map_err(wrong)?;
        // Progress for every opcode would cost more than checking it.
        if op.end.saturating_sub(reported) >= REPORTED {
            progress(op.end - reported);
            reported = op.end;
        }
    }
    progress(range.end.saturating_sub(reported));
    check.finish().map_err(wrong)?;
    if balance.is(1) { Ok(()) } else { Err(wrong((range.end, NO_SINGLE_VALUE))) }
}

/// Compares the facts in the index about each segment with the results of a scan of the loaded opcodes.
fn scan(index: &Index, segments: &[VariableSegment<'_>], bytes: &[u8], skip: &[bool]) -> Vec<Vec<Problem>> {
    let mut scanner = Scanner::new(emit::PRELUDE_MEMO);
    // After a segment that is not scanned, the strings in its memo slots are unknown, and they can name globals.
    let mut lost = false;
    let scan = |(segment, skip): (&VariableSegment<'_>, &bool)| {
        let variable = segment.variable();
        let opcodes = if *skip { None } else { segment.as_loaded(bytes) };
        match opcodes.map(|opcodes| scanner.segment_at(&opcodes, variable.offset)) {
            Some(Ok(facts)) => compare(index, variable, &facts, lost),
            other => {
                scanner.skip_to(variable.memo.1);
                lost = true;
                let error = other.and_then(Result::err);
                error.map(|error| Problem::new(variable.offset, error.to_string())).into_iter().collect()
            }
        }
    };
    segments.iter().zip(skip).map(scan).collect()
}

fn compare(index: &Index, variable: &Variable, facts: &SegmentFacts, lost: bool) -> Vec<Problem> {
    // The slots are ascending, so the slots of one variable are adjacent.
    let mut owners: Vec<&str> = facts.takes.iter().filter_map(|slot| index.owner(*slot)).collect();
    owners.dedup();
    // Only which globals are imported matters, not the order in which the pickler noted them.
    let sorted = |imports: &[String]| {
        let mut imports = imports.to_vec();
        imports.sort_unstable();
        imports
    };
    let unsure = lost && !facts.takes.is_empty();
    let wrong = [
        (facts.memo != variable.memo, "the memo slots that it fills"),
        (owners != variable.uses, "which variables it takes objects from"),
        (!unsure && sorted(&facts.imports) != sorted(&variable.imports), "what it imports"),
        (!unsure && facts.has_code != variable.has_code, "whether it holds code"),
    ];
    let wrong = wrong.into_iter().filter(|(wrong, _)| *wrong);
    wrong
        .map(|(_, what)| {
            Problem::new(variable.offset, format!("the index is wrong about {what}: save the session again"))
        })
        .collect()
}

/// Checks a pickle without an index. The symbolic machine has followed it to its STOP, unless it is too large for that;
/// stack and memo are checked here in any case.
fn foreign(bytes: &[u8], raw: &[RawArray], shape: &Outline, budget: &WorkBudget, progress: Progress<'_>) -> Verified {
    let mut balance = StackCheck::within(budget, 0, 0);
    let imports =
        rows(shape).iter().filter(|row| VariableKind::of_role(row.facts.role) == VariableKind::Import).count();
    let mut verified = Verified { variables: named(shape, Some(true)), imports, ..Verified::default() };
    let mut end = 0;
    for op in opcodes_around(bytes, raw) {
        let step = op.map_err(MachineError::Parse).and_then(|op| {
            end = op.end;
            balance.step(&op)
        });
        if let Err(error) = step {
            verified.problems.push(Problem::new(end, error.to_string()));
            // The outline may come from opcodes after the fault.
            verified.variables.clear();
            break;
        }
    }
    progress(bytes.len() as u64);
    verified.behind_stop = (bytes.len() as u64).saturating_sub(end);
    verified
}

/// The variables of a pickle without an index.
fn named(shape: &Outline, whole: Option<bool>) -> Vec<Checked> {
    let checked = |variable: &OutlineRow| Checked {
        name: variable.name.clone(),
        offset: variable.start,
        length: variable.end.saturating_sub(variable.start),
        whole,
        problems: Vec::new(),
        shares_with: None,
    };
    rows(shape).iter().map(checked).collect()
}

fn rows(shape: &Outline) -> &[OutlineRow] {
    match shape {
        Outline::Session { variables, .. } | Outline::Dict { variables } => variables,
        Outline::Object { .. } => &[],
    }
}

#[cfg(test)]
mod verification_tests;
