//! What a store takes and refuses at its edges: names, numbers, states of random generators, stopped processes.

use serde_json::Value;

use crate::env::{Sandbox, Stack, main_python, venv};

/// Saves a small session a hundred times after one change each, with random numbers drawn in between, and prints the
/// bytes that each save has added and whether all generators come back as they were.
const DRAWING: &str = r"
import json, os, random, sys
import snapcli
NUMPY = len(sys.argv) > 1
if NUMPY: import numpy as np
random.seed(7)
if NUMPY: np.random.seed(7)
numbers = {f'number_{n}': n for n in range(8)}
globals().update(numbers)
lists = [[n, str(n), {'n': n}] for n in range(10)]
def size():
    return sum(os.path.getsize(os.path.join(folder, name)) for folder, _, names in os.walk('s.snaps') for name in names)
added, states = [], []
for n in range(100):
    globals()[f'number_{n % 8}'] = n
    for _ in range(n * 7): random.random()
    if NUMPY: np.random.rand(n * 5)
    before = size() if n else 0
    snapcli.save('s.snaps/', sync=False, exclude=['added', 'states', 'before'])
    added.append(size() - before)
    states.append((random.getstate(), np.random.get_state()[1].tolist() if NUMPY else None))
same = []
for n in range(0, 100, 9):
    snapcli.restore(f's.snaps/@{n + 1}', exclude=['n'])
    same.append((random.getstate(), np.random.get_state()[1].tolist() if NUMPY else None) == states[n])
print(json.dumps({'added': added[1:], 'same': same}))
";

#[test]
fn drawing_random_numbers_does_not_store_their_state_again() {
    for (words, stack) in [(&["-c", DRAWING][..], Stack::Dill), (&["-c", DRAWING, "numpy"], Stack::Full)] {
        let sandbox = Sandbox::with(venv(main_python(), stack));
        let run = sandbox.call_importing(words).run();
        run.assert_code(0);
        let answer: Value = serde_json::from_str(&run.out()).unwrap();
        assert!(answer["same"].as_array().unwrap().iter().all(|same| same == true), "{answer}");
        let added: Vec<u64> = answer["added"].as_array().unwrap().iter().map(|it| it.as_u64().unwrap()).collect();
        assert!(added.iter().all(|bytes| *bytes <= 2048), "{added:?}");
    }
}

