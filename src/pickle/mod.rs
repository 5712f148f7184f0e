//! The pickle format without Python: pickles are parsed, written, followed and explained, never executed.
//!
//! The folders build on one another, from the bytes up:
//! * [`mod@format`]: the opcode table, the parser and the emitter;
//! * [`machine`]: a pickle machine that works on symbols instead of objects;
//! * [`passes`]: linear passes over opcodes that need no machine;
//! * [`known`]: what is known about well-known callables;
//! * [`build_plan`]: what an untrusted file may build, and how;
//! * [`explain`]: types, lengths, previews, outline and trace of the values that a machine has made;
//! * [`compare`] and [`verdict`]: whether two pickles hold the same, and what loading one would do;
//! * [`inspection`]: one run of the machine that serves all of them;
//! * [`mod@work_budget`]: how much memory and how many steps all of that may take.
//!
//! All input is treated as hostile: lengths are checked against the bytes that exist, nothing recurses without a bound,
//! and everything that grows has a limit.

#[cfg_attr(
    not(feature = "python"),
    allow(dead_code, unused_imports, reason = "only a restore, which needs Python, carries out the recipes")
)]
pub(crate) mod build_plan;
pub(crate) mod compare;
#[cfg_attr(not(feature = "python"), allow(dead_code, reason = "some questions are asked by a save only"))]
pub(crate) mod credentials;
mod dtype_call;
pub(crate) mod explain;
pub(crate) mod format;
pub(crate) mod inspection;
pub(crate) mod known;
pub(crate) mod machine;
pub(crate) mod passes;
#[cfg(test)]
pub(crate) mod samples;
pub(crate) mod verdict;
pub(crate) mod work_budget;
