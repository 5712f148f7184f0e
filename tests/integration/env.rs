//! The environment of every test: the Pythons of this machine (`pythons`), virtual environments made for the tests
//! (`venvs`), the package for `import snapcli` (`engine`), a private directory to run programs in (`Sandbox`), the
//! result of a program (`Run`), and programs in a terminal (`in_terminal`). The benchmark uses it, too.
//!
//! Environment variables: `SNAPCLI_TEST_TIER=full` runs the tests with every Python instead of one.
//! `SNAPCLI_TEST_PYTHONS` (paths separated by `:`) lists the Pythons to test with, instead of all that are found.
//! `SNAPCLI_TEST_PROGRAM` names another build of snapcli to test, such as the release build, and `SNAPCLI_TEST_ENGINE`
//! another package for `import snapcli` (`engine`). `SNAPCLI_TEST_WHEEL` names the wheel, for `installed`.

mod engine;
mod numbers;
mod pythons;
mod run;
mod sandbox;
#[allow(dead_code, reason = "the benchmarks and the documentation need no terminal")]
mod terminal;
mod venvs;

#[allow(unused_imports, reason = "what a test module may need")]
pub(crate) use self::{
    engine::engine_package,
    numbers::Numbers,
    pythons::{Python, Tier, all_pythons, main_python, pythons},
    run::{Run, line_diff},
    sandbox::{Call, Sandbox, Stdout, program},
    terminal::{Shown, Step, in_terminal, snapcli_in_terminal},
    venvs::{Stack, scratch_venv, venv},
};
