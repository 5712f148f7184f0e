//! `snapcli verify`: whether a file is intact, and which of its variables are.

use anyhow::Result;

use super::input_output::{is_stdio, or_exit_code, print_report, read_piped};
use super::stores::questions;
use crate::cli::VerifyArgs;
use crate::exit;
use crate::report::answers::{VerifyAnswer, absolute_path};
use crate::report::verify_report::{VerifyReport, write_text};
use crate::snapshot::reader::ReadError;
use crate::snapshot::store::{StoreAddress, mark_damage_of};
use crate::snapshot::system::map_large_blocks;
use crate::snapshot::verification::FileInput;
use crate::ui::Verbosity;
use crate::ui::progress::DelayedBar;

/// Checks a file and prints the result.
pub(crate) fn run_command(args: &VerifyArgs, verbosity: Verbosity) -> Result<i32> {
    map_large_blocks();
    if StoreAddress::is_whole_store(&args.file) {
        if args.memory.max_memory.is_some() {
            verbosity.note("note: --max-memory has no effect: a whole store is checked by its hashes alone");
        }
        return questions::verify(&args.file, args.json, verbosity);
    }
    let file = args.file.display().to_string();
    let report = or_exit_code(check(args, &file, verbosity), &args.file, || format!("cannot verify {file}"))?;
    if !report.whole {
        // That the next save writes them again: a store may be read-only.
        let _ = mark_damage_of(&args.file);
    }
    let answer = args.json.then(|| VerifyAnswer::of(&report, Some(absolute_path(&args.file))));
    print_report(&report, answer.as_ref(), write_text, verbosity)?;
    Ok(if report.whole { exit::DONE } else { exit::DAMAGED })
}

fn check(args: &VerifyArgs, file: &str, verbosity: Verbosity) -> Result<VerifyReport, ReadError> {
    let input = match is_stdio(&args.file) {
        false => FileInput::Path(args.file.clone()),
        true => FileInput::Bytes(read_piped(args.memory.max_memory)?),
    };
    let begin = |total| -> Box<dyn Fn(u64) + Sync> {
        let bar = DelayedBar::bytes("checking", total, verbosity);
        Box::new(move |bytes| bar.advance(bytes))
    };
    let what = format!("checking {file}");
    let _step = verbosity.step(&what);
    VerifyReport::of(file.to_owned(), &input, args.memory.max_memory, &begin)
}
