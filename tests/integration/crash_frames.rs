//! The snapshot of a script that failed holds the local variables of the frames: `inspect` shows them, and `restore`
//! goes from one to another.

use crate::env::{Sandbox, Shown, Stack, Step, main_python, pythons, snapcli_in_terminal, venv};

const SCRIPT: &str = "
import json, socket

def parse(text, depth):
    sock = socket.socket()
    value = [depth, text]
    return json.loads(text)

def load(texts):
    kept = {'texts': texts}
    try:
        return [parse(text, len(texts)) for text in texts]
    except ValueError as error:
        problem = 'wrapped'
        raise RuntimeError('cannot load') from error

def main():
    big = list(range(20_000))
    again = big
    load(['1', '{'])

name = 'global'
main()
";

fn crashed(sandbox: &Sandbox, script: &str) {
    sandbox.write("job.py", script);
    sandbox.snapcli(&["save", "job.py"]).assert_code(1);
}

/// The number of the first frame of a function, from `inspect --json`.
fn frame_of(sandbox: &Sandbox, function: &str) -> String {
    let json = sandbox.snapcli(&["inspect", "--json", "session.crash.pkl"]).json();
    let raised = json["raised"].as_array().unwrap();
    let mut frames = raised.iter().flat_map(|raised| raised["frames"].as_array().unwrap());
    let name = |frame: &serde_json::Value| frame["function"].as_str().unwrap().to_owned();
    let found = frames.find(|frame| name(frame).rsplit('.').next() == Some(function));
    found.unwrap()["number"].to_string()
}

#[test]
fn each_frame_of_a_chain_has_its_locals_in_every_python() {
    for python in pythons() {
        let sandbox = Sandbox::with(python.executable.clone());
        crashed(&sandbox, SCRIPT);
        let shown = sandbox.snapcli(&["inspect", "session.crash.pkl"]);
        let text = shown.assert_code(0).out();
        for line in [
            "value: list = [2, '{']",
            "sock: socket.socket (not saved)",
            "kept: dict = {'texts': ['1', '{']}",
            "problem: str = 'wrapped'",
            "The above exception was the direct cause of the following exception:",
            "RuntimeError: cannot load",
        ] {
            assert!(text.contains(line), "{}: {line}\n{text}", python.label());
        }
        let read = |function: &str, code: &str| {
            let number = frame_of(&sandbox, function);
            sandbox
                .snapcli(&["restore", "-q", "session.crash.pkl", "--frame", &number, "-c", code])
                .assert_code(0)
                .out()
        };
        assert_eq!(read("parse", "value, depth, name"), "([2, '{'], 2, 'global')\n");
        assert_eq!(read("load", "kept"), "{'texts': ['1', '{']}\n");
        assert_eq!(read("main", "len(big), again is big, 'value' in globals()"), "(20000, True, False)\n");
        // Without the option, the session is what it was.
        let globals = sandbox.snapcli(&["restore", "-q", "session.crash.pkl", "-c", "name, 'big' in globals()"]);
        globals.assert_stdout("('global', False)\n");
        sandbox.snapcli(&["verify", "session.crash.pkl"]).assert_code(0);
        sandbox.snapcli(&["diff", "session.crash.pkl", "session.crash.pkl"]).assert_code(0);
    }
}

#[test]
fn a_script_gets_the_locals_of_a_frame() {
    let sandbox = Sandbox::new();
    crashed(&sandbox, SCRIPT);
    sandbox.write("look.py", "import sys\nprint(len(big), sys.argv[1:])\n");
    let number = frame_of(&sandbox, "main");
    let run = sandbox.snapcli(&["restore", "-q", "--frame", &number, "session.crash.pkl", "look.py", "--x"]);
    run.assert_code(0).assert_stdout("20000 ['--x']\n");
}

#[test]
fn a_wrong_frame_is_a_usage_error() {
    let sandbox = Sandbox::new();
    crashed(&sandbox, SCRIPT);
    sandbox.snapcli(&["restore", "session.crash.pkl", "--frame", "99", "-c", "1"]).assert_code(2);
    sandbox.snapcli(&["restore", "session.crash.pkl", "--frame", "-99", "-c", "1"]).assert_code(2);
    let library = frame_of(&sandbox, "loads");
    let run = sandbox.snapcli(&["restore", "session.crash.pkl", "--frame", &library, "-c", "1"]);
    assert!(run.assert_code(2).err().contains("its code is installed"), "{}", run.whole());
    sandbox.snapcli(&["save", "-q", "-c", "x = 1"]).assert_code(0);
    let run = sandbox.snapcli(&["restore", "session.pkl", "--frame", "0", "-c", "x"]);
    assert!(run.assert_code(2).err().contains("has no frames"), "{}", run.whole());
}

#[test]
fn plain_dill_reads_the_globals() {
    let python = main_python();
    let sandbox = Sandbox::with(venv(python, Stack::Dill));
    crashed(&sandbox, SCRIPT);
    let code = "import dill; d = dill.load_module_asdict('session.crash.pkl'); print(d['name'], 'big' in d)";
    sandbox.python(&["-c", code]).assert_code(0).assert_stdout("global False\n");
}

