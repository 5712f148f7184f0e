//! Mutations of a seed as a fuzzer makes them, but the same ones in each run.

/// Bytes to write or insert: extremes of number ranges, and opcodes that push or pop many values.
const INTERESTING: &[&[u8]] = &[
    b"\0",
    b"\x7f",
    b"\xff",
    b"\xff\xff\xff\xff",
    b"\xff\xff\xff\x7f",
    b"\xff\xff\xff\xff\xff\xff\xff\x7f",
    b"(",
    b"0",
    b"1",
    b"2",
    b".",
    b"N",
    b"]\x94",
    b"}",
    b")",
    b"\x85",
    b"\x93",
    b"\x94",
    b"h\0",
    b"R",
    b"b",
    b"s",
    b"e",
    b"u",
    b"t",
    b"9",
];

/// The seed itself, then an endless sequence of its mutations.
pub(super) struct Mutations<'s> {
    seed: &'s [u8],
    other: &'s [u8],
    longest: usize,
    random: Random,
    begun: bool,
}

/// A linear congruential generator with Knuth's constants (MMIX). Its high bits are the more random ones.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end.max(1)
    }

    /// A random range of 1 to 64 bytes within `length` bytes.
    fn range(&mut self, length: usize) -> std::ops::Range<usize> {
        let start = self.below(length);
        start..length.min(start + 1 + self.below(64))
    }
}

impl<'s> Mutations<'s> {
    /// Mutates `seed`, splicing in parts of `other`, up to `longest` bytes.
    pub(super) fn of(seed: &'s [u8], other: &'s [u8], longest: usize) -> Self {
        Self { seed, other, longest, random: Random(42), begun: false }
    }

    fn change(&mut self, bytes: &mut Vec<u8>) {
        let random = &mut self.random;
        let offset = random.below(bytes.len());
        let stretch = random.range(bytes.len());
        match random.below(7) {
            0 if !bytes.is_empty() => bytes[offset] ^= 1 << random.below(8),
            1 => drop(bytes.drain(stretch)),
            2 => {
                let from = bytes[stretch].to_vec();
                bytes.splice(offset..offset, from);
            }
            3 => {
                let from = random.range(self.other.len());
                bytes.splice(offset..offset, self.other[from].iter().copied());
            }
            4 => {
                let written = INTERESTING[random.below(INTERESTING.len())];
                let end = bytes.len().min(offset + written.len());
                bytes.splice(offset..end, written.iter().copied());
            }
            5 if random.below(8) == 0 => {
                // Repeated as often as fits, so that quadratic time or memory shows.
                let from = bytes[stretch].to_vec();
                let room = self.longest.saturating_sub(bytes.len());
                bytes.splice(offset..offset, from.repeat(room / from.len().max(1)));
            }
            6 if random.below(8) == 0 => bytes.truncate(offset),
            _ => {
                let written = INTERESTING[random.below(INTERESTING.len())];
                bytes.splice(offset..offset, written.iter().copied());
            }
        }
    }
}

impl Iterator for Mutations<'_> {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let mut bytes = self.seed.to_vec();
        if std::mem::replace(&mut self.begun, true) {
            for _ in 0..=self.random.below(4) {
                self.change(&mut bytes);
            }
        }
        bytes.truncate(self.longest);
        Some(bytes)
    }
}
