//! A proxy in front of a server. It counts the bytes in both directions, and can cut off or slow down answers.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

/// How much is passed on at a time.
const PIECE: usize = 16 << 10;

#[derive(Default)]
struct ProxyState {
    sent: AtomicU64,
    fetched: AtomicU64,
    /// How many more connections end after `cut_after` bytes.
    cuts: AtomicU64,
    /// Whether the bytes to the server count, and not those from it.
    cut_requests: AtomicBool,
    cut_after: AtomicU64,
    /// The pause after each piece of an answer, in milliseconds.
    pause: AtomicU64,
    /// Whether answers never arrive.
    is_stuck: AtomicBool,
    /// Whether a request has come since `is_stuck` was set.
    was_asked: AtomicBool,
}

pub(super) struct CuttingProxy {
    port: u16,
    state: Arc<ProxyState>,
}

impl CuttingProxy {
    /// A proxy before the server with this endpoint.
    pub(super) fn before(endpoint: &str) -> Self {
        let server = endpoint.strip_prefix("http://").unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(ProxyState::default());
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for client in listener.incoming() {
                let (Ok(client), Ok(server)) = (client, TcpStream::connect(&server)) else { return };
                for is_answer in [false, true] {
                    let (from, to) = if is_answer { (&server, &client) } else { (&client, &server) };
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    let state = Arc::clone(&shared);
                    thread::spawn(move || pass_on(&from, &to, is_answer, &state));
                }
            }
        });
        Self { port, state }
    }

    pub(super) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The bytes of answers since the last call.
    pub(super) fn take_fetched(&self) -> u64 {
        self.state.fetched.swap(0, Ordering::SeqCst)
    }

    /// The bytes of requests since the last call.
    pub(super) fn take_sent(&self) -> u64 {
        self.state.sent.swap(0, Ordering::SeqCst)
    }

    /// Cuts off that many connections, each after this many bytes of answers.
    pub(super) fn cut_answers(&self, connections: u64, after: u64) {
        self.state.cut_requests.store(false, Ordering::SeqCst);
        self.state.cut_after.store(after, Ordering::SeqCst);
        self.state.cuts.store(connections, Ordering::SeqCst);
    }

    /// Cuts off that many connections, each after this many bytes of requests.
    pub(super) fn cut_requests(&self, connections: u64, after: u64) {
        self.cut_answers(connections, after);
        self.state.cut_requests.store(true, Ordering::SeqCst);
    }

    /// How many of the connections to cut off are left.
    pub(super) fn cuts_left(&self) -> u64 {
        self.state.cuts.load(Ordering::SeqCst)
    }

    /// Waits after each piece of an answer.
    pub(super) fn slow_down(&self, pause: Duration) {
        self.state.pause.store(u64::try_from(pause.as_millis()).unwrap(), Ordering::SeqCst);
    }

    /// Lets no answer through any more.
    pub(super) fn get_stuck(&self) {
        self.state.was_asked.store(false, Ordering::SeqCst);
        self.state.is_stuck.store(true, Ordering::SeqCst);
    }

    /// Whether an answer has been kept back.
    pub(super) fn is_waited_for(&self) -> bool {
        self.state.was_asked.load(Ordering::SeqCst)
    }
}

fn pass_on(mut from: &TcpStream, mut to: &TcpStream, is_answer: bool, state: &ProxyState) {
    let counter = if is_answer { &state.fetched } else { &state.sent };
    let (mut piece, mut passed) = (vec![0; PIECE], 0);
    while let Ok(count) = from.read(&mut piece) {
        if count == 0 {
            break;
        }
        counter.fetch_add(count as u64, Ordering::SeqCst);
        while is_answer && state.is_stuck.load(Ordering::SeqCst) {
            state.was_asked.store(true, Ordering::SeqCst);
            thread::sleep(Duration::from_millis(20));
        }
        passed += count as u64;
        let counts = state.cut_requests.load(Ordering::SeqCst) != is_answer;
        let is_cut = counts && passed > state.cut_after.load(Ordering::SeqCst);
        let fewer = |cuts: u64| cuts.checked_sub(1);
        if is_cut && state.cuts.fetch_update(Ordering::SeqCst, Ordering::SeqCst, fewer).is_ok() {
            break;
        }
        if to.write_all(&piece[..count]).is_err() {
            break;
        }
        if is_answer {
            thread::sleep(Duration::from_millis(state.pause.load(Ordering::SeqCst)));
        }
    }
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}

/// A request without any client. Returns the status and the body.
pub(super) fn http_request(port: u16, method: &str, target: &str, headers: &str, body: &[u8]) -> (u16, Vec<u8>) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let length = body.len();
    let target = target.replace(' ', "%20");
    let head = format!(
        "{method} {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{headers}Content-Length: {length}\r\n\
         Connection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let status = std::str::from_utf8(&answer[9..12]).unwrap().parse().unwrap();
    (status, answer[end + 4..].to_vec())
}
