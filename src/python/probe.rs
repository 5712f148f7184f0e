//! Asks a Python about itself, once: which version and kind it is, and where its shared library lies.
//!
//! The answer is kept in the cache folder, as asking costs 20 ms and more. `discover` decides whom to ask;
//! `libpython` and `doctor` use what was answered. Nothing here starts Python inside this process.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::libpython;

/// The oldest Python that the stable ABI of this build serves.
const OLDEST: (u8, u8, u8) = (3, 10, 0);
/// A Python on a slow network disk may take seconds; one that takes longer than this hangs.
const PATIENCE: Duration = Duration::from_secs(10);
/// Site hooks may print as well: the answer is the line that begins with this.
const MARK: &str = "snapcli-probe:";
/// Answers and complaints longer than this are not worth reading to the end.
const LONGEST_ANSWER: u64 = 1 << 20;
/// So many Pythons are remembered; the cache begins anew rather than grow without end.
const MOST_REMEMBERED: usize = 64;

/// Runs on every Python, 2.7 too, so that an old one can be named as such.
const QUESTION: &str = r"
import json, os, sys, sysconfig
var = sysconfig.get_config_var
base = getattr(sys, 'base_prefix', sys.prefix)
parent = getattr(sys, '_base_executable', None) or sys.executable
if parent == sys.executable and sys.prefix != base:
    # Python 3.10 calls the environment its own base; a link leads to the true one.
    parent = os.path.realpath(parent)
print('\nsnapcli-probe:' + json.dumps({
    'executable': sys.executable,
    'version': tuple(sys.version_info[:3]),
    'version_text': sys.version.split()[0],
    'implementation': sys.implementation.name if hasattr(sys, 'implementation') else 'cpython',
    'base_prefix': base,
    'prefix': sys.prefix,
    'base_executable': parent,
    'library': None,
    'shared': bool(var('Py_ENABLE_SHARED')),
    'free_threaded': bool(var('Py_GIL_DISABLED')),
    'platform': sys.platform,
    'machine': os.uname()[4],
    'abiflags': getattr(sys, 'abiflags', ''),
    'library_name': var('INSTSONAME') or '',
    'library_folders': [var('LIBDIR') or base, os.path.join(var('LIBDIR') or base, var('MULTIARCH') or '.'),
                        var('PYTHONFRAMEWORKPREFIX') or base],
}))
";

/// A Python, as it describes itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interpreter {
    /// `sys.executable`: in a virtual environment that environment's, not its base's.
    pub executable: PathBuf,
    /// Major, minor, patch.
    pub version: (u8, u8, u8),
    /// The version as it prints itself (`3.13.0rc1`).
    pub version_text: String,
    /// `cpython`, `pypy`, ….
    pub implementation: String,
    /// Where its standard library lives.
    pub base_prefix: PathBuf,
    /// The virtual environment, or again the base prefix.
    pub prefix: PathBuf,
    /// The Python that a virtual environment was made from.
    pub base_executable: PathBuf,
    /// Its libpython, where there is one.
    pub library: Option<PathBuf>,
    /// Whether it was built with a shared library. Conda and uv ship one even where this says no.
    pub shared: bool,
    /// Whether it was built without the global lock.
    pub free_threaded: bool,
    /// `sys.platform`.
    pub platform: String,
    /// `x86_64`, `arm64`, ….
    pub machine: String,
}

