//! The effects that a file of joblib's has in unpicklers other than today's joblib.
//!
//! The bytes of an array lie between the opcodes. joblib since 1.2 and snapcli skip a length, padding of that many
//! bytes 0xff, and the array; the machine rejects any other padding. Two kinds of readers continue elsewhere, and so
//! may execute bytes that are data to us:
//! * joblib before 1.2 knows no padding. It takes the length and the padding for the first bytes of the array, and goes
//!   on before the last ones, at most 17. Their last opcode can swallow what follows and lead anywhere, or leave
//!   something on the stack that later opcodes use; so judging these bytes alone is not enough.
//! * Any other unpickler goes on right after the BUILD. The length is no opcode, so it ends there if the array is
//!   padded; without padding, it executes the array, and an array of objects with the memo of the whole file.
//!
//! So the machine follows the file once more as each of them, until it fails, and everything that was called, imported
//! or changed until then is judged. The effects before the first array, which are the same for every reader, are known
//! already. Bytes of honest arrays end such a run soon: most of them are no opcodes. An honest array of objects ends
//! it, too: the first GET of numpy's pickle has the name of the module of `dtype`, but finds something else in the memo
//! of the file.

use std::collections::HashSet;

use super::judge::Judge;
use super::{Finding, VerdictClass};
use crate::pickle::explain::labels::Labels;
use crate::pickle::format::opcode::Opcode;
use crate::pickle::format::parse::ParseError;
use crate::pickle::machine::value::{CallKind, Leaf, Node, NodeKind, Ref, Value};
use crate::pickle::machine::{ArrayReader, Machine, MachineError, RawArray};

/// A frame that is longer than the file ends a reader in Python only if there is no memory for it.
const MAX_FRAME: u64 = 1 << 40;
/// The names of the readers.
const OLD_JOBLIB: &str = "joblib before 1.2";
const PLAIN: &str = "pickle.load";

/// The effects that other readers have after the first array, besides building plain data, with the reader's name.
pub(super) fn findings(bytes: &[u8], machine: &Machine<'_>, depth: usize) -> Vec<(&'static str, Finding)> {
    let Some(first) = machine.raw().first() else { return Vec::new() };
    let mut readers = vec![(ArrayReader::Plain, PLAIN, first.from)];
    // Before the first padding, they do the same as joblib.
    if let Some(padded) = machine.raw().iter().find(|raw| !raw.is_pickle && raw.start > raw.from) {
        readers.push((ArrayReader::OldJoblib, OLD_JOBLIB, padded.from));
    }
    let mut found = Vec::new();
    for (reader, name, from) in readers {
        let budget = machine.shared_budget().rest();
        let (run, end) = Machine::run_as(reader, bytes, &budget);
        let mut judge = Judge::of_plain(depth, &budget);
        judge.judge_opcodes(&Labels::new(&run));
        let last = first_failure(&run).unwrap_or(u64::MAX);
        let known = if name == PLAIN { done_by_all(bytes, machine, depth) } else { HashSet::new() };
        let misread = misread_dtypes(&run, machine.raw());
        let counts = |finding: &Finding| {
            finding.class != VerdictClass::Plain
                && (from..last).contains(&finding.offset)
                && !misread.contains(&finding.offset)
                && !known.contains(&(finding.offset, finding.class, finding.callee.clone()))
        };
        let end = end.and_then(|end| beyond_end(bytes, &end, from));
        let all = judge.verdict().findings.into_iter().chain(end);
        found.extend(all.filter(counts).map(|finding| (name, finding)));
    }
    found
}

/// The effects of any reader in the first array of objects, which is a pickle: offset, class and callee of each
/// finding. The other readers do not get beyond its STOP.
fn done_by_all(bytes: &[u8], machine: &Machine<'_>, depth: usize) -> HashSet<(u64, VerdictClass, String)> {
    let contents = machine.raw().iter().find(|raw| raw.is_pickle).and_then(|raw| {
        let range = usize::try_from(raw.start).ok()?..usize::try_from(raw.end).ok()?;
        Some((raw.start, bytes.get(range)?))
    });
    let Some((start, contents)) = contents else { return HashSet::new() };
    let mut judge = Judge::of_plain(depth, &machine.shared_budget().rest());
    if judge.run(contents).is_err() {
        return HashSet::new();
    }
    let found = judge.verdict().findings.into_iter();
    found.map(|finding| (start.saturating_add(finding.offset), finding.class, finding.callee)).collect()
}

/// The offsets at which a reader looks up a `dtype` in an array of objects, in the module that some other string of the
/// file names, and at which it uses the result. There is no such module in honest files, so the reader ends here; as a
/// hostile file may name one that exists, all other things that the reader would do count.
fn misread_dtypes(run: &Machine<'_>, arrays: &[RawArray]) -> HashSet<u64> {
    let is_misread = |node: &Node| {
        let [module, name] = node.items[..] else { return false };
        let array = arrays.iter().find(|raw| raw.is_pickle && (raw.start..raw.end).contains(&node.start()));
        let within = |value: Ref, start: u64| run.start(run.resolve(value)) >= start;
        let is_dtype = matches!(run.value(name), Value::Leaf(Leaf::Str(name)) if name.as_str() == Some("dtype"));
        is_dtype && array.is_some_and(|raw| within(name, raw.start) && !within(module, raw.start))
    };
    let mut misread = HashSet::new();
    let mut offsets = HashSet::new();
    for (index, node) in run.nodes().iter().enumerate() {
        let is_one = match node.kind {
            NodeKind::Global => is_misread(node),
            NodeKind::Call(_) => node.items.first().is_some_and(|callee| misread.contains(&run.resolve(*callee))),
            _ => false,
        };
        if is_one {
            misread.insert(Ref::node(index));
            // For a value that is memoized at once, it is the offset of the opcode after it.
            offsets.extend([node.end().saturating_sub(1), node.end()]);
        }
    }
    offsets
}

/// Where an unpickler would fail although the machine continues: it can neither look up a global whose name is no
/// string, nor call a string or an array, and it has no registry of extensions and no `persistent_load`.
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

/// The effect of the opcode that ends a run in readers that do not check the end of the file as we do.
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
