//! Which variables of a snapshot are brought back: what `--only` and `--exclude` say, and what that needs.

use std::collections::HashMap;

use glob::Pattern;

use crate::snapshot::index::{Index, Variable};

/// What is to be done with each variable, in the order of the index.
pub(super) struct Selection {
    /// It is loaded, for itself or for others.
    pub(super) loaded: Vec<bool>,
    /// It becomes a name.
    pub(super) bound: Vec<bool>,
}

impl Selection {
    /// Chooses. What the code of a chosen function looks up comes along; so does, without a name, what shares objects
    /// with a chosen variable. What is excluded is not loaded for anybody.
    pub(super) fn new(index: &Index, only: &[Pattern], exclude: &[Pattern]) -> Self {
        let variables = &index.variables;
        let places: HashMap<&str, usize> =
            variables.iter().enumerate().map(|(place, variable)| (variable.name.as_str(), place)).collect();
        let excluded: Vec<bool> =
            variables.iter().map(|variable| exclude.iter().any(|pattern| pattern.matches(&variable.name))).collect();
        let chosen =
            |variable: &Variable| only.is_empty() || only.iter().any(|pattern| pattern.matches(&variable.name));
        let bound = closure(variables.iter().map(chosen).collect(), &places, |place| &variables[place].globals);
        let bound = without(bound, &excluded);
        let loaded = closure(bound.clone(), &places, |place| &variables[place].uses);
        Self { loaded: without(loaded, &excluded), bound }
    }

    /// Whether nothing was chosen.
    pub(super) fn is_empty(&self) -> bool {
        !self.bound.contains(&true)
    }
}

fn without(mut chosen: Vec<bool>, excluded: &[bool]) -> Vec<bool> {
    chosen.iter_mut().zip(excluded).for_each(|(chosen, excluded)| *chosen &= !excluded);
    chosen
}

/// Adds what the chosen ones name, and what those name in turn.
fn closure<'a>(
    mut chosen: Vec<bool>,
    places: &HashMap<&str, usize>,
    names: impl Fn(usize) -> &'a Vec<String>,
) -> Vec<bool> {
    let mut waiting: Vec<usize> = (0..chosen.len()).filter(|place| chosen[*place]).collect();
    while let Some(place) = waiting.pop() {
        for name in names(place) {
            if let Some(&other) = places.get(name.as_str())
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

    fn select(only: &[&str], exclude: &[&str]) -> (Vec<bool>, Vec<bool>) {
        let patterns =
            |texts: &[&str]| texts.iter().map(|text| Pattern::new(text).expect("a pattern")).collect::<Vec<_>>();
        let selection = Selection::new(&index(), &patterns(only), &patterns(exclude));
        (selection.loaded, selection.bound)
    }

    #[test]
    fn what_a_function_needs_comes_along() {
        assert_eq!(select(&["f"], &[]), (vec![true, true, true, false], vec![false, true, true, false]));
        assert_eq!(select(&["z*"], &[]), (vec![false, false, false, true], vec![false, false, false, true]));
        assert_eq!(select(&[], &[]), (vec![true; 4], vec![true; 4]));
    }

    #[test]
    fn what_is_excluded_is_loaded_for_nobody() {
        assert_eq!(select(&[], &["a"]), (vec![false, true, true, true], vec![false, true, true, true]));
    }
}
