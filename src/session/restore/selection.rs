//! Which variables of a snapshot are restored: those selected by `--only` and `--exclude`, and those that they need.

use std::collections::{HashMap, HashSet};

use glob::Pattern;

use crate::snapshot::index::{Index, Variable};
use crate::snapshot::segment::module_and_name;

/// What is done with a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// Not loaded.
    Skip,
    /// Loaded because others share objects with it, but not bound to a name.
    Load,
    /// Loaded and bound to its name.
    Bind,
}

/// The choice for each variable, and then for each variable of another module, in the order of the index. The globals
/// that a chosen function uses are bound as well, and so is the state of the modules that a chosen variable refers to;
/// variables that share objects with a bound one are loaded. An excluded variable is never loaded.
pub(super) fn choose(index: &Index, only: &[Pattern], exclude: &[Pattern]) -> Vec<Choice> {
    let variables: Vec<&Variable> = index.variables.iter().chain(&index.module_state).collect();
    let positions: HashMap<&str, usize> =
        variables.iter().enumerate().map(|(position, variable)| (variable.name.as_str(), position)).collect();
    let matches = |variable: &Variable, patterns: &[Pattern]| patterns.iter().any(|it| it.matches(&variable.name));
    let excluded: Vec<bool> = variables.iter().map(|variable| matches(variable, exclude)).collect();
    let chosen: Vec<bool> = variables.iter().map(|variable| only.is_empty() || matches(variable, only)).collect();
    let mut bound: Vec<bool> = chosen;
    loop {
        bound = closure(bound, &positions, |position| &variables[position].globals);
        // A function of the script can be in another module, and need globals of its own.
        if !add_module_state(&mut bound, &variables, index.variables.len()) {
            break;
        }
    }
    let bound = without(bound, &excluded);
    // Globals become names, but shared objects only have to be in the unpickler's memo.
    let loaded = closure(bound.clone(), &positions, |position| &variables[position].uses);
    // An excluded variable may have come back as a dependency. Its dependents are then reported as lost.
    let loaded = without(loaded, &excluded);
    let choice = |(bound, loaded)| match (bound, loaded) {
        (true, true) => Choice::Bind,
        (false, true) => Choice::Load,
        (_, false) => Choice::Skip,
    };
    bound.into_iter().zip(loaded).map(choice).collect()
}

/// Chooses the variables of the modules that chosen ones refer to. `first` is the position of the first variable of
/// another module. Returns whether any was added.
fn add_module_state(chosen: &mut [bool], variables: &[&Variable], first: usize) -> bool {
    let of_chosen = variables.iter().zip(chosen.iter()).filter(|(_, chosen)| **chosen);
    let modules: HashSet<&str> = of_chosen.flat_map(|(variable, _)| &variable.modules).map(String::as_str).collect();
    let mut added = false;
    for (variable, chosen) in variables.iter().zip(chosen).skip(first) {
        let is_needed = module_and_name(&variable.name).is_some_and(|(module, _)| modules.contains(module));
        added |= is_needed && !*chosen;
        *chosen |= is_needed;
    }
    added
}

fn without(mut chosen: Vec<bool>, excluded: &[bool]) -> Vec<bool> {
    chosen.iter_mut().zip(excluded).for_each(|(chosen, excluded)| *chosen &= !excluded);
    chosen
}

/// Adds the variables that the chosen ones refer to, and those that these refer to in turn. `names` returns the names
/// that the variable at a position refers to.
fn closure<'a>(
    mut chosen: Vec<bool>,
    positions: &HashMap<&str, usize>,
    names: impl Fn(usize) -> &'a Vec<String>,
) -> Vec<bool> {
    let mut waiting: Vec<usize> = (0..chosen.len()).filter(|position| chosen[*position]).collect();
    while let Some(position) = waiting.pop() {
        for name in names(position) {
            if let Some(&other) = positions.get(name.as_str())
                && !chosen[other]
            {
                chosen[other] = true;
                waiting.push(other);
            }
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::Choice::{Bind, Load, Skip};
    use super::*;

    fn index() -> Index {
        let variable = |name: &str, uses: &[&str], globals: &[&str]| Variable {
            name: name.to_owned(),
            uses: uses.iter().map(|name| (*name).to_owned()).collect(),
            globals: globals.iter().map(|name| (*name).to_owned()).collect(),
            ..Variable::default()
        };
        let variables = vec![
            variable("a", &[], &[]),
            variable("b", &["a"], &[]),
            variable("f", &[], &["b", "gone"]),
            variable("z", &[], &[]),
        ];
        Index { variables, ..Index::default() }
    }

    fn chosen(only: &[&str], exclude: &[&str]) -> Vec<Choice> {
        let patterns =
            |globs: &[&str]| globs.iter().map(|glob| Pattern::new(glob).expect("a pattern")).collect::<Vec<_>>();
        choose(&index(), &patterns(only), &patterns(exclude))
    }

    #[test]
    fn the_variables_that_a_function_needs_are_chosen_with_it() {
        assert_eq!(chosen(&["f"], &[]), [Load, Bind, Bind, Skip]);
        assert_eq!(chosen(&["z*"], &[]), [Skip, Skip, Skip, Bind]);
        assert_eq!(chosen(&[], &[]), [Bind; 4]);
    }

    #[test]
    fn an_excluded_variable_is_never_loaded() {
        assert_eq!(chosen(&[], &["a"]), [Skip, Bind, Bind, Bind]);
    }
}
