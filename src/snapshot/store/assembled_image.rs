//! The opcodes of a snapshot of a store at their offsets in memory, read from their packs when they are first needed.

use std::collections::{BTreeSet, HashMap};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::sync::OnceLock;

use memmap2::{Advice, MmapMut, MmapOptions};

use super::assembled::{AssembledSegment, AssembledSnapshot};
use super::description::{PackReference, SegmentPlace};
use super::object_name::ObjectName;
use super::packed_object;
use crate::pickle::passes::relative_slots::{Cut, SegmentPosition, to_absolute};

/// The relative form of opcodes.
const RELATIVE: u8 = 0;

/// The opcodes at their offsets, and the contents of some raw buffers.
#[derive(Debug)]
pub(super) struct AssembledImage {
    pub(super) bytes: MmapMut,
    /// The offsets of the segments that are damaged.
    pub(super) damaged: BTreeSet<u64>,
    /// The offsets of the segments whose raw buffers are there.
    with_contents: BTreeSet<u64>,
    /// The numbers of the packs whose opcodes are there.
    packs: PackNumbers,
    /// One with more contents, made when those were asked for: this one may still be in use.
    next: OnceLock<Box<AssembledImage>>,
}

/// Numbers of packs; `None` for all.
pub(super) type PackNumbers = Option<BTreeSet<u32>>;

fn includes(packs: &PackNumbers, others: &PackNumbers) -> bool {
    match (packs, others) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(packs), Some(others)) => others.is_subset(packs),
    }
}

impl AssembledImage {
    /// The one with the most contents.
    pub(super) fn last(&self) -> &Self {
        let mut image = self;
        while let Some(next) = image.next.get() {
            image = next;
        }
        image
    }
}

impl AssembledSnapshot {
    /// An image that has at least these raw buffers and packs.
    pub(super) fn image(&self, mut contents: BTreeSet<u64>, mut packs: PackNumbers) -> io::Result<&AssembledImage> {
        loop {
            // If another thread is faster, one of the two is dropped.
            match self.image.get().map(AssembledImage::last) {
                Some(image) if contents.is_subset(&image.with_contents) && includes(&image.packs, &packs) => {
                    return Ok(image);
                }
                Some(image) => {
                    contents.extend(&image.with_contents);
                    packs = match (packs, &image.packs) {
                        (Some(packs), Some(others)) => Some(packs.union(others).copied().collect()),
                        _ => None,
                    };
                    let _ = image.next.set(Box::new(self.assemble(contents.clone(), packs.clone())?));
                }
                None => {
                    let _ = self.image.set(self.assemble(contents.clone(), packs.clone())?);
                }
            }
        }
    }

    fn assemble(&self, with_contents: BTreeSet<u64>, packs: PackNumbers) -> io::Result<AssembledImage> {
        let length = usize::try_from(self.length).map_err(io::Error::other)?;
        // Pages that nothing is copied to take no space.
        let mut bytes = MmapOptions::new().len(length).no_reserve_swap().map_anon()?;
        let _ = bytes.advise(Advice::NoHugePage);
        let mut damaged = BTreeSet::new();
        copy_to(&mut bytes, 0, &self.prelude);
        copy_to(&mut bytes, self.length.saturating_sub(self.end.len() as u64), &self.end);
        let is_wanted = |number: u32| packs.as_ref().is_none_or(|packs| packs.contains(&number));
        let wanted = (0..).zip(&self.packs).filter(|(number, _)| is_wanted(*number));
        self.store.fetch(wanted.map(|(_, pack)| (pack.0, pack.1)))?;
        self.fetch_contents(with_contents.iter().flat_map(|segment| self.contents_of(*segment)))?;
        let mut by_pack: HashMap<u32, Vec<&AssembledSegment>> = HashMap::new();
        for segment in self.segments.iter().filter(|segment| is_wanted(segment.place.0)) {
            by_pack.entry(segment.place.0).or_default().push(segment);
        }
        for (number, segments) in by_pack {
            // Each segment has a hash of its own, so a damaged pack loses only those whose bytes are wrong.
            let pack = self.packs.get(number as usize).and_then(|pack| self.pack(*pack));
            for segment in segments {
                let opcodes = pack.as_deref().and_then(|pack| self.opcodes(segment, pack));
                match opcodes {
                    Some(opcodes) => self.place(segment, &opcodes, &mut bytes),
                    None => {
                        damaged.insert(segment.offset);
                    }
                }
            }
        }
        for segment in &with_contents {
            for contents in self.contents_of(*segment) {
                let range = usize::try_from(contents.range.start).ok().zip(usize::try_from(contents.range.end).ok());
                if let Some(memory) = range.and_then(|(start, end)| bytes.get_mut(start..end)) {
                    let file = self.open_contents(contents)?;
                    file.read_exact_at(memory, 0)?;
                }
            }
        }
        Ok(AssembledImage { bytes, damaged, with_contents, packs, next: OnceLock::new() })
    }

