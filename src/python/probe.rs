//! Asks a Python about itself: its version and implementation, and where its shared library is.
//!
//! The answer is kept in `probe_cache`. `discover` decides which Pythons to ask.
//! Nothing here starts Python inside this process.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread::Builder;
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::interpreter::{Interpreter, LIBPYTHON_SUFFIX, StartWay};
use super::probe_cache::{Stamp, cache_file, cached, store};
use super::unusable::Unusable;

/// The oldest Python that the stable ABI of this build supports.
const OLDEST: (u8, u8, u8) = (3, 10, 0);
/// A Python on a slow network disk may take seconds. One that takes longer than this hangs.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The prefix of the line with the answer. Site hooks may print other lines.
const MARK: &str = "snapcli-probe:";
/// Longer output is not read to the end.
const MAX_ANSWER: u64 = 1 << 20;

/// Also runs on Python 2.7, so that the error can say which version it is.
const QUESTION: &str = r"
import json, os, sys, sysconfig
var = sysconfig.get_config_var
base = getattr(sys, 'base_prefix', sys.prefix)
parent = getattr(sys, '_base_executable', None) or sys.executable
if parent == sys.executable and sys.prefix != base:
    # Python 3.10 names the environment as its own base; its symlink points to the real one.
    parent = os.path.realpath(parent)
try:
    with open('/proc/self/maps') as maps:
        is_static = '/libpython' not in maps.read()
except Exception:
    is_static = False
