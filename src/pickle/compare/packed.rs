//! Lists of which some items are packed into arrays, on one side or on both.

use std::borrow::Cow;

use super::super::form::{Form, Parts, Role, Whole};
use super::super::node::Ref;
use super::super::packed::Item;
use super::{Differs, Side, Step};

/// Compares two lists of which one at least is packed. Returns the items that are values of their own on both sides.
pub(super) fn compare(
    left: &Side<'_, '_>,
    a: &Parts<'_>,
    right: &Side<'_, '_>,
    b: &Parts<'_>,
) -> Result<Vec<(Step, Ref, Ref)>, Option<Differs>> {
    if a.packed == b.packed && a.ordered.is_empty() && b.ordered.is_empty() {
        return Ok(Vec::new());
    }
    let (mut ours, mut theirs) = (entries(a), entries(b));
    let mut parts = Vec::new();
    for place in 0.. {
        let step = Step::Part(Role::Item(place));
        let same = match (ours.next(), theirs.next()) {
            (None, None) => break,
            (Some(Entry::Value(a)), Some(Entry::Value(b))) => {
                parts.push((step, a, b));
                true
            }
            (Some(a), Some(b)) => a.whole(left).zip(b.whole(right)).is_some_and(|(a, b)| a == b),
            // Lists of other lengths differ as a whole.
            (None, _) | (_, None) => return Err(None),
        };
        if !same {
            return Err(Some((Some(step), None, None)));
        }
    }
    Ok(parts)
}

/// An item of a list.
enum Entry<'p> {
    Packed(Item<'p>),
    Value(Ref),
}

impl<'p> Entry<'p> {
    /// The item, if it has no parts.
    fn whole(self, side: &Side<'_, 'p>) -> Option<Whole<'p>> {
        match self {
            Self::Packed(Item::Int(number)) => Some(Whole::Int(number)),
            Self::Packed(Item::Float(number)) => Some(Whole::float(number)),
            Self::Packed(Item::Text(text)) => Some(Whole::Text(Cow::Borrowed(text))),
            Self::Value(value) => match side.forms.form(value) {
                Form::Whole(whole) => Some(whole),
                Form::Parts(_) => None,
            },
        }
    }
}

fn entries<'p>(parts: &'p Parts<'_>) -> impl Iterator<Item = Entry<'p>> {
    let packed = parts.packed.iter().flat_map(|packed| packed.items().map(Entry::Packed));
    packed.chain(parts.ordered.iter().map(|(_, value)| Entry::Value(*value)))
}