/// Why a Python cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// Nothing is there.
    #[error("there is no Python {}: check its name", .path.display())]
    NotFound {
        /// What was looked for.
        path: PathBuf,
    },
    /// It does not start, or does not answer.
    #[error("{} does not run ({why}): repair it, or name another with --python", .path.display())]
    CannotRun {
        /// Whom we asked.
        path: PathBuf,
        /// What it, or the system, said.
        why: String,
    },
    /// It is older than the stable ABI we are built for.
    #[error("{} is Python {version}, which is too old: use Python 3.10 or newer", .path.display())]
    TooOld {
        /// Whom we asked.
        path: PathBuf,
        /// Its version.
        version: String,
    },
    /// Another version than the one asked for.
    #[error("{} is Python {found}: install Python {wanted}, or name its path", .path.display())]
    OtherVersion {
        /// Whom we asked.
        path: PathBuf,
        /// Its version.
        found: String,
        /// The version that was asked for.
        wanted: String,
    },
    /// `PyPy` and its like have no libpython that we could load.
    #[error("{} is {name}, which cannot be embedded: use CPython", .path.display())]
    NotCPython {
        /// Whom we asked.
        path: PathBuf,
        /// What it calls itself.
        name: String,
    },
    /// Embedding needs a libpython that the loader can load.
    #[error(
        "{} has no shared library: install libpython{}.{} (Debian), build it anew with \
         PYTHON_CONFIGURE_OPTS=--enable-shared (pyenv), or use a Python of conda or uv",
        .path.display(), .version.0, .version.1
    )]
    NoSharedLibrary {
        /// Whom we asked.
        path: PathBuf,
        /// Major and minor.
        version: (u8, u8),
    },
    /// Its objects are laid out differently: the stable ABI does not hold.
    #[error(
        "{} is a free-threaded Python, whose ABI is another: use the ordinary build of Python {version}",
        .path.display()
    )]
    FreeThreaded {
        /// Whom we asked.
        path: PathBuf,
        /// Its version.
        version: String,
    },
    /// Its base was removed or upgraded away.
    #[error("{} is a virtual environment whose base Python is gone: make it anew", .path.display())]
    BaseGone {
        /// The environment's Python.
        path: PathBuf,
    },
}

/// Asks the Python at `path` about itself, or remembers what it answered, and judges whether it will do.
///
/// # Errors
/// The reason why it cannot be embedded.
pub fn probe(path: &Path) -> Result<Interpreter, Unusable> {
    probe_with(path, cache_file().as_deref())
}

fn probe_with(path: &Path, cache: Option<&Path>) -> Result<Interpreter, Unusable> {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    if path.metadata().is_err() {
        return Err(missing(path));
    }
    let stamp = Stamp::of(&path);
    let known = cache.zip(stamp.as_ref()).and_then(|(cache, stamp)| recall(cache, &path, stamp));
    let interpreter = match known {
        Some(interpreter) => interpreter,
        None => {
            let interpreter = ask(&path)?;
            if let Some((cache, stamp)) = cache.zip(stamp) {
                // A cache that cannot be written is no cache, and no trouble.
                let _ = remember(cache, &path, stamp, &interpreter);
            }
            interpreter
        }
    };
    judge(path, interpreter)
}

/// A link that leads nowhere, in a virtual environment, is the trace of a base that was removed.
fn missing(path: PathBuf) -> Unusable {
    if path.is_symlink() && environment_file(&path).is_some() {
        Unusable::BaseGone { path }
    } else {
        Unusable::NotFound { path }
    }
}

fn judge(path: PathBuf, python: Interpreter) -> Result<Interpreter, Unusable> {
    let version = python.version_text.clone();
    if python.implementation != "cpython" {
        Err(Unusable::NotCPython { path, name: python.implementation })
    } else if python.version < OLDEST {
        Err(Unusable::TooOld { path, version })
    } else if python.free_threaded {
        Err(Unusable::FreeThreaded { path, version })
    } else if python.library.is_none() {
        Err(Unusable::NoSharedLibrary { path, version: (python.version.0, python.version.1) })
    } else {
        Ok(python)
    }
}

/// What `QUESTION` prints: the interpreter but for its library, and where that may be.
#[derive(Deserialize)]
struct Answer {
    #[serde(flatten)]
    interpreter: Interpreter,
    abiflags: String,
    library_name: String,
    library_folders: Vec<PathBuf>,
}

impl Answer {
    fn interpreter(self) -> Interpreter {
        Interpreter { library: self.library(), ..self.interpreter }
    }