own = '/proc/self/exe'
print('\nsnapcli-probe:' + json.dumps({
    'executable': sys.executable,
    'version': tuple(sys.version_info[:3]),
    'version_text': sys.version.split()[0],
    'implementation': sys.implementation.name if hasattr(sys, 'implementation') else 'cpython',
    'base_prefix': base,
    'prefix': sys.prefix,
    'base_executable': parent,
    'library': None,
    'static_executable': is_static,
    'is_wrapper': os.path.exists(own) and os.path.realpath(own) != os.path.realpath(sys.executable),
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

/// Asks the Python at `path` about itself, or finds its answer in the cache.
///
/// # Errors
/// Why it cannot run scripts.
pub(crate) fn probe(path: &Path) -> Result<Interpreter, Unusable> {
    probe_with(path, cache_file().as_deref())
}

fn probe_with(path: &Path, cache: Option<&Path>) -> Result<Interpreter, Unusable> {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    if path.metadata().is_err() {
        return Err(missing(path));
    }
    let stamp = Stamp::of(&path);
    let known = cache.zip(stamp.as_ref()).and_then(|(cache, stamp)| cached(cache, &path, stamp));
    let interpreter = match known {
        Some(interpreter) => interpreter,
        None => {
            let interpreter = ask_python(&path)?;
            if let Some((cache, stamp)) = cache.zip(stamp) {
                // Without a cache, everything still works.
                let _ = store(cache, &path, stamp, &interpreter);
            }
            interpreter
        }
    };
    check_usable(path, interpreter)
}

/// A dangling symlink in a virtual environment means that its base was removed, or that it cannot be read.
fn missing(path: PathBuf) -> Unusable {
    if !path.is_symlink() || environment_file(&path).is_none() {
        return Unusable::NotFound { path };
    }
    let is_denied = fs::metadata(&path).is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied);
    match base_folder(&path).filter(|_| is_denied) {
        Some(base) => Unusable::BaseUnreadable { path, base },
        None => Unusable::BaseGone { path },
    }
}

/// Checks that an interpreter can run scripts in this program.
fn check_usable(path: PathBuf, python: Interpreter) -> Result<Interpreter, Unusable> {
    let version = python.version_text.clone();
    if python.implementation != "cpython" {
        Err(Unusable::NotCPython { path, name: python.implementation })
    } else if python.version < OLDEST {
        Err(Unusable::TooOld { path, version })
    } else if python.free_threaded {
        Err(Unusable::FreeThreaded { path, version })
    } else if python.library.is_none() && python.start_way() == StartWay::Embedded {
        Err(Unusable::NoSharedLibrary { path, version: (python.version.0, python.version.1) })
    } else {
        Ok(python)
    }
}

/// The output of `QUESTION`: the interpreter without its library, and where the library may be.
#[derive(Deserialize)]
struct ProbeAnswer {
    #[serde(flatten)]
    interpreter: Interpreter,
    abiflags: String,
    library_name: String,
    library_folders: Vec<PathBuf>,
}

impl ProbeAnswer {
    fn interpreter(self) -> Interpreter {
        Interpreter { library: self.library(), ..self.interpreter }
    }

    /// `LIBDIR/INSTSONAME`, if that can be trusted. A Python that was moved after it was built (conda, uv) still names
    /// the folder of the build, where another Python may be by now. So folders outside the prefix come last.
    fn library(&self) -> Option<PathBuf> {
        let prefix = &self.interpreter.base_prefix;
        let (mut folders, outside): (Vec<_>, Vec<_>) =
            self.library_folders.iter().cloned().partition(|folder| folder.starts_with(prefix));
        folders.push(prefix.join("lib"));
        folders.extend(outside);
        // Conda's Python is linked statically and names an archive, but its prefix also has a libpython.
        let (major, minor, _) = self.interpreter.version;
        let usual = format!("libpython{major}.{minor}{}{}", self.abiflags, LIBPYTHON_SUFFIX);
        let reported = Some(self.library_name.clone()).filter(|n| !n.is_empty() && !n.ends_with(".a"));
        let files =
            reported.into_iter().chain([usual]).flat_map(|name| folders.iter().map(move |folder| folder.join(&name)));
        files.into_iter().find(|file| file.is_file())
    }
}

fn ask_python(path: &Path) -> Result<Interpreter, Unusable> {
    let failed = |why| {
        let path = path.to_path_buf();
        match base_folder(&path).map(|base| (fs::metadata(&base), base)) {
            Some((Err(error), base)) if error.kind() == io::ErrorKind::PermissionDenied => {
                Unusable::BaseUnreadable { path, base }
            }
            Some((found, _)) if !found.as_ref().is_ok_and(fs::Metadata::is_dir) => Unusable::BaseGone { path },
            _ => Unusable::CannotRun { path, why },
        }
    };
    // UTF-8 mode prints paths as they are, in any locale.
    let mut output = run_question(path, &["-I", "-X", "utf8"]).map_err(failed)?;
    if output.stderr.starts_with("Unknown option: -I") {
        // Python 2 has no `-I`. Ask it differently, to report its version rather than a broken Python.
        output = run_question(path, &["-E", "-s"]).map_err(failed)?;
    }
    // The last marked line counts: a hook could print an earlier one, but `QUESTION` runs after all hooks.
    let line = output.stdout.lines().rev().find_map(|line| line.strip_prefix(MARK));
    match line.and_then(|json| serde_json::from_str::<ProbeAnswer>(json).ok()) {
        Some(answer) => Ok(answer.interpreter()),
        None => Err(failed(output.reason())),
    }
}

struct ProcessOutput {
    stdout: String,
    stderr: String,
    status: std::process::ExitStatus,
}

impl ProcessOutput {
    /// The line that names the error: the last one of a traceback, the first one from a loader, a shell or a shim.
    fn reason(&self) -> String {
        let mut lines = self.stderr.lines().map(str::trim).filter(|line| !line.is_empty());
        let first = lines.next();
        let line = if first.is_some_and(|line| line.starts_with("Traceback")) { lines.next_back() } else { first };
        line.map_or_else(|| format!("no answer, {}", self.status), str::to_owned)
    }
}

fn run_question(path: &Path, flags: &[&str]) -> Result<ProcessOutput, String> {
    let mut child = Command::new(path)
        .args(flags)
        .args(["-c", QUESTION])
        // On macOS this would make Python report another executable than its own.
        .env_remove("__PYVENV_LAUNCHER__")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| error.to_string())?;
    let (stdout, stderr) = (read_in_thread(child.stdout.take()), read_in_thread(child.stderr.take()));
    // Two threads read the pipes in the meantime: a full pipe would block the child.
    let end = Instant::now() + TIMEOUT;
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if Instant::now() < end => std::thread::sleep(Duration::from_millis(1)),
            _ => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("no answer within {} seconds", TIMEOUT.as_secs()));
            }
        }
    };
    // A grandchild may keep the pipes open forever, so do not wait for the end of the output.
    let text = |pipe: Receiver<Vec<u8>>| pipe.recv_timeout(Duration::from_secs(1)).unwrap_or_default();
    let text = |pipe| String::from_utf8_lossy(&text(pipe)).into_owned();
    Ok(ProcessOutput { stdout: text(stdout), stderr: text(stderr), status })
}

fn read_in_thread(pipe: Option<impl Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    // Without a thread, there is no answer.
    let _ = Builder::new().spawn(move || {
        let mut bytes = Vec::new();
        if let Some(pipe) = pipe {
            let _ = pipe.take(MAX_ANSWER).read_to_end(&mut bytes);
        }
        let _ = sender.send(bytes);
    });
    receiver
}

