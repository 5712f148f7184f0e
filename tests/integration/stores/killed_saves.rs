//! Whatever happens to a save or a prune, and whoever else is at work: every snapshot that is listed is complete.

use std::fs;
use std::time::{Duration, Instant};

use super::run;
use crate::env::{Numbers, Sandbox};

const SCRIPT: &str = "
import sys
import numpy as np
generation = int(sys.argv[1])
large = [np.full(300_000, generation) for _ in range(3)]
constant = np.arange(400_000)
records = [{'n': n, 'text': str(n)} for n in range(3000)]
also = generation
open(sys.argv[2], 'w').close()
";

#[test]
fn a_save_that_is_killed_leaves_every_snapshot_complete() {
    let sandbox = Sandbox::new();
    sandbox.write("script.py", SCRIPT);
    let began = sandbox.work().join("began");
    let save = |generation: u64| {
        let _ = fs::remove_file(&began);
        let number = generation.to_string();
        sandbox.call_snapcli(&["save", "-q", "-o", "runs.snaps/", "script.py", &number, "began"]).spawn()
    };
    let wait_for_begin = || {
        let start = Instant::now();
        while !began.exists() {
            assert!(start.elapsed() < Duration::from_secs(300));
            std::thread::sleep(Duration::from_millis(1));
        }
    };
    let mut first = save(1);
    wait_for_begin();
    let ready = Instant::now();
    assert!(first.wait().unwrap().success());
    let long = usize::try_from(ready.elapsed().as_micros()).unwrap().max(2);
    let (mut numbers, mut killed) = (Numbers(7), 0);
    for generation in 2..=20 {
        let mut child = save(generation);
        wait_for_begin();
        std::thread::sleep(Duration::from_micros(numbers.below(long) as u64));
        child.kill().unwrap();
        killed += u64::from(!child.wait().unwrap().success());
        let code = "generation == also == int(large[2][-1]) and int(constant[-1])";
        run(&sandbox, &["restore", "runs.snaps/", "-c", code]).assert_stdout("399999\n");
    }
    // Otherwise the kills did not hit a save.
    assert!(killed > 0);
    run(&sandbox, &["verify", "runs.snaps/"]);
    run(&sandbox, &["prune", "runs.snaps/"]);
    let verified = run(&sandbox, &["verify", "--json", "runs.snaps/"]).json();
    assert_eq!((&verified["unneeded_count"], &verified["whole"]), (&0.into(), &true.into()));
    let left: Vec<String> = fs::read_dir(sandbox.work().join("runs.snaps/objects"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| name.len() != 64)
        .collect();
    assert!(left.is_empty(), "{left:?}");
    assert!(save(21).wait().unwrap().success());
    run(&sandbox, &["restore", "runs.snaps/", "-c", "generation"]).assert_stdout("21\n");
}

#[test]
fn saves_and_prunes_of_several_processes_do_not_disturb_one_another() {
    let sandbox = Sandbox::new();
    let script = "
import sys, snapcli
import numpy as np
writer = sys.argv[1]
constant = np.arange(20_000)
for round in range(12):
    changing = np.full(20_000, round)
    alternating = np.full(15_000, round % 2)
    report = snapcli.save('runs.snaps/', check=False)
    assert report.complete
    assert snapcli.load_dict(report.path, ['writer', 'round']) == {'writer': writer, 'round': round} or \\
        int(report.path.split('@')[1]) < 0
";
    // The prunes keep more snapshots than can be saved while one is loaded again.
    sandbox.write("writer.py", script);
    sandbox.write("empty.py", "");
    run(&sandbox, &["save", "-q", "-o", "runs.snaps/", "empty.py"]);
    let writer =
        |name: &str| sandbox.call_snapcli(&["save", "-q", "-o", &format!("{name}.pkl"), "writer.py", name]).spawn();
    let mut writers = ["a", "b"].map(writer);
    let mut prunes = 0;
    while writers.iter_mut().any(|writer| writer.try_wait().unwrap().is_none()) {
        run(&sandbox, &["prune", "-q", "--keep-last", "12", "runs.snaps/"]);
        prunes += 1;
    }
    assert!(prunes > 0);
    for mut writer in writers {
        assert!(writer.wait().unwrap().success());
    }
    run(&sandbox, &["verify", "runs.snaps/"]);
    let log = run(&sandbox, &["log", "--json", "runs.snaps/"]).json();
    assert_eq!(log["snapshots"][0]["number"], 25, "{log:#}");
    let code = "(changing == round).all() and (alternating == round % 2).all() and int(constant[-1])";
    run(&sandbox, &["restore", "runs.snaps/", "-c", code]).assert_stdout("19999\n");
}

#[test]
fn writes_that_fail_leave_the_store_as_it_was() {
    let sandbox = Sandbox::new();
    let limited = format!(
        "{SCRIPT}\nimport resource\nlimit = int(sys.argv[3])\n\
         resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))\n"
    );
    sandbox.write("script.py", limited);
    run(&sandbox, &["save", "-q", "-o", "runs.snaps/", "script.py", "1", "began", "1000000000"]);
    for limit in [0, 1, 100, 300, 1000, 5000, 100_000, 2_000_000] {
        let full = sandbox.snapcli(&["save", "-o", "runs.snaps/", "script.py", "2", "began", &limit.to_string()]);
        full.assert_code(1);
        assert!(full.err().contains("File too large"), "{limit}\n{}", full.whole());
        run(&sandbox, &["restore", "runs.snaps/", "-c", "generation"]).assert_stdout("1\n");
        run(&sandbox, &["verify", "runs.snaps/"]);
    }
    run(&sandbox, &["save", "-q", "-o", "runs.snaps/", "script.py", "3", "began", "1000000000"]);
    run(&sandbox, &["restore", "runs.snaps/@2", "-c", "generation"]).assert_stdout("3\n");
}
