//! `snapcli verify`: whether a file is what was saved, and which of its variables are whole.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Result;

use super::Talk;
use super::open::{open, or_code};
use super::progress::Progress;
use crate::exit;
use crate::report;
use crate::report::answer::Format;
use crate::report::verify::{Answer, text};
use crate::snapshot::index::SCHEMA;
use crate::snapshot::reader::{ReadError, Snapshot};
use crate::snapshot::verify::{Verified, verify};

/// What was asked.
pub struct Options {
    /// JSON, not text.
    pub json: bool,
    /// The file.
    pub file: PathBuf,
}

/// Checks a file and prints what was found.
pub fn run(options: &Options, talk: Talk) -> Result<i32> {
    let file = options.file.display().to_string();
    let checked = open(&options.file).and_then(|snapshot| check(&snapshot, talk));
    let (format, bytes, verified) = match checked {
        // Of what cannot be read nothing can be said.
        Err(error @ (ReadError::Open(_) | ReadError::Io(_) | ReadError::Folder)) => {
            return or_code(Err(error), || format!("cannot verify {file}"));
        }
        Err(error) => (None, None, Verified::unopened(&error)),
        Ok((format, bytes, verified)) => (Some(format), Some(bytes), verified),
    };
    let whole = verified.is_whole();
    if talk != Talk::Quiet {
        let answer = Answer { schema: SCHEMA, file, format, bytes, whole, verified };
        let out = &mut io::BufWriter::new(io::stdout());
        if options.json {
            report::json(out, &answer)?
        } else {
            text(out, &answer)?
        }
        out.flush()?;
    }
    Ok(if whole { exit::DONE } else { exit::DAMAGED })
}

fn check(snapshot: &Snapshot, talk: Talk) -> Result<(Format, u64, Verified), ReadError> {
    let progress = Progress::bytes("checking", snapshot.stream_len(), talk);
    let verified = verify(snapshot, &|bytes| progress.advance(bytes))?;
    Ok((Format::of(snapshot)?, snapshot.file_len(), verified))
}
