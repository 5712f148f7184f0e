//! The path from a variable to a difference, as Python would write it.

use super::canonical::PartRole;
use super::{Difference, Side};
use crate::pickle::credentials::NOT_SHOWN;
use crate::pickle::explain::named_previews::{PlaceName, ValuePlace};
use crate::pickle::machine::value::{NodeKind, Ref};

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

/// The difference at the end of these steps from a variable, each with the value on the left that it begins at, and
/// whether the path goes to the last step or the one before it.
pub(super) fn difference(
    left: &Side<'_, '_>,
    right: &Side<'_, '_>,
    steps: impl Iterator<Item = (PathStep, Ref)>,
    values: (Option<Ref>, Option<Ref>),
    variable: Option<PlaceName>,
) -> (Difference, bool) {
    let mut path = String::new();
    let mut shown = ShownValues { name: variable, hides_strings: false };
    let mut in_state = false;
    let mut steps = steps.peekable();
    while let Some((step, from)) = steps.next() {
        let is_last = steps.peek().is_none();
        // A key that only the right side has can only be the last step.
        let side = if values.0.is_none() && is_last { right } else { left };
        shown.step(left, side, step, from);
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
    let (left, right) =
        (values.0.map(|value| shown.value(left, value)), values.1.map(|value| shown.value(right, value)));
    (Difference { path, left, right }, true)
}

/// The parts of a path that decide whether the values at its end are shown.
struct ShownValues {
    name: Option<PlaceName>,
    hides_strings: bool,
}

impl ShownValues {
    /// Follows a step from a value of the left side. `side` has the key, if the step is one.
    fn step(&mut self, left: &Side<'_, '_>, side: &Side<'_, '_>, step: PathStep, from: Ref) {
        self.hides_strings |= left.labels.holds_credentials(from);
        let Some(node) = left.labels.machine().node(from) else { return };
        match step {
            PathStep::Key(key) => {
                self.name = side.labels.place_name(ValuePlace::Key(node, key), self.name.as_ref());
            }
            PathStep::Part(PartRole::Item(at)) => {
                let place =
                    ValuePlace::Item { items: &node.items, at, is_tuple: node.kind == NodeKind::Tuple, call: None };
                self.name = left.labels.place_name(place, self.name.as_ref());
            }
            _ => {}
        }
    }

    /// A value in a few words: a literal, or a type and a length.
    fn value(&self, side: &Side<'_, '_>, value: Ref) -> String {
        let is_hidden = self.hides_strings && side.labels.is_string(value);
        let preview = if is_hidden { NOT_SHOWN.into() } else { side.labels.named_preview(self.name.as_ref(), value) };
        let type_name = side.labels.type_name(value);
        match (side.labels.length(value), preview.is_empty()) {
            (_, false) => preview.as_ref().to_owned(),
            (Some(length), true) => format!("{type_name} ({length})"),
            (None, true) if type_name.as_ref() == "NoneType" => "None".to_owned(),
            (None, true) => type_name.as_ref().to_owned(),
        }
    }
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
