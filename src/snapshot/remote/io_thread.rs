//! The thread on which requests run, while the caller waits for them and checks for signals.
//!
//! A fork copies no threads: in a child process, a client makes a new thread.

use std::future::Future;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

use super::remote_error::{FaultKind, RemoteError};
use crate::snapshot::atomic::signals;

/// How often the caller checks for signals.
const PAUSE: Duration = Duration::from_millis(20);
/// How many threads resolve host names.
const LOOKUPS: usize = 4;

#[derive(Debug)]
pub(super) struct IoThread {
    handle: Handle,
    /// Dropping it ends the thread.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    process: u32,
}

impl IoThread {
    pub(super) fn start() -> Result<Self, RemoteError> {
        let failed = |error: std::io::Error| {
            RemoteError::new(FaultKind::Disk, "use", "", format!("a thread for requests cannot be started ({error})"))
        };
        let runtime = Builder::new_current_thread().enable_io().enable_time().max_blocking_threads(LOOKUPS).build();
        let runtime = runtime.map_err(failed)?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let work = move || {
            let _ = runtime.block_on(stopped);
            // Does not wait for host names to be resolved: that may take long, and cannot be cancelled.
            runtime.shutdown_background();
        };
        let thread = thread::Builder::new().name("snapcli-remote".to_owned()).spawn(work).map_err(failed)?;
        Ok(Self { handle, stop: Some(stop), thread: Some(thread), process: std::process::id() })
    }

    /// The process whose thread it is.
    pub(super) fn process(&self) -> u32 {
        self.process
    }

    pub(super) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Runs a future to its end, or until a signal arrives: then it is dropped.
    pub(super) fn run<T: Send + 'static>(
        &self,
        future: impl Future<Output = Result<T, RemoteError>> + Send + 'static,
    ) -> Result<T, RemoteError> {
        let (sender, receiver) = sync_channel(1);
        let task = self.handle.spawn(async move {
            let _ = sender.send(future.await);
        });
        loop {
            match receiver.recv_timeout(PAUSE) {
                Ok(done) => return done,
                Err(RecvTimeoutError::Timeout) if signals::check().is_err() => {
                    task.abort();
                    return Err(RemoteError::Interrupted);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    let why = "the thread for requests has ended";
                    return Err(RemoteError::new(FaultKind::Broken, "use", "", why));
                }
            }
        }
    }
}

impl Drop for IoThread {
    fn drop(&mut self) {
        let thread = self.thread.take();
        drop(self.stop.take());
        // In a forked child, there is no such thread.
        if let Some(thread) = thread.filter(|_| self.process == std::process::id()) {
            let _ = thread.join();
        }
    }
}