    /// `LIBDIR/INSTSONAME`, where that is to be believed. A Python that was moved after it was built (conda,
    /// uv) still tells the folder of the build, where another Python may live by now: what lies outside the
    /// prefix counts only when the prefix has none.
    fn library(&self) -> Option<PathBuf> {
        let prefix = &self.interpreter.base_prefix;
        let (mut folders, outside): (Vec<_>, Vec<_>) =
            self.library_folders.iter().cloned().partition(|folder| folder.starts_with(prefix));
        folders.push(prefix.join("lib"));
        folders.extend(outside);
        // Conda's Python is linked statically and names an archive, but its libpython lies beside.
        let (major, minor, _) = self.interpreter.version;
        let usual = format!("libpython{major}.{minor}{}{}", self.abiflags, libpython::SUFFIX);
        let told = Some(self.library_name.clone()).filter(|n| !n.is_empty() && !n.ends_with(".a"));
        let files =
            told.into_iter().chain([usual]).flat_map(|name| folders.iter().map(move |folder| folder.join(&name)));
        files.into_iter().find(|file| file.is_file())
    }
}

fn ask(path: &Path) -> Result<Interpreter, Unusable> {
    // UTF-8 mode: paths come as they are, whatever the locale says of them.
    let failed = |why| match base_is_gone(path) {
        true => Unusable::BaseGone { path: path.to_path_buf() },
        false => Unusable::CannotRun { path: path.to_path_buf(), why },
    };
    let mut said = run(path, &["-I", "-X", "utf8"]).map_err(failed)?;
    if said.complaint.starts_with("Unknown option: -I") {
        // Python 2, which is to be told apart from a Python that is broken.
        said = run(path, &["-E", "-s"]).map_err(failed)?;
    }
    let line = said.answer.lines().rev().find_map(|line| line.strip_prefix(MARK));
    match line.and_then(|json| serde_json::from_str::<Answer>(json).ok()) {
        Some(answer) => Ok(answer.interpreter()),
        None => Err(failed(said.reason())),
    }
}

struct Said {
    answer: String,
    complaint: String,
    status: std::process::ExitStatus,
}

impl Said {
    /// A traceback tells the error in its last line; what the loader, a shell or a shim says begins with it.
    fn reason(&self) -> String {
        let mut lines = self.complaint.lines().map(str::trim).filter(|line| !line.is_empty());
        let first = lines.next();
        let line = if first.is_some_and(|line| line.starts_with("Traceback")) { lines.next_back() } else { first };
        line.map_or_else(|| format!("no answer, {}", self.status), str::to_owned)
    }
}

fn run(path: &Path, flags: &[&str]) -> Result<Said, String> {
    let mut child = Command::new(path)
        .args(flags)
        .args(["-c", QUESTION])
        // On macOS this makes a Python believe that it is another one.
        .env_remove("__PYVENV_LAUNCHER__")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| error.to_string())?;
    let (answer, complaint) = (drain(child.stdout.take()), drain(child.stderr.take()));
    let end = Instant::now() + PATIENCE;
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if Instant::now() < end => std::thread::sleep(Duration::from_millis(1)),
            _ => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("no answer within {} seconds", PATIENCE.as_secs()));
            }
        }
    };
    // A grandchild may hold the pipes open for ever: what has not come by now is not waited for.
    let text = |pipe: Receiver<Vec<u8>>| pipe.recv_timeout(Duration::from_secs(1)).unwrap_or_default();
    let text = |pipe| String::from_utf8_lossy(&text(pipe)).into_owned();
    Ok(Said { answer: text(answer), complaint: text(complaint), status })
}

fn drain(pipe: Option<impl Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(pipe) = pipe {
            let _ = pipe.take(LONGEST_ANSWER).read_to_end(&mut bytes);
        }
        let _ = sender.send(bytes);
    });
    receiver
}

/// The `pyvenv.cfg` of the virtual environment that `python` belongs to.
fn environment_file(python: &Path) -> Option<PathBuf> {
    let file = python.parent()?.parent()?.join("pyvenv.cfg");
    file.is_file().then_some(file)
}

