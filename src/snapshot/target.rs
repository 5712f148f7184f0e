//! Where a snapshot goes: something whose end can be taken back, as a variable can fail after half of it was written.

use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::index::Variable;
use super::signals::{self, Guard};
use super::system;

/// Contents of this length and more are hashed by a second thread while they are written.
pub(super) const LARGE: usize = 4 << 20;
/// How many bytes are copied, hashed and written at a time: few enough to stay in the cache.
const PIECE: usize = 512 << 10;
/// How many pieces are under way.
const PIECES: usize = 3;

/// Something to write into, of which all from a place on can be taken back.
pub trait Target: Write {
    /// Cuts off all but the first `length` bytes, and goes on from there.
    fn cut(&mut self, length: u64) -> io::Result<()>;

    /// The bytes that are free where it is; `None` where nobody knows.
    fn free(&self) -> Option<u64> {
        None
    }

    /// A segment begins here; what is cut off next ends here.
    fn begin(&mut self) {}

    /// The segment that was begun is complete, and is that of this variable.
    fn end(&mut self, _variable: &Variable) {}

    /// Takes the contents of a raw buffer, and adds them to a hash.
    fn contents(&mut self, hasher: &mut blake3::Hasher, bytes: &[u8]) -> io::Result<()>
    where
        Self: Sized,
    {
        write_hashed(self, hasher, bytes)
    }
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

/// Writes bytes and hashes them.
///
/// The memory may be that of an array which a thread of the script's still writes to: what is hashed is what is written,
/// as both are done with one copy.
pub(super) fn write_hashed(out: &mut impl Write, hasher: &mut blake3::Hasher, bytes: &[u8]) -> io::Result<()> {
    if bytes.len() < LARGE {
        return bytes.chunks(PIECE).try_for_each(|piece| write_small(out, hasher, piece));
    }
    let (filled, full) = sync_channel(PIECES);
    let (emptied, empty) = sync_channel(PIECES);
    for _ in 0..PIECES {
        // There is room for all of them.
        let _ = emptied.send(Vec::with_capacity(PIECE));
    }
    // Each side ends when the other has dropped its ends of the channels.
    std::thread::scope(move |scope| {
        scope.spawn(move || copy_and_hash(bytes, hasher, &empty, &filled));
        for piece in full {
            signals::check()?;
            out.write_all(&piece)?;
            // The other thread needs no more pieces at its end.
            let _ = emptied.send(piece);
        }
        Ok(())
    })
}

fn write_small(out: &mut impl Write, hasher: &mut blake3::Hasher, bytes: &[u8]) -> io::Result<()> {
    hasher.update(bytes);
    out.write_all(bytes)
}

fn copy_and_hash(bytes: &[u8], hasher: &mut blake3::Hasher, empty: &Receiver<Vec<u8>>, filled: &SyncSender<Vec<u8>>) {
    for part in bytes.chunks(PIECE) {
        let Ok(mut piece) = empty.recv() else { return };
        piece.clear();
        piece.extend_from_slice(part);
        hasher.update(&piece);
        // The writer has met an error where nobody takes it.
        if filled.send(piece).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_contents_are_written_and_hashed_whole() -> io::Result<()> {
        let bytes: Vec<u8> = (0..LARGE + 12_345).map(|number| (number % 251) as u8).collect();
        let (mut out, mut hasher) = (Vec::new(), blake3::Hasher::new());
        write_hashed(&mut out, &mut hasher, &bytes)?;
        assert_eq!((out == bytes, hasher.finalize()), (true, blake3::hash(&bytes)));
        Ok(())
    }

    #[test]
    fn a_writer_that_fails_ends_it() {
        struct Full(usize);
        impl Write for Full {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let result = write_hashed(&mut Full(2 << 20), &mut blake3::Hasher::new(), &vec![1; 2 * LARGE]);
        assert_eq!(result.map_err(|error| error.kind()), Err(io::ErrorKind::StorageFull));
    }

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
