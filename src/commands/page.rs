//! Where `inspect --html` writes its page.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::exit::{self, OrExit};
use crate::report::answer::Answer;
use crate::report::html;
use crate::snapshot::atomic::AtomicFile;

/// Finds out before anything runs whether a page can be written there. The path is absolute then: a script may change
/// its working folder. `-` stays standard output.
pub(super) fn place(path: &Path) -> Result<PathBuf> {
    if path == Path::new("-") {
        return Ok(path.to_path_buf());
    }
    let path = std::path::absolute(path).with_context(|| format!("cannot find the folder of {}", path.display()))?;
    AtomicFile::create(&path).or_exit(exit::USAGE, || failure(&path))?;
    Ok(path)
}

/// Writes the page of an answer, whole or not at all.
pub(super) fn write(out: &mut dyn Write, path: &Path, answer: &Answer) -> Result<()> {
    if path == Path::new("-") {
        return Ok(html::page(out, answer)?);
    }
    let written = || -> Result<()> {
        let mut file = AtomicFile::create(path)?;
        html::page(&mut file, answer)?;
        Ok(file.commit()?)
    };
    written().with_context(|| failure(path))
}

fn failure(path: &Path) -> String {
    format!("cannot write the page to {}", path.display())
}
