//! Where `inspect --html` writes its page: standard output, or a file that is written completely or not at all.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::commands::input_output::{absolute_path, is_stdio};
use crate::exit::{self, OrExit};
use crate::report::html;
use crate::report::inspect_report::SessionReport;
use crate::snapshot::atomic::AtomicFile;

/// Checks before anything runs that a page can be written to `path`, and returns the path in its absolute form.
pub(super) fn check(path: &Path) -> Result<PathBuf> {
    let path = absolute_path(path)?;
    if !is_stdio(&path) {
        AtomicFile::create(&path).or_exit(exit::USAGE, || cannot_write(&path))?;
    }
    Ok(path)
}

/// Writes the page of a report to `path`, or to `out` if that is `-`.
pub(super) fn write(out: &mut dyn Write, path: &Path, report: &SessionReport) -> Result<()> {
    if is_stdio(path) {
        return Ok(html::write_page(out, report)?);
    }
    let written = || -> Result<()> {
        let mut file = AtomicFile::create(path)?;
        html::write_page(&mut file, report)?;
        Ok(file.commit()?)
    };
    written().with_context(|| cannot_write(path))
}

fn cannot_write(path: &Path) -> String {
    format!("cannot write the page to {}", path.display())
}
