//! One test for each known pitfall of pickling sessions with dill.

use std::fs;

use crate::env::{Sandbox, Stack, main_python, venv};

fn save(script: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("script.py", script);
    sandbox.snapcli(&["save", "-q", "script.py"]).assert_code(0);
    sandbox
}

fn left_out(sandbox: &Sandbox) -> Vec<String> {
    let json = sandbox.snapcli(&["inspect", "--json"]).json();
    json["left_out"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn an_open_file_is_restored_for_reading_and_never_truncated() {
    let sandbox = save(
        "
out = open('results.txt', 'w')
out.write('hours of results'); out.flush()
data = open('results.txt', 'rb', buffering=0)
closed = open('results.txt'); closed.close()
holder = {'log': out}
import sys
stream = sys.stdout
x = 1
",
    );
    assert!(left_out(&sandbox).is_empty());
    let check = "
import sys
assert stream is sys.__stdout__
assert (out.mode, out.tell(), data.mode, data.tell(), closed.closed) == ('r', 16, 'rb', 0, True)
assert holder['log'] is out and data.read() == b'hours of results'
print(x)
";
    sandbox.snapcli(&["restore", "--strict", "session.pkl", "-c", check]).assert_stdout("1\n");
    let plain = format!("import dill; dill.load_module('session.pkl')\n{check}");
    sandbox.python(&["-c", &plain]).assert_stdout("1\n");
    sandbox.snapcli(&["inspect", "script.py"]).assert_code(0);
    assert_eq!(fs::read_to_string(sandbox.work().join("results.txt")).unwrap(), "hours of results");
}

#[test]
fn sockets_and_database_connections_are_left_out_by_name() {
    let sandbox = save(
        "
import socket, sqlite3
plug = socket.socket()
pair = socket.socketpair()
connection = sqlite3.connect(':memory:')
cursor = connection.cursor()
x = 1
",
    );
    assert_eq!(left_out(&sandbox), ["plug", "connection", "cursor"]);
    // The sockets in the pair are replaced by markers.
    let run = sandbox.snapcli(&["restore", "session.pkl", "-c", "x, [socket.lost for socket in pair]"]);
    run.assert_stdout("(1, ['socket.socket', 'socket.socket'])\n");
}

#[test]
fn threads_processes_and_pools_are_left_out_and_locks_are_restored_released() {
    let sandbox = save(
        "
import threading, subprocess, multiprocessing, concurrent.futures, asyncio, gzip
thread = threading.Thread(target=print); thread.start()
process = subprocess.Popen(['true']); process.wait()
child = multiprocessing.get_context('spawn').Process()
pool = concurrent.futures.ThreadPoolExecutor(1)
loop = asyncio.new_event_loop(); loop.close()
packed = gzip.open('packed.gz', 'wt')
lock, again = threading.Lock(), threading.RLock()
lock.acquire(); again.acquire()
guard = {'lock': lock}
x = 1
",
    );
    assert_eq!(left_out(&sandbox), ["thread", "process", "child", "pool", "loop", "packed"]);
    let check = "lock.acquire(blocking=False), again.acquire(blocking=False), guard['lock'] is lock, x";
    for code in [check.to_owned(), format!("import dill; dill.load_module('session.pkl'); print(({check}))")] {
        let run = match code.starts_with("import") {
            true => sandbox.python(&["-c", &code]),
            false => sandbox.snapcli(&["restore", "--strict", "session.pkl", "-c", &code]),
        };
        run.assert_stdout("(True, True, True, 1)\n");
    }
    let notes = sandbox.snapcli(&["inspect", "--json"]).json()["variables"].to_string();
    assert!(notes.contains("a lock in it is held now and will be restored released"), "{notes}");
}

#[test]
fn large_arrays_are_saved_and_their_size_is_shown() {
    let sandbox = save("import numpy as np\nlarge = np.arange(2_500_000, dtype='float64')\n");
    let text = sandbox.snapcli(&["inspect"]).out();
    assert!(
        text.lines().any(|line| line.contains("large") && line.contains("20 MB") && line.contains("2500000 float64")),
        "{text}"
    );
    sandbox.snapcli(&["restore", "session.pkl", "-c", "float(large.sum())"]).assert_stdout("3124998750000.0\n");
}

#[test]
fn a_named_module_is_saved_instead_of_main() {
    let sandbox = Sandbox::new();
    sandbox.write("work.py", "state = {'n': 1}\n");
    sandbox.write("script.py", "import work\nwork.state['n'] = 2\nx = 'not of that module'\n");
    sandbox.snapcli(&["save", "--module", "work", "script.py"]).assert_code(0);
    sandbox
        .snapcli(&["restore", "session.pkl", "-c", "work.state, 'x' in globals()"])
        .assert_stdout("({'n': 2}, False)\n");
}

#[test]
fn globals_can_be_loaded_as_a_dict_instead_of_a_module() {
    let sandbox = save("x = [1]\ny = x\ndef f(): return x\n");
    let check = "
import dill
names = dill.load_module_asdict('session.pkl')
print(names['x'], names['y'] is names['x'], names['f'](), 'x' in globals())
";
    sandbox.python(&["-c", check]).assert_stdout("[1] True [1] False\n");
}

#[test]
fn corruption_is_detected_wherever_it_is_in_the_file() {
    let sandbox = save("import math\ntable = {n: str(n) for n in range(30)}\ndef f(): return table\n");
    let good = fs::read(sandbox.work().join("session.pkl")).unwrap();
    let mut detected = 0;
    for position in (0..good.len()).step_by(good.len() / 25) {
        let mut bytes = good.clone();
        bytes[position] ^= 0x04;
        sandbox.write("hurt.pkl", &bytes);
        let run = sandbox.snapcli(&["restore", "hurt.pkl", "-c", "print(len(table))"]);
        // If the trailer's magic number is damaged, the file is read as a plain pickle, with a warning.
        if !run.err().contains("the index of hurt.pkl is missing") {
            run.assert_code(4).assert_stdout("");
            detected += 1;
        }
    }
    assert!(detected >= 20, "only {detected} damaged files were detected");
    for length in (0..good.len()).step_by(good.len() / 10) {
        sandbox.write("hurt.pkl", &good[..length]);
        let run = sandbox.snapcli(&["restore", "--trust", "hurt.pkl", "-c", "print(len(table))"]);
        // A cut after the pickle loses only the index.
        if run.status.code() != Some(4) {
            run.assert_code(0).assert_stdout("30\n");
            assert!(run.err().contains("the index of hurt.pkl is missing"), "{}", run.whole());
        }
    }
}

#[test]
fn data_frames_models_and_pipelines_are_restored() {
    let sandbox = Sandbox::with(venv(main_python(), Stack::Full));
    let example = include_str!("../../examples/model.py");
    sandbox.write("model.py", example);
    let run = sandbox.snapcli(&["save", "--strict", "--verify", "model.py"]);
    run.assert_code(0);
    let score = run.out();
    let check = "
assert type(frame).__name__ == 'DataFrame' and frame.shape == (2000, 6)
assert predict(1, 0, 0, 0, 0) == 1 and predict(-1, 1, 0, 0, 0) == 0
assert train.index.is_unique and set(train.index) | set(test.index) == set(frame.index)
print(f'score {model.score(test.drop(columns=\"label\"), test[\"label\"]):.3f}')
";
    sandbox.snapcli(&["restore", "session.pkl", "-c", check]).assert_stdout(&score);
    sandbox.python(&["-c", &format!("import dill; dill.load_module('session.pkl')\n{check}")]).assert_stdout(&score);
    let json = sandbox.snapcli(&["inspect", "--json"]).json();
    let frame = json["variables"].as_array().unwrap().iter().find(|row| row["name"] == "frame").unwrap();
    assert_eq!(frame["shape"], serde_json::json!([2000, 6]));
    for package in ["numpy", "pandas", "sklearn"] {
        assert!(json["packages"][package].is_string(), "{json:#}");
    }
}
