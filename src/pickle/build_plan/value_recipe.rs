//! Recipes for values of builtins and of the standard library.

use super::{PlanContext, PlannedCall, Recipe, Refused};

/// Which recipe a row of the registry asks for.
#[derive(Clone, Copy, Debug)]
pub(in crate::pickle) enum ValueBuilder {}

/// How an object is made, with checked arguments.
#[derive(Debug)]
pub(crate) enum ValueMake<'a> {
    /// A string that was decoded.
    Text(std::borrow::Cow<'a, str>),
}

/// The recipe for a call.
pub(super) fn recipe<'a>(
    _context: &PlanContext<'_, 'a>,
    builder: ValueBuilder,
    _call: &PlannedCall<'_>,
) -> Result<Recipe<'a>, Refused> {
    match builder {}
}
