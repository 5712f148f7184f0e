//! A `.venv` that was found by searching, and the cache of known Pythons: used only if nobody else could have changed
//! them. What others could change does not run.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::env::{Sandbox, Stack, main_python, venv};
use crate::skipped::skipped;

/// A project with a `.venv` whose start-up code leaves a mark, a file and a script. Programs run two folders below it.
struct Project {
    sandbox: Sandbox,
}

impl Project {
    fn new() -> Self {
        let sandbox = Sandbox::new();
        let project = Self { sandbox };
        let (root, base) = (project.root(), main_python().executable.canonicalize().unwrap());
        let packages = project.packages();
        fs::create_dir_all(root.join("sub/deep")).unwrap();
        fs::create_dir_all(root.join(".venv/bin")).unwrap();
        fs::create_dir_all(packages.join("package")).unwrap();
        fs::create_dir(root.join("more")).unwrap();
        symlink(&base, root.join(".venv/bin/python")).unwrap();
        let home = base.parent().unwrap().display();
        fs::write(root.join(".venv/pyvenv.cfg"), format!("home = {home}\nversion = 3\n")).unwrap();
        let with_dill = venv(main_python(), Stack::Dill);
        let dill = with_dill.parent().unwrap().parent().unwrap();
        let dill = dill.join("lib").join(packages.parent().unwrap().file_name().unwrap()).join("site-packages");
        let mark = project.mark().display().to_string();
        let start = format!("import os; open({mark:?}, 'a').write('started')\n../../../../more\n{}\n", dill.display());
        fs::write(packages.join("start.pth"), start).unwrap();
        fs::write(root.join("plain.pkl"), b"\x80\x04}\x8c\x01xK\x01s.").unwrap();
        fs::write(root.join("script.py"), "y = 2\n").unwrap();
        for path in [&root, &root.join(".venv"), &root.join("more"), &packages] {
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        project
    }

    fn root(&self) -> PathBuf {
        self.sandbox.work()
    }

    fn mark(&self) -> PathBuf {
        self.sandbox.out().join("mark")
    }

    fn packages(&self) -> PathBuf {
        self.root().join(".venv/lib").join(format!("python{}", main_python().label())).join("site-packages")
    }

    /// A command without `--python`, so that the search decides.
    fn command(&self, arguments: &[&str]) -> Command {
        let program = std::env::var_os("SNAPCLI_TEST_PROGRAM");
        let mut command = Command::new(program.unwrap_or_else(|| env!("CARGO_BIN_EXE_snapcli").into()));
        for name in ["VIRTUAL_ENV", "CONDA_PREFIX", "SNAPCLI_PYTHON", "SNAPCLI_KEY", "PYTHONPATH", "PYTHONHOME"] {
            command.env_remove(name);
        }
        let home = self.sandbox.out().join("home");
        fs::create_dir_all(&home).unwrap();
        command
            .env("HOME", &home)
            .env("XDG_CACHE_HOME", home.join("cache"))
            .env("XDG_CONFIG_HOME", home.join("config"));
        command
            .env("XDG_DATA_HOME", home.join("data"))
            .env("SNAPCLI_NO_INSTALL", "1")
            .stdin(std::process::Stdio::null());
        command.current_dir(self.root().join("sub/deep")).args(arguments);
        command
    }

    /// Runs a command, and returns its output and whether the start-up code of the environment ran.
    fn run(&self, arguments: &[&str]) -> (Output, bool) {
        let output = self.command(arguments).output().unwrap();
        (output, fs::remove_file(self.mark()).is_ok())
    }

    /// Every command that would start a Python.
    #[track_caller]
    fn assert_refused(&self, why: &str) {
        for arguments in [
            &["doctor"][..],
            &["restore", "../../plain.pkl"],
            &["restore", "../../plain.pkl", "-c", "x"],
            &["restore", "--trust", "../../plain.pkl", "-c", "x"],
            &["inspect", "../../script.py"],
            &["save", "-q", "../../script.py"],
        ] {
            let (output, ran) = self.run(arguments);
            let text = String::from_utf8_lossy(&[output.stderr, output.stdout].concat()).into_owned();
            assert_eq!((output.status.code(), ran), (Some(6), false), "{why}: {arguments:?}\n{text}");
            let venv = self.root().join(".venv").display().to_string();
            let expected = format!("the virtual environment {venv} was found by searching and is not used");
            assert!(text.contains(&expected) && text.contains(&format!("--python {venv}")), "{why}\n{text}");
        }
    }

    #[track_caller]
    fn assert_used(&self, why: &str) {
        let (output, ran) = self.run(&["restore", "../../plain.pkl", "-c", "x"]);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), ran), (Some(0), true), "{why}: {text}");
    }
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().mode() & 0o7777
}

