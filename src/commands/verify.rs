//! `snapcli verify`: whether a file is intact, and which of its variables are.

use std::io::Read;
use std::path::Path;

use anyhow::Result;

use super::input_output::{is_stdio, or_exit_code, print_report};
use crate::cli::{MemoryArgs, VerifyArgs};
use crate::exit;
use crate::report::inspect_report::FileFormat;
use crate::report::verify_report::{VerifyReport, write_text};
use crate::snapshot::index::SCHEMA;
use crate::snapshot::reader::{ReadError, Snapshot};
use crate::snapshot::system::map_large_blocks;
use crate::snapshot::verification::{Verified, verify};
use crate::ui::Verbosity;
use crate::ui::progress::DelayedBar;

/// Checks a file and prints the result.
pub(crate) fn run_command(args: &VerifyArgs, verbosity: Verbosity) -> Result<i32> {
    map_large_blocks();
    let file = args.file.display().to_string();
    let input = Input::new(&args.file);
    let checked = input.map(|input| check(&input, args.memory, verbosity).map_err(|error| (error, input)));
    let (format, bytes, verified) = match checked {
        // The file could not be read, which says nothing about its contents.
        Err(error) | Ok(Err((error @ (ReadError::Open(_) | ReadError::Io(_) | ReadError::Folder), _))) => {
            return or_exit_code(Err(error), || format!("cannot verify {file}"));
        }
        // A file that is too large may be sound.
        Ok(Err((error, _))) if error.is_limit() => {
            return or_exit_code(Err(error), || format!("cannot verify {file}"));
        }
        // Damage that prevents opening the file is a result as well, not an error.
        Ok(Err((error, input))) => {
            // A bomb, say, is not decompressed a second time.
            let rest = error.leaves_something().then(|| input.open_partial(args.memory).ok()).flatten();
            (None, None, Verified::unopened(&error, rest.as_ref()))
        }
        Ok(Ok((format, bytes, verified))) => (Some(format), Some(bytes), verified),
    };
    let whole = verified.is_whole();
    let report = VerifyReport { schema: SCHEMA, file, format, bytes, whole, verified };
    print_report(&report, args.json, write_text, verbosity)?;
    Ok(if whole { exit::DONE } else { exit::DAMAGED })
}

fn check(
    input: &Input<'_>,
    memory: MemoryArgs,
    verbosity: Verbosity,
) -> Result<(FileFormat, u64, Verified), ReadError> {
    let snapshot = input.open()?.with_max_memory(memory.max_memory);
    let bar = DelayedBar::bytes("checking", snapshot.stream_len(), verbosity);
    let verified = verify(&snapshot, &|bytes| bar.advance(bytes))?;
    Ok((FileFormat::of(&snapshot)?, snapshot.file_len(), verified))
}

/// The file to check. It is opened a second time if it is damaged; a pipe can be read only once.
enum Input<'p> {
    File(&'p Path),
    Piped(Vec<u8>),
}

impl<'p> Input<'p> {
    fn new(path: &'p Path) -> Result<Self, ReadError> {
        if !is_stdio(path) {
            return Ok(Self::File(path));
        }
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes)?;
        Ok(Self::Piped(bytes))
    }

    fn open(&self) -> Result<Snapshot, ReadError> {
        match self {
            Self::File(path) => Snapshot::open(path),
            Self::Piped(bytes) => Snapshot::from_bytes(bytes.clone()),
        }
    }

    /// What `restore --partial` would open.
    fn open_partial(&self, memory: MemoryArgs) -> Result<Snapshot, ReadError> {
        let opened = match self {
            Self::File(path) => Snapshot::open_partial(path, memory.max_memory),
            Self::Piped(bytes) => Snapshot::partial_from_bytes(bytes, memory.max_memory),
        };
        opened.map(|(snapshot, _)| snapshot)
    }
}
