//! Scripts that are edited between two processes of a run: what has not run yet may change.

use super::STEPS;
use crate::env::{Run, Sandbox};

/// Runs a script until it kills itself, and then another one in its place.
pub(super) fn edited(before: &str, after: &str, options: &[&str]) -> Run {
    let sandbox = Sandbox::new();
    sandbox.write("script.py", format!("{STEPS}{before}"));
    sandbox.write("processes", "x");
    sandbox.snapcli(&["run", "script.py"]);
    sandbox.write("script.py", format!("{STEPS}{after}"));
    sandbox.write("processes", "xx");
    let words: Vec<&str> = ["run"].iter().chain(options).chain(&["script.py"]).copied().collect();
    sandbox.snapcli(&words)
}

/// Runs a script that fails, and then the edited one, with and without `--accept-changes`.
pub(super) fn mended(before: &str, after: &str) -> (Run, Run) {
    let sandbox = Sandbox::new();
    sandbox.write("script.py", format!("{STEPS}{before}"));
    sandbox.write("processes", "x");
    sandbox.snapcli(&["run", "script.py"]).assert_code(1);
    sandbox.write("script.py", format!("{STEPS}{after}"));
    let refused = sandbox.snapcli(&["run", "script.py"]);
    refused.assert_code(1).assert_stdout("");
    (refused, sandbox.snapcli(&["run", "--accept-changes", "script.py"]))
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
    for (old, new, said) in [
        ("start = 10", "start = 20", format!("line {} has already run, but has changed since", line + 2)),
        ("n * 2", "n * 3", format!("line {}, in twice(), has changed since twice() was defined", line + 4)),
    ] {
        let after = SCRIPT.replace(old, new).replace("(undefined)", "()");
        let refused = edited(SCRIPT, &after, &[]);
        refused.assert_code(1).assert_stdout("");
        let err = refused.err();
        assert!(err.contains(&said), "{err}");
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
    let loop_head = "    for n in range(4):";
    for (old, new, said) in [
        (loop_head, "    for k, n in enumerate(range(4)):", "cannot find the place"),
        ("main()\nprint", "print(0)\nprint", "cannot find the place"),
        ("def main():\n", "def main(start=1):\n", "within main(), which has other parameters now"),
        ("    print('total', total)", "    yield total", "within main(), which is a generator now"),
    ] {
        let after = SCRIPT.replace(old, new).replace("(undefined)", "()");
        for options in [&[][..], &["--accept-changes"]] {
            let refused = edited(SCRIPT, &after, options);
            refused.assert_code(1).assert_stdout("");
            let err = refused.err();
            assert!(err.contains(said) && err.contains("where the run would resume"), "{err}");
            assert!(err.contains("to start over: snapcli run --fresh script.py\n"), "{err}");
            assert!(!err.contains("snapcli run --accept-changes"), "{err}");
        }
    }
}

#[test]
fn the_head_of_a_loop_under_way_may_change_but_its_items_stay() {
    for new in ["range(6)", "[7, 8]", "list(range(9))"] {
        let after = SCRIPT.replace("range(4)", new).replace("(undefined)", "()");
        let refused = edited(SCRIPT, &after, &[]);
        refused.assert_code(1).assert_stdout("");
        let err = refused.err();
        assert!(err.contains("has changed since the loop began\n") && err.contains(new), "{err}");
        assert!(err.contains("to resume with the items of the old loop: snapcli run --accept-changes"), "{err}");
        edited(SCRIPT, &after, &["--accept-changes"]).assert_code(0).assert_stdout("total 22\n\n");
    }
}

#[test]
fn the_condition_of_a_while_loop_under_way_may_change() {
    let before = "
n = 0
while n < 4:
    n += 1
    if n == 2:
        checkpoint()
    if n == 3:
        kill(1)
print(n)
";
    edited(before, &before.replace("n < 4", "n < 6"), &[]).assert_code(0).assert_stdout("6\n");
}

#[test]
fn a_branch_and_a_call_under_way_may_change_once_it_is_accepted() {
    let before = "
def main(k):
    if k > 1:
        for n in range(3):
            if n == 1:
                checkpoint()
            if n == 2:
                kill(1)
        print('end', k)
if kill:
    main(4)
";
    let after = before.replace("k > 1", "k > 2").replace("if kill", "if kill and 1").replace("main(4)", "main(5)");
    let refused = edited(before, &after, &[]);
    refused.assert_code(1).assert_stdout("");
    let err = refused.err();
    assert!(err.contains("has changed since its condition was evaluated\n"), "{err}");
    assert!(err.contains("has changed since its call began\n") && err.contains("it is:  main(5)\n"), "{err}");
    edited(before, &after, &["--accept-changes"]).assert_code(0).assert_stdout("end 4\n");
}

#[test]
fn every_change_is_listed_up_to_a_limit() {
    let assignments: String = (0..15).map(|n| format!("v{n} = {n}\n")).collect();
    let before = format!("{assignments}{SCRIPT}");
    let after = before.replace("start = 10", "start = 20").replace("n * 2", "n * 3").replace("(undefined)", "()");
    let err = edited(&before, &after, &[]).err();
    assert!(err.contains("2 changes in the script concern what has already run\n"), "{err}");
    for text in ["start = 10", "start = 20", "return n * 2", "return n * 3", "has already run, but", "in twice(), has"]
    {
        assert!(err.contains(text), "{text}: {err}");
    }
    let many = (0..15).fold(after, |text, n| text.replace(&format!("v{n} = {n}\n"), &format!("v{n} = -{n}\n")));
    let err = edited(&before, &many, &[]).err();
    assert!(err.contains("17 changes in the script") && err.contains("\n  and 7 more\n"), "{err}");
    edited(&before, &many, &["--accept-changes"]).assert_code(0).assert_stdout("total 27\n\n");
}

#[test]
fn a_line_that_was_added_within_a_statement_is_shown_as_new() {
    let before = SCRIPT.replace("start = 10", "options = {\n    'a': 1,\n}\nstart = 10");
    let after = before.replace("    'a': 1,\n", "    'a': 1,\n    'b': 2,\n").replace("(undefined)", "()");
    let err = edited(&before, &after, &[]).err();
    assert!(err.contains("  it was: (nothing)\n  it is:  'b': 2,\n"), "{err}");
}

#[test]
fn constants_and_imports_may_be_added_where_the_script_or_a_function_has_been() {
    let after = SCRIPT
        .replace("start = 10", "LIMIT = 2 * 3\nstart = 10")
        .replace("    total = start", "    import math\n    found, best = [], {'a': (1, -2)}\n    total = start")
        .replace("    total = start", "    low: float = -1.5\n    total = start")
        .replace("print('total', total)", "print((lambda: low)(), total, LIMIT, found, best, math.floor(2.5))")
        .replace("(undefined)", "()");
    let after = after.replace("found, best = [], {'a': (1, -2)}", "found = []\n    best = {'a': (1, -2)}");
    edited(SCRIPT, &after, &[]).assert_code(0).assert_stdout("-1.5 22 6 [] {'a': (1, -2)} 2\n\n");
}

#[test]
fn accepted_changes_move_no_statement_out_of_the_rest() {
    let before = "
a = 1
b = 2
c = 3
for n in range(3):
    if n == 1:
        checkpoint()
print(a, b, c)
print(undefined)
";
    for (old, new, said) in [
        ("b = 2\n", "", "as it was has already run, and was removed since"),
        (
            "b = 2\n",
            "x = len('abc')\ny = 8\nb = 2\n",
            "is new, above the place where the run resumes: it would not run",
        ),
        ("b = 2\n", "b = 9\n", "has already run, but has changed since"),
        ("a = 1\nb = 2\nc = 3\n", "", "as it was has already run, and was removed since"),
    ] {
        let after = before.replace(old, new).replace("(undefined)", "('mended')");
        let (refused, accepted) = mended(before, &after);
        assert!(refused.err().contains(said), "{}", refused.err());
        accepted.assert_code(0).assert_stdout("1 2 3\nmended\n");
    }
}

#[test]
fn a_statement_that_does_something_else_than_the_one_in_its_place_runs() {
    let before = "
rows = [1, 2]
print('first')
checkpoint()
print(sum(rows) / 0)
";
    let body = "def main():\n    rows = [1, 2]\n    print(sum(rows) / 1)\n";
    for (after, printed) in [
        (format!("{body}main()\n"), "3.0\n"),
        (format!("{body}if __name__ == '__main__':\n    main()\n"), "3.0\n"),
        (format!("import math\nclass Rows(list): pass\n{body}print('wrapped')\nmain()\n"), "3.0\n"),
        ("rows = [7]\nprint('again')\ncheckpoint()\nprint(sum(rows) / 1)\n".to_owned(), "3.0\n"),
        ("print('first')\ncheckpoint()\nvalues = [4]\nprint(sum(values))\n".to_owned(), "4\n"),
    ] {
        let (_, accepted) = mended(before, &after);
        accepted.assert_code(0).assert_stdout(printed);
    }
}
