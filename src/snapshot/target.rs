//! Where a snapshot goes: something whose end can be taken back, as a variable can fail after half of it was written.

use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};

use super::index::Variable;
use super::signals::{self, Guard};
use super::system;

/// How many bytes of a spool are copied at a time.
const PIECE: usize = 512 << 10;

/// Something to write into, of which all from a place on can be taken back.
pub trait Target: Write + Send + 'static {
    /// Cuts off all but the first `length` bytes, and goes on from there.
    fn cut(&mut self, length: u64) -> io::Result<()>;

    /// The bytes that are free where it is; `None` where nobody knows.
    fn free(&self) -> Option<u64> {
        None
    }

    /// Whether it wants to be told what begins and ends in what is written.
    const MARKED: bool = false;

    /// Told at its place in what is written, where [`MARKED`](Self::MARKED) says so.
    fn mark(&mut self, _mark: Mark<'_>) {}
}

/// Something that begins or ends in what is written.
#[derive(Debug)]
pub enum Mark<'a> {
    /// A segment begins; what is cut off next ends here.
    Begin,
    /// The contents of a raw buffer begin, which has so many bytes.
    Contents(u64),
    /// They end.
    Opcodes,
    /// The segment is complete, and is that of this variable.
    End(&'a Variable),
}

/// An error where an array is certain not to fit: better than to find out when the disk is full.
pub(super) fn check_room(free: Option<u64>, bytes: u64) -> io::Result<()> {
    match free {
        Some(free) if free < bytes => {
            let problem =
                format!("an array takes {bytes} bytes, but only {free} are free: make room, or save elsewhere");
            Err(io::Error::new(io::ErrorKind::StorageFull, problem))
        }
        _ => Ok(()),
    }
}

impl Target for Vec<u8> {
    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.truncate(usize::try_from(length).unwrap_or(usize::MAX));
        Ok(())
    }
}

impl Target for io::Sink {
    fn cut(&mut self, _: u64) -> io::Result<()> {
        Ok(())
    }
}

/// A file without a name, for what is to go to a pipe in the end: from that nothing could be taken back.
#[derive(Debug)]
pub struct Spool(BufWriter<File>, Guard);

impl Spool {
    /// Makes one in the folder for temporary files. It is gone with the process.
    pub fn new() -> io::Result<Self> {
        Ok(Self(BufWriter::with_capacity(PIECE, tempfile::tempfile()?), Guard::new()))
    }

    /// Copies all of it, or fails when a signal is to have its say: a pipe may be stalled for ever.
    pub fn send(self, out: &mut impl Write) -> io::Result<()> {
        let Self(file, _guard) = self;
        let mut file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.rewind()?;
        let mut buffer = vec![0; PIECE];
        loop {
            let count = file.read(&mut buffer)?;
            let mut rest = buffer.get(..count).unwrap_or_default();
            if rest.is_empty() {
                return out.flush();
            }
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

impl Write for Spool {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Target for Spool {
    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.0.seek(SeekFrom::Start(length))?;
        self.0.get_ref().set_len(length)
    }

    fn free(&self) -> Option<u64> {
        system::free_space(self.0.get_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spool_is_cut_and_sent() -> io::Result<()> {
        let mut spool = Spool::new()?;
        spool.write_all(b"one two")?;
        spool.cut(4)?;
        spool.write_all(b"three")?;
        let mut out = Vec::new();
        spool.send(&mut out)?;
        assert_eq!(out, b"one three");
        Ok(())
    }
}
