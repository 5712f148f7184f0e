//! `snapcli verify`: whether a file is intact, and which of its variables are.

use anyhow::Result;

use super::input_output::{open_snapshot, or_exit_code, print_report};
use crate::cli::VerifyArgs;
use crate::exit;
use crate::report::inspect_report::FileFormat;
use crate::report::verify_report::{VerifyReport, write_text};
use crate::snapshot::index::SCHEMA;
use crate::snapshot::reader::{ReadError, Snapshot};
use crate::snapshot::verification::{Verified, verify};
use crate::ui::Verbosity;
use crate::ui::progress::DelayedBar;

/// Checks a file and prints the result.
pub(crate) fn run_command(args: &VerifyArgs, verbosity: Verbosity) -> Result<i32> {
    let file = args.file.display().to_string();
    let checked = open_snapshot(&args.file).and_then(|snapshot| check(&snapshot, verbosity));
    let (format, bytes, verified) = match checked {
        // The file could not be read, which says nothing about its contents.
        Err(error @ (ReadError::Open(_) | ReadError::Io(_) | ReadError::Folder)) => {
            return or_exit_code(Err(error), || format!("cannot verify {file}"));
        }
        // Damage that prevents opening the file is a result as well, not an error.
        Err(error) => (None, None, Verified::unopened(&error)),
        Ok((format, bytes, verified)) => (Some(format), Some(bytes), verified),
    };
    let whole = verified.is_whole();
    let report = VerifyReport { schema: SCHEMA, file, format, bytes, whole, verified };
    print_report(&report, args.json, write_text, verbosity)?;
    Ok(if whole { exit::DONE } else { exit::DAMAGED })
}

fn check(snapshot: &Snapshot, verbosity: Verbosity) -> Result<(FileFormat, u64, Verified), ReadError> {
    let bar = DelayedBar::bytes("checking", snapshot.stream_len(), verbosity);
    let verified = verify(snapshot, &|bytes| bar.advance(bytes))?;
    Ok((FileFormat::of(snapshot)?, snapshot.file_len(), verified))
}
