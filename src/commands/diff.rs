//! `snapcli diff`: what changed between two files.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::Talk;
use super::open::{open, or_code};
use super::progress::Progress;
use crate::exit::{self, OrExit};
use crate::report;
use crate::report::changes::{Answer, text};
use crate::snapshot::changes::changes;
use crate::snapshot::index::SCHEMA;
use crate::snapshot::reader::Snapshot;

/// What was asked.
pub struct Options {
    /// JSON, not text.
    pub json: bool,
    /// The first file.
    pub before: PathBuf,
    /// The second file.
    pub after: PathBuf,
}

/// Compares two files and prints what changed.
pub fn run(options: &Options, talk: Talk) -> Result<i32> {
    let paths = [options.before.as_path(), options.after.as_path()];
    if paths == [Path::new("-"); 2] {
        return Err(exit::error(exit::USAGE, "only one of the two files can be standard input"));
    }
    let open = |path: &Path| or_code(open(path), || cannot(path));
    let (before, after) = (open(&options.before)?, open(&options.after)?);
    let changes = compare(&before, &after, talk).or_else(|(place, error)| {
        let path = paths.get(place).copied().unwrap_or(Path::new(""));
        Err(error).or_exit(exit::DAMAGED, || cannot(path))
    })?;
    let [before, after] = paths.map(|path| path.display().to_string());
    let same = changes.changes.is_empty();
    if talk != Talk::Quiet {
        let answer = Answer { schema: SCHEMA, before, after, same, changes };
        let out = &mut io::BufWriter::new(io::stdout());
        if options.json {
            report::json(out, &answer)?
        } else {
            text(out, &answer)?
        }
        out.flush()?;
    }
    Ok(if same { exit::DONE } else { exit::FAILED })
}

fn cannot(path: &Path) -> String {
    format!("cannot compare {}", path.display())
}

fn compare(
    before: &Snapshot,
    after: &Snapshot,
    talk: Talk,
) -> Result<crate::snapshot::changes::Changes, crate::snapshot::changes::Failed> {
    let progress = Progress::bytes("comparing", before.stream_len().saturating_add(after.stream_len()), talk);
    changes(before, after, &|bytes| progress.advance(bytes))
}
