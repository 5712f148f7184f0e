//! What fuzzing found in the objects that an untrusted load builds: each case as a small file. An object either equals
//! the one of CPython's unpickler, or its file is refused.

use std::collections::BTreeMap;

use crate::env::{Sandbox, Stack, main_python, venv};

const CASES: &str = include_str!("untrusted/fuzzed_cases.py");

/// The cases, and their answers.
const EXPECTED: &[(&str, &str)] = &[
    ("a DateOffset", "same"),
    ("a DateOffset of hours", "same"),
    ("a DateOffset without parts", "same"),
    ("a DateOffset whose steps have other numbers than its parts", "refused"),
    ("a DateOffset whose steps were never brought into order", "refused"),
    ("a DateOffset whose steps have leap days", "refused"),
    ("a DateOffset whose steps have a month without a number", "refused"),
    ("a DateOffset whose steps have an unknown name", "refused"),
    ("a DateOffset whose steps are another timedelta", "refused"),
    ("a DateOffset whose flag is a string", "refused"),
    ("a DateOffset whose flag is that of other steps", "refused"),
    ("the state of an index as a second value", "refused"),
    ("the arguments of an index as a second value", "refused"),
    ("the state of a frame in a list", "refused"),
    ("one state for two arrays of pandas", "refused"),
    ("the state of an estimator as a key's value", "refused"),
    ("strings of characters that exist", "same"),
    ("strings of characters that do not exist", "refused"),
    ("strings of the other byte order whose characters do not exist", "refused"),
    ("strings in a structure whose characters do not exist", "refused"),
    ("a string of numpy whose character does not exist", "refused"),
    ("an offset with a calendar", "refused"),
    ("an offset without a calendar", "same"),
    ("some fields of an aligned structure", "same"),
    ("an alignment that nothing has", "refused"),
    ("an alignment that other fields would have", "refused"),
    ("an alignment of strings", "refused"),
    ("a dtype with a state that is not a copy", "refused"),
    ("a dtype with a state that is aligned", "refused"),
    ("a dtype in the form of numpy 1.0", "same"),
    ("a number with the flag of aligned structures", "refused"),
    ("characters without their flag", "refused"),
    ("a structure without its flags", "refused"),
    ("an aligned structure without its flags", "refused"),
    ("one index in two frames", "same"),
    ("a masked array of structures", "same"),
    ("a masked array of structures without a mask", "same"),
    ("a masked array", "same"),
    ("a masked array of objects", "same"),
    ("codes of int64", "same"),
    ("codes of int32 in a series", "same"),
    ("codes of int8 for more categories than they can name", "same"),
    ("codes of int64 in an index", "same"),
    ("codes of a MultiIndex of int64", "same"),
    ("unsigned codes", "refused"),
    ("strings with missing values", "same"),
    ("strings with missing values of another dtype", "refused"),
    ("strings with numbers as missing values", "refused"),
    ("categories that are categorical", "refused"),
    ("items that are appended to a set", "refused"),
    ("items that extend a set", "refused"),
    ("items that are added to a set", "same"),
    ("items that are appended and added to a set", "refused"),
    ("items that are added to a list", "refused"),
    ("items that extend a list", "same"),
    ("items that are added to a deque", "refused"),
    ("items that are appended to a WeakSet", "refused"),
    ("a dtype of version 5", "refused"),
    ("a dtype of version -1", "refused"),
    ("a structured dtype of version 9", "refused"),
    ("a dtype of version 3", "same"),
    ("an attribute of a class in protocol 2", "refused"),
    ("an attribute of a class in protocol 3", "refused"),
    ("an attribute of a class in protocol 4", "same"),
    ("a name of Python 2 in protocol 2", "same"),
    ("a name of Python 2 in protocol 3", "refused"),
    ("a name of Python 2 in protocol 4", "refused"),
    ("a module of Python 2 after a second PROTO", "refused"),
    ("a name of Python 2 without PROTO", "same"),
];

/// The answer of each case: `same`, `refused`, or how the object differs.
fn answers() -> BTreeMap<String, String> {
    let sandbox = Sandbox::with(venv(main_python(), Stack::Full));
    sandbox.write("cases.py", CASES);
    let run = sandbox.snapcli(&["save", "-o", "session.pkl", "cases.py"]);
    run.assert_code(0);
    serde_json::from_str(run.out().lines().next().unwrap()).unwrap()
}

#[test]
fn objects_that_fuzzing_found_equal_those_of_pickle_or_are_refused() {
    let expected: BTreeMap<_, _> =
        EXPECTED.iter().map(|(case, answer)| ((*case).to_owned(), (*answer).to_owned())).collect();
    assert_eq!(answers(), expected);
}
