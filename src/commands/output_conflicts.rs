//! Files that an output must not replace: the input of the command, another output, source files and snapshots. One
//! rule for all commands, checked before a script runs.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::input_output::is_stdio;
use crate::exit;
use crate::python::script_command::{ScriptCommand, ScriptTarget};
use crate::snapshot::file_names::{begins_like_pickle, has_snapshot_name};

/// An option that names a file which a command writes.
pub(super) struct OutputFile<'p> {
    /// The option, for messages.
    pub(super) option: &'static str,
    pub(super) path: &'p Path,
    /// Whether what is written is a snapshot, which may replace an older one.
    pub(super) is_snapshot: bool,
}

impl OutputFile<'_> {
    /// Refuses a file that must not be replaced. `others` are the files that the command reads, and those that it
    /// writes as well, with what they are.
    ///
    /// # Errors
    /// With exit code 2.
    pub(super) fn check(&self, others: &[(&Path, &str)]) -> Result<()> {
        if is_stdio(self.path) {
            return Ok(());
        }
        let found = fs::metadata(self.path).ok();
        // A pipe and `/dev/null` are not replaced.
        if found.as_ref().is_some_and(|found| !found.is_file()) {
            return Ok(());
        }
        let other = others.iter().find(|(other, _)| is_same(self.path, found.as_ref(), other));
        let what = match (other, found) {
            (Some((_, what)), _) => *what,
            (None, Some(found)) => match self.kind_of(&found) {
                Some(kind) => kind,
                None => return Ok(()),
            },
            (None, None) => return Ok(()),
        };
        let Self { option, path, .. } = self;
        let text =
            format!("{} is {what}, and {option} would replace it: choose another name for {option}", path.display());
        Err(exit::error(exit::USAGE, text))
    }

    /// What a file is, if it must not be replaced.
    fn kind_of(&self, found: &Metadata) -> Option<&'static str> {
        let is_snapshot = begins_like_pickle(self.path) || (has_snapshot_name(self.path) && found.len() > 0);
        match source_kind(self.path) {
            None if is_snapshot && !self.is_snapshot => Some("a snapshot or a pickle"),
            kind => kind,
        }
    }
}

/// Whether two paths name one file, which need not exist yet.
fn is_same(path: &Path, found: Option<&Metadata>, other: &Path) -> bool {
    match (found, fs::metadata(other)) {
        (Some(found), Ok(other)) => (found.dev(), found.ino()) == (other.dev(), other.ino()),
        (None, Err(_)) => resolved(path).is_some_and(|path| resolved(other).is_some_and(|other| path == other)),
        _ => false,
    }
}

/// The path of a file that does not exist, with the symlinks of its directory resolved.
fn resolved(path: &Path) -> Option<PathBuf> {
    let path = std::path::absolute(path).ok()?;
    Some(fs::canonicalize(path.parent()?).ok()?.join(path.file_name()?))
}

/// The kind of source file that a path names, by its extension.
fn source_kind(path: &Path) -> Option<&'static str> {
    let extension = path.extension()?;
    let is = |name: &&str| extension.eq_ignore_ascii_case(name);
    if ["py", "pyw", "pyi"].iter().any(is) {
        return Some("a Python script");
    }
    is(&"ipynb").then_some("a notebook")
}

/// The file of the script that a command runs, with what it is.
pub(super) fn script_file(command: Option<&ScriptCommand>) -> Option<(&Path, &'static str)> {
    match &command?.target {
        ScriptTarget::Script(script) => {
            Some((script, if source_kind(script) == Some("a notebook") { "a notebook" } else { "a Python script" }))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_output_replaces_no_source_and_no_input() -> std::io::Result<()> {
        let folder = tempfile::tempdir()?;
        let at = |name: &str| folder.path().join(name);
        for (name, bytes) in [("a.py", &b"x = 1"[..]), ("b.pkl", b"x"), ("c", b"\x80\x04."), ("d.json", b"{}")] {
            fs::write(at(name), bytes)?;
        }
        fs::write(at("empty.pkl"), b"")?;
        std::os::unix::fs::symlink(at("d.json"), at("link"))?;
        let refused = |name: &str, is_snapshot, others: &[&str]| {
            let others: Vec<PathBuf> = others.iter().map(|other| at(other)).collect();
            let others: Vec<(&Path, &str)> = others.iter().map(|other| (other.as_path(), "the input")).collect();
            OutputFile { option: "--report", path: &at(name), is_snapshot }.check(&others).is_err()
        };
        assert!(refused("a.py", false, &[]) && refused("a.py", true, &[]));
        assert!(refused("b.pkl", false, &[]) && !refused("b.pkl", true, &[]));
        assert!(refused("c", false, &[]) && !refused("c", true, &[]));
        assert!(!refused("d.json", false, &[]) && !refused("empty.pkl", false, &[]) && !refused("new.py", true, &[]));
        assert!(refused("d.json", true, &["c", "d.json"]) && refused("link", false, &["d.json"]));
        assert!(refused("new.pkl", false, &["new.pkl"]) && !refused("new.pkl", false, &["other.pkl"]));
        Ok(())
    }
}
