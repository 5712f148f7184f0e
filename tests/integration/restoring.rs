//! A restore makes the variables available in a prompt, to an expression or to a script, and reports a bad file before
//! anything runs.

use std::fs;

use crate::env::{Sandbox, Stack, main_python, pythons, venv};
use crate::skipped::skipped;

fn with_session(script: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("script.py", script);
    sandbox.snapcli(&["save", "-q", "script.py"]).assert_code(0);
    sandbox
}

#[test]
fn an_expressions_value_is_printed_and_statements_just_run() {
    let sandbox = with_session("x = [1, 2]\ndef f(): return sum(x)\n");
    sandbox.snapcli(&["restore", "session.pkl", "-c", "f() + 1"]).assert_stdout("4\n").assert_stderr("");
    sandbox.snapcli(&["restore", "session.pkl", "-c", "y = f(); print(y, __name__)"]).assert_stdout("3 __main__\n");
    sandbox.snapcli(&["restore", "session.pkl", "-c", "f(); x"]).assert_stdout("3\n[1, 2]\n");
    sandbox.snapcli(&["restore", "session.pkl", "-c", "import gc; gc.collect()"]).assert_stdout("");
    sandbox.snapcli(&["restore", "session.pkl", "-c", "f()\nf()"]).assert_stdout("");
    sandbox.snapcli(&["restore", "session.pkl", "-c", "None"]).assert_stdout("");
    sandbox.snapcli(&["restore", "-c", "x"]).assert_stdout("[1, 2]\n");
    let run = sandbox.snapcli(&["restore", "session.pkl", "-c", "import sys; print(sys.argv)", "a", "-q"]);
    run.assert_stdout("['-c', 'a', '-q']\n");
}

#[test]
fn an_error_in_the_code_is_shown_as_python_shows_it() {
    let sandbox = with_session("x = 1");
    let run = sandbox.snapcli(&["restore", "session.pkl", "-c", "x / 0"]);
    run.assert_code(1);
    assert!(run.err().starts_with("Traceback (most recent call last):\n  File \"<string>\", line 1, in <module>\n"));
    assert!(run.err().ends_with("ZeroDivisionError: division by zero\n"));
    sandbox.snapcli(&["restore", "session.pkl", "-c", "import sys; sys.exit(9)"]).assert_code(9);
}

#[test]
fn a_script_runs_with_the_restored_variables() {
    let sandbox = with_session("x = 20\ndef f(n): return x + n\n");
    let script = "import sys\nprint(f(2), sys.argv, __name__, __file__)\n";
    let path = sandbox.write("sub/next.py", script);
    let run = sandbox.snapcli(&["restore", "session.pkl", "sub/next.py", "a", "-c"]);
    run.assert_stdout(&format!("22 ['sub/next.py', 'a', '-c'] __main__ {}\n", path.display())).assert_code(0);
}

#[test]
fn the_prompt_is_pythons_own_with_the_restored_variables() {
    for python in pythons() {
        let sandbox = Sandbox::with(venv(python, Stack::Dill));
        sandbox.write("script.py", "x = 41\ndef f(): return x + 1\n");
        sandbox.snapcli(&["save", "-q", "script.py"]).assert_code(0);
        // Standard input is a pipe, so only -i opens the prompt.
        let run = sandbox.call_snapcli(&["restore", "-i"]).stdin("print(f())\nx = 1\nprint(f(), __name__)\n").run();
        run.assert_stdout("42\n2 __main__\n").assert_code(0);
        assert!(run.err().starts_with("snapcli: restored 2 variables from session.pkl: x, f\n"), "{}", run.whole());
        let run = sandbox.call_snapcli(&["restore", "-i"]).stdin("import sys; print(sys.argv)\n").run();
        run.assert_stdout("['']\n");
        let run = sandbox.call_snapcli(&["restore", "session.pkl", "-i", "-c", "x = 7; 1/0"]).stdin("print(x)\n").run();
        run.assert_stdout("7\n");
        assert!(run.err().contains("ZeroDivisionError"), "{}", run.whole());
    }
}

