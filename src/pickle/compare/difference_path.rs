//! The path from a variable to a difference, as Python would write it.

use super::canonical::PartRole;
use super::{Difference, Side};
use crate::pickle::machine::value::Ref;

/// The most bytes of a path.
const MAX_PATH: usize = 120;

/// A step from a value to one of its parts.
#[derive(Clone, Copy, Debug)]
pub(super) enum PathStep {
    Root,
    Part(PartRole),
    /// The value of a key.
    Key(Ref),
    /// A member of a set, or a key.
    Member,
}

/// The difference at the end of these steps, and whether the path goes to the last step or the one before it.
pub(super) fn difference(
    left: &Side<'_, '_>,
    right: &Side<'_, '_>,
    steps: impl Iterator<Item = PathStep>,
    values: (Option<Ref>, Option<Ref>),
) -> (Difference, bool) {
    let mut path = String::new();
    let mut in_state = false;
    let mut steps = steps.peekable();
    while let Some(step) = steps.next() {
        let is_last = steps.peek().is_none();
        // A key that only the right side has can only be the last step.
        let side = if values.0.is_none() && is_last { right } else { left };
        let Some(written) = written_step(side, step, in_state) else {
            return (Difference { path, left: None, right: None }, is_last);
        };
        // A path through a deeply nested value would be unreadable.
        if path.len() + written.len() > MAX_PATH {
            path.push('…');
            return (Difference { path, left: None, right: None }, false);
        }
        path.push_str(&written);
        in_state = matches!(step, PathStep::Part(PartRole::State));
    }
    let shown = |side: &Side<'_, '_>, value: Option<Ref>| value.map(|value| shown_value(side, value));
    (Difference { path, left: shown(left, values.0), right: shown(right, values.1) }, true)
}

/// How Python writes a step; `None` if it cannot. `in_state` says that the step before led to the state of an instance.
fn written_step(side: &Side<'_, '_>, step: PathStep, in_state: bool) -> Option<String> {
    match step {
        // The state of an instance is its `__dict__`, whose keys are written as attributes.
        PathStep::Root | PathStep::Part(PartRole::State) => Some(String::new()),
        // If the class has `__slots__`, its state is a tuple, with the values of the slots in a dict.
        PathStep::Part(PartRole::Item(_)) if in_state => None,
        PathStep::Part(PartRole::Item(index)) => Some(format!("[{index}]")),
        PathStep::Key(key) => match side.labels.string(key).filter(|_| in_state) {
            Some(name) => Some(format!(".{name}")),
            None => Some(side.labels.preview(key)).filter(|key| !key.is_empty()).map(|key| format!("[{key}]")),
        },
        PathStep::Member | PathStep::Part(_) => None,
    }
}

/// A value in a few words: a literal, or a type and a length.
fn shown_value(side: &Side<'_, '_>, value: Ref) -> String {
    let (type_name, preview) = (side.labels.type_name(value), side.labels.preview(value));
    match (side.labels.length(value), preview.is_empty()) {
        (_, false) => preview.as_ref().to_owned(),
        (Some(length), true) => format!("{type_name} ({length})"),
        (None, true) if type_name.as_ref() == "NoneType" => "None".to_owned(),
        (None, true) => type_name.as_ref().to_owned(),
    }
}
