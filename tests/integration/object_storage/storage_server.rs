//! The S3 server of these tests: moto, in a virtual environment and a process of its own, which ends with this one.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use super::cutting_proxy::http_request;
use crate::env::{main_python, scratch_venv};

/// Prints its port, and ends when its standard input does.
const SERVER: &str = r"
import logging, sys
from moto.server import ThreadedMotoServer
logging.getLogger('werkzeug').setLevel(logging.ERROR)
server = ThreadedMotoServer(ip_address='127.0.0.1', port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
";

/// A Python with moto; `None` if it cannot be installed.
pub(super) fn moto_python() -> Option<PathBuf> {
    scratch_venv(main_python(), "moto", &["moto[server]==5.2.1"])
}

pub(super) struct StorageServer {
    port: u16,
    // The end of its standard input ends it.
    _process: Child,
}

impl StorageServer {
    /// The server, which is started once; `None` if it cannot be installed.
    pub(super) fn running() -> Option<&'static Self> {
        static SERVER: OnceLock<Option<StorageServer>> = OnceLock::new();
        SERVER.get_or_init(Self::start).as_ref()
    }

    fn start() -> Option<Self> {
        Some(Self::start_with(&moto_python()?))
    }

    fn start_with(python: &Path) -> Self {
        let mut command = Command::new(python);
        command.args(["-c", SERVER]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        Self { port: line.trim().parse().unwrap(), _process: process }
    }

    pub(super) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(super) fn make_bucket(&self, name: &str) {
        self.request("PUT", &format!("/{name}"), b"");
    }

    pub(super) fn put(&self, bucket: &str, key: &str, bytes: &[u8]) {
        self.request("PUT", &format!("/{bucket}/{key}"), bytes);
    }

    pub(super) fn get(&self, bucket: &str, key: &str) -> Vec<u8> {
        self.request("GET", &format!("/{bucket}/{key}"), b"")
    }

    pub(super) fn delete(&self, bucket: &str, key: &str) {
        self.request("DELETE", &format!("/{bucket}/{key}"), b"");
    }

    /// The keys of a bucket that have this prefix.
    pub(super) fn keys(&self, bucket: &str, prefix: &str) -> Vec<String> {
        let list = self.request("GET", &format!("/{bucket}?list-type=2&prefix={prefix}"), b"");
        let list = String::from_utf8(list).unwrap();
        let keys = list.split("<Key>").skip(1).map(|rest| rest.split("</Key>").next().unwrap().to_owned());
        keys.collect()
    }

    fn request(&self, method: &str, target: &str, body: &[u8]) -> Vec<u8> {
        // moto does not check signatures, but wants to see one.
        let credential = "Credential=test/20200101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0";
        let headers = format!("Authorization: AWS4-HMAC-SHA256 {credential}\r\n");
        let (status, answer) = http_request(self.port, method, target, &headers, body);
        assert!((200..300).contains(&status), "{method} {target}: {status} {}", String::from_utf8_lossy(&answer));
        answer
    }
}
