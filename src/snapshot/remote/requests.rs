//! Requests to object storage, with bounds on time, tries and memory. The answers of a server are checked here: the
//! range, the length, and whether it is still the same object.

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use object_store::path::Path as ObjectPath;
use object_store::{GetOptions, GetRange, GetResult, ObjectStore, ObjectStoreExt};
use tokio::time::{sleep, timeout};

use super::bucket_region::BucketRegion;
use super::fault_causes::fault_of;
use super::remote_address::{RemoteAddress, Scheme};
use super::remote_error::{FaultKind, RemoteError};
use super::web_client::{WebBody, WebClient};
use super::{ListedObject, ObjectVersion};

/// How long a body may stall.
const STALL: Duration = Duration::from_secs(20);
/// How long an answer may take, including the retries of `object_store`.
const ANSWER: Duration = Duration::from_secs(60);
/// How often a body that ends too early is continued.
const TRIES: u32 = 4;
/// The wait before the first of them.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// The most objects that a list may have.
const MOST_LISTED: usize = 10_000_000;

/// Which bytes of an object are asked for.
#[derive(Clone, Debug)]
pub(super) enum WantedBytes {
    All,
    Range(Range<u64>),
    /// The last bytes, as many as this.
    Last(u64),
}

impl WantedBytes {
    /// The value of the header `Range`; `None` for a whole object.
    pub(super) fn header(&self) -> Option<String> {
        match self {
            Self::All => None,
            Self::Range(range) => Some(format!("bytes={}-{}", range.start, range.end.saturating_sub(1))),
            Self::Last(count) => Some(format!("bytes=-{count}")),
        }
    }

    /// The range of these bytes in an object of this length.
    pub(super) fn within(&self, length: u64) -> Range<u64> {
        match self {
            Self::All => 0..length,
            Self::Range(range) => range.start..range.end.min(length),
            Self::Last(count) => length.saturating_sub(*count)..length,
        }
    }
}

/// The client that makes the requests.
#[derive(Debug)]
pub(super) enum Service {
    Bucket(Arc<dyn ObjectStore>),
    Web(WebClient),
}

/// An address, and the client for it.
#[derive(Debug)]
pub(super) struct Backend {
    /// The keys in requests are relative to its key.
    pub(super) address: RemoteAddress,
    pub(super) service: Service,
    /// Whether requests are not signed.
    pub(super) anonymous: bool,
    /// The region that the answers of S3 name.
    pub(super) region: BucketRegion,
}

/// An answer that is being read.
pub(super) struct Answer {
    pub(super) version: ObjectVersion,
    pub(super) range: Range<u64>,
    body: AnswerBody,
}

enum AnswerBody {
    Bucket(BoxStream<'static, object_store::Result<Bytes>>),
    Web(WebBody),
}

impl Backend {
    pub(super) fn path(&self, key: &str) -> Result<ObjectPath, RemoteError> {
        let whole = format!("{}{key}", self.address.key);
        ObjectPath::parse(whole).map_err(|_| {
            let why = "its key has an empty part, or . or .. as one".to_owned();
            RemoteError::new(FaultKind::Address, "use", self.address.join(key), why)
        })
    }

    /// An error that is about an object.
    pub(super) fn fault(&self, kind: FaultKind, action: &'static str, key: &str, why: &str) -> RemoteError {
        RemoteError::new(kind, action, self.address.join(key), why)
    }

    pub(super) fn failed(&self, action: &'static str, key: &str, error: &object_store::Error) -> RemoteError {
        let fault = fault_of(error, action, self.address.join(key), self.anonymous);
        match (fault.kind(), self.region.other()) {
            // An answer to HEAD has no text, and answers to other requests do not always name the region.
            (Some(FaultKind::Region | FaultKind::BadAnswer), Some(region)) => {
                self.fault(FaultKind::Region, action, key, &format!("the bucket is in another region, {region}"))
            }
            _ => fault,
        }
    }

    /// The bucket that is written to. Fails for a web server.
    pub(super) fn bucket(&self, action: &'static str, key: &str) -> Result<&Arc<dyn ObjectStore>, RemoteError> {
        match &self.service {
            Service::Bucket(store) => Ok(store),
            Service::Web(_) => {
                let why = "a web server can only be read";
                Err(self.fault(FaultKind::Address, action, key, why))
            }
        }
    }

