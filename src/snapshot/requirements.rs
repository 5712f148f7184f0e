//! Checks a file that this user did not sign, before any of it is loaded: does it need anything beyond plain data?
//!
//! For our own file, the check judges exactly the opcodes that will be fed to the unpickler ([`LoadSequence`]), and not
//! the file as a whole: the index is no more trusted than the pickle, and may point anywhere. During the load, an
//! allow-list of globals ([`untrusted`]) adds to this check; it cannot replace it,
//! because it does not see what the pickle does with the objects that it allows.

use super::reader::{ReadError, Snapshot};
use super::segment::{JoinedInputs, Load, LoadSequence, VariableSegment};
use crate::pickle::format::opcode::{MemoUse, Opcode};
use crate::pickle::format::parse::Parser;
use crate::pickle::known::{self, untrusted};
use crate::pickle::machine::MAX_MEMO;
use crate::pickle::passes::scan::scan_segment;
use crate::pickle::verdict;

/// Something that a load would have to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Requirement {
    /// The variable that needs it; `None` if there is one object only, or if it is unknown.
    pub variable: Option<String>,
    /// The globals that it would look up, call or change.
    pub what: Vec<String>,
}

/// What some loads from our own file need.
///
/// # Errors
/// If the file is shorter than the index says.
pub(crate) fn of_loads(
    snapshot: &Snapshot,
    loads: &[(&VariableSegment<'_>, &Load)],
) -> Result<Vec<Requirement>, ReadError> {
    // The symbolic machine would refuse that many memo slots anyway, so do not build the opcodes that fill them.
    let is_too_large = |(segment, _): &&(&VariableSegment<'_>, &Load)| segment.variable().memo.1 > MAX_MEMO as u64;
    if let Some((segment, _)) = loads.iter().find(is_too_large) {
        let what = vec![format!("opcodes that cannot be followed (they fill more than {MAX_MEMO} memo slots)")];
        return Ok(vec![Requirement { variable: Some(segment.variable().name.clone()), what }]);
    }
    let Judged { pickle, starts, imports } = judged(snapshot, loads)?;
    if !imports.is_empty() {
        return Ok(imports);
    }
    // The last variable that begins at or before an offset is the one it is in.
    let variable = |offset: u64| {
        let last = starts.partition_point(|(start, _)| *start <= offset).checked_sub(1)?;
        starts.get(last).map(|(_, name)| (*name).to_owned())
    };
    let found = verdict::beyond_plain_within(&pickle, &snapshot.budget()).into_iter();
    Ok(found.map(|(offset, what)| Requirement { variable: variable(offset), what: vec![what] }).collect())
}

/// What any other pickle needs.
pub(crate) fn of_pickle(bytes: &[u8]) -> Vec<Requirement> {
    let what: Vec<String> = verdict::beyond_plain(bytes).into_iter().map(|(_, what)| what).collect();
    if what.is_empty() { Vec::new() } else { vec![Requirement { variable: None, what }] }
}

/// The input of the check: everything that will be fed to the unpickler, as one pickle.
pub(super) struct Judged<'v> {
    pub(super) pickle: Vec<u8>,
    /// The offset in `pickle` at which the value of each variable begins, with its name.
    starts: Vec<(u64, &'v str)>,
    /// The globals that variables look up and that are not allowed.
    imports: Vec<Requirement>,
}

pub(super) fn judged<'v>(
    snapshot: &Snapshot,
    loads: &[(&VariableSegment<'v>, &Load)],
) -> Result<Judged<'v>, ReadError> {
    let file = snapshot.bytes()?;
    let cut_short = || ReadError::CutShort { at: file.len() as u64 };
    // The same sequence that the loader feeds, with None for the module, as in every guarded load.
    let (mut sequence, module_slot) = LoadSequence::start(true);
    let mut inputs = JoinedInputs::new(file);
    inputs.push(&module_slot).ok_or_else(cut_short)?;
    let (mut starts, mut imports) = (Vec::new(), Vec::new());
    for (segment, load) in loads {
        let variable = segment.variable();
        let mut range = 0..0;
        for input in sequence.inputs(segment, load) {
            range = inputs.push(&input).ok_or_else(cut_short)?;
        }
        let start = range.start as u64;
        let opcodes = inputs.opcodes().get(range).unwrap_or_default();
        let what = match load {
            Load::Nothing => continue,
            Load::Whole => {
                sequence.filled_by(variable);
                beyond_allowed(opcodes, variable.memo)
            }
            // These opcodes are made here: they fill slots of this variable only, and these have been counted.
            Load::Objects(_) => imports_beyond_allowed(opcodes, variable.memo.1),
        };
        starts.push((start, variable.name.as_str()));
        if !what.is_empty() {
            imports.push(Requirement { variable: Some(variable.name.clone()), what });
        }
    }
    Ok(Judged { pickle: inputs.finish(), starts, imports })
}

/// The imports of a variable that are not allowed, and whether it fills other memo slots than the index says.
///
/// A variable that is lost during the load has its slots filled by what the index says. If that were wrong, later
/// variables would find other objects there than the ones that were judged.
fn beyond_allowed(value: &[u8], memo: (u64, u64)) -> Vec<String> {
    match scan_segment(value, memo.0) {
        Ok(facts) if facts.memo != memo || writes_numbered_slots(value) => {
            vec!["other memo slots than its index says".to_owned()]
        }
        _ => imports_beyond_allowed(value, memo.0),
    }
}

/// The imports of opcodes before which all slots up to `filled` are filled, as far as they are not allowed.
fn imports_beyond_allowed(opcodes: &[u8], filled: u64) -> Vec<String> {
    match scan_segment(opcodes, filled) {
        Ok(facts) => facts.imports.iter().filter_map(|import| unwanted(import)).collect(),
        Err(error) => vec![format!("opcodes that cannot be followed ({error})")],
    }
}

/// Whether opcodes write memo slots by number, which could be slots of other variables. snapcli's pickler only writes
/// MEMOIZE.
fn writes_numbered_slots(value: &[u8]) -> bool {
    let ops = Parser::segment(value, 0).map_while(Result::ok);
    ops.filter(|op| op.opcode.memo() == MemoUse::Writes).any(|op| op.opcode != Opcode::Memoize)
}

/// An import as the index has it (`module name`), unless it is on the allow-list.
fn unwanted(import: &str) -> Option<String> {
    let (module, name) = import.split_once(' ').unwrap_or((import, ""));
    let (new_module, new_name) = known::current_name(module, name);
    // `_import_module` is judged with its argument by the verdict.
    let wanted = untrusted::may_load(new_module, new_name) || untrusted::imports_module(module, name);
    (!wanted).then(|| format!("{module}.{name}"))
}
