//! Writes a snapshot in one go: prelude, a segment for each variable, the end of the pickle, index, trailer.
//!
//! The caller pickles one value after the other with one memo, whose slot 0 is the module, and hands opcodes over as
//! they come; the writer hashes what passes through. A segment that fails half-way is cut off again.

use std::io;

use super::index::{self, Buffer, Index, SCHEMA, Stream, Variable};
use super::layout::{Trailer, longest_index};
use super::pipe::Pipe;
use super::target::Target;
use super::trust::Key;
use crate::pickle::emit;
use crate::pickle::scan::{Scanner, SegmentFacts};

/// Writes a snapshot into `T`.
#[derive(Debug)]
pub struct Writer<T: Target> {
    pipe: Pipe<T>,
    module: String,
    position: u64,
    prelude: u64,
    outside: blake3::Hasher,
    open: Option<Open>,
    scanner: Scanner,
    variables: Vec<Variable>,
}

/// A segment that is being written.
#[derive(Debug)]
struct Open {
    name: String,
    offset: u64,
    /// Its value once more, for the comparison of what the pickler tells with what is there.
    #[cfg(debug_assertions)]
    value: Vec<u8>,
}

fn no_segment() -> io::Error {
    io::Error::other("no segment was begun")
}

impl<T: Target> Writer<T> {
    /// Begins a snapshot of the module with this name.
    pub fn new(out: T, module: &str) -> io::Result<Self> {
        let mut prelude = Vec::new();
        emit::prelude(&mut prelude, module)?;
        let mut pipe = Pipe::new(out);
        pipe.put(&prelude)?;
        let mut outside = blake3::Hasher::new();
        outside.update(&prelude);
        let length = prelude.len() as u64;
        Ok(Self {
            pipe,
            module: module.to_owned(),
            position: length,
            prelude: length,
            outside,
            open: None,
            scanner: Scanner::new(emit::PRELUDE_MEMO),
            variables: Vec::new(),
        })
    }

    /// The number of bytes written so far.
    pub fn written(&self) -> u64 {
        self.position
    }

    /// The bytes that are free where it is written; `None` where nobody knows.
    pub fn free(&self) -> Option<u64> {
        self.pipe.free()
    }

    /// The variables written so far. Their hashes are known only in the end.
    pub fn variables(&self) -> &[Variable] {
        &self.variables
    }

    /// Begins the segment of a variable. Returns where its value will begin.
    pub fn begin(&mut self, name: &str) -> io::Result<u64> {
        self.open = Some(Open {
            name: name.to_owned(),
            offset: self.position,
            #[cfg(debug_assertions)]
            value: Vec::new(),
        });
        self.pipe.begin();
        let mut head = Vec::new();
        emit::text(&mut head, name)?;
        self.put(&head)?;
        Ok(self.position)
    }

    /// Takes the next opcodes of the value.
    pub fn value(&mut self, bytes: &[u8]) -> io::Result<()> {
        #[cfg(debug_assertions)]
        self.open.as_mut().ok_or_else(no_segment)?.value.extend_from_slice(bytes);
        self.put(bytes)
    }

    /// Takes the contents of a raw buffer.
    pub fn buffer(&mut self, bytes: &[u8]) -> io::Result<()> {
        #[cfg(debug_assertions)]
        self.open.as_mut().ok_or_else(no_segment)?.value.extend_from_slice(bytes);
        self.pipe.contents(bytes)?;
        self.position = self.position.saturating_add(bytes.len() as u64);
        Ok(())
    }

    /// Ends the segment. Its pickler has told what the opcodes need, which saves reading them once more; builds with debug
    /// assertions compare that with a scan.
    pub fn end(&mut self, variable: Variable, facts: SegmentFacts, buffers: Vec<Buffer>) -> io::Result<&Variable> {
        #[cfg(debug_assertions)]
        {
            let value = std::mem::take(&mut self.open.as_mut().ok_or_else(no_segment)?.value);
            let scanned = self.scan(&value)?;
            assert_eq!((scanned.memo, &scanned.takes), (facts.memo, &facts.takes), "of {}", variable.name);
            assert_eq!(scanned.has_code, facts.has_code, "of {}", variable.name);
        }
        self.close(variable, facts, buffers)
    }

    fn close(&mut self, variable: Variable, facts: SegmentFacts, buffers: Vec<Buffer>) -> io::Result<&Variable> {
        let mut tail = Vec::new();
        emit::set_item(&mut tail)?;
        self.put(&tail)?;
        let Open { name, offset, .. } = self.open.take().ok_or_else(no_segment)?;
        let uses = self.users_of(&facts.takes);
        self.variables.push(Variable {
            name,
            offset,
            length: self.position.saturating_sub(offset),
            memo: facts.memo,
            uses,
            buffers,
            imports: facts.imports,
            has_code: facts.has_code,
            ..variable
        });
        let variable = self.variables.last().ok_or_else(no_segment)?;
        self.pipe.end(variable);
        Ok(variable)
    }

