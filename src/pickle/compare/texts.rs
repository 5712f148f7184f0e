//! Lists of texts that are written as one text, on one side or on both.

use std::borrow::Cow;

use super::super::form::{Form, Parts, Role, Whole};
use super::super::texts::split;
use super::{Differs, Side, Step};

/// Compares two lists of which one at least is written so.
pub(super) fn compare(
    left: &Side<'_, '_>,
    a: &Parts<'_>,
    right: &Side<'_, '_>,
    b: &Parts<'_>,
) -> Result<(), Option<Differs>> {
    if a.texts == b.texts {
        return Ok(());
    }
    let (mut ours, mut theirs) = (texts(left, a), texts(right, b));
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

/// The items; None for one that is no text.
fn texts<'p>(side: &'p Side<'_, '_>, parts: &'p Parts<'_>) -> Box<dyn Iterator<Item = Option<Cow<'p, [u8]>>> + 'p> {
    match &parts.texts {
        Some(joined) => Box::new(split(joined).map(|text| Some(Cow::Borrowed(text)))),
        None => Box::new(parts.ordered.iter().map(|(_, item)| match side.forms.form(*item) {
            Form::Whole(Whole::Text(text)) => Some(text),
            _ => None,
        })),
    }
}
