//! What is shown in a terminal of 40, 80 and 120 columns: no word is broken, and tables stay readable. In a file or a
//! pipe, lines stay whole.

use std::fs;

use crate::env::{Sandbox, Shown, Stack, main_python, snapcli_in_terminal, venv};

/// What snapcli shows in a terminal with this many columns.
fn shown(sandbox: &Sandbox, columns: usize, arguments: &[&str]) -> String {
    let words = [&["--no-progress"], arguments].concat();
    let call = snapcli_in_terminal(sandbox, columns, &words, &[]).env("LANG", "C.UTF-8");
    without_filler(&Shown::by(call).text)
}

/// The text without the spaces that fill the line before the first message.
fn without_filler(text: &str) -> String {
    text.lines().map(|line| line.rsplit('\r').next().unwrap_or_default().to_owned() + "\n").collect()
}

/// Columns, for text without combining characters: a character of East Asia takes two.
fn columns_of(line: &str) -> usize {
    line.chars().map(|c| if ('\u{2e80}'..'\u{ffef}').contains(&c) { 2 } else { 1 }).sum()
}

/// Fails if a line is too wide, unless it is a single word.
fn assert_fits(text: &str, columns: usize) {
    for line in text.lines() {
        assert!(columns_of(line) <= columns || !line.trim().contains(' '), "{columns} columns: {line}\n{text}");
    }
}

/// The words of a text, without those of the columns that a narrow table leaves out.
fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().filter(|word| *word != "shape" && !word.contains('█')).collect()
}

const SCRIPT: &str = r#"
import json, logging, os, socket, sqlite3, sys, threading
from collections import Counter
log = logging.getLogger("a.logger.of.some.depth")
log.addHandler(logging.StreamHandler())
connection = sqlite3.connect(":memory:")
service = {"name": "日本語のサービス名 とても長い 説明の文", "peers": [socket.socket(), {"deep": socket.socket()}]}
api_key = "AKIAIOSFODNN7EXAMPLE"
held = threading.Lock(); held.acquire()
counts = Counter("some letters")
def report(): return connection, service, counts
"#;

#[test]
fn no_word_of_a_message_or_a_report_is_broken() {
    let sandbox = Sandbox::new();
    sandbox.write("script.py", SCRIPT);
    sandbox.write("old.pkl", b"\x80\x04cos\nsystem\n(\x8c\x02idtR.");
    sandbox.snapcli(&["save", "-q", "script.py", "-o", "no.pkl"]);
    sandbox.snapcli(&["save", "-q", "-o", "first.pkl", "-c", "x = [1, 2, 3]; y = {'a': list(range(30))}; z = 'gone'"]);
    sandbox.snapcli(&["save", "-q", "-o", "second.pkl", "-c", "x = [1, 2, 4]; y = {'a': list(range(31))}; w = 5"]);
    let mut damaged = fs::read(sandbox.work().join("first.pkl")).unwrap();
    damaged[80] ^= 1;
    sandbox.write("damaged.pkl", damaged);
    sandbox.snapcli(&["save", "-q", "script.py"]).assert_code(0);
    let commands: [&[&str]; 12] = [
        &["save", "-o", "again.pkl", "script.py"],
        &["save", "--verify", "-o", "again.pkl", "script.py"],
        &["restore"],
        &["restore", "old.pkl"],
        &["restore", "there_is_no_such_file_as_this_one.pkl", "-c", "1"],
        &["inspect", "--verdict", "old.pkl"],
        &["inspect", "--bad", "script.py"],
        &["inspect", "--trace", "service"],
        &["verify", "damaged.pkl"],
        &["diff", "first.pkl", "second.pkl"],
        &["trust", "damaged.pkl"],
        &["doctor"],
    ];
    for command in commands {
        let piped = sandbox.call_snapcli(command).env("NO_COLOR", "1").run();
        let whole = format!("{}{}", piped.out(), piped.err());
        for columns in [40, 80, 120] {
            let text = shown(&sandbox, columns, command);
            assert_fits(&text, columns);
            let (mut expected, mut found) = (words(&whole), words(&text));
            // The order of the two streams, and times, may differ.
            expected.sort_unstable();
            found.sort_unstable();
            assert_eq!(found, expected, "{command:?} at {columns} columns\n{text}\n{whole}");
        }
    }
}

#[test]
fn every_help_fits_the_terminal() {
    let sandbox = Sandbox::new();
    for command in ["save", "restore", "inspect", "diff", "verify", "trust", "doctor"] {
        for columns in [80, 120] {
            assert_fits(&shown(&sandbox, columns, &[command, "--help"]), columns.max(80));
        }
    }
}

