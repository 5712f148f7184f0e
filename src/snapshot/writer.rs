//! Writes a snapshot in one pass: prelude, one segment for each variable, the end of the pickle, index, trailer.
//!
//! The caller pickles one value after the other with a single memo, whose slot 0 is the module, and passes on the
//! opcodes as they are made; the writer hashes them on the way. A segment that fails half-way is discarded, as if it
//! had never been started.

use std::io;

use super::hash_tree::hex_of;
use super::index::{self, Index, PickleStream, SCHEMA, SegmentRole, StoredBuffer, Variable, owner_among};
use super::layout::{Trailer, longest_index};
use super::pipeline::WritePipeline;
use super::save_target::SaveTarget;
use super::segment::SegmentFrame;
use super::signature::SigningKey;
use crate::pickle::format::emit;
use crate::pickle::passes::scan::{Scanner, SegmentFacts};

/// The longest value, in bytes, that builds with debug assertions keep a copy of.
#[cfg(debug_assertions)]
const LONGEST_CHECKED: usize = 32 << 20;

/// Writes a snapshot into `T`.
#[derive(Debug)]
pub struct SnapshotWriter<T: SaveTarget> {
    pipeline: WritePipeline<T>,
    module: String,
    /// The number of bytes written so far.
    position: u64,
    prelude_length: u64,
    /// Hashes the bytes outside all segments.
    frame: blake3::Hasher,
    /// Hashes the bytes outside the segments of variables.
    outside: blake3::Hasher,
    open: Option<OpenSegment>,
    /// For [`segment`](Self::segment), and to check the facts given to [`end`](Self::end) in debug builds.
    scanner: Scanner,
    /// Whether all values so far were short enough for such a check.
    #[cfg(debug_assertions)]
    is_checked: bool,
    variables: Vec<Variable>,
    module_state: Vec<Variable>,
    frame_locals: Vec<Variable>,
    ambient: Vec<Variable>,
}

#[derive(Debug)]
struct OpenSegment {
    name: String,
    offset: u64,
    role: SegmentRole,
    /// The opcodes around its value.
    frame: SegmentFrame,
    /// What `outside` was before the segment: a discarded one must not count.
    outside_before: Option<blake3::Hasher>,
    /// A copy of the value's opcodes, to check the pickler's facts. `None` if they are too long for that.
    #[cfg(debug_assertions)]
    value: Option<Vec<u8>>,
}

fn no_open_segment() -> io::Error {
    io::Error::other("no segment is open")
}

impl<T: SaveTarget> SnapshotWriter<T> {
    /// Starts a snapshot of the module with this name.
    pub fn new(out: T, module: &str) -> io::Result<Self> {
        let mut prelude = Vec::new();
        emit::prelude(&mut prelude, module)?;
        let mut pipeline = WritePipeline::new(out);
        pipeline.put(&prelude)?;
        // Each segment has a hash of its own; this one covers the rest of the pickle.
        let mut outside = blake3::Hasher::new();
        outside.update(&prelude);
        let length = prelude.len() as u64;
        Ok(Self {
            pipeline,
            module: module.to_owned(),
            position: length,
            prelude_length: length,
            frame: outside.clone(),
            outside,
            open: None,
            scanner: Scanner::new(emit::PRELUDE_MEMO),
            #[cfg(debug_assertions)]
            is_checked: true,
            variables: Vec::new(),
            module_state: Vec::new(),
            frame_locals: Vec::new(),
            ambient: Vec::new(),
        })
    }

    /// The free bytes at the target, as [`SaveTarget::free`].
    pub fn free(&self) -> Option<u64> {
        self.pipeline.free()
    }

    /// All segments written so far, still without their hashes.
    pub fn segments(&self) -> impl Iterator<Item = &Variable> {
        self.variables.iter().chain(&self.module_state).chain(&self.frame_locals).chain(&self.ambient)
    }