#[test]
fn a_large_object_is_stored_once() {
    let sandbox = Sandbox::new();
    let script = "def f(n, data):\n    if n == 0: raise ValueError(n)\n    f(n - 1, data)\nf(60, 'x' * 1_000_000)\n";
    crashed(&sandbox, script);
    let bytes = std::fs::metadata(sandbox.work().join("session.crash.pkl")).unwrap().len();
    assert!((1_000_000..1_200_000).contains(&bytes), "{bytes}");
    let text = sandbox.snapcli(&["inspect", "session.crash.pkl"]).out();
    assert!(text.contains("more frames: use --all to show them"), "{text}");
    let all = sandbox.snapcli(&["inspect", "--all", "session.crash.pkl"]).out();
    assert_eq!(all.matches(", in f\n").count(), 61, "{all}");
}

#[test]
fn endless_recursion_keeps_its_ends() {
    let sandbox = Sandbox::new();
    crashed(&sandbox, "def f(n):\n    f(n + 1)\nf(0)\n");
    let text = sandbox.snapcli(&["inspect", "session.crash.pkl"]).out();
    assert!(text.contains("frames in between are not kept"), "{text}");
    let first = sandbox.snapcli(&["restore", "-q", "session.crash.pkl", "--frame", "1", "-c", "n"]);
    first.assert_stdout("0\n");
    let last = sandbox.snapcli(&["restore", "-q", "session.crash.pkl", "--frame", "-1", "-c", "n > 900"]);
    last.assert_stdout("True\n");
}

#[test]
fn members_of_a_group_have_their_frames() {
    let script = "
def one():
    first = 1
    raise ValueError(first)
def two():
    second = 2
    raise KeyError(second)
def both():
    errors = []
    for call in (one, two):
        try: call()
        except Exception as error: errors.append(error)
    raise ExceptionGroup('both', errors)
both()
";
    for python in pythons().iter().filter(|python| python.version >= (3, 11)) {
        let sandbox = Sandbox::with(python.executable.clone());
        crashed(&sandbox, script);
        let text = sandbox.snapcli(&["inspect", "session.crash.pkl"]).out();
        for line in ["first: int = 1", "second: int = 2", "In the exception group above:", "KeyError: 2"] {
            assert!(text.contains(line), "{line}\n{text}");
        }
        // The cause of a member belongs to the member.
        crashed(&sandbox, &script.replace("raise KeyError(second)", "raise KeyError(second) from OSError('why')"));
        let text = sandbox.snapcli(&["inspect", "session.crash.pkl"]).out();
        let places = ["ValueError: 1", "In the exception group above:", "OSError: why", "direct cause", "KeyError: 2"];
        let last = text.find("ValueError: 1").unwrap();
        let mut rest = &text[last..];
        for place in places {
            let at = rest.find(place).unwrap_or_else(|| panic!("{place} in order\n{text}"));
            rest = &rest[at..];
        }
    }
}

#[test]
fn odd_exceptions_lose_nothing_else() {
    let script = "
class Odd(Exception):
    def __str__(self): raise RuntimeError('no text')
    @property
    def __cause__(self): raise RuntimeError('no cause')
def f():
    here = 5
    loop = ValueError('a'); loop.__context__ = loop2 = ValueError('b'); loop2.__context__ = loop
    raise Odd from loop
f()
";
    let sandbox = Sandbox::new();
    crashed(&sandbox, script);
    let number = frame_of(&sandbox, "f");
    sandbox.snapcli(&["restore", "-q", "session.crash.pkl", "--frame", &number, "-c", "here"]).assert_stdout("5\n");
}

#[test]
fn credentials_in_locals_are_warned_of_and_left_out_with_redact() {
    let sandbox = Sandbox::new();
    let script =
        "def login(user, password):\n    raise ValueError(user)\nlogin('ada', '-'.join(['correct', 'horse', '7']))\n";
    crashed(&sandbox, script);
    let text = sandbox.snapcli(&["inspect", "session.crash.pkl"]).out();
    assert!(text.contains("password: str = (not shown)"), "{text}");
    sandbox.write("job.py", script);
    let run = sandbox.snapcli(&["save", "--redact", "job.py"]);
    assert!(run.assert_code(1).err().contains("frame[1].password"), "{}", run.whole());
    let bytes = std::fs::read(sandbox.work().join("session.crash.pkl")).unwrap();
    assert!(!bytes.windows(15).any(|part| part == b"correct-horse-7"));
}

