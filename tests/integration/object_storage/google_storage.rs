//! Google Cloud Storage. No emulator of it can be installed that takes uploads in parts by its XML interface, as the
//! client of snapcli makes them. That interface is the one of S3, but for tokens and for the condition that an object
//! does not exist yet: so these tests have moto keep the buckets, behind a few lines that translate both.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use super::NO_SERVER;
use super::cutting_proxy::{CuttingProxy, http_request};
use super::storage_server::moto_python;
use crate::env::{Call, Run, Sandbox, Stack, main_python, venv};
use crate::skipped::skipped;

const TOKEN: &str = "a-good-token";
/// Prints its port, and ends when its standard input does.
const SERVER: &str = r"
import logging, sys, threading
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server
logging.getLogger('werkzeug').setLevel(logging.ERROR)
buckets = DomainDispatcherApplication(create_backend_app)
signed = 'AWS4-HMAC-SHA256 Credential=test/20200101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0'

def answer(environ, start):
    if environ.get('HTTP_AUTHORIZATION') != f'Bearer {sys.argv[1]}':
        start('401 Unauthorized', [('Content-Length', '0')])
        return []
    environ['HTTP_AUTHORIZATION'] = signed
    # Generation 0 is that of an object that does not exist.
    if environ.pop('HTTP_X_GOOG_IF_GENERATION_MATCH', None) == '0':
        environ['HTTP_IF_NONE_MATCH'] = '*'
    return buckets(environ, start)

server = make_server('127.0.0.1', 0, answer, threaded=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.port, flush=True)
sys.stdin.read()
";

const SESSION: &str = "
import sys
import numpy as np
number = int(sys.argv[1])
large = np.random.default_rng(number).integers(0, 255, 13_000_000, dtype=np.uint8)
other = np.full(300_000, number)
";

/// A server with a bucket `buck`, and a sandbox whose programs use it.
struct GoogleBucket {
    sandbox: Sandbox,
    endpoint: String,
    // The end of its standard input ends it.
    _process: Child,
}

