//! Stores and files in object storage, against a real S3 server (moto), directly and through a proxy that counts, cuts
//! off and slows down; and files on web servers, some of which lie.

use std::fs;

use crate::env::{Call, Run, Sandbox};
use crate::skipped::skipped;

mod azure_storage;
mod credentials;
mod cutting_proxy;
mod damaged_objects;
mod failing_storage;
mod fetched_parts;
mod google_storage;
mod lying_servers;
mod many_writers;
mod other_regions;
mod returned_leases;
mod secure_servers;
mod storage_server;

use self::cutting_proxy::CuttingProxy;
use self::storage_server::StorageServer;

const NO_SERVER: &str = "moto cannot be installed";

/// A sandbox whose programs use a bucket of their own.
struct Bucket {
    sandbox: Sandbox,
    endpoint: String,
    name: String,
}

impl Bucket {
    /// `None` if there is no server.
    fn new(name: &str) -> Option<Self> {
        let server = StorageServer::running()?;
        let name = format!("{name}-{}", std::process::id());
        server.make_bucket(&name);
        Some(Self { sandbox: Sandbox::new(), endpoint: server.endpoint(), name })
    }

    /// The same bucket, behind a proxy.
    fn behind(&mut self, proxy: &CuttingProxy) {
        self.endpoint = proxy.endpoint();
    }

    fn address(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.name)
    }

    fn with_access(&self, call: Call) -> Call {
        let call = call.env("AWS_ENDPOINT_URL", &self.endpoint).env("AWS_ACCESS_KEY_ID", "test-key-id");
        call.env("AWS_SECRET_ACCESS_KEY", "test-secret-key").env("AWS_REGION", "us-east-1")
    }

    fn call(&self, words: &[&str]) -> Call {
        self.with_access(self.sandbox.call_snapcli(words))
    }

    fn try_to(&self, words: &[&str]) -> Run {
        self.call(words).run()
    }

    fn run(&self, words: &[&str]) -> Run {
        let run = self.try_to(words);
        run.assert_code(0);
        run
    }
}

const SESSION: &str = r#"
import sys
import numpy as np
number = int(sys.argv[1])
xs = [1, 2, 3]
alias = xs
base = np.arange(300_000.0)
view = base[::2]
large = bytes(range(256)) * 1000
words = [f"{number} {n}" for n in range(2000)]
def area(r): return 3 * r * r
"#;

