//! Arrays that joblib writes between the opcodes, of every dtype and with any contents: no honest file is taken for one
//! that other readers would execute.

use crate::env::{Sandbox, Stack, main_python, venv};

/// Hundreds of arrays of each kind, so that all lengths of padding and many bytes before the end occur.
const DUMP: &str = r#"
import joblib, numpy as np
rng = np.random.default_rng(20261129)
letters = lambda count: "".join(map(chr, rng.integers(97, 123, size=count)))
def any_length(make): return [make(int(rng.integers(1, 40))) for _ in range(300)]
kinds = {
    "floats": any_length(lambda n: rng.normal(size=n)),
    "halves": any_length(lambda n: rng.normal(size=n).astype("f2")),
    "complex": any_length(lambda n: rng.normal(size=n) + 1j * rng.normal(size=n)),
    "bytes": any_length(lambda n: rng.integers(0, 256, size=n).astype("u1")),
    "shorts": any_length(lambda n: rng.integers(0, 2**15, size=n).astype(">i2")),
    "longs": any_length(lambda n: rng.integers(0, 10**9, size=n)),
    "flags": any_length(lambda n: rng.integers(0, 2, size=n).astype(bool)),
    "ascii": any_length(lambda n: np.array([letters(9).encode() for _ in range(n)])),
    "text": any_length(lambda n: np.array([letters(9) for _ in range(n)])),
    "opcodes": any_length(lambda n: rng.choice(np.frombuffer(b"(.0129NKRabcdehjlopqrstu]})\x85\x93\x94", "u1"), n)),
    "dates": any_length(lambda n: rng.integers(0, 10**9, size=n).astype("M8[s]")),
    "records": any_length(lambda n: np.zeros(n, [("a", "i4"), ("b", "f8")])),
    "objects": [np.array([1, "a", None, ("b", 2)], dtype=object) for _ in range(20)],
}
for name, arrays in kinds.items():
    joblib.dump(arrays, name + ".joblib")
    joblib.dump({"first": arrays[0], "all": arrays[:20]}, name + "-packed.joblib", compress=3)
    print(name)
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
X = rng.normal(size=(60, 5)); y = np.array(["spam", "eggs", "ham"])[rng.integers(0, 3, 60)]
for protocol in range(2, 6):
    models = [LogisticRegressionCV(max_iter=300).fit(X, y), LogisticRegression().fit(X, y)]
    joblib.dump(models, f"models{protocol}.joblib", protocol=protocol)
"#;

#[test]
fn honest_arrays_of_joblib_are_plain_whatever_they_hold() {
    let sandbox = Sandbox::with(venv(main_python(), Stack::Full));
    sandbox.write("dump.py", DUMP);
    let names = sandbox.python(&["-W", "ignore", "dump.py"]);
    names.assert_code(0);
    let kinds = names.out();
    // An array of nothing but opcodes is a program; it need not be plain, but it must not be more than that.
    for name in kinds.split_whitespace().filter(|name| *name != "opcodes") {
        for file in [format!("{name}.joblib"), format!("{name}-packed.joblib")] {
            let run = sandbox.snapcli(&["inspect", "--strict", "--verdict", &file]);
            assert_eq!(run.status.code(), Some(0), "{}", run.whole());
        }
    }
    sandbox.snapcli(&["verify", "opcodes.joblib"]).assert_code(0);
    for protocol in 2..6 {
        let file = format!("models{protocol}.joblib");
        sandbox.snapcli(&["inspect", "--strict", &file]).assert_code(0);
    }
    let code = "print(sum(len(array) for array in obj) > 300)";
    sandbox.snapcli(&["restore", "floats.joblib", "-c", code]).assert_code(0).assert_stdout("True\n");
}
