//! A pickle machine that works on symbols: it follows stack, marks and memo, and executes nothing.
//!
//! It rejects the same faults as CPython's C unpickler (`Modules/_pickle.c`): stack underflow, a missing mark, an empty
//! memo slot. Values are shared by reference as in the pickle, so a pickle that would expand to gigabytes stays as
//! small as it is; everything that grows is paid for by a [`WorkBudget`](crate::pickle::work_budget::WorkBudget), and
//! nothing recurses.
//!
//! [`state`] holds the machine, [`build_notes`] the facts that a load which builds its objects needs besides the
//! values, [`run`] starts it, [`execute`] has the opcodes, [`view`] reads its values, [`prune`] drops values that are
//! not needed, and [`joblib_arrays`] handles array bytes between the opcodes.

mod build_notes;
mod execute;
mod items;
mod joblib_arrays;
#[cfg(test)]
mod joblib_tests;
mod keyed_dict;
mod limits;
#[cfg(test)]
mod machine_tests;
mod memo_slots;
mod prune;
mod run;
mod state;
pub(crate) mod value;
mod view;

pub use self::joblib_arrays::opcodes_around;

pub(crate) use self::keyed_dict::{KeyFault, KeyedDict};
pub use self::limits::MachineError;
pub(crate) use self::limits::{MAX_MARKS, MAX_MEMO, MAX_STACK};
pub(crate) use self::memo_slots::FarSlot;
pub(crate) use self::prune::Watch;
pub(crate) use self::run::{begin_following, followed};
pub(crate) use self::state::{ArrayReader, ObjectChange, SegmentRange};
pub use self::state::{Machine, RawArray};
