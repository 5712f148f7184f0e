//! Single passes over opcodes, for questions that need little or nothing of the symbolic machine.

mod filled_slots;
mod opcode_sink;
pub(crate) mod relative_check;
mod relative_pieces;
pub(crate) mod relative_slots;
pub(crate) mod scan;
pub(crate) mod segment_part;
mod span_pass;
pub(crate) mod stack_check;
pub(crate) mod value_spans;
#[cfg(test)]
mod value_spans_tests;