/// An environment made of copies has no link to break; its `home` names the folder of the base.
fn base_is_gone(python: &Path) -> bool {
    let text = environment_file(python).and_then(|file| fs::read_to_string(file).ok()).unwrap_or_default();
    let home = text.lines().filter_map(|line| line.split_once('=')).find(|(key, _)| key.trim() == "home");
    home.is_some_and(|(_, folder)| !Path::new(folder.trim()).is_dir())
}

/// What must be unchanged for a remembered answer to hold.
#[derive(PartialEq, Serialize, Deserialize)]
struct Stamp {
    resolved: PathBuf,
    size: u64,
    modified: (i64, i64),
    environment: Option<(i64, i64)>,
}

impl Stamp {
    /// None for scripts: what a shim of pyenv starts depends on variables and on the working folder.
    fn of(path: &Path) -> Option<Self> {
        let mut start = [0; 2];
        File::open(path).and_then(|mut file| file.read_exact(&mut start)).ok()?;
        if &start == b"#!" {
            return None;
        }
        let modified = |meta: fs::Metadata| (meta.mtime(), meta.mtime_nsec());
        let meta = path.metadata().ok()?;
        let environment = environment_file(path).and_then(|file| file.metadata().ok()).map(modified);
        Some(Self { resolved: path.canonicalize().ok()?, size: meta.len(), modified: modified(meta), environment })
    }
}

#[derive(Default, Serialize, Deserialize)]
struct Cache {
    /// An answer of another version of snapcli may lack a field, or mean something else by it.
    snapcli: String,
    pythons: BTreeMap<PathBuf, (Stamp, Interpreter)>,
}

fn cache_file() -> Option<PathBuf> {
    let folder = libpython::private_folder(&dirs::cache_dir()?.join("snapcli")).ok()?;
    Some(folder.join("interpreters.json"))
}

fn read_cache(file: &Path) -> Option<Cache> {
    let mut text = String::new();
    File::open(file).ok()?.take(LONGEST_ANSWER).read_to_string(&mut text).ok()?;
    let cache: Cache = serde_json::from_str(&text).ok()?;
    (cache.snapcli == env!("CARGO_PKG_VERSION")).then_some(cache)
}

/// A missing library is never remembered, nor believed when it has gone since: it may be installed meanwhile.
fn recall(file: &Path, python: &Path, stamp: &Stamp) -> Option<Interpreter> {
    let (known, interpreter) = read_cache(file)?.pythons.remove(python)?;
    let there = interpreter.library.as_ref().is_some_and(|library| library.is_file());
    (known == *stamp && there).then_some(interpreter)
}