#[test]
fn the_state_of_generators_is_restored_by_another_process_and_goes_on_from_there() {
    let sandbox = Sandbox::new();
    let code = r"
import random, snapcli
random.seed(3)
x = 1
for n in range(5):
    [random.random() for _ in range(400)]
    snapcli.save('s.snaps/')
print(random.random())
";
    sandbox.write("draw.py", code);
    let drawn = sandbox.call_importing(&["draw.py"]).run();
    drawn.assert_code(0);
    let restored = sandbox.snapcli(&["restore", "s.snaps/", "-c", "random.random()"]);
    restored.assert_stdout(&drawn.out());
    // The words are no entry of their own in reports.
    let entries = sandbox.snapcli(&["inspect", "--json", "s.snaps/"]).json();
    let names: Vec<&str> =
        entries["ambient"].as_array().unwrap().iter().map(|entry| entry["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"random") && !names.contains(&"random.words"), "{names:?}");
    let shown = sandbox.snapcli(&["inspect", "s.snaps/"]).out();
    assert!(shown.contains("random") && !shown.contains("random.words"), "{shown}");
    // A file has the same.
    sandbox.snapcli(&["export", "s.snaps/@5", "-o", "five.pkl"]).assert_code(0);
    sandbox.snapcli(&["restore", "five.pkl", "-c", "random.random()"]).assert_stdout(&drawn.out());
}

#[test]
fn background_saves_share_the_state_of_generators() {
    let sandbox = Sandbox::new();
    let code = r"
import random, snapcli
random.seed(3)
for n in range(6):
    [random.random() for _ in range(400)]
    snapcli.save('s.snaps/', wait=False).result()
";
    sandbox.call_importing(&["-c", code]).run().assert_code(0);
    let log = sandbox.snapcli(&["log", "--json", "s.snaps/"]).json();
    let added: Vec<u64> =
        log["snapshots"].as_array().unwrap().iter().map(|snapshot| snapshot["added_bytes"].as_u64().unwrap()).collect();
    assert_eq!(added.len(), 6, "{log}");
    // The newest one comes first, and only the first save has the words.
    assert!(added.iter().take(5).all(|bytes| *bytes < 2048) && added[5] > 2500, "{added:?}");
}

#[test]
fn names_of_snapshots_can_be_typed_in_an_address() {
    let sandbox = Sandbox::new();
    for name in ["best", "v1.2", "run_7", "naïve", "2nd"] {
        sandbox.snapcli(&["save", "-q", "--name", name, "-o", "s.snaps/", "-c", "x = 1"]).assert_code(0);
        sandbox.snapcli(&["restore", &format!("s.snaps/@{name}"), "-c", "x"]).assert_stdout("1\n");
    }
    for (name, words) in [
        ("a b", "use letters, digits, -, _ and ."),
        ("a=b", "use letters, digits, -, _ and ."),
        ("", "use letters, digits, -, _ and ."),
        ("12", "not only digits"),
        (".x", "a letter or digit first"),
        ("a/b", "use letters"),
        ("latest", "@latest always stands for the newest one"),
        ("newest", "@newest always stands for the newest one"),
        ("crash", "@crash stands for the newest one whose script or check failed"),
        ("unverified", "@unverified stands for the newest one whose script or check failed"),
    ] {
        let run = sandbox.snapcli(&["save", &format!("--name={name}"), "-o", "s.snaps/", "-c", "x = 1"]);
        run.assert_code(2);
        assert!(run.err().contains(words), "{name}: {}", run.whole());
        let save = format!("snapcli.save('s.snaps/', {{'x': 1}}, name={name:?})");
        let code = format!("import snapcli\ntry: {save}\nexcept ValueError as error: print(error)");
        let run = sandbox.call_importing(&["-c", &code]).run();
        assert!(run.out().contains(words), "{name}: {}", run.whole());
    }
    let log = sandbox.snapcli(&["log", "--json", "s.snaps/"]).json();
    assert_eq!(log["snapshots"].as_array().map(Vec::len), Some(5), "{log}");
}

#[test]
fn a_number_is_shown_as_it_was_typed() {
    let sandbox = Sandbox::new();
    sandbox.snapcli(&["save", "-q", "-o", "s.snaps/", "-c", "x = 1"]).assert_code(0);
    for number in ["0", "7", "18446744073709551615", "18446744073709551616", "9999999999999999999"] {
        for words in [&["restore"][..], &["inspect"], &["verify"], &["export", "-o", "x.pkl"]] {
            let run = sandbox.snapcli(&[words, &[&format!("s.snaps/@{number}")]].concat());
            run.assert_code(2);
            let expected = format!("s.snaps has no snapshot @{number}: it has @1");
            assert!(run.err().contains(&expected), "{words:?} {}", run.whole());
        }
    }
}

#[test]
fn a_stopped_child_that_is_only_polled_is_noticed() {
    let sandbox = Sandbox::new();
    // The reducer stops the process that saves in the background, and nothing else.
    let code = r"
import os, signal, time, snapcli
own = os.getpid()
class Stopping:
    def __reduce__(self):
        if os.getpid() != own: os.kill(os.getpid(), signal.SIGSTOP)
        return int, ()
x = Stopping()
save = snapcli.save('s.snaps/', wait=False)
while not save.done(): time.sleep(0.01)
print(*save.report.notes)
";
    let run = sandbox.call_importing(&["-c", code]).env("SNAPCLI_BACKGROUND_LIMIT", "1").run();
    run.assert_code(0);
    assert!(run.out().contains("hung; the session was saved again"), "{}", run.whole());
    sandbox.snapcli(&["verify", "s.snaps/"]).assert_code(0);
}

#[test]
fn the_names_of_a_module_are_not_among_those_of_a_damaged_file() {
    let sandbox = Sandbox::new();
    sandbox.snapcli(&["save", "-q", "-o", "run.pkl", "-c", "x, y = 1, [2]"]).assert_code(0);
    let path = sandbox.work().join("run.pkl");
    let bytes = std::fs::read(&path).unwrap();
    // Half of the index is gone.
    std::fs::write(&path, &bytes[..bytes.len() - 400]).unwrap();
    for arguments in ["partial=True, trust=True", "partial=True"] {
        let load = format!("print(sorted(snapcli.load_dict('run.pkl', {arguments})))");
        let code = format!("import snapcli, warnings\nwarnings.simplefilter('ignore')\n{load}");
        let run = sandbox.call_importing(&["-c", &code]).run();
        run.assert_code(0);
        run.assert_stdout("['x', 'y']\n");
    }
}

#[test]
fn an_own_compressed_file_needs_no_word_about_its_python() {
    let sandbox = Sandbox::new();
    // A Python that is found by searching: the environment of the sandbox, beside the file.
    std::os::unix::fs::symlink(sandbox.interpreter().parent().unwrap().parent().unwrap(), sandbox.work().join(".venv"))
        .unwrap();
    for file in ["run.pkl", "run.pkl.zst"] {
        sandbox.snapcli(&["save", "-q", "-o", file, "-c", "x = 1"]).assert_code(0);
        let run = sandbox.call_snapcli(&["restore", file, "-c", "x"]).env("VIRTUAL_ENV", "").run();
        run.assert_code(0);
        assert!(!run.err().contains("not signed"), "{file}: {}", run.whole());
    }
}

#[test]
fn a_store_that_cannot_be_written_to_is_refused_before_the_script_runs() {
    let sandbox = Sandbox::new();
    sandbox.write("long.py", "open('has_run', 'w').close()\nx = 1\n");
    sandbox.snapcli(&["save", "-q", "-o", "s.snaps/", "-c", "x = 1"]).assert_code(0);
    // Root may write to a directory without permissions, so each is something else in its place.
    for part in ["lock", "objects", "snapshots"] {
        let path = sandbox.work().join("s.snaps").join(part);
        let aside = sandbox.work().join("aside");
        std::fs::rename(&path, &aside).unwrap();
        if part == "lock" {
            std::fs::create_dir(&path).unwrap();
        } else {
            std::os::unix::fs::symlink("/proc/self", &path).unwrap();
        }
        let run = sandbox.snapcli(&["save", "-o", "s.snaps/", "long.py"]);
        run.assert_code(2);
        assert_eq!(run.err().matches("cannot save to").count(), 1, "{part}: {}", run.whole());
        assert!(!sandbox.work().join("has_run").exists(), "{part}: {}", run.whole());
        if part == "lock" {
            std::fs::remove_dir(&path).unwrap()
        } else {
            std::fs::remove_file(&path).unwrap()
        }
        std::fs::rename(&aside, &path).unwrap();
    }
    sandbox.snapcli(&["save", "-q", "-o", "s.snaps/", "long.py"]).assert_code(0);
    let log = sandbox.snapcli(&["log", "--json", "s.snaps/"]).json();
    assert_eq!(log["snapshot_count"], 2, "{log}");
}

#[test]
fn an_error_while_writing_names_no_temporary_file() {
    let sandbox = Sandbox::new();
    // A file that grows beyond this limit is an error, as on a full disk.
    let script = "import random, resource\ndata = random.Random(1).randbytes(200_000)\n\
                  resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n";
    sandbox.write("script.py", script);
    let long = sandbox.write("long.py", script.replace("data =", "data = words = [str(n) for n in range(100_000)];"));
    for (target, script) in [("s.snaps/", "script.py"), ("s.snaps/", long.to_str().unwrap()), ("file.pkl", "script.py")]
    {
        let run = sandbox.snapcli(&["save", "-o", target, script]);
        run.assert_code(1);
        assert!(run.err().contains("File too large (os error 27)"), "{}", run.whole());
        assert!(!run.err().contains(".new-") && !run.err().contains(".snapcli-"), "{}", run.whole());
    }
}
