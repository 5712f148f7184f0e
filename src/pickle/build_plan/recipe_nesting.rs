//! How deep objects of recipes are nested within one another.
//!
//! CPython deletes many of them by recursion (a `defaultdict` in a `defaultdict`, an array of objects in another), and
//! has no limit for it: the program would crash. Plain containers have a limit of their own, and count only for what
//! they hold.

use super::{Fill, Make, PlannedRecipe, RecipeTable, ValueMake};
use crate::pickle::machine::Machine;
use crate::pickle::machine::value::Ref;
use crate::pickle::work_budget::OverBudget;

/// How deep objects of recipes may be nested.
pub(super) const MAX_NESTED_RECIPES: u32 = 1_000;
/// The depth of a node that was not visited.
const UNKNOWN: u32 = u32::MAX;

/// The first node that is nested too deep. What is part of itself counts once.
///
/// # Errors
/// If the budget is spent.
pub(super) fn too_deep(machine: &Machine<'_>, recipes: &RecipeTable<'_>) -> Result<Option<usize>, OverBudget> {
    if recipes.len() <= MAX_NESTED_RECIPES as usize {
        return Ok(None);
    }
    let budget = machine.budget();
    let mut depths = Vec::new();
    budget.grow(&mut depths, machine.nodes().len())?;
    depths.resize(machine.nodes().len(), UNKNOWN);
    let mut waiting = Vec::new();
    for first in 0..depths.len() {
        budget.push(&mut waiting, (first, false))?;
        while let Some((index, are_parts_known)) = waiting.pop() {
            let Some(depth) = depths.get(index).copied() else { continue };
            if are_parts_known {
                let mut depth = 0;
                for_each_part(machine, recipes, index, |part| {
                    let of_part = part.node_index().and_then(|part| depths.get(part).copied());
                    depth = depth.max(of_part.filter(|depth| *depth != UNKNOWN).unwrap_or(0));
                });
                depth += u32::from(recipes.get(index).is_some_and(may_recurse));
                if depth > MAX_NESTED_RECIPES {
                    return Ok(Some(index));
                }
                if let Some(slot) = depths.get_mut(index) {
                    *slot = depth;
                }
            } else if depth == UNKNOWN {
                if let Some(slot) = depths.get_mut(index) {
                    *slot = 0;
                }
                budget.push(&mut waiting, (index, true))?;
                let mut paid = Ok(());
                for_each_part(machine, recipes, index, |part| {
                    let part = part.node_index().filter(|part| depths.get(*part) == Some(&UNKNOWN));
                    if let (Some(part), Ok(())) = (part, &paid) {
                        paid = budget.push(&mut waiting, (part, false));
                    }
                });
                paid?;
            }
        }
    }
    budget.release_list(depths);
    budget.release_list(waiting);
    Ok(None)
}

/// Whether deleting an object may delete its parts by recursion.
fn may_recurse(recipe: &PlannedRecipe<'_>) -> bool {
    let is_deque = matches!(&*recipe.make, Make::Value(ValueMake::Call(call)) if call.name == "deque");
    !is_deque && (!recipe.needs.is_empty() || recipe.fill().len() > 0)
}

/// Visits what a node refers to, as resolved references.
pub(super) fn for_each_part(
    machine: &Machine<'_>,
    recipes: &RecipeTable<'_>,
    index: usize,
    mut visit: impl FnMut(Ref),
) {
    let Some(node) = machine.nodes().get(index) else { return };
    let mut visit_all = |parts: &[Ref]| {
        parts.iter().map(|part| machine.resolve(*part)).for_each(&mut visit);
    };
    if node.kind.holds_items() {
        return visit_all(&node.items);
    }
    let Some(recipe) = recipes.get(index) else { return };
    visit_all(&recipe.needs);
    match recipe.fill() {
        Fill::Nothing => {}
        Fill::Items(parts) | Fill::Pairs(parts) => visit_all(parts),
        Fill::Elements(parts) => visit_all(parts),
        Fill::Attributes(attributes) => attributes.iter().for_each(|(_, part)| visit_all(&[*part])),
        Fill::Value(fill) => visit_all(&fill.parts()),
    }
}
