//! The far end of the pipeline: writes chunks to the target and hashes each segment on the way.
//!
//! Runs on the write thread, or on the pickling thread if there is no other.

use std::io;

use super::super::hash_tree::TreeHasher;
use super::super::save_target::{SaveTarget, SegmentMark, check_room};
use super::super::work_meter;
use super::chunk::{CHUNK, Chunk, ChunkEvent, SegmentHashes, WriteMessage};

#[derive(Debug)]
pub(super) struct HashingOutput<T: SaveTarget> {
    pub(super) out: T,
    open: Option<OpenSegmentHash>,
    /// The hashes of the complete segments, in order.
    pub(super) done: Vec<SegmentHashes>,
}

#[derive(Debug)]
struct OpenSegmentHash {
    whole: TreeHasher,
    /// Diverges from `whole` at the first raw buffer.
    opcodes: Option<TreeHasher>,
    /// Whether the next bytes are the contents of a raw buffer.
    in_buffer: bool,
}

impl OpenSegmentHash {
    fn finalize(self) -> SegmentHashes {
        SegmentHashes { whole: self.whole.finalize(), opcodes: self.opcodes.map(TreeHasher::finalize) }
    }
}

impl<T: SaveTarget> HashingOutput<T> {
    pub(super) fn new(out: T) -> Self {
        Self { out, open: None, done: Vec::new() }
    }

    /// Handles a message. Returns the memory of a chunk, so that it can be reused.
    pub(super) fn handle(&mut self, message: WriteMessage) -> io::Result<Option<Vec<u8>>> {
        match message {
            WriteMessage::Chunk(chunk) => return self.write_chunk(chunk).map(Some),
            WriteMessage::CheckRoom(bytes) => check_room(self.out.free(), bytes)?,
            WriteMessage::Cut(length) => {
                self.open = None;
                self.out.cut(length)?;
                work_meter::set(length);
            }
        }
        Ok(None)
    }

    fn write_chunk(&mut self, chunk: Chunk) -> io::Result<Vec<u8>> {
        let Chunk { bytes, events, hashed, .. } = chunk;
        work_meter::advance(bytes.len() as u64);
        // One system call per chunk, unless the target wants its marks between the right bytes.
        let at_once = !T::MARKED || events.is_empty();
        if at_once {
            self.out.write_all(&bytes)?;
        }
        // The pickling thread has hashed this chunk. It holds the contents of a buffer only, so `opcodes` skips it.
        if let Some((hashed, open)) = hashed.zip(self.open.as_mut()) {
            open.whole.push_piece(hashed);
            return Ok(bytes);
        }
        let mut from = 0;
        for (to, event) in events {
            self.write_run(bytes.get(from..to).unwrap_or_default(), !at_once)?;
            from = to;
            self.handle_event(event);
        }
        self.write_run(bytes.get(from..).unwrap_or_default(), !at_once)?;
        Ok(bytes)
    }

    /// Hashes the bytes between two events, and writes them if that was not done yet.
    fn write_run(&mut self, bytes: &[u8], write: bool) -> io::Result<()> {
        if write {
            self.out.write_all(bytes)?;
        }
        let Some(open) = &mut self.open else { return Ok(()) };
        open.whole.update(bytes);
        if let Some(opcodes) = open.opcodes.as_mut().filter(|_| !open.in_buffer) {
            opcodes.update(bytes);
        }
        Ok(())
    }

    fn handle_event(&mut self, event: ChunkEvent) {
        match (event, &mut self.open) {
            (ChunkEvent::Begin, open) => {
                *open = Some(OpenSegmentHash { whole: TreeHasher::new(CHUNK), opcodes: None, in_buffer: false });
                self.out.mark(SegmentMark::Begin);
            }
            (ChunkEvent::Contents(length), Some(open)) => {
                // Up to the first buffer both hashes have the same input.
                open.opcodes.get_or_insert_with(|| open.whole.clone());
                open.in_buffer = true;
                self.out.mark(SegmentMark::Contents(length));
            }
            (ChunkEvent::Opcodes, Some(open)) => {
                open.in_buffer = false;
                self.out.mark(SegmentMark::Opcodes);
            }
            (ChunkEvent::End(variable), open) => {
                let hashes = open.take().map(OpenSegmentHash::finalize);
                if let Some((mut variable, hashes)) = variable.zip(hashes.as_ref()) {
                    hashes.store_in(&mut variable);
                    self.out.mark(SegmentMark::End(&variable));
                }
                self.done.extend(hashes);
            }
            (_, None) => {}
        }
    }
}
