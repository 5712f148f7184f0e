//! Files on web servers: honest ones with and without ranges, and such as send the wrong bytes, too few, too many, or
//! another file in the middle.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::env::{Run, Sandbox};

/// What a server does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Conduct {
    Honest,
    WithoutRanges,
    /// Ends each answer in the middle.
    Short,
    /// Sends more than it was asked for.
    Long,
    /// Sends another range than it was asked for, and says so.
    OtherRange,
    /// Sends other bytes.
    OtherBytes,
    /// The file is another one with each answer.
    Changing,
    /// Never ends, and does not say how long it is.
    Endless,
    /// Says that the file has an exabyte.
    Huge,
    Status(u16),
}

/// A server for one file, and the folder of a store.
struct WebServer {
    port: u16,
    conduct: Arc<Mutex<Conduct>>,
}

impl WebServer {
    fn new(root: std::path::PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let conduct = Arc::new(Mutex::new(Conduct::Honest));
        let shared = Arc::clone(&conduct);
        thread::spawn(move || {
            for (count, stream) in (1..).zip(listener.incoming().flatten()) {
                let (root, conduct) = (root.clone(), *shared.lock().unwrap());
                thread::spawn(move || answer(&stream, &root, conduct, count));
            }
        });
        Self { port, conduct }
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}", self.port)
    }

    fn does(&self, conduct: Conduct) {
        *self.conduct.lock().unwrap() = conduct;
    }
}

