//! Keeps what a save or an export without `-o` would replace, if it is no older version of the same: `session.pkl`
//! becomes `session.1.pkl`, that becomes `session.2.pkl`, and so on up to three.
//!
//! A save of the same script with the same arguments replaces its own snapshot, an export an earlier one of the same
//! snapshot. The file itself is never absent: it gets a second name, and is then replaced under the first one.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::snapshot::index::{Index, ScriptInfo};
use crate::snapshot::reader::{Contents, Snapshot};

/// How many are kept.
const MOST: u32 = 3;

/// A snapshot that was kept under another name.
#[derive(Debug)]
pub(in crate::commands) struct KeptSnapshot {
    pub(in crate::commands) path: PathBuf,
    /// The command that made it, in words.
    made_by: String,
}

impl KeptSnapshot {
    /// Its path as it is shown to a user who named the file it was as `old`.
    pub(in crate::commands) fn path_beside(&self, old: &Path) -> String {
        let is_beside = old.canonicalize().is_ok_and(|old| old.parent() == self.path.parent());
        let name = self.path.file_name().filter(|_| is_beside && !old.is_symlink());
        name.map_or(self.path.clone(), |name| old.with_file_name(name)).display().to_string()
    }

    /// The note for the user. `old` and `kept` are the paths to show.
    pub(in crate::commands) fn note(&self, old: &str, kept: &str) -> String {
        format!("{old} was made by {}: it is now {kept} (-o names another file)", self.made_by)
    }
}

/// Keeps what is at `path` unless it is a snapshot that may be replaced.
///
/// # Errors
/// If it cannot be given another name. Nothing has been replaced then, except older generations by one another.
pub(in crate::commands) fn keep_other(
    path: &Path,
    may_be_replaced: impl Fn(&Index) -> bool,
) -> io::Result<Option<KeptSnapshot>> {
    // The names are beside the file itself, which can be given a second name only there.
    let Ok(path) = path.canonicalize() else { return Ok(None) };
    if !fs::metadata(&path).is_ok_and(|found| found.is_file() && found.len() > 0) {
        return Ok(None);
    }
    let made_by = match Snapshot::open(&path).as_ref().map(Snapshot::contents) {
        Ok(Contents::Own { index }) if may_be_replaced(index) => return Ok(None),
        Ok(Contents::Own { index }) => described(&index.script),
        // Whatever it is, the script did not make it.
        Ok(Contents::Foreign { .. }) | Err(_) => "another program".to_owned(),
    };
    for number in (1..MOST).rev() {
        let older = generation(&path, number + 1);
        match fs::rename(generation(&path, number), older) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    let kept = generation(&path, 1);
    give_second_name(&path, &kept)?;
    Ok(Some(KeptSnapshot { path: kept, made_by }))
}

/// Gives a file a second name, which another save may use at the same time: so it is never written under that name.
fn give_second_name(path: &Path, second: &Path) -> io::Result<()> {
    let passing = path.with_file_name(format!(".snapcli-kept-{}", std::process::id()));
    let _ = fs::remove_file(&passing);
    // Some file systems have no hard links.
    let named = fs::hard_link(path, &passing).or_else(|_| fs::copy(path, &passing).map(drop));
    let named = named.and_then(|()| fs::rename(&passing, second));
    // A rename to another name of the same file does nothing.
    let _ = fs::remove_file(&passing);
    named
}

/// `session.1.pkl` for `session.pkl`.
fn generation(path: &Path, number: u32) -> PathBuf {
    let extension = path.extension().unwrap_or(OsStr::new("pkl")).to_string_lossy().into_owned();
    path.with_extension(format!("{number}.{extension}"))
}

/// Whether the same script or code was run with the same arguments. The script may have been edited since.
pub(in crate::commands) fn is_same_run(old: &ScriptInfo, new: &ScriptInfo) -> bool {
    let arguments = |script: &ScriptInfo| script.argv.get(1..).unwrap_or_default().to_vec();
    // The path of `-c` says nothing about its code.
    let is_code = new.kind == "code";
    old.kind == new.kind
        && is_same_path(Path::new(&old.path), Path::new(&new.path))
        && arguments(old) == arguments(new)
        && (!is_code || old.blake3 == new.blake3)
}

/// Whether two absolute paths are the same: `/a/./b` is `/a/b`, and so is a symlink to it.
fn is_same_path(a: &Path, b: &Path) -> bool {
    a == b || matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

/// The command of a script, as it was typed.
fn described(script: &ScriptInfo) -> String {
    match (script.kind.as_str(), script.argv.as_slice()) {
        ("prompt", _) | (_, []) => "a prompt".to_owned(),
        ("code", [_, arguments @ ..]) => [&["-c …".to_owned()], arguments].concat().join(" "),
        ("module", [_, arguments @ ..]) => [&[format!("-m {}", script.path)], arguments].concat().join(" "),
        (_, [dash, arguments @ ..]) if dash == "-" => [&["standard input".to_owned()], arguments].concat().join(" "),
        (_, words) => words.join(" "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_the_same_with_the_same_arguments() {
        let run = |kind: &str, path: &str, blake3: &str, argv: &[&str]| ScriptInfo {
            kind: kind.to_owned(),
            path: path.to_owned(),
            blake3: blake3.to_owned(),
            argv: argv.iter().map(|word| (*word).to_owned()).collect(),
            ..ScriptInfo::default()
        };
        let job = run("script", "/a/job.py", "1", &["job.py", "3"]);
        for (other, expected) in [
            (run("script", "/a/job.py", "1", &["./job.py", "3"]), true),
            (run("script", "/a/./job.py", "2", &["job.py", "3"]), true),
            (run("script", "/a/job.py", "1", &["job.py", "4"]), false),
            (run("script", "/a/job.py", "1", &["job.py"]), false),
            (run("script", "/b/job.py", "1", &["job.py", "3"]), false),
            (run("module", "/a/job.py", "1", &["-m", "3"]), false),
        ] {
            assert_eq!(is_same_run(&other, &job), expected, "{other:?}");
        }
        let code = run("code", "-c", "1", &["-c"]);
        assert!(is_same_run(&code, &code) && !is_same_run(&code, &run("code", "-c", "2", &["-c"])));
        assert_eq!(described(&run("script", "-", "", &["-", "a"])), "standard input a");
        assert_eq!(described(&run("module", "pkg.mod", "", &["-m", "a", "b"])), "-m pkg.mod a b");
    }
}
