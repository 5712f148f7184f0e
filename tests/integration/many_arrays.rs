//! A store takes a session with more arrays than a process may have open files.

use crate::env::{Sandbox, Stack, main_python, venv};

/// Saves itself with so few open files that not even half of its arrays could have one each.
const SCRIPT: &str = r#"
import resource
import numpy, snapcli
resource.setrlimit(resource.RLIMIT_NOFILE, (200, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
names = {f"array_{number}": numpy.arange(number, number + 10_000) for number in range(500)}
for round in range(2):
    report = snapcli.save("runs.snaps/", names)
    assert not report.left_out, report
    names["array_7"] += 1
found = {}
snapcli.restore("runs.snaps/@2", into=found)
assert len(found) == 500 and all((found[name] == value).all() for name, value in names.items() if name != "array_7")
assert (found["array_7"] + 1 == names["array_7"]).all()
mapped = {}
snapcli.restore("runs.snaps/@1", into=mapped, mmap=True)
assert (mapped["array_499"] == names["array_499"]).all()
del names, found, mapped
"#;

#[test]
fn a_session_with_more_arrays_than_open_files_goes_into_a_store() {
    let sandbox = Sandbox::with(venv(main_python(), Stack::Full));
    sandbox.write("many.py", SCRIPT);
    sandbox.snapcli(&["save", "-q", "-o", "end.pkl", "many.py"]).assert_code(0);
    sandbox.snapcli(&["verify", "runs.snaps/"]).assert_code(0);
}

#[test]
fn the_command_saves_and_restores_many_arrays_too() {
    let sandbox = Sandbox::with(venv(main_python(), Stack::Full));
    let limit = "import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (120, 120))\n";
    let arrays = "import numpy\nfor number in range(300):\n    globals()[f'a{number}'] = numpy.full(5_000, number)\n";
    sandbox.write("many.py", format!("{limit}{arrays}"));
    sandbox.snapcli(&["save", "-q", "-o", "runs.snaps/", "many.py"]).assert_code(0);
    let run = sandbox.snapcli(&[
        "restore",
        "runs.snaps/",
        "-c",
        "print(sum(int(globals()[f'a{n}'][0]) for n in range(300)))",
    ]);
    run.assert_code(0);
    assert_eq!(run.out().trim(), (0..300).sum::<u32>().to_string());
}