/// All that the start of the environment depends on.
fn parts(project: &Project) -> Vec<PathBuf> {
    let (root, packages) = (project.root(), project.packages());
    let venv = root.join(".venv");
    vec![
        venv.join("pyvenv.cfg"),
        venv.join("bin"),
        venv.join("lib"),
        packages.parent().unwrap().to_owned(),
        packages.join("start.pth"),
        packages.join("package"),
        packages,
        root.join("more"),
        venv,
    ]
}

#[test]
fn an_environment_that_others_can_write_to_is_not_started() {
    let project = Project::new();
    project.assert_used("it belongs to this user");
    for part in parts(&project) {
        let before = mode(&part);
        // The sticky bit protects entries, but lets others add some.
        for open in [before | 0o002, before | 0o1022] {
            set_mode(&part, open);
            project.assert_refused(&format!("{open:o} {}", part.display()));
        }
        set_mode(&part, before);
    }
    let root = project.root();
    set_mode(&root, 0o777);
    project.assert_refused("the folder around it is open");
    set_mode(&root, 0o1777);
    project.assert_used("a sticky folder protects what lies in it");
    set_mode(&root, 0o755);
    project.assert_used("as before");
}

#[test]
fn symlinks_are_followed_to_what_others_can_write_to() {
    let project = Project::new();
    let (root, elsewhere) = (project.root(), project.sandbox.out().join("elsewhere"));
    // The folder is a symlink.
    fs::rename(root.join(".venv"), root.join("env")).unwrap();
    fs::create_dir(&elsewhere).unwrap();
    fs::rename(root.join("env"), elsewhere.join("env")).unwrap();
    symlink(elsewhere.join("env"), root.join(".venv")).unwrap();
    let start = elsewhere.join("env/lib").join(project.packages().parent().unwrap().file_name().unwrap());
    let start = start.join("site-packages/start.pth");
    let text = fs::read_to_string(&start).unwrap().replace("../../../../more\n", "");
    fs::write(&start, text).unwrap();
    project.assert_used("both belong to this user");
    set_mode(&elsewhere, 0o777);
    project.assert_refused("the target of .venv");
    set_mode(&elsewhere, 0o755);
    // The Python is a symlink to one that others can replace.
    let bin = project.sandbox.out().join("programs");
    fs::create_dir(&bin).unwrap();
    let python = root.join(".venv/bin/python");
    symlink(fs::read_link(&python).unwrap(), bin.join("python3")).unwrap();
    fs::remove_file(&python).unwrap();
    symlink(bin.join("python3"), &python).unwrap();
    project.assert_used("a symlink to a symlink");
    set_mode(&bin, 0o777);
    project.assert_refused("the target of bin/python");
}

#[test]
fn an_environment_of_another_user_is_not_started() {
    let project = Project::new();
    if fs::metadata(project.root()).unwrap().uid() != 0 {
        return skipped("needs root to give files away");
    }
    for part in parts(&project) {
        chown(&part, Some(12345), None).unwrap();
        project.assert_refused(&format!("the owner of {}", part.display()));
        chown(&part, Some(0), None).unwrap();
        // A group that is not the private one of this user.
        let before = mode(&part);
        chown(&part, None, Some(12345)).unwrap();
        project.assert_used("the group may only read");
        set_mode(&part, before | 0o020);
        project.assert_refused(&format!("the group of {}", part.display()));
        chown(&part, None, Some(0)).unwrap();
        project.assert_used("its own group may write");
        set_mode(&part, before);
    }
    let python = project.root().join(".venv/bin/python");
    std::os::unix::fs::lchown(&python, Some(12345), Some(12345)).unwrap();
    project.assert_refused("the owner of the symlink");
}

