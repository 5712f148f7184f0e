//! Which variables of a snapshot get a name: those selected by `--only` and `--exclude`, and the globals of functions.

use std::collections::{HashMap, HashSet};

use glob::Pattern;

use super::restore_context::FrameChoice;
use crate::snapshot::index::{Index, Variable, split_local_name};
use crate::snapshot::segment::module_and_name;

/// Which variables are bound to their names, in the order of the index, and then which variables of other modules are
/// set; and which local variables of frames. Patterns match their bare names.
pub(super) fn choose(
    index: &Index,
    only: &[Pattern],
    exclude: &[Pattern],
    frames: FrameChoice,
) -> (Vec<bool>, Vec<bool>) {
    let matches = |name: &str, patterns: &[Pattern]| patterns.iter().any(|it| it.matches(name));
    let is_wanted = |local: &Variable| {
        let name = split_local_name(&local.name).map_or("", |(_, name)| name);
        frames.takes(local, index.frames.len()) && (only.is_empty() || matches(name, only)) && !matches(name, exclude)
    };
    let locals: Vec<bool> = index.frame_locals.iter().map(is_wanted).collect();
    (choose_session(index, only, exclude), locals)
}

/// Which variables are bound to their names, in the order of the index, and then which variables of other modules are
/// set: the chosen ones, the globals that chosen functions use, and the state of the modules that these refer to.
/// What bound variables share with others is loaded with them, see [`crate::snapshot::load_plan`].
fn choose_session(index: &Index, only: &[Pattern], exclude: &[Pattern]) -> Vec<bool> {
    let variables: Vec<&Variable> = index.variables.iter().chain(&index.module_state).collect();
    let positions: HashMap<&str, usize> =
        variables.iter().enumerate().map(|(position, variable)| (variable.name.as_str(), position)).collect();
    let matches = |variable: &Variable, patterns: &[Pattern]| patterns.iter().any(|it| it.matches(&variable.name));
    let chosen: Vec<bool> = variables.iter().map(|variable| only.is_empty() || matches(variable, only)).collect();
    let mut bound: Vec<bool> = chosen;
    loop {
        bound = closure(bound, &positions, |position| &variables[position].globals);
        // A function of the script can be in another module, and need globals of its own.
        if !add_module_state(&mut bound, &variables, index.variables.len()) {
            break;
        }
    }
    bound.into_iter().zip(variables).map(|(bound, variable)| bound && !matches(variable, exclude)).collect()
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

    fn chosen(only: &[&str], exclude: &[&str]) -> Vec<bool> {
        let patterns =
            |globs: &[&str]| globs.iter().map(|glob| Pattern::new(glob).expect("a pattern")).collect::<Vec<_>>();
        choose_session(&index(), &patterns(only), &patterns(exclude))
    }

    #[test]
    fn the_variables_that_a_function_needs_are_chosen_with_it() {
        assert_eq!(chosen(&["f"], &[]), [false, true, true, false]);
        assert_eq!(chosen(&["z*"], &[]), [false, false, false, true]);
        assert_eq!(chosen(&[], &[]), [true; 4]);
    }

    #[test]
    fn an_excluded_variable_gets_no_name() {
        assert_eq!(chosen(&[], &["a"]), [false, true, true, true]);
        assert_eq!(chosen(&["f"], &["b"]), [false, false, true, false]);
    }
}
