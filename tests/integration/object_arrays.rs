//! Files of joblib with arrays of objects, which are pickles within the pickle: what readers other than today's joblib
//! make of them is judged as everything else is, and honest files are plain.

use std::fs;

use crate::env::{Sandbox, Stack, main_python, venv};

const DUMP: &str = include_str!("object_arrays/dump.py");

#[test]
fn what_another_reader_calls_after_an_array_of_objects_is_not_plain() {
    let sandbox = Sandbox::with(venv(main_python(), Stack::Full));
    sandbox.write("dump.py", DUMP);
    let run = sandbox.python(&["dump.py"]);
    run.assert_code(0).assert_stdout("refused_gets.pkl\nrefused_old.pkl\n");
    let mut names: Vec<String> = fs::read_dir(sandbox.work())
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().into_string().ok())
        .filter(|name| name.ends_with(".pkl"))
        .collect();
    names.sort();
    assert!(names.len() > 20, "{names:?}");
    for name in names {
        let code = if name.starts_with("plain_") { 0 } else { 5 };
        let run = sandbox.snapcli(&["inspect", "--strict", "--verdict", &name]);
        assert_eq!(run.status.code(), Some(code), "{name}: {}", run.whole());
        assert_eq!(run.out().contains("mylib"), code == 5, "{name}: {}", run.whole());
        let run = sandbox.snapcli(&["restore", "-q", &name, "-c", "print('restored')"]);
        assert_eq!(run.status.code(), Some(code), "{name}: {}", run.whole());
    }
}
