//! Where converted opcodes go: into memory, or into a comparison that keeps none of them.

/// Opcodes that do not use the memo are passed on in stretches of about this many bytes.
pub(crate) const STRETCH: usize = 1 << 20;

/// Takes the opcodes of a conversion.
pub(crate) trait OpcodeSink {
    /// Takes the next bytes.
    fn put(&mut self, bytes: &[u8]);

    /// The number of bytes so far.
    fn length(&self) -> usize;

    /// Takes a long opcode, which is the same in both forms. In a file, there may be padding before it.
    fn long_opcode(&mut self, bytes: &[u8], _is_padded: bool) {
        self.put(bytes);
    }

    /// Called between two opcodes, after [`STRETCH`] bytes at most.
    fn between_opcodes(&mut self) {}

    /// Called where contents of this many bytes are left out.
    fn contents(&mut self, _length: u64) {}
}

impl OpcodeSink for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }

    fn length(&self) -> usize {
        self.len()
    }
}

/// Compares opcodes with the expected ones.
pub(crate) struct OpcodeComparison<'a> {
    expected: &'a [u8],
    length: usize,
    is_same: bool,
}

impl<'a> OpcodeComparison<'a> {
    pub(crate) fn new(expected: &'a [u8]) -> Self {
        Self { expected, length: 0, is_same: true }
    }

    /// Whether all opcodes were the expected ones.
    pub(crate) fn is_same(&self) -> bool {
        self.is_same && self.length == self.expected.len()
    }
}

impl OpcodeSink for OpcodeComparison<'_> {
    fn put(&mut self, bytes: &[u8]) {
        let end = self.length.saturating_add(bytes.len());
        self.is_same &= self.expected.get(self.length..end) == Some(bytes);
        self.length = end;
    }

    fn length(&self) -> usize {
        self.length
    }
}