#[test]
fn a_dict_is_listed_under_the_names_that_a_restore_binds() {
    let sandbox = Sandbox::new();
    for (dict, names) in [
        ("{'loss': 1, 'rate': 2}", &["loss", "rate"][..]),
        ("{'loss': 1, 'learning rate': 2}", &["obj"]),
        ("{'loss': 1, '': 2}", &["obj"]),
        ("{'loss': 1, '__spec__': 2}", &["obj"]),
        ("{'class': 1, 'match': 2}", &["obj"]),
        ("{'match': 1, 'grün': 2}", &["match", "grün"]),
        ("{}", &["obj"]),
    ] {
        sandbox.call_python(&["-c", &format!("import pickle; pickle.dump({dict}, open('d.pkl', 'wb'))")]).run();
        let listed = sandbox.snapcli(&["restore", "--list", "d.pkl"]);
        for name in names {
            assert!(listed.out().split_whitespace().any(|word| word == *name), "{dict}\n{}", listed.whole());
        }
        let shown = sandbox.snapcli(&["inspect", "--json", "d.pkl"]).json();
        let shown: Vec<_> = shown["variables"].as_array().unwrap().iter().map(|row| row["name"].clone()).collect();
        assert_eq!(shown, names, "{dict}");
        for trust in [&[][..], &["--trust"]] {
            let run = sandbox.snapcli(&[&["restore"][..], trust, &["d.pkl", "-c", &names.join(", ")]].concat());
            run.assert_code(0);
        }
    }
}

#[test]
fn dill_and_pickle_files_are_restored_too() {
    if main_python().version >= (3, 15) {
        return skipped("plain dill 0.4.1 pickles no function of Python 3.15");
    }
    let sandbox = Sandbox::new();
    let write = "
import dill, pickle
numbers = [1, 2]
def double(x): return [2 * n for n in x]
dill.dump_module('main.pkl')
pickle.dump({'a': 1, 'b': [2]}, open('dict.pkl', 'wb'))
pickle.dump({'not a name': 1}, open('odd.pkl', 'wb'))
pickle.dump([1, 2, 3], open('list.pkl', 'wb'), protocol=0)
dill.dump(lambda x: x + 1, open('function.pkl', 'wb'))
module = type(dill)('scratch')
module.value = 5
dill.dump_module('scratch.pkl', module=module)
";
    sandbox.python(&["-c", write]).assert_code(0);
    let restore = |file: &str, code: &str| sandbox.snapcli(&["restore", "--trust", file, "-c", code]);
    restore("main.pkl", "double(numbers)").assert_stdout("[2, 4]\n");
    restore("dict.pkl", "(a, b)").assert_stdout("(1, [2])\n");
    restore("odd.pkl", "obj").assert_stdout("{'not a name': 1}\n");
    restore("list.pkl", "obj").assert_stdout("[1, 2, 3]\n");
    restore("function.pkl", "obj(1)").assert_stdout("2\n");
    restore("scratch.pkl", "scratch.value").assert_stdout("5\n");
}

#[test]
fn a_file_that_is_not_a_snapshot_is_refused_before_anything_runs() {
    let sandbox = with_session("x = list(range(1000))");
    let good = fs::read(sandbox.work().join("session.pkl")).unwrap();
    let mut flipped = good.clone();
    flipped[good.len() / 3] ^= 0x10;
    let cases: [(&str, &[u8], &str); 7] = [
        // A cut after the pickle loses only the index.
        ("cut.pkl", &good[..good.len() - 40], "its index is missing"),
        ("half.pkl", &good[..good.len() / 3], "truncated"),
        ("flipped.pkl", &flipped, "cause: damaged: "),
        ("empty.pkl", b"", "empty"),
        ("text.pkl", b"Dear all,\nplease find attached\n", "not a"),
        ("gzip.pkl", b"\x1f\x8b\x08\0\0\0\0\0\0\x03", "gzip"),
        ("zip.pkl", b"PK\x03\x04\x14\0\0\0", "zip"),
    ];
    for (name, bytes, word) in cases {
        sandbox.write(name, bytes);
        let run = sandbox.snapcli(&["restore", name, "-c", "print('ran')"]);
        run.assert_code(4).assert_stdout("");
        assert!(run.err().contains(word), "{}", run.whole());
        assert!(!run.err().contains("Traceback") && !run.err().contains("panicked"), "{}", run.whole());
    }
}