    /// The contents of a pack; `None` if they cannot be had.
    fn pack(&self, PackReference(name, length): PackReference) -> Option<Vec<u8>> {
        let file = self.store.open_object(&name, length).ok()?;
        let mut bytes = Vec::new();
        file.take(length).read_to_end(&mut bytes).ok()?;
        packed_object::unpack(&bytes, &[]).ok()
    }

    /// The opcodes of a segment as they are in the file; `None` if they are not what was saved, or do not fit.
    fn opcodes(&self, segment: &AssembledSegment, pack: &[u8]) -> Option<Vec<u8>> {
        let SegmentPlace(_, at, length, form, cuts) = &segment.place;
        let start = usize::try_from(*at).ok()?;
        let stored = pack.get(start..start.checked_add(usize::try_from(*length).ok()?)?)?;
        if segment.opcodes != Some(ObjectName::of(stored)) {
            return None;
        }
        let contents = self.contents.get(segment.contents.clone())?;
        let mut found = Vec::with_capacity(cuts.len());
        for (at, contents) in cuts.iter().zip(contents) {
            let length = contents.range.end.checked_sub(contents.range.start)?;
            found.push(Cut { at: usize::try_from(*at).ok()?, length });
        }
        let (opcodes, cuts) = if *form == RELATIVE {
            let around = SegmentPosition { offset: segment.offset, memo: segment.memo, uses: &segment.uses };
            let mut opcodes = Vec::with_capacity(stored.len());
            let cuts = to_absolute(stored, &found, around, &mut opcodes).ok()?;
            (opcodes, cuts)
        } else {
            (stored.to_vec(), found)
        };
        // The layout was made without the opcodes: they must agree.
        let mut before = 0_u64;
        for (cut, contents) in cuts.iter().zip(contents) {
            let start = segment.offset.checked_add(cut.at as u64)?.checked_add(before)?;
            before = before.checked_add(cut.length)?;
            if start != contents.range.start || cut.at > opcodes.len() {
                return None;
            }
        }
        (before.checked_add(opcodes.len() as u64)? == segment.length).then_some(opcodes)
    }

    /// Copies opcodes to their offsets, around the contents of raw buffers.
    fn place(&self, segment: &AssembledSegment, opcodes: &[u8], image: &mut [u8]) {
        let (mut rest, mut position) = (opcodes, segment.offset);
        for contents in self.contents.get(segment.contents.clone()).unwrap_or_default() {
            let length = usize::try_from(contents.range.start.saturating_sub(position)).unwrap_or(usize::MAX);
            let (head, tail) = rest.split_at(length.min(rest.len()));
            copy_to(image, position, head);
            (rest, position) = (tail, contents.range.end);
        }
        copy_to(image, position, rest);
    }
}

fn copy_to(image: &mut [u8], offset: u64, bytes: &[u8]) {
    let start = usize::try_from(offset).unwrap_or(usize::MAX);
    if let Some(slot) = image.get_mut(start..start.saturating_add(bytes.len())) {
        slot.copy_from_slice(bytes);
    }
}
