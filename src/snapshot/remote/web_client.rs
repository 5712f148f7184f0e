//! Reads files of web servers, whole or in ranges.

use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{ACCEPT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, ETAG, HeaderMap, LAST_MODIFIED, RANGE};
use reqwest::{Client, Response, StatusCode};
use tokio::time::sleep;

use super::fault_causes::{of_status, web_fault};
use super::remote_address::RemoteAddress;
use super::remote_error::{FaultKind, RemoteError};
use super::requests::{Backend, WantedBytes};
use super::{ListedObject, ObjectVersion};

/// How often a request is tried if the server fails.
const TRIES: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const CONNECT: Duration = Duration::from_secs(10);
/// The longest list of a folder, in bytes.
const LONGEST_LIST: u64 = 16 << 20;
/// How much of the body of an error is read.
const ERROR_BODY: usize = 4096;

#[derive(Clone, Debug)]
pub(super) struct WebClient(Client);

/// The body of an answer.
pub(super) struct WebBody(Response);

impl WebClient {
    pub(super) fn new() -> Result<Self, RemoteError> {
        let client = Client::builder().connect_timeout(CONNECT).user_agent(super::USER_AGENT).build();
        client.map(Self).map_err(|error| web_fault(&error, "use", String::new()))
    }

    /// Asks for bytes of a file.
    pub(super) async fn open(
        &self,
        address: &RemoteAddress,
        key: &str,
        wanted: WantedBytes,
    ) -> Result<(ObjectVersion, Range<u64>, WebBody), RemoteError> {
        let mut tries = 0;
        loop {
            let error = match self.try_to_open(address, key, &wanted).await {
                Err(error) => error,
                done => return done,
            };
            tries += 1;
            let may_help = matches!(error.kind(), Some(FaultKind::Unreachable | FaultKind::Broken | FaultKind::Server));
            if tries >= TRIES || !may_help {
                return Err(error);
            }
            sleep(FIRST_PAUSE * 2_u32.pow(tries - 1)).await;
        }
    }

    async fn try_to_open(
        &self,
        address: &RemoteAddress,
        key: &str,
        wanted: &WantedBytes,
    ) -> Result<(ObjectVersion, Range<u64>, WebBody), RemoteError> {
        let shown = || address.join(key);
        let mut request = self.0.get(address.request_url(key)).header(ACCEPT_ENCODING, "identity");
        let asked = wanted.header();
        if let Some(asked) = &asked {
            request = request.header(RANGE, asked);
        }
        let response = request.send().await.map_err(|error| web_fault(&error, "read", shown()))?;
        let status = response.status();
        let bad = |why: &str| RemoteError::new(FaultKind::BadAnswer, "read", shown(), why);
        let tag = tag(response.headers());
        match (status, asked) {
            (StatusCode::PARTIAL_CONTENT, Some(_)) => {
                let (range, length) = content_range(response.headers())
                    .ok_or_else(|| bad("the server does not say which range it sends"))?;
                if range != wanted.within(length) {
                    return Err(bad("the server sent another range than it was asked for"));
                }
                Ok((ObjectVersion { length, tag }, range, WebBody(response)))
            }
            (StatusCode::OK, None) => {
                let length = content_length(response.headers()).ok_or_else(|| {
                    RemoteError::new(FaultKind::NoRanges, "read", shown(), "the server does not say how long it is")
                })?;
                Ok((ObjectVersion { length, tag }, 0..length, WebBody(response)))
            }
            (StatusCode::OK, Some(_)) => {
                let why = "the server does not send parts of it";
                Err(RemoteError::new(FaultKind::NoRanges, "read", shown(), why))
            }
            _ => Err(refusal(response, shown()).await),
        }
    }

    /// The files in a folder, if the server lists them: every name that the page links to.
    pub(super) async fn list(&self, backend: &Backend, folder: &str) -> Result<Vec<ListedObject>, RemoteError> {
        let page = match backend.read(folder, LONGEST_LIST).await {
            Ok(page) => page,
            Err(error) if error.kind() == Some(FaultKind::NoRanges) => Vec::new(),
            Err(error) => return Err(error),
        };
        let page = String::from_utf8_lossy(&page);
        let mut found: Vec<ListedObject> = Vec::new();
        for link in page.split("href=").skip(1) {
            let link = link.trim_start_matches(['"', '\'']);
            let link = link.split(['"', '\'', '>', ' ', '?', '#']).next().unwrap_or_default();
            let name = link.rsplit('/').next().unwrap_or_default();
            let Some(name) = unescaped(name).filter(|name| !name.is_empty()) else { continue };
            let key = format!("{folder}{name}");
            if !found.iter().any(|known| known.key == key) {
                found.push(ListedObject { key, length: 0, modified: 0 });
            }
        }
        Ok(found)
    }
}

impl WebBody {
    /// The next bytes; `None` at the end.
    pub(super) async fn next(&mut self, address: &RemoteAddress, key: &str) -> Result<Option<Bytes>, RemoteError> {
        self.0.chunk().await.map_err(|error| web_fault(&error, "read", address.join(key)))
    }
}

/// The error of a response that refuses the bytes.
async fn refusal(response: Response, shown: String) -> RemoteError {
    let status = response.status();
    let body = error_body(response).await;
    if let StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN = status {
        let why = format!("access is denied ({})", status.as_u16());
        return RemoteError::new(FaultKind::WebDenied, "read", shown, why);
    }
    of_status(status.as_u16(), &body, "read", shown, false)
}

async fn error_body(mut response: Response) -> String {
    let mut body = Vec::new();
    while body.len() < ERROR_BODY
        && let Ok(Some(bytes)) = response.chunk().await
    {
        body.extend_from_slice(&bytes);
    }
    body.truncate(ERROR_BODY);
    String::from_utf8_lossy(&body).into_owned()
}

/// The version of a file: its `ETag`, or else its `Last-Modified`.
fn tag(headers: &HeaderMap) -> Option<String> {
    let header = headers.get(ETAG).or_else(|| headers.get(LAST_MODIFIED))?;
    Some(String::from_utf8_lossy(header.as_bytes()).into_owned())
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}

/// The range in an answer, and the length of the file.
fn content_range(headers: &HeaderMap) -> Option<(Range<u64>, u64)> {
    let text = headers.get(CONTENT_RANGE)?.to_str().ok()?.trim().strip_prefix("bytes ")?;
    let (range, length) = text.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last): (u64, u64) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    let (end, length) = (last.checked_add(1)?, length.trim().parse().ok()?);
    (first < end && end <= length).then_some((first..end, length))
}

/// A name from a URL, percent-decoded.
fn unescaped(name: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (digits, tail) = tail.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
        rest = tail;
    }
    String::from_utf8(bytes).ok()
}