    /// Starts a segment. Returns the offset at which its value will begin. All variables come before the module state,
    /// that comes before the locals of frames, and these come before the ambient state.
    pub fn begin(&mut self, name: &str, role: SegmentRole) -> io::Result<u64> {
        let frame = SegmentFrame::new(role, name);
        let head = frame.head.clone();
        self.open = Some(OpenSegment {
            name: name.to_owned(),
            offset: self.position,
            role,
            frame,
            outside_before: (role != SegmentRole::Variable).then(|| self.outside.clone()),
            #[cfg(debug_assertions)]
            value: Some(Vec::new()),
        });
        self.pipeline.begin_segment();
        self.put(&head)?;
        Ok(self.position)
    }

    /// Writes the next opcodes of the value.
    pub fn value(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.copy_value(bytes)?;
        self.put(bytes)
    }

    /// Writes the contents of a raw buffer.
    pub fn buffer(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.copy_value(bytes)?;
        self.hash_outside(bytes);
        self.pipeline.put_buffer(bytes)?;
        self.position = self.position.saturating_add(bytes.len() as u64);
        Ok(())
    }

    #[cfg(debug_assertions)]
    fn copy_value(&mut self, bytes: &[u8]) -> io::Result<()> {
        let copy = &mut self.open.as_mut().ok_or_else(no_open_segment)?.value;
        if let Some(value) = copy.as_mut().filter(|value| value.len() + bytes.len() <= LONGEST_CHECKED) {
            value.extend_from_slice(bytes);
        } else {
            *copy = None;
        }
        Ok(())
    }

    #[cfg(not(debug_assertions))]
    #[inline]
    #[allow(clippy::unnecessary_wraps, clippy::unused_self, reason = "debug builds copy the value")]
    fn copy_value(&mut self, _: &[u8]) -> io::Result<()> {
        Ok(())
    }

    /// Ends the segment. `facts` come from its pickler, which saves parsing the opcodes again; builds with debug
    /// assertions do parse them, and compare.
    pub fn end(
        &mut self,
        variable: Variable,
        facts: SegmentFacts,
        buffers: Vec<StoredBuffer>,
    ) -> io::Result<&Variable> {
        #[cfg(debug_assertions)]
        {
            // The memo of the scanner goes on with each value: after one that was not scanned, none can be.
            let value = std::mem::take(&mut self.open.as_mut().ok_or_else(no_open_segment)?.value);
            self.is_checked &= value.is_some();
            if let Some(value) = value.filter(|_| self.is_checked) {
                let scanned = self.scan(&value)?;
                assert_eq!((scanned.memo, &scanned.takes), (facts.memo, &facts.takes), "of {}", variable.name);
                assert_eq!(scanned.has_code, facts.has_code, "of {}", variable.name);
            }
        }
        self.close(variable, facts, buffers)
    }

    fn close(&mut self, variable: Variable, facts: SegmentFacts, buffers: Vec<StoredBuffer>) -> io::Result<&Variable> {
        let tail = self.open.as_ref().ok_or_else(no_open_segment)?.frame.tail;
        self.put(tail)?;
        let OpenSegment { name, offset, role, frame, .. } = self.open.take().ok_or_else(no_open_segment)?;
        let uses = self.owners_of(&facts.takes);
        let mut imports = facts.imports;
        // Those of the opcodes around the value.
        for import in frame.imports {
            if !imports.iter().any(|known| known == import) {
                imports.push((*import).to_owned());
            }
        }
        let segments = match role {
            SegmentRole::Variable => &mut self.variables,
            SegmentRole::ModuleItem => &mut self.module_state,
            SegmentRole::FrameLocal => &mut self.frame_locals,
            SegmentRole::Ambient => &mut self.ambient,
        };
        // The caller has described the value; everything about the segment is known here.
        segments.push(Variable {
            name,
            offset,
            length: self.position.saturating_sub(offset),
            memo: facts.memo,
            uses,
            buffers,
            imports,
            has_code: facts.has_code,
            ..variable
        });
        let variable = segments.last().ok_or_else(no_open_segment)?;
        self.pipeline.end_segment(variable);
        Ok(variable)
    }

