//! Generators, coroutines and async generators: those that have not started and those that have ended come back, in
//! plain dill too; of those that have started, the report says where they stopped. The script
//! `generators/generators.py` has all kinds, and a check for each.

use crate::env::{Python, Sandbox, Stack, pythons, venv};
use crate::skipped::skipped;

const SCRIPT: &str = include_str!("generators/generators.py");

/// The script with its variables in reverse order: generators before their functions.
fn reversed_script() -> String {
    let turn = "_g = globals()\nfor _k in reversed([k for k in _g if not k.startswith('_')]): _g[_k] = _g.pop(_k)\n";
    format!("{SCRIPT}{turn}")
}

/// The Pythons in which a generator expression over a list shows how far it came: since 3.15 no object has it.
fn pythons_that_show_positions() -> impl Iterator<Item = &'static Python> {
    let shows = |python: &&Python| python.version < (3, 15);
    if !pythons().iter().all(|python| shows(&python)) {
        skipped("Python 3.15 does not show how far a generator expression over a list came");
    }
    pythons().iter().filter(shows)
}

#[test]
fn generators_that_have_not_started_or_have_ended_are_restored() {
    for python in pythons_that_show_positions() {
        for script in [SCRIPT.to_owned(), reversed_script()] {
            let sandbox = Sandbox::with(venv(python, Stack::Dill));
            sandbox.write("script.py", script);
            sandbox.snapcli(&["save", "--strict", "-q", "script.py"]).assert_code(0);
            let code = "import sys; print(failures(), 'dill' in sys.modules)";
            let run = sandbox.snapcli(&["restore", "session.pkl", "-c", code]);
            run.assert_stdout("[] False\n").assert_stderr("").assert_code(0);
            let code = "import dill; dill.load_module('session.pkl'); print(failures())";
            let run = sandbox.python(&["-W", "error", "-c", code]);
            run.assert_stdout("[]\n").assert_stderr("").assert_code(0);
        }
    }
}

#[test]
fn a_second_save_of_restored_generators_has_no_difference() {
    for python in pythons_that_show_positions() {
        let sandbox = Sandbox::with(venv(python, Stack::Dill));
        sandbox.write("script.py", SCRIPT);
        let run = sandbox.snapcli(&["save", "--strict", "--verify", "script.py"]);
        run.assert_code(0);
        assert!(run.err().contains("with the same values"), "{}", run.whole());
    }
}

#[test]
fn started_generators_are_left_out_with_their_line_and_what_they_wait_for() {
    let script = "
import asyncio
def two():
    x = 1
    yield x
    yield 2
def delegate():
    yield from two()
class Awaitable:
    def __await__(self):
        yield 1
async def waits():
    await Awaitable()
async def count():
    yield 1
    yield 2
def step(coroutine):
    try: coroutine.send(None)
    except StopIteration: pass
plain, delegating, coroutine, async_generator = two(), delegate(), waits(), count()
next(plain), next(delegating), step(coroutine), step(async_generator.asend(None))
two_loops = (x for x in [1, 2] for y in [3, 4]); next(two_loops)
lambdas = (lambda: x for x in [1, 2]); next(lambdas)
over_started = (x for x in plain)
in_a_list = [1, {'k': plain}]
kept = [x for x in [1, 2]]
";
    let expected = [
        "plain (generator, line 20): _pickle.PicklingError: cannot pickle a generator that has started: it stopped at \
         line 5, at a yield",
        "it stopped at line 8, and waits for generator two",
        "cannot pickle a coroutine that has started: it stopped at line 13, and waits for generator \
         Awaitable.__await__",
        "cannot pickle an async generator that has started: it stopped at line 15, at a yield",
        "two_loops (generator, line 22): _pickle.PicklingError: cannot pickle a generator that has started",
        "lambdas (generator, line 23): _pickle.PicklingError: cannot pickle a generator that has started",
        "over_started.gi_frame.f_locals['.0'] (generator)",
        "in_a_list[1]['k'] (generator)",
    ];
    for python in pythons() {
        let sandbox = Sandbox::with(venv(python, Stack::Dill));
        sandbox.write("script.py", script);
        let run = sandbox.snapcli(&["save", "script.py"]);
        run.assert_code(0);
        for expected in expected {
            assert!(run.err().contains(expected), "{expected}\n{}", run.whole());
        }
        sandbox.snapcli(&["restore", "session.pkl", "-c", "print(kept)"]).assert_stdout("[1, 2]\n");
    }
}

