//! Several processes at work in one store of a bucket: every save succeeds, and no snapshot ever lacks an object.

use super::{Bucket, NO_SERVER, StorageServer};
use crate::skipped::skipped;

const WRITER: &str = r#"
import sys, snapcli
import numpy as np
store, writer = sys.argv[1], int(sys.argv[2])
constant = np.arange(50_000)
for round in range(5):
    mine = np.full(30_000, writer * 100 + round)
    text = f"{writer} {round}"
    print(snapcli.save(store).path.rpartition("@")[2])
"#;

#[test]
fn writers_at_the_same_time_all_succeed() {
    let Some(bucket) = Bucket::new("writers") else { return skipped(NO_SERVER) };
    bucket.sandbox.write("writer.py", WRITER);
    let store = bucket.address("runs.snaps/");
    let runs: Vec<_> = std::thread::scope(|scope| {
        let start = |writer: usize| {
            let (bucket, store) = (&bucket, &store);
            scope.spawn(move || {
                let words = ["writer.py", store, &writer.to_string()];
                bucket.with_access(bucket.sandbox.call_importing(&words)).run()
            })
        };
        let threads: Vec<_> = (0..4).map(start).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let mut numbers = Vec::new();
    for run in runs {
        run.assert_code(0);
        numbers.extend(run.out().lines().map(|line| line.parse::<u64>().unwrap()));
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=20).collect::<Vec<_>>());
    bucket.run(&["verify", &store]);
    let code = "int(mine[0]) == int(text.split()[0]) * 100 + int(text.split()[1])";
    for number in [1, 7, 20] {
        bucket.run(&["restore", &format!("{store}@{number}"), "-c", code]).assert_stdout("True\n");
    }
}

#[test]
fn a_prune_beside_writers_loses_nothing() {
    let Some(bucket) = Bucket::new("prune") else { return skipped(NO_SERVER) };
    bucket.sandbox.write("writer.py", WRITER);
    let store = bucket.address("runs.snaps/");
    bucket.with_access(bucket.sandbox.call_importing(&["writer.py", &store, "9"])).run().assert_code(0);
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..2)
            .map(|writer: usize| {
                let (bucket, store) = (&bucket, &store);
                scope.spawn(move || {
                    let words = ["writer.py", store, &writer.to_string()];
                    bucket.with_access(bucket.sandbox.call_importing(&words)).run().assert_code(0);
                })
            })
            .collect();
        while !writers.iter().all(|writer| writer.is_finished()) {
            bucket.run(&["prune", "-q", "--keep-last", "2", &store]);
        }
    });
    let verified = bucket.run(&["verify", "--json", &store]).json();
    assert_eq!(verified["whole"], true, "{verified}");
    bucket.run(&["restore", &store, "-c", "len(mine), len(constant)"]).assert_stdout("(30000, 50000)\n");
    // All leases were given back.
    let server = StorageServer::running().unwrap();
    assert_eq!(server.keys(&bucket.name, "runs.snaps/locks/"), Vec::<String>::new());
}

#[test]
fn a_lost_object_is_noticed_and_written_again() {
    let Some(bucket) = Bucket::new("lost") else { return skipped(NO_SERVER) };
    let store = bucket.address("runs.snaps/");
    bucket.sandbox.write("session.py", "import numpy as np\na = np.arange(100_000)\nb = 'text' * 1000\n");
    bucket.run(&["save", "-q", "-o", &store, "session.py"]);
    let server = StorageServer::running().unwrap();
    for key in server.keys(&bucket.name, "runs.snaps/objects/") {
        server.delete(&bucket.name, &key);
    }
    bucket.try_to(&["verify", &store]).assert_code(4);
    bucket.try_to(&["restore", &store]).assert_code(4);
    bucket.run(&["save", "-q", "-o", &store, "session.py"]);
    bucket.run(&["restore", &store, "-c", "int(a.sum()), len(b)"]).assert_stdout("(4999950000, 4000)\n");
    // Other bytes than those that were saved.
    let keys = server.keys(&bucket.name, "runs.snaps/objects/");
    for key in &keys {
        server.put(&bucket.name, key, b"something else");
    }
    let run = bucket.try_to(&["restore", &store]);
    run.assert_code(4);
    assert!(bucket.try_to(&["verify", &store]).out().contains("damaged"));
}