#[test]
fn an_environment_that_the_user_names_is_used_whoever_owns_it() {
    let project = Project::new();
    let venv = project.root().join(".venv");
    set_mode(&venv, 0o777);
    let venv = venv.to_str().unwrap();
    let (output, ran) = project.run(&["--python", venv, "restore", "../../plain.pkl", "-c", "x"]);
    assert_eq!((output.status.code(), ran), (Some(0), true), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let output = project.command(&["restore", "../../plain.pkl", "-c", "x"]).env("VIRTUAL_ENV", venv).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(fs::remove_file(project.mark()).is_ok());
    // Commands that start no Python do not care.
    for arguments in [["inspect", "../../plain.pkl"], ["verify", "../../plain.pkl"]] {
        assert_eq!(project.run(&arguments).0.status.code(), Some(0));
    }
}

#[test]
fn the_python_for_a_file_of_others_is_announced_before_it_starts() {
    let project = Project::new();
    let python = project.root().join(".venv/bin/python");
    let note = |file: &str| {
        let python = python.display();
        format!(
            "snapcli: {file} will be read by {python}, which was found by searching (choose another with --python)\n"
        )
    };
    let unsigned = |name: &str| note(&format!("{name} is not signed with your key, and"));
    let stderr = |arguments: &[&str]| {
        let (output, ran) = project.run(arguments);
        assert_eq!((output.status.code(), ran), (Some(0), true), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    assert_eq!(stderr(&["restore", "../../plain.pkl", "-c", "x"]), unsigned("../../plain.pkl"));
    assert_eq!(stderr(&["restore", "-q", "../../plain.pkl", "-c", "x"]), "");
    assert_eq!(stderr(&["restore", "--trust", "../../plain.pkl", "-c", "x"]), "");
    stderr(&["save", "-q", "-o", "own.pkl", "../../script.py"]);
    assert_eq!(stderr(&["restore", "own.pkl", "-c", "y"]), "", "it is signed with the key of this user");
    let save = ["save", "-q", "-o", "theirs.pkl", "../../script.py"];
    let saved = project.command(&save).env("SNAPCLI_KEY", "the key of somebody else").output().unwrap();
    assert!(saved.status.success() && fs::remove_file(project.mark()).is_ok());
    assert_eq!(stderr(&["restore", "theirs.pkl", "-c", "y"]), unsigned("theirs.pkl"));
    let own = project.root().join("sub/deep/own.pkl");
    let file = fs::File::open(own).unwrap();
    let output = project.command(&["restore", "-", "-c", "y"]).stdin(file).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), note("standard input"));
}

/// What `doctor` says of the version, after the cache was changed to name another one.
fn version_after(change: impl Fn(&Path)) -> String {
    let project = Project::new();
    let answer =
        || -> serde_json::Value { serde_json::from_slice(&project.run(&["doctor", "--json"]).0.stdout).unwrap() };
    let real = answer()["python"]["version"].as_str().unwrap().to_owned();
    let folder = project.sandbox.out().join("home/cache/snapcli");
    let file = folder.join("interpreters.json");
    let (good, bad) = (format!("\"version_text\":\"{real}\""), "\"version_text\":\"3.99.99\"");
    let poisoned = fs::read_to_string(&file).unwrap().replace(&good, bad);
    fs::write(&file, poisoned).unwrap();
    change(&folder);
    let version = answer()["python"]["version"].as_str().unwrap().to_owned();
    assert_eq!(folder.metadata().unwrap().mode() & 0o777, 0o700);
    if version == real { "real".to_owned() } else { version }
}

#[test]
fn remembered_answers_that_others_could_have_written_are_not_believed() {
    let file = |folder: &Path| folder.join("interpreters.json");
    assert_eq!(version_after(|_| ()), "3.99.99", "the cache is used");
    assert_eq!(version_after(|folder| set_mode(folder, 0o777)), "real");
    assert_eq!(version_after(|folder| set_mode(folder, 0o770)), "real");
    assert_eq!(version_after(|folder| set_mode(folder, 0o1733)), "real");
    assert_eq!(version_after(|folder| set_mode(&file(folder), 0o666)), "real");
    assert_eq!(version_after(|folder| set_mode(folder.parent().unwrap(), 0o777)), "real");
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        return skipped("needs root to give files away");
    }
    assert_eq!(version_after(|folder| chown(file(folder), Some(12345), None).unwrap()), "real");
}
