//! Whole sessions in real shells, in terminals of 80 and 120 columns: a save, the table, a prompt, a comparison, and
//! errors.

use crate::env::{Sandbox, Shown, Step, in_terminal, program};
use crate::skipped::skipped;

const SHELLS: [&[&str]; 3] =
    [&["bash", "--noprofile", "--rcfile", "rc.bash", "-i"], &["zsh", "-d", "-i"], &["fish", "-i"]];
const JOB: &str = "
import json, logging, os, sqlite3, sys
from collections import Counter, OrderedDict, defaultdict, deque
from pathlib import Path
connection = sqlite3.connect(':memory:')
readings = [{'sensor': 'roof', 'celsius': 21.5}, {'sensor': 'attic', 'celsius': 27.25}]
total = sum(reading['celsius'] for reading in readings)
description = 'a long text that has to be cut in a table, because no terminal is as wide as this text is long, is it?'
def warm(limit): return [reading for reading in readings if reading['celsius'] > limit]
";

/// What is typed, once the terminal has shown the first.
const SESSION: [(&str, &str); 14] = [
    ("READY>", "snapcli save job.py"),
    ("READY>", "snapcli inspect"),
    ("READY>", "snapcli restore"),
    (">>> ", "print('total is', total)"),
    (">>> ", "print(len(warm(25)), 'warm')"),
    (">>> ", "exit()"),
    ("READY>", "snapcli save -q -o other.pkl -c 'total = 3; readings = []'"),
    ("READY>", "snapcli diff session.pkl other.pkl"),
    ("READY>", "snapcli save --strcit job.py; echo code $STATUS"),
    ("READY>", "snapcli restore nosuch.pkl; echo code $STATUS"),
    ("READY>", "snapcli restore --only totl -c 1; echo code $STATUS"),
    ("READY>", "snapcli restore < print.py | cat"),
    ("READY>", "snapcli inspect --trace readings | head -n 1"),
    ("READY>", "exit"),
];

/// What the terminal must show, in this order.
const SHOWN: [&str; 18] = [
    "saved 4 variables and 10 imports to session.pkl",
    "left out 1 variable that cannot be saved",
    "connection (sqlite3.Connection, line 5)",
    "session.pkl: snapshot with 4 variables and 10 imports",
    "readings ",
    "imports: json, logging, os",
    "restored 4 variables and 10 imports from session.pkl: ",
    "total is 48.75",
    "1 warm",
    "~ readings: list (2) → list (0)",
    "session.pkl → other.pkl: ",
    "did you mean --strict?",
    "code 2",
    "cannot restore nosuch.pkl",
    "code 2",
    "did you mean 'total'?",
    "from standard input: 48.75",
    "readings: list (2)",
];

/// Gives each shell a prompt that the session waits for, and `STATUS` a value that it has in all of them.
fn configure(sandbox: &Sandbox) {
    sandbox.write("rc.bash", "PS1='READY>'\nbind 'set enable-bracketed-paste off'\n");
    let home = sandbox.root().join("home");
    std::fs::create_dir_all(home.join("config/fish")).unwrap();
    std::fs::write(home.join(".zshrc"), "PS1='READY>'\nunset zle_bracketed_paste\n").unwrap();
    let fish = "function fish_prompt; echo -n 'READY>'; end\nfunction fish_greeting; end\n";
    std::fs::write(home.join("config/fish/config.fish"), fish).unwrap();
}

fn path_with_program(sandbox: &Sandbox) -> std::ffi::OsString {
    let bin = sandbox.out().join("bin");
    let program = program();
    std::fs::create_dir_all(&bin).unwrap();
    let _ = std::os::unix::fs::symlink(program, bin.join("snapcli"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::join_paths(std::iter::once(bin).chain(std::env::split_paths(&path))).unwrap()
}

/// The lines between the echo of a command and the next prompt.
fn assert_in_order(shown: &str, what: &str) {
    // A word that the terminal broke would not be found.
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let whole = words(shown);
    let mut rest = whole.as_str();
    for part in SHOWN {
        let part = words(part);
        let Some((_, after)) = rest.split_once(&part) else { panic!("{what}: {part} is not in\n{rest}\nof\n{shown}") };
        rest = after;
    }
}

#[test]
fn a_session_reads_well_in_each_shell_and_at_each_width() {
    for shell in SHELLS {
        let found = std::process::Command::new(shell[0]).args(["-c", "exit 0"]).status();
        if !found.is_ok_and(|status| status.success()) {
            skipped(&format!("{} is not installed", shell[0]));
            continue;
        }
        for columns in [80, 120] {
            let sandbox = Sandbox::new();
            configure(&sandbox);
            sandbox.write("job.py", JOB);
            sandbox.write("print.py", "print('from standard input:', total)\n");
            let status = if shell[0] == "fish" { "$status" } else { "$?" };
            let steps = SESSION.map(|(wait, text)| (wait, format!("{}\n", text.replace("$STATUS", status))));
            let steps: Vec<Step> = steps.iter().map(|(wait, text)| (*wait, text.as_str())).collect();
            let call = in_terminal(&sandbox, columns, shell, &steps).env("PATH", path_with_program(&sandbox));
            let call = call.env("SNAPCLI_PYTHON", sandbox.interpreter()).env("PYTHON_BASIC_REPL", "1");
            let what = format!("{} at {columns} columns", shell[0]);
            let Shown { code, typed, text: shown } = Shown::by(call);
            assert!(code == 0 && typed == steps.len(), "{what}: exit {code} after {typed} steps\n{shown}");
            assert_in_order(&shown, &what);
            // What a carriage return precedes is written over the rest of its line.
            let lines = shown.lines().map(|line| line.rsplit('\r').next().unwrap_or_default());
            for line in lines.filter(|line| !line.contains("READY>") && !line.contains("tmp")) {
                assert!(line.trim_end().chars().count() <= columns, "{what}: {line}\n{shown}");
            }
        }
    }
}
