//! The plan of a whole pickle: a recipe for each object that it makes, or the reasons why it is refused.

use std::collections::HashMap;

use super::{
    Builder, PlanContext, PlannedCall, Recipe, Refused, array_recipe, instance_recipe, pandas_recipe, value_recipe,
};

/// What an untrusted load of a pickle builds.
#[derive(Debug, Default)]
pub(crate) struct BuildPlan<'a> {
    /// By the index of its node in the machine: how an object is made that is not a plain container.
    pub recipes: HashMap<usize, Recipe<'a>>,
    /// What the pickle does besides building plain data, each with its offset. Nothing is built unless this is empty.
    pub refusals: Vec<(u64, Refused)>,
}

/// The recipe for a call of a global that has a row.
fn recipe<'a>(context: &PlanContext<'_, 'a>, builder: Builder, call: &PlannedCall<'_>) -> Result<Recipe<'a>, Refused> {
    match builder {
        Builder::Value(builder) => value_recipe::recipe(context, builder, call),
        Builder::Array(builder) => array_recipe::recipe(context, builder, call),
        Builder::Pandas(builder) => pandas_recipe::recipe(context, builder, call),
        Builder::Instance(builder) => instance_recipe::recipe(context, builder, call),
    }
}
