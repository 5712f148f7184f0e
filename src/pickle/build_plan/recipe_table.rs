//! The recipes of a plan, by the index of their node in the machine.

use super::Recipe;

/// The slot of a node without a recipe.
const NO_RECIPE: u32 = u32::MAX;

/// Recipes by node. Most nodes of a large pickle are containers, which have none: these take four bytes each.
#[derive(Debug, Default)]
pub(in crate::pickle) struct RecipeTable<'a> {
    slots: Vec<u32>,
    recipes: Vec<Recipe<'a>>,
}

impl<'a> RecipeTable<'a> {
    /// The recipe of a node.
    #[inline]
    pub(in crate::pickle) fn get(&self, node: usize) -> Option<&Recipe<'a>> {
        self.recipes.get(*self.slots.get(node)? as usize)
    }

    /// How many recipes there are.
    pub(super) fn len(&self) -> usize {
        self.recipes.len()
    }

    /// Sets the recipe of a node.
    pub(in crate::pickle) fn insert(&mut self, node: usize, recipe: Recipe<'a>) {
        // There are fewer nodes than that, as the machine limits them.
        let number = u32::try_from(self.recipes.len()).unwrap_or(NO_RECIPE);
        if self.slots.len() <= node {
            self.slots.resize(node + 1, NO_RECIPE);
        }
        if let Some(slot) = self.slots.get_mut(node) {
            *slot = number;
            self.recipes.push(recipe);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Fill, Make};
    use super::*;

    #[test]
    fn a_recipe_is_found_by_its_node_only() {
        let mut table = RecipeTable::default();
        let recipe = |name: &str| Recipe {
            make: Make::Module(name.to_owned()),
            needs: Vec::new(),
            reads: false,
            fill: Fill::Nothing,
        };
        table.insert(5, recipe("five"));
        table.insert(2, recipe("two"));
        let name = |node| match table.get(node).map(|recipe| &recipe.make) {
            Some(Make::Module(name)) => Some(name.as_str()),
            _ => None,
        };
        assert_eq!([2, 3, 5, 6].map(name), [Some("two"), None, Some("five"), None]);
    }
}
