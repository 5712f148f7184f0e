//! A private directory for a test. Programs run in it without the user's Python settings and with a home directory of
//! their own. A program that hangs is killed, with its children.
#![allow(unsafe_code)]

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use super::{Run, Stack, engine_package, main_python, venv, venvs};

/// Prefixes of environment variables that change what Python or snapcli does. cargo sets `LD_…` for its tests, and
/// snapcli uses it to find the right libpython.
const SETTINGS: [&str; 7] = ["PYTHON", "SNAPCLI_", "VIRTUAL_ENV", "CONDA_", "PYENV_VERSION", "LD_", "DYLD_"];

/// Removes only these variables: pip needs some of the others.
pub(super) fn remove_python_settings(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if SETTINGS.iter().any(|setting| name.as_encoded_bytes().starts_with(setting.as_bytes())) {
            command.env_remove(name);
        }
    }
}

/// The program to test.
pub(crate) fn program() -> OsString {
    std::env::var_os("SNAPCLI_TEST_PROGRAM").unwrap_or_else(|| env!("CARGO_BIN_EXE_snapcli").into())
}

/// A temporary directory: programs run in `work`, `home` and `tmp` are their home and temporary directories, and `out`
/// is for files outside the working directory.
pub(crate) struct Sandbox {
    root: tempfile::TempDir,
    python: PathBuf,
}

impl Sandbox {
    /// With the main Python, dill and numpy.
    pub(crate) fn new() -> Self {
        Self::with(venv(main_python(), Stack::Dill))
    }

    /// With this Python.
    pub(crate) fn with(python: PathBuf) -> Self {
        let root = tempfile::Builder::new().prefix("snapcli-test-").tempdir().unwrap();
        let sandbox = Self { root, python };
        sandbox.clear();
        sandbox
    }

    /// Empties its directories, at the same path.
    pub(crate) fn clear(&self) {
        for folder in ["work", "home", "tmp", "out"] {
            let folder = self.root().join(folder);
            let _ = fs::remove_dir_all(&folder);
            fs::create_dir(folder).unwrap();
        }
    }

    #[allow(dead_code, reason = "what a test module may need")]
    pub(crate) fn root(&self) -> PathBuf {
        // On macOS the temporary directory is behind a symlink, and Python prints the resolved path.
        self.root.path().canonicalize().unwrap()
    }

    /// The working directory.
    pub(crate) fn work(&self) -> PathBuf {
        self.root().join("work")
    }

    /// The directory for files outside the working directory.
    pub(crate) fn out(&self) -> PathBuf {
        self.root().join("out")
    }

    /// The Python of this sandbox.
    #[allow(dead_code, reason = "what a test module may need")]
    pub(crate) fn interpreter(&self) -> &Path {
        &self.python
    }

    /// Writes a file in the working directory, and creates its parent directories.
    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.work().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// Runs snapcli.
    #[allow(dead_code, reason = "what a test module may need")]
    pub(crate) fn snapcli<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Run {
        self.call_snapcli(arguments).run()
    }

    /// Runs Python.
    pub(crate) fn python<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Run {
        self.call_python(arguments).run()
    }

    /// A call of snapcli that can be given an input and more.
    pub(crate) fn call_snapcli<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Call {
        let program = program();
        let named = [OsStr::new("--python"), self.python.as_os_str()];
        self.call(&program, named.into_iter().chain(arguments.iter().map(AsRef::as_ref)))
    }

    /// A call of Python that can import snapcli.
    #[allow(dead_code, reason = "what a test module may need")]
    pub(crate) fn call_importing<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Call {
        self.call_python(arguments).env("PYTHONPATH", engine_package())
    }

    /// A call of Python that can be given an input and more.
    pub(crate) fn call_python<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Call {
        self.call(self.python.as_os_str(), arguments.iter().map(AsRef::as_ref))
    }