#[test]
fn lines_that_continue_are_indented_further() {
    let sandbox = Sandbox::new();
    sandbox.write("script.py", SCRIPT);
    let text = shown(&sandbox, 60, &["save", "script.py"]);
    let expected = "
snapcli: left out 1 variable that cannot be saved:
  connection (sqlite3.Connection, line 6): TypeError: cannot
    pickle 'sqlite3.Connection' object
      used by: report
      hint: keep the path or URL, and connect again after
        the restore
snapcli: replaced 2 objects that cannot be saved by a
    marker:
  service['peers'][0] (socket.socket): TypeError: cannot
    pickle 'socket' object
      hint: connect inside a function, and call it again
        after the restore
";
    assert!(text.contains(expected), "{text}");
}

/// A session of real work.
const WORK: &str = r#"
import argparse, json, logging, math, os, random, sys, time
from pathlib import Path
import numpy as np
import pandas as pd
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
generator = np.random.default_rng(0)
frame = pd.DataFrame({"x": generator.random(2000), "y": generator.random(2000), "label": list("abcd") * 500})
points = frame[["x"]].to_numpy()
best_model_of_all_runs_so_far = make_pipeline(StandardScaler(), LinearRegression()).fit(points, frame.y)
history = [{"epoch": number, "loss": 1 / (number + 1)} for number in range(200)]
rate = 0.05
"#;

#[test]
fn tables_of_real_work_show_data_and_values() {
    let sandbox = Sandbox::with(venv(main_python(), Stack::Full));
    sandbox.write("work.py", WORK);
    sandbox.snapcli(&["save", "-q", "work.py"]).assert_code(0);
    for columns in [40, 80, 120] {
        let text = shown(&sandbox, columns, &["inspect"]);
        assert_fits(&text, columns);
        let imports: Vec<&str> = text.lines().filter(|line| line.contains(" imports: ")).collect();
        assert_eq!(imports.len(), 1, "{text}");
        assert!(imports[0].starts_with("  14 imports: argparse, json, "), "{text}");
        assert!(!text.contains("module numpy"), "{text}");
        let title = text.lines().find(|line| line.ends_with("value")).unwrap();
        let room = columns - columns_of(&title[..title.len() - "value".len()]);
        let least = if columns < 80 { 12 } else { 20 };
        assert!(room >= least, "{room} columns for values\n{text}");
    }
    let text = shown(&sandbox, 80, &["inspect"]);
    for whole in ["\n  frame ", "  DataFrame ", "  columns ['x', 'y', …\n", "  2000×3 "] {
        assert!(text.contains(whole), "no {whole}\n{text}");
    }
    // Outside of a terminal, everything is there, and `--all` gives a row to each import.
    let piped = sandbox.snapcli(&["inspect"]);
    assert!(piped.out().contains("numpy as np, pandas as pd, LinearRegression, make_pipeline, StandardScaler\n"));
    let all = sandbox.snapcli(&["inspect", "--all"]);
    assert!(all.out().contains("\n  np ") && !all.out().contains("imports:"), "{}", all.whole());
    // The message after a restore names data, the largest first.
    let restored = shown(&sandbox, 120, &["restore"]);
    assert!(restored.starts_with("snapcli: restored 6 variables and 14 imports from session.pkl: "), "{restored}");
    let (first, last) = (restored.find("frame").unwrap(), restored.find("rate").unwrap());
    assert!(first < last && !restored.contains("LinearRegression"), "{restored}");
    let all = sandbox.snapcli(&["restore", "--all"]);
    assert!(all.err().contains("LinearRegression"), "{}", all.whole());
}

#[test]
fn a_list_has_imports_on_one_line() {
    let sandbox = Sandbox::new();
    sandbox.write("script.py", "import json, os.path as p\nfrom pathlib import Path\nx = 1\ndef f(): return x\n");
    sandbox.snapcli(&["save", "-q", "script.py"]).assert_code(0);
    let listed = sandbox.snapcli(&["restore", "--list"]);
    listed.assert_stdout("x\nf\n3 imports: json, posixpath as p, Path\n");
    sandbox.snapcli(&["restore", "--list", "--all"]).assert_stdout("json\np\nPath\nx\nf\n");
    // From a file of dill, too.
    let code = "import dill, json, sys\nx = 1\ndill.dump_module('dill.pkl')\n";
    sandbox.python(&["-c", code]).assert_code(0);
    let listed = sandbox.snapcli(&["restore", "--list", "dill.pkl"]);
    assert!(
        listed.out().starts_with("x\n") && listed.out().contains(" imports: dill, json, sys\n"),
        "{}",
        listed.whole()
    );
}
