//! The claims of an index that the rest of the file contradicts: descriptions of values, hashes, and lists of names
//! that exclude each other.
//!
//! Every command asks [`false_claims`] about a file that this user has not signed, so that one forged file gets one
//! answer. Claims that neither the pickle nor the index itself can contradict, such as the script, are shown as claims
//! of the file.

use std::collections::HashSet;

use super::{Problem, problem_of_index};
use crate::snapshot::index::{FrameKind, Index, RaisedError, SegmentRole, Variable, split_local_name};
use crate::snapshot::proven_facts::ProvenFacts;
use crate::snapshot::reader::{ReadError, Snapshot};
use crate::snapshot::segment::VariableSegment;

/// A contradiction, and the number of its segment if it belongs to one.
pub(super) type FalseClaim = (Option<usize>, Problem);

/// The first false claim of the index about the segments, apart from skipped ones; with `around`, also about the bytes
/// between them.
///
/// # Errors
/// If the file cannot be read.
pub(crate) fn problem_of_claims(
    snapshot: &Snapshot,
    index: &Index,
    segments: &[VariableSegment<'_>],
    skip: &[bool],
    around: bool,
) -> Result<Option<Problem>, ReadError> {
    match problem_of_index(index, segments, snapshot.bytes()?, skip, around, &snapshot.budget()) {
        Some(problem) => Ok(Some(problem)),
        None => Ok(false_claims(snapshot, index, segments, skip, around)?.into_iter().map(|(_, found)| found).next()),
    }
}

/// Everything that the index claims and something contradicts. `around` is not set if the bytes outside the segments
/// are known to be damaged.
///
/// # Errors
/// If the file cannot be read.
pub(super) fn false_claims(
    snapshot: &Snapshot,
    index: &Index,
    segments: &[VariableSegment<'_>],
    skip: &[bool],
    around: bool,
) -> Result<Vec<FalseClaim>, ReadError> {
    let mut found: Vec<FalseClaim> = of_lists(index).map(|problem| (None, problem)).collect();
    let bytes = snapshot.bytes()?;
    let is_skipped = |number: usize| skip.get(number).copied().unwrap_or_default();
    // The hashes of a stored snapshot are the names of its objects.
    if !snapshot.is_stored() {
        let checked = segments.iter().enumerate().filter(|(number, _)| !is_skipped(*number));
        found.extend(checked.filter_map(|(number, segment)| Some((Some(number), of_opcodes(segment, bytes)?))));
        if around && !skip.contains(&true) && !snapshot.has_stream_hash(index)? {
            let what = "the checksum of the bytes outside the variables, as older versions read it, is wrong";
            found.push((None, Problem::new(index.stream.length, what)));
        }
    }
    let head = |contents: &[u8]| snapshot.head_of(bytes, contents);
    let facts = ProvenFacts::of(segments, bytes, is_skipped, &snapshot.budget(), &head);
    let of_values = facts.contradictions(segments).filter_map(|(number, what)| {
        let Variable { name, offset, .. } = segments.get(number)?.variable();
        let what = format!("the pickle shows another {what} of {name} than the index");
        Some((Some(number), Problem::new(*offset, what)))
    });
    found.extend(of_values);
    Ok(found)
}

/// The checksum that a load checks if it maps the raw buffers.
fn of_opcodes(segment: &VariableSegment<'_>, bytes: &[u8]) -> Option<Problem> {
    let Variable { name, offset, opcodes, buffers, .. } = segment.variable();
    let mut hasher = blake3::Hasher::new();
    if !buffers.is_empty() {
        for range in segment.opcode_ranges() {
            let range = usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?;
            hasher.update(bytes.get(range)?);
        }
    }
    let is_right = if buffers.is_empty() { opcodes.is_empty() } else { hasher.finalize().to_hex().as_str() == opcodes };
    (!is_right).then(|| Problem::new(*offset, format!("the checksum of the opcodes of {name} is wrong in the index")))
}

/// Contradictions between the lists of the index.
fn of_lists(index: &Index) -> impl Iterator<Item = Problem> {
    let names: HashSet<&str> = index.segments().map(|(_, variable)| variable.name.as_str()).collect();
    let left_out = index.left_out.iter().filter(move |item| names.contains(item.name.as_str()));
    let left_out = left_out.map(|item| format!("the index says that {} was not saved, but it is there", item.name));
    let described = index.segments().map(|(_, variable)| variable).filter(|variable| {
        !(variable.columns.is_empty() && variable.attributes.is_empty()) || variable.source.is_some()
    });
    let described = described.map(|variable| format!("the index describes {} as no save does", variable.name));
    let all = left_out.chain(described).chain(of_frames(index));
    all.map(|what| Problem::new(index.stream.length, what))
}

/// Claims of the index about the frames of a traceback that the local variables contradict.
fn of_frames(index: &Index) -> impl Iterator<Item = String> {
    let Index { raised, frames, .. } = index;
    let is_wrong_number = |(number, error): (usize, &RaisedError)| {
        let of = error.of.map(|of| of as usize);
        of.is_some_and(|of| of >= raised.len() || of == number) || of.is_none() != error.relation.is_empty()
    };
    let wrong_raised = (0..).zip(raised).any(is_wrong_number) || is_circular(raised);
    let wrong_frame = (0..).zip(frames).any(|(number, frame)| {
        frame.raised as usize >= raised.len() || frame.same_as.is_some_and(|same| same as usize >= number)
    });
    let without_frame = index.segments().filter(|(role, local)| {
        let frame = split_local_name(&local.name).and_then(|(number, _)| frames.get(number));
        *role == SegmentRole::FrameLocal
            && !frame.is_some_and(|frame| frame.locals == FrameKind::Saved && frame.same_as.is_none())
    });
    let without_frame = without_frame.map(|(_, local)| format!("the index has no frame for the local {}", local.name));
    let wrong = [
        (wrong_raised, "the index relates an exception to one that it does not have"),
        (wrong_frame, "the index relates a frame to an exception or a frame that it does not have"),
    ];
    wrong.into_iter().filter(|(is_wrong, _)| *is_wrong).map(|(_, what)| what.to_owned()).chain(without_frame)
}

/// Whether exceptions were raised from one another in a circle.
fn is_circular(raised: &[RaisedError]) -> bool {
    // By number: whether the chain from there is known to end.
    let mut ends = vec![false; raised.len()];
    for first in 0..raised.len() {
        let (mut chain, mut next) = (Vec::new(), Some(first));
        while let Some(number) = next.filter(|number| ends.get(*number) == Some(&false)) {
            if chain.len() > raised.len() {
                return true;
            }
            chain.push(number);
            next = raised.get(number).and_then(|error| error.of).map(|of| of as usize);
        }
        chain.into_iter().filter_map(|number| ends.get_mut(number).map(|end| *end = true)).for_each(drop);
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::index::{LeftOut, StackFrame};

    fn raised(of: &[Option<u32>]) -> Vec<RaisedError> {
        let relation = |of: Option<u32>| if of.is_some() { "cause".to_owned() } else { String::new() };
        of.iter().map(|of| RaisedError { of: *of, relation: relation(*of), ..RaisedError::default() }).collect()
    }

    fn problems(index: &Index) -> Vec<String> {
        of_lists(index).map(|problem| problem.what).collect()
    }

    #[test]
    fn lists_that_agree_have_no_problem() {
        let frames = vec![
            StackFrame { locals: FrameKind::Saved, ..StackFrame::default() },
            StackFrame { locals: FrameKind::Saved, same_as: Some(0), raised: 1, ..StackFrame::default() },
        ];
        let local = Variable { name: "frame[0].x".into(), ..Variable::default() };
        let raised = raised(&[Some(1), None]);
        let index = Index { raised, frames, frame_locals: vec![local], ..Index::default() };
        assert_eq!(problems(&index), Vec::<String>::new());
    }

    #[test]
    fn exceptions_and_frames_must_exist_and_end() {
        for of in [&[Some(0), None][..], &[Some(7), None], &[Some(1), Some(0)], &[Some(1), Some(2), Some(1)]] {
            assert_eq!(problems(&Index { raised: raised(of), ..Index::default() }).len(), 1, "{of:?}");
        }
        let frame = |raised, same_as| StackFrame { raised, same_as, ..StackFrame::default() };
        for frames in [vec![frame(1, None)], vec![frame(0, Some(0))], vec![frame(0, Some(1)), frame(0, Some(0))]] {
            assert_eq!(problems(&Index { raised: raised(&[None]), frames, ..Index::default() }).len(), 1);
        }
    }

    #[test]
    fn local_variables_have_frames_that_save_them() {
        for name in ["frame[0].x", "frame[1].x", "x", "frame[0.x"] {
            let frames = vec![StackFrame { locals: FrameKind::Library, ..StackFrame::default() }];
            let frame_locals = vec![Variable { name: name.into(), ..Variable::default() }];
            let index = Index { raised: raised(&[None]), frames, frame_locals, ..Index::default() };
            assert_eq!(problems(&index), [format!("the index has no frame for the local {name}")]);
        }
    }

    #[test]
    fn a_name_is_saved_or_left_out() {
        let variables = vec![Variable { name: "a".into(), ..Variable::default() }];
        let left_out = |name: &str| vec![LeftOut { name: name.into(), ..LeftOut::default() }];
        let index = |name| Index { variables: variables.clone(), left_out: left_out(name), ..Index::default() };
        assert_eq!((problems(&index("b")).len(), problems(&index("a")).len()), (0, 1));
    }
}
