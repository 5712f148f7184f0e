//! A program that saves to the same file again and again, and is killed at any moment: the file is always whole.

use std::fs;
use std::time::{Duration, Instant};

use super::names;
use crate::env::{Numbers, Sandbox};

/// Saves until it is killed. Each session has the number of the save twice, around enough data for several writes.
const ENDLESS: &str = "
import sys
import snapcli
sync = {'sync': True, 'not': False}
number = 0
while True:
    number += 1
    session = {'first': number, 'many': [number] * 30_000, 'last': number}
    snapcli.save('steps.pkl', session, sync=sync[sys.argv[1]], check=False)
    if number == 2: open('began', 'w').close()
";

#[test]
fn a_program_that_saves_repeatedly_can_be_killed_at_any_moment() {
    let sandbox = Sandbox::new();
    sandbox.write("endless.py", ENDLESS);
    let target = sandbox.work().join("steps.pkl");
    let began = sandbox.work().join("began");
    let mut numbers = Numbers(11);
    for mode in ["sync", "not"] {
        for _ in 0..12 {
            let mut child = sandbox.call_importing(&["endless.py", mode]).spawn();
            let start = Instant::now();
            while !began.exists() {
                assert!(start.elapsed() < Duration::from_secs(300));
                std::thread::sleep(Duration::from_millis(1));
            }
            std::thread::sleep(Duration::from_micros(numbers.below(20_000) as u64));
            child.kill().unwrap();
            child.wait().unwrap();
            fs::remove_file(&began).unwrap();
            let code = "print(first == last == many[0] == many[-1], len(many), first > 1)";
            sandbox.snapcli(&["restore", "steps.pkl", "-c", code]).assert_stdout("True 30000 True\n");
            sandbox.snapcli(&["verify", "-q", "steps.pkl"]).assert_code(0);
            // What the kill has left is removed by the next save.
            let code = "import snapcli; snapcli.save('steps.pkl', {'first': 0})";
            sandbox.call_importing(&["-c", code]).run().assert_code(0);
            assert_eq!(names(&sandbox.work()), ["steps.pkl"]);
        }
        fs::remove_file(&target).unwrap();
    }
}

#[test]
fn saves_from_several_threads_and_children_leave_one_whole_file() {
    let sandbox = Sandbox::new();
    let script = "
import os, sys, threading
import snapcli
def save(worker):
    for number in range(30):
        snapcli.save('shared.pkl', {'worker': worker, 'pair': [worker] * 1000}, sync=number % 2 == 0, check=False)
threads = [threading.Thread(target=save, args=(worker,)) for worker in range(3)]
for thread in threads: thread.start()
for thread in threads: thread.join()
children = []
for worker in range(3, 6):
    child = os.fork()
    if child == 0:
        save(worker)
        os._exit(0)
    children.append(child)
save(6)
assert all(os.waitpid(child, 0)[1] == 0 for child in children)
found = snapcli.load_dict('shared.pkl')
print(found['pair'] == [found['worker']] * 1000, sorted(os.listdir()))
";
    sandbox.write("script.py", script);
    let run = sandbox.call_importing(&["script.py"]).run();
    run.assert_code(0);
    run.assert_stdout("True ['script.py', 'shared.pkl']\n");
}

#[test]
fn a_session_that_is_saved_elsewhere_is_named_even_if_all_else_is_silent() {
    let sandbox = Sandbox::new();
    for target in ["out/s.pkl", "out/s.snaps/"] {
        for option in ["-q", "-v"] {
            fs::create_dir_all(sandbox.work().join("out")).unwrap();
            let code = "import shutil; shutil.rmtree('out'); x = 1";
            let run = sandbox.snapcli(&["save", option, "-o", target, "-c", code]);
            run.assert_code(1);
            let shown = run.err();
            let is_path = |word: &&str| word.ends_with("-s.pkl");
            let elsewhere = shown.split_whitespace().find(is_path);
            let elsewhere = elsewhere.unwrap_or_else(|| panic!("{target} {}", run.whole()));
            sandbox.snapcli(&["restore", elsewhere, "-c", "x"]).assert_stdout("1\n");
            fs::remove_file(elsewhere).unwrap();
        }
    }
}