#[test]
fn an_unloadable_variable_loses_only_the_variables_that_need_it() {
    let sandbox = Sandbox::new();
    sandbox.write("helper.py", "class Gone:\n    pass\n");
    let script = "
import helper, os
shared = ['shared']
before = [shared, 1]
class Broken:
    def __init__(self): self.value = 1
    def __setstate__(self, state):
        if not os.path.exists('helper.py'): raise TypeError('no state')
broken = [shared, Broken(), 'after']
gone = {'x': helper.Gone(), 'shared': shared}
needs = (gone, 5)
after = [shared, before, broken[0]]
def f(): return after
";
    sandbox.write("script.py", script);
    sandbox.snapcli(&["save", "-q", "script.py"]).assert_code(0);
    fs::remove_file(sandbox.work().join("helper.py")).unwrap();
    let code = "print(after == [['shared'], [['shared'], 1], ['shared']], \
                after[0] is shared is before[0] is after[2], f() is after)";
    let run = sandbox.snapcli(&["restore", "session.pkl", "-c", code]);
    run.assert_stdout("True True True\n").assert_code(0);
    let place = sandbox.work().join("script.py").display().to_string();
    let helper = format!(
        "needs the module helper, which was beside {place}: put its directory on PYTHONPATH, or pass \
         --map helper=NEW if it was renamed"
    );
    let expected = format!(
        "snapcli: cannot restore helper (module), gone (dict), needs (tuple): {helper}\n\
         snapcli: cannot restore broken (list): TypeError: no state\n"
    );
    run.assert_stderr(&expected);
    sandbox.snapcli(&["restore", "--strict", "session.pkl", "-c", "print('ran')"]).assert_code(3).assert_stdout("");
}

#[test]
fn a_path_that_cannot_be_opened_is_a_usage_error_in_every_command() {
    let sandbox = Sandbox::new();
    sandbox.write("session.pkl", b"\x80\x02}.");
    fs::create_dir(sandbox.work().join("folder.pkl")).unwrap();
    let commands: [&[&str]; 6] = [
        &["restore", "-c", "1"],
        &["restore", "--partial", "-c", "1"],
        &["inspect"],
        &["verify"],
        &["trust"],
        &["diff", "session.pkl"],
    ];
    for command in commands {
        for (file, why) in
            [("missing.pkl", "No such file"), ("session.pkl/x", "Not a directory"), ("folder.pkl", "folder")]
        {
            let run = sandbox.snapcli(&[&command[..1], &[file], &command[1..]].concat());
            run.assert_code(2).assert_stdout("");
            assert!(run.err().contains(file) && run.err().contains(why), "{}", run.whole());
        }
        sandbox.write("damaged.pkl", b"\x80\x02}");
        sandbox.snapcli(&[&command[..1], &["-q", "damaged.pkl"], &command[1..]].concat()).assert_code(4);
    }
}

#[test]
fn a_missing_module_is_named() {
    let sandbox = with_session("import numpy\nx = numpy.ones(2)\ny = 1\n");
    let bare = Sandbox::with(venv(main_python(), Stack::Bare));
    bare.write("session.pkl", fs::read(sandbox.work().join("session.pkl")).unwrap());
    let run = bare.snapcli(&["restore", "session.pkl", "-c", "y"]);
    run.assert_code(0).assert_stdout("1\n");
    assert!(run.err().contains("needs the module numpy: install numpy"), "{}", run.whole());
}

#[test]
fn a_helper_module_next_to_the_script_is_found_from_anywhere() {
    let sandbox = Sandbox::new();
    sandbox.write("project/helper.py", "class Thing:\n    value = 3\n");
    sandbox.write("project/script.py", "import helper\nthing = helper.Thing()\n");
    sandbox.snapcli(&["save", "-q", "project/script.py"]).assert_code(0);
    sandbox.snapcli(&["restore", "session.pkl", "-c", "thing.value"]).assert_stdout("3\n");
}

#[test]
fn dill_is_not_installed_where_the_environment_has_one() {
    let sandbox = Sandbox::new();
    sandbox.write("script.py", "x = 1\ndef f(): return x\n");
    let data = sandbox.out().join("data");
    sandbox.call_snapcli(&["save", "script.py"]).env("XDG_DATA_HOME", &data).run().assert_code(0);
    assert!(!data.exists());
}

