//! A bucket in another region than the settings say: the error names the bucket and the region to set.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use crate::env::{Call, Run, Sandbox};

/// How a server says that the bucket is elsewhere. AWS does each of these, depending on the request.
#[derive(Clone, Copy, Debug)]
enum Refusal {
    /// A redirect without a place to go to. Only its header names the region.
    Redirect,
    /// The region in a signature is wrong. The body names the right one, for requests that have a body in the answer.
    Signature,
    /// The same without the header, as proxies and other servers do.
    SignatureWithoutHeader,
    /// A redirect that names no region at all.
    Silent,
}

const REGION: &str = "eu-west-7";

/// The port of a server that refuses all requests in this way.
fn refusing(refusal: Refusal) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || answer(&stream, refusal));
        }
    });
    port
}

fn answer(mut stream: &TcpStream, refusal: Refusal) -> Option<()> {
    let mut input = BufReader::new(stream);
    let mut request = String::new();
    input.read_line(&mut request).ok()?;
    let (mut line, mut length) = (String::new(), 0_u64);
    while input.read_line(&mut line).ok()? > 2 {
        let lower = line.to_ascii_lowercase();
        length = lower.strip_prefix("content-length:").map_or(length, |rest| rest.trim().parse().unwrap_or(0));
        line.clear();
    }
    std::io::copy(&mut input.take(length), &mut std::io::sink()).ok()?;
    let (status, code, in_header) = match refusal {
        Refusal::Redirect => ("301 Moved Permanently", "PermanentRedirect", true),
        Refusal::Signature => ("400 Bad Request", "AuthorizationHeaderMalformed", true),
        Refusal::SignatureWithoutHeader => ("400 Bad Request", "AuthorizationHeaderMalformed", false),
        Refusal::Silent => ("301 Moved Permanently", "PermanentRedirect", false),
    };
    let named = if code == "PermanentRedirect" { String::new() } else { format!("<Region>{REGION}</Region>") };
    let body = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>Wrong</Message>{named}</Error>");
    let header = if in_header { format!("x-amz-bucket-region: {REGION}\r\n") } else { String::new() };
    let body = if request.starts_with("HEAD") { "" } else { &body };
    let length = body.len();
    write!(stream, "HTTP/1.1 {status}\r\n{header}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}").ok()
}

fn with_access(call: Call, port: u16) -> Run {
    let call = call.env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}"));
    let call = call.env("AWS_ACCESS_KEY_ID", "test-key-id").env("AWS_SECRET_ACCESS_KEY", "test-secret-key");
    call.env("AWS_REGION", "us-east-1").run()
}

#[test]
fn a_wrong_region_is_named_with_the_right_one() {
    let sandbox = Sandbox::new();
    sandbox.snapcli(&["save", "-q", "-o", "local.pkl", "-c", "x = 1"]).assert_code(0);
    let (file, store) = ("s3://team-runs/a/run.pkl", "s3://team-runs/a/runs.snaps/");
    for refusal in [Refusal::Redirect, Refusal::Signature, Refusal::SignatureWithoutHeader, Refusal::Silent] {
        let port = refusing(refusal);
        for words in [
            &["restore", file, "-c", "x"][..],
            &["inspect", file],
            &["verify", file],
            &["log", store],
            &["save", "-o", file, "-c", "x = 1"],
            &["save", "-o", store, "-c", "x = 1"],
            &["import", "local.pkl", store],
        ] {
            let run = with_access(sandbox.call_snapcli(words), port);
            assert!(!run.status.success(), "{refusal:?}: {}", run.whole());
            let shown = run.err();
            let is_clear = ["s3://team-runs/", "the bucket is in another region", "set AWS_REGION"];
            assert!(is_clear.iter().all(|part| shown.contains(part)), "{refusal:?}, {words:?}: {}", run.whole());
            // A redirect need not say where to.
            let is_named = shown.contains(&format!("the bucket is in another region, {REGION}"));
            assert_eq!(is_named, !matches!(refusal, Refusal::Silent), "{refusal:?}, {words:?}: {}", run.whole());
        }
        let code = format!("import snapcli\ntry: snapcli.save({file:?}, {{'x': 1}})\nexcept OSError as e: print(e)");
        let run = with_access(sandbox.call_importing(&["-c", &code]), port);
        assert!(run.out().contains("the bucket is in another region"), "{}", run.whole());
    }
}
