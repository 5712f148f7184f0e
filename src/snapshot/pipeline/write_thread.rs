//! The thread that writes and hashes while the next chunks are pickled.
//!
//! Its queue is short: when it is full, the pickling thread waits, and while it is not empty, the pickling thread
//! hashes the chunks that it queues itself.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};

use super::super::save_target::SaveTarget;
use super::chunk::WriteMessage;
use super::hashing_output::HashingOutput;

/// The length of the queue, in chunks.
const QUEUE: usize = 3;

pub(super) fn lock<T: SaveTarget>(output: &Mutex<HashingOutput<T>>) -> MutexGuard<'_, HashingOutput<T>> {
    output.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Debug)]
pub(super) struct WriteThread {
    /// A forked child inherits this struct, but not the thread.
    process: u32,
    queue: SyncSender<WriteMessage>,
    /// The number of messages that the thread has not received yet.
    backlog: Arc<AtomicUsize>,
    /// Buffers to reuse.
    spare_buffers: Receiver<Vec<u8>>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl WriteThread {
    pub(super) fn start<T: SaveTarget>(output: &Arc<Mutex<HashingOutput<T>>>) -> io::Result<Self> {
        let (queue, messages) = sync_channel::<WriteMessage>(QUEUE);
        // Room for all buffers in use: those in the queue, and one on each side.
        let (returned, spare_buffers) = sync_channel(QUEUE + 2);
        let output = Arc::clone(output);
        let backlog = Arc::new(AtomicUsize::new(0));
        let thread_backlog = Arc::clone(&backlog);
        let work = move || {
            for message in messages {
                thread_backlog.fetch_sub(1, Ordering::Relaxed);
                if let Some(mut bytes) = lock(&output).handle(message)? {
                    bytes.clear();
                    // Fails only if the other side is gone, and then the buffer is not needed.
                    let _ = returned.try_send(bytes);
                }
            }
            Ok(())
        };
        let thread = Builder::new().name("snapcli-write".to_owned()).spawn(work)?;
        Ok(Self { process: std::process::id(), queue, backlog, spare_buffers, thread: Some(thread) })
    }

    /// An empty buffer for the next chunk.
    pub(super) fn buffer(&self, capacity: usize) -> Vec<u8> {
        self.spare_buffers.try_recv().unwrap_or_else(|_| Vec::with_capacity(capacity))
    }

    pub(super) fn send(&mut self, mut message: WriteMessage) -> io::Result<()> {
        if self.process != std::process::id() {
            return Err(io::Error::other("this is a forked child process: only its parent saves the session"));
        }
        // If the thread is busy, hash here instead of waiting. If it is idle, it should do the hashing.
        if let WriteMessage::Chunk(chunk) = &mut message
            && self.backlog.load(Ordering::Relaxed) > 0
        {
            chunk.hash();
        }
        // Counted before it is sent: otherwise the thread could subtract first, and the number would wrap around.
        self.backlog.fetch_add(1, Ordering::Relaxed);
        let sent = self.queue.send(message).is_ok();
        // The thread closes the queue when it fails: joining it returns its error.
        if sent { Ok(()) } else { self.join().and_then(|()| Err(io::ErrorKind::BrokenPipe.into())) }
    }

    /// Waits until everything in the queue has been written.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.close_queue();
        self.join()
    }

    /// Drops the sender, which ends the thread's loop once the queue is empty.
    fn close_queue(&mut self) {
        self.queue = sync_channel(0).0;
    }

    fn join(&mut self) -> io::Result<()> {
        let Some(thread) = self.thread.take() else { return Ok(()) };
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

impl Drop for WriteThread {
    fn drop(&mut self) {
        if self.process == std::process::id() {
            self.close_queue();
            // The save has failed already: the thread's own error would add nothing.
            let _ = self.thread.take().map(JoinHandle::join);
        }
    }
}
