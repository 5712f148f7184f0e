//! Keys of all kinds with one hash: numbers of several kinds, times in many zones, objects of pandas and numpy. Looking
//! at them takes no longer than at others, and building them is refused; the same keys with other hashes are built.

use crate::env::{Sandbox, Stack, main_python, venv};
use crate::plan_limits::assert_answers;

const KEYS: &str = include_str!("key_kinds/keys.py");

fn check(stack: Stack, group: &str) {
    let sandbox = Sandbox::with(venv(main_python(), stack));
    sandbox.write("keys.py", KEYS);
    sandbox.python(&["keys.py", group]).assert_code(0);
    assert_answers(&sandbox, "assert len(x) > 1_500", |_| true);
}

#[test]
fn colliding_keys_of_several_kinds_and_zones_are_refused() {
    check(Stack::Dill, "dill");
}

#[test]
fn colliding_keys_with_objects_of_libraries_are_refused() {
    check(Stack::Full, "full");
}

/// The labels of an axis that allows no duplicates, and the categories of a dtype, become keys when they are used.
const LABELS: &str = "
import itertools, numpy, pandas
same = list(itertools.product([-1, -2], repeat=6))
assert len(set(map(hash, same))) == 1 and len(same) == 64
labels = pandas.Index(numpy.fromiter(same, dtype=object, count=len(same)), tupleize_cols=False)
frame = pandas.DataFrame({'a': range(64)}, index=labels).set_flags(allows_duplicate_labels=False)
kinds = pandas.CategoricalDtype(labels)
pandas.to_pickle({'x': frame, 'kinds': kinds}, 'plain_labels.pkl')
pandas.to_pickle({'x': dict.fromkeys(same), 'kinds': 0}, 'plain_dict.pkl')
many = [(number * (2**61 - 1),) for number in range(1, 2_500)]
labels = pandas.Index(numpy.fromiter(many, dtype=object, count=len(many)), tupleize_cols=False)
series = pandas.Series(range(len(many)), index=labels).set_flags(allows_duplicate_labels=False)
pandas.to_pickle({'x': series}, 'refused_labels.pkl')
pandas.to_pickle({'x': dict.fromkeys(many)}, 'refused_dict.pkl')
";

#[test]
fn labels_have_the_limit_of_keys() {
    let sandbox = Sandbox::with(venv(main_python(), Stack::Full));
    sandbox.write("labels.py", LABELS);
    sandbox.python(&["labels.py"]).assert_code(0);
    assert_answers(&sandbox, "assert len(x) == 64, kinds", |_| true);
}
