//! The opcodes of one segment, in the form in which a store keeps them.
//!
//! The opcodes of a segment can be as long as the session. So the relative form of long ones is not held beside them:
//! it is made once to know its hash and to check that it can be undone, and once more while it is written.

use std::io::{self, Write};

use super::object_name::ObjectName;
use crate::pickle::passes::relative_check::to_checked_relative;
use crate::pickle::passes::relative_slots::{Cut, OpcodeSink, SegmentPosition, to_relative};

/// Opcodes of this many bytes are an object of their own.
pub(super) const LARGE: usize = 1 << 20;

/// The opcodes of a segment as a store keeps them.
#[derive(Debug)]
pub(super) struct StoredOpcodes<'o> {
    /// Their hash.
    pub(super) name: ObjectName,
    pub(super) length: u64,
    /// Where the contents of raw buffers are left out.
    pub(super) cuts: Vec<Cut>,
    pub(super) is_relative: bool,
    source: OpcodeSource<'o>,
}

#[derive(Debug)]
enum OpcodeSource<'o> {
    /// The relative form of short ones.
    Short(Vec<u8>),
    /// Long ones, which are converted when they are written.
    Long { opcodes: &'o [u8], cuts: &'o [Cut], around: SegmentPosition<'o> },
    /// As they are in the file.
    Unchanged(&'o [u8]),
}

impl<'o> StoredOpcodes<'o> {
    /// In the form that does not depend on where they are, if there is one. `around` is `None` if it cannot be told.
    pub(super) fn new(opcodes: &'o [u8], cuts: &'o [Cut], around: Option<SegmentPosition<'o>>) -> Self {
        let relative = around.and_then(|around| match opcodes.len() < LARGE {
            true => Self::short(opcodes, cuts, around),
            false => Self::long(opcodes, cuts, around),
        });
        relative.unwrap_or_else(|| Self {
            name: ObjectName::of(opcodes),
            length: opcodes.len() as u64,
            cuts: cuts.to_vec(),
            is_relative: false,
            source: OpcodeSource::Unchanged(opcodes),
        })
    }

    fn short(opcodes: &[u8], cuts: &[Cut], around: SegmentPosition<'_>) -> Option<Self> {
        let mut relative = Vec::with_capacity(opcodes.len());
        let cuts = to_checked_relative(opcodes, cuts, around, &mut relative).ok()?;
        let (name, length) = (ObjectName::of(&relative), relative.len() as u64);
        Some(Self { name, length, cuts, is_relative: true, source: OpcodeSource::Short(relative) })
    }

    fn long(opcodes: &'o [u8], cuts: &'o [Cut], around: SegmentPosition<'o>) -> Option<Self> {
        let mut hashed = OpcodeHash::default();
        let found = to_checked_relative(opcodes, cuts, around, &mut hashed).ok()?;
        let source = OpcodeSource::Long { opcodes, cuts, around };
        let (name, length) = (ObjectName::from(hashed.hasher.finalize()), hashed.length as u64);
        Some(Self { name, length, cuts: found, is_relative: true, source })
    }

    /// Their bytes, if they are short.
    pub(super) fn short_bytes(&self) -> Option<&[u8]> {
        let bytes = match &self.source {
            OpcodeSource::Short(bytes) => bytes.as_slice(),
            OpcodeSource::Unchanged(bytes) => bytes,
            OpcodeSource::Long { .. } => return None,
        };
        Some(bytes).filter(|bytes| bytes.len() < LARGE)
    }

    /// Bytes that compress about as well as they do.
    pub(super) fn sample(&self) -> &[u8] {
        match &self.source {
            OpcodeSource::Short(bytes) => bytes,
            OpcodeSource::Long { opcodes, .. } | OpcodeSource::Unchanged(opcodes) => opcodes,
        }
    }

    /// Writes all of them. May be called again.
    pub(super) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        match &self.source {
            OpcodeSource::Short(bytes) => out.write_all(bytes),
            OpcodeSource::Unchanged(bytes) => out.write_all(bytes),
            OpcodeSource::Long { opcodes, cuts, around } => {
                let mut written = WrittenOpcodes { out, length: 0, done: Ok(()) };
                to_relative(opcodes, cuts, *around, &mut written).map_err(io::Error::other)?;
                written.done
            }
        }
    }
}

/// Hashes opcodes, and keeps none.
#[derive(Default)]
struct OpcodeHash {
    hasher: blake3::Hasher,
    length: usize,
}

impl OpcodeSink for OpcodeHash {
    fn put(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.length = self.length.saturating_add(bytes.len());
    }

    fn length(&self) -> usize {
        self.length
    }
}

/// Writes opcodes, up to the first error.
struct WrittenOpcodes<'w> {
    out: &'w mut dyn Write,
    length: usize,
    done: io::Result<()>,
}

impl OpcodeSink for WrittenOpcodes<'_> {
    fn put(&mut self, bytes: &[u8]) {
        if self.done.is_ok() {
            self.done = self.out.write_all(bytes);
        }
        self.length = self.length.saturating_add(bytes.len());
    }

    fn length(&self) -> usize {
        self.length
    }
}