/// The `pyvenv.cfg` of the virtual environment that `python` belongs to.
pub(super) fn environment_file(python: &Path) -> Option<PathBuf> {
    let file = python.parent()?.parent()?.join("pyvenv.cfg");
    file.is_file().then_some(file)
}

/// The folder of the base of a virtual environment: `home` in its file. An environment made with copies has no symlink.
fn base_folder(python: &Path) -> Option<PathBuf> {
    let text = environment_file(python).and_then(|file| fs::read_to_string(file).ok()).unwrap_or_default();
    let home = text.lines().filter_map(|line| line.split_once('=')).find(|(key, _)| key.trim() == "home");
    home.map(|(_, folder)| PathBuf::from(folder.trim()))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::python) fn python(library: Option<PathBuf>) -> Interpreter {
        Interpreter {
            executable: "/p/bin/python".into(),
            version: (3, 12, 1),
            version_text: "3.12.1".to_owned(),
            implementation: "cpython".to_owned(),
            base_prefix: "/p".into(),
            prefix: "/p".into(),
            base_executable: "/p/bin/python".into(),
            library,
            static_executable: false,
            is_wrapper: false,
            shared: true,
            free_threaded: false,
            platform: "linux".to_owned(),
            machine: "x86_64".to_owned(),
        }
    }

    fn judged(change: impl FnOnce(&mut Interpreter)) -> String {
        let mut python = python(Some("/p/lib/libpython3.12.so.1.0".into()));
        change(&mut python);
        check_usable("/p".into(), python).map_or_else(|why| why.to_string(), |_| "usable".to_owned())
    }

    #[test]
    fn a_python_that_cannot_be_embedded_is_refused_with_the_reason() {
        assert_eq!(judged(|_| ()), "usable");
        assert!(judged(|python| python.version = (3, 9, 18)).contains("too old: use Python 3.10"));
        assert!(judged(|python| python.implementation = "pypy".to_owned()).contains("is pypy"));
        assert!(judged(|python| python.free_threaded = true).contains("free-threaded"));
        // A Python without a library can be started by itself where there is an engine for it.
        let without_library = judged(|python| python.library = None);
        let expected = if python(None).start_way() == StartWay::Injected { "usable" } else { "install libpython3.12" };
        assert!(without_library.contains(expected), "{without_library}");
    }

    /// Written by another process: while this process has a file open for writing, a child that another test starts
    /// would inherit it, and the kernel would refuse to run the file ("text file busy").
    fn script(path: &Path, text: &str) {
        let mut shell = Command::new("sh");
        shell.args(["-c", r#"mkdir -p "${0%/*}" && printf '%s' "$1" > "$0" && chmod 755 "$0""#]).arg(path);
        assert!(shell.arg(text).status().is_ok_and(|status| status.success()));
    }

    #[test]
    fn the_answer_is_found_among_the_output_of_hooks() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let library = folder.path().join("lib").join(format!("libpython3.12{}", LIBPYTHON_SUFFIX));
        fs::create_dir(folder.path().join("lib"))?;
        fs::write(&library, "")?;
        let mut answer = serde_json::to_value(python(None))?;
        answer["base_prefix"] = folder.path().to_string_lossy().into();
        answer["abiflags"] = "".into();
        // As in conda: an archive, and a folder of the machine that built it.
        answer["library_name"] = "libpython3.12.a".into();
        answer["library_folders"] = serde_json::json!(["/nowhere/lib"]);
        let path = folder.path().join("bin/python");
        script(&path, &format!("#!/bin/sh\necho a hook\necho '{MARK}{answer}'\necho another"));
        let found = probe_with(&path, Some(&folder.path().join("cache.json")));
        assert_eq!(found.map(|python| python.library), Ok(Some(library)));
        assert!(!folder.path().join("cache.json").exists(), "scripts are not cached");
        Ok(())
    }

    #[test]
    fn the_error_message_of_python_is_passed_on() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("bin/python");
        script(&path, "#!/bin/sh\necho 'pyenv: no such version' >&2\necho 'a tip' >&2\nexit 127");
        let why = "pyenv: no such version".to_owned();
        assert_eq!(probe_with(&path, None), Err(Unusable::CannotRun { path, why }));
        Ok(())
    }

    #[test]
    fn an_environment_without_its_base_is_recognized() -> io::Result<()> {
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
}
