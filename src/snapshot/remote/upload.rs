//! Uploads in the background: several objects at once, long ones in parts, and never more in memory than
//! [`MOST_MEMORY`].

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use object_store::{MultipartUpload, ObjectStoreExt, PutPayload};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::remote_client::Connection;
use super::remote_error::{FaultKind, RemoteError};
use super::requests::Backend;

/// The length of a part in bytes. Storage takes parts of 5 MiB and more.
const PART: u64 = 8 << 20;
/// The most parts of one object. Storage takes 10,000.
const MOST_PARTS: u64 = 9_000;
/// The most bytes that wait to be sent.
const MOST_MEMORY: usize = 64 << 20;
/// The unit in which memory is counted, in bytes.
const UNIT: u64 = 64 << 10;
/// How many objects are sent at once.
const PARALLEL: usize = 16;
/// From this length on, a request checks whether the object exists before it is sent.
const ASKED: u64 = 64 << 10;
/// The timeout of an upload: this, and a second for each [`SLOWEST`] bytes.
const PATIENCE: Duration = Duration::from_secs(60);
const SLOWEST: u64 = 32 << 10;

/// Objects on their way.
#[derive(Debug)]
pub(in crate::snapshot) struct Uploads {
    connection: Arc<Connection>,
    shared: Arc<UploadState>,
    running: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct UploadState {
    memory: Arc<Semaphore>,
    objects: Arc<Semaphore>,
    failed: Mutex<Option<RemoteError>>,
    /// The bytes of the objects that were there already.
    known: AtomicU64,
}

impl UploadState {
    fn fail(&self, error: RemoteError) {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        // Ends the tasks that wait for their turn or for memory.
        self.objects.close();
        self.memory.close();
    }
}

impl Uploads {
    pub(super) fn new(connection: Arc<Connection>) -> Self {
        let memory = usize::try_from(UNIT).map_or(1, |unit| MOST_MEMORY / unit);
        let shared = UploadState {
            memory: Arc::new(Semaphore::new(memory)),
            objects: Arc::new(Semaphore::new(PARALLEL)),
            failed: Mutex::default(),
            known: AtomicU64::new(0),
        };
        Self { connection, shared: Arc::new(shared), running: Vec::new() }
    }

    /// Begins to send a file, which must not change meanwhile. `may_be_there` says whether the key is a hash of the
    /// contents, so that the file need not be sent if there is an object with that key.
    pub(in crate::snapshot) fn add(&mut self, key: String, file: File, length: u64, may_be_there: bool) {
        let (backend, shared) = (Arc::clone(&self.connection.backend), Arc::clone(&self.shared));
        self.running.push(self.connection.io.handle().spawn(async move {
            let Ok(_turn) = shared.objects.acquire().await else { return };
            match send(&backend, &shared, &key, &file, length, may_be_there).await {
                Ok(true) => {}
                Ok(false) => {
                    shared.known.fetch_add(length, Ordering::Relaxed);
                }
                Err(error) => shared.fail(error),
            }
        }));
    }

    /// Waits until all is sent. Returns the bytes of the objects that were there already.
    pub(in crate::snapshot) fn finish(&mut self) -> Result<u64, RemoteError> {
        let mut running = std::mem::take(&mut self.running);
        let waited = self.connection.io.run(async move {
            // If a signal ends this wait, `drop` aborts the tasks.
            for task in &mut running {
                let _ = task.await;
            }
            Ok(())
        });
        if let Some(error) = self.shared.failed.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return Err(error);
        }
        waited?;
        Ok(self.shared.known.swap(0, Ordering::Relaxed))
    }
}

impl Drop for Uploads {
    fn drop(&mut self) {
        if self.connection.io.process() == std::process::id() {
            self.shared.objects.close();
            self.shared.memory.close();
            self.running.iter().for_each(JoinHandle::abort);
        }
    }
}

/// Sends an object. Returns whether that was necessary.
async fn send(
    backend: &Arc<Backend>,
    shared: &UploadState,
    key: &str,
    file: &File,
    length: u64,
    may_be_there: bool,
) -> Result<bool, RemoteError> {
    if may_be_there && length >= ASKED {
        match backend.head(key).await {
            Ok(found) if found.length == length => return Ok(false),
            // Credentials that may write objects may not be allowed to read them.
            Ok(_) => {}
            Err(error) if matches!(error.kind(), Some(FaultKind::Missing | FaultKind::Denied)) => {}
            Err(error) => return Err(error),
        }
    }
    if length > PART {
        return send_parts(backend, shared, key, file, length).await.map(|()| true);
    }
    let (bytes, _permit) = part(backend, shared, key, file, 0, length).await?;
    let (store, path) = (backend.bucket("write", key)?, backend.path(key)?);
    let put =
        async { store.put(&path, PutPayload::from(bytes)).await.map_err(|error| backend.failed("write", key, &error)) };
    in_time(backend, key, length, put).await.map(|_| true)
}

