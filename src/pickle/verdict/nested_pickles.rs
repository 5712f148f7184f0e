//! Other pickles than the one that is judged: in the bytes of joblib's arrays, after it in the same file, and in the
//! argument of `pickle.loads`.

use std::collections::HashSet;

use super::judge::Judge;
use super::{VerdictClass, other_readers};
use crate::pickle::format::opcode::CodeRun;
use crate::pickle::format::parse::Parser;
use crate::pickle::machine::Machine;

/// How many pickles within one another are analysed.
pub(super) const MAX_NESTED: usize = 8;
/// How many pickles, one after the other in a file, are analysed.
const MAX_IN_FILE: usize = 64;

impl Judge {
    /// Judges the bytes of joblib's arrays, which are between the opcodes; an array of objects is a pickle.
    pub(super) fn array_contents(&mut self, bytes: &[u8], machine: &Machine<'_>) {
        for raw in machine.raw() {
            let range = usize::try_from(raw.start).ok().zip(usize::try_from(raw.end).ok());
            let contents = range.and_then(|(start, end)| bytes.get(start..end)).unwrap_or_default();
            if !raw.is_pickle {
                continue;
            }
            // joblib loads it by `pickle.load`, which knows nothing of wrappers.
            let mut inner = Judge::of_plain(self.depth + 1, &self.budget);
            let memory = self.budget.memory_left();
            let ran = inner.run(contents).map(drop);
            self.budget.restore(memory);
            match ran {
                Ok(()) => self.take(inner, raw.start, "in a pickle within an array: "),
                Err(error) => {
                    let why = format!("cannot be analysed: {error}");
                    self.note(VerdictClass::Dangerous, raw.start, "a pickle within an array", "", &why)
                }
            };
        }
    }

    /// Judges the effects that the bytes of arrays have in readers other than today's joblib, besides their effects in
    /// all readers.
    pub(super) fn other_readers(&mut self, bytes: &[u8], machine: &Machine<'_>) {
        let known: HashSet<(VerdictClass, String)> =
            self.findings.iter().map(|finding| (finding.class, finding.callee.clone())).collect();
        for (reader, finding) in other_readers::findings(bytes, machine, self.depth + 1) {
            if !known.contains(&(finding.class, finding.callee.clone())) {
                let why = format!("in {reader}, which takes the bytes of an array for opcodes: {}", finding.why);
                self.note(finding.class, finding.offset, &finding.callee, &finding.arguments, &why);
            }
        }
    }

    /// Judges the pickles after the first one, from `end` on: some programs load one after the other.
    pub(super) fn following_pickles(&mut self, bytes: &[u8], end: u64) {
        let mut end = usize::try_from(end).unwrap_or(usize::MAX);
        for _ in 0..MAX_IN_FILE {
            let rest = bytes.get(end..).unwrap_or_default();
            if rest.is_empty() {
                return;
            }
            // A separate judge, because a second load starts with an empty memo.
            let mut judge = Judge::new(self.depth + 1, &self.budget);
            let memory = self.budget.memory_left();
            let ran = judge.run(rest).map(|(machine, _)| machine.end());
            self.budget.restore(memory);
            match ran {
                Ok(length) => {
                    self.take(judge, end as u64, "in a pickle that follows the first: ");
                    end = end.saturating_add(usize::try_from(length).unwrap_or(usize::MAX));
                }
                Err(_) => return self.broken_pickle(rest, end as u64),
            }
        }
        let why = "has more pickles in a row than snapcli analyses";
        self.note(VerdictClass::Dangerous, end as u64, "the file", "", why);
    }

    /// Bytes after a pickle that are none themselves do not matter, unless a load would call something before it fails.
    fn broken_pickle(&mut self, bytes: &[u8], offset: u64) {
        let ops = Parser::new(bytes).map_while(Result::ok);
        let mut calls = ops.filter(|op| matches!(op.opcode.runs(), CodeRun::Call | CodeRun::LookupAndCall));
        // Old protocols have no PROTO, but without this condition almost any trailing bytes would be suspicious.
        if bytes.starts_with(b"\x80") && calls.next().is_some() {
            let why = "follows the first and cannot be analysed";
            self.note(VerdictClass::Dangerous, offset, "a pickle", "", why);
        }
    }
}