#[test]
fn dill_is_installed_once_where_the_environment_has_none() {
    let sandbox = Sandbox::with(venv(main_python(), Stack::Bare));
    sandbox.write("script.py", "x = 1\ndef f(): return x\n");
    let data = sandbox.out().join("data");
    let save = || sandbox.call_snapcli(&["save", "script.py"]).env("XDG_DATA_HOME", &data);
    let run = save().env("SNAPCLI_NO_INSTALL", "1").run();
    run.assert_code(0);
    assert!(run.err().contains("going on without dill") && run.err().contains("-m pip install"), "{}", run.whole());
    let run = save().timeout(std::time::Duration::from_secs(180)).run();
    run.assert_code(0);
    assert!(run.err().contains("install"), "{}", run.whole());
    let run = save().env("SNAPCLI_NO_INSTALL", "1").run();
    run.assert_code(0);
    assert!(!run.err().contains("install"), "{}", run.whole());
}

/// A session with large arrays, objects that share them, and functions that use each other.
const ARRAYS: &str = "
import numpy as np
big = np.arange(3_000_000.0)
frozen = np.arange(20_000); frozen.flags.writeable = False
table = {'big': big, 'fortran': np.asfortranarray(np.ones((300, 300)))}
small = 7
def helper(): return small
def f(): return helper() + 1
blob = b'x' * 100_000
";

#[test]
fn arrays_are_restored_unchanged_whether_read_or_mapped() {
    for python in pythons() {
        let sandbox = Sandbox::with(venv(python, Stack::Dill));
        sandbox.write("script.py", ARRAYS);
        sandbox.snapcli(&["save", "-q", "script.py"]).assert_code(0);
        let before = std::fs::read(sandbox.work().join("session.pkl")).unwrap();
        let check = "
assert big[-1] == 2_999_999 and table['big'] is big and table['fortran'].flags.f_contiguous
assert not frozen.flags.writeable and frozen[-1] == 19_999
assert big.flags.writeable and big.ctypes.data % 64 == 0, big.ctypes.data
assert type(blob) is bytes and len(blob) == 100_000
big[0] = -1
assert table['big'][0] == -1 and f() == 8
print('whole')
";
        for options in [&["restore", "--strict"][..], &["restore", "--strict", "--mmap"]] {
            let arguments: Vec<&str> = options.iter().copied().chain(["session.pkl", "-c", check]).collect();
            sandbox.snapcli(&arguments).assert_stdout("whole\n").assert_code(0);
        }
        assert!(before == std::fs::read(sandbox.work().join("session.pkl")).unwrap(), "the file has changed");
    }
}

#[test]
fn selected_variables_are_restored_with_the_names_their_code_needs() {
    let sandbox = Sandbox::new();
    sandbox.write("script.py", ARRAYS);
    sandbox.snapcli(&["save", "-q", "script.py"]).assert_code(0);
    let names = "sorted(name for name in globals() if not name.startswith('__'))";
    let restore = |options: &[&str], code: &str| {
        let arguments: Vec<&str> =
            ["restore"].iter().chain(options).chain(&["session.pkl", "-c", code]).copied().collect();
        sandbox.snapcli(&arguments)
    };
    restore(&["--only", "f"], names).assert_stdout("['f', 'helper', 'small']\n");
    restore(&["--only", "f"], "f()").assert_stdout("8\n");
    // `table` shares the array of `big`, but `big` was not selected and is not defined.
    restore(&["--only", "table"], names).assert_stdout("['table']\n");
    restore(&["--only", "[bs]*", "--exclude", "big"], names).assert_stdout("['blob', 'small']\n");
    // The same holds if `big` was excluded.
    let run = restore(&["--exclude", "big"], "float(table['big'][-1]), 'big' in globals()");
    run.assert_stdout("(2999999.0, False)\n").assert_stderr("");
    restore(&["--only", "nothing"], names).assert_code(2);
    sandbox.snapcli(&["restore", "--list", "--all"]).assert_stdout("np\nbig\nfrozen\ntable\nsmall\nhelper\nf\nblob\n");
}

