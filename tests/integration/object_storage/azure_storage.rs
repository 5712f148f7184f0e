//! Azure Blob Storage: the commands against Azurite, the emulator of Microsoft. It is no package of Python: the tests
//! use the program that `AZURITE_BLOB` names, or `azurite-blob` of the `PATH` (`npm install azurite`).

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::env::{Call, Sandbox, Stack, main_python, venv};
use crate::skipped::skipped;

/// The port at which the emulator's well-known account is.
const PORT: &str = "10000";
/// Makes a container, with the key of that account, which Microsoft has published.
const MAKE: &str = r#"
import base64, datetime, hashlib, hmac, sys, urllib.request
key = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
date = datetime.datetime.now(datetime.timezone.utc).strftime("%a, %d %b %Y %H:%M:%S GMT")
account, name = "devstoreaccount1", sys.argv[1]
text = "PUT" + 12 * "\n" + f"x-ms-date:{date}\nx-ms-version:2021-08-06\n/{account}/{account}/{name}\nrestype:container"
signature = base64.b64encode(hmac.new(base64.b64decode(key), text.encode(), hashlib.sha256).digest()).decode()
headers = {"x-ms-date": date, "x-ms-version": "2021-08-06", "Content-Length": "0"}
headers["Authorization"] = f"SharedKey {account}:{signature}"
url = f"http://127.0.0.1:10000/{account}/{name}?restype=container"
urllib.request.urlopen(urllib.request.Request(url, method="PUT", headers=headers))
"#;

struct Azurite(Child);

impl Azurite {
    /// `None` if it is not installed.
    fn start() -> Option<Self> {
        let program = std::env::var_os("AZURITE_BLOB").map_or_else(|| PathBuf::from("azurite-blob"), PathBuf::from);
        let mut command = Command::new(program);
        command.args(["--inMemoryPersistence", "--skipApiVersionCheck", "--disableTelemetry", "--blobPort", PORT]);
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()?;
        let mut lines = BufReader::new(process.stdout.take()?).lines();
        let is_listening = lines.any(|line| line.is_ok_and(|line| line.contains("successfully listens")));
        // Goes on reading, so that it can go on writing.
        std::thread::spawn(move || lines.for_each(drop));
        let started = Self(process);
        is_listening.then_some(started)
    }
}

impl Drop for Azurite {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn stores_and_files_in_azure_work_as_those_in_s3() {
    let Some(_azurite) = Azurite::start() else { return skipped("needs azurite-blob") };
    let sandbox = Sandbox::with(venv(main_python(), Stack::Dill));
    sandbox.python(&["-c", MAKE, "cont"]).assert_code(0);
    sandbox.write("session.py", "import sys, numpy as np\nbig = np.arange(1_500_000.0)\nsmall = sys.argv[1:]\n");
    let with = |call: Call| call.env("AZURE_STORAGE_USE_EMULATOR", "true");
    let run = |words: &[&str]| {
        let run = with(sandbox.call_snapcli(words)).run();
        run.assert_code(0);
        run
    };
    run(&["save", "-q", "-o", "az://cont/run.pkl", "session.py", "1"]);
    run(&["restore", "az://cont/run.pkl", "-c", "small, float(big.sum())"]).assert_stdout("(['1'], 1124999250000.0)\n");
    let store = "az://cont/runs.snaps/";
    run(&["save", "-q", "-o", store, "session.py", "1"]);
    run(&["save", "-q", "--name", "best", "-o", store, "session.py", "2"]);
    run(&["restore", "--only", "small", "az://cont/runs.snaps/@best", "-c", "small"]).assert_stdout("['2']\n");
    run(&["restore", "az://cont/runs.snaps/@1", "-c", "small"]).assert_stdout("['1']\n");
    assert!(run(&["verify", store]).out().contains("intact, a store with 2 snapshots"));
    assert!(run(&["prune", "--keep-last", "1", store]).out().contains("removed 1 snapshot"));
    run(&["restore", store, "-c", "small"]).assert_stdout("['2']\n");
    let missing = with(sandbox.call_snapcli(&["restore", "az://cont/none.pkl"])).run();
    missing.assert_code(2);
    let call = with(sandbox.call_snapcli(&["restore", "az://cont/run.pkl"])).env("AZURE_STORAGE_ACCOUNT_KEY", "Zm9v");
    let denied = call.run();
    denied.assert_code(1);
    assert!(denied.err().contains("access is denied (403)"), "{}", denied.whole());
}
