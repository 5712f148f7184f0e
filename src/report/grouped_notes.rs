//! What will differ after a restore, one line for each difference, with the variables that have it.

use std::collections::HashMap;

use crate::snapshot::index::Variable;

/// How many variables are named for one difference.
const MOST_NAMES: usize = 8;

/// The notes of variables as lines: `log, worker: a logger will be restored by its name, without its handlers`.
pub(crate) fn grouped_notes<'v>(variables: impl IntoIterator<Item = &'v Variable>) -> Vec<String> {
    let mut notes: Vec<(&str, Vec<&str>)> = Vec::new();
    let mut positions = HashMap::new();
    for variable in variables {
        for note in &variable.notes {
            let position = *positions.entry(note.as_str()).or_insert(notes.len());
            match notes.get_mut(position) {
                Some((_, names)) => names.push(&variable.name),
                None => notes.push((note, vec![&variable.name])),
            }
        }
    }
    notes.iter().map(|(note, names)| format!("{}: {note}", named(names))).collect()
}

fn named(names: &[&str]) -> String {
    let shown = names.iter().take(MOST_NAMES).copied().collect::<Vec<_>>().join(", ");
    let more = names.len().saturating_sub(MOST_NAMES);
    if more > 0 { format!("{shown} and {more} more") } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_one_line_with_all_that_have_it() {
        let variable = |number: usize, notes: &[&str]| Variable {
            name: format!("v{number}"),
            notes: notes.iter().map(|note| (*note).to_owned()).collect(),
            ..Variable::default()
        };
        let many = (1..12).map(|number| variable(number, &["a lock"]));
        let variables: Vec<Variable> =
            [variable(0, &["a cache", "a lock"]), variable(99, &["a cache"])].into_iter().chain(many).collect();
        assert_eq!(
            grouped_notes(&variables),
            ["v0, v99: a cache", "v0, v1, v2, v3, v4, v5, v6, v7 and 4 more: a lock"]
        );
    }
}
