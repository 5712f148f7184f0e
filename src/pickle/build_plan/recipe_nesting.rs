//! How deep CPython recurses when it deletes the objects of a plan.
//!
//! Lists, tuples, dicts and sets, and instances of classes in Python, are deleted without recursion. A `defaultdict`, a
//! `deque`, an exception and an array of objects delete their parts by recursion and have no limit for it: a long chain
//! of them would overflow the stack of the program. Containers between them do not help, as Python 3.13 lets these
//! recurse ten thousand deep.
//!
//! In a graph with cycles, the objects that are deleted within one another are a path that visits no object twice.

use super::{Fill, Make, PlannedRecipe, RecipeTable, ValueMake};
use crate::pickle::machine::Machine;
use crate::pickle::machine::value::Ref;
use crate::pickle::work_budget::OverBudget;

/// How deep objects may be nested, in units of a sixteenth of the stack that an array takes. An array in an array takes
/// 1.6 kilobytes, so this is a fifth of the usual eight megabytes. A separate thread has as many.
const MAX_DEPTH: u32 = 16_000;
/// The stack that an object takes, unless it is listed.
const ARRAY: u32 = 16;
const DEFAULT_DICT: u32 = 4;
const ERROR: u32 = 4;
const DEQUE: u32 = 1;
/// The calls whose objects are deleted without recursion, or hold nothing but a container that is.
const FLAT: &[&str] =
    &["Counter", "OrderedDict", "SimpleNamespace", "dict", "frozenset", "list", "set", "tuple", "int", "float", "str"];
/// The most objects that are taken out of a graph to see how long the paths between them are.
const MAX_HUBS: usize = 4;

/// Not visited yet.
const UNKNOWN: u32 = u32::MAX;
/// Visited, and its depth is known.
const DONE: u32 = u32::MAX - 1;
/// Taken out of the graph.
const REMOVED: u32 = u32::MAX - 2;

/// How deep the objects of a plan are nested.
#[derive(Debug)]
pub(super) enum Nesting {
    /// At most this deep.
    Within(u32),
    /// Deeper than is safe, at this node.
    TooDeep(usize),
}

/// How deep objects are nested. `is_inner` is whether they become parts of the objects of another pickle, so that the
/// answer must be as good as possible.
///
/// # Errors
/// If the budget is spent.
pub(super) fn nesting(machine: &Machine<'_>, recipes: &RecipeTable<'_>, is_inner: bool) -> Result<Nesting, OverBudget> {
    let weights = (0..machine.nodes().len()).map(|node| weight(machine, recipes, node));
    let all = weights.fold(0, u32::saturating_add);
    if all == 0 || (all <= MAX_DEPTH && !is_inner) {
        return Ok(Nesting::Within(all));
    }
    let mut removed: Vec<usize> = Vec::new();
    loop {
        let found = Paths::find(machine, recipes, &removed)?;
        // A path visits each of the removed objects once, and a path of the rest before and after each of them.
        let of_removed = removed.iter().map(|node| weight(machine, recipes, *node)).fold(0, u32::saturating_add);
        let pieces = u32::try_from(removed.len()).unwrap_or(u32::MAX).saturating_add(1);
        let depth = found.depth.saturating_mul(pieces).saturating_add(of_removed);
        if depth <= MAX_DEPTH {
            return Ok(Nesting::Within(depth));
        }
        match found.largest_cycle {
            Some(cycle) if removed.len() < MAX_HUBS => removed.push(hub(machine, recipes, &cycle)?),
            _ => return Ok(Nesting::TooDeep(found.deepest)),
        }
    }
}

/// The object of a cyclic part of the graph that has most references from and to others of it.
fn hub(machine: &Machine<'_>, recipes: &RecipeTable<'_>, cycle: &[u32]) -> Result<usize, OverBudget> {
    let budget = machine.budget();
    let mut degrees: Vec<u32> = Vec::new();
    budget.grow(&mut degrees, machine.nodes().len())?;
    degrees.resize(machine.nodes().len(), 0);
    let mut add = |index: usize| {
        if let Some(degree) = degrees.get_mut(index) {
            *degree = degree.saturating_add(1);
        }
    };
    for node in cycle {
        for_each_part(machine, recipes, *node as usize, |part| {
            if let Some(part) = part.node_index() {
                add(part);
                add(*node as usize);
            }
        });
    }
    let hub = cycle.iter().max_by_key(|node| degrees.get(**node as usize));
    let hub = hub.map_or(0, |node| *node as usize);
    budget.release_list(degrees);
    Ok(hub)
}

/// The longest paths in a graph, by Tarjan's algorithm for its cyclic parts. Of such a part, a path may visit all
/// objects.
struct Paths<'p, 'a> {
    machine: &'p Machine<'a>,
    recipes: &'p RecipeTable<'a>,
    /// By node: when it was visited, or one of the marks above.
    order: Vec<u32>,
    /// By node: the first one that can be reached from it, or its depth once that is known.
    low: Vec<u32>,
    /// Nodes that were visited, whose cyclic part is not complete.
    open: Vec<u32>,
    visited: u32,
    depth: u32,
    deepest: usize,
    /// The largest weight of a cyclic part, and its nodes.
    cycle_weight: u32,
    largest_cycle: Option<Vec<u32>>,
}

