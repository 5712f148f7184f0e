//! Which Python is used, and the error if none can be used.

use crate::env::{Sandbox, all_pythons, program};
use crate::skipped::skipped;

#[test]
fn one_build_runs_every_python_with_and_without_a_virtual_environment() {
    for python in all_pythons() {
        for executable in [python.executable.clone(), crate::env::venv(python, crate::env::Stack::Dill)] {
            let sandbox = Sandbox::with(executable.clone());
            let code = "import sys; version = '.'.join(map(str, sys.version_info[:2]))\n\
                        print(sys.executable, sys.prefix != sys.base_prefix, version)";
            let plain = sandbox.python(&["-c", code]);
            sandbox.snapcli(&["save", "-q", "-c", code]).assert_stdout(&plain.out()).assert_code(0);
            assert!(plain.out().trim().ends_with(&python.label()));
        }
    }
}

#[test]
fn the_active_environment_overrides_path_and_an_explicit_python_overrides_both() {
    let [first, .., last] = all_pythons() else { return skipped("needs two Pythons") };
    let sandbox = Sandbox::new();
    let first_venv = crate::env::venv(first, crate::env::Stack::Dill);
    let root = first_venv.parent().unwrap().parent().unwrap();
    let code = "import sys; print('%d.%d' % sys.version_info[:2])";
    let run = |arguments: &[&str]| {
        let mut command = std::process::Command::new(program());
        command.env("VIRTUAL_ENV", root).env_remove("SNAPCLI_PYTHON").current_dir(sandbox.work());
        let output = command.args(arguments).args(["-q", "save", "-c", code]).output().unwrap();
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    };
    assert_eq!(run(&[]), first.label());
    let last_venv = crate::env::venv(last, crate::env::Stack::Dill);
    assert_eq!(run(&["--python", last_venv.to_str().unwrap()]), last.label());
}

#[test]
fn doctor_reports_the_chosen_python_and_the_source_of_dill() {
    let sandbox = Sandbox::new();
    let run = sandbox.snapcli(&["doctor", "--json"]);
    run.assert_code(0);
    let json = run.json();
    assert_eq!(json["schema"], 2);
    assert!(json.to_string().contains("0.4.1"), "{json:#}");
    let text = sandbox.snapcli(&["doctor"]);
    text.assert_code(0);
    assert!(text.out().contains("runs in") && text.out().contains("dill"), "{}", text.whole());
}

#[test]
fn an_unusable_python_has_an_exit_code_of_its_own() {
    let sandbox = Sandbox::with("/nonexistent/python3".into());
    let run = sandbox.snapcli(&["save", "-c", "print('ran')"]);
    run.assert_code(6).assert_stdout("");
    assert!(run.err().starts_with("snapcli: ") && run.err().contains("/nonexistent/python3"), "{}", run.whole());
    // An environment whose base Python no longer exists.
    let sandbox = Sandbox::new();
    let broken = sandbox.work().join("broken");
    std::fs::create_dir_all(broken.join("bin")).unwrap();
    std::fs::write(broken.join("pyvenv.cfg"), "home = /nonexistent/bin\n").unwrap();
    std::os::unix::fs::symlink("/nonexistent/bin/python3", broken.join("bin/python")).unwrap();
    let sandbox = Sandbox::with(broken.join("bin/python"));
    let run = sandbox.snapcli(&["save", "-c", "print('ran')"]);
    run.assert_code(6).assert_stdout("");
    assert!(run.err().contains("base Python no longer exists"), "{}", run.whole());
}
