//! Compresses frames on all processors, and returns them in order.
//!
//! The first frame is compressed by the thread that brings it: a small snapshot needs no other.

use std::collections::VecDeque;
use std::io;
use std::num::NonZero;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, available_parallelism};
use std::time::Duration;

use zstd::bulk::Compressor;

use crate::snapshot::atomic::signals;

/// More threads than this would only wait for memory.
const MAX_THREADS: usize = 16;
/// How often the wait for a frame checks for signals: at high levels, a frame may take a second.
const LOOK: Duration = Duration::from_millis(50);
/// Levels up to this one are fast even on incompressible data.
const QUICK_LEVEL: i32 = 3;
/// How much of a frame is tried with [`QUICK_LEVEL`] before it is compressed with a higher one.
const SAMPLE: usize = 64 << 10;

/// A compressed frame, and the memory of its data.
pub(super) struct PackedFrame {
    pub(super) packed: Vec<u8>,
    pub(super) data: Vec<u8>,
}

type Reply = SyncSender<io::Result<PackedFrame>>;

/// Compresses frames of one file.
#[derive(Debug)]
pub(super) struct FrameCompressor {
    level: i32,
    /// The frames that were not taken yet, in order.
    waiting: VecDeque<Receiver<io::Result<PackedFrame>>>,
    work: Option<Sender<(Vec<u8>, Reply)>>,
    threads: usize,
    has_begun: bool,
}

impl FrameCompressor {
    pub(super) fn new(level: i32) -> Self {
        Self { level, waiting: VecDeque::new(), work: None, threads: 0, has_begun: false }
    }

    /// Whether the next frame should be taken before another one is added: otherwise memory would fill up.
    pub(super) fn is_full(&self) -> bool {
        self.waiting.len() > self.threads
    }

    /// Adds a frame with this data.
    pub(super) fn add(&mut self, data: Vec<u8>) -> io::Result<()> {
        let (reply, result) = sync_channel(1);
        if self.has_begun && self.threads == 0 {
            self.start();
        }
        self.has_begun = true;
        match &self.work {
            Some(work) if self.threads > 0 => work.send((data, reply)).map_err(io::Error::other)?,
            _ => reply.send(compress(self.level, data)).map_err(io::Error::other)?,
        }
        self.waiting.push_back(result);
        Ok(())
    }

    /// Waits for the next frame. `None` if there is none. Fails once a handled signal has arrived.
    pub(super) fn next(&mut self) -> Option<io::Result<PackedFrame>> {
        let result = self.waiting.pop_front()?;
        loop {
            match result.recv_timeout(LOOK) {
                Ok(frame) => return Some(frame),
                Err(RecvTimeoutError::Timeout) => {
                    if let Err(interrupted) = signals::check() {
                        return Some(Err(interrupted));
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return Some(Err(io::ErrorKind::BrokenPipe.into())),
            }
        }
    }

    /// Drops the last frames that were added, so that `next` returns only this many.
    pub(super) fn keep(&mut self, frames: usize) {
        self.waiting.truncate(frames);
    }

    /// Starts the threads, which end when this struct is dropped. If there is one processor, or the system has no
    /// thread to spare, the calling thread goes on alone.
    fn start(&mut self) {
        let (work, frames) = channel();
        let frames = Arc::new(Mutex::new(frames));
        for _ in 0..available_parallelism().map_or(1, NonZero::get).min(MAX_THREADS) {
            let (frames, level) = (Arc::clone(&frames), self.level);
            let thread = Builder::new().name("snapcli-zstd".to_owned()).spawn(move || compress_all(level, &frames));
            self.threads += usize::from(thread.is_ok());
        }
        self.work = Some(work);
    }
}

fn compress_all(level: i32, frames: &Mutex<Receiver<(Vec<u8>, Reply)>>) {
    loop {
        // The lock is held during `recv`: the other threads wait for the lock.
        let next = frames.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((data, reply)) = next else { return };
        // The receiver is gone if the frame was dropped by `keep`.
        let _ = reply.send(compress(level, data));
    }
}

/// Compresses data as one frame.
pub(super) fn compress(level: i32, data: Vec<u8>) -> io::Result<PackedFrame> {
    let mut compressor = Compressor::new(if shrinks(level, &data)? { level } else { QUICK_LEVEL.min(level) })?;
    compressor.include_checksum(true)?;
    Ok(PackedFrame { packed: compressor.compress(&data)?, data })
}

/// Whether a high level is worth its time: whether samples of the data shrink.
fn shrinks(level: i32, data: &[u8]) -> io::Result<bool> {
    if level <= QUICK_LEVEL || data.len() <= 2 * SAMPLE {
        return Ok(true);
    }
    let part = SAMPLE / 4;
    let step = data.len() / 4;
    let sample: Vec<u8> = data.chunks(step).filter_map(|chunk| chunk.get(..part)).flatten().copied().collect();
    Ok(zstd::bulk::compress(&sample, QUICK_LEVEL)?.len() < sample.len() - sample.len() / 64)
}

#[cfg(test)]
mod tests {
    use super::super::FRAME;
    use super::*;

    #[test]
    fn frames_come_back_in_order() -> io::Result<()> {
        let mut compressor = FrameCompressor::new(1);
        let frame = |number: usize| vec![number as u8; number * 1000 + FRAME / 8];
        let mut taken: Vec<PackedFrame> = Vec::new();
        for number in 0..30 {
            compressor.add(frame(number))?;
            while compressor.is_full() {
                taken.extend(compressor.next().transpose()?);
            }
        }
        while let Some(frame) = compressor.next() {
            taken.push(frame?);
        }
        assert_eq!(taken.len(), 30);
        for (number, found) in taken.iter().enumerate() {
            let expected = frame(number);
            assert!(zstd::bulk::decompress(&found.packed, 2 * FRAME)? == expected && found.data == expected);
        }
        Ok(())
    }

    #[test]
    fn frames_can_be_taken_back() -> io::Result<()> {
        let mut compressor = FrameCompressor::new(1);
        for number in 0..6 {
            compressor.add(vec![number; 100])?;
        }
        compressor.keep(2);
        compressor.add(vec![9; 100])?;
        let found: Vec<u8> =
            std::iter::from_fn(|| compressor.next()).map(|it| it.map(|it| it.data[0])).collect::<Result<_, _>>()?;
        assert_eq!(found, [0, 1, 9]);
        Ok(())
    }

    #[test]
    fn noise_is_not_compressed_at_high_levels() -> io::Result<()> {
        let mut noise = vec![0; FRAME];
        blake3::Hasher::new().finalize_xof().fill(&mut noise);
        assert!(!shrinks(19, &noise)? && shrinks(3, &noise)?);
        noise[FRAME / 2..].fill(b'x');
        assert!(shrinks(19, &noise)?);
        Ok(())
    }
}
