//! A client for one address of object storage. Its calls wait for their answers, and end early when a signal arrives.

use std::fs::File;
use std::io::{Seek, Write};
use std::ops::Range;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::{Error as StorageError, ObjectStoreExt, PutMode, PutOptions, PutPayload};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::bucket_region::BucketRegion;
use super::cloud_settings::{azure, google, use_ring};
use super::credential_sources::CredentialSource;
use super::io_thread::IoThread;
use super::remote_address::{RemoteAddress, Scheme};
use super::remote_error::{FaultKind, RemoteError};
use super::requests::{Backend, Service, WantedBytes};
use super::s3_settings::S3Bucket;
use super::upload::Uploads;
use super::web_client::WebClient;
use super::{FoundObject, ListedObject, ObjectVersion, WantedObject};
use crate::snapshot::atomic::signals::{self, UnbrokenStep};

/// How many requests run at once.
const PARALLEL: usize = 16;
/// How often creating an object is tried again after a conflict with a request that then failed.
const TRIES: u32 = 6;
/// How long a program that ends waits until an object is removed: after a signal, and otherwise.
const BRIEFLY: Duration = Duration::from_millis(100);
const PATIENTLY: Duration = Duration::from_secs(5);
/// The same for an object that other processes wait for, after a signal.
const GIVE_BACK: Duration = Duration::from_secs(3);
/// How often to check for a signal.
const TICK: Duration = Duration::from_millis(20);

/// A client for an address and all that is below it.
#[derive(Clone, Debug)]
pub(in crate::snapshot) struct RemoteClient(Arc<SharedClient>);

#[derive(Debug)]
struct SharedClient {
    address: RemoteAddress,
    connection: Mutex<Option<Arc<Connection>>>,
}

/// The thread and the client of one process: a forked child must not use its parent's.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) io: IoThread,
    pub(super) backend: Arc<Backend>,
}

impl Connection {
    fn new(address: &RemoteAddress) -> Result<Self, RemoteError> {
        use_ring();
        let io = IoThread::start()?;
        let mut region = BucketRegion::default();
        let (service, source) = match address.scheme {
            Scheme::S3 => {
                let bucket = S3Bucket::new(&address.bucket)?;
                let found = match bucket.needs_region() {
                    true => Some(io.run(S3Bucket::region(bucket.name().to_owned()))?),
                    false => None,
                };
                let source = bucket.source.clone();
                let (store, of_store) = bucket.build(found)?;
                region = of_store;
                (Service::Bucket(store), source)
            }
            Scheme::Google => {
                let (store, source) = google(&address.bucket)?;
                (Service::Bucket(store), source)
            }
            Scheme::Azure => {
                let (store, source) = azure(&address.bucket)?;
                (Service::Bucket(store), source)
            }
            Scheme::Http | Scheme::Https => (Service::Web(WebClient::new()?), CredentialSource::Anonymous),
        };
        let anonymous = source == CredentialSource::Anonymous;
        Ok(Self { io, backend: Arc::new(Backend { address: address.clone(), service, anonymous, region }) })
    }
}

impl RemoteClient {
    /// A client for an address. Makes no request, except for the region of a bucket if no setting names it.
    ///
    /// # Errors
    /// If the credentials cannot be used.
    pub(in crate::snapshot) fn new(address: &RemoteAddress) -> Result<Self, RemoteError> {
        let client = Self(Arc::new(SharedClient { address: address.clone(), connection: Mutex::default() }));
        client.connection()?;
        Ok(client)
    }

    pub(in crate::snapshot) fn address(&self) -> &RemoteAddress {
        &self.0.address
    }

    pub(super) fn connection(&self) -> Result<Arc<Connection>, RemoteError> {
        let mut connection = self.0.connection.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(made) = &*connection {
            if made.io.process() == std::process::id() {
                return Ok(Arc::clone(made));
            }
            // It belongs to the parent process. Dropping it could deadlock on a lock that was held during the fork.
            std::mem::forget(connection.take());
        }
        let made = Arc::new(Connection::new(&self.0.address)?);
        *connection = Some(Arc::clone(&made));
        Ok(made)
    }

    fn run<T, F>(&self, work: impl FnOnce(Arc<Backend>) -> F) -> Result<T, RemoteError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, RemoteError>> + Send + 'static,
    {
        let connection = self.connection()?;
        connection.io.run(work(Arc::clone(&connection.backend)))
    }

    /// All bytes of an object that has at most `most`.
    pub(in crate::snapshot) fn read(&self, key: &str, most: u64) -> Result<Vec<u8>, RemoteError> {
        let key = key.to_owned();
        self.run(|backend| async move { backend.read(&key, most).await })
    }

