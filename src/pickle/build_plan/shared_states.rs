//! Finds states that are part of something else, too.
//!
//! pandas and scikit-learn change the dict that they get as a state: they remove the items that they know, and add
//! items that they have computed. Our own code does not. So no other object may hold that dict: after a load by
//! CPython, it would have other items there.

use std::collections::HashMap;

use super::{Make, RecipeTable};
use crate::pickle::machine::Machine;
use crate::pickle::machine::value::{Node, NodeKind, Ref};
use crate::pickle::work_budget::{OverBudget, table_entry};

/// The first call whose state something else refers to, or that shares it with another call.
///
/// # Errors
/// If the pickle has too many states to remember.
pub(super) fn shared_state(
    machine: &Machine<'_>,
    recipes: &RecipeTable<'_>,
    values: &[Ref],
) -> Result<Option<usize>, OverBudget> {
    let mut taken = taken_apart(machine, recipes)?;
    if taken.is_empty() {
        return Ok(None);
    }
    let parts = machine.nodes().iter().flat_map(|node| {
        let added = node.added().into_iter().flat_map(|added| added.items.iter().chain(&added.pairs));
        node.items.iter().chain(node.state_ref()).chain(added)
    });
    for part in parts.chain(values) {
        let Some(index) = machine.resolve(*part).node_index() else { continue };
        if let Some((call, is_held)) = taken.get_mut(&index) {
            if *is_held {
                return Ok(Some(*call));
            }
            *is_held = true;
        }
    }
    Ok(None)
}

/// By node, the dicts that calls take apart and the tuples that these are in: the call, and whether the reference of
/// that call was seen.
type TakenStates = HashMap<usize, (usize, bool)>;

fn taken_apart(machine: &Machine<'_>, recipes: &RecipeTable<'_>) -> Result<TakenStates, OverBudget> {
    let mut taken = HashMap::new();
    for (index, node) in machine.nodes().iter().enumerate() {
        if !recipes.get(index).is_some_and(|recipe| matches!(*recipe.make, Make::Pandas(_) | Make::Instance(_))) {
            continue;
        }
        for part in node.items.get(1).into_iter().chain(node.state_ref()) {
            for found in dicts(machine, *part) {
                machine.budget().charge(table_entry::<usize, (usize, bool)>())?;
                taken.insert(found, (index, false));
            }
        }
    }
    Ok(taken)
}

/// The node of a dict, or the nodes of a tuple and its dicts.
fn dicts(machine: &Machine<'_>, part: Ref) -> Vec<usize> {
    let kind_of = |reference: Ref| machine.node(reference).map(|node| node.kind);
    let index_of = |reference: Ref| machine.resolve(reference).node_index();
    let mut found = Vec::new();
    match machine.node(part) {
        Some(Node { kind: NodeKind::Dict, .. }) => found.extend(index_of(part)),
        Some(Node { kind: NodeKind::Tuple, items, .. }) => {
            let dicts = items.iter().filter(|item| kind_of(**item) == Some(NodeKind::Dict));
            found.extend(dicts.filter_map(|dict| index_of(*dict)));
            if !found.is_empty() {
                found.extend(index_of(part));
            }
        }
        _ => {}
    }
    found
}
