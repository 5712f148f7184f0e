//! What a snapshot is written into: an output that can be truncated, because a variable can fail after part of its
//! segment was written.
//!
//! [`AtomicFile`](super::atomic::AtomicFile), [`SpoolFile`] (for pipes), `Vec<u8>` and `io::Sink` (for `inspect
//! SCRIPT`) are such outputs, and so is the comparison of `save --verify`.

use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::os::fd::AsRawFd;
use std::path::PathBuf;

use super::atomic::signals::{self, SignalGuard};
use super::index::{Index, Variable};
use super::signature::SigningKey;
use super::system;

/// The size of the buffer that a spool file is written and copied with, in bytes.
const SPOOL_BUFFER: usize = 512 << 10;

/// An output that can be truncated.
pub trait SaveTarget: Write + Send + 'static {
    /// Truncates to the first `length` bytes; the next write continues there.
    fn cut(&mut self, length: u64) -> io::Result<()>;

    /// Flushes it, and returns a path at which this process and its children can read it; `None` if there is none.
    fn read_path(&mut self) -> io::Result<Option<PathBuf>> {
        Ok(None)
    }

    /// The free bytes where it is stored; `None` if that is unknown or unlimited.
    fn free(&self) -> Option<u64> {
        None
    }

    /// Whether [`mark`](Self::mark) is to be called.
    const MARKED: bool = false;

    /// Called between two writes, at the point in the stream that the mark is about.
    fn mark(&mut self, _mark: SegmentMark<'_>) {}

    /// Whether raw buffers go to [`contents`](Self::contents). Then everything happens on the thread that pickles.
    const TAKES_CONTENTS: bool = false;

    /// Takes the contents of a raw buffer as they are in memory, after the mark [`SegmentMark::Contents`].
    fn contents(&mut self, _bytes: &[u8]) -> io::Result<()> {
        Ok(())
    }

    /// Takes the index in place of its JSON and the trailer. Returns whether it did; it may change the hashes in it.
    fn take_index(&mut self, _index: &mut Index, _key: Option<&SigningKey>) -> io::Result<bool> {
        Ok(false)
    }
}

/// A point in the stream of segments.
#[derive(Debug)]
pub enum SegmentMark<'a> {
    /// A segment begins. The next [`cut`](SaveTarget::cut), if any, truncates to this point.
    Begin,
    /// The contents of a raw buffer of this many bytes begin.
    Contents(u64),
    /// They end, and opcodes follow.
    Opcodes,
    /// The segment is complete; this is its variable.
    End(&'a Variable),
}

/// Fails if an array cannot fit: that is better than filling the disk first.
pub(super) fn check_room(free: Option<u64>, bytes: u64) -> io::Result<()> {
    match free {
        Some(free) if free < bytes => {
            let problem =
                format!("an array takes {bytes} bytes, but only {free} are free: free some space, or save elsewhere");
            Err(io::Error::new(io::ErrorKind::StorageFull, problem))
        }
        _ => Ok(()),
    }
}

impl SaveTarget for Vec<u8> {
    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.truncate(usize::try_from(length).unwrap_or(usize::MAX));
        Ok(())
    }
}

impl SaveTarget for io::Sink {
    fn cut(&mut self, _: u64) -> io::Result<()> {
        Ok(())
    }
}

/// An unnamed temporary file for a snapshot that goes to standard output: a pipe cannot be truncated.
#[derive(Debug)]
pub(crate) struct SpoolFile(BufWriter<File>, SignalGuard);

impl SpoolFile {
    /// Creates one in the directory for temporary files. The system deletes it when the process ends.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self(BufWriter::with_capacity(SPOOL_BUFFER, tempfile::tempfile()?), SignalGuard::new()))
    }

    /// Writes to this file, which another process may have as well.
    pub(crate) fn over(file: File) -> Self {
        Self(BufWriter::with_capacity(SPOOL_BUFFER, file), SignalGuard::new())
    }

    /// The file, at its start.
    pub(crate) fn into_file(self) -> io::Result<File> {
        let Self(file, _guard) = self;
        let mut file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.rewind()?;
        Ok(file)
    }

    /// Copies the whole file to `out`. Fails with [`signals::Interrupted`] after a signal that a handler is waiting
    /// for: the reader of a pipe may never read on.
    pub(crate) fn send(self, out: &mut impl Write) -> io::Result<()> {
        let Self(file, _guard) = self;
        let mut file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.rewind()?;
        let mut buffer = vec![0; SPOOL_BUFFER];
        loop {
            let count = file.read(&mut buffer)?;
            let mut rest = buffer.get(..count).unwrap_or_default();
            if rest.is_empty() {
                return out.flush();
            }
            // Not `write_all`: it would retry after EINTR without a check for the signal.
            while !rest.is_empty() {
                signals::check()?;
                match out.write(rest) {
                    Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                    Ok(written) => rest = rest.get(written..).unwrap_or_default(),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
        }
    }
}

impl Write for SpoolFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl SaveTarget for SpoolFile {
    fn cut(&mut self, length: u64) -> io::Result<()> {
        // Seeking flushes the buffer first, so nothing of it lands after the cut.
        self.0.seek(SeekFrom::Start(length))?;
        self.0.get_ref().set_len(length)
    }

    fn read_path(&mut self) -> io::Result<Option<PathBuf>> {
        self.0.flush()?;
        // The file has no name.
        Ok(Some(format!("/dev/fd/{}", self.0.get_ref().as_raw_fd()).into()))
    }

    fn free(&self) -> Option<u64> {
        system::free_space(self.0.get_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spool_file_is_cut_and_sent() -> io::Result<()> {
        let mut spool = SpoolFile::new()?;
        spool.write_all(b"one two")?;
        spool.cut(4)?;
        spool.write_all(b"three")?;
        let mut out = Vec::new();
        spool.send(&mut out)?;
        assert_eq!(out, b"one three");
        Ok(())
    }
}