#[test]
fn a_store_in_a_bucket_works_as_one_in_a_folder() {
    let Some(bucket) = Bucket::new("store") else { return skipped(NO_SERVER) };
    bucket.sandbox.write("session.py", SESSION);
    let store = bucket.address("some/runs.snaps/");
    let at = |which: &str| format!("{store}{which}");
    bucket.run(&["save", "-q", "-o", &store, "session.py", "1"]);
    bucket.run(&["save", "-q", "-o", &store, "--name", "best-run", "--message", "é", "session.py", "2"]);
    let third = bucket.run(&["save", "-o", &store, "session.py", "2"]);
    assert!(third.err().contains(&format!("to {} (0 changed, ", at("@3"))), "{}", third.whole());
    let log = bucket.run(&["log", "--json", &store]).json();
    let snapshots = log["snapshots"].as_array().unwrap();
    assert_eq!(snapshots.len(), 3, "{log}");
    assert_eq!((&log["path"], &snapshots[1]["names"][0]), (&store.as_str().into(), &"best-run".into()), "{log}");
    // What did not change is not sent again.
    let added = |at: usize| snapshots[at]["added_bytes"].as_u64().unwrap();
    assert!(added(0) < 1000 && added(1) < 30_000 && added(2) > 2_000_000, "{log}");
    for (which, expected) in [("", "2 True\n"), ("@1", "1 True\n"), ("@best-run", "2 True\n"), ("@3", "2 True\n")] {
        let code = "print(number, alias is xs and view.base is base and words[3] == f'{number} 3')";
        bucket.run(&["restore", &at(which), "-c", code]).assert_stdout(expected);
    }
    bucket.run(&["restore", "--mmap", &at("@1"), "-c", "float(base.sum()) + area(1)"]).assert_stdout("44999850003.0\n");
    let diff = bucket.try_to(&["diff", &at("@1"), &at("@best-run")]);
    diff.assert_code(1);
    assert!(diff.out().contains("~ number: int 1 → 2\n"), "{}", diff.whole());
    assert!(bucket.run(&["inspect", &store]).out().contains("  base  "));
    bucket.run(&["verify", &at("@2")]);
    assert!(bucket.run(&["verify", &store]).out().contains("intact, a store with 3 snapshots"));
    // Without its `/`, too.
    bucket.run(&["log", store.trim_end_matches('/')]);
    bucket.run(&["restore", store.trim_end_matches('/'), "-c", "number"]).assert_stdout("2\n");
    bucket.run(&["export", "-q", &at("@1"), "-o", "exported.pkl"]);
    bucket
        .sandbox
        .python(&["-c", "import dill; print(dill.load_module_asdict('exported.pkl')['number'])"])
        .assert_stdout("1\n");
    bucket.run(&["import", "-q", "exported.pkl", &store]);
    bucket.run(&["diff", "-q", "exported.pkl", &at("@4")]);
    let pruned = bucket.run(&["prune", "--keep-last", "1", "--keep-named", &store]);
    assert!(pruned.out().starts_with("removed 2 snapshots (@1, @3)"), "{}", pruned.whole());
    for which in ["@2", "@4"] {
        bucket.run(&["restore", &at(which), "-c", "len(words)"]).assert_stdout("2000\n");
    }
    let gone = bucket.try_to(&["restore", &at("@1")]);
    gone.assert_code(2);
    assert!(gone.err().contains("has no snapshot @1: it has @2, @4"), "{}", gone.whole());
    assert!(bucket.try_to(&["restore", &at("@bset-run")]).err().contains("did you mean @best-run?"));
    assert!(bucket.try_to(&["restore", &bucket.address("none/")]).err().contains("is not a store"));
    // No copies stay behind.
    let left: Vec<_> = fs::read_dir(bucket.sandbox.root().join("tmp")).unwrap().map(|it| it.unwrap().path()).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn python_saves_to_a_bucket_and_loads_from_it() {
    let Some(bucket) = Bucket::new("python") else { return skipped(NO_SERVER) };
    let (store, file) = (bucket.address("steps.snaps/"), bucket.address("one.pkl"));
    let script = format!(
        r#"
import os, snapcli
import numpy as np
answers = []
array = np.arange(100_000)
for question in ["one", "two", "three"]:
    answers.append(question)
    report = snapcli.save("{store}", message=question)
print(report.path, snapcli.load_dict("{store}@2", "answers"))
print(snapcli.save("{file}").path, snapcli.load_dict("{file}")["array"].sum())
handle = snapcli.save("{store}", name="later", wait=False)
print(handle.result().path, snapcli.load_dict("{store}@later")["answers"])
for target in ["s3://no-such-bucket-here/x.pkl", "ftp://x/y", "{store}@2"]:
    try: snapcli.save(target)
    except (OSError, ValueError) as error: print(type(error).__name__, getattr(error, "errno", None), str(error)[:70])
try: snapcli.load_dict("{store}@9")
except OSError as error: print(type(error).__name__)
"#
    );
    let run = bucket.with_access(bucket.sandbox.call_importing(&["-c", &script])).run();
    run.assert_code(0);
    let out = run.out();
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines[0], format!("{store}@3 {{'answers': ['one', 'two']}}"), "{out}");
    assert_eq!(lines[1], format!("{file} 4999950000"), "{out}");
    assert_eq!(lines[2], format!("{store}@4 ['one', 'two', 'three']"), "{out}");
    assert!(lines[3].starts_with("FileNotFoundError 2 "), "{out}");
    assert!(lines[4].starts_with("ValueError None ") && lines[5].starts_with("ValueError None "), "{out}");
    assert_eq!(lines[6], "FileNotFoundError", "{out}");
}