#[test]
fn a_variable_whose_load_crashes_or_hangs_can_be_excluded() {
    let sandbox = Sandbox::new();
    let script = "
import os, time
class Exits:
    def __reduce__(self): return os._exit, (9,)
class Sleeps:
    def __reduce__(self): return time.sleep, (3600,)
before = [1]
exits, sleeps = Exits(), Sleeps()
after = [before]
";
    sandbox.write("script.py", script);
    sandbox.snapcli(&["save", "-q", "script.py"]).assert_code(0);
    sandbox.snapcli(&["restore", "--exclude", "sleeps", "session.pkl", "-c", "1"]).assert_code(9);
    let code = "after[0] is before";
    let run = sandbox.snapcli(&[
        "restore",
        "--strict",
        "--exclude",
        "exits",
        "--exclude",
        "sleeps",
        "session.pkl",
        "-c",
        code,
    ]);
    run.assert_stdout("True\n").assert_code(0);
}

#[test]
fn a_renamed_module_is_found_under_its_new_name() {
    let sandbox = Sandbox::new();
    sandbox.write("old/part.py", "class Thing: pass\n");
    sandbox.write("old/__init__.py", "");
    sandbox.write("script.py", "import old.part\nfrom old.part import Thing\nthing = Thing()\n");
    sandbox.snapcli(&["save", "-q", "script.py"]).assert_code(0);
    std::fs::rename(sandbox.work().join("old"), sandbox.work().join("new")).unwrap();
    let run =
        sandbox.snapcli(&["restore", "--strict", "--map", "old=new", "session.pkl", "-c", "type(thing).__module__"]);
    run.assert_stdout("'new.part'\n").assert_code(0);
}

#[test]
fn a_second_restore_keeps_unchanged_classes() {
    let sandbox = Sandbox::new();
    let script = "
class Base:
    limit = 3
    def __init__(self, value): self.value = value
    def twice(self): return 2 * self.value
class Child(Base):
    @property
    def half(self): return self.value / 2
    def twice(self): return super().twice() + 1
first = Child(4)
";
    sandbox.write("script.py", script);
    sandbox.snapcli(&["save", "-q", "script.py"]).assert_code(0);
    sandbox.write("other.py", script.replace("limit = 3", "limit = 4"));
    sandbox.snapcli(&["save", "-q", "-o", "other.pkl", "other.py"]).assert_code(0);
    let code = "
import snapcli
old, old_class = first, Child
print(snapcli.restore('session.pkl').lost, first is old, Child is old_class, isinstance(old, Child), end=' ')
print(first.twice(), first.half)
names = snapcli.load_dict('session.pkl', only='first')
print(sorted(names), type(names['first']) is Child, names['first'] is first)
snapcli.restore('other.pkl')
print(Child is old_class, Base.limit, first.twice())
";
    let run = sandbox.snapcli(&["restore", "session.pkl", "-c", code]);
    run.assert_stdout("{} False True True 9 2.0\n['first'] False False\nFalse 4 9\n").assert_code(0);
}

#[test]
fn a_load_opens_files_for_reading_only() {
    let sandbox = Sandbox::new();
    sandbox.write("log.txt", "one two three\n");
    let script = "
import dill
log = open('log.txt', 'r+')
log.read(4)
dill.dump_module('dill.pkl')
";
    sandbox.write("script.py", script);
    sandbox.python(&["script.py"]).assert_code(0);
    sandbox.write("script.py", script.replace("'r+'", "'w'").replace("log.read(4)", "log.write('x')"));
    let read = sandbox.snapcli(&["restore", "--trust", "dill.pkl", "-c", "log.mode, log.read()"]);
    read.assert_stdout("('r', 'two three\\n')\n");
    sandbox.python(&["script.py"]).assert_code(0);
    sandbox.write("log.txt", "still here");
    sandbox.snapcli(&["restore", "--trust", "dill.pkl", "-c", "log.mode"]).assert_stdout("'r'\n");
    assert_eq!(std::fs::read_to_string(sandbox.work().join("log.txt")).unwrap(), "still here");
    std::fs::remove_file(sandbox.work().join("log.txt")).unwrap();
    let run = sandbox.snapcli(&["restore", "--trust", "dill.pkl", "-c", "1"]);
    assert!(run.err().contains("log.txt") && run.status.code() == Some(1), "{}", run.whole());
    assert!(!sandbox.work().join("log.txt").exists());
}