#[test]
fn a_running_generator_that_saves_the_session_is_left_out() {
    let sandbox = Sandbox::new();
    let script = "
def saves():
    import snapcli
    yield snapcli.save('inner.pkl').lost
generator = saves()
print(next(generator))
";
    sandbox.write("script.py", script);
    let run = sandbox.snapcli(&["save", "-q", "script.py"]);
    assert!(run.out().contains("'generator': '_pickle.PicklingError: cannot pickle a generator that is running'"));
}

#[test]
fn a_failed_load_says_nothing_of_coroutines_that_were_never_awaited() {
    for python in pythons() {
        let sandbox = Sandbox::with(venv(python, Stack::Dill));
        let script = "
import os, warnings
warnings.simplefilter('ignore')
async def one(): return 1
class Fails:
    def __reduce__(self): return number, ('x',)
def number(text): return 0 if os.path.exists('saving') else int(text)
coroutine = one()
fails = [one(), Fails()]
iterator = iter([5])
after = [1]
";
        sandbox.write("script.py", script);
        // A save loads such objects itself, so they must fail only afterwards.
        let saving = sandbox.write("saving", "");
        sandbox.snapcli(&["save", "-q", "script.py"]).assert_code(0);
        std::fs::remove_file(saving).unwrap();
        let restore =
            sandbox.call_snapcli(&["restore", "session.pkl", "-c", "coroutine.close(); print(next(iterator), after)"]);
        let run = restore.env("PYTHONWARNINGS", "error").run();
        run.assert_stdout("5 [1]\n");
        let lost = "snapcli: cannot restore fails (list): ValueError: invalid literal for int() with base 10: 'x'\n";
        run.assert_stderr(lost);
    }
}

#[test]
fn the_verdict_on_generators_of_the_session_is_not_dangerous() {
    for python in pythons_that_show_positions() {
        let sandbox = Sandbox::with(venv(python, Stack::Dill));
        let script = SCRIPT.replace("entered_later = manager(4)\n", "");
        sandbox.write("script.py", script);
        sandbox.snapcli(&["save", "-q", "script.py"]).assert_code(0);
        let verdict = sandbox.snapcli(&["inspect", "--json", "--verdict", "session.pkl"]).json();
        assert_eq!(verdict["verdict"]["class"], "calls", "{verdict:#}");
        let findings = verdict["verdict"]["findings"].as_array().unwrap();
        let calls: Vec<_> = findings.iter().filter(|finding| finding["class"] == "calls").collect();
        assert!(!calls.is_empty(), "{verdict:#}");
        for finding in calls {
            assert_eq!(finding["why"], "makes a generator, whose code does not run yet", "{finding}");
        }
    }
}

#[test]
fn no_warning_is_raised_when_warnings_are_errors() {
    for python in pythons_that_show_positions() {
        if python.version >= (3, 14) {
            skipped("Python 3.14 has no reductions for the iterators of itertools");
            continue;
        }
        let sandbox = Sandbox::with(venv(python, Stack::Dill));
        let script = "
import itertools
count, product = itertools.count(5), itertools.product([1, 2], 'ab')
next(product)
chained = (x for x in itertools.chain([1, 2], [3])); next(chained)
def function(x): return x
class Class:
    def method(self): return super().__repr__()
";
        sandbox.write("script.py", script);
        let save = sandbox.call_snapcli(&["save", "-q", "--strict", "script.py"]).env("PYTHONWARNINGS", "error").run();
        save.assert_stderr("").assert_code(0);
        let code = "print(next(count), next(product), list(chained), function(1))";
        let restore =
            sandbox.call_snapcli(&["restore", "session.pkl", "-c", code]).env("PYTHONWARNINGS", "error").run();
        restore.assert_stdout("5 (1, 'b') [2, 3] 1\n").assert_stderr("").assert_code(0);
    }
}
