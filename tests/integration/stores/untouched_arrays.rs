//! Arrays that the kernel saw no write to are not hashed again. Whatever writes to them is seen, and so is memory that
//! others write to, or that takes the place of other memory.

use super::run;
use crate::env::{Sandbox, Stack, pythons, venv};
use crate::skipped::skipped;

const SCRIPT: &str = include_str!("untouched_arrays.py");

#[test]
fn every_write_to_an_array_is_seen() {
    for (seed, python) in (1..).zip(pythons()) {
        let sandbox = Sandbox::with(venv(python, Stack::Full));
        sandbox.write("arrays.py", SCRIPT);
        let seed = seed.to_string();
        let words = ["save", "-q", "--exclude", "*", "-o", "none.pkl", "arrays.py", "arrays.snaps/", &seed, "40"];
        let out = run(&sandbox, &words).out();
        let (ways, watched) = out.trim().split_once(' ').unwrap();
        assert_eq!(ways, "25");
        if watched == "0" {
            skipped("this kernel does not tell which pages were written to");
        }
        run(&sandbox, &["verify", "arrays.snaps/"]);
    }
}
