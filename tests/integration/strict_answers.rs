//! `inspect --strict` gives its exit code, and its reason, in every format; a file that is too large to judge is not
//! called dangerous.

use std::fs;

use crate::env::{Sandbox, Stack, main_python, venv};

fn with_files() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("plain.pkl", b"\x80\x04}\x8c\x01xK\x01s.");
    sandbox.write("calls.pkl", b"\x80\x04}\x8c\x01x\x8c\x05thing\x8c\x04make\x93)Rs.");
    sandbox.write("dangerous.pkl", b"\x80\x04}\x8c\x01xcos\nsystem\n\x8c\x02id\x85Rs.");
    sandbox.write("hostile.pkl", b"\x80\x04}\x8c\x01xcos\nsystem\n\x8c\x14id\n::error file=x::y\x85Rs.");
    sandbox.write("script.py", "x = [1, 'a' * 40]\ndef f(): return x\n");
    sandbox.snapcli(&["save", "-q", "script.py"]).assert_code(0);
    let mut bytes = fs::read(sandbox.work().join("session.pkl")).unwrap();
    let letter = bytes.windows(40).position(|window| window == [b'a'; 40]).unwrap();
    bytes[letter] = b'b';
    sandbox.write("damaged.pkl", bytes);
    sandbox
}

#[test]
fn a_trace_is_as_strict_as_the_whole_answer() {
    let sandbox = with_files();
    let stranger = |arguments: &[&str]| {
        let call = sandbox.call_snapcli(&[&["inspect", "--strict"], arguments].concat());
        call.env("SNAPCLI_KEY", "the passphrase of a stranger").run()
    };
    for (file, code) in
        [("plain.pkl", 0), ("calls.pkl", 5), ("dangerous.pkl", 5), ("session.pkl", 5), ("damaged.pkl", 4)]
    {
        let trace = stranger(&["--trace", "x", file]);
        trace.assert_code(code);
        assert!(trace.out().contains("x: "), "{}", trace.whole());
        assert_eq!(stranger(&["--trace", "x", "--json", file]).status.code(), Some(code), "{file}");
        assert_eq!(stranger(&[file]).status.code(), Some(code), "{file}");
        assert_eq!(trace.err().is_empty(), code == 0, "{}", trace.whole());
    }
    stranger(&["--allow", "calls", "--trace", "x", "calls.pkl"]).assert_code(0).assert_stderr("");
    stranger(&["--allow", "code", "--trace", "x", "damaged.pkl"]).assert_code(4);
    sandbox.snapcli(&["inspect", "--strict", "--trace", "x", "session.pkl"]).assert_code(0).assert_stderr("");
    sandbox.snapcli(&["inspect", "--trace", "x", "dangerous.pkl"]).assert_code(0);
    let said = stranger(&["--trace", "x", "calls.pkl"]).err();
    assert!(
        said.contains("calls.pkl does not pass --strict: verdict: calls: loading it calls importable code"),
        "{said}"
    );
}

#[test]
fn a_trace_of_a_script_is_strict_about_what_cannot_be_saved() {
    let sandbox = Sandbox::new();
    sandbox.write("script.py", "import threading\nx = 1\nt = threading.current_thread()\n");
    sandbox.snapcli(&["inspect", "--trace", "x", "script.py"]).assert_code(0);
    sandbox.snapcli(&["inspect", "--strict", "script.py"]).assert_code(3);
    sandbox.snapcli(&["inspect", "--strict", "--trace", "x", "script.py"]).assert_code(3);
}

#[test]
fn annotations_say_why_a_file_does_not_pass() {
    let sandbox = with_files();
    let run = |file: &str| sandbox.snapcli(&["inspect", "--strict", "--format", "github", file]);
    run("plain.pkl").assert_code(0).assert_stdout("");
    let calls = run("calls.pkl");
    calls.assert_code(5);
    let expected = "::error file=calls.pkl,title=verdict%3A calls::loading it calls importable code that is not \
                    known to be harmless%0Aat byte ";
    assert!(calls.out().starts_with(expected) && calls.out().contains("thing.make"), "{}", calls.whole());
    let hostile = run("hostile.pkl");
    hostile.assert_code(5);
    assert_eq!(hostile.out().lines().count(), 1, "{}", hostile.whole());
    assert!(hostile.out().starts_with("::error file=hostile.pkl,title=verdict%3A dangerous::"), "{}", hostile.whole());
    assert!(run("damaged.pkl").out().starts_with("::error file=damaged.pkl,"), "{}", run("damaged.pkl").whole());
    // Without --strict nothing fails, so there is nothing to say.
    sandbox.snapcli(&["inspect", "--format", "github", "calls.pkl"]).assert_code(0).assert_stdout("");
}

/// What no limit allows for: values that cost a hundred times their opcodes.
const LARGE: &str = "
import datetime, pickle
x = [datetime.date(2000 + n % 20, 1 + n % 12, 1 + n // 9 % 28) for n in range(400_000)]
pickle.dump(x, open('large.pkl', 'wb'), protocol=4)
";

#[test]
fn a_file_that_is_too_large_to_judge_is_not_called_dangerous() {
    let sandbox = Sandbox::with(venv(main_python(), Stack::Dill));
    sandbox.write("script.py", LARGE);
    sandbox.snapcli(&["save", "-q", "script.py"]).assert_code(0);
    // The limit that the user sets is below what any rule allows for this file.
    let limit = ["--max-memory", "20MB"];
    let strict = |file: &str| sandbox.snapcli(&[&["inspect", "--strict"], &limit[..], &[file]].concat());
    let foreign = strict("large.pkl");
    foreign.assert_code(4);
    assert!(!foreign.out().contains("dangerous"), "{}", foreign.whole());
    // One's own signature says enough.
    let own = strict("session.pkl");
    own.assert_code(0);
    assert!(own.out().contains("verdict: not judged: the file is too large to tell"), "{}", own.whole());
    let call = sandbox.call_snapcli(&[&["inspect", "--strict"], &limit[..], &["session.pkl"]].concat());
    call.env("SNAPCLI_KEY", "the passphrase of a stranger").run().assert_code(4);
    let json = sandbox.snapcli(&[&["inspect", "--json", "--verdict"], &limit[..]].concat());
    json.assert_code(4);
    assert_eq!(json.json()["verdict"]["class"], "not judged");
    let annotation = sandbox.call_snapcli(&[&["inspect", "--strict", "--format", "github"], &limit[..]].concat());
    let annotation = annotation.env("SNAPCLI_KEY", "the passphrase of a stranger").run();
    annotation.assert_code(4);
    assert!(
        annotation.out().starts_with("::error file=session.pkl,title=verdict%3A not judged::"),
        "{}",
        annotation.whole()
    );
}

#[test]
fn a_file_of_mine_that_lacks_variables_passes() {
    let sandbox = Sandbox::new();
    sandbox.write("script.py", "import threading\nlock = threading.Thread()\nx = 1\nclass C: pass\nc = C()\n");
    sandbox.snapcli(&["save", "-q", "script.py"]).assert_code(0);
    assert!(sandbox.snapcli(&["inspect", "session.pkl"]).out().contains("lock"));
    for words in [&["inspect", "--strict"][..], &["inspect", "--strict", "--json"], &["inspect", "--strict", "--bad"]] {
        sandbox.snapcli(words).assert_code(0);
    }
    sandbox.snapcli(&["inspect", "--strict", "script.py"]).assert_code(3);
}
