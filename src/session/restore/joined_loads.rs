//! Variables that are loaded together: each call of the unpickler takes about as long as loading a small one.
//!
//! Only constants, containers of such, and functions are, and only if they take nothing from other variables: a class
//! or a function of those could be called. So nothing of the script or of a library runs while they are loaded, and if
//! that fails, they can be loaded again, one by one.

use super::load_variables::ChosenVariable;
use crate::snapshot::index::{SegmentRole, Variable};
use crate::snapshot::segment::Load;

/// The most bytes that are loaded at once, roughly.
const MOST_BYTES: u64 = 1 << 20;
/// Globals that only make a function.
const OF_FUNCTIONS: [&str; 3] = ["types FunctionType", "types CodeType", "types CellType"];
/// Globals that only make another object of Python itself.
const HARMLESS: [&str; 7] = [
    "__builtin__ __main__",
    "builtins bytearray",
    "builtins complex",
    "builtins frozenset",
    "builtins range",
    "builtins set",
    "builtins slice",
];

/// How many variables, from the first one on, can be loaded together.
pub(super) fn count_joined(variables: &[ChosenVariable<'_, '_>], loads: &[Load]) -> usize {
    let (mut count, mut bytes) = (0, 0);
    let mut before: Option<&Variable> = None;
    for (chosen, load) in variables.iter().zip(loads) {
        let variable = chosen.variable();
        // The slots are numbered in the order of the file, and those of an untouched file have no gaps.
        let follows = |before: &Variable| {
            before.offset.checked_add(before.length) == Some(variable.offset) && before.memo.1 == variable.memo.0
        };
        let fits = bytes == 0 || variable.length <= MOST_BYTES - bytes;
        if !fits || !is_simple(chosen, load) || !before.is_none_or(follows) {
            break;
        }
        (count, bytes) = (count + 1, MOST_BYTES.min(bytes + variable.length));
        before = Some(variable);
    }
    count
}

fn is_simple(chosen: &ChosenVariable<'_, '_>, load: &Load) -> bool {
    let variable = chosen.variable();
    // What contains a function may be made by calling it: the first part of a `__reduce__`.
    let is_function = variable.type_name == "function";
    let is_harmless = |import: &str| HARMLESS.contains(&import) || is_function && OF_FUNCTIONS.contains(&import);
    matches!(load, Load::Whole)
        && chosen.is_bound
        && chosen.segment.role() == SegmentRole::Variable
        && variable.buffers.is_empty()
        && variable.uses.is_empty()
        && variable.imports.iter().all(|import| is_harmless(import))
}
