//! Sessions that break dill, or that one would expect to: every variable is saved or named, comes back or is named, and
//! no neighbour is lost. The table lies in `trouble/rows/`; `table` reads it, `run` runs it, `peer` asks dill.
//!
//! A row is a script with a header: what `dill` does with it, what the save reports as `left out` and the restore as
//! `lost` (a name, and words of the reason), what `differs` as `--verify` says, and a `check` that must hold after the
//! restore. All else that the script leaves must come back, and so must the two neighbours that share a list around it.
//! `## file` gives a helper module, `## between` is run between save and restore.

mod peer;
mod run;
mod table;

use std::fmt::Write;

use self::run::{Outcome, run};
use self::table::{Row, table};
use crate::env::{Python, Stack, line_diff, main_python, pythons, venv};

/// Libraries that are installed for the main Python only.
const LIBRARIES: &str = "libraries";

/// The rows that this Python can run.
fn rows_for(python: &Python) -> Vec<Row> {
    let libraries = python.version == main_python().version;
    table().into_iter().filter(|row| row.since <= python.version && (libraries || row.family != LIBRARIES)).collect()
}

#[test]
fn objects_that_break_dill_are_saved_or_named_and_lose_nothing_else() {
    let mut failures = String::new();
    for python in pythons() {
        let stack = if python.version == main_python().version { Stack::Full } else { Stack::Dill };
        let interpreter = venv(python, stack);
        let rows = rows_for(python);
        let names = peer::names(&interpreter, &rows);
        for (row, outcome) in run(&interpreter, &rows, &names) {
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
