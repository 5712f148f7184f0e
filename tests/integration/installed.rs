//! The wheel, installed as users install it: which Python runs, `python -m snapcli`, odd paths, wrappers, and what
//! happens if a part is missing. `SNAPCLI_TEST_WHEEL` names the wheel; `python/build_wheel.py` builds it.

mod environment;

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use self::environment::{Machine, printing, wheel};
use crate::env::{Stack, all_pythons, main_python, pythons, venv};
use crate::skipped::skipped;

const NO_WHEEL: &str = "needs the wheel: set SNAPCLI_TEST_WHEEL to what python/build_wheel.py builds";

/// The example, and what it prints.
const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/quickstart.py");
const WARM: &str = "[Reading(sensor='roof', celsius=21.5), Reading(sensor='attic', celsius=27.25)]";

/// All CPythons of the tests, and that of the system, which may have no shared library.
fn all_executables() -> Vec<PathBuf> {
    let system = Path::new("/usr/bin/python3");
    let others = all_pythons().iter().map(|python| python.executable.clone());
    others.chain(system.exists().then(|| system.to_owned())).collect()
}

#[test]
fn a_fresh_environment_saves_restores_and_inspects_without_rust() {
    let Some(wheel) = wheel() else { return skipped(NO_WHEEL) };
    let machine = Machine::new(wheel);
    for (number, python) in all_executables().iter().enumerate() {
        let folder = machine.installed(python, &format!("fresh-{number}"));
        let program = folder.join("bin/snapcli");
        assert!(fs::read(&program).unwrap().starts_with(b"\x7fELF"), "{} is no program", program.display());
        let saved = machine.output(&program, &["save", "-q", EXAMPLE]);
        assert_eq!(saved, "3 readings, 19.92 °C on average, 2 warm ones", "{}", python.display());
        assert_eq!(machine.output(&program, &["restore", "-c", "warm(20)"]), WARM, "{}", python.display());
        assert!(machine.output(&program, &["inspect"]).contains("readings"), "{}", python.display());
        let code = "import snapcli; print(snapcli.loads(snapcli.dumps([1, 2])))";
        assert_eq!(machine.output(folder.join("bin/python"), &["-c", code]), "[1, 2]", "{}", python.display());
    }
}

#[test]
fn the_program_runs_the_python_of_the_environment_that_has_it() {
    let Some(wheel) = wheel() else { return skipped(NO_WHEEL) };
    let machine = Machine::new(wheel);
    for python in pythons() {
        let label = python.label();
        let (own, other) = (format!("own-{label}"), format!("other-{label}"));
        let own = machine.installed(&python.executable, &own);
        let other = machine.environment(&main_python().executable, &other, &[]);
        let show = printing("sys.executable");
        let expected = |folder: &Path| folder.join("bin/python").display().to_string();
        assert_eq!(machine.output(own.join("bin/snapcli"), &show), expected(&own), "started by its path");
        let named = |program: &OsStr| machine.call(program, &show).env("VIRTUAL_ENV", &other);
        named(own.join("bin/snapcli").as_os_str()).run().assert_stdout(&(expected(&own) + "\n"));
        // By its name it is found on PATH, which says less than an active environment.
        let path = format!("{}:/usr/bin:/bin", own.join("bin").display());
        let by_name = |call: crate::env::Call| call.env("PATH", &path).run().out().trim_end().to_owned();
        assert_eq!(by_name(named("snapcli".as_ref())), expected(&other));
        assert_eq!(by_name(machine.call("snapcli".as_ref(), &show)), expected(&own));
        // A symlink to the environment is another name of it.
        let link = machine.path(&format!("link-{label}"));
        symlink(&own, &link).unwrap();
        assert_eq!(machine.output(link.join("bin/snapcli"), &show), expected(&link));
        assert_eq!(machine.output(link.join("bin/python"), &module(&show)), expected(&link));
    }
}

fn module(words: &[OsString]) -> Vec<OsString> {
    ["-m", "snapcli"].map(OsString::from).into_iter().chain(words.iter().cloned()).collect()
}