    /// A call of any program.
    #[allow(dead_code, reason = "what a test module may need")]
    pub(crate) fn call_program<S: AsRef<OsStr>>(&self, program: &OsStr, arguments: &[S]) -> Call {
        self.call(program, arguments.iter().map(AsRef::as_ref))
    }

    fn call<'a>(&self, program: &OsStr, arguments: impl Iterator<Item = &'a OsStr>) -> Call {
        let mut command = Command::new(program);
        remove_python_settings(&mut command);
        let home = self.root().join("home");
        command.args(arguments).current_dir(self.work());
        command.env("HOME", &home).env("XDG_CONFIG_HOME", home.join("config"));
        command.env("TMPDIR", self.root().join("tmp")).env("LC_ALL", "C.UTF-8");
        // The cache and data directories are shared between tests, but not with the user.
        command.env("XDG_CACHE_HOME", venvs::cache().join("cache"));
        command.env("XDG_DATA_HOME", venvs::cache().join("data"));
        default_signals(&mut command);
        // Long enough for a busy machine, so that only programs that hang are killed.
        Call { command, stdin: Vec::new(), stdout: Stdout::Read, timeout: Duration::from_secs(300) }
    }
}

/// Shells make background jobs ignore SIGINT, and `nohup` makes programs ignore SIGHUP; children inherit that. Tests
/// must not depend on how they were started.
fn default_signals(command: &mut Command) {
    let reset = || {
        for signal in [libc::SIGINT, libc::SIGQUIT, libc::SIGHUP, libc::SIGTERM] {
            // SAFETY: sets the default action, and may be called between fork and exec.
            unsafe { libc::signal(signal, libc::SIG_DFL) };
        }
        Ok(())
    };
    // SAFETY: the closure only calls a function that is safe there, and takes no memory and no locks.
    unsafe { command.pre_exec(reset) };
}

/// How the standard output of a program is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stdout {
    /// Read to the end.
    Read,
    /// Closed after this many bytes, as by `| head`.
    CloseAfter(usize),
    /// The pipe has no reader from the start.
    Closed,
}

/// A program that is about to run.
pub(crate) struct Call {
    command: Command,
    stdin: Vec<u8>,
    stdout: Stdout,
    timeout: Duration,
}

/// An event of a running program, reported by a thread.
enum Seen {
    Stdout(Vec<u8>),
    Stderr(Vec<u8>),
    Ended(std::io::Result<std::process::ExitStatus>),
}

impl Call {
    /// Sets its standard input.
    pub(crate) fn stdin(mut self, text: impl Into<Vec<u8>>) -> Self {
        self.stdin = text.into();
        self
    }

    /// Sets how its standard output is read.
    pub(crate) fn stdout(mut self, stdout: Stdout) -> Self {
        self.stdout = stdout;
        self
    }

    /// Sets an environment variable.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Sets the directory that it runs in.
    #[allow(dead_code, reason = "what a test module may need")]
    pub(crate) fn current_dir(mut self, directory: &Path) -> Self {
        self.command.current_dir(directory);
        self
    }

    /// Sets how long it may run.
    pub(crate) fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Starts it without input and output, for a test that waits for it or kills it.
    pub(crate) fn spawn(mut self) -> Child {
        self.command.process_group(0).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.command.spawn().unwrap()
    }

