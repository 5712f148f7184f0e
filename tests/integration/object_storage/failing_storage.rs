//! Connections that break off, get stuck or are slow, and servers that refuse: what can be done again is done again,
//! everything else is an error with its cause, and what was saved before stays.

use std::time::Duration;

use super::{Bucket, CuttingProxy, NO_SERVER};
use crate::skipped::skipped;

const SESSION: &str = "
import sys
import numpy as np
number = int(sys.argv[1])
large = np.random.default_rng(number).integers(0, 255, 9_500_000, dtype=np.uint8)
other = np.full(300_000, number)
";

/// A bucket with a first save to a store and to a file, behind a proxy.
fn saved(name: &str) -> Option<(Bucket, CuttingProxy, [String; 2])> {
    let mut bucket = Bucket::new(name)?;
    bucket.sandbox.write("session.py", SESSION);
    let targets = [bucket.address("runs.snaps/"), bucket.address("run.pkl")];
    for target in &targets {
        bucket.run(&["save", "-q", "-o", target, "session.py", "1"]);
    }
    let proxy = CuttingProxy::before(&bucket.endpoint);
    bucket.behind(&proxy);
    Some((bucket, proxy, targets))
}

#[test]
fn reading_goes_on_where_it_broke_off() {
    let Some((bucket, proxy, targets)) = saved("reading") else { return skipped(NO_SERVER) };
    for target in &targets {
        for after in [0, 100_000, 3_000_000] {
            proxy.cut_answers(2, after);
            let run = bucket.run(&["restore", target, "-c", "int(other.sum()), len(large)"]);
            run.assert_stdout("(300000, 9500000)\n");
        }
        // In the end, it is an error, and not damage.
        proxy.cut_answers(u64::MAX, 100_000);
        let run = bucket.try_to(&["restore", target, "-c", "pass"]);
        run.assert_code(1);
        assert!(run.err().contains("connection") && run.err().contains("check the network"), "{}", run.whole());
        proxy.cut_answers(0, 0);
    }
}

#[test]
fn a_save_that_breaks_off_leaves_the_snapshot_before() {
    let Some((bucket, proxy, targets)) = saved("writing") else { return skipped(NO_SERVER) };
    for (round, target) in (2..).zip(&targets) {
        let number = round.to_string();
        proxy.cut_requests(2, 2_000_000);
        bucket.run(&["save", "-q", "-o", target, "session.py", &number]);
        assert_eq!(proxy.cuts_left(), 0);
        bucket.run(&["restore", target, "-c", "int(other[0])"]).assert_stdout(&format!("{number}\n"));
        // What cannot be sent goes to a file on this machine.
        proxy.cut_requests(u64::MAX, 2_000_000);
        let run = bucket.try_to(&["save", "-o", target, "session.py", "7"]);
        run.assert_code(1);
        assert!(run.err().contains("cannot write s3://"), "{}", run.whole());
        let kept = std::fs::read_dir(bucket.sandbox.root().join("tmp")).unwrap().map(|entry| entry.unwrap().path());
        let kept: Vec<_> = kept.collect();
        assert_eq!(kept.len(), 1, "{kept:?}");
        bucket.run(&["restore", kept[0].to_str().unwrap(), "-c", "int(other[0])"]).assert_stdout("7\n");
        std::fs::remove_file(&kept[0]).unwrap();
        proxy.cut_answers(0, 0);
        bucket.run(&["restore", target, "-c", "int(other[0])"]).assert_stdout(&format!("{number}\n"));
        bucket.run(&["verify", "-q", target]);
    }
}

#[test]
fn a_slow_server_is_waited_for() {
    let Some((bucket, proxy, targets)) = saved("slow") else { return skipped(NO_SERVER) };
    proxy.slow_down(Duration::from_millis(2));
    for target in &targets {
        bucket.run(&["restore", target, "-c", "len(large)"]).assert_stdout("9500000\n");
        bucket.run(&["save", "-q", "-o", target, "session.py", "3"]);
    }
}

#[test]
fn ctrl_c_ends_a_command_that_waits() {
    let Some((bucket, proxy, targets)) = saved("stuck") else { return skipped(NO_SERVER) };
    let commands: [&[&str]; 4] = [
        &["restore", &targets[0], "-c", "pass"],
        &["restore", &targets[1], "-c", "pass"],
        &["log", &targets[0]],
        &["save", "-q", "-o", &targets[0], "session.py", "4"],
    ];
    for words in commands {
        proxy.get_stuck();
        let mut child = bucket.call(words).spawn();
        while !proxy.is_waited_for() {
            assert!(child.try_wait().unwrap().is_none(), "{words:?} ended without an answer");
            std::thread::sleep(Duration::from_millis(5));
        }
        let process = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(process, rustix::process::Signal::INT).unwrap();
        let status = child.wait().unwrap();
        use std::os::unix::process::ExitStatusExt;
        assert_eq!(status.signal(), Some(libc::SIGINT), "{words:?} {status:?}");
    }
}
