//! What a word of the command line is likely to be, by its name and by the first bytes of the file: a snapshot or a
//! script. Used for errors only: what is loaded and what is run is never guessed.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::seekable::is_named_so;

/// The extensions of pickles.
const SNAPSHOTS: [&str; 7] = ["pkl", "pickle", "pck", "pcl", "dill", "joblib", "snap"];
/// Those of compressed files, which come after the extension of what is compressed.
const COMPRESSED: [&str; 7] = ["gz", "zst", "xz", "bz2", "lzma", "lz4", "z"];
/// The extensions of scripts.
const SCRIPTS: [&str; 5] = ["py", "pyw", "pyc", "pyz", "ipynb"];

/// Whether a path is named as snapshots are: `session.pkl`, `model.joblib.gz`.
pub(crate) fn has_snapshot_name(path: &Path) -> bool {
    let is_compressed = has_extension(path, &COMPRESSED);
    let inner = if is_compressed { path.file_stem().map(Path::new).unwrap_or(path) } else { path };
    has_extension(inner, &SNAPSHOTS)
}

/// Whether a path is named as compressed files are, with nothing about what is compressed: `k.zst`.
pub(crate) fn is_bare_compressed(path: &Path) -> bool {
    has_extension(path, &COMPRESSED) && path.file_stem().is_some_and(|stem| Path::new(stem).extension().is_none())
}

/// The path beside a snapshot for another one: `session.crash.pkl` for `session.pkl` and `crash`.
pub(crate) fn beside(path: &Path, what: &str) -> PathBuf {
    let Some(inner) = path.file_stem().filter(|_| is_named_so(path)) else {
        return path.with_extension(format!("{what}.pkl"));
    };
    let extension = path.extension().unwrap_or_default().to_string_lossy();
    path.with_file_name(inner).with_extension(format!("{what}.pkl.{extension}"))
}

/// Whether a path is named as scripts are.
pub(crate) fn has_script_name(path: &Path) -> bool {
    has_extension(path, &SCRIPTS)
}

fn has_extension(path: &Path, known: &[&str]) -> bool {
    path.extension().is_some_and(|extension| known.iter().any(|name| extension.eq_ignore_ascii_case(name)))
}

/// Whether a file begins as pickles of protocol 2 and later do. Anything but a regular file does not: reading a pipe
/// would take from it what it holds.
pub(crate) fn begins_like_pickle(path: &Path) -> bool {
    let mut head = [0; 3];
    let read = path.is_file() && File::open(path).and_then(|mut file| file.read_exact(&mut head)).is_ok();
    // PROTO and its argument. No text in UTF-8 and no bytecode begins with 0x80.
    read && head[0] == 0x80 && (2..=5).contains(&head[1])
}

/// Whether a path is a snapshot, or the name of one that does not exist.
pub(crate) fn is_likely_snapshot(path: &Path) -> bool {
    begins_like_pickle(path) || (has_snapshot_name(path) && !path.is_dir())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_snapshots_from_scripts() {
        for name in ["a.pkl", "x/run 7.PKL", "m.joblib", "a.pickle.gz", "a.pkl.zst", "ü.dill"] {
            assert!(has_snapshot_name(Path::new(name)), "{name}");
        }
        for name in ["a.py", "a", "pkl", ".pkl", "a.gz", "data.csv.gz", "a.pkl.py", ""] {
            assert!(!has_snapshot_name(Path::new(name)), "{name}");
        }
        assert!(is_bare_compressed(Path::new("x/k.zst")) && !is_bare_compressed(Path::new("data.csv.gz")));
        assert!(has_script_name(Path::new("a.py")) && !has_script_name(Path::new("py")));
    }

    #[test]
    fn the_first_bytes_of_a_pickle_are_recognized() -> std::io::Result<()> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("data");
        for (bytes, expected) in [
            (&b"\x80\x04\x95\x00"[..], true),
            (b"\x80\x02}q\x00.", true),
            (b"\x80\x09abc", false),
            (b"print(1)", false),
            (b"\x80", false),
            (b"", false),
        ] {
            std::fs::write(&file, bytes)?;
            assert_eq!(begins_like_pickle(&file), expected, "{bytes:?}");
        }
        assert!(!begins_like_pickle(folder.path()) && !begins_like_pickle(&folder.path().join("none")));
        Ok(())
    }
}
