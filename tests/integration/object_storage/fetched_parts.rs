//! What a command does not need is not fetched: frames of compressed files, and objects that two snapshots share.

use super::{Bucket, CuttingProxy, NO_SERVER, StorageServer};
use crate::skipped::skipped;

const SCRIPT: &str = "
import sys
import numpy as np
n = int(sys.argv[1])
large = np.random.default_rng(1).random(300_000)
small = {'n': n}
last = 'end'
def area(r): return n * r
";

/// A bucket behind a proxy that counts.
fn counted(name: &str) -> Option<(Bucket, CuttingProxy)> {
    let mut bucket = Bucket::new(name)?;
    let proxy = CuttingProxy::before(&StorageServer::running().unwrap().endpoint());
    bucket.behind(&proxy);
    bucket.sandbox.write("session.py", SCRIPT);
    Some((bucket, proxy))
}

#[test]
fn only_the_frames_that_are_needed_are_fetched() {
    let Some((bucket, proxy)) = counted("frames") else { return skipped(NO_SERVER) };
    let file = bucket.address("x.pkl.zst");
    bucket.run(&["save", "-q", "-o", &file, "session.py", "3"]);
    let key = bucket.sandbox.root().join("home/config/snapcli");
    for is_own in [true, false] {
        if !is_own {
            // Another user's file: its frames are looked at before the seek table is believed.
            std::fs::remove_dir_all(&key).unwrap();
        }
        for (words, expected) in [
            (&["restore", "--only", "small", &file, "-c", "small"][..], "{'n': 3}"),
            (&["restore", "--list", &file], "small"),
            (&["inspect", &file], "large"),
        ] {
            proxy.take_fetched();
            let run = bucket.run(words);
            let fetched = proxy.take_fetched();
            assert!(run.out().contains(expected), "{}", run.whole());
            assert!(fetched < 1_300_000, "{words:?} fetched {fetched} bytes");
        }
    }
    bucket.run(&["verify", &file]);
    bucket
        .run(&["restore", "--trust", &file, "-c", "float(large.sum()) > 0, area(2), last"])
        .assert_stdout("(True, 6, 'end')\n");
}

#[test]
fn compressed_files_that_are_damaged_or_cut_short_are_noticed() {
    let Some((bucket, _)) = counted("broken") else { return skipped(NO_SERVER) };
    let server = StorageServer::running().unwrap();
    bucket.run(&["save", "-q", "-o", &bucket.address("x.pkl.zst"), "session.py", "3"]);
    let whole = server.get(&bucket.name, "x.pkl.zst");
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 4;
    let mut shifted = whole.clone();
    // A length in the seek table.
    let table = whole.len() - 9 - 8;
    shifted[table] ^= 1;
    for (name, bytes) in [("flipped", &flipped), ("shifted", &shifted), ("cut", &whole[..whole.len() / 2].to_vec())] {
        let (here, there) = (format!("{name}.pkl.zst"), bucket.address(&format!("{name}.pkl.zst")));
        bucket.sandbox.write(&here, bytes);
        server.put(&bucket.name, &here, bytes);
        for words in [&["verify"][..], &["restore", "-q", "--only", "large"], &["restore", "-q", "--partial"]] {
            let (local, remote) =
                (bucket.try_to(&[words, &[&here]].concat()), bucket.try_to(&[words, &[&there]].concat()));
            assert_eq!(local.status.code(), remote.status.code(), "{}\n{}", local.whole(), remote.whole());
        }
    }
}

#[test]
fn a_diff_fetches_only_what_differs() {
    let Some((bucket, proxy)) = counted("differs") else { return skipped(NO_SERVER) };
    let store = bucket.address("q.snaps/");
    for number in ["1", "2"] {
        bucket.run(&["save", "-q", "-o", &store, "session.py", number]);
    }
    proxy.take_fetched();
    let diff = bucket.try_to(&["diff", &format!("{store}@1"), &format!("{store}@2")]);
    let fetched = proxy.take_fetched();
    diff.assert_code(1);
    assert!(diff.out().contains("~ n: int 1 → 2\n"), "{}", diff.whole());
    assert!(fetched < 200_000, "fetched {fetched} bytes");
}