    /// Discards the open segment, if there is one.
    pub fn discard(&mut self) -> io::Result<()> {
        let Some(open) = self.open.take() else { return Ok(()) };
        if let Some(outside) = open.outside_before {
            self.outside = outside;
        }
        // The next segment is written over the discarded one.
        self.position = open.offset;
        self.pipeline.discard_segment(open.offset)
    }

    /// Writes a whole segment, given the opcodes that push its value. For tests: a save has no such opcodes in memory.
    ///
    /// An error of kind `InvalidData` means that the opcodes are invalid and that nothing was written.
    pub fn segment(&mut self, variable: Variable, value: &[u8]) -> io::Result<&Variable> {
        let facts = self.scan(value)?;
        self.begin(&variable.name, SegmentRole::Variable)?;
        self.put(value)?;
        self.close(variable, facts, Vec::new())
    }

    fn scan(&mut self, value: &[u8]) -> io::Result<SegmentFacts> {
        let facts = self.scanner.segment(value);
        facts.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }

    /// Ends the snapshot. The caller fills the index except the segments, `stream`, `module` and `schema`.
    ///
    /// Returns the target, which is not flushed, the index as it was written, and the length of the file in bytes.
    pub fn finish(mut self, index: Index, key: Option<&SigningKey>) -> io::Result<(T, Index, u64)> {
        let mut end = Vec::new();
        emit::end(&mut end)?;
        // The end is outside of all segments, like the prelude.
        self.outside.update(&end);
        self.frame.update(&end);
        self.put(&end)?;
        let length = self.position;
        let (mut out, hashes) = self.pipeline.finish()?;
        let segments = [&mut self.variables, &mut self.module_state, &mut self.frame_locals, &mut self.ambient];
        for (variable, hashes) in segments.into_iter().flatten().zip(hashes) {
            hashes.store_in(variable);
        }
        let blake3 = hex_of(&self.outside.finalize());
        let frame = hex_of(&self.frame.finalize());
        let frame = if frame == blake3 { String::new() } else { frame };
        let mut index = Index {
            schema: SCHEMA,
            module: self.module,
            variables: self.variables,
            module_state: self.module_state,
            frame_locals: self.frame_locals,
            ambient: self.ambient,
            stream: PickleStream { length, prelude: self.prelude_length, blake3, frame },
            ..index
        };
        // The hashes must be in the index before it is encoded, and its length in the trailer.
        let json = index::encode(&mut index, longest_index(length))?;
        if out.take_index(&mut index, key)? {
            return Ok((out, index, length));
        }
        let length = write_end(&mut out, &json, length, key)?;
        Ok((out, index, length))
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hash_outside(bytes);
        self.pipeline.put(bytes)?;
        self.position = self.position.saturating_add(bytes.len() as u64);
        Ok(())
    }

    /// Hashes bytes of a segment that is no variable: they are outside of all variables.
    fn hash_outside(&mut self, bytes: &[u8]) {
        if self.open.as_ref().is_some_and(|open| open.role != SegmentRole::Variable) {
            self.outside.update(bytes);
        }
    }

    /// The names of the variables whose segments filled these memo slots, each once. `slots` is sorted.
    fn owners_of(&self, slots: &[u64]) -> Vec<String> {
        let lists = [&self.variables, &self.module_state, &self.frame_locals];
        let owner = |slot: &u64| lists.into_iter().find_map(|list| owner_among(list, *slot));
        let mut owners: Vec<&str> = slots.iter().filter_map(owner).collect();
        // Slots are numbered in the order of the segments, so equal names are adjacent.
        owners.dedup();
        owners.into_iter().map(str::to_owned).collect()
    }
}