async fn send_parts(
    backend: &Arc<Backend>,
    shared: &UploadState,
    key: &str,
    file: &File,
    length: u64,
) -> Result<(), RemoteError> {
    let (store, path) = (backend.bucket("write", key)?, backend.path(key)?);
    let begin = async { store.put_multipart(&path).await.map_err(|error| backend.failed("write", key, &error)) };
    let mut upload = backend.answered("write", key, begin).await?;
    let sent = send_all_parts(backend, shared, key, file, length, &mut *upload).await;
    let done = match sent {
        Ok(()) => {
            let complete = async { upload.complete().await.map_err(|error| backend.failed("write", key, &error)) };
            in_time(backend, key, length, complete).await.map(drop)
        }
        Err(error) => Err(error),
    };
    if done.is_err() {
        // The parts of an unfinished upload cost money. If this fails too, the lifecycle rules of the bucket remove
        // them.
        let _ = timeout(PATIENCE, upload.abort()).await;
    }
    done
}

async fn send_all_parts(
    backend: &Arc<Backend>,
    shared: &UploadState,
    key: &str,
    file: &File,
    length: u64,
    upload: &mut dyn MultipartUpload,
) -> Result<(), RemoteError> {
    let size = PART.max(length.div_ceil(MOST_PARTS).next_multiple_of(UNIT));
    let mut parts = tokio::task::JoinSet::new();
    let joined = |done: Result<Result<(), RemoteError>, tokio::task::JoinError>| match done {
        Ok(done) => done,
        Err(error) => Err(backend.fault(FaultKind::Broken, "write", key, &error.to_string())),
    };
    for number in 0..length.div_ceil(size) {
        let start = number * size;
        let (bytes, permit) = part(backend, shared, key, file, start, size.min(length - start)).await?;
        let sending = upload.put_part(PutPayload::from(bytes));
        let (backend, key) = (Arc::clone(backend), key.to_owned());
        parts.spawn(async move {
            let _permit: OwnedSemaphorePermit = permit;
            let sending = async { sending.await.map_err(|error| backend.failed("write", &key, &error)) };
            in_time(&backend, &key, size, sending).await
        });
        while let Some(done) = parts.try_join_next() {
            joined(done)?;
        }
    }
    while let Some(done) = parts.join_next().await {
        joined(done)?;
    }
    Ok(())
}

/// Bytes of a file, with a permit for the memory that they take.
async fn part(
    backend: &Backend,
    shared: &UploadState,
    key: &str,
    file: &File,
    start: u64,
    length: u64,
) -> Result<(Vec<u8>, OwnedSemaphorePermit), RemoteError> {
    let units = u32::try_from(length.div_ceil(UNIT).max(1)).unwrap_or(u32::MAX);
    let most = u32::try_from(MOST_MEMORY as u64 / UNIT).unwrap_or(1);
    let permit = Arc::clone(&shared.memory).acquire_many_owned(units.min(most)).await;
    let permit = permit.map_err(|_| backend.fault(FaultKind::Broken, "write", key, "the save has ended"))?;
    let read = || -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(length).map_err(io::Error::other)?];
        file.read_exact_at(&mut bytes, start)?;
        Ok(bytes)
    };
    let bytes = read().map_err(|error| backend.fault(FaultKind::Disk, "send", key, &error.to_string()))?;
    Ok((bytes, permit))
}

/// Waits until something is sent, up to a timeout that depends on its length.
async fn in_time<T>(
    backend: &Backend,
    key: &str,
    length: u64,
    sending: impl Future<Output = Result<T, RemoteError>>,
) -> Result<T, RemoteError> {
    let limit = PATIENCE + Duration::from_secs(length / SLOWEST);
    match timeout(limit, sending).await {
        Ok(done) => done,
        Err(_) => {
            let why = format!("{length} bytes were not taken within {} s", limit.as_secs());
            Err(backend.fault(FaultKind::Broken, "write", key, &why))
        }
    }
}
