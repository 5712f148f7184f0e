//! Ctrl-C on a terminal in each stage of a command: the command ends by SIGINT, without a traceback, no bar stays on
//! the screen, the old file is whole, and nothing else is left. What a bar shows is tested here, too.
//!
//! The terminal is one of Python's `pty`. Ctrl-C is typed when the bar shows the stage, so nothing depends on time, but
//! a stage that is over before a bar is shown cannot be interrupted: then the test says so.

use std::fs;

use crate::env::{Sandbox, Stack, main_python, venv};
use crate::skipped::skipped;

/// Runs a program on a new terminal of a width, types Ctrl-C when the text has been seen, if there is one, and prints
/// the number of the signal that ended it, or 0, its exit code, whether Ctrl-C was typed, the output, and how many
/// processes are left in its directory after a while.
const DRIVER: &str = r"
import fcntl, json, os, pty, struct, sys, termios, time
until, columns = sys.argv[1].encode(), int(sys.argv[2])
child, terminal = pty.fork()
if child == 0:
    fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack('HHHH', 24, columns, 0, 0))
    os.execv(sys.argv[3], sys.argv[3:])
seen, typed = b'', False
while True:
    try: piece = os.read(terminal, 100_000)
    except OSError: break
    if not piece: break
    seen += piece
    if until and not typed and until in seen:
        typed = True
        os.write(terminal, b'\x03')
status = os.waitpid(child, 0)[1]
signal = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
def others():
    for number in filter(str.isdigit, os.listdir('/proc')):
        try: yield int(number) != os.getpid() and os.readlink(f'/proc/{number}/cwd') == os.getcwd()
        except OSError: pass
for _ in range(1000):
    left = sum(others())
    if not left: break
    time.sleep(0.01)
print(json.dumps([signal, os.waitstatus_to_exitcode(status), typed, seen.decode(), left]))
";

const TOO_FAST: &str = "everything was over before a bar was shown";

/// The debug build: another one may be done when Ctrl-C is typed.
const PROGRAM: &str = env!("CARGO_BIN_EXE_snapcli");

/// How a command on a terminal ended.
struct Ended {
    signal: i64,
    code: i64,
    was_typed: bool,
    output: String,
    /// The number of processes that outlive it.
    left: i64,
}

impl Ended {
    /// What is on the screen in the end.
    fn screen(&self) -> String {
        let mut lines = vec![String::new()];
        for part in self.output.split_inclusive('\n') {
            let text = part.trim_end_matches(['\r', '\n']);
            // Each time a line is drawn again, it is deleted first.
            let last = text.rsplit("\r\u{1b}[2K").next().unwrap_or_default();
            let last = last.rsplit("\r\u{1b}[K").next().unwrap_or_default();
            lines.last_mut().unwrap().push_str(last);
            if part.ends_with('\n') {
                lines.push(String::new());
            }
        }
        lines.join("\n").replace("^C", "").trim().to_owned()
    }
}

fn on_a_terminal(sandbox: &Sandbox, until: &str, columns: usize, words: &[&str]) -> Ended {
    let python = sandbox.interpreter().to_str().unwrap().to_owned();
    let columns = columns.to_string();
    let head = ["-c", DRIVER, until, &columns, PROGRAM, "--python", &python];
    let run = sandbox.call_python(&[&head[..], words].concat()).env("NO_COLOR", "1").env("TERM", "xterm").run();
    let found = run.json();
    Ended {
        signal: found[0].as_i64().unwrap(),
        code: found[1].as_i64().unwrap(),
        was_typed: found[2].as_bool().unwrap(),
        output: found[3].as_str().unwrap().to_owned(),
        left: found[4].as_i64().unwrap(),
    }
}

/// A session of small objects, which takes a second to pickle in a debug build, and one of large arrays.
const OBJECTS: &str = "data = {f'key{n}': [n, float(n), 'text %d' % (n * 7919)] for n in range(1_000_000)}\n";
const ARRAYS: &str = "import numpy\nbig = numpy.arange(35_000_000.0)\nother = numpy.ones(1000)\n";

