//! Scripts that are edited between two processes of a run: what has not run yet may change.

use super::STEPS;
use crate::env::{Run, Sandbox};

/// Runs a script until it kills itself, and then another one in its place.
fn edited(before: &str, after: &str, options: &[&str]) -> Run {
    let sandbox = Sandbox::new();
    sandbox.write("script.py", format!("{STEPS}{before}"));
    sandbox.write("processes", "x");
    sandbox.snapcli(&["run", "script.py"]);
    sandbox.write("script.py", format!("{STEPS}{after}"));
    sandbox.write("processes", "xx");
    let words: Vec<&str> = ["run"].iter().chain(options).chain(&["script.py"]).copied().collect();
    sandbox.snapcli(&words)
}

const SCRIPT: &str = "
start = 10
def twice(n):
    return n * 2
def main():
    total = start
    for n in range(4):
        total += twice(n)
        if n == 1:
            checkpoint()
        if n == 2:
            kill(1)
    print('total', total)
main()
print(undefined)
";

#[test]
fn what_has_not_run_may_change() {
    let after = SCRIPT
        .replace("    print('total', total)", "    total += 100\n    print('changed', total)")
        .replace("print(undefined)", "print('mended')\nprint('added')");
    edited(SCRIPT, &after, &[]).assert_code(0).assert_stdout("changed 122\nmended\nadded\n");
}

#[test]
fn the_body_of_a_loop_changes_from_its_next_iteration() {
    let after =
        SCRIPT.replace("total += twice(n)", "note = n\n        total += twice(n) * 1000").replace("(undefined)", "()");
    edited(SCRIPT, &after, &[]).assert_code(0).assert_stdout("total 10012\n\n");
}

#[test]
fn imports_and_functions_may_be_added() {
    let after = SCRIPT
        .replace("start = 10", "import math\nstart = 10\ndef helper():\n    return math.floor(2.5)\n")
        .replace("print(undefined)", "print(helper())");
    edited(SCRIPT, &after, &[]).assert_code(0).assert_stdout("total 22\n2\n");
}

#[test]
fn a_change_of_what_has_run_is_named() {
    let line = STEPS.lines().count();
    for (old, new, number) in [("start = 10", "start = 20", line + 2), ("n * 2", "n * 3", line + 4)] {
        let after = SCRIPT.replace(old, new).replace("(undefined)", "()");
        let refused = edited(SCRIPT, &after, &[]);
        refused.assert_code(1).assert_stdout("");
        let err = refused.err();
        assert!(err.contains(&format!("line {number} has already run, but has changed since")), "{err}");
        assert!(err.contains(old) && err.contains(new) && err.contains("--accept-changes"), "{err}");
    }
    let after = SCRIPT.replace("n * 2", "n * 3").replace("(undefined)", "()");
    edited(SCRIPT, &after, &["--accept-changes"]).assert_code(0).assert_stdout("total 27\n\n");
}

#[test]
fn comments_and_blank_lines_may_change() {
    let after = SCRIPT.replace("start = 10", "# a comment\n\nstart = 10  # ten").replace("(undefined)", "()");
    edited(SCRIPT, &after, &[]).assert_code(0).assert_stdout("total 22\n\n");
}

#[test]
fn a_function_that_was_renamed_is_shown_with_its_new_name() {
    let after = SCRIPT.replace("twice", "double").replace("(undefined)", "()");
    let refused = edited(SCRIPT, &after, &[]);
    refused.assert_code(1).assert_stdout("");
    let err = refused.err();
    assert!(err.contains("it was: def twice(n):") && err.contains("it is:  def double(n):"), "{err}");
    edited(SCRIPT, &after, &["--accept-changes"]).assert_code(0).assert_stdout("total 22\n\n");
}

#[test]
fn a_change_that_cannot_be_accepted_is_not_advised_to_be_accepted() {
    let after = SCRIPT.replace("    for n in range(4):", "    for n in range(5):").replace("(undefined)", "()");
    let refused = edited(SCRIPT, &after, &["--accept-changes"]);
    refused.assert_code(1).assert_stdout("");
    let err = refused.err();
    assert!(err.contains("--accept-changes cannot find the place") && err.contains("--fresh"), "{err}");
    assert!(!err.contains("use --accept-changes"), "{err}");
}
