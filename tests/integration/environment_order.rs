//! The environment of a script: the variables, and their order, are those that the caller has set, as under `python`,
//! however often the program has to start anew. `SNAPCLI_TEST_PROGRAM` runs this with the launcher of the wheel.

use std::ffi::OsString;

use crate::env::{Sandbox, Stack, all_pythons, program, venv};

const SHOW: &str = "import os, subprocess, sys
print(list(os.environ.items()))
print(subprocess.run(['/usr/bin/env'], capture_output=True, text=True).stdout)
";

/// Environments in which a name that sorts first does not come first. Programs look at some of them.
const ENVIRONMENTS: [&[&str]; 5] = [
    &["ZED=1", "b=2", "A=3", "_=x", "a=4"],
    &["ZED=1", "LD_LIBRARY_PATH=/nowhere", "A=3", "LD_PRELOAD=", "B=c=d"],
    &["LD_PRELOAD=", "ZED=", "_SNAPCLI=1", "A=3", "LD_LIBRARY_PATH="],
    &["Y=1", "PYTHONUNBUFFERED=1", "X=ä\n2", "LANG=C.UTF-8", "LC_ALL=C.UTF-8"],
    &[],
];

#[test]
fn the_order_of_the_environment_is_that_of_the_caller() {
    for python in all_pythons() {
        let sandbox = Sandbox::with(venv(python, Stack::Dill));
        sandbox.write("show.py", SHOW);
        let python: OsString = sandbox.interpreter().into();
        let program = program();
        for environment in ENVIRONMENTS {
            let home = format!("HOME={}", sandbox.work().display());
            let run = |words: &[OsString]| {
                let mut all = vec![OsString::from("-i")];
                all.extend(environment.iter().map(OsString::from));
                all.push(home.clone().into());
                all.extend(words.iter().cloned());
                sandbox.call_program("/usr/bin/env".as_ref(), &all).run().assert_code(0).out().to_owned()
            };
            let expected = run(&[python.clone(), "show.py".into()]);
            assert!(environment.is_empty() || expected.contains(environment[0]), "{expected}");
            let words = ["--python".into(), python.clone(), "save".into(), "-q".into(), "show.py".into()];
            let saved = [vec![program.clone()], words.to_vec()].concat();
            assert_eq!(run(&saved), expected, "{python:?} {environment:?}");
        }
    }
}