/// Writes what follows a pickle of this length: the index, encoded, and the trailer. Returns the length of the file.
pub(super) fn write_end(
    out: &mut (impl io::Write + ?Sized),
    index: &[u8],
    pickle_length: u64,
    key: Option<&SigningKey>,
) -> io::Result<u64> {
    let trailer = Trailer {
        index_offset: pickle_length,
        index_length: index.len() as u64,
        index_hash: *blake3::hash(index).as_bytes(),
        signature: [0; 32],
    };
    let trailer = key.map_or(trailer.clone(), |key| key.sign(&trailer)).encode();
    out.write_all(index)?;
    out.write_all(&trailer)?;
    Ok(pickle_length.saturating_add((index.len() + trailer.len()) as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> Variable {
        Variable { name: name.to_owned(), ..Variable::default() }
    }

    #[test]
    fn segments_record_their_offsets_and_dependencies() -> io::Result<()> {
        let mut writer = SnapshotWriter::new(Vec::new(), "__main__")?;
        writer.segment(named("a"), b"]\x94\x8c\x05types\x94b")?;
        writer.segment(named("n"), b"K\x01")?;
        let variable = writer.segment(named("b"), b"h\x01h\x00h\x02\x8c\x08CodeType\x94\x93\x87")?.clone();
        assert_eq!((variable.memo, variable.uses, variable.has_code), ((3, 4), vec!["a".to_owned()], true));
        assert_eq!(variable.imports, ["types CodeType"]);
        let (bytes, index, length) = writer.finish(Index::default(), None)?;
        assert_eq!(index.variables.iter().map(|variable| variable.memo).collect::<Vec<_>>(), [(1, 3), (3, 3), (3, 4)]);
        assert_eq!(bytes.get(index.stream.length as usize - 2..index.stream.length as usize), Some(&b"b."[..]));
        assert_eq!(length, bytes.len() as u64);
        Ok(())
    }

    #[test]
    fn the_pickle_is_prelude_segments_and_end() -> io::Result<()> {
        let mut writer = SnapshotWriter::new(Vec::new(), "__main__")?;
        writer.segment(named("x"), b"K\x01")?;
        let (bytes, index, _) = writer.finish(Index::default(), None)?;
        let stream = b"\x80\x05\x8c\x0adill._dill\x8c\x0e_import_module\x93\x8c\x08__main__\x85R\x94}\x8c\x01xK\x01sb.";
        assert_eq!(bytes.get(..stream.len()), Some(&stream[..]));
        assert_eq!((index.stream.prelude, index.variables[0].offset, index.variables[0].length), (45, 45, 6));
        assert_eq!(index.variables[0].blake3, blake3::hash(b"\x8c\x01xK\x01s").to_hex().as_str());
        Ok(())
    }

    #[test]
    fn invalid_opcodes_lose_only_their_variable() -> io::Result<()> {
        let mut writer = SnapshotWriter::new(Vec::new(), "__main__")?;
        let before = writer.position;
        let error = writer.segment(named("bad"), b"]\x94\xff").err().map(|error| error.kind());
        assert_eq!((error, writer.position), (Some(io::ErrorKind::InvalidData), before));
        writer.segment(named("good"), b"]\x94")?;
        assert_eq!(writer.finish(Index::default(), None)?.1.variables.len(), 1);
        Ok(())
    }

    #[test]
    fn a_discarded_segment_leaves_no_trace() -> io::Result<()> {
        let write = |with_bad: bool| {
            let mut writer = SnapshotWriter::new(Vec::new(), "__main__")?;
            writer.segment(named("a"), b"]\x94")?;
            if with_bad {
                writer.begin("bad", SegmentRole::Variable)?;
                writer.value(b"]\x94")?;
                writer.discard()?;
            }
            writer.segment(named("b"), b"h\x01")?;
            writer.finish(Index::default(), None)
        };
        assert_eq!(write(true)?.0, write(false)?.0);
        Ok(())
    }
}