fn names(sandbox: &Sandbox) -> Vec<String> {
    let entries = fs::read_dir(sandbox.work()).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn ctrl_c_ends_a_save_by_sigint_and_leaves_the_old_file() {
    let sandbox = Sandbox::new();
    sandbox.snapcli(&["save", "-q", "-o", "s.pkl", "-c", "x = 1"]).assert_code(0);
    let old = fs::read(sandbox.work().join("s.pkl")).unwrap();
    sandbox.write("objects.py", OBJECTS);
    sandbox.write("arrays.py", ARRAYS);
    let mut interrupted = 0;
    for (script, stage) in [("objects.py", "saving"), ("arrays.py", "saving"), ("arrays.py", "syncing")] {
        let ended = on_a_terminal(&sandbox, stage, 80, &["save", "-o", "s.pkl", script]);
        if !ended.was_typed {
            // It was over before a bar was shown.
            assert_eq!(ended.code, 0, "{script} {stage}\n{}", ended.output);
            fs::write(sandbox.work().join("s.pkl"), &old).unwrap();
            continue;
        }
        interrupted += 1;
        assert_eq!(ended.signal, 2, "{script} {stage}: exit {}\n{}", ended.code, ended.output);
        assert_eq!(ended.screen(), "snapcli: interrupted while saving: nothing was written", "{}", ended.output);
        assert_eq!(fs::read(sandbox.work().join("s.pkl")).unwrap(), old, "{script} {stage}");
        assert_eq!(names(&sandbox), ["arrays.py", "objects.py", "s.pkl"], "{script} {stage}");
        // What frees the memory of a large process ends as well, and has not held the terminal.
        assert_eq!(ended.left, 0, "{script} {stage}");
    }
    if interrupted == 0 {
        skipped(TOO_FAST);
    }
}

#[test]
fn ctrl_c_ends_what_reads_a_file_by_sigint_and_without_a_traceback() {
    let sandbox = Sandbox::with(venv(main_python(), Stack::Dill));
    sandbox.write("objects.py", OBJECTS);
    sandbox.write("arrays.py", ARRAYS);
    for name in ["objects", "arrays"] {
        let (script, file) = (format!("{name}.py"), format!("{name}.pkl"));
        sandbox.call_snapcli(&["save", "-q", "-o", &file, &script]).run().assert_code(0);
    }
    let before = names(&sandbox);
    let mut interrupted = 0;
    let restoring = |file: &str| format!("snapcli: interrupted while restoring {file}");
    for (stage, words, expected) in [
        ("loading", &["restore", "objects.pkl", "-c", "print('ran')"][..], restoring("objects.pkl")),
        ("loading", &["restore", "objects.pkl"], restoring("objects.pkl")),
        ("checking", &["restore", "arrays.pkl", "-c", "print('ran')"], restoring("arrays.pkl")),
        ("checking", &["verify", "objects.pkl"], String::new()),
        ("checking", &["inspect", "--strict", "objects.pkl"], String::new()),
        ("checking", &["trust", "arrays.pkl"], String::new()),
    ] {
        let ended = on_a_terminal(&sandbox, stage, 80, words);
        if !ended.was_typed {
            // It was over before a bar was shown.
            assert_eq!(ended.signal, 0, "{words:?}\n{}", ended.output);
            continue;
        }
        interrupted += 1;
        assert_eq!(ended.signal, 2, "{words:?}: exit {}\n{}", ended.code, ended.output);
        assert_eq!(ended.screen(), expected, "{words:?}\n{}", ended.output);
        assert_eq!(names(&sandbox), before, "{words:?}");
    }
    if interrupted == 0 {
        skipped(TOO_FAST);
    }
}

#[test]
fn a_bar_counts_bytes_in_columns_of_one_width_and_disappears() {
    let sandbox = Sandbox::new();
    sandbox.write("objects.py", OBJECTS);
    let mut shown = 0;
    let commands: [(usize, &[&str]); 4] = [
        (80, &["save", "-o", "s.pkl", "objects.py"]),
        (120, &["restore", "s.pkl", "-c", "1"]),
        (80, &["verify", "s.pkl"]),
        (120, &["verify", "s.pkl"]),
    ];
    for (columns, words) in commands {
        let ended = on_a_terminal(&sandbox, "", columns, words);
        assert_eq!(ended.code, 0, "{words:?}\n{}", ended.output);
        let frames = ended.output.split(['\r', '\n']).map(|frame| frame.trim_start_matches("\u{1b}[2K"));
        let frames: Vec<_> = frames.filter(|frame| frame.contains(" MB of ")).collect();
        if frames.is_empty() {
            continue;
        }
        shown += 1;
        let width = |frame: &&str| frame.chars().count();
        assert!(frames.iter().all(|frame| width(frame) == width(&frames[0])), "{words:?}\n{frames:#?}");
        assert!(frames.iter().all(|frame| width(frame) <= columns && !frame.contains("iB")), "{words:?}\n{frames:#?}");
        // One variable has nearly all bytes, and the bar moves all the same.
        let different = frames.iter().collect::<std::collections::HashSet<_>>().len();
        assert!(different > 2, "{words:?}\n{frames:#?}");
        assert!(!ended.screen().contains(" MB of "), "{words:?}\n{}", ended.screen());
    }
    if shown == 0 {
        skipped(TOO_FAST);
    }
    let off = on_a_terminal(&sandbox, "", 80, &["--no-progress", "save", "-o", "s.pkl", "objects.py"]);
    assert!(!off.output.contains('\u{1b}') && off.output.contains("saved 1 variable"), "{}", off.output);
}

#[test]
fn a_bar_has_an_end_where_the_size_is_not_known_before() {
    let sandbox = Sandbox::new();
    let class = "class P:\n    def __init__(self, x): self.x = x\n    def __reduce__(self): return (P, (self.x,))\n";
    sandbox.write("slow.py", format!("{class}data = [P(n) for n in range(40_000)]\n"));
    let ended = on_a_terminal(&sandbox, "", 80, &["save", "--verify", "-o", "s.pkl", "slow.py"]);
    assert_eq!(ended.code, 0, "{}", ended.output);
    let bytes = fs::metadata(sandbox.work().join("s.pkl")).unwrap().len() as f64;
    let frames = ended.output.split(['\r', '\n']).map(|frame| frame.trim_start_matches("\u{1b}[2K"));
    let frames: Vec<_> = frames.filter(|frame| frame.contains(" kB") || frame.contains(" MB")).collect();
    // What is saved, and in the other process what is pickled again, as far as that took long enough.
    let of = |stage: &str| frames.iter().filter(|frame| frame.contains(stage)).copied().collect::<Vec<_>>();
    let (saving, comparing) = (of(" saving "), of(" comparing "));
    if saving.len() < 5 {
        return skipped(TOO_FAST);
    }
    let total = |frame: &&str| -> Option<f64> {
        let (number, rest) = frame.split_once(" of ")?.1.trim_start().split_once(' ')?;
        Some(number.parse::<f64>().ok()? * if rest.starts_with("MB") { 1e6 } else { 1e3 })
    };
    let last = saving.iter().rev().find_map(total).expect("a total");
    assert!((0.7..1.5).contains(&(last / bytes)), "{last} of {bytes}\n{saving:#?}");
    assert!(comparing.iter().all(|frame| total(frame).is_some()), "{comparing:#?}");
}

#[test]
fn short_work_shows_no_bar() {
    let sandbox = Sandbox::new();
    let ended = on_a_terminal(&sandbox, "", 80, &["save", "-q", "-o", "s.pkl", "-c", "x = 1"]);
    assert_eq!((ended.code, ended.output.as_str()), (0, ""));
    let inspected = on_a_terminal(&sandbox, "", 80, &["inspect", "--list", "s.pkl"]);
    assert!(!inspected.output.contains("\u{1b}[2K"), "{}", inspected.output);
}