#[test]
fn a_crash_file_of_a_stranger_builds_plain_locals_only() {
    let sandbox = Sandbox::new();
    let script = "def f(n):\n    text = 'plain'\n    print = 3\n    raise ValueError(n)\nf(1)\n";
    sandbox.write("job.py", script);
    let stranger = sandbox.out().join("stranger");
    let save = sandbox.call_snapcli(&["save", "-q", "--exclude", "f", "job.py"]);
    save.env("XDG_CONFIG_HOME", stranger).run().assert_code(1);
    let run = sandbox.snapcli(&["restore", "session.crash.pkl", "--frame", "1", "-c", "print(text, n)"]);
    run.assert_code(0).assert_stdout("plain 1\n");
    assert!(run.err().contains("frame[1].print"), "{}", run.whole());
    let more = script.replace("'plain'", "lambda: 1");
    sandbox.write("job.py", more);
    let stranger = sandbox.out().join("stranger");
    let save = sandbox.call_snapcli(&["save", "-q", "--exclude", "f", "job.py"]);
    save.env("XDG_CONFIG_HOME", stranger).run().assert_code(1);
    sandbox.snapcli(&["restore", "session.crash.pkl", "--frame", "1", "-c", "n"]).assert_code(5);
    sandbox.snapcli(&["restore", "session.crash.pkl", "-c", "1"]).assert_code(0);
}

#[test]
fn a_prompt_goes_from_frame_to_frame() {
    for python in pythons() {
        let sandbox = Sandbox::with(python.executable.clone());
        crashed(&sandbox, SCRIPT);
        let parse = frame_of(&sandbox, "parse");
        let lines = [
            "problem",
            "up()",
            "len(big)",
            "big = 'changed'",
            "up()",
            "up()",
            "'big' in globals()",
            "down()",
            "big",
            &format!("frame({parse})"),
            "value",
            "frames",
            "frame(77)",
        ];
        let lines = lines.map(|line| format!("{line}\n"));
        let mut steps: Vec<Step> = lines.iter().map(|line| (">>> ", line.as_str())).collect();
        steps.push((">>> ", "\x04"));
        let call = snapcli_in_terminal(&sandbox, 80, &["restore", "session.crash.pkl"], &steps);
        let text = Shown::by(call.env("PYTHON_BASIC_REPL", "1").env("TERM", "dumb")).text;
        let expected = [
            "-> raise RuntimeError('cannot load') from error",
            "'wrapped'\n",
            "-> load(['1', '{'])",
            "20000\n",
            "-> main()",
            "this is the outermost frame",
            "False\n",
            "'changed'\n",
            "-> return json.loads(text)",
            "[2, '{']\n",
            "the cause: json.decoder.JSONDecodeError",
            "there is no frame 77: the frames are 0 to ",
        ];
        let mut rest = text.as_str();
        for part in expected {
            let at = rest.find(part).unwrap_or_else(|| panic!("{}: no {part:?} in\n{text}", python.label()));
            rest = &rest[at + part.len()..];
        }
    }
}

#[test]
fn an_exit_with_an_error_keeps_its_frames() {
    for python in pythons() {
        let sandbox = Sandbox::with(python.executable.clone());
        for (end, raised) in [("sys.exit('bad')", "SystemExit: bad"), ("raise SystemExit(3)", "SystemExit: 3")] {
            sandbox.write("job.py", format!("import sys\ndef main():\n    n = 7\n    {end}\nmain()\n"));
            let code = if end.contains('3') { 3 } else { 1 };
            sandbox.snapcli(&["save", "job.py"]).assert_code(code);
            let shown = sandbox.snapcli(&["inspect", "session.crash.pkl"]);
            assert!(shown.assert_code(0).out().contains(raised), "{}", shown.whole());
            let run = sandbox.snapcli(&["restore", "-q", "--frame", "-1", "session.crash.pkl", "-c", "n"]);
            run.assert_code(0).assert_stdout("7\n");
        }
    }
}

#[test]
fn a_local_variable_of_the_chosen_frame_can_be_named() {
    let sandbox = Sandbox::new();
    let inner = "def inner(n):\n    mine = n + 1\n    return mine / 0\n";
    let outer = "def outer():\n    kept = [4]\n    inner(2)\nx = 1\nouter()\n";
    sandbox.write("job.py", format!("{inner}{outer}"));
    sandbox.snapcli(&["save", "job.py"]).assert_code(1);
    let restore = |words: &[&str]| sandbox.snapcli(&[&["restore", "-q", "session.crash.pkl"], words].concat());
    for (frame, name, value) in [("2", "mine", "3"), ("-1", "m*", "3"), ("1", "kept", "[4]"), ("-2", "kept,x", "[4]")] {
        let shown = if name == "m*" { "mine" } else { name.split(',').next().unwrap() };
        let run = restore(&["--frame", frame, "--only", name, "-c", shown]);
        run.assert_code(0).assert_stdout(&format!("{value}\n"));
    }
    // That of another frame is not bound, and the error says where it is.
    for words in [&["--frame", "1", "--only", "mine", "-c", "1"][..], &["--only", "mine", "-c", "1"]] {
        let run = restore(words);
        run.assert_code(2);
        let advice = "mine is a local variable of frame 2: snapcli restore --frame 2 session.crash.pkl\n";
        assert!(run.err().contains(advice), "{}", run.whole());
    }
    restore(&["--frame", "2", "--only", "none", "-c", "1"]).assert_code(2);
}
