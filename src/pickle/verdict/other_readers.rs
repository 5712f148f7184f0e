//! What unpicklers other than today's joblib do with a file of joblib's.
//!
//! The bytes of an array lie between the opcodes. joblib since 1.2 and snapcli skip a length, padding of that many
//! bytes 0xff, and the array; the machine rejects any other padding. Two kinds of readers go on elsewhere, and so may
//! execute what is data to us:
//! * joblib before 1.2 knows no padding. It takes the length and the padding for the first bytes of the array, and goes
//!   on before the last ones, at most 17. Their last opcode can swallow what follows and lead anywhere, or leave
//!   something on the stack that later opcodes use; so judging these bytes alone is not enough.
//! * Any other unpickler goes on right after the BUILD. The length is no opcode, so it ends there if the array is
//!   padded; without padding, it executes the array, and an array of objects with the memo of the whole file.
//!
//! So the machine follows the file once more as each of them, until it could not go on, and all that was called,
//! imported or changed until then is judged. What every reader does before the first array is known already. Bytes of
//! honest arrays end such a run soon: most of them are no opcodes. From the first array of objects on, only what is
//! known to be dangerous counts: its own GETs find other strings in the memo of the file, and so look up other names.

use super::judge::Judge;
use super::{Finding, VerdictClass};
use crate::pickle::explain::labels::Labels;
use crate::pickle::format::opcode::Opcode;
use crate::pickle::format::parse::ParseError;
use crate::pickle::machine::value::{CallKind, Leaf, Node, NodeKind, Ref, Value};
use crate::pickle::machine::{ArrayReader, Machine, MachineError};

/// A frame that is longer than the file ends a reader in Python only if there is no memory for it.
const MAX_FRAME: u64 = 1 << 40;
/// In the reason of a finding about a name that is not known.
const UNRESOLVED: &str = "cannot be resolved";
/// The names of the readers.
const OLD_JOBLIB: &str = "joblib before 1.2";
const PLAIN: &str = "pickle.load";

/// What other readers do after the first array that is more than building plain data, with the reader's name.
pub(super) fn findings(bytes: &[u8], machine: &Machine<'_>, depth: usize) -> Vec<(&'static str, Finding)> {
    let Some(first) = machine.raw().first() else { return Vec::new() };
    let is_padded = machine.raw().iter().any(|raw| !raw.is_pickle && raw.start > raw.from);
    let mut readers = vec![(ArrayReader::Plain, PLAIN)];
    if is_padded {
        readers.push((ArrayReader::OldJoblib, OLD_JOBLIB));
    }
    let sure = machine.raw().iter().find(|raw| raw.is_pickle).map_or(u64::MAX, |raw| raw.start);
    let mut found = Vec::new();
    for (reader, name) in readers {
        let budget = machine.shared_budget().rest();
        let (run, end) = Machine::run_as(reader, bytes, &budget);
        let mut judge = Judge::of_plain(depth, &budget);
        judge.judge_opcodes(&Labels::new(&run));
        let last = first_failure(&run).unwrap_or(u64::MAX);
        let counts = |finding: &Finding| {
            let is_sure = finding.class == VerdictClass::Dangerous && !finding.why.contains(UNRESOLVED);
            finding.class != VerdictClass::Plain
                && (first.from..last).contains(&finding.offset)
                && (finding.offset < sure || is_sure)
        };
        let end = end.and_then(|end| beyond_end(bytes, &end, first.from));
        let all = judge.verdict().findings.into_iter().chain(end);
        found.extend(all.filter(counts).map(|finding| (name, finding)));
    }
    found
}

/// Where an unpickler would fail although the machine goes on: it can neither look up a global whose name is no string,
/// nor call a string or an array, and it has no registry of extensions and no `persistent_load`.
fn first_failure(run: &Machine<'_>) -> Option<u64> {
    let fails = |node: &&Node| match node.kind {
        NodeKind::Global => node.items.iter().any(|half| is_data(run, *half) && !is_string(run, *half)),
        NodeKind::Call(_) => node.items.first().is_some_and(|callee| is_data(run, *callee)),
        NodeKind::Persistent => true,
        _ => false,
    };
    let nodes = run.nodes().iter().filter(fails).map(|node| node.end().saturating_sub(1));
    let is_unknown =
        |at: &u64| matches!(run.value(Ref::leaf(*at)), Value::Leaf(Leaf::Extension(_) | Leaf::Persistent(_)));
    nodes.chain(run.looked_up().iter().copied().filter(is_unknown)).min()
}

fn is_string(run: &Machine<'_>, value: Ref) -> bool {
    matches!(run.value(value), Value::Leaf(Leaf::Str(_) | Leaf::OldStr(_)))
}

/// Whether a value is certainly a literal, a container or an array.
fn is_data(run: &Machine<'_>, value: Ref) -> bool {
    match run.value(value) {
        Value::Leaf(
            Leaf::Global(..) | Leaf::Earlier(_) | Leaf::Persistent(_) | Leaf::Extension(_) | Leaf::Inner(_),
        ) => false,
        Value::Leaf(_) => true,
        // The result of a call can be anything, but an instance of joblib's wrapper is only that.
        Value::Node(node @ Node { kind: NodeKind::Call(CallKind::NewObj), .. }) => run.is_wrapper(node),
        Value::Node(node) => !matches!(node.kind, NodeKind::Call(_) | NodeKind::Persistent | NodeKind::Global),
    }
}

/// What the opcode that ends a run does in readers that do not check the end of the file as we do.
fn beyond_end(bytes: &[u8], end: &MachineError, from: u64) -> Option<Finding> {
    let finding = |offset, callee: &str, why: &str| {
        let (callee, why) = (callee.to_owned(), why.to_owned());
        Finding { class: VerdictClass::Calls, offset, callee, arguments: String::new(), why, count: 1 }
    };
    match end {
        error if error.is_limit() => Some(finding(from, "the pickle", "cannot be analysed")),
        MachineError::Parse(ParseError::FrameBeyondEnd { at, missing, .. }) if *at >= from && *missing < MAX_FRAME => {
            Some(finding(*at, "a frame", "goes beyond the end of the file"))
        }
        // The module is imported before the name turns out to be cut.
        MachineError::Parse(ParseError::Truncated { at, opcode: Opcode::Global | Opcode::Inst, .. }) if *at >= from => {
            let line = bytes.get(usize::try_from(*at).ok()?.checked_add(1)?..)?.split(|byte| *byte == b'\n').next()?;
            let is_module = |byte: &u8| byte.is_ascii_alphanumeric() || b"._".contains(byte);
            let is_named = !line.is_empty() && line.iter().all(is_module);
            is_named.then(|| finding(*at, &format!("import {}", String::from_utf8_lossy(line)), "is looked up"))
        }
        _ => None,
    }
}
