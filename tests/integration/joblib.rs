//! Files written by joblib are inspected, verified, compared and restored like other pickles, whether or not joblib is
//! installed.

use std::fs;

use crate::env::{Sandbox, Stack, main_python, pythons, venv};

const WRITE: &str = "
import joblib, numpy as np
from sklearn.ensemble import RandomForestClassifier
a = np.arange(12.0).reshape(3, 4)
arrays = {
    'a': a, 'f': np.asfortranarray(a), 'o': np.array([1, 'a', None], dtype=object), 't': np.array(['ab', 'c']),
    's': np.array([(1, 2.5)], dtype=[('a', 'i4'), ('b', 'f8')]), 'm': np.matrix([[1, 2]]),
    'l': [a, a[0], np.zeros((2, 0))],
}
joblib.dump(arrays, 'arrays.pkl')
joblib.dump(arrays, 'old.pkl', protocol=0)
joblib.dump(arrays, 'arrays.pkl.gz')
joblib.dump(arrays, 'arrays.pkl.z')
joblib.dump(arrays | {'a': a + 1}, 'other.pkl')
joblib.dump(RandomForestClassifier(5, random_state=0).fit(np.random.rand(50, 3), np.arange(50) % 2), 'forest.joblib')
class Bad:
    def __reduce__(self): return print, ('ran',)
joblib.dump(np.array([Bad()], dtype=object), 'bad.joblib')
";

fn with_files() -> Sandbox {
    let sandbox = Sandbox::with(venv(main_python(), Stack::Full));
    sandbox.python(&["-c", WRITE]).assert_code(0);
    sandbox
}

#[test]
fn joblib_files_are_inspected_verified_and_compared() {
    let sandbox = with_files();
    for file in ["arrays.pkl", "old.pkl", "arrays.pkl.gz", "arrays.pkl.z"] {
        let run = sandbox.snapcli(&["inspect", file]);
        run.assert_code(0);
        assert!(
            run.out().contains("pickled dict with 7 variables") && run.out().contains("verdict: plain"),
            "{}",
            run.whole()
        );
        sandbox.snapcli(&["verify", file]).assert_code(0);
        let run = sandbox.snapcli(&["diff", "arrays.pkl", file]);
        assert!(run.out().contains("7 the same"), "{}", run.whole());
    }
    let run = sandbox.snapcli(&["diff", "arrays.pkl", "other.pkl"]);
    assert!(run.out().contains("1 changed") && run.out().contains("6 the same"), "{}", run.whole());
    let run = sandbox.snapcli(&["inspect", "bad.joblib"]);
    assert!(run.out().contains("print") && !run.out().contains("verdict: plain"), "{}", run.whole());
    sandbox.write("cut.z", &fs::read(sandbox.work().join("arrays.pkl.z")).unwrap()[..100]);
    let run = sandbox.snapcli(&["inspect", "cut.z"]);
    run.assert_code(4);
    assert!(run.err().contains("cannot be decompressed"), "{}", run.whole());
}

#[test]
fn joblib_files_are_restored_with_and_without_joblib_installed() {
    let sandbox = with_files();
    sandbox
        .snapcli(&["restore", "--trust", "forest.joblib", "-c", "len(obj.predict([[0, 0, 0]]))"])
        .assert_stdout("1\n");
    let code = "print(a.sum(), f.flags.f_contiguous, (a == f).all(), o.tolist(), t.tolist(), s['b'], type(m).__name__, \
        len(l), a.flags.writeable)";
    let bytes = fs::read(sandbox.work().join("arrays.pkl")).unwrap();
    for python in pythons() {
        let bare = Sandbox::with(venv(python, Stack::Dill));
        bare.write("arrays.pkl", &bytes);
        let expected = "66.0 True True [1, 'a', None] ['ab', 'c'] [2.5] matrix 3 True\n";
        bare.snapcli(&["restore", "arrays.pkl", "-c", code]).assert_code(0).assert_stdout(expected);
        bare.write("cut.pkl", &bytes[..bytes.len() / 2]);
        let run = bare.snapcli(&["restore", "cut.pkl", "-c", "a"]);
        run.assert_code(4);
        assert!(run.err().contains("truncated"), "{}", run.whole());
    }
}
