//! What a test stands on: the Pythons of this machine (`pythons`), virtual environments made for the tests (`venvs`),
//! a folder of its own to run programs in (`Sandbox`), and what a program did (`Run`).
//!
//! `SNAPCLI_TEST_PYTHONS` (paths with `:` between them) says which Pythons to test with, instead of all that are
//! found. `SNAPCLI_TEST_PROGRAM` names another build of snapcli to test, such as the release one.

mod numbers;
mod pythons;
mod run;
mod sandbox;
mod venvs;

#[allow(unused_imports, reason = "what a test module may need")]
pub(crate) use self::{
    numbers::Numbers,
    pythons::{Python, main_python, pythons},
    run::{Run, line_diff},
    sandbox::{Call, Sandbox, Stdout},
    venvs::{Stack, venv},
};
