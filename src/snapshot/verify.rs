//! Whether a file is what was saved: every hash, the index against the stream, every place and every memo reference.
//!
//! The hashes are checked first, by reading: only what the disk gives is mapped and parsed afterwards. A segment whose
//! hash is wrong is not parsed, as its bytes could be anything; all others must be what the index says of them, which
//! a file with right hashes may still not be when something else wrote it.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::Serialize;

use super::index::{Index, Variable};
use super::reader::{Contents, Progress, ReadError, Snapshot};
use super::writer::owner;
use crate::pickle::balance::Balance;
use crate::pickle::emit;
use crate::pickle::machine::{MachineError, Raw, opcodes_around};
use crate::pickle::opcode::Opcode;
use crate::pickle::outline::Shape;
use crate::pickle::parse::{Argument, Op, Parser};
use crate::pickle::scan::{Scanner, SegmentFacts};

/// What a check found.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Verified {
    /// Each variable, in the order of the file.
    pub variables: Vec<Checked>,
    /// What is wrong outside of the variables.
    pub problems: Vec<Problem>,
    /// The number of bytes behind STOP that no index accounts for. Readers of pickles do not look at them.
    pub behind_stop: u64,
}

/// A variable that was checked.
#[derive(Clone, Debug, Serialize)]
pub struct Checked {
    /// Its name.
    pub name: String,
    /// Where its bytes begin.
    pub offset: u64,
    /// How many they are.
    pub length: u64,
    /// Whether nothing is wrong with it.
    pub whole: bool,
    /// What is.
    pub problems: Vec<Problem>,
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The place in the file.
    pub at: u64,
    /// What is wrong there.
    pub what: String,
}

impl Problem {
    /// At this place, this is wrong.
    pub fn new(at: u64, what: impl Into<String>) -> Self {
        Self { at, what: what.into() }
    }
}

impl Verified {
    /// Of a file that is not even opened.
    pub fn unopened(error: &ReadError) -> Self {
        let at = match error {
            ReadError::CutShort { at } | ReadError::IndexDamaged { at } | ReadError::BadPlace { at, .. } => *at,
            _ => 0,
        };
        Self { problems: vec![Problem::new(at, error.to_string())], ..Self::default() }
    }

    /// Whether nothing is wrong.
    pub fn is_whole(&self) -> bool {
        self.problems.is_empty() && self.variables.iter().all(|variable| variable.whole)
    }
}

/// Checks all of a file.
pub fn verify(snapshot: &Snapshot, progress: Progress<'_>) -> Result<Verified, ReadError> {
    match snapshot.contents() {
        Contents::Own { index } => own(snapshot, index, progress),
        Contents::Foreign { shape, lost_index, raw, .. } => {
            let mut verified = foreign(snapshot.bytes()?, raw, shape, progress);
            if *lost_index {
                let what = "the index is lost: the file is cut short or damaged at its end; copy it again";
                let at = snapshot.file_len().saturating_sub(verified.behind_stop);
                verified.problems.push(Problem::new(at, what));
            }
            Ok(verified)
        }
    }
}

fn own(snapshot: &Snapshot, index: &Index, progress: Progress<'_>) -> Result<Verified, ReadError> {
    let damage = snapshot.damage(progress)?;
    let bytes = snapshot.bytes()?;
    let mut damaged = damage.damaged.iter().map(|(_, offset)| *offset).peekable();
    let mut variables: Vec<Checked> = index
        .variables
        .iter()
        .map(|variable| {
            let problem = damaged
                .next_if_eq(&variable.offset)
                .map(|at| Problem::new(at, "the bytes are not those that were saved"));
            checked(variable, problem)
        })
        .collect();
    let mut problems = frame(index, bytes);
    if damage.outside && problems.is_empty() {
        problems.push(Problem::new(0, "the bytes outside of the variables are not those that were saved"));
    }
    let skip: Vec<bool> = variables.iter().map(|variable| !variable.whole).collect();
    for (variable, found) in variables.iter_mut().zip(contents(index, bytes, &skip)) {
        variable.problems.extend(found);
        variable.whole = variable.problems.is_empty();
    }
    Ok(Verified { variables, problems, behind_stop: 0 })
}