#[test]
fn an_environment_that_uv_or_pipx_made_for_snapcli_is_used_last() {
    let Some(wheel) = wheel() else { return skipped(NO_WHEEL) };
    let machine = Machine::new(wheel);
    let tool = machine.installed(&main_python().executable, "tool");
    let program = tool.join("bin/snapcli");
    for mark in ["uv-receipt.toml", "pipx_metadata.json"] {
        fs::write(tool.join(mark), "").unwrap();
        let project = machine.environment(&main_python().executable, ".venv", &[]);
        let expected = |folder: &Path| folder.join("bin/python").display().to_string();
        let show = printing("sys.executable");
        assert_eq!(machine.output(&program, &show), expected(&project), "{mark}");
        fs::remove_dir_all(&project).unwrap();
        let path = tool.join("bin");
        let run = machine.call(program.as_os_str(), &show).env("PATH", &path).run();
        run.assert_stdout(&(expected(&tool) + "\n"));
        let doctor = machine.call(program.as_os_str(), &["doctor"]).env("PATH", &path).run();
        assert!(doctor.out().contains("this environment is for snapcli alone"), "{}", doctor.whole());
        fs::remove_file(tool.join(mark)).unwrap();
    }
}

#[test]
fn uv_installs_and_runs_it_in_the_python_of_the_project() {
    let Some(wheel) = wheel() else { return skipped(NO_WHEEL) };
    let machine = Machine::new(wheel.clone());
    let uv = venv(main_python(), Stack::Uv).with_file_name("uv");
    let project = machine.environment(&main_python().executable, ".venv", &[]);
    machine.sandbox().write("pyproject.toml", "[project]\nname = 'p'\nversion = '0'\nrequires-python = '>=3.10'\n");
    let call = |words: &[&str]| {
        let words = words.iter().map(|word| word.replace("WHEEL", wheel.to_str().unwrap()));
        let save = ["snapcli", "save", "-q", "-c", "import sys; print(sys.prefix)"].map(str::to_owned);
        let words: Vec<String> = words.chain(save).collect();
        let call = machine.call(uv.as_os_str(), &words).env("UV_OFFLINE", "1");
        call.env("UV_PYTHON", &main_python().executable).env("UV_CACHE_DIR", machine.path("cache")).run()
    };
    // `uv run` makes an environment on top of the project's, and activates it.
    let run = call(&["run", "--no-sync", "--with", "WHEEL"]);
    assert!(run.out().contains("/cache/"), "{}", run.whole());
    let run = call(&["run", "--no-sync", "--with", "WHEEL", "python", "-m"]);
    assert!(run.out().contains("/cache/"), "{}", run.whole());
    // `uvx` and `uv tool` make one for snapcli alone.
    call(&["tool", "run", "--from", "WHEEL"]).assert_stdout(&format!("{}\n", project.display()));
    let (tools, programs) = (machine.path("tools"), machine.path("programs"));
    let install = machine.call(uv.as_os_str(), &["tool", "install", "--quiet", "--offline", wheel.to_str().unwrap()]);
    let install = install.env("UV_TOOL_DIR", &tools).env("UV_TOOL_BIN_DIR", &programs);
    install.env("UV_PYTHON", &main_python().executable).env("UV_CACHE_DIR", machine.path("cache")).run().assert_code(0);
    assert_eq!(machine.output(programs.join("snapcli"), &printing("sys.prefix")), project.display().to_string());
}

#[test]
fn python_m_snapcli_is_the_program() {
    let Some(wheel) = wheel() else { return skipped(NO_WHEEL) };
    let machine = Machine::new(wheel);
    for python in pythons() {
        let folder = machine.installed(&python.executable, &format!("m-{}", python.label()));
        let (program, python) = (folder.join("bin/snapcli"), folder.join("bin/python"));
        for words in [&["--version"][..], &["--help"], &["inspect", "missing.pkl"], &["nonsense"]] {
            let direct = machine.call(program.as_os_str(), words).run();
            let words: Vec<_> = words.iter().map(OsString::from).collect();
            let indirect = machine.call(python.as_os_str(), &module(&words)).run();
            assert_eq!((direct.out(), direct.err()), (indirect.out(), indirect.err()), "{words:?}");
            assert_eq!(direct.status.code(), indirect.status.code(), "{words:?}");
        }
        // That Python, whatever else is active, unless the command line names another.
        let show = printing("sys.executable, sys.argv, [name for name in os.environ if 'SNAPCLI_' in name]");
        let other = machine.environment(&main_python().executable, "other", &[]);
        let run = machine.call(python.as_os_str(), &module(&show)).env("VIRTUAL_ENV", &other).run();
        run.assert_stdout(&format!("{} ['-c'] []\n", python.display()));
        let named = [vec!["--python".into(), other.clone().into()], printing("sys.prefix")].concat();
        let prefix = machine.output(&python, &module(&named));
        assert_eq!(prefix, other.display().to_string());
    }
}

