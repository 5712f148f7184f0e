//! Pickles beside the one that is judged: in the bytes of joblib's arrays, after it in the same file, and in the
//! argument of `pickle.loads`.

use super::VerdictClass;
use super::judge::Judge;
use crate::pickle::format::opcode::{CodeRun, Opcode};
use crate::pickle::format::parse::Parser;
use crate::pickle::machine::{Machine, RawArray};
use crate::pickle::passes::stack_check::StackCheck;

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
                if runs_elsewhere(bytes, raw) {
                    let why = "would run as opcodes in an unpickler other than joblib's";
                    self.note(VerdictClass::Dangerous, raw.start, "the bytes of an array", "", why);
                }
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

    /// Judges the pickles after the first one, from `end` on: some programs load one after the other.
    pub(super) fn following_pickles(&mut self, bytes: &[u8], end: u64) {
        let mut end = usize::try_from(end).unwrap_or(usize::MAX);
        for _ in 0..MAX_IN_FILE {
            let rest = bytes.get(end..).unwrap_or_default();
            if rest.is_empty() {
                return;
            }
            // A judge of its own, because a second load starts with an empty memo.
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

/// The most opcodes that are followed at the end of a padded array. Data that is no pickle ends sooner.
const MAX_OPCODES: usize = 10_000;

/// Whether other unpicklers than today's joblib would execute bytes of an array, and call something.
pub(in crate::pickle) fn runs_elsewhere(bytes: &[u8], raw: &RawArray) -> bool {
    let range = usize::try_from(raw.start).ok().zip(usize::try_from(raw.end).ok());
    let executed = range.and_then(|(start, end)| match raw.start - raw.from {
        0 => Some((bytes.get(start..end)?, usize::MAX)),
        // Any other unpickler fails at the padding and never reads these bytes. But joblib before 1.2 knows no padding:
        // it takes it for the first bytes of the array, and goes on with opcodes before the last ones.
        padding => Some((bytes.get(end.saturating_sub(usize::try_from(padding).ok()?)..end)?, MAX_OPCODES)),
    });
    !raw.is_pickle && executed.is_some_and(|(executed, most)| calls_something(executed, most))
}

/// Whether bytes that are meant to be data are opcodes that find something and call it, or more than `most` opcodes.
fn calls_something(bytes: &[u8], most: usize) -> bool {
    // The array's wrapper is on the stack, and any memo slot may be filled.
    let mut balance = StackCheck::new(1, u64::from(u32::MAX));
    let ops = Parser::new(bytes).map_while(Result::ok);
    let mut has_callable = false;
    for (number, op) in ops.take_while(|op| balance.step(op).is_ok()).enumerate() {
        match op.opcode {
            _ if number >= most => return true,
            Opcode::Inst => return true,
            Opcode::Global | Opcode::StackGlobal | Opcode::Get | Opcode::BinGet | Opcode::LongBinGet => {
                has_callable = true;
            }
            Opcode::Reduce | Opcode::Obj | Opcode::NewObj | Opcode::NewObjEx if has_callable => return true,
            _ => {}
        }
    }
    false
}
