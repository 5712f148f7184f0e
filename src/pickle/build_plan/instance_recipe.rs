//! Recipes for instances of classes on a list, whose attributes are declared.

use super::{PlanContext, PlannedCall, Recipe, Refused};

/// Which recipe a row of the registry asks for.
#[derive(Clone, Copy, Debug)]
pub(in crate::pickle) enum InstanceBuilder {}

/// How an object is made, with checked arguments.
#[derive(Debug)]
pub(crate) enum InstanceMake {}

/// The recipe for a call.
pub(super) fn recipe<'a>(
    _context: &PlanContext<'_, 'a>,
    builder: InstanceBuilder,
    _call: &PlannedCall<'_>,
) -> Result<Recipe<'a>, Refused> {
    match builder {}
}
