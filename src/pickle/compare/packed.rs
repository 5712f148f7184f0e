//! Lists whose items are packed into one array, on one side or on both.

use std::borrow::Cow;

use super::super::form::{Form, Parts, Role, Whole};
use super::super::packed::Item;
use super::{Differs, Side, Step};

/// Compares two lists of which one at least is packed.
pub(super) fn compare(
    left: &Side<'_, '_>,
    a: &Parts<'_>,
    right: &Side<'_, '_>,
    b: &Parts<'_>,
) -> Result<(), Option<Differs>> {
    if a.packed.is_some() && a.packed == b.packed {
        return Ok(());
    }
    let (mut ours, mut theirs) = (items(left, a), items(right, b));
    for place in 0.. {
        match (ours.next(), theirs.next()) {
            (None, None) => break,
            (Some(Some(a)), Some(Some(b))) if a == b => {}
            // Lists of other lengths differ as a whole.
            (None, _) | (_, None) => return Err(None),
            _ => return Err(Some((Some(Step::Part(Role::Item(place))), None, None))),
        }
    }
    Ok(())
}

/// The items without parts; None for one that has some.
fn items<'p>(side: &'p Side<'_, '_>, parts: &'p Parts<'_>) -> Box<dyn Iterator<Item = Option<Whole<'p>>> + 'p> {
    let whole = |item: Item<'p>| match item {
        Item::Int(number) => Whole::Int(number),
        Item::Float(number) => Whole::float(number),
        Item::Text(text) => Whole::Text(Cow::Borrowed(text)),
    };
    match &parts.packed {
        Some(packed) => Box::new(packed.items().map(move |item| Some(whole(item)))),
        None => Box::new(parts.ordered.iter().map(|(_, item)| match side.forms.form(*item) {
            Form::Whole(whole) => Some(whole),
            Form::Parts(_) => None,
        })),
    }
}
