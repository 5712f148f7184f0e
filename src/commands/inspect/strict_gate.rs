//! `inspect --strict FILE` as a gate: which files a script may load after it has asked.
//!
//! A file passes if `restore` would load it without a question: it builds plain data, or is signed with the user's key.
//! `--allow` accepts more. A verdict follows the pickle, and `restore` follows the index of a snapshot, so a snapshot
//! must also be intact: the index must be right about the pickle.

use anyhow::Result;

use super::inspect_output::InspectOutput;
use crate::cli::AllowedVerdict;
use crate::exit::{self, OrExit};
use crate::pickle::verdict::{Verdict, VerdictClass};
use crate::snapshot::reader::{Contents, Snapshot};
use crate::snapshot::verification::{verify, work_of};
use crate::ui::escape;
use crate::ui::messages::print_line;
use crate::ui::progress::DelayedBar;

/// The exit code for a file: 4 if it is a snapshot that is damaged, whatever its bytes seem to do, or whose index is
/// wrong about plain data; otherwise 5 if it does more than is allowed, and 4 if that is unknown because it is too
/// large.
pub(super) fn exit_code(
    inspection: &InspectOutput,
    snapshot: &Snapshot,
    verdict: Option<&Verdict>,
    file: &str,
) -> Result<i32> {
    // Without a verdict, nothing is known about the file.
    let class = verdict.map_or(VerdictClass::Dangerous, |verdict| verdict.class);
    let is_allowed = class <= worst_allowed(&inspection.args.allow);
    let is_own = snapshot.is_signed_by_user();
    let is_refused = !is_allowed && !is_own;
    let is_damaged = match is_refused {
        // Damaged opcodes may seem to do anything: damage is the cause, and the verdict its effect.
        true => verdict.is_some_and(Verdict::is_about_index) || has_wrong_hashes(inspection, snapshot, file)?,
        false => !is_intact(inspection, snapshot, file, is_own)?,
    };
    if is_damaged {
        let file = escape(file);
        print_line(&format!("{file} is damaged: run `snapcli verify` for details"));
        return Ok(exit::DAMAGED);
    }
    Ok(match class {
        _ if !is_refused => exit::DONE,
        VerdictClass::NotJudged => exit::DAMAGED,
        _ => exit::UNTRUSTED,
    })
}

/// The same where the verdict is not shown: a message says why the file does not pass.
pub(super) fn exit_code_of_tree(
    inspection: &InspectOutput,
    snapshot: &Snapshot,
    verdict: Option<&Verdict>,
    file: &str,
) -> Result<i32> {
    let code = exit_code(inspection, snapshot, verdict, file)?;
    if let Some(verdict) = verdict.filter(|verdict| code != exit::DONE && verdict.class != VerdictClass::Plain) {
        let (file, class) = (escape(file), verdict.class);
        let (name, words) = (class.name(), class.words());
        print_line(&format!(
            "{file} does not pass --strict: verdict: {name}: {words} (see `snapcli inspect --verdict`)"
        ));
    }
    Ok(code)
}

fn worst_allowed(allow: &[AllowedVerdict]) -> VerdictClass {
    match allow.iter().max() {
        None => VerdictClass::Plain,
        Some(AllowedVerdict::Code) => VerdictClass::Code,
        Some(AllowedVerdict::Calls) => VerdictClass::Calls,
    }
}

/// Whether a snapshot is what its index says; a pickle without an index has nothing to compare.
fn is_intact(inspection: &InspectOutput, snapshot: &Snapshot, file: &str, is_own: bool) -> Result<bool> {
    if let Contents::Foreign { lost_index } = snapshot.contents() {
        // Without its index, nothing proves the bytes of a snapshot.
        return Ok(!lost_index);
    }
    if is_own {
        // The hashes prove what was signed, however large it is.
        return Ok(!has_wrong_hashes(inspection, snapshot, file)?);
    }
    let bar = DelayedBar::bytes("checking", work_of(snapshot), inspection.verbosity);
    let verified = verify(snapshot, &|bytes| bar.advance(bytes));
    Ok(verified.or_exit(exit::DAMAGED, || format!("cannot inspect {}", escape(file)))?.is_whole())
}

/// Whether the bytes of a snapshot are not those that its index has the hashes of; a pickle without an index has none.
fn has_wrong_hashes(inspection: &InspectOutput, snapshot: &Snapshot, file: &str) -> Result<bool> {
    if let Contents::Foreign { .. } = snapshot.contents() {
        return Ok(false);
    }
    let bar = DelayedBar::bytes("checking", snapshot.stream_len(), inspection.verbosity);
    let damage = snapshot.damage(&|bytes| bar.advance(bytes));
    Ok(!damage.or_exit(exit::DAMAGED, || format!("cannot inspect {}", escape(file)))?.is_none())
}
