//! The way from the writer to the file: bytes are collected in chunks, and a second thread writes and hashes them while
//! the next ones are pickled.
//!
//! The contents of a large buffer arrive faster than they can be written: when the producer outruns the write thread,
//! it hashes the backlog itself. A snapshot that fits into one chunk needs no second thread.

mod chunk;
mod hashing_output;
mod write_thread;

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

pub(super) use self::chunk::SegmentHashes;
use self::chunk::{CHUNK, Chunk, ChunkEvent, WriteMessage};
use self::hashing_output::HashingOutput;
use self::write_thread::{WriteThread, lock};
use super::atomic::signals;
use super::index::Variable;
use super::save_target::SaveTarget;

/// Buffers of this many bytes and more are sent chunk by chunk, apart from the opcodes around them.
pub(super) const LARGE_BUFFER: usize = 4 << 20;

/// The producer's end of the pipeline.
#[derive(Debug)]
pub(super) struct WritePipeline<T: SaveTarget> {
    chunk: Chunk,
    /// The bytes of the open segment so far.
    segment_length: usize,
    /// How many bytes and events `chunk` held when the open segment began, if it began in this chunk.
    before_segment: Option<(usize, usize)>,
    // Dropped in this order: the thread must end before the target goes.
    thread: Option<WriteThread>,
    output: Arc<Mutex<HashingOutput<T>>>,
}

impl<T: SaveTarget> WritePipeline<T> {
    pub(super) fn new(out: T) -> Self {
        Self {
            chunk: Chunk::default(),
            segment_length: 0,
            before_segment: None,
            thread: None,
            output: Arc::new(Mutex::new(HashingOutput::new(out))),
        }
    }

    pub(super) fn begin_segment(&mut self) {
        self.before_segment = Some((self.chunk.bytes.len(), self.chunk.events.len()));
        self.segment_length = 0;
        self.push_event(ChunkEvent::Begin);
    }

    /// Ends the segment of this variable. [`finish`](Self::finish) returns its hashes.
    pub(super) fn end_segment(&mut self, variable: &Variable) {
        self.push_event(ChunkEvent::End(T::MARKED.then(|| Box::new(variable.clone()))));
        self.before_segment = None;
    }

    /// Discards the open segment, which began at this offset in the file.
    pub(super) fn discard_segment(&mut self, offset: u64) -> io::Result<()> {
        // If no chunk was sent since the segment began, the file knows nothing of it.
        if let Some((bytes, events)) = self.before_segment.take() {
            self.chunk.bytes.truncate(bytes);
            self.chunk.events.truncate(events);
            return Ok(());
        }
        // Part of it is in the file already, or in the queue before this message.
        self.chunk.bytes.clear();
        self.chunk.events.clear();
        self.send(WriteMessage::Cut(offset))
    }

