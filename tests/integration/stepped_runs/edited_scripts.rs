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
    let after = SCRIPT.replace("    for n in range(4):", "    for n in range(5):").replace("(undefined)", "()");
    let refused = edited(SCRIPT, &after, &["--accept-changes"]);
    refused.assert_code(1).assert_stdout("");
    let err = refused.err();
    assert!(err.contains("--accept-changes cannot find the place") && err.contains("--fresh"), "{err}");
    assert!(!err.contains("use --accept-changes"), "{err}");
}

/// The script `SCRIPT` with a class, and functions that the run has not called yet.
const DEFINITIONS: &str = "
class Model:
    made = 0
    def __init__(self):
        Model.made += 1
    def score(self, n):
        return n / 0
def finish(model):
    return model.score(3)
model = Model()
for n in range(4):
    if n == 2:
        checkpoint()
print(finish(model), isinstance(model, Model), Model.made)
";

/// Runs a script that fails, and then the edited one, with and without `--accept-changes`.
fn mended(before: &str, after: &str) -> (Run, Run) {
    let sandbox = Sandbox::new();
    sandbox.write("script.py", format!("{STEPS}{before}"));
    sandbox.write("processes", "x");
    sandbox.snapcli(&["run", "script.py"]).assert_code(1);
    sandbox.write("script.py", format!("{STEPS}{after}"));
    let refused = sandbox.snapcli(&["run", "script.py"]);
    refused.assert_code(1).assert_stdout("");
    (refused, sandbox.snapcli(&["run", "--accept-changes", "script.py"]))
}

#[test]
fn a_change_of_a_function_is_shown_with_its_own_lines() {
    let line = u32::try_from(STEPS.lines().count()).unwrap();
    let after = DEFINITIONS.replace("n / 0", "n / 2");
    let others = [
        after.clone(),
        format!("'''What it does.'''\n\n# a comment\n{after}"),
        after.replace("def finish", "def added():\n    pass\ndef finish").replace("class Model", "\n\nclass Model"),
        after.replace("class Model:", "import math\n\nclass Model:\n    '''Scores.'''\n"),
    ];
    for after in others {
        let number = |text: &str, script: &str| {
            line + u32::try_from(script.lines().position(|line| line.contains(text)).unwrap()).unwrap() + 1
        };
        let (refused, accepted) = mended(DEFINITIONS, &after);
        let (old, new, err) = (number("n / 0", DEFINITIONS), number("n / 2", &after), refused.err());
        let said = format!("line {new}, in Model.score(), has changed since Model.score() was defined");
        assert!(err.contains(&said), "{err}");
        let shown = match old == new {
            true => "it was: return n / 0\n  it is:  return n / 2".to_owned(),
            false => format!("it was (line {old}): return n / 0\n  it is (line {new}):  return n / 2"),
        };
        assert!(err.contains(&shown), "{err}");
        assert!(err.contains("from its next call: snapcli run --accept-changes script.py\n"), "{err}");
        accepted.assert_code(0).assert_stdout("1.5 True 1\n");
        let resumed = format!("resuming at line {}\n", number("for n in", &after));
        assert!(accepted.err().contains(&resumed), "{}\n{resumed}", accepted.err());
    }
}

#[test]
fn parts_of_a_class_that_are_added_belong_to_the_objects_that_exist() {
    let after = DEFINITIONS
        .replace(
            "    def score(self, n):\n        return n / 0",
            "    factor = 2\n    def score(self, n):\n        return self.twice(n)\n    @property\n    \
             def own(self):\n        return super().__repr__() != ''\n    \
             def twice(self, n, *, by=2):\n        return n * by * self.factor",
        )
        .replace("Model.made)", "Model.made, model.own)");
    let (refused, accepted) = mended(DEFINITIONS, &after);
    let err = refused.err();
    assert!(err.contains("in class Model, was added since class Model was defined"), "{err}");
    assert!(err.contains("it was: (nothing)\n") && err.contains("factor = 2"), "{err}");
    accepted.assert_code(0).assert_stdout("12 True 1 True\n");
}

#[test]
fn definitions_may_change_their_order_and_get_docstrings() {
    let finish = "def finish(model):\n    return model.score(3)\n";
    let after = DEFINITIONS.replace(finish, "").replace("class Model", &format!("{finish}class Model"));
    let after = after.replace("class Model:\n", "class Model:\n    '''Scores.'''\n");
    let after = after.replace("def finish(model):\n", "def finish(model):\n    '''Ends.'''\n");
    let after = after.replace("print(finish(model),", "print(");
    edited(DEFINITIONS, &after, &[]).assert_code(0).assert_stdout("True 1\n");
}

#[test]
fn a_decorator_that_was_added_is_shown_and_used_once_it_is_accepted() {
    let after = DEFINITIONS.replace("def finish", "def twice(f):\n    return lambda x: 2\n@twice\ndef finish");
    let (refused, accepted) = mended(DEFINITIONS, &after);
    let err = refused.err();
    assert!(err.contains("in finish(), was added since finish() was defined"), "{err}");
    assert!(err.contains("it was: (nothing)\n") && err.contains(":  @twice\n"), "{err}");
    accepted.assert_code(0).assert_stdout("2 True 1\n");
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
        ("b = 2\n", "x = 7\ny = 8\nb = 2\n", "is new, above the place where the run resumes: it would not run"),
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