#[test]
fn the_package_and_its_program_find_each_other_in_every_layout() {
    let Some(wheel) = wheel() else { return skipped(NO_WHEEL) };
    let machine = Machine::new(wheel);
    let python = &main_python().executable;
    let name = format!("python{}", main_python().label());
    let show = [vec!["--python".into(), python.clone().into()], printing("'ran'")].concat();
    for odd in ["plain", "with space", "with:colon", "with $dollar;"] {
        let (target, prefix) = (machine.path(&format!("{odd}/target")), machine.path(&format!("{odd}/prefix")));
        machine.install(python, &["--target".as_ref(), target.as_os_str()]);
        machine.install(python, &["--prefix".as_ref(), prefix.as_os_str()]);
        let packages = prefix.join("lib").join(&name).join("site-packages");
        for (folder, packages) in [(&target, &target), (&prefix, &packages)] {
            assert_eq!(machine.output(folder.join("bin/snapcli"), &show), "ran", "{}", folder.display());
            // PYTHONPATH cannot name a path with a colon, but `-m` finds a package in the working directory.
            let code = format!(
                "cd '{}' && exec '{}' -m snapcli save -q -o ../o.pkl -c 'print(5)'",
                packages.display(),
                python.display()
            );
            assert_eq!(machine.output("sh", &["-c", &code]), "5", "{}", packages.display());
        }
        // The folder may be moved as a whole.
        let moved = machine.path(&format!("{odd}/moved"));
        fs::rename(&prefix, &moved).unwrap();
        assert_eq!(machine.output(moved.join("bin/snapcli"), &show), "ran", "{}", moved.display());
    }
    let copies = machine.environment(python, "copies", &["--copies"]);
    machine.install(&copies.join("bin/python"), &[]);
    let prefix = machine.output(copies.join("bin/snapcli"), &printing("sys.prefix"));
    assert_eq!(prefix, copies.display().to_string());
}

#[test]
fn a_preloaded_library_of_the_user_stays_and_ours_leaves_no_trace() {
    let Some(wheel) = wheel() else { return skipped(NO_WHEEL) };
    let machine = Machine::new(wheel);
    let source = machine.sandbox().write("mine.c", "int snapcli_test(void) { return 5; }\n");
    let mut compiler = std::process::Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-o"]).arg(machine.path("mine.so")).arg(source);
    if !compiler.status().is_ok_and(|status| status.success()) {
        return skipped("needs a C compiler");
    }
    let mine = machine.path("mine.so");
    let folder = machine.installed(&main_python().executable, "env");
    let show = printing("os.environ.get('LD_PRELOAD'), 'mine.so' in open('/proc/self/maps').read()");
    let program = folder.join("bin/snapcli");
    assert_eq!(machine.output(&program, &show), "None False");
    let run = machine.call(program.as_os_str(), &show).env("LD_PRELOAD", &mine).run();
    run.assert_stdout(&format!("{} True\n", mine.display()));
    let child = "__import__('subprocess').run(['env'], capture_output=True, text=True).stdout";
    let environment = machine.output(&program, &printing(child));
    assert!(!environment.contains("SNAPCLI_") && !environment.contains("LD_PRELOAD"), "{environment}");
}

#[test]
fn a_wrapper_of_python_keeps_the_environment_that_it_makes() {
    let Some(wheel) = wheel() else { return skipped(NO_WHEEL) };
    let machine = Machine::new(wheel);
    for python in pythons() {
        let folder = machine.installed(&python.executable, &format!("w-{}", python.label()));
        let real = python.executable.display();
        let script = format!("#!/bin/bash\nunset LD_PRELOAD\nexport MADE=here\nexec -a \"$0\" '{real}' \"$@\"\n");
        let source = format!(
            "#include <stdlib.h>\n#include <unistd.h>\nint main(int c, char **v) {{\n  unsetenv(\"LD_PRELOAD\");\n  \
             setenv(\"MADE\", \"here\", 1);\n  return execv(\"{real}\", v);\n}}\n"
        );
        let mut wrappers = vec![machine.program("wrapper.sh", &script)];
        wrappers.extend(machine.compile("wrapper", &source));
        let options = machine.program("options.sh", &script.replace("\"$@\"", "-X dev \"$@\""));
        let show = "sys.executable, os.environ['MADE'], sys.path[0], [n for n in os.environ if 'SNAPCLI_' in n]";
        for wrapper in wrappers.iter().chain([&options]) {
            let words = |code: &str| [vec!["--python".into(), wrapper.clone().into()], printing(code)].concat();
            let run = machine.output(folder.join("bin/snapcli"), &words(show));
            let expected = format!("{} here  []", wrapper.display());
            assert_eq!(run, expected, "Python {}", python.label());
            let frame =
                machine.output(folder.join("bin/snapcli"), &words("sys._getframe().f_back, sys.flags.dev_mode"));
            // Where a wrapper adds options to Python, it cannot be started again without the wrapper.
            let is_alone = frame == "None False";
            assert!(is_alone != (wrapper == &options), "{}: {frame}", wrapper.display());
            let restored =
                [OsStr::new("--python"), wrapper.as_os_str(), "restore".as_ref(), "-c".as_ref(), "os.sep".as_ref()];
            assert_eq!(machine.output(folder.join("bin/snapcli"), &restored), "'/'", "{}", wrapper.display());
        }
    }
}

