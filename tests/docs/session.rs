//! A working directory, a home directory and an environment in which the commands of one page run, as they would in a
//! reader's shell. Paths of this machine are replaced, so that a page never shows them.

use std::cell::Cell;
use std::fs;
use std::io::Read;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::integration::env::{Stack, main_python, program, venv};
use crate::page::{Block, Page};

/// How the documentation names the directories of a test, and the installation of its Python.
const SHOWN_WORK: &str = "/home/ada/project";
const SHOWN_HOME: &str = "/home/ada";
const SHOWN_BASE: &str = "/usr";

/// The shell of one page. Its commands share a working directory and a home directory.
pub(crate) struct Session {
    root: tempfile::TempDir,
    python: PathBuf,
    status: Cell<i32>,
}

impl Session {
    /// A session whose working directory has a copy of `examples`.
    pub(crate) fn new(examples: &Path) -> Self {
        let root = tempfile::Builder::new().prefix("snapcli-docs-").tempdir().unwrap();
        let session = Self { root, python: venv(main_python(), Stack::Dill), status: Cell::new(0) };
        for directory in ["work/examples", "home", "tmp", "bin"] {
            fs::create_dir_all(session.root().join(directory)).unwrap();
        }
        for example in fs::read_dir(examples).unwrap() {
            let example = example.unwrap();
            // The other examples are no scripts to run.
            if example.path().is_file() {
                fs::copy(example.path(), session.root().join("work/examples").join(example.file_name())).unwrap();
            }
        }
        symlink(program(), session.root().join("bin/snapcli")).unwrap();
        session
    }

    /// The real path: on macOS, temporary directories are behind a symlink, and Python shows where it leads.
    fn root(&self) -> PathBuf {
        self.root.path().canonicalize().unwrap()
    }

    /// Writes a block that has a file name into the working directory; of a hex dump, the bytes that it shows.
    pub(crate) fn write(&self, block: &Block, page: &Page) {
        let Some(name) = &block.file else { return };
        let contents = page.contents(block);
        let bytes = if block.language == "hexdump" {
            crate::format::bytes_of_hexdump(&contents).unwrap()
        } else {
            contents.into_bytes()
        };
        let path = self.root().join("work").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// Runs a command line. Returns what it printed to standard output and standard error, and its exit status.
    pub(crate) fn run(&self, command: &str) -> (String, i32) {
        let root = self.root();
        let binaries = [root.join("bin"), self.python.parent().unwrap().to_owned()];
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(binaries.into_iter().chain(std::env::split_paths(&path))).unwrap();
        // `$?` of the first command is the status of the one before, as in one shell.
        let line = format!("(exit {}); {command}", self.status.get());
        let (mut reader, writer) = std::io::pipe().unwrap();
        let mut shell = Command::new("sh");
        shell.args(["-c", &line]).current_dir(root.join("work")).env_clear();
        shell.env("PATH", path).env("HOME", root.join("home")).env("TMPDIR", root.join("tmp"));
        shell.env("LC_ALL", "C.UTF-8").env("VIRTUAL_ENV", self.virtual_env()).env("PYTHONUNBUFFERED", "1");
        shell.stdin(Stdio::null()).stdout(writer.try_clone().unwrap()).stderr(writer);
        let mut child = shell.spawn().unwrap();
        // The command holds the write ends of the pipe until it is dropped.
        drop(shell);
        let mut output = Vec::new();
        reader.read_to_end(&mut output).unwrap();
        let status = child.wait().unwrap().code().unwrap_or(-1);
        self.status.set(status);
        (self.as_shown(&String::from_utf8_lossy(&output)), status)
    }

    fn virtual_env(&self) -> &Path {
        self.python.parent().and_then(Path::parent).unwrap()
    }

    fn as_shown(&self, output: &str) -> String {
        let path = |path: &Path| path.to_string_lossy().into_owned();
        let root = self.root();
        let base = main_python().executable.parent().and_then(Path::parent).unwrap();
        let output = output.replace(&path(self.virtual_env()), &format!("{SHOWN_WORK}/.venv"));
        let output = output.replace(&path(&root.join("work")), SHOWN_WORK).replace(&path(&root.join("tmp")), "/tmp");
        output.replace(&path(&root.join("home")), SHOWN_HOME).replace(&path(base), SHOWN_BASE)
    }
}
