//! A message begins on a line of its own, also if the script has not ended its last line.

use std::ffi::OsString;

use crate::env::{Sandbox, Shown, program, snapcli_in_terminal};

/// The columns of the terminal.
const COLUMNS: usize = 60;

/// The lines that a terminal shows, where text is written over text after a carriage return.
fn screen(text: &str) -> String {
    let mut lines: Vec<Vec<char>> = vec![Vec::new()];
    let mut column = 0;
    for character in text.chars() {
        if character == '\r' {
            column = 0;
            continue;
        }
        if character == '\n' || column == COLUMNS {
            lines.push(Vec::new());
            column = 0;
        }
        if character != '\n' {
            let line = lines.last_mut().unwrap();
            line.resize(line.len().max(column + 1), ' ');
            line[column] = character;
            column += 1;
        }
    }
    lines.iter().map(|line| line.iter().collect::<String>().trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

/// Ends of the output of a script; all but the first leave a line open.
const ENDINGS: [&str; 5] = [
    "print('done')",
    "print('done', end='')",
    "sys.stdout.write('50%\\r100%')",
    "sys.stderr.write('warn')",
    "os.write(1, b'raw')",
];

fn script(ending: &str) -> String {
    format!("import os, sys\nx = 1\n{ending}\n")
}

/// Runs a command with both streams in one file, and returns what is in it.
fn in_one_file(sandbox: &Sandbox, arguments: &[&str]) -> String {
    let path = sandbox.out().join("both");
    let code = "import subprocess, sys; both = open(sys.argv[1], 'wb'); \
                sys.exit(subprocess.run(sys.argv[2:], stdout=both, stderr=both).returncode)";
    let mut words: Vec<OsString> = vec!["-c".into(), code.into(), path.clone().into(), program()];
    words.extend(["--python".into(), sandbox.interpreter().into()]);
    words.extend(arguments.iter().map(Into::into));
    sandbox.python(&words).assert_code(0);
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn a_message_in_a_file_begins_on_a_new_line() {
    let sandbox = Sandbox::new();
    for ending in ENDINGS {
        sandbox.write("script.py", script(ending));
        let text = in_one_file(&sandbox, &["save", "script.py"]);
        assert!(text.contains("\nsnapcli: saved 1 variable and 2 imports"), "{text:?}");
        assert!(!text.contains("\n\n"), "{text:?}");
    }
    sandbox.write("script.py", "x = 1\n");
    assert!(in_one_file(&sandbox, &["save", "script.py"]).starts_with("snapcli: saved 1 variable "));
}

#[test]
fn a_message_in_a_terminal_begins_on_a_new_line() {
    let sandbox = Sandbox::new();
    for ending in ENDINGS {
        sandbox.write("script.py", script(ending));
        let shown = Shown::by(snapcli_in_terminal(&sandbox, COLUMNS, &["save", "script.py"], &[]));
        let text = screen(&shown.text);
        assert_eq!(shown.code, 0, "{text:?}");
        assert!(text.contains("\nsnapcli: saved 1 variable and 2 imports"), "{text:?}");
        assert!(!text.contains("\n\nsnapcli"), "{text:?}");
    }
}

#[test]
fn streams_apart_get_nothing_more() {
    let sandbox = Sandbox::new();
    sandbox.write("script.py", script("print('done', end='')"));
    let run = sandbox.snapcli(&["save", "script.py"]);
    run.assert_code(0).assert_stdout("done");
    assert!(run.err().starts_with("snapcli: saved "), "{}", run.whole());
}