impl GoogleBucket {
    /// `None` if the server cannot be installed.
    fn new() -> Option<Self> {
        let mut command = Command::new(moto_python()?);
        command.args(["-c", SERVER, TOKEN]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().parse().unwrap();
        let headers = format!("Authorization: Bearer {TOKEN}\r\n");
        assert_eq!(http_request(port, "PUT", "/buck", &headers, b"").0, 200);
        let sandbox = Sandbox::with(venv(main_python(), Stack::Dill));
        sandbox.write("session.py", SESSION);
        Some(Self { sandbox, endpoint: format!("http://127.0.0.1:{port}"), _process: process })
    }

    fn call(&self, words: &[&str]) -> Call {
        let call = self.sandbox.call_snapcli(words).env("STORAGE_EMULATOR_HOST", &self.endpoint);
        call.env("GOOGLE_BEARER_TOKEN", TOKEN)
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

#[test]
fn stores_and_files_in_google_storage_work_as_those_in_s3() {
    let Some(bucket) = GoogleBucket::new() else { return skipped(NO_SERVER) };
    let (file, store) = ("gs://buck/a b/run.pkl", "gs://buck/runs.snaps/");
    bucket.run(&["save", "-q", "-o", file, "session.py", "1"]);
    bucket
        .run(&["restore", file, "-c", "number, len(large), int(other.sum())"])
        .assert_stdout("(1, 13000000, 300000)\n");
    bucket.run(&["restore", "--only", "number", file, "-c", "number"]).assert_stdout("1\n");
    bucket.run(&["save", "-q", "-o", store, "session.py", "1"]);
    bucket.run(&["save", "-q", "--name", "best", "-o", store, "session.py", "2"]);
    for (which, expected) in [("@1", "1\n"), ("@best", "2\n"), ("", "2\n")] {
        bucket.run(&["restore", &format!("{store}{which}"), "-c", "int(other[0])"]).assert_stdout(expected);
    }
    bucket.run(&["restore", "--mmap", store, "-c", "int(other[-1])"]).assert_stdout("2\n");
    assert_eq!(bucket.run(&["log", "--json", store]).json()["snapshots"][0]["names"][0], "best");
    assert!(bucket.run(&["verify", store]).out().contains("intact, a store with 2 snapshots"));
    bucket.try_to(&["diff", "-q", &format!("{store}@1"), store]).assert_code(1);
    bucket.run(&["export", "-q", &format!("{store}@1"), "-o", "gs://buck/copy.pkl"]);
    bucket.run(&["diff", "-q", file, "gs://buck/copy.pkl"]);
    bucket.run(&["import", "-q", file, store]);
    assert!(bucket.run(&["prune", "--keep-last", "1", store]).out().contains("removed 2 snapshots"));
    bucket.run(&["restore", store, "-c", "number"]).assert_stdout("1\n");
    assert!(bucket.run(&["doctor"]).out().contains("GOOGLE_BEARER_TOKEN"));
    bucket.try_to(&["restore", "gs://buck/none.pkl"]).assert_code(2);
    let denied = bucket.call(&["restore", store]).env("GOOGLE_BEARER_TOKEN", "another-token").run();
    denied.assert_code(1);
    assert!(denied.err().contains("(401)") && !denied.err().contains("another-token"), "{}", denied.whole());
    let anonymous = bucket.sandbox.call_snapcli(&["restore", store]).env("STORAGE_EMULATOR_HOST", &bucket.endpoint);
    assert!(anonymous.run().err().contains("no credentials were found"));
}

#[test]
fn saves_to_google_storage_that_break_off_leave_the_snapshot_before() {
    let Some(mut bucket) = GoogleBucket::new() else { return skipped(NO_SERVER) };
    let targets = ["gs://buck/runs.snaps/", "gs://buck/run.pkl"];
    for target in targets {
        bucket.run(&["save", "-q", "-o", target, "session.py", "1"]);
    }
    let proxy = CuttingProxy::before(&bucket.endpoint);
    bucket.endpoint = proxy.endpoint();
    for target in targets {
        let restored = |expected: &str| {
            bucket.run(&["restore", target, "-c", "int(other[0]), len(large)"]).assert_stdout(expected);
        };
        proxy.cut_requests(2, 2_000_000);
        bucket.run(&["save", "-q", "-o", target, "session.py", "2"]);
        assert_eq!(proxy.cuts_left(), 0);
        restored("(2, 13000000)\n");
        proxy.cut_requests(u64::MAX, 2_000_000);
        let run = bucket.try_to(&["save", "-o", target, "session.py", "3"]);
        run.assert_code(1);
        assert!(run.err().contains("cannot write gs://"), "{}", run.whole());
        proxy.cut_answers(2, 3_000_000);
        restored("(2, 13000000)\n");
        proxy.cut_answers(0, 0);
        bucket.run(&["verify", "-q", target]);
    }
}

#[test]
fn writers_of_one_store_in_google_storage_all_succeed() {
    let Some(bucket) = GoogleBucket::new() else { return skipped(NO_SERVER) };
    let store = "gs://buck/runs.snaps/";
    bucket.run(&["save", "-q", "-o", store, "-c", "number = 0"]);
    let codes: Vec<String> = (1..=5).map(|number| format!("number = {number}")).collect();
    let savers: Vec<_> =
        codes.iter().map(|code| bucket.call(&["save", "-q", "-o", store, "-c", code]).spawn()).collect();
    assert!(savers.into_iter().all(|mut saver| saver.wait().unwrap().success()));
    let mut found: Vec<String> = Vec::new();
    for number in 1..=6 {
        found.push(bucket.run(&["restore", &format!("{store}@{number}"), "-c", "number"]).out());
    }
    found.sort();
    assert_eq!(found, ["0\n", "1\n", "2\n", "3\n", "4\n", "5\n"]);
}
