//! Leases in object storage: an interrupted process gives its own back, and a save that waits for one of another
//! process says so and loses nothing.

use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::{Bucket, CuttingProxy, NO_SERVER, StorageServer};
use crate::env::{Run, program};
use crate::skipped::skipped;

const ENDING: [(Signal, &str); 3] = [(Signal::INT, "SIGINT"), (Signal::TERM, "SIGTERM"), (Signal::HUP, "SIGHUP")];
const LOCKS: &str = "r.snaps/locks/";
const WAITS: &str = "waiting for another process to end its prune";

/// Sends a signal to a program once it has printed a text, and prints the code that it ends with.
const DRIVER: &str = r"
import signal, subprocess, sys
number, text = getattr(signal, sys.argv[1]), sys.argv[2]
child = subprocess.Popen(sys.argv[3:], stderr=subprocess.PIPE, text=True)
seen = ''
for line in child.stderr:
    if text in line and text not in seen: child.send_signal(number)
    seen += line
print(child.wait())
sys.stderr.write(seen)
";

fn leases(bucket: &Bucket) -> Vec<String> {
    StorageServer::running().unwrap().keys(&bucket.name, LOCKS)
}

/// Runs a command that is sent a signal when it says that it waits.
fn signalled(bucket: &Bucket, signal: &str, text: &str, words: &[&str]) -> Run {
    let program = program().into_string().unwrap();
    let python = bucket.sandbox.interpreter().to_str().unwrap().to_owned();
    let head = ["-c", DRIVER, signal, text, &program, "--python", &python];
    bucket.with_access(bucket.sandbox.call_python(&[&head[..], words].concat())).run()
}

#[test]
fn a_save_that_a_signal_ends_gives_its_lease_back() {
    let Some(mut bucket) = Bucket::new("ended") else { return skipped(NO_SERVER) };
    let server = StorageServer::running().unwrap();
    let proxy = CuttingProxy::before(&server.endpoint());
    bucket.behind(&proxy);
    bucket.sandbox.write("session.py", "import os\nlarge = [os.urandom(1 << 20) for _ in range(4)]\n");
    // Nothing is left to write, and a thread that Ctrl-C must not cut off.
    let thread = "threading.Thread(target=time.sleep, args=(1,)).start()";
    bucket.sandbox.write("threads.py", format!("import os, threading, time\nlarge = os.urandom(1 << 22)\n{thread}\n"));
    let store = bucket.address("r.snaps/");
    proxy.slow_down(Duration::from_millis(60));
    for (signal, _) in ENDING {
        for script in ["session.py", "threads.py"] {
            let mut child = bucket.call(&["save", "-q", "-o", &store, script]).spawn();
            let start = Instant::now();
            while leases(&bucket).is_empty() {
                assert!(start.elapsed() < Duration::from_secs(120) && child.try_wait().unwrap().is_none());
                std::thread::sleep(Duration::from_millis(5));
            }
            let process = rustix::process::Pid::from_child(&child);
            rustix::process::kill_process(process, signal).unwrap();
            let status = child.wait().unwrap();
            assert_eq!(leases(&bucket), Vec::<String>::new(), "{signal:?} {script} {status:?}");
            assert!(
                status.code() == Some(0) || status.signal() == Some(signal.as_raw()),
                "{signal:?} {script} {status:?}"
            );
        }
    }
    proxy.slow_down(Duration::ZERO);
    bucket.run(&["save", "-q", "-o", &store, "-c", "x = 1"]);
    bucket.run(&["verify", &store]);
}

#[test]
fn a_prune_that_a_signal_ends_while_it_waits_gives_its_lease_back() {
    let Some(bucket) = Bucket::new("waiting") else { return skipped(NO_SERVER) };
    let store = bucket.address("r.snaps/");
    bucket.run(&["save", "-q", "-o", &store, "-c", "x = 1"]);
    let other = format!("{LOCKS}save-0123456789abcdef");
    StorageServer::running().unwrap().put(&bucket.name, &other, b"");
    for (number, name) in ENDING {
        let run = signalled(&bucket, name, "waiting for another process", &["prune", &store]);
        run.assert_stdout(&format!("-{}\n", number.as_raw()));
        assert_eq!(leases(&bucket), std::slice::from_ref(&other), "{}", run.whole());
    }
    // Another save does not wait for it.
    bucket.run(&["save", "-q", "-o", &store, "-c", "x = 2"]);
}

#[test]
fn a_save_that_waits_says_so_and_goes_elsewhere_after_ctrl_c() {
    let Some(bucket) = Bucket::new("elsewhere") else { return skipped(NO_SERVER) };
    let (store, server) = (bucket.address("r.snaps/"), StorageServer::running().unwrap());
    let other = format!("{LOCKS}prune-0123456789abcdef");
    server.put(&bucket.name, &other, b"");
    let words = ["save", "-o", &store, "-c", "x = 'hours of work'"];
    let run = signalled(&bucket, "SIGINT", WAITS, &words);
    run.assert_stdout("1\n");
    assert!(run.err().contains(&format!("interrupted while it was {WAITS}")), "{}", run.whole());
    let kept = run.err().split_whitespace().find(|word| word.contains("/snapcli-")).unwrap().to_owned();
    bucket.run(&["restore", &kept, "-c", "x"]).assert_stdout("'hours of work'\n");
    assert_eq!(leases(&bucket), std::slice::from_ref(&other), "{}", run.whole());
    let run = signalled(&bucket, "SIGTERM", WAITS, &words);
    run.assert_stdout("-15\n");
    assert_eq!(leases(&bucket), std::slice::from_ref(&other), "{}", run.whole());
    // It goes on when the other process is done.
    std::thread::scope(|scope| {
        let save = scope.spawn(|| bucket.run(&words));
        std::thread::sleep(Duration::from_millis(2500));
        server.delete(&bucket.name, &other);
        let save = save.join().unwrap();
        assert!(save.err().contains(WAITS) && save.err().contains("r.snaps/@1"), "{}", save.whole());
    });
}
