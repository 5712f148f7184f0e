//! Objects in a bucket that others have changed: a save compares their lengths and times, and writes again what a
//! `verify` found.

use std::thread::sleep;
use std::time::Duration;

use super::storage_server::StorageServer;
use super::{Bucket, NO_SERVER};
use crate::skipped::skipped;

const SCRIPT: &str = "
import numpy as np
array = np.arange(300_000)
words = [f'{n * 7919 % 100_003} and {n}' for n in range(20_000)]
";

#[test]
fn damaged_objects_of_a_bucket_are_written_again() {
    let Some(bucket) = Bucket::new("damaged") else { return skipped(NO_SERVER) };
    let Some(server) = StorageServer::running() else { return skipped(NO_SERVER) };
    bucket.sandbox.write("s.py", SCRIPT);
    let store = bucket.address("runs.snaps/");
    let save = || bucket.run(&["save", "-q", "-o", &store, "s.py"]);
    let marks = || server.keys(&bucket.name, "runs.snaps/damaged/").len();
    save();
    let length = |key: &String| server.get(&bucket.name, key).len();
    let long: Vec<String> = server.keys(&bucket.name, "runs.snaps/objects/");
    let long: Vec<String> = long.into_iter().filter(|key| length(key) > 64 << 10).collect();
    assert_eq!(long.len(), 2, "{long:?}");
    for (round, key) in long.iter().enumerate() {
        let length = length(key);
        // Of the same length, and in the same second: nothing but a download tells it. The store as a whole is checked,
        // or one snapshot.
        server.put(&bucket.name, key, &vec![7; length]);
        let checked = if round == 0 { store.clone() } else { format!("{store}@1") };
        let found = bucket.try_to(&["verify", &checked]);
        found.assert_code(4);
        assert_eq!(marks(), 1, "{}", found.whole());
        save();
        bucket.run(&["verify", "-q", &store]);
        assert_eq!(marks(), 0);
        // Of another length, or gone: any save sees that.
        for bytes in [vec![7; length + 1], vec![7; length / 2], Vec::new()] {
            server.put(&bucket.name, key, &bytes);
            save();
            bucket.run(&["verify", "-q", &store]);
        }
        server.delete(&bucket.name, key);
        save();
        bucket.run(&["verify", "-q", &store]);
    }
    server.put(&bucket.name, &long[0], &vec![7; length(&long[0])]);
    bucket.try_to(&["verify", &store]).assert_code(4);
    bucket.run(&["prune", "--drop-damaged", &store]);
    assert_eq!(marks(), 0);
}

#[test]
fn objects_that_were_replaced_after_the_last_snapshot_are_written_again() {
    let Some(bucket) = Bucket::new("replaced") else { return skipped(NO_SERVER) };
    let Some(server) = StorageServer::running() else { return skipped(NO_SERVER) };
    let store = bucket.address("runs.snaps/");
    let objects = || server.keys(&bucket.name, "runs.snaps/objects/");
    let save = |code: &str| bucket.run(&["save", "-q", "-o", &store, "-c", code]);
    let script = "import numpy as np; array = np.arange(300_000); word = 'one'; n = ";
    save(&format!("{script}1"));
    let first = objects();
    // The storage tells times in seconds.
    sleep(Duration::from_millis(1100));
    for key in &first {
        let length = server.get(&bucket.name, key).len();
        // A description is read in any case.
        if length > 64 << 10 {
            server.put(&bucket.name, key, &vec![7; length]);
        }
    }
    bucket.try_to(&["restore", &store, "-c", "int(array[-1])"]).assert_code(4);
    save(&format!("{script}2"));
    bucket.run(&["verify", "-q", &store]);
    for number in [1, 2] {
        let restored = bucket.run(&["restore", &format!("{store}@{number}"), "-c", "int(array[-1]), n"]);
        restored.assert_stdout(&format!("(299999, {number})\n"));
    }
    // What was there before is not sent again.
    sleep(Duration::from_millis(1100));
    let log = |code: &str| {
        save(code);
        bucket.run(&["log", "--json", &store]).json()["snapshots"][0]["added_bytes"].as_u64().unwrap()
    };
    let added = log(&format!("{script}3"));
    assert!(added < 10_000, "{added}");
}