fn remember(file: &Path, python: &Path, stamp: Stamp, interpreter: &Interpreter) -> io::Result<()> {
    let (Some(folder), Some(_)) = (file.parent(), &interpreter.library) else {
        return Ok(());
    };
    let mut cache = read_cache(file).filter(|cache| cache.pythons.len() < MOST_REMEMBERED).unwrap_or_default();
    cache.snapcli = env!("CARGO_PKG_VERSION").to_owned();
    cache.pythons.insert(python.to_path_buf(), (stamp, interpreter.clone()));
    // A temporary file is made with mode 0600, and renaming it is atomic: readers see the old or the new.
    let mut new = tempfile::NamedTempFile::new_in(folder)?;
    serde_json::to_writer(&mut new, &cache)?;
    new.persist(file)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn python(library: Option<PathBuf>) -> Interpreter {
        Interpreter {
            executable: "/p/bin/python".into(),
            version: (3, 12, 1),
            version_text: "3.12.1".to_owned(),
            implementation: "cpython".to_owned(),
            base_prefix: "/p".into(),
            prefix: "/p".into(),
            base_executable: "/p/bin/python".into(),
            library,
            shared: true,
            free_threaded: false,
            platform: "linux".to_owned(),
            machine: "x86_64".to_owned(),
        }
    }

    fn judged(change: impl FnOnce(&mut Interpreter)) -> String {
        let mut python = python(Some("/p/lib/libpython3.12.so.1.0".into()));
        change(&mut python);
        judge("/p".into(), python).map_or_else(|why| why.to_string(), |_| "usable".to_owned())
    }

    #[test]
    fn what_cannot_be_embedded_is_refused_by_name() {
        assert_eq!(judged(|_| ()), "usable");
        assert!(judged(|python| python.version = (3, 9, 18)).contains("too old: use Python 3.10"));
        assert!(judged(|python| python.implementation = "pypy".to_owned()).contains("is pypy"));
        assert!(judged(|python| python.free_threaded = true).contains("free-threaded"));
        assert!(judged(|python| python.library = None).contains("install libpython3.12"));
    }

    /// Written by another process: while this one has it open for writing, a test that starts a process at
    /// the same time would hand it on, and the kernel would not run it ("text file busy").
    fn script(path: &Path, text: &str) {
        let mut shell = Command::new("sh");
        shell.args(["-c", r#"mkdir -p "${0%/*}" && printf '%s' "$1" > "$0" && chmod 755 "$0""#]).arg(path);
        assert!(shell.arg(text).status().is_ok_and(|status| status.success()));
    }

    #[test]
    fn the_answer_is_found_behind_what_hooks_print() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let library = folder.path().join("lib").join(format!("libpython3.12{}", libpython::SUFFIX));
        fs::create_dir(folder.path().join("lib"))?;
        fs::write(&library, "")?;
        let mut answer = serde_json::to_value(python(None))?;
        answer["base_prefix"] = folder.path().to_string_lossy().into();
        answer["abiflags"] = "".into();
        // As conda's: an archive, and a folder of the machine that built it.
        answer["library_name"] = "libpython3.12.a".into();
        answer["library_folders"] = serde_json::json!(["/nowhere/lib"]);
        let path = folder.path().join("bin/python");
        script(&path, &format!("#!/bin/sh\necho a hook\necho '{MARK}{answer}'\necho another"));
        let found = probe_with(&path, Some(&folder.path().join("cache.json")));
        assert_eq!(found.map(|python| python.library), Ok(Some(library)));
        assert!(!folder.path().join("cache.json").exists(), "a script may lead elsewhere tomorrow");
        Ok(())
    }

    #[test]
    fn the_complaint_is_passed_on() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("bin/python");
        script(&path, "#!/bin/sh\necho 'pyenv: no such version' >&2\necho 'a tip' >&2\nexit 127");
        let why = "pyenv: no such version".to_owned();
        assert_eq!(probe_with(&path, None), Err(Unusable::CannotRun { path, why }));
        Ok(())
    }

    #[test]
    fn an_environment_whose_base_is_gone_is_named_as_such() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("bin/python");
        assert_eq!(probe_with(&path, None), Err(Unusable::NotFound { path: path.clone() }));
        script(&path, "#!/bin/sh\nexit 127");
        fs::write(folder.path().join("pyvenv.cfg"), "home = /gone/bin\n")?;
        assert_eq!(probe_with(&path, None), Err(Unusable::BaseGone { path: path.clone() }));
        fs::remove_file(&path)?;
        std::os::unix::fs::symlink("/gone/bin/python", &path)?;
        assert_eq!(probe_with(&path, None), Err(Unusable::BaseGone { path }));
        Ok(())
    }

    #[test]
    fn an_answer_is_remembered_until_something_changes() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let (cache, program) = (folder.path().join("cache.json"), folder.path().join("python"));
        fs::write(&program, "ELF")?;
        let known = python(Some(program.clone()));
        let stamp = || Stamp::of(&program).ok_or(io::ErrorKind::NotFound);
        remember(&cache, &program, stamp()?, &known)?;
        assert_eq!(recall(&cache, &program, &stamp()?), Some(known.clone()));
        fs::write(&program, "another ELF")?;
        assert_eq!(recall(&cache, &program, &stamp()?), None);
        fs::write(&cache, "not JSON")?;
        remember(&cache, &program, stamp()?, &known)?;
        assert_eq!(recall(&cache, &program, &stamp()?), Some(known));
        Ok(())
    }
}
