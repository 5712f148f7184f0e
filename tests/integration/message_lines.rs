//! A message begins on a line of its own, also if the script has not ended its last line.

use std::ffi::OsString;

use crate::env::{Call, Sandbox, program};

/// Runs a command in a terminal of 60 columns, and prints the lines that it shows.
const TERMINAL: &str = r"
import fcntl, os, pty, struct, sys, termios
child, master = pty.fork()
if child == 0:
    fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack('HHHH', 50, 60, 0, 0))
    os.execvp(sys.argv[1], sys.argv[1:])
shown = b''
while True:
    try: read = os.read(master, 1 << 16)
    except OSError: break
    if not read: break
    shown += read
lines, column = [''], 0
for character in shown.decode():
    if character == '\r': column = 0
    elif character == '\n': lines.append(''); column = 0
    else:
        if column == 60: lines.append(''); column = 0
        lines[-1] = lines[-1][:column].ljust(column) + character + lines[-1][column + 1:]
        column += 1
print('\n'.join(line.rstrip() for line in lines), end='')
";

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

/// A call of snapcli by a program in Python, which gets these arguments first.
fn call_by(sandbox: &Sandbox, code: &str, first: &[&str], arguments: &[&str]) -> Call {
    let python = sandbox.interpreter().as_os_str();
    let strings = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
    let mut words = strings(&[&["-c", code], first].concat());
    words.extend([program(), "--python".into(), python.to_owned()]);
    words.extend(strings(arguments));
    sandbox.call_python(&words)
}

/// Runs a command with both streams in one file, and returns what is in it.
fn in_one_file(sandbox: &Sandbox, arguments: &[&str]) -> String {
    let path = sandbox.out().join("both");
    let code = "import subprocess, sys; both = open(sys.argv[1], 'wb'); \
                sys.exit(subprocess.run(sys.argv[2:], stdout=both, stderr=both).returncode)";
    call_by(sandbox, code, &[path.to_str().unwrap()], arguments).run().assert_code(0);
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
        let call = call_by(&sandbox, TERMINAL, &[], &["save", "script.py"]);
        let run = call.env("NO_COLOR", "1").env("TERM", "xterm").run();
        let text = run.assert_code(0).out();
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