    pub(super) fn put(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            if self.chunk.bytes.len() >= CHUNK {
                self.send_chunk()?;
            }
            let (head, tail) = bytes.split_at(bytes.len().min(CHUNK - self.chunk.bytes.len()));
            self.chunk.bytes.extend_from_slice(head);
            self.segment_length += head.len();
            bytes = tail;
        }
        Ok(())
    }

    /// Writes the contents of a raw buffer.
    ///
    /// The memory may belong to an array that another thread of the script still writes to. Every byte is copied once,
    /// and both the hash and the file are made from the copy, so they always agree.
    pub(super) fn put_buffer(&mut self, bytes: &[u8]) -> io::Result<()> {
        if T::TAKES_CONTENTS {
            self.push_event(ChunkEvent::Contents(bytes.len() as u64));
            self.send_chunk()?;
            self.push_event(ChunkEvent::Opcodes);
            return lock(&self.output).out.contents(bytes);
        }
        if bytes.len() < LARGE_BUFFER {
            self.push_event(ChunkEvent::Contents(bytes.len() as u64));
            self.put(bytes)?;
            self.push_event(ChunkEvent::Opcodes);
            return Ok(());
        }
        self.send_chunk()?;
        // Ahead of the contents, so that a full disk is noticed before gigabytes are written.
        self.send(WriteMessage::CheckRoom(bytes.len() as u64))?;
        self.push_event(ChunkEvent::Contents(bytes.len() as u64));
        // After `head`, each chunk is exactly one piece of the segment's hash tree, so either thread can hash it.
        let (head, tail) = bytes.split_at(self.segment_length.next_multiple_of(CHUNK) - self.segment_length);
        self.put(head)?;
        let (whole, rest) = tail.as_chunks::<CHUNK>();
        for bytes in whole {
            signals::check()?;
            self.send_chunk()?;
            // The first piece is special: if nothing follows it, it is the root of the tree.
            self.chunk.piece_number = Some(self.segment_length / CHUNK).filter(|number| *number > 0);
            self.put(bytes)?;
        }
        self.put(rest)?;
        self.push_event(ChunkEvent::Opcodes);
        Ok(())
    }

    /// The free bytes at the target, as [`SaveTarget::free`].
    pub(super) fn free(&self) -> Option<u64> {
        lock(&self.output).out.free()
    }

    /// Writes what is left. Returns the target and the hashes of the segments, in order.
    pub(super) fn finish(mut self) -> io::Result<(T, Vec<SegmentHashes>)> {
        self.send_chunk()?;
        if let Some(thread) = self.thread.take() {
            thread.finish()?;
        }
        let output = Arc::into_inner(self.output).ok_or_else(|| io::Error::other("the file is still written to"))?;
        let output = output.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok((output.out, output.done))
    }

    fn push_event(&mut self, event: ChunkEvent) {
        self.chunk.events.push((self.chunk.bytes.len(), event));
        // A chunk with an event in it has to be hashed in order, byte by byte.
        self.chunk.piece_number = None;
    }

    fn send_chunk(&mut self) -> io::Result<()> {
        let bytes = self.thread.as_ref().map(|thread| thread.buffer(CHUNK)).unwrap_or_default();
        let chunk = std::mem::replace(&mut self.chunk, Chunk { bytes, ..Chunk::default() });
        self.before_segment = None;
        self.send(WriteMessage::Chunk(chunk))
    }

    fn send(&mut self, message: WriteMessage) -> io::Result<()> {
        // The first full chunk shows that the snapshot is worth a thread.
        if !T::TAKES_CONTENTS
            && self.thread.is_none()
            && matches!(&message, WriteMessage::Chunk(chunk) if chunk.bytes.len() >= CHUNK)
        {
            // If the system has no thread to spare, this thread does all the work.
            self.thread = WriteThread::start(&self.output).ok();
        }
        if let Some(thread) = &mut self.thread {
            return thread.send(message);
        }
        if let Some(mut bytes) = lock(&self.output).handle(message)? {
            bytes.clear();
            self.chunk.bytes = bytes;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Sleeps in each write, or fails once it holds `room` bytes.
    #[derive(Debug, Default)]
    struct SlowTarget {
        bytes: Vec<u8>,
        pause: Duration,
        room: Option<usize>,
    }

    impl io::Write for SlowTarget {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.room.is_some_and(|room| self.bytes.len() + bytes.len() > room) {
                return Err(io::ErrorKind::StorageFull.into());
            }
            std::thread::sleep(self.pause);
            self.bytes.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl SaveTarget for SlowTarget {
        fn cut(&mut self, length: u64) -> io::Result<()> {
            self.bytes.cut(length)
        }
    }

    fn bytes(length: usize) -> Vec<u8> {
        (0..length).map(|number| (number % 251) as u8).collect()
    }

    /// Writes one segment: `head`, a raw buffer, `tail`.
    fn with_contents(out: SlowTarget, head: &[u8], contents: &[u8]) -> io::Result<(SlowTarget, Vec<SegmentHashes>)> {
        let mut pipeline = WritePipeline::new(out);
        pipeline.put(b"prelude")?;
        pipeline.begin_segment();
        pipeline.put(head)?;
        pipeline.put_buffer(contents)?;
        pipeline.put(b"tail")?;
        pipeline.end_segment(&Variable::default());
        pipeline.finish()
    }

    #[test]
    fn buffers_of_any_length_are_written_and_hashed_completely() -> io::Result<()> {
        let head = bytes(CHUNK);
        for length in [0, 5, CHUNK, LARGE_BUFFER - 1, LARGE_BUFFER, LARGE_BUFFER + CHUNK - 4, LARGE_BUFFER + 12_345] {
            for head in [&head[..4], &head[..CHUNK - 1], &head[..]] {
                // With a slow target the producer does the hashing.
                for pause in [0, 2] {
                    let out = SlowTarget { pause: Duration::from_millis(pause), ..SlowTarget::default() };
                    let contents = bytes(length);
                    let (out, hashes) = with_contents(out, head, &contents)?;
                    let segment = [head, &contents, b"tail"].concat();
                    assert!(out.bytes == [b"prelude", &segment[..]].concat(), "{length} {pause}");
                    assert_eq!(hashes[0].whole, blake3::hash(&segment), "{length} after {}, {pause}", head.len());
                    assert_eq!(hashes[0].opcodes, Some(blake3::hash(&[head, b"tail"].concat())), "{length} {pause}");
                }
            }
        }
        Ok(())
    }

    #[test]
    fn segments_of_any_length_are_hashed_separately_and_can_be_discarded() -> io::Result<()> {
        let mut pipeline = WritePipeline::new(Vec::new());
        let (mut expected, mut hashes) = (Vec::new(), Vec::new());
        for length in [3, CHUNK - 7, 0, 4 * CHUNK + 1, 9, 2 * CHUNK, 5] {
            let kept = bytes(length);
            pipeline.begin_segment();
            pipeline.put(&kept)?;
            pipeline.end_segment(&Variable::default());
            expected.extend_from_slice(&kept);
            hashes.push(blake3::hash(&kept));
            pipeline.begin_segment();
            pipeline.put(&bytes(length / 2 + 1))?;
            pipeline.discard_segment(expected.len() as u64)?;
        }
        let (out, found) = pipeline.finish()?;
        assert!(out == expected);
        assert_eq!(found.iter().map(|hashes| hashes.whole).collect::<Vec<_>>(), hashes);
        assert!(found.iter().all(|hashes| hashes.opcodes.is_none()));
        Ok(())
    }

    #[test]
    fn a_failing_target_ends_the_save() {
        let out = SlowTarget { room: Some(2 * CHUNK), ..SlowTarget::default() };
        let result = with_contents(out, b"head", &bytes(3 * LARGE_BUFFER));
        assert_eq!(result.map(drop).map_err(|error| error.kind()), Err(io::ErrorKind::StorageFull));
    }

    #[test]
    fn the_target_is_dropped_with_the_pipeline() -> io::Result<()> {
        #[derive(Debug)]
        struct DroppedTarget {
            _alive: Arc<()>,
        }
        impl io::Write for DroppedTarget {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        impl SaveTarget for DroppedTarget {
            fn cut(&mut self, _: u64) -> io::Result<()> {
                Ok(())
            }
        }
        let alive = Arc::new(());
        let mut pipeline = WritePipeline::new(DroppedTarget { _alive: Arc::clone(&alive) });
        pipeline.put(&bytes(5 * CHUNK))?;
        drop(pipeline);
        assert_eq!(Arc::strong_count(&alive), 1);
        Ok(())
    }
}
