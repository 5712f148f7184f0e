//! The recipes of a plan, by the index of their node in the machine.

use std::borrow::Cow;
use std::collections::HashSet;

use super::planned_recipe::{PlannedRecipe, SharedMakes};
use super::{Make, Recipe, ValueMake};
use crate::pickle::work_budget::{OverBudget, WorkBudget, shared_string, table_entry};

/// The slot of a node without a recipe.
const NO_RECIPE: u32 = u32::MAX;

/// Recipes by node. Most nodes of a large pickle are containers, which have none: these take four bytes each.
#[derive(Debug, Default)]
pub(in crate::pickle) struct RecipeTable<'a> {
    slots: Vec<u32>,
    recipes: Vec<PlannedRecipe<'a>>,
    shared: SharedMakes<'a>,
    /// The time zones whose offsets are not known here, by name or by number.
    zones: HashSet<String>,
}

/// The name of a time zone whose offset is not known here; `None` for everything else.
fn zone_name<'r>(make: &'r Make<'_>, number: u32) -> Option<Cow<'r, str>> {
    match make {
        Make::Value(ValueMake::Zone { key, .. }) => Some(Cow::Borrowed(key)),
        Make::Pandas(make) if make.function.ends_with("_zone") => Some(Cow::Owned(number.to_string())),
        _ => None,
    }
}

impl<'a> RecipeTable<'a> {
    /// The recipe of a node.
    #[inline]
    pub(in crate::pickle) fn get(&self, node: usize) -> Option<&PlannedRecipe<'a>> {
        self.recipes.get(*self.slots.get(node)? as usize)
    }

    /// Whether a recipe makes a time zone whose offset is not known here.
    pub(super) fn is_zone(recipe: &PlannedRecipe<'_>) -> bool {
        zone_name(&recipe.make, 0).is_some()
    }

    /// How many such time zones there are.
    pub(super) fn zones(&self) -> usize {
        self.zones.len()
    }

    /// Sets the recipe of a node, and pays for it.
    ///
    /// # Errors
    /// If the budget is spent.
    pub(in crate::pickle) fn insert(
        &mut self,
        budget: &WorkBudget,
        node: usize,
        recipe: Recipe<'a>,
    ) -> Result<(), OverBudget> {
        // There are fewer nodes than that, as the machine limits them.
        let number = u32::try_from(self.recipes.len()).unwrap_or(NO_RECIPE);
        if self.slots.len() <= node {
            let more = node + 1 - self.slots.len();
            budget.grow(&mut self.slots, more)?;
            self.slots.resize(node + 1, NO_RECIPE);
        }
        let (recipe, memory) = self.shared.planned(recipe);
        budget.charge(memory)?;
        if let Some(name) = zone_name(&recipe.make, number).filter(|name| !self.zones.contains(&**name)) {
            budget.charge(table_entry::<String, ()>() + shared_string(&name))?;
            self.zones.insert(name.into_owned());
        }
        budget.push(&mut self.recipes, recipe)?;
        if let Some(slot) = self.slots.get_mut(node) {
            *slot = number;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Fill, Make};
    use super::*;

    #[test]
    fn a_recipe_is_found_by_its_node_only() -> Result<(), OverBudget> {
        let mut table = RecipeTable::default();
        let recipe = |name: &str| Recipe {
            make: Make::Module(name.to_owned()),
            needs: Vec::new(),
            reads: false,
            fill: Fill::Nothing,
        };
        let budget = WorkBudget::new(0, None);
        table.insert(&budget, 5, recipe("five"))?;
        table.insert(&budget, 2, recipe("two"))?;
        let name = |node| match table.get(node).map(|recipe| &*recipe.make) {
            Some(Make::Module(name)) => Some(name.as_str()),
            _ => None,
        };
        assert_eq!([2, 3, 5, 6].map(name), [Some("two"), None, Some("five"), None]);
        Ok(())
    }
}
