//! Ordinary files of a few megabytes, made of many small objects, load without trust within the memory that any file
//! may take.
//! `untrusted_memory/many.py` writes the files.

use crate::env::{Sandbox, Stack, main_python, venv};

const MANY: &str = include_str!("untrusted_memory/many.py");

/// A sandbox with the file of this kind.
fn sandbox(kind: &str) -> Sandbox {
    let sandbox = Sandbox::with(venv(main_python(), Stack::Full));
    sandbox.write("many.py", MANY);
    sandbox.python(&["many.py", kind]).assert_code(0);
    sandbox
}

/// Restores a file that is not trusted, and compares it with what made it.
fn assert_loads(kind: &str) {
    let check = format!("import many\nmany.check({kind:?}, globals())\nprint('same')");
    sandbox(kind).snapcli(&["restore", "many.pkl", "-c", &check]).assert_code(0).assert_stdout("same\n");
}

#[test]
fn many_dates_load_without_trust() {
    assert_loads("dates");
}

#[test]
fn many_times_load_without_trust() {
    assert_loads("times");
}

#[test]
fn many_decimals_and_fractions_load_without_trust() {
    assert_loads("decimals");
    assert_loads("fractions");
}

#[test]
fn many_scalars_load_without_trust() {
    assert_loads("scalars");
}

#[test]
fn many_uuids_load_without_trust() {
    assert_loads("uuids");
}

#[test]
fn many_empty_tuples_load_without_trust() {
    assert_loads("tuples");
}

#[test]
fn many_empty_containers_load_without_trust() {
    assert_loads("lists");
    assert_loads("dicts");
    assert_loads("sets");
}

#[test]
fn many_arrays_without_axes_load_without_trust() {
    assert_loads("arrays");
}

#[test]
fn many_dates_of_an_old_protocol_load_without_trust() {
    assert_loads("old_dates");
}

#[test]
fn a_frame_and_records_of_dates_load_without_trust() {
    assert_loads("frame");
    assert_loads("records");
}

#[test]
fn a_tree_whose_nodes_know_their_parents_loads_without_trust() {
    assert_loads("tree");
}