    /// The same for many objects; `None` for objects that do not exist.
    pub(in crate::snapshot) fn read_all(&self, keys: Vec<String>, most: u64) -> Result<Vec<FoundObject>, RemoteError> {
        self.run(|backend| async move {
            let read = |key: String| {
                let backend = Arc::clone(&backend);
                async move {
                    let bytes = found(backend.read(&key, most).await)?;
                    Ok((key, bytes))
                }
            };
            all(stream::iter(keys).map(read)).await
        })
    }

    /// The lengths of objects, in the same order; `None` for those that do not exist.
    pub(in crate::snapshot) fn lengths(&self, keys: Vec<String>) -> Result<Vec<Option<u64>>, RemoteError> {
        Ok(self.heads(keys)?.into_iter().map(|object| object.map(|object| object.length)).collect())
    }

    /// What a list would say of these objects, in the same order; `None` for those that do not exist.
    pub(in crate::snapshot) fn heads(&self, keys: Vec<String>) -> Result<Vec<Option<ListedObject>>, RemoteError> {
        self.run(|backend| async move {
            let ask = |key: String| {
                let backend = Arc::clone(&backend);
                async move { found(backend.head(&key).await) }
            };
            stream::iter(keys).map(ask).buffered(PARALLEL).try_collect().await
        })
    }

    /// The objects below a folder, whose name ends with `/`.
    pub(in crate::snapshot) fn list(&self, folder: &str) -> Result<Vec<ListedObject>, RemoteError> {
        let folder = folder.to_owned();
        self.run(|backend| async move { backend.list(&folder).await })
    }

    /// Writes an object, which replaces one of the same name.
    pub(in crate::snapshot) fn put(&self, key: &str, bytes: Vec<u8>) -> Result<(), RemoteError> {
        let key = key.to_owned();
        self.run(|backend| async move {
            let (store, path) = (backend.bucket("write", &key)?, backend.path(&key)?);
            let put = async {
                store.put(&path, PutPayload::from(bytes)).await.map_err(|error| backend.failed("write", &key, &error))
            };
            backend.answered("write", &key, put).await.map(drop)
        })
    }

    /// Writes an object unless there is one of this name. Returns whether it was written.
    pub(in crate::snapshot) fn create(&self, key: &str, bytes: Vec<u8>) -> Result<bool, RemoteError> {
        let key = key.to_owned();
        self.run(|backend| async move { create(&backend, &key, bytes).await })
    }

    /// Removes objects. A missing object is no error.
    pub(in crate::snapshot) fn remove(&self, keys: Vec<String>) -> Result<(), RemoteError> {
        self.run(|backend| async move {
            let remove = |key: String| {
                let backend = Arc::clone(&backend);
                async move {
                    let (store, path) = (backend.bucket("remove", &key)?, backend.path(&key)?);
                    let remove =
                        async { store.delete(&path).await.map_err(|error| backend.failed("remove", &key, &error)) };
                    found(backend.answered("remove", &key, remove).await).map(drop)
                }
            };
            all(stream::iter(keys).map(remove)).await.map(drop)
        })
    }

    /// Downloads objects to files. Returns the keys of objects that do not exist, or have another length.
    pub(in crate::snapshot) fn download(&self, wanted: Vec<WantedObject>) -> Result<Vec<String>, RemoteError> {
        self.run(|backend| async move {
            let download = |wanted: WantedObject| {
                let backend = Arc::clone(&backend);
                async move {
                    let done = found(download_one(&backend, &wanted).await)?;
                    Ok((wanted.key, done.unwrap_or(false)))
                }
            };
            let done = all(stream::iter(wanted).map(download)).await?;
            Ok(done.into_iter().filter(|(_, done)| !done).map(|(key, _)| key).collect())
        })
    }

    /// The last bytes of the object at the address itself.
    pub(in crate::snapshot) fn read_end(&self, most: u64) -> Result<(ObjectVersion, Vec<u8>), RemoteError> {
        self.run(|backend| async move {
            let mut bytes = Vec::new();
            let version = backend.read_end(most, &mut bytes).await?;
            Ok((version, bytes))
        })
    }

