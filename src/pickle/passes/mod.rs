//! Single passes over opcodes, for questions that need little or nothing of the symbolic machine.

mod filled_slots;
pub mod recover;
pub mod scan;
pub mod stack_check;
