//! Keeps what Pythons have said about themselves, as asking takes 20 ms or more.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::interpreter::{Interpreter, StartWay};
use super::path_owner::PathOwners;
use super::private_folder::private_folder;
use super::probe::environment_file;

/// A longer file is not read.
const MAX_LENGTH: u64 = 1 << 20;
/// When the cache holds this many Pythons, it starts empty again.
const MAX_CACHED: usize = 64;

/// The properties of a file that must be unchanged for a cached answer to be valid.
#[derive(PartialEq, Serialize, Deserialize)]
pub(super) struct Stamp {
    resolved: PathBuf,
    size: u64,
    modified: (i64, i64),
    environment: Option<(i64, i64)>,
}

impl Stamp {
    /// `None` for scripts: which Python a pyenv shim starts depends on variables and on the working directory.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let mut start = [0; 2];
        File::open(path).and_then(|mut file| file.read_exact(&mut start)).ok()?;
        if &start == b"#!" {
            return None;
        }
        let modified = |meta: fs::Metadata| (meta.mtime(), meta.mtime_nsec());
        let meta = path.metadata().ok()?;
        // `pyvenv.cfg` decides which base an environment has.
        let environment = environment_file(path).and_then(|file| file.metadata().ok()).map(modified);
        Some(Self { resolved: path.canonicalize().ok()?, size: meta.len(), modified: modified(meta), environment })
    }
}

#[derive(Default, Serialize, Deserialize)]
struct Cache {
    /// The version of snapcli that wrote the file. Another version may use other fields.
    snapcli: String,
    pythons: BTreeMap<PathBuf, (Stamp, Interpreter)>,
}

pub(super) fn cache_file() -> Option<PathBuf> {
    let folder = private_folder(&dirs::cache_dir()?.join("snapcli")).ok()?;
    Some(folder.join("interpreters.json"))
}

/// The answers in the cache file, unless another user could have written it.
fn read_cache(file: &Path) -> Option<Cache> {
    PathOwners::default().check(file).ok()?;
    let mut text = String::new();
    File::open(file).ok()?.take(MAX_LENGTH).read_to_string(&mut text).ok()?;
    let cache: Cache = serde_json::from_str(&text).ok()?;
    (cache.snapcli == env!("CARGO_PKG_VERSION")).then_some(cache)
}

/// An answer that lacks a library where one is needed is never cached, and one whose library has been removed is not
/// used: the user may have installed it since.
pub(super) fn cached(file: &Path, python: &Path, stamp: &Stamp) -> Option<Interpreter> {
    let (known, interpreter) = read_cache(file)?.pythons.remove(python)?;
    let there = match &interpreter.library {
        Some(library) => library.is_file(),
        None => interpreter.start_way() == StartWay::Injected,
    };
    (known == *stamp && there).then_some(interpreter)
}

pub(super) fn store(file: &Path, python: &Path, stamp: Stamp, interpreter: &Interpreter) -> io::Result<()> {
    let Some(folder) = file.parent() else { return Ok(()) };
    if interpreter.library.is_none() && interpreter.start_way() == StartWay::Embedded {
        return Ok(());
    }
    let mut cache = read_cache(file).filter(|cache| cache.pythons.len() < MAX_CACHED).unwrap_or_default();
    cache.snapcli = env!("CARGO_PKG_VERSION").to_owned();
    cache.pythons.insert(python.to_path_buf(), (stamp, interpreter.clone()));
    // The temporary file has mode 0600, and renaming is atomic: readers see the old cache or the new one.
    let mut new = tempfile::NamedTempFile::new_in(folder)?;
    serde_json::to_writer(&mut new, &cache)?;
    new.persist(file)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::python::probe::tests::python;

    #[test]
    fn an_answer_is_cached_until_the_file_changes() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let (cache, program) = (folder.path().join("cache.json"), folder.path().join("python"));
        fs::write(&program, "ELF")?;
        let known = python(Some(program.clone()));
        let stamp = || Stamp::of(&program).ok_or(io::ErrorKind::NotFound);
        store(&cache, &program, stamp()?, &known)?;
        assert_eq!(cached(&cache, &program, &stamp()?), Some(known.clone()));
        fs::write(&program, "another ELF")?;
        assert_eq!(cached(&cache, &program, &stamp()?), None);
        fs::write(&cache, "not JSON")?;
        store(&cache, &program, stamp()?, &known)?;
        assert_eq!(cached(&cache, &program, &stamp()?), Some(known));
        Ok(())
    }
}
