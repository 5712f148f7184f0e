//! Pseudo-random numbers that are the same in every run, so that failures can be reproduced.

/// A linear congruential generator (Knuth's MMIX).
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    /// The next number, below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % end.max(1) as u64) as usize
    }
}
