//! Compares two lists of strings if at least one is pickled as one joined string, as our own pickler does.

use std::borrow::Cow;

use super::canonical::{Atom, Canonical, Compound, PartRole};
use super::{Differs, PathStep, Side};
use crate::pickle::format::split_joined;
use crate::pickle::machine::value::Ref;

/// Compares two such lists, as [`Comparer::parts`](super::Comparer) does.
pub(super) fn compare_lists(
    left: &Side<'_, '_>,
    a: &Compound<'_, '_>,
    right: &Side<'_, '_>,
    b: &Compound<'_, '_>,
) -> Result<(), Option<Differs>> {
    // The most common case: both are joined, and equal.
    if a.joined == b.joined {
        return Ok(());
    }
    let (mut ours, mut theirs) = (strings(left, a), strings(right, b));
    for index in 0.. {
        match (ours.next(), theirs.next()) {
            (None, None) => break,
            (Some(Some(a)), Some(Some(b))) if a == b => {}
            // Lists of different lengths differ as a whole.
            (None, _) | (_, None) => return Err(None),
            _ => return Err(Some((Some(PathStep::Part(PartRole::Item(index))), None, None))),
        }
    }
    Ok(())
}

/// The items; `None` for one that is not a string.
fn strings<'p>(
    side: &'p Side<'_, '_>,
    list: &'p Compound<'_, '_>,
) -> Box<dyn Iterator<Item = Option<Cow<'p, [u8]>>> + 'p> {
    let string = |item: &Ref| match side.canonicalizer.canonical(*item) {
        Canonical::Atom(Atom::String(string)) => Some(string),
        _ => None,
    };
    match &list.joined {
        Some(joined) => Box::new(split_joined(joined).map(|string| Some(Cow::Borrowed(string)))),
        None => Box::new(list.items.iter().map(string)),
    }
}