    /// Runs it to its end, or fails the test after the timeout.
    pub(crate) fn run(mut self) -> Run {
        let words: Vec<OsString> =
            std::iter::once(self.command.get_program()).chain(self.command.get_args()).map(OsStr::to_owned).collect();
        let command = words.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ");
        let deadline = Instant::now() + self.timeout;
        // In its own process group, so that its children can be killed with it.
        self.command.process_group(0).stdin(Stdio::piped()).stderr(Stdio::piped());
        let reader = self.connect_stdout();
        let child = self.command.spawn().unwrap_or_else(|error| panic!("{command} cannot be run: {error}"));
        // The write end of the pipe for standard output is closed with the command that holds it.
        let Self { stdin, stdout, timeout, command: spawned } = self;
        drop(spawned);
        let group = child.id();
        let seen = watch(child, stdin, reader, stdout);
        let mut run = Run { command, stdout: Vec::new(), stderr: Vec::new(), status: Default::default() };
        if !collect(&seen, &mut run, deadline) {
            kill_group(group);
            // The message shows its output, unless a process outside the group holds the pipes open.
            collect(&seen, &mut run, Instant::now() + Duration::from_secs(5));
            panic!("took longer than {} seconds, and was killed\n{}", timeout.as_secs(), run.whole());
        }
        run
    }

    fn connect_stdout(&mut self) -> Option<std::io::PipeReader> {
        let (reader, writer) = std::io::pipe().unwrap();
        self.command.stdout(writer);
        (self.stdout != Stdout::Closed).then_some(reader)
    }
}

/// Feeds and watches a program, each pipe in a thread of its own so that none can block another.
fn watch(mut child: Child, stdin: Vec<u8>, reader: Option<std::io::PipeReader>, stdout: Stdout) -> Receiver<Seen> {
    let (sender, receiver) = channel();
    let mut input = child.stdin.take().unwrap();
    // A program may end without reading all of its input.
    std::thread::spawn(move || drop(input.write_all(&stdin)));
    let limit = if let Stdout::CloseAfter(limit) = stdout { limit as u64 } else { u64::MAX };
    read(reader, limit, sender.clone(), Seen::Stdout);
    read(child.stderr.take(), u64::MAX, sender.clone(), Seen::Stderr);
    std::thread::spawn(move || sender.send(Seen::Ended(child.wait())));
    receiver
}

fn read(pipe: Option<impl Read + Send + 'static>, limit: u64, sender: Sender<Seen>, seen: fn(Vec<u8>) -> Seen) {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(pipe) = pipe {
            pipe.take(limit).read_to_end(&mut bytes).unwrap();
        }
        sender.send(seen(bytes))
    });
}

/// Waits for both streams and the exit status; false after the timeout.
fn collect(seen: &Receiver<Seen>, run: &mut Run, deadline: Instant) -> bool {
    loop {
        match seen.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(Seen::Stdout(bytes)) => run.stdout = bytes,
            Ok(Seen::Stderr(bytes)) => run.stderr = bytes,
            Ok(Seen::Ended(status)) => run.status = status.unwrap(),
            // All three threads have reported.
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => return true,
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => return false,
        }
    }
}

fn kill_group(group: u32) {
    let group = i32::try_from(group).unwrap();
    // SAFETY: only sends a signal, to the group that the program was started in.
    unsafe { libc::kill(-group, libc::SIGKILL) };
}

#[test]
fn a_program_that_hangs_is_killed_with_its_children_and_reported() {
    let sandbox = Sandbox::new();
    let hangs = "import os; print('so far', flush=True); os.fork(); os.read(os.pipe()[0], 1)";
    let call = sandbox.call_python(&["-c", hangs]).timeout(Duration::from_secs(1));
    let message = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| call.run())).err().unwrap();
    let message = message.downcast_ref::<String>().unwrap();
    assert!(message.contains("longer than 1 seconds") && message.contains("--- stdout\nso far\n"), "{message}");
}

#[test]
fn a_sandbox_hides_the_users_settings_and_home() {
    let sandbox = Sandbox::new();
    let code = "import json, os; print(json.dumps(dict(os.environ)))";
    let environment = sandbox.python(&["-c", code]).json();
    let settings: Vec<_> = environment.as_object().unwrap().keys().filter(|name| name.starts_with("PYTHON")).collect();
    assert!(settings.is_empty(), "{settings:?}");
    assert_eq!(environment["HOME"], sandbox.root().join("home").to_str().unwrap());
}