    /// Begins to read an object.
    pub(super) async fn open(&self, key: &str, wanted: WantedBytes) -> Result<Answer, RemoteError> {
        let asked = async {
            match &self.service {
                Service::Bucket(store) => self.open_in_bucket(store, key, wanted).await,
                Service::Web(client) => {
                    let (version, range, body) = client.open(&self.address, key, wanted).await?;
                    Ok(Answer { version, range, body: AnswerBody::Web(body) })
                }
            }
        };
        match timeout(ANSWER, asked).await {
            Ok(answer) => answer,
            Err(_) => Err(self.fault(FaultKind::Broken, "read", key, &no_answer(ANSWER))),
        }
    }

    async fn open_in_bucket(
        &self,
        store: &Arc<dyn ObjectStore>,
        key: &str,
        wanted: WantedBytes,
    ) -> Result<Answer, RemoteError> {
        let path = self.path(key)?;
        let range = match wanted {
            WantedBytes::All => None,
            WantedBytes::Range(range) => Some(GetRange::Bounded(range)),
            WantedBytes::Last(count) => Some(GetRange::Suffix(count)),
        };
        let options = GetOptions { range, ..GetOptions::default() };
        let got: GetResult = match store.get_opts(&path, options).await {
            Ok(got) => got,
            // Azure has no ranges that count from the end.
            Err(object_store::Error::NotSupported { .. } | object_store::Error::NotImplemented { .. }) => {
                return Err(self.fault(FaultKind::NoRanges, "read", key, "it gives no such range"));
            }
            Err(error) => return Err(self.failed("read", key, &error)),
        };
        let version = ObjectVersion { length: got.meta.size, tag: got.meta.e_tag.clone() };
        let range = got.range.clone();
        Ok(Answer { version, range, body: AnswerBody::Bucket(got.into_stream()) })
    }

    /// The next bytes of a body; `None` at its end.
    async fn next(&self, key: &str, body: &mut AnswerBody) -> Result<Option<Bytes>, RemoteError> {
        let read = async {
            match body {
                AnswerBody::Bucket(stream) => match stream.next().await {
                    Some(Ok(bytes)) => Ok(Some(bytes)),
                    Some(Err(error)) => Err(self.failed("read", key, &error)),
                    None => Ok(None),
                },
                AnswerBody::Web(body) => body.next(&self.address, key).await,
            }
        };
        match timeout(STALL, read).await {
            Ok(read) => read,
            Err(_) => Err(self.fault(FaultKind::Broken, "read", key, &no_answer(STALL))),
        }
    }

    /// Reads bytes of an object into `sink`, never wrong ones: a body that ends too early is continued, and one that is
    /// too long is an error. The object must still be the version `same`.
    pub(super) async fn fetch(
        &self,
        key: &str,
        wanted: WantedBytes,
        most: u64,
        same: Option<&ObjectVersion>,
        sink: &mut (dyn FnMut(&[u8]) -> io::Result<()> + Send),
    ) -> Result<ObjectVersion, RemoteError> {
        let mut same = same.cloned();
        let (mut wanted, mut tries) = (wanted, 0);
        // The end of the range, once it is known, and how much of it is there.
        let (mut end, mut at) = (None, 0);
        loop {
            let failed = match self.open(key, wanted.clone()).await {
                Ok(mut answer) => {
                    self.check(key, &answer, same.as_ref(), most)?;
                    if end.is_none() {
                        (end, at) = (Some(answer.range.end), answer.range.start);
                    }
                    let version = answer.version.clone();
                    let read = self.copy(key, &mut answer, &mut at, sink).await;
                    same = Some(version.clone());
                    match read {
                        Ok(()) if Some(at) == end => return Ok(version),
                        Ok(()) => {
                            let why = format!("the server ended the connection at byte {at}");
                            self.fault(FaultKind::Broken, "read", key, &why)
                        }
                        Err(error) => error,
                    }
                }
                Err(error) => error,
            };
            tries += 1;
            if tries >= TRIES || failed.kind() != Some(FaultKind::Broken) {
                return Err(failed);
            }
            if let Some(end) = end {
                wanted = WantedBytes::Range(at..end);
            }
            sleep(FIRST_PAUSE * 2_u32.pow(tries - 1)).await;
        }
    }

    /// Checks the headers of an answer.
    fn check(&self, key: &str, answer: &Answer, same: Option<&ObjectVersion>, most: u64) -> Result<(), RemoteError> {
        if let Some(same) = same
            && *same != answer.version
        {
            let why = "it has changed since it was first read";
            return Err(self.fault(FaultKind::Changed, "read", key, why));
        }
        if answer.range.end.saturating_sub(answer.range.start) > most {
            let why = format!("it has {} bytes, where at most {most} can be right", answer.version.length);
            return Err(self.fault(FaultKind::BadAnswer, "read", key, &why));
        }
        Ok(())
    }