    /// Ranges of the object at the address itself, which must still be this one.
    pub(in crate::snapshot) fn read_ranges(
        &self,
        ranges: Vec<Range<u64>>,
        same: &ObjectVersion,
    ) -> Result<Vec<Vec<u8>>, RemoteError> {
        let same = same.clone();
        self.run(|backend| async move {
            let read = |range: Range<u64>| {
                let (backend, same) = (Arc::clone(&backend), same.clone());
                async move {
                    let mut bytes = Vec::new();
                    let most = range.end.saturating_sub(range.start);
                    let sink = &mut |more: &[u8]| {
                        bytes.extend_from_slice(more);
                        Ok(())
                    };
                    backend.fetch("", WantedBytes::Range(range), most, Some(&same), sink).await?;
                    Ok(bytes)
                }
            };
            stream::iter(ranges).map(read).buffered(PARALLEL).try_collect().await
        })
    }

    /// Downloads the object at the address itself to an unnamed file.
    pub(in crate::snapshot) fn download_whole(&self, same: Option<&ObjectVersion>) -> Result<File, RemoteError> {
        let same = same.cloned();
        self.run(|backend| async move {
            let disk = |error: std::io::Error| backend.fault(FaultKind::Disk, "keep a copy of", "", &error.to_string());
            let mut file = tempfile::tempfile().map_err(disk)?;
            let sink = &mut |bytes: &[u8]| file.write_all(bytes);
            backend.fetch("", WantedBytes::All, u64::MAX, same.as_ref(), sink).await?;
            file.rewind().map_err(disk)?;
            Ok(file)
        })
    }

    /// BLAKE3 hashes of objects, with their keys; `None` for objects that do not exist.
    pub(in crate::snapshot) fn hash_all(
        &self,
        objects: Vec<(String, u64)>,
    ) -> Result<Vec<(String, Option<blake3::Hash>)>, RemoteError> {
        self.run(|backend| async move {
            let hash = |(key, length): (String, u64)| {
                let backend = Arc::clone(&backend);
                async move {
                    let mut hasher = blake3::Hasher::new();
                    let read = backend
                        .fetch(&key, WantedBytes::All, length, None, &mut |bytes| {
                            hasher.update(bytes);
                            Ok(())
                        })
                        .await;
                    let hash = found(read)?.map(|_| hasher.finalize());
                    Ok((key, hash))
                }
            };
            all(stream::iter(objects).map(hash)).await
        })
    }

    /// Fails if an object cannot be written: begins to write it, and stops.
    pub(in crate::snapshot) fn check_writable(&self, key: &str) -> Result<(), RemoteError> {
        let key = key.to_owned();
        self.run(|backend| async move {
            let (store, path) = (backend.bucket("write", &key)?, backend.path(&key)?);
            let begin = async {
                let begun = store.put_multipart(&path).await;
                let mut begun = begun.map_err(|error| backend.failed("write", &key, &error))?;
                // An upload that was not completed is no object. If it cannot be aborted, the lifecycle rules of the
                // bucket remove it.
                let _ = begun.abort().await;
                Ok(())
            };
            backend.answered("write", &key, begin).await
        })
    }

    /// Writes an object again and again until the result is dropped. `done` is called each time. If a signal comes that
    /// [`signals::is_held`] notes, removes the object and ends the process.
    pub(in crate::snapshot) fn renew(
        &self,
        key: &str,
        bytes: Vec<u8>,
        every: Duration,
        done: Arc<dyn Fn() + Send + Sync>,
    ) -> Result<Renewal, RemoteError> {
        let connection = self.connection()?;
        let (key, backend) = (key.to_owned(), Arc::clone(&connection.backend));
        let path = backend.path(&key)?;
        let ending = connection.io.handle().spawn(remove_at_end(Arc::clone(&backend), key.clone()));
        let renewing = connection.io.handle().spawn(async move {
            loop {
                sleep(every).await;
                let Ok(store) = backend.bucket("write", &key) else { return };
                let put = async { Ok(store.put(&path, PutPayload::from(bytes.clone())).await.is_ok()) };
                if backend.answered("write", &key, put).await.is_ok_and(|done| done) {
                    done();
                }
            }
        });
        Ok(Renewal([renewing, ending]))
    }

    /// Removes an object, but waits for the answer only briefly; even after a signal.
    pub(in crate::snapshot) fn remove_soon(&self, key: &str) {
        self.remove_within(key, if signals::caught() { BRIEFLY } else { PATIENTLY });
    }

    /// The same for an object that other processes wait for.
    pub(in crate::snapshot) fn give_back(&self, key: &str) {
        self.remove_within(key, if signals::caught() { GIVE_BACK } else { PATIENTLY });
    }

    fn remove_within(&self, key: &str, limit: Duration) {
        let Ok(connection) = self.connection() else { return };
        let (key, backend) = (key.to_owned(), Arc::clone(&connection.backend));
        let (sender, receiver) = sync_channel(1);
        connection.io.handle().spawn(async move {
            remove_now(&backend, &key).await;
            let _ = sender.send(());
        });
        let _ = receiver.recv_timeout(limit);
    }

