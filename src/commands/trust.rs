//! `snapcli trust`: signs a snapshot from someone else with the user's own key.
//!
//! The file is checked first, as `snapcli verify` does: a signature covers the hashes in the file, so it means nothing
//! for contents that do not match them.

use std::io::{self, Write};
use std::path::Path;

use anyhow::{Context, Result};

use super::answer_output::print_answer;
use super::input_output::{is_stdio, or_exit_code, stdout, stdout_style};
use super::operand_order::shell_word;
use crate::cli::TrustArgs;
use crate::exit::{self, OrExit};
use crate::pickle::verdict::{Verdict, VerdictClass};
use crate::report::answers::{TrustAnswer, absolute_path};
use crate::report::table::TableStyle;
use crate::report::verdict_text::write_verdict;
use crate::snapshot::atomic::AtomicFile;
use crate::snapshot::reader::{Contents, Snapshot};
use crate::snapshot::signature::SigningKey;
use crate::snapshot::system::map_large_blocks;
use crate::snapshot::verification::{verify, work_of};
use crate::ui::Verbosity;
use crate::ui::messages::print_lines;
use crate::ui::progress::DelayedBar;
use crate::ui::prompt::{can_ask, confirm};

/// Checks a file, shows what loading it would do, asks, and signs it.
pub(crate) fn run_command(args: &TrustArgs, verbosity: Verbosity) -> Result<i32> {
    map_large_blocks();
    if is_stdio(&args.file) {
        let text = "standard input cannot be signed: save what arrives to a file first";
        return Err(exit::error(exit::USAGE, text));
    }
    let file = args.file.display().to_string();
    let name = file.as_str();
    let opened = Snapshot::open(&args.file)
        .map(|snapshot| snapshot.with_max_memory(args.memory.max_memory))
        .and_then(Snapshot::followed);
    let snapshot = or_exit_code(opened, &args.file, || format!("cannot sign {name}"))?;
    if let Contents::Foreign { .. } = snapshot.contents() {
        return Err(cannot_be_signed(&snapshot, name));
    }
    // Before the question: the user must not be asked about a file that cannot be signed.
    check_intact(&snapshot, name, verbosity)?;
    // This creates a key if there is none, so it comes after all checks of the file.
    let key = SigningKey::existing_or_new().or_exit(exit::FAILED, || "no key to sign with".to_owned())?;
    if snapshot.is_signed_by(&key) {
        verbosity.note(&format!("{name} is already signed with your key"));
        return done(args, TrustAnswer::was_signed);
    }
    let verdict = snapshot.verdict(true).or_exit(exit::DAMAGED, || format!("cannot inspect {name}"))?;
    // It must be on the screen before the question.
    if !args.yes || verbosity != Verbosity::Quiet {
        show_verdict(verdict.as_ref(), args)?;
    }
    if !args.yes {
        if !can_ask() {
            return Err(exit::error(exit::USAGE, "stdin is not a terminal: pass --yes to sign without asking"));
        }
        if !confirm(&format!("sign {name} with your key, so that restore loads everything in it?"))? {
            return Err(exit::error(exit::UNTRUSTED, format!("{name} was not signed")));
        }
    }
    sign(&snapshot, &args.file, &key).with_context(|| format!("cannot sign {name}"))?;
    verbosity.note(&format!("signed {name} with your key"));
    done(args, |path| TrustAnswer::signed(path, verdict.as_ref()))
}

/// Prints the answer, if JSON was asked for.
fn done<'a>(args: &TrustArgs, answer: impl FnOnce(String) -> TrustAnswer<'a>) -> Result<i32> {
    if args.json {
        print_answer(&answer(absolute_path(&args.file)))?;
    }
    Ok(exit::DONE)
}

/// The advice for a pickle of another program.
fn cannot_be_signed(snapshot: &Snapshot, name: &str) -> anyhow::Error {
    let is_plain = matches!(snapshot.verdict(true), Ok(Some(Verdict { class: VerdictClass::Plain, .. })));
    let file = shell_word(name);
    let save = "-c 'import snapcli; snapcli.save(\"snapshot.pkl\")'";
    let details = match is_plain {
        true => vec![
            format!("it is plain data: `snapcli restore {file}` loads it without a signature"),
            format!("to make a snapshot of it: snapcli restore {file} {save}"),
        ],
        false => vec![
            format!("see what loading it would do: snapcli inspect --verdict {file}"),
            format!("to load it once, which runs all code in it: snapcli restore --trust {file}"),
            format!("to make a snapshot of it, which runs that code as well: snapcli restore --trust {file} {save}"),
        ],
    };
    let text = format!("{name} was not saved by snapcli, and only snapshots can be signed");
    anyhow::Error::new(exit::coded(exit::USAGE, text).with_details(details))
}

fn check_intact(snapshot: &Snapshot, name: &str, verbosity: Verbosity) -> Result<()> {
    let what = format!("checking {name}");
    let _step = verbosity.step(&what);
    let bar = DelayedBar::bytes("checking", work_of(snapshot), verbosity);
    let verified = verify(snapshot, &|bytes| bar.advance(bytes));
    let verified = verified.or_exit(exit::DAMAGED, || format!("cannot sign {name}"))?;
    if verified.is_whole() {
        return check_proven(snapshot, name);
    }
    Err(exit::error(exit::DAMAGED, format!("{name} is damaged: run `snapcli verify` for details")))
}

/// A signature makes the index believed, so it must agree with the opcodes, and these must not be too large to tell.
fn check_proven(snapshot: &Snapshot, name: &str) -> Result<()> {
    let Contents::Own { index } = snapshot.contents() else { return Ok(()) };
    let facts = snapshot.proven_facts(index).or_exit(exit::DAMAGED, || format!("cannot sign {name}"))?;
    if facts.is_complete(index) {
        return Ok(());
    }
    let text = format!("cannot sign {name}: it is too large to compare its index with its pickle (see --max-memory)");
    Err(exit::error(exit::DAMAGED, text))
}

/// Shows what loading the file would do. With `--json`, on standard error: it is what the question is about.
fn show_verdict(verdict: Option<&Verdict>, args: &TrustArgs) -> Result<()> {
    let Some(verdict) = verdict else { return Ok(()) };
    if args.json {
        let mut text = Vec::new();
        write_verdict(&mut text, verdict, false, TableStyle::PLAIN)?;
        let text = String::from_utf8_lossy(&text).into_owned();
        print_lines(|lines| text.lines().try_for_each(|line| lines.line(line)));
        return Ok(());
    }
    let out = &mut io::BufWriter::new(stdout());
    write_verdict(out, verdict, false, stdout_style())?;
    out.flush().context("cannot write to standard output")
}

/// Replaces the file. Only the trailer changes, but a trailer written in place could be left half signed.
fn sign(snapshot: &Snapshot, path: &Path, key: &SigningKey) -> Result<()> {
    if snapshot.sign_stored(key)? {
        return Ok(());
    }
    let mut file = AtomicFile::create(path)?;
    // Dropping the file leaves the old one.
    if snapshot.write_signed(key, &mut file)? { Ok(file.commit()?) } else { Ok(()) }
}