/// One answer, after which the connection ends.
fn answer(mut stream: &TcpStream, root: &std::path::Path, conduct: Conduct, count: u64) {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let target = lines.next().unwrap_or_default();
    let path =
        target.split(' ').nth(1).unwrap_or("/").split('?').next().unwrap().trim_start_matches('/').replace("%20", " ");
    let asked: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
    let range =
        asked.iter().find_map(|line| line.to_ascii_lowercase().strip_prefix("range: bytes=").map(str::to_owned));
    let path = root.join(path);
    let body = match path.is_dir() {
        true => {
            let names = fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
            let links: Vec<String> =
                names.map(|name| format!("<a href=\"{}\">{name}</a>", name.replace(' ', "%20"))).collect();
            links.concat().into_bytes()
        }
        false => fs::read(&path).unwrap_or_default(),
    };
    let status = match conduct {
        Conduct::Status(status) => status,
        _ if !path.exists() => 404,
        _ => 200,
    };
    if status != 200 {
        let body = "<Error><Code>Sorry</Code></Error>";
        let _ =
            write!(stream, "HTTP/1.1 {status} No\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
        return;
    }
    let length = body.len();
    let tag = if conduct == Conduct::Changing { count } else { 0 };
    let (start, end) = match &range {
        Some(range) if conduct != Conduct::WithoutRanges && conduct != Conduct::Endless => {
            let (first, last) = range.split_once('-').unwrap();
            match first {
                "" => (length - last.parse::<usize>().unwrap().min(length), length),
                first => (first.parse().unwrap(), last.parse::<usize>().unwrap().saturating_add(1).min(length)),
            }
        }
        _ => (0, length),
    };
    let mut piece = body.get(start..end).unwrap_or_default().to_vec();
    if conduct == Conduct::OtherBytes {
        piece.iter_mut().step_by(7).for_each(|byte| *byte ^= 0x55);
    }
    let is_part = range.is_some() && conduct != Conduct::WithoutRanges && conduct != Conduct::Endless;
    let mut head =
        format!("HTTP/1.1 {}\r\nETag: \"{tag}\"\r\nConnection: close\r\n", if is_part { "206 Part" } else { "200 OK" });
    if is_part {
        let (start, end) = if conduct == Conduct::OtherRange { (start + 1, end) } else { (start, end) };
        let total = if conduct == Conduct::Huge { 1 << 60 } else { length };
        head += &format!("Content-Range: bytes {start}-{}/{total}\r\n", end.saturating_sub(1));
    }
    match conduct {
        Conduct::Long => {}
        Conduct::Endless => {}
        _ => head += &format!("Content-Length: {}\r\n", piece.len()),
    }
    let _ = write!(stream, "{head}\r\n");
    match conduct {
        Conduct::Short => drop(stream.write_all(&piece[..piece.len() / 2])),
        Conduct::Long => drop(stream.write_all(&[piece.as_slice(), &[0; 5000]].concat())),
        Conduct::Endless => while stream.write_all(&[0; 65536]).is_ok() {},
        _ => drop(stream.write_all(&piece)),
    }
}

/// A sandbox with a session in a file and a store, and a server for its directory.
fn served() -> (Sandbox, WebServer) {
    let sandbox = Sandbox::new();
    let script = "import numpy as np\nxs = [1, 2]\nlarge = np.arange(200_000)\nother = np.arange(100_000.0)\n";
    sandbox.write("session.py", script);
    sandbox.snapcli(&["save", "-q", "-o", "run 7.pkl", "session.py"]).assert_code(0);
    for name in ["first", "the-best"] {
        sandbox.snapcli(&["save", "-q", "--name", name, "-o", "runs.snaps/", "session.py"]).assert_code(0);
    }
    let server = WebServer::new(sandbox.work());
    (sandbox, server)
}

fn run(sandbox: &Sandbox, words: &[&str]) -> Run {
    let run = sandbox.snapcli(words);
    run.assert_code(0);
    run
}

#[test]
fn files_and_stores_on_web_servers_are_read() {
    let (sandbox, server) = served();
    let file = server.url("run%207.pkl");
    for conduct in [Conduct::Honest, Conduct::WithoutRanges] {
        server.does(conduct);
        run(&sandbox, &["restore", &file, "-c", "xs, int(large.sum())"]).assert_stdout("([1, 2], 19999900000)\n");
        run(&sandbox, &["inspect", &file]);
        run(&sandbox, &["verify", &file]);
        run(&sandbox, &["diff", "-q", "run 7.pkl", &file]);
        for which in ["", "@1", "@first", "@the-best"] {
            let snapshot = server.url(&format!("runs.snaps/{which}"));
            run(&sandbox, &["restore", &snapshot, "-c", "int(other.sum())"]).assert_stdout("4999950000\n");
        }
        assert_eq!(
            run(&sandbox, &["log", "--json", &server.url("runs.snaps/")]).json()["snapshots"][0]["names"][0],
            "the-best"
        );
        run(&sandbox, &["verify", &server.url("runs.snaps/")]);
    }
    server.does(Conduct::Honest);
    for words in [&["save", "-o"][..], &["import", "run 7.pkl"]] {
        let target = server.url("new.snaps/");
        let words =
            if words[0] == "save" { vec!["save", "-o", &target, "session.py"] } else { [words, &[&target]].concat() };
        let refused = sandbox.snapcli(&words);
        refused.assert_code(2);
        assert!(refused.err().contains("a web server can only be read"), "{}", refused.whole());
    }
    let missing = sandbox.snapcli(&["inspect", &server.url("none.pkl")]);
    missing.assert_code(2);
    assert!(missing.err().contains("it does not exist"), "{}", missing.whole());
}

#[test]
fn damage_of_a_store_on_a_web_server_is_named_by_its_address() {
    let (sandbox, server) = served();
    let url = server.url("runs.snaps/");
    let store = sandbox.work().join("runs.snaps");
    let large = fs::read_dir(store.join("objects")).unwrap().map(|entry| entry.unwrap());
    let large = large.max_by_key(|entry| entry.metadata().unwrap().len()).unwrap();
    for path in [store.join("snapcli-store.json"), store.join("snapshots/00000002.snap"), large.path()] {
        let bytes = fs::read(&path).unwrap();
        for damaged in [bytes[..bytes.len() / 2].to_vec(), vec![b'x'; bytes.len()]] {
            fs::write(&path, damaged).unwrap();
            let verified = sandbox.snapcli(&["verify", &url]);
            assert_ne!(verified.status.code(), Some(0), "{}: {}", path.display(), verified.whole());
            for words in [&["verify", &url][..], &["log", &url], &["restore", &url, "-c", "xs"], &["inspect", &url]] {
                let told = sandbox.snapcli(words).whole();
                assert!(!told.contains("snapcli-copy"), "{}", told);
            }
        }
        fs::write(&path, bytes).unwrap();
    }
    let marker = store.join("snapcli-store.json");
    fs::write(&marker, "{").unwrap();
    let refused = sandbox.snapcli(&["log", &url]);
    assert!(refused.err().contains(&format!("{url}snapcli-store.json is damaged")), "{}", refused.whole());
}

#[test]
fn lies_are_noticed() {
    let (sandbox, server) = served();
    let (file, store) = (server.url("run%207.pkl"), server.url("runs.snaps/@1"));
    for (conduct, code, words) in [
        (Conduct::Short, 1, "the connection broke off"),
        (Conduct::Long, 1, "more bytes than it was asked for"),
        (Conduct::OtherRange, 1, "another range than it was asked for"),
        (Conduct::OtherBytes, 4, ""),
        (Conduct::Changing, 1, "has changed since it was first read"),
        (Conduct::Endless, 1, "how long it is"),
        (Conduct::Huge, 1, "another range"),
        (Conduct::Status(403), 1, "access is denied (403"),
        (Conduct::Status(500), 1, "the server fails (500"),
        (Conduct::Status(418), 1, "refuses it (418"),
    ] {
        server.does(conduct);
        let restored = sandbox.snapcli(&["restore", &file, "-c", "pass"]);
        assert_eq!(restored.status.code(), Some(code), "{conduct:?}: {}", restored.whole());
        assert!(restored.err().contains(words), "{conduct:?}: {}", restored.whole());
        // Of a store, whole objects are read.
        if !matches!(conduct, Conduct::OtherRange | Conduct::Changing | Conduct::Huge | Conduct::Long) {
            let restored = sandbox.snapcli(&["restore", &store, "-c", "pass"]);
            assert_eq!(restored.status.code(), Some(code), "{conduct:?}: {}", restored.whole());
        }
    }
}