impl<'p, 'a> Paths<'p, 'a> {
    fn find(machine: &'p Machine<'a>, recipes: &'p RecipeTable<'a>, removed: &[usize]) -> Result<Self, OverBudget> {
        let (budget, count) = (machine.budget(), machine.nodes().len());
        let (mut order, mut low) = (Vec::new(), Vec::new());
        budget.grow(&mut order, count)?;
        budget.grow(&mut low, count)?;
        order.resize(count, UNKNOWN);
        low.resize(count, 0);
        for node in removed {
            if let Some(order) = order.get_mut(*node) {
                *order = REMOVED;
            }
        }
        let (open, visited, depth, deepest, cycle_weight, largest_cycle) = Default::default();
        let mut paths =
            Self { machine, recipes, order, low, open, visited, depth, deepest, cycle_weight, largest_cycle };
        let mut waiting = Vec::new();
        for first in 0..count {
            paths.visit(first, &mut waiting)?;
        }
        budget.release_list(waiting);
        budget.release_list(std::mem::take(&mut paths.order));
        budget.release_list(std::mem::take(&mut paths.low));
        budget.release_list(std::mem::take(&mut paths.open));
        Ok(paths)
    }

    /// Visits a node and everything that it leads to. `waiting` are nodes to visit, and nodes whose parts were visited.
    fn visit(&mut self, first: usize, waiting: &mut Vec<(u32, bool)>) -> Result<(), OverBudget> {
        let budget = self.machine.budget();
        // The machine has fewer nodes than that.
        let number = |index: usize| u32::try_from(index).unwrap_or(u32::MAX);
        budget.push(waiting, (number(first), false))?;
        while let Some((node, are_parts_visited)) = waiting.pop() {
            if are_parts_visited {
                self.leave(node as usize)?;
            } else if self.order_of(node as usize) == UNKNOWN {
                self.enter(node as usize, self.visited);
                self.visited += 1;
                budget.push(&mut self.open, node)?;
                budget.push(waiting, (node, true))?;
                let mut paid = Ok(());
                for_each_part(self.machine, self.recipes, node as usize, |part| {
                    let part = part.node_index().filter(|part| self.order_of(*part) == UNKNOWN);
                    if let (Some(part), Ok(())) = (part, &paid) {
                        paid = budget.push(waiting, (number(part), false));
                    }
                });
                paid?;
            }
        }
        Ok(())
    }

    fn order_of(&self, node: usize) -> u32 {
        self.order.get(node).copied().unwrap_or(REMOVED)
    }

    fn enter(&mut self, node: usize, order: u32) {
        for list in [&mut self.order, &mut self.low] {
            if let Some(slot) = list.get_mut(node) {
                *slot = order;
            }
        }
    }

    /// Notes the parts of a node. If it leads to no node that was visited before it, its cyclic part is complete.
    fn leave(&mut self, node: usize) -> Result<(), OverBudget> {
        let order = self.order_of(node);
        let mut low = order;
        let mut leads_to_itself = false;
        for_each_part(self.machine, self.recipes, node, |part| {
            if let Some(part) = part.node_index().filter(|part| self.order_of(*part) < REMOVED) {
                low = low.min(self.low.get(part).copied().unwrap_or(order));
                leads_to_itself |= part == node;
            }
        });
        if let Some(slot) = self.low.get_mut(node) {
            *slot = low;
        }
        if low == order {
            let from = self.open.iter().rposition(|open| *open as usize == node).unwrap_or(0);
            let part = self.open.split_off(from);
            self.complete(part)?;
        }
        Ok(())
    }

    fn complete(&mut self, nodes: Vec<u32>) -> Result<(), OverBudget> {
        let (mut weights, mut within) = (0_u32, 0);
        for node in &nodes {
            weights = weights.saturating_add(weight(self.machine, self.recipes, *node as usize));
            for_each_part(self.machine, self.recipes, *node as usize, |part| {
                if let Some(part) = part.node_index().filter(|part| self.order_of(*part) == DONE) {
                    within = within.max(self.low.get(part).copied().unwrap_or(0));
                }
            });
        }
        let depth = weights.saturating_add(within);
        for node in &nodes {
            self.enter(*node as usize, DONE);
            if let Some(slot) = self.low.get_mut(*node as usize) {
                *slot = depth;
            }
        }
        if depth > self.depth {
            self.depth = depth;
            self.deepest = nodes.first().map_or(0, |node| *node as usize);
        }
        if nodes.len() > 1 && weights > self.cycle_weight {
            self.cycle_weight = weights;
            self.machine.budget().charge(size_of_val(&nodes[..]))?;
            if let Some(before) = self.largest_cycle.replace(nodes) {
                self.machine.budget().release(size_of_val(&before[..]));
            }
        }
        Ok(())
    }
}

/// The stack that deleting an object takes, without its parts.
fn weight(machine: &Machine<'_>, recipes: &RecipeTable<'_>, node: usize) -> u32 {
    let Some(recipe) = recipes.get(node) else { return 0 };
    if let Make::Pickle(nested) = &*recipe.make {
        return nested.plan.nesting.saturating_add(ARRAY);
    }
    let weight = weight_of(recipe);
    // An object that holds only numbers and strings ends each path.
    let mut holds = false;
    if weight > 0 {
        for_each_part(machine, recipes, node, |part| holds |= part.node_index().is_some());
    }
    if holds { weight } else { 0 }
}

fn weight_of(recipe: &PlannedRecipe<'_>) -> u32 {
    match &*recipe.make {
        Make::Value(ValueMake::Call(call)) => match &*call.name {
            "deque" => DEQUE,
            "defaultdict" => DEFAULT_DICT,
            name if FLAT.contains(&name) => 0,
            _ if call.module == "datetime" => 0,
            // An exception, among others: exceptions whose class is in Python are deleted without recursion.
            _ => ARRAY,
        },
        Make::Value(ValueMake::NewError(_)) => ERROR,
        // Instances of classes in Python.
        Make::Value(ValueMake::New(..) | ValueMake::Uuid { .. }) => 0,
        Make::Value(ValueMake::Clock(_)) => 0,
        _ => ARRAY,
    }
}

/// Visits the nodes that a node refers to, as resolved references.
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