#[test]
fn what_is_missing_or_of_another_version_is_named() {
    let Some(wheel) = wheel() else { return skipped(NO_WHEEL) };
    let machine = Machine::new(wheel);
    let folder = machine.installed(&main_python().executable, "env");
    let package = folder.join(format!("lib/python{}/site-packages/snapcli", main_python().label()));
    let (program, python) = (folder.join("bin/snapcli"), folder.join("bin/python"));
    let fails = |program: &Path, words: &[&str], message: &str| {
        let run = machine.call(program.as_os_str(), words).run();
        run.assert_code(6).assert_stdout("");
        assert!(run.err().starts_with("snapcli: ") && run.err().contains(message), "{}", run.whole());
    };
    machine.output(&program, &["save", "-q", "-c", "x = 1"]);
    // The engine says that the program is of another version, in whatever form that passes on what it knows.
    for json in [r#"{"snapcli":"9.9"}"#, "{}", "?"] {
        let words =
            ["-c", "import sys, snapcli._engine as e; sys.exit(e._run(['snapcli', 'restore', '-c', 'x'], True))"];
        let run = machine.call(python.as_os_str(), &words).env("_SNAPCLI_HANDED_OVER", json).run();
        run.assert_code(6);
        assert!(run.err().contains("but its engine is") && run.err().contains("reinstall snapcli"), "{}", run.whole());
    }
    fs::rename(&program, machine.path("moved")).unwrap();
    fails(&python, &["-m", "snapcli", "--version"], "the program that belongs to this package is missing");
    fs::rename(machine.path("moved"), &program).unwrap();
    fs::remove_file(package.join("_engine.abi3.so")).unwrap();
    fails(&program, &["save", "-c", "print('ran')"], "the engine of snapcli is missing: install its wheel");
    let doctor = machine.call(program.as_os_str(), &["doctor"]).run();
    assert!(doctor.out().contains("the engine of snapcli is missing"), "{}", doctor.whole());
    // What needs no Python goes on.
    assert!(machine.output(&program, &["inspect"]).contains("x"));
}

#[test]
fn what_reads_files_starts_no_python() {
    let Some(wheel) = wheel() else { return skipped(NO_WHEEL) };
    let machine = Machine::new(wheel);
    let folder = machine.installed(&main_python().executable, "env");
    let program = folder.join("bin/snapcli");
    machine.output(&program, &["save", "-q", "-c", "x = 1"]);
    // Every Python that could be started leaves a mark.
    let mark = machine.path("mark");
    let spy = format!("#!/bin/sh\n: > '{}'\nexit 1\n", mark.display());
    fs::remove_file(folder.join("bin/python")).unwrap();
    machine.program("env/bin/python", &spy);
    machine.program("on-path/python3", &spy);
    let path = machine.path("on-path");
    for words in [
        &["--version"][..],
        &["--help"],
        &["save", "--help"],
        &["inspect"],
        &["inspect", "--json"],
        &["diff", "session.pkl", "session.pkl"],
        &["verify"],
        &["completions", "bash"],
    ] {
        let call =
            machine.call(program.as_os_str(), words).env("PATH", &path).env("SNAPCLI_PYTHON", path.join("python3"));
        call.run().assert_code(0);
        assert!(!mark.exists(), "{words:?} has started a Python");
    }
    machine.call(program.as_os_str(), &printing("5")).env("PATH", &path).run().assert_code(6);
    assert!(mark.exists(), "the test would not see a Python that is started");
}
