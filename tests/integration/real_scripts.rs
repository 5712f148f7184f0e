//! Scripts from other projects, modules of the standard library and dill's own tests, are run as scripts, saved and
//! restored. The restored names and values are those that the script has at its end under plain Python.

use serde_json::{Map, Value};

use crate::env::Sandbox;

/// Summarizes the public names of a namespace as JSON: plain data by value, other objects by type and name.
const SUMMARY: &str = r#"
import json, types

def plain(value, depth=0):
    kind = type(value)
    if kind in (int, float, complex, str, bytes, bool, type(None)):
        return repr(value)
    if kind in (list, tuple) and depth < 5:
        return [kind.__name__] + [plain(item, depth + 1) for item in value]
    if kind in (set, frozenset):
        return [kind.__name__] + sorted(str(plain(item, depth + 1)) for item in value)
    if kind is dict and depth < 5:
        return [[plain(key, depth + 1), plain(item, depth + 1)] for key, item in value.items()]
    if isinstance(value, (type, types.FunctionType, types.BuiltinFunctionType)):
        return kind.__name__ + " " + value.__qualname__
    return kind.__module__ + "." + kind.__qualname__

def summary(namespace):
    skip = ("plain", "summary", "json", "types")
    return {name: plain(value) for name, value in list(namespace.items()) if name[0] != "_" and name not in skip}
"#;

/// Paths below the standard library; each script must succeed under plain Python.
const STANDARD_LIBRARY: [&str; 14] = [
    "this.py",
    "keyword.py",
    "token.py",
    "stat.py",
    "opcode.py",
    "colorsys.py",
    "string.py",
    "html/entities.py",
    "encodings/aliases.py",
    "pydoc_data/topics.py",
    "heapq.py",
    "textwrap.py",
    "calendar.py",
    "fractions.py",
];
const DILL_TESTS: [&str; 10] = [
    "test_abc.py",
    "test_classdef.py",
    "test_dictviews.py",
    "test_extendpickle.py",
    "test_functions.py",
    "test_mixins.py",
    "test_nested.py",
    "test_properties.py",
    "test_recursive.py",
    "test_restricted.py",
];

/// Compares the names that a script defines under plain Python with those restored from its snapshot. Returns their
/// number.
fn compare(sandbox: &Sandbox, script: &str) -> usize {
    let seed = |call: crate::env::Call| call.env("PYTHONHASHSEED", "0");
    let plain = format!(
        "{SUMMARY}\nimport os, runpy, sys\nsys.argv = [{script:?}]; sys.path[0] = os.path.dirname({script:?})\n\
         left = runpy.run_path({script:?}, run_name='__main__')\nprint('SUMMARY' + json.dumps(summary(left)))"
    );
    let plain = seed(sandbox.call_python(&["-c", &plain])).run();
    plain.assert_code(0);
    let expected: Map<String, Value> = answer(&plain.out());
    let saved = seed(sandbox.call_snapcli(&["save", "-v", script])).run();
    saved.assert_code(0);
    let code = format!("{SUMMARY}\nprint('SUMMARY' + json.dumps(summary(globals())))");
    let restored = seed(sandbox.call_snapcli(&["restore", "session.pkl", "-c", &code])).run();
    restored.assert_code(0);
    let mut found = answer(&restored.out());
    let index = sandbox.snapcli(&["inspect", "--json"]).json();
    let left_out: Vec<&str> =
        index["left_out"].as_array().unwrap().iter().filter_map(|item| item["name"].as_str()).collect();
    // The code that summarizes defines names that hide the script's.
    let asked = ["json", "types", "plain", "summary"];
    for (name, value) in &expected {
        if left_out.contains(&name.as_str()) || asked.contains(&name.as_str()) {
            continue;
        }
        assert_eq!(
            found.remove(name).as_ref(),
            Some(value),
            "{name} of {script}\n{}\n{}",
            saved.whole(),
            restored.whole()
        );
    }
    found.retain(|name, _| !asked.contains(&name.as_str()));
    assert!(found.is_empty(), "{script} came back with more than it left: {found:?}");
    // Few objects in these scripts cannot be saved.
    assert!(left_out.iter().filter(|name| !name.starts_with('_')).count() <= 3, "{}", saved.whole());
    expected.len()
}

fn answer(text: &str) -> Map<String, Value> {
    serde_json::from_str(text.split("SUMMARY").last().unwrap().trim()).unwrap()
}

#[test]
fn sessions_of_standard_library_scripts_are_restored_unchanged() {
    let sandbox = Sandbox::new();
    let library = sandbox.python(&["-c", "import os; print(os.path.dirname(os.__file__), end='')"]).out();
    let names: usize = STANDARD_LIBRARY.iter().map(|script| compare(&sandbox, &format!("{library}/{script}"))).sum();
    assert!(names > 200, "{names}");
}

#[test]
fn sessions_of_dills_own_tests_are_restored_unchanged() {
    let sandbox = Sandbox::new();
    let tests =
        sandbox.python(&["-c", "import os, dill.tests; print(os.path.dirname(dill.tests.__file__), end='')"]).out();
    let names: usize = DILL_TESTS.iter().map(|script| compare(&sandbox, &format!("{tests}/{script}"))).sum();
    assert!(names > 100, "{names}");
}
