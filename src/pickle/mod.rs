//! The pickle language, without Python: opcodes are read, written and followed, never executed.
//!
//! [`opcode`] is the table that all the rest goes by. [`parse`] splits bytes into opcodes, [`scan`] notes what a segment
//! of our own stream needs, [`machine`] follows the stack of any pickle on symbols, [`outline`] tells from that what a
//! pickle holds, [`compare`] whether two hold the same, and [`whole`] what is left when a load has failed. Everything
//! here treats bytes as hostile: no length is believed, no nesting is recursed into without a bound, and all that grows
//! has a limit.

pub mod balance;
pub mod compare;
mod dtype_call;
pub mod emit;
pub mod facts;
pub(crate) mod known;
mod lines;
pub mod machine;
mod memo;
pub mod naming;
pub mod node;
pub mod opcode;
pub mod outline;
pub mod parse;
#[cfg(test)]
pub(crate) mod samples;
pub mod scan;
pub mod text;
pub mod texts;
pub mod tree;
pub mod verdict;
pub mod whole;

pub(crate) use self::known as rules; // compat
pub use self::verdict as guard; // compat
