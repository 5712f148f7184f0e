//! A headless Chromium, driven through chromedriver (the WebDriver protocol, and Chromium's own commands within it).

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Keeps the browser off the network.
const FLAGS: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    // Scrollbars would take their width from the screenshots.
    "--hide-scrollbars",
];

/// Runs in a page before its own scripts, and records events that must not happen in `seen`.
const WATCH: &str = "window.$ = (id) => document.getElementById(id);
window.seen = [];
window.alert = (text) => seen.push('alert ' + text);
addEventListener('error', (event) => seen.push('error ' + event.message));
addEventListener('securitypolicyviolation', (event) => seen.push('blocked ' + event.blockedURI));";

/// A browser with its own profile, which is stopped on drop.
pub(super) struct Browser {
    driver: Child,
    port: u16,
    session: String,
    _profile: tempfile::TempDir,
}

impl Browser {
    pub(super) fn start() -> Self {
        let profile = tempfile::tempdir().unwrap();
        // The port is free again when the listener is dropped.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new("chromedriver");
        command.arg(format!("--port={port}")).stdout(Stdio::null()).stderr(Stdio::null());
        let driver = command.spawn().unwrap_or_else(|error| {
            panic!(
                "cannot start chromedriver ({error}): install Debian's chromium and chromium-driver, or put both on \
                 PATH"
            )
        });
        let mut browser = Self { driver, port, session: String::new(), _profile: profile };
        let folder = format!("--user-data-dir={}", browser._profile.path().display());
        let flags: Vec<&str> = FLAGS.into_iter().chain([folder.as_str()]).collect();
        let wanted = json!({"capabilities": {"alwaysMatch": {"goog:chromeOptions": {"args": flags}}}});
        let answer = browser.call("/session", &wanted);
        browser.session = answer["sessionId"].as_str().unwrap_or_else(|| panic!("no session: {answer}")).to_owned();
        browser.command("Page.addScriptToEvaluateOnNewDocument", &json!({"source": WATCH}));
        browser
    }

    /// Opens a file in a window of this width.
    pub(super) fn open(&self, file: &Path, width: u32, scheme: &str) {
        let size = json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false});
        self.command("Emulation.setDeviceMetricsOverride", &size);
        let scheme = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.command("Emulation.setEmulatedMedia", &scheme);
        self.call(&format!("/session/{}/url", self.session), &json!({"url": format!("file://{}", file.display())}));
    }

    /// Evaluates an expression in the page, and awaits it if it is a promise.
    pub(super) fn value(&self, expression: &str) -> Value {
        let asked = json!({"expression": expression, "awaitPromise": true, "returnByValue": true});
        let answer = self.command("Runtime.evaluate", &asked);
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {answer}");
        answer["result"]["value"].clone()
    }

    /// Takes a screenshot of the whole page.
    pub(super) fn screenshot(&self, file: &Path) {
        let answer = self.command("Page.captureScreenshot", &json!({"captureBeyondViewport": true}));
        std::fs::write(file, from_base64(answer["data"].as_str().unwrap())).unwrap();
    }

    fn command(&self, name: &str, parameters: &Value) -> Value {
        let path = format!("/session/{}/goog/cdp/execute", self.session);
        self.call(&path, &json!({"cmd": name, "params": parameters}))
    }

    fn call(&self, path: &str, body: &Value) -> Value {
        let answer = self.request("POST", path, &body.to_string()).unwrap_or_else(|error| panic!("{path}: {error}"));
        assert!(answer["value"]["error"].is_null(), "{path}: {answer}");
        answer["value"].clone()
    }

    /// Sends one request, and retries until the driver listens.
    fn request(&self, method: &str, path: &str, body: &str) -> std::io::Result<Value> {
        let deadline = Instant::now() + Duration::from_secs(20);
        let mut stream = loop {
            match TcpStream::connect(("127.0.0.1", self.port)) {
                Err(error) if error.kind() == ErrorKind::ConnectionRefused && Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(50));
                }
                connected => break connected?,
            }
        };
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        let length = body.len();
        let head = format!("{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {length}\r\n\r\n");
        stream.write_all((head + body).as_bytes())?;
        // The driver keeps the connection open: Content-Length says where the response ends.
        let (mut answer, mut length) = (BufReader::new(stream), 0);
        loop {
            let mut line = String::new();
            answer.read_line(&mut line)?;
            if line.trim().is_empty() {
                break;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
        }
        let mut body = Vec::new();
        answer.take(length).read_to_end(&mut body)?;
        Ok(serde_json::from_slice(&body)?)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver stops the browser it started, also when a test fails.
        if !self.session.is_empty() {
            let _ = self.request("DELETE", &format!("/session/{}", self.session), "");
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

fn from_base64(text: &str) -> Vec<u8> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bits, mut number, mut bytes) = (0u32, 0, Vec::new());
    for letter in text.bytes().take_while(|letter| *letter != b'=') {
        let value = ALPHABET.iter().position(|known| *known == letter).unwrap();
        bits = (bits << 6) | u32::try_from(value).unwrap();
        number += 6;
        if number >= 8 {
            number -= 8;
            bytes.push(((bits >> number) & 0xff) as u8);
        }
    }
    bytes
}
