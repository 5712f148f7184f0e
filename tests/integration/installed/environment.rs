//! Environments with the wheel that `SNAPCLI_TEST_WHEEL` names, made for one test each. pip installs it as a user does;
//! what pip itself is does not matter, so that of the test environments is used.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::env::{Call, Sandbox, Stack, main_python, venv};

/// The wheel to test.
pub(crate) fn wheel() -> Option<PathBuf> {
    std::env::var_os("SNAPCLI_TEST_WHEEL").filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// A directory for a test, and commands of programs in it. No Rust is on `PATH`, and no Python but those of the test.
pub(crate) struct Machine {
    sandbox: Sandbox,
    wheel: PathBuf,
}

impl Machine {
    pub(crate) fn new(wheel: PathBuf) -> Self {
        Self { sandbox: Sandbox::new(), wheel }
    }

    pub(crate) fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.sandbox.work().join(name)
    }

    /// Makes a virtual environment with dill and nothing else, not even pip, and returns its directory.
    pub(crate) fn environment(&self, python: &Path, name: &str, options: &[&str]) -> PathBuf {
        let folder = self.path(name);
        let mut words: Vec<&OsStr> = vec!["-m".as_ref(), "venv".as_ref(), "--without-pip".as_ref()];
        words.extend(options.iter().map(OsStr::new));
        words.push(folder.as_os_str());
        self.call(python.as_os_str(), &words).run().assert_code(0);
        let [version] = entries(&folder.join("lib")).try_into().unwrap();
        fs::write(version.join("site-packages/dill.pth"), self.dill().to_str().unwrap()).unwrap();
        folder
    }

    /// A directory for `sys.path` with dill, which serves every Python.
    fn dill(&self) -> PathBuf {
        let (folder, packages) = (self.path("packages"), venv(main_python(), Stack::Dill));
        let [version] = entries(&packages.parent().unwrap().with_file_name("lib")).try_into().unwrap();
        if !folder.exists() {
            fs::create_dir(&folder).unwrap();
            std::os::unix::fs::symlink(version.join("site-packages/dill"), folder.join("dill")).unwrap();
        }
        folder
    }

    /// Makes a virtual environment with the wheel in it.
    pub(crate) fn installed(&self, python: &Path, name: &str) -> PathBuf {
        let folder = self.environment(python, name, &[]);
        self.install(&folder.join("bin/python"), &[]);
        folder
    }

    /// Runs `pip install` with these options in another Python.
    pub(crate) fn install(&self, python: &Path, options: &[&OsStr]) {
        let pip = venv(main_python(), Stack::Dill);
        let mut words: Vec<&OsStr> = ["-m", "pip", "--disable-pip-version-check", "--python"].map(OsStr::new).to_vec();
        words.push(python.as_os_str());
        words.extend(["install", "--quiet", "--no-index", "--no-deps", "--root-user-action=ignore"].map(OsStr::new));
        words.extend(options);
        words.push(self.wheel.as_os_str());
        self.call(pip.as_os_str(), &words).env("PIP_BREAK_SYSTEM_PACKAGES", "1").run().assert_code(0);
    }

    /// A call of a program with its arguments.
    pub(crate) fn call<S: AsRef<OsStr>>(&self, program: &OsStr, arguments: &[S]) -> Call {
        let call = self.sandbox.call_program(program, arguments);
        call.env("PATH", "/usr/bin:/bin").env("PYTHONDONTWRITEBYTECODE", "1")
    }

    /// What a program prints, without the last line break. It must succeed.
    pub(crate) fn output<S: AsRef<OsStr>>(&self, program: impl AsRef<OsStr>, arguments: &[S]) -> String {
        let run = self.call(program.as_ref(), arguments).run();
        run.assert_code(0);
        run.out().trim_end().to_owned()
    }

    /// Writes an executable file.
    pub(crate) fn program(&self, name: &str, text: &str) -> PathBuf {
        use std::os::unix::fs::PermissionsExt;
        let path = self.sandbox.write(name, text);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    /// Compiles a C program. `None` without a C compiler.
    pub(crate) fn compile(&self, name: &str, text: &str) -> Option<PathBuf> {
        let (source, program) = (self.sandbox.write(&format!("{name}.c"), text), self.path(name));
        let mut compiler = Command::new("cc");
        let done = compiler.arg("-o").arg(&program).arg(source).status().is_ok_and(|status| status.success());
        done.then_some(program)
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// The words of a command that saves nothing much and prints this expression.
pub(crate) fn printing(expression: &str) -> Vec<OsString> {
    ["save", "-q", "-c"]
        .map(OsString::from)
        .into_iter()
        .chain([format!("import os, sys; print({expression})").into()])
        .collect()
}
