//! Sessions that break dill, or that one would expect to: snapcli saves and restores every variable, or names it, and
//! loses no other. The table is in `sessions_that_break_dill/rows/`; `table` reads it, `run` runs it, and `peer` runs
//! it under plain Python and dill.
//!
//! A row is a script with a header: how `dill` handles it, the variables that the save reports as `left out` and the
//! restore as `lost` (a name, and words of the reason), those that `--verify` reports (`differs`), and a `check` that
//! must hold after the restore. All other variables of the script must be restored, and so must the two variables
//! before and after it, which share a list. `## file` adds a helper module; `## between` runs between save and restore.

mod peer;
mod run;
mod table;

use std::fmt::Write;

use self::run::{Outcome, run};
use self::table::{Row, table};
use crate::env::{Python, Stack, line_diff, main_python, pythons, venv};
use crate::skipped::skipped;

/// The family of rows whose libraries are installed for the main Python only.
const LIBRARIES: &str = "libraries";

/// The rows that a Python can run.
fn rows_for(python: &Python) -> Vec<Row> {
    let libraries = python.version == main_python().version;
    table().into_iter().filter(|row| row.since <= python.version && (libraries || row.family != LIBRARIES)).collect()
}

/// The sessions of a family that load, as one script with its helper modules.
#[derive(Default)]
pub(crate) struct FamilyScript {
    pub(crate) family: String,
    pub(crate) script: String,
    pub(crate) files: Vec<(String, String)>,
}

/// For the comparison of what comes back with what was there.
pub(crate) fn rows_that_load() -> Vec<FamilyScript> {
    let mut families: Vec<FamilyScript> = Vec::new();
    for row in rows_for(main_python()).into_iter().filter(|row| row.lost.is_empty() && row.between.is_empty()) {
        if families.last().is_none_or(|last| last.family != row.family) {
            families.push(FamilyScript { family: row.family.clone(), ..FamilyScript::default() });
        }
        if let Some(last) = families.last_mut() {
            last.script.push_str(&row.script);
            last.files.extend(row.files);
        }
    }
    families
}

#[test]
fn objects_that_break_dill_are_saved_or_named_and_lose_nothing_else() {
    let mut failures = String::new();
    for python in pythons() {
        let stack = if python.version == main_python().version { Stack::Full } else { Stack::Dill };
        let interpreter = venv(python, stack);
        let rows = rows_for(python);
        let names = peer::names(&interpreter, &rows);
        let outcomes = run(&interpreter, &rows, &names);
        assert_eq!(outcomes.len(), rows.len());
        for (row, outcome) in outcomes {
            let expected = Outcome::expected(&row, &names[&row.name]);
            let diff = line_diff("expected", &expected.text(), "happened", &outcome.matched(&row).text());
            if !diff.is_empty() {
                writeln!(failures, "==== {} under Python {}\n{diff}{}", row.name, python.label(), row.script).unwrap();
            }
        }
    }
    assert!(failures.is_empty(), "not as the table says\n{failures}");
}

#[test]
fn dill_behaves_as_the_table_says() {
    if main_python().version >= (3, 14) {
        return skipped("the table is about Pythons whose functions dill 0.4.1 can pickle");
    }
    let rows = rows_for(main_python());
    let facts = peer::facts(&venv(main_python(), Stack::Full), &rows);
    let (mut said, mut done) = (String::new(), String::new());
    for row in &rows {
        let before = if row.restored_only.is_empty() { "True" } else { &facts[&row.name].before };
        writeln!(said, "{}: {}; before: {before}", row.name, row.dill).unwrap();
        writeln!(done, "{}: {}; before: {}", row.name, facts[&row.name].dill, facts[&row.name].before).unwrap();
    }
    let diff = line_diff("the table", &said, "dill", &done);
    assert!(diff.is_empty(), "{diff}");
    assert!(rows.iter().filter(|row| row.dill != "fine").count() >= 40, "too few rows break dill");
}