fn checked(variable: &Variable, problem: Option<Problem>) -> Checked {
    let Variable { name, offset, length, .. } = variable;
    let whole = problem.is_none();
    Checked { name: name.clone(), offset: *offset, length: *length, whole, problems: problem.into_iter().collect() }
}

/// What is wrong with the bytes around the segments: prelude and end are known, and there is nothing between.
fn frame(index: &Index, bytes: &[u8]) -> Vec<Problem> {
    let mut problems = Vec::new();
    let (mut prelude, mut end) = (Vec::new(), Vec::new());
    let written = emit::prelude(&mut prelude, &index.module).and_then(|()| emit::end(&mut end));
    if written.is_err() || !bytes.starts_with(&prelude) || index.stream.prelude != prelude.len() as u64 {
        problems.push(Problem::new(0, "the pickle does not begin as a snapshot of the module that the index names"));
    }
    let mut position = index.stream.prelude;
    let last = index.stream.length.saturating_sub(end.len() as u64);
    let starts =
        index.variables.iter().map(|variable| (variable.offset, variable.offset.saturating_add(variable.length)));
    for (start, next) in starts.chain([(last, last)]) {
        if start != position {
            let what = format!("the bytes up to byte {start} belong to nothing");
            problems.push(Problem::new(position, what));
        }
        position = next;
    }
    if !bytes.ends_with(&end) {
        problems.push(Problem::new(last, "the pickle does not end as a snapshot does"));
    }
    problems
}

/// What is wrong within the segments, by variable; `skip` says which have the wrong hash. The scan has to see them in order, as names of globals are taken
/// from the memo; meanwhile other threads follow stack and memo of each.
fn contents(index: &Index, bytes: &[u8], skip: &[bool]) -> Vec<Vec<Problem>> {
    let next = AtomicUsize::new(0);
    let follow = || {
        let mut found = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(variable) = index.variables.get(number) else { return found };
            if !skip.get(number).copied().unwrap_or_default()
                && let Err(problem) = follow_segment(variable, bytes)
            {
                found.push((number, problem));
            }
        }
    };
    let mut problems: Vec<Vec<Problem>> = vec![Vec::new(); index.variables.len()];
    std::thread::scope(|scope| {
        let other = scope.spawn(follow);
        let scanned = scan(index, bytes, skip);
        let mut followed = follow();
        followed.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        // What does not even balance has facts of no worth.
        for (number, problem) in followed {
            if let Some(place) = problems.get_mut(number) {
                place.push(problem);
            }
        }
        for (place, found) in problems.iter_mut().zip(scanned).filter(|(place, _)| place.is_empty()) {
            *place = found;
        }
    });
    problems
}

fn slice(bytes: &[u8], place: Range<u64>) -> &[u8] {
    let range = usize::try_from(place.start).ok().zip(usize::try_from(place.end).ok());
    range.and_then(|(start, end)| bytes.get(start..end)).unwrap_or_default()
}

