//! The pickle format without Python: pickles are parsed, written, followed and explained, never executed.
//!
//! The folders build on one another, from the bytes up:
//! * [`format`]: the opcode table, the parser and the emitter;
//! * [`machine`]: a pickle machine that works on symbols instead of objects;
//! * [`passes`]: linear passes over opcodes that need no machine;
//! * [`known`]: what is known about well-known callables;
//! * [`explain`]: types, lengths, previews, outline and trace of the values that a machine has made;
//! * [`compare`] and [`verdict`]: whether two pickles hold the same, and what loading one would do;
//! * [`inspection`]: one run of the machine that serves all of them.
//!
//! All input is treated as hostile: lengths are checked against the bytes that exist, nothing recurses without a bound,
//! and everything that grows has a limit.

pub mod compare;
mod dtype_call;
pub mod explain;
pub mod format;
pub mod inspection;
pub(crate) mod known;
pub mod machine;
pub mod passes;
#[cfg(test)]
pub(crate) mod samples;
pub mod verdict;

pub use self::explain::describe_value as facts; // compat
pub use self::explain::labels as naming; // compat
pub use self::explain::outline; // compat
pub use self::explain::trace_tree as tree; // compat
pub(crate) use self::format::emit; // compat
pub(crate) use self::format::joined_list as texts; // compat
pub use self::format::opcode; // compat
pub use self::format::parse; // compat
pub(crate) use self::format::py_str as text; // compat
pub(crate) use self::known as rules; // compat
pub use self::machine::value as node; // compat
pub use self::passes::recover as whole; // compat
pub use self::passes::scan; // compat
pub use self::passes::stack_check as balance; // compat
pub use self::verdict as guard; // compat
