//! The recipes of a plan, by the index of their node in the machine.

use super::Recipe;
use super::planned_recipe::{PlannedRecipe, SharedMakes};
use crate::pickle::work_budget::{OverBudget, WorkBudget};

/// The slot of a node without a recipe.
const NO_RECIPE: u32 = u32::MAX;

/// Recipes by node. Most nodes of a large pickle are containers, which have none: these take four bytes each.
#[derive(Debug, Default)]
pub(in crate::pickle) struct RecipeTable<'a> {
    slots: Vec<u32>,
    recipes: Vec<PlannedRecipe<'a>>,
    shared: SharedMakes<'a>,
}

impl<'a> RecipeTable<'a> {
    /// The recipe of a node.
    #[inline]
    pub(in crate::pickle) fn get(&self, node: usize) -> Option<&PlannedRecipe<'a>> {
        self.recipes.get(*self.slots.get(node)? as usize)
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