/// Follows a segment: the name, a value, SETITEM, and the buffers that the index lists.
fn follow_segment(variable: &Variable, bytes: &[u8]) -> Result<(), Problem> {
    let end = variable.offset.saturating_add(variable.length);
    let wrong = |at, what: &str| Problem::new(at, format!("{what}: save the session again"));
    let mut balance = Balance::new(1, variable.memo.0);
    let mut buffers = variable.buffers.clone();
    buffers.sort_unstable_by_key(|buffer| std::cmp::Reverse(buffer.offset));
    let mut last = None;
    for op in Parser::segment(slice(bytes, variable.offset..end), variable.offset) {
        let op = op.map_err(|error| Problem::new(variable.offset, error.to_string()))?;
        balance.step(&op).map_err(|error| Problem::new(op.start, error.to_string()))?;
        if last.is_none() && !is_name(&op, &variable.name) {
            return Err(wrong(op.start, "another name stands here than in the index"));
        }
        if let Argument::Bytes(contents) = op.argument
            && let Some(buffer) = buffers.pop_if(|buffer| buffer.offset < op.end)
        {
            let length = contents.len() as u64;
            let same = (buffer.offset, buffer.length) == (op.end.saturating_sub(length), length);
            if !same || buffer.writable != (op.opcode == Opcode::ByteArray8) {
                return Err(wrong(buffer.offset, "the buffer is not where the index has it"));
            }
        }
        last = Some(op.opcode);
    }
    if let Some(buffer) = buffers.pop() {
        return Err(wrong(buffer.offset, "there is no buffer where the index has one"));
    }
    if last == Some(Opcode::SetItem) && balance.is(1) {
        Ok(())
    } else {
        Err(wrong(end, "a single value should end here"))
    }
}

fn is_name(op: &Op<'_>, name: &str) -> bool {
    matches!(&op.argument, Argument::Text(text) if text.bytes() == name.as_bytes()) && op.opcode != Opcode::PersId
}

/// Compares what the index says of each segment with what a scan finds.
fn scan(index: &Index, bytes: &[u8], skip: &[bool]) -> Vec<Vec<Problem>> {
    let mut scanner = Scanner::new(emit::PRELUDE_MEMO);
    // From here on strings that make up names of globals may be unknown.
    let mut lost = false;
    let scan = |(variable, skip): (&Variable, &bool)| {
        let end = variable.offset.saturating_add(variable.length);
        let segment = slice(bytes, variable.offset..end);
        // The name is pushed before, and memoized by nobody.
        let facts = if *skip { None } else { Some(scanner.segment_at(segment, variable.offset)) };
        match facts {
            Some(Ok(facts)) => compare(index, variable, &facts, lost),
            other => {
                scanner.skip_to(variable.memo.1);
                lost = true;
                other
                    .into_iter()
                    .filter_map(|facts| facts.err())
                    .map(|error| Problem::new(variable.offset, error.to_string()))
                    .collect()
            }
        }
    };
    index.variables.iter().zip(skip).map(scan).collect()
}

fn compare(index: &Index, variable: &Variable, facts: &SegmentFacts, lost: bool) -> Vec<Problem> {
    let mut owners: Vec<&str> = facts.takes.iter().filter_map(|slot| owner(&index.variables, *slot)).collect();
    owners.dedup();
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

/// A pickle without an index: that it runs up to STOP was found out when it was opened, unless it is too large for
/// the symbolic machine; stack and memo are followed here in any case.
fn foreign(bytes: &[u8], raw: &[Raw], shape: &Shape, progress: Progress<'_>) -> Verified {
    let mut balance = Balance::new(0, 0);
    let mut verified = Verified { variables: named(shape), ..Verified::default() };
    let mut end = 0;
    for op in opcodes_around(bytes, raw) {
        let step = op.map_err(MachineError::Parse).and_then(|op| {
            end = op.end;
            balance.step(&op)
        });
        if let Err(error) = step {
            verified.problems.push(Problem::new(end, error.to_string()));
            verified.variables.clear();
            break;
        }
    }
    progress(bytes.len() as u64);
    verified.behind_stop = (bytes.len() as u64).saturating_sub(end);
    verified
}

fn named(shape: &Shape) -> Vec<Checked> {
    let variables = match shape {
        Shape::Session { variables, .. } | Shape::Dict { variables } => variables.as_slice(),
        Shape::Object { .. } => &[],
    };
    let whole = |variable: &crate::pickle::outline::Variable| Checked {
        name: variable.name.clone(),
        offset: variable.start,
        length: variable.end.saturating_sub(variable.start),
        whole: true,
        problems: Vec::new(),
    };
    variables.iter().map(whole).collect()
}

#[cfg(test)]
mod tests;
