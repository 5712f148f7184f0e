//! Recipes for dtypes, arrays, scalars and random generators of numpy.

use super::{PlanContext, PlannedCall, Recipe, Refused};

/// Which recipe a row of the registry asks for.
#[derive(Clone, Copy, Debug)]
pub(in crate::pickle) enum ArrayBuilder {}

/// How an object is made, with checked arguments.
#[derive(Debug)]
pub(crate) enum ArrayMake<'a> {
    /// Bytes of the pickle.
    Bytes(&'a [u8]),
}

/// The recipe for a call.
pub(super) fn recipe<'a>(
    _context: &PlanContext<'_, 'a>,
    builder: ArrayBuilder,
    _call: &PlannedCall<'_>,
) -> Result<Recipe<'a>, Refused> {
    match builder {}
}
