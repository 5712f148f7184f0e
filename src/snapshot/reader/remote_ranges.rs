//! A file in object storage, of which only ranges are read. The first request reads the end of the file, which has the
//! trailer and often the whole index. If the file changes after that, reads fail.

use std::io;
use std::ops::Range;

use super::range_reader::{RangeReader, WantedRange};
use crate::snapshot::remote::{ObjectVersion, RemoteClient, RemoteError};

/// How many bytes of the end are read at first.
const END: u64 = 32 << 10;
/// Ranges with at most this many bytes between them are read in one request: another one would take longer.
const GAP: u64 = 4 << 10;
/// Long ranges are read in pieces of this length, several at a time.
const PART: u64 = 4 << 20;
/// How many threads read at the same time.
const PARALLEL: usize = 8;

#[derive(Clone, Debug)]
pub(super) struct RemoteRanges {
    client: RemoteClient,
    version: ObjectVersion,
    /// The bytes at the end of the file.
    end: Vec<u8>,
}

impl RemoteRanges {
    /// Reads the end of the object at an address.
    pub(super) fn open(client: RemoteClient) -> Result<Self, RemoteError> {
        let (version, end) = client.read_end(END)?;
        Ok(Self { client, version, end })
    }

    /// The last bytes of the file, and where they begin.
    pub(super) fn end(&self) -> (&[u8], u64) {
        (&self.end, self.version.length.saturating_sub(self.end.len() as u64))
    }

    /// The same object as a whole, in an unnamed file.
    pub(super) fn download(&self) -> Result<std::fs::File, RemoteError> {
        self.client.download_whole(Some(&self.version))
    }
}

/// A range in pieces that are read at the same time.
fn parts_of(range: Range<u64>) -> impl Iterator<Item = Range<u64>> {
    let Range { start, end } = range;
    let number = end.saturating_sub(start).div_ceil(PART);
    (0..number).map(move |part| {
        let start = start + part * PART;
        start..end.min(start.saturating_add(PART))
    })
}

/// Fills a buffer from parts, which are in ascending order.
fn copy_from(parts: &[Range<u64>], read: &[Vec<u8>], wanted: &mut WantedRange<'_>) -> io::Result<()> {
    let (mut at, mut rest) = (wanted.offset, &mut *wanted.buffer);
    let first = parts.partition_point(|part| part.end <= at);
    for (part, bytes) in parts.iter().zip(read).skip(first) {
        if rest.is_empty() {
            break;
        }
        let start = at.checked_sub(part.start).and_then(|start| usize::try_from(start).ok());
        let from = start.and_then(|start| bytes.get(start..)).ok_or(io::ErrorKind::UnexpectedEof)?;
        let (head, tail) = rest.split_at_mut(from.len().min(rest.len()));
        head.copy_from_slice(from.get(..head.len()).ok_or(io::ErrorKind::UnexpectedEof)?);
        at = at.saturating_add(head.len() as u64);
        rest = tail;
    }
    if rest.is_empty() { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

impl RangeReader for RemoteRanges {
    fn length(&self) -> u64 {
        self.version.length
    }

    fn read(&self, wanted: &mut [WantedRange<'_>]) -> io::Result<()> {
        let (end, start_of_end) = self.end();
        let (mut missing, mut ranges): (Vec<&mut WantedRange<'_>>, Vec<Range<u64>>) = Default::default();
        for wanted in wanted {
            let inside = wanted.offset.checked_sub(start_of_end).and_then(|start| usize::try_from(start).ok());
            let known = inside.and_then(|start| end.get(start..start.checked_add(wanted.buffer.len())?));
            if let Some(known) = known {
                wanted.buffer.copy_from_slice(known);
                continue;
            }
            let range = wanted.offset..wanted.offset.saturating_add(wanted.buffer.len() as u64);
            match ranges.last_mut() {
                Some(last) if range.start.saturating_sub(last.end) <= GAP => last.end = range.end,
                _ => ranges.push(range),
            }
            missing.push(wanted);
        }
        if missing.is_empty() {
            return Ok(());
        }
        let parts: Vec<Range<u64>> = ranges.into_iter().flat_map(parts_of).collect();
        let read = self.client.read_ranges(parts.clone(), &self.version)?;
        for wanted in missing {
            copy_from(&parts, &read, wanted)?;
        }
        Ok(())
    }

    fn piece(&self) -> usize {
        PART as usize
    }

    fn parallel_reads(&self) -> Option<usize> {
        Some(PARALLEL)
    }

    fn is_remote(&self) -> bool {
        true
    }

    fn why_not_mapped(&self) -> &'static str {
        "is in object storage"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_filled_from_parts() -> io::Result<()> {
        let bytes: Vec<u8> = (0..100).collect();
        let parts = [10..20, 20..25, 40..60];
        let read: Vec<Vec<u8>> =
            parts.iter().map(|part| bytes[part.start as usize..part.end as usize].to_vec()).collect();
        for range in [10..25, 12..13, 18..22, 40..60, 59..60, 24..25, 15..15] {
            let mut buffer = vec![0; (range.end - range.start) as usize];
            copy_from(&parts, &read, &mut WantedRange { offset: range.start, buffer: &mut buffer })?;
            assert_eq!(buffer, bytes[range.start as usize..range.end as usize], "{range:?}");
        }
        for range in [9..11, 24..26, 59..61, 30..35] {
            let mut buffer = vec![0; (range.end - range.start) as usize];
            let copied = copy_from(&parts, &read, &mut WantedRange { offset: range.start, buffer: &mut buffer });
            assert!(copied.is_err(), "{range:?}");
        }
        assert_eq!(parts_of(5..5).count(), 0);
        assert_eq!(parts_of(5..PART + 6).collect::<Vec<_>>(), [5..PART + 5, PART + 5..PART + 6]);
        Ok(())
    }
}