#[test]
fn a_file_in_a_bucket_works_as_one_on_a_disk() {
    let Some(bucket) = Bucket::new("file") else { return skipped(NO_SERVER) };
    bucket.sandbox.write("session.py", SESSION);
    bucket.sandbox.write("fails.py", "kept = 5\nraise SystemExit(3)\n");
    let file = bucket.address("a b/run 7.pkl");
    let saved = bucket.run(&["save", "-o", &file, "--verify", "session.py", "1"]);
    assert!(saved.err().contains(&format!("to {file} (")), "{}", saved.whole());
    bucket.run(&["restore", &file, "-c", "number, alias is xs, area(2)"]).assert_stdout("(1, True, 12)\n");
    let json = bucket.run(&["inspect", "--json", &file]).json();
    assert_eq!(json["path"], file.as_str(), "{json}");
    bucket.run(&["verify", &file]);
    bucket.run(&["save", "-q", "-o", "local.pkl", "session.py", "1"]);
    bucket.run(&["diff", "-q", "local.pkl", &file]);
    // A script that fails leaves the old snapshot alone.
    bucket.try_to(&["save", "-q", "-o", &file, "fails.py"]).assert_code(3);
    bucket.run(&["restore", &file, "-c", "number"]).assert_stdout("1\n");
    bucket.run(&["restore", &bucket.address("a b/run 7.crash.pkl"), "-c", "kept"]).assert_stdout("5\n");
    // Pickles of other programs, compressed ones, and a key of another user.
    bucket.sandbox.python(&["-c", "import pickle; pickle.dump({'a': [1, 2]}, open('other.pkl', 'wb'))"]);
    for name in ["other.pkl", "local.pkl"] {
        let put = format!("import shutil, gzip; shutil.copyfileobj(open('{name}','rb'), gzip.open('{name}.gz', 'wb'))");
        bucket.sandbox.python(&["-c", &put]);
    }
    let server = StorageServer::running().unwrap();
    for (name, code, expected) in
        [("other.pkl", "a", "[1, 2]\n"), ("other.pkl.gz", "a", "[1, 2]\n"), ("local.pkl.gz", "number", "1\n")]
    {
        server.put(&bucket.name, name, &fs::read(bucket.sandbox.work().join(name)).unwrap());
        bucket.run(&["restore", &bucket.address(name), "-c", code]).assert_stdout(expected);
        bucket.run(&["inspect", &bucket.address(name)]);
    }
    server.put(&bucket.name, "text", b"no pickle");
    server.put(&bucket.name, "empty", b"");
    for (name, words) in [("text", "not a pickle"), ("empty", "is empty")] {
        let run = bucket.try_to(&["inspect", &bucket.address(name)]);
        run.assert_code(4);
        assert!(run.err().contains(words), "{}", run.whole());
    }
    bucket.run(&["export", "-q", &file, "-o", &bucket.address("copy.pkl")]);
    bucket.run(&["diff", "-q", &file, &bucket.address("copy.pkl")]);
    let left: Vec<_> = fs::read_dir(bucket.sandbox.root().join("tmp")).unwrap().map(|it| it.unwrap().path()).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn only_what_is_needed_is_fetched() {
    let Some(mut bucket) = Bucket::new("ranges") else { return skipped(NO_SERVER) };
    let script = r#"
import numpy as np
globals().update({f"a{n}": np.full(4_000_000, n, dtype=np.uint8) for n in range(32)})
text = "".join(map(str, range(700_000)))
table = {str(n): [n] for n in range(50_000)}
small = {"lr": 0.1}
uses = [small, 1]
def step(x): return x * small["lr"]
"#;
    bucket.sandbox.write("session.py", script);
    let (store, file) = (bucket.address("runs.snaps/"), bucket.address("run.pkl"));
    for target in [&store, &file] {
        bucket.run(&["save", "-q", "-o", target, "session.py"]);
    }
    let proxy = CuttingProxy::before(&bucket.endpoint);
    bucket.behind(&proxy);
    for target in [&store, &file] {
        bucket.run(&["restore", "--only", "small", "--only", "uses", target, "-c", "uses[0] is small"]);
        let fetched = proxy.take_fetched();
        assert!(fetched < 1_000_000, "restore --only of {target} fetched {fetched} bytes");
        bucket.run(&["restore", "--only", "a7", target, "-c", "int(a7.sum())"]).assert_stdout("28000000\n");
        let fetched = proxy.take_fetched();
        assert!((4_000_000..5_000_000).contains(&fetched), "restore --only a7 of {target} fetched {fetched} bytes");
    }
    // A save after a change sends only that.
    bucket.sandbox.write("session.py", script.replace("0.1", "0.2"));
    bucket.run(&["save", "-q", "-o", &store, "session.py"]);
    let (sent, fetched) = (proxy.take_sent(), proxy.take_fetched());
    assert!(sent < 100_000 && fetched < 200_000, "{sent} bytes sent, {fetched} fetched");
}