    /// For uploads in the background.
    pub(in crate::snapshot) fn uploads(&self) -> Result<Uploads, RemoteError> {
        Ok(Uploads::new(self.connection()?))
    }
}

/// An object that is written again and again.
#[derive(Debug)]
pub(in crate::snapshot) struct Renewal([JoinHandle<()>; 2]);

impl Drop for Renewal {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

/// Removes an object. It stays if that fails.
async fn remove_now(backend: &Backend, key: &str) {
    if let (Ok(store), Ok(path)) = (backend.bucket("remove", key), backend.path(key)) {
        let _ = store.delete(&path).await;
    }
}

/// Waits for a signal that is to end the process, removes an object, and ends the process.
async fn remove_at_end(backend: Arc<Backend>, key: String) {
    let signal = loop {
        sleep(TICK).await;
        if let Some(signal) = signals::held_signal() {
            break signal;
        }
    };
    let removed = async {
        while UnbrokenStep::is_running() {
            sleep(TICK).await;
        }
        remove_now(&backend, &key).await;
    };
    // If it takes longer, the object expires.
    let _ = timeout(GIVE_BACK, removed).await;
    signals::end_by(signal)
}

/// Runs [`PARALLEL`] futures of a stream at a time, and returns their results in any order. The first error ends it.
async fn all<T, F>(futures: impl StreamExt<Item = F>) -> Result<Vec<T>, RemoteError>
where
    F: Future<Output = Result<T, RemoteError>>,
{
    futures.buffer_unordered(PARALLEL).try_collect().await
}

/// `None` if there is no such object.
fn found<T>(result: Result<T, RemoteError>) -> Result<Option<T>, RemoteError> {
    match result {
        Err(error) if error.is_missing() => Ok(None),
        done => done.map(Some),
    }
}

async fn create(backend: &Backend, key: &str, bytes: Vec<u8>) -> Result<bool, RemoteError> {
    let (store, path) = (backend.bucket("write", key)?, backend.path(key)?);
    let payload = PutPayload::from(bytes.clone());
    let mut tries = 0;
    loop {
        let options = PutOptions::from(PutMode::Create);
        let put = async { Ok(store.put_opts(&path, payload.clone(), options).await) };
        let failed = match backend.answered("write", key, put).await {
            Ok(Ok(_)) => return Ok(true),
            Ok(Err(StorageError::AlreadyExists { .. })) => None,
            Ok(Err(error)) => Some(backend.failed("write", key, &error)),
            Err(error) => Some(error),
        };
        // The answer may have been lost although the object was written.
        let may_be_there = |error: &RemoteError| matches!(error.kind(), Some(FaultKind::Broken | FaultKind::Server));
        if failed.as_ref().is_none_or(may_be_there) {
            match backend.read(key, bytes.len() as u64 + 1).await {
                Ok(there) if there == bytes => return Ok(true),
                Ok(_) => return Ok(false),
                Err(error) if error.kind() == Some(FaultKind::BadAnswer) => return Ok(false),
                // The conflict was with another request, which has failed.
                Err(error) if error.is_missing() && failed.is_none() && tries < TRIES => {}
                Err(error) => return Err(failed.unwrap_or(error)),
            }
        }
        if let Some(error) = failed {
            return Err(error);
        }
        tries += 1;
        sleep(Duration::from_millis(100) * tries).await;
    }
}

/// Returns whether the object has the length that it should.
async fn download_one(backend: &Backend, wanted: &WantedObject) -> Result<bool, RemoteError> {
    let disk = |error: std::io::Error| {
        let (kind, action) = (FaultKind::Disk, "keep a copy of");
        backend.fault(kind, action, &wanted.key, &error.to_string())
    };
    // Under another name until it is complete.
    let unfinished = wanted.path.with_extension("part");
    let mut file = File::create(&unfinished).map_err(disk)?;
    let read =
        backend.fetch(&wanted.key, WantedBytes::All, wanted.length, None, &mut |bytes| file.write_all(bytes)).await;
    match read {
        Ok(version) if version.length == wanted.length => {
            std::fs::rename(&unfinished, &wanted.path).map_err(disk)?;
            Ok(true)
        }
        read => {
            let _ = std::fs::remove_file(&unfinished);
            match read {
                Ok(_) => Ok(false),
                // It is longer than it should be.
                Err(error) if error.is_bad_answer() => Ok(false),
                Err(error) => Err(error),
            }
        }
    }
}
