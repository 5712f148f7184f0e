//! Reads whose bytes are compared with the hashes of the index.

use std::collections::HashSet;

use super::source::Source;
use super::{Contents, Damage, OpcodeImage, Progress, ReadError, Snapshot, Wanted, integrity, ranged_file};
use crate::snapshot::index::Index;
use crate::snapshot::segment::VariableSegment;

impl Snapshot {
    /// Whether the checksum that older versions compare matches. It covers all bytes outside the variables.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub(in crate::snapshot) fn has_stream_hash(&self, index: &Index) -> Result<bool, ReadError> {
        integrity::has_stream_hash(&self.source, index)
    }

    /// Checks the whole pickle, and calls `progress` with the number of bytes that were checked since the last call. In
    /// our own file it checks every hash; any other pickle must consist of opcodes up to STOP.
    ///
    /// # Errors
    /// If it is damaged.
    pub fn check(&self, progress: Progress<'_>) -> Result<(), ReadError> {
        match &self.contents {
            Contents::Own { index } => integrity::hashes(&self.source, index, progress)?.into_result(),
            Contents::Foreign { .. } => integrity::opcodes(self.source.bytes()?, self.raw_arrays()?, progress),
        }
    }

    /// Checks the segments of some variables of our own file, and reads their raw buffers into the memory that is
    /// given.
    ///
    /// # Errors
    /// If the file cannot be read. Damage is not an error.
    pub fn fetch(
        &self,
        index: &Index,
        wanted: Vec<Wanted<'_, '_>>,
        progress: Progress<'_>,
    ) -> Result<Damage, ReadError> {
        integrity::fetch(&self.source, index, wanted, None, progress)
    }

    /// As [`fetch`](Self::fetch). Also returns the opcodes that were checked, for loads that must not read the file
    /// again: it may change meanwhile.
    ///
    /// # Errors
    /// As for [`fetch`](Self::fetch), or if there is not enough memory.
    pub(crate) fn fetch_opcodes(
        &self,
        index: &Index,
        wanted: Vec<Wanted<'_, '_>>,
        progress: Progress<'_>,
    ) -> Result<(Damage, OpcodeImage), ReadError> {
        let mut image = OpcodeImage::new(index.stream.length)?;
        let damage = integrity::fetch(&self.source, index, wanted, Some(&mut image), progress)?;
        Ok((damage, image))
    }

    /// The bytes of a segment without raw buffers, if they match their checksum.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub(crate) fn checked_segment(&self, segment: &VariableSegment<'_>) -> Result<Option<Vec<u8>>, ReadError> {
        // Its range was checked against the length of the file when the index was read.
        let range = segment.range();
        if let Some(assembled) = self.assembled()
            && !assembled.has_opcodes(range.start)?
        {
            return Ok(None);
        }
        let mut bytes = vec![0; usize::try_from(range.end.saturating_sub(range.start)).unwrap_or_default()];
        match self.source.read(range.start, &mut bytes) {
            // So damaged that the bytes cannot be read.
            Err(error) if ranged_file::is_damage(&error) => return Ok(None),
            read => read?,
        }
        let is_intact =
            self.assembled().is_some() || blake3::hash(&bytes).to_hex().as_str() == segment.variable().blake3;
        Ok(is_intact.then_some(bytes))
    }

    /// Checks the hashes of some segments of our own file.
    ///
    /// # Errors
    /// [`ReadError::Damaged`] names the damaged variables.
    pub fn check_segments<'v>(
        &self,
        segments: impl Iterator<Item = &'v VariableSegment<'v>> + Clone,
        progress: Progress<'_>,
    ) -> Result<(), ReadError> {
        integrity::segments(&self.source, segments, progress)?.into_result()
    }

    /// As [`damage`](Self::damage), for a comparison with another snapshot. If both are in one store, objects that both
    /// have are not read: whatever their bytes are, they do not differ.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn damage_beside(&self, other: &Self, progress: Progress<'_>) -> Result<Damage, ReadError> {
        let (Contents::Own { index }, Contents::Own { index: of_other }) = (&self.contents, &other.contents) else {
            return self.damage(progress);
        };
        let (Source::Assembled(mine), Source::Assembled(others)) = (&self.source, &other.source) else {
            return self.damage(progress);
        };
        if !mine.is_beside(others) {
            return self.damage(progress);
        }
        let _held = self.hold()?;
        let known: HashSet<&str> = of_other.segments().map(|(_, variable)| variable.blake3.as_str()).collect();
        let all = VariableSegment::all(index)?;
        let differing = all.iter().filter(|segment| !known.contains(segment.variable().blake3.as_str()));
        integrity::segments(&self.source, differing, progress)
    }

    /// Checks every hash of our own file. Any other file has no hashes, and so no damage.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn damage(&self, progress: Progress<'_>) -> Result<Damage, ReadError> {
        let _held = self.hold()?;
        match &self.contents {
            Contents::Own { index } => integrity::hashes(&self.source, index, progress),
            Contents::Foreign { .. } => Ok(Damage::default()),
        }
    }
}
