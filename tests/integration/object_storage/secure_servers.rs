//! Servers whose certificate is not the right one, and those of an authority that only `SSL_CERT_FILE` names.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use super::NO_SERVER;
use crate::env::{Sandbox, main_python, scratch_venv};
use crate::skipped::skipped;

struct SecureServers {
    ports: Vec<u16>,
    // The end of its standard input ends it.
    _process: Child,
}

impl SecureServers {
    /// Serves the working directory of a sandbox; `None` if the packages cannot be installed.
    fn of(sandbox: &Sandbox) -> Option<Self> {
        // moto brings what makes certificates.
        let python = scratch_venv(main_python(), "moto", &["moto[server]==5.2.1"])?;
        let mut command = Command::new(python);
        command.args(["-c", include_str!("tls_server.py")]).arg(sandbox.work());
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let ports: Vec<u16> = line.split_whitespace().map(|port| port.parse().unwrap()).collect();
        assert_eq!(ports.len(), 3);
        Some(Self { ports, _process: process })
    }
}

#[test]
fn a_certificate_that_is_not_trusted_is_an_error_that_says_why() {
    let sandbox = Sandbox::new();
    sandbox.snapcli(&["save", "-q", "-o", "run.pkl", "-c", "x = 5"]).assert_code(0);
    let Some(servers) = SecureServers::of(&sandbox) else { return skipped(NO_SERVER) };
    let ca = sandbox.work().join("ca.pem");
    let [good, other, expired] = [0, 1, 2].map(|at| format!("https://127.0.0.1:{}/run.pkl", servers.ports[at]));
    let call = |address: &str| sandbox.call_snapcli(&["restore", address, "-c", "x"]);
    let trusting = |address: &str| call(address).env("SSL_CERT_FILE", &ca).run();
    trusting(&good).assert_code(0).assert_stdout("5\n");
    for (run, words) in [
        (call(&good).run(), "UnknownIssuer"),
        (trusting(&other), "not valid for name"),
        (trusting(&expired), "certificate expired"),
    ] {
        run.assert_code(1);
        let error = run.err();
        assert!(error.contains("the connection is not secure") && error.contains(words), "{}", run.whole());
        assert!(error.contains("SSL_CERT_FILE"), "{}", run.whole());
    }
    // The same for a bucket, and for a server that speaks TLS where none was asked for.
    let endpoint = format!("https://127.0.0.1:{}", servers.ports[0]);
    let keys = call("s3://bucket/run.pkl").env("AWS_ACCESS_KEY_ID", "a").env("AWS_SECRET_ACCESS_KEY", "b");
    let run = keys.env("AWS_REGION", "us-east-1").env("AWS_ENDPOINT_URL", endpoint).run();
    run.assert_code(1);
    assert!(run.err().contains("cannot read s3://bucket/run.pkl: the connection is not secure"), "{}", run.whole());
    let run = call(&good.replace("https", "http")).run();
    run.assert_code(1);
    assert!(run.err().contains("check the network"), "{}", run.whole());
}