    /// Takes back what was written of the segment that was begun.
    pub fn cut_off(&mut self) -> io::Result<()> {
        let Some(open) = self.open.take() else { return Ok(()) };
        self.position = open.offset;
        self.pipe.cut(open.offset)
    }

    /// Writes a variable whose value these opcodes push, after finding out what they need. An error of kind `InvalidData`
    /// means that the opcodes are wrong: then nothing was written.
    pub fn segment(&mut self, variable: Variable, value: &[u8]) -> io::Result<&Variable> {
        let facts = self.scan(value)?;
        self.begin(&variable.name)?;
        self.put(value)?;
        self.close(variable, facts, Vec::new())
    }

    fn scan(&mut self, value: &[u8]) -> io::Result<SegmentFacts> {
        let facts = self.scanner.segment(value);
        facts.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }

    /// Ends the snapshot. Of the index, the caller has told all but the variables, the stream and, if he likes, the
    /// module and the schema. Returns what it was written into, which is not flushed, the index as it was written, and
    /// the length of the file.
    pub fn finish(mut self, index: Index, key: Option<&Key>) -> io::Result<(T, Index, u64)> {
        let mut end = Vec::new();
        emit::end(&mut end)?;
        self.outside.update(&end);
        self.put(&end)?;
        let length = self.position;
        let (mut out, hashes) = self.pipe.finish()?;
        for (variable, hashes) in self.variables.iter_mut().zip(hashes) {
            hashes.tell(variable);
        }
        let mut index = Index {
            schema: SCHEMA,
            module: self.module,
            variables: self.variables,
            stream: Stream { length, prelude: self.prelude, blake3: self.outside.finalize().to_hex().to_string() },
            ..index
        };
        let json = index::encode(&mut index, longest_index(length))?;
        let trailer = Trailer {
            index_offset: length,
            index_length: json.len() as u64,
            index_hash: *blake3::hash(&json).as_bytes(),
            signature: [0; 32],
        };
        let trailer = key.map_or(trailer.clone(), |key| key.sign(&trailer)).encode();
        out.write_all(&json)?;
        out.write_all(&trailer)?;
        Ok((out, index, length.saturating_add((json.len() + trailer.len()) as u64)))
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.pipe.put(bytes)?;
        self.position = self.position.saturating_add(bytes.len() as u64);
        Ok(())
    }

    /// The names of the variables that filled these slots, in their order, each once.
    fn users_of(&self, slots: &[u64]) -> Vec<String> {
        let mut owners: Vec<&str> = slots.iter().filter_map(|slot| owner(&self.variables, *slot)).collect();
        // Slots and variables are in the same order.
        owners.dedup();
        owners.into_iter().map(str::to_owned).collect()
    }
}

/// The name of the variable whose segment filled a memo slot. None for the module itself, in slot 0.
pub(super) fn owner(variables: &[Variable], slot: u64) -> Option<&str> {
    let variable = variables.get(variables.partition_point(|variable| variable.memo.1 <= slot))?;
    (variable.memo.0 <= slot).then_some(variable.name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> Variable {
        Variable { name: name.to_owned(), ..Variable::default() }
    }

    #[test]
    fn segments_know_where_they_are_and_what_they_need() -> io::Result<()> {
        let mut writer = Writer::new(Vec::new(), "__main__")?;
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
        let mut writer = Writer::new(Vec::new(), "__main__")?;
        writer.segment(named("x"), b"K\x01")?;
        let (bytes, index, _) = writer.finish(Index::default(), None)?;
        let stream = b"\x80\x05\x8c\x0adill._dill\x8c\x0e_import_module\x93\x8c\x08__main__\x85R\x94}\x8c\x01xK\x01sb.";
        assert_eq!(bytes.get(..stream.len()), Some(&stream[..]));
        assert_eq!((index.stream.prelude, index.variables[0].offset, index.variables[0].length), (45, 45, 6));
        assert_eq!(index.variables[0].blake3, blake3::hash(b"\x8c\x01xK\x01s").to_hex().as_str());
        Ok(())
    }

    #[test]
    fn wrong_opcodes_cost_their_variable_only() -> io::Result<()> {
        let mut writer = Writer::new(Vec::new(), "__main__")?;
        let before = writer.written();
        let error = writer.segment(named("bad"), b"]\x94\xff").err().map(|error| error.kind());
        assert_eq!((error, writer.written()), (Some(io::ErrorKind::InvalidData), before));
        writer.segment(named("good"), b"]\x94")?;
        assert_eq!(writer.finish(Index::default(), None)?.1.variables.len(), 1);
        Ok(())
    }

    #[test]
    fn a_segment_that_is_cut_off_leaves_no_trace() -> io::Result<()> {
        let write = |with_bad: bool| {
            let mut writer = Writer::new(Vec::new(), "__main__")?;
            writer.segment(named("a"), b"]\x94")?;
            if with_bad {
                writer.begin("bad")?;
                writer.value(b"]\x94")?;
                writer.cut_off()?;
            }
            writer.segment(named("b"), b"h\x01")?;
            writer.finish(Index::default(), None)
        };
        assert_eq!(write(true)?.0, write(false)?.0);
        Ok(())
    }
}