    async fn copy(
        &self,
        key: &str,
        answer: &mut Answer,
        at: &mut u64,
        sink: &mut (dyn FnMut(&[u8]) -> io::Result<()> + Send),
    ) -> Result<(), RemoteError> {
        let end = answer.range.end;
        while let Some(bytes) = self.next(key, &mut answer.body).await? {
            if bytes.len() as u64 > end.saturating_sub(*at) {
                let why = "the server sends more bytes than it was asked for";
                return Err(self.fault(FaultKind::BadAnswer, "read", key, why));
            }
            sink(&bytes).map_err(|error| self.fault(FaultKind::Disk, "keep a copy of", key, &error.to_string()))?;
            *at += bytes.len() as u64;
        }
        Ok(())
    }

    /// All bytes of an object that has at most `most`.
    pub(super) async fn read(&self, key: &str, most: u64) -> Result<Vec<u8>, RemoteError> {
        let mut bytes = Vec::new();
        self.fetch(key, WantedBytes::All, most, None, &mut |more| {
            bytes.extend_from_slice(more);
            Ok(())
        })
        .await?;
        Ok(bytes)
    }

    /// The last bytes of the object at the address itself.
    pub(super) async fn read_end(&self, most: u64, bytes: &mut Vec<u8>) -> Result<ObjectVersion, RemoteError> {
        let mut sink = |more: &[u8]| {
            bytes.extend_from_slice(more);
            Ok(())
        };
        let wanted = match self.address.scheme {
            // It has no ranges that count from the end.
            Scheme::Azure => {
                let length = self.head("").await?.length;
                WantedBytes::Range(length.saturating_sub(most)..length)
            }
            _ => WantedBytes::Last(most),
        };
        self.fetch("", wanted, most, None, &mut sink).await
    }

    /// What a list would say of an object. A web server does not say when it was written.
    pub(super) async fn head(&self, key: &str) -> Result<ListedObject, RemoteError> {
        let (length, modified) = match &self.service {
            Service::Bucket(store) => {
                let path = self.path(key)?;
                let head = async { store.head(&path).await.map_err(|error| self.failed("read", key, &error)) };
                let meta = self.answered("read", key, head).await?;
                (meta.size, meta.last_modified.timestamp())
            }
            Service::Web(_) => match self.open(key, WantedBytes::Range(0..1)).await {
                Err(error) if error.kind() == Some(FaultKind::NoRanges) => {
                    (self.open(key, WantedBytes::All).await?.version.length, 0)
                }
                answer => (answer?.version.length, 0),
            },
        };
        Ok(ListedObject { key: key.to_owned(), length, modified })
    }

    /// The objects whose keys begin with this prefix, which ends with `/`.
    pub(super) async fn list(&self, prefix: &str) -> Result<Vec<ListedObject>, RemoteError> {
        let store = match &self.service {
            Service::Web(client) => return client.list(self, prefix).await,
            Service::Bucket(store) => store,
        };
        let path = self.path(prefix)?;
        let mut stream = store.list(Some(&path));
        let mut found = Vec::new();
        let base = path.as_ref().len() - prefix.trim_end_matches('/').len();
        loop {
            let next = async {
                let next = stream.next().await.transpose();
                next.map_err(|error| self.failed("list", prefix, &error))
            };
            let Some(meta) = self.answered("list", prefix, next).await? else { return Ok(found) };
            let key = meta.location.as_ref().get(base..).unwrap_or_default();
            found.push(ListedObject {
                key: key.to_owned(),
                length: meta.size,
                modified: meta.last_modified.timestamp(),
            });
            if found.len() > MOST_LISTED {
                return Err(self.fault(FaultKind::BadAnswer, "list", prefix, "the list does not end"));
            }
        }
    }

    /// Waits for an answer, up to [`ANSWER`].
    pub(super) async fn answered<T>(
        &self,
        action: &'static str,
        key: &str,
        request: impl Future<Output = Result<T, RemoteError>>,
    ) -> Result<T, RemoteError> {
        match timeout(ANSWER, request).await {
            Ok(done) => done,
            Err(_) => Err(self.fault(FaultKind::Broken, action, key, &no_answer(ANSWER))),
        }
    }
}

fn no_answer(limit: Duration) -> String {
    format!("the server has not answered for {} s", limit.as_secs())
}
