//! Arrays that share memory share it again after a restore, and their memory is in the file once.

use std::fs;

use crate::env::{Run, Sandbox, Stack, main_python, pythons, venv};
use crate::skipped::skipped;

const ARRAYS: &str = include_str!("shared_memory/arrays.py");
const CHECK: &str = include_str!("shared_memory/arrays_check.py");
const HOSTILE: &str = include_str!("shared_memory/hostile.py");

const TENSORS: &str = include_str!("shared_memory/tensors.py");
const CHECK_TENSORS: &str = include_str!("shared_memory/tensors_check.py");

/// Loads `session.pkl` with plain dill.
const BY_DILL: &str = "import dill, check\ncheck.check(dill.load_module_asdict('session.pkl'))\n";

fn as_another_user(sandbox: &Sandbox, arguments: &[&str]) -> Run {
    sandbox.call_snapcli(arguments).env("XDG_CONFIG_HOME", sandbox.out().join("stranger")).run()
}

/// Saves a script, and checks what snapcli, with and without `--mmap`, and plain dill restore. What is shared must be
/// stored once: the file has to be smaller than `limit` bytes.
#[track_caller]
fn assert_come_back(sandbox: &Sandbox, script: &str, check: &str, limit: u64) {
    sandbox.write("script.py", script);
    sandbox.write("check.py", check);
    sandbox.snapcli(&["save", "-q", "--strict", "--verify", "script.py"]).assert_code(0);
    let check = "__import__('check').check(globals())";
    for options in [&["restore"][..], &["restore", "--mmap"]] {
        let arguments = [options, &["session.pkl", "-c", check]].concat();
        sandbox.snapcli(&arguments).assert_code(0).assert_stdout("right\n");
    }
    sandbox.python(&["-c", BY_DILL]).assert_code(0).assert_stdout("right\n");
    let size = fs::metadata(sandbox.work().join("session.pkl")).unwrap().len();
    assert!(size < limit, "{size} bytes");
}

#[test]
fn arrays_share_their_memory_again() {
    for python in pythons() {
        let sandbox = Sandbox::with(venv(python, Stack::Full));
        assert_come_back(&sandbox, ARRAYS, CHECK, 2_500_000);
    }
}

#[test]
fn arrays_that_share_memory_are_plain_data() {
    let sandbox = Sandbox::with(venv(main_python(), Stack::Full));
    let arrays = ARRAYS.split("\n\nclass Holder").next().unwrap();
    sandbox.write("script.py", arrays);
    sandbox.snapcli(&["save", "-q", "script.py"]).assert_code(0);
    let run = sandbox.snapcli(&["inspect", "--verdict", "session.pkl"]);
    assert!(run.out().contains("verdict: plain"), "{}", run.whole());
    assert!(run.out().contains("numpy.ndarray") && run.out().contains("2×2 float64"), "{}", run.whole());
    let code = "base[1, 0] = 5; print(view[0, 0], view.base is base, right.base.shape)";
    as_another_user(&sandbox, &["restore", "-c", code]).assert_code(0).assert_stdout("5.0 True (100,)\n");
}

#[test]
fn arrays_beyond_their_buffer_are_not_loaded_from_files_of_others() {
    let sandbox = Sandbox::with(venv(main_python(), Stack::Full));
    let names = sandbox.python(&["-c", HOSTILE]);
    names.assert_code(0);
    for name in ["right", "right_view"] {
        let file = format!("{name}.pkl");
        as_another_user(&sandbox, &["restore", &file, "-c", "print('loaded')"]).assert_code(0);
        let verdict = sandbox.snapcli(&["inspect", "--verdict", &file]);
        assert!(verdict.out().contains("verdict: plain"), "{}", verdict.whole());
    }
    for name in names.out().split_whitespace() {
        let file = format!("{name}.pkl");
        let run = as_another_user(&sandbox, &["restore", &file, "-c", "print(x)"]);
        run.assert_code(5).assert_stdout("");
        let verdict = sandbox.snapcli(&["inspect", "--verdict", &file]);
        assert!(verdict.out().contains("verdict: dangerous"), "{name}: {}", verdict.whole());
    }
}

#[test]
fn a_small_view_does_not_bring_its_base() {
    let sandbox = Sandbox::with(venv(main_python(), Stack::Full));
    let script = "import numpy as np\nbig = np.zeros((2000, 1000))\nv = big[5:7]\nw = big[6:9]\nc = big[:, 3]\n\
                  del big\nkept = np.ones(500_000)\ntail = kept[-3:]\n";
    sandbox.write("script.py", script);
    let run = sandbox.snapcli(&["save", "--exclude", "kept", "script.py"]);
    run.assert_code(0);
    let size = fs::metadata(sandbox.work().join("session.pkl")).unwrap().len();
    assert!(size < 150_000, "{size} bytes: {}", run.whole());
    let code = "w[0, 2] = 4; print(v[1, 2], v.shape, c.shape, tail.tolist())";
    sandbox.snapcli(&["restore", "-c", code]).assert_stdout("4.0 (2, 1000) (2000,) [1.0, 1.0, 1.0]\n");
    // With a limit, a view is saved although its base is too large.
    sandbox.snapcli(&["save", "-q", "--max-size", "1MB", "script.py"]).assert_code(0);
    sandbox
        .snapcli(&["restore", "-c", "print('kept' in globals(), tail.tolist())"])
        .assert_stdout("False [1.0, 1.0, 1.0]\n");
}

#[test]
fn variables_that_share_memory_can_be_restored_alone() {
    let sandbox = Sandbox::with(venv(main_python(), Stack::Full));
    sandbox.write("script.py", "import numpy as np\nview = np.arange(6.0)\nbase, view = view, view[2:]\n");
    sandbox.snapcli(&["save", "-q", "script.py"]).assert_code(0);
    sandbox
        .snapcli(&["restore", "--only", "view", "-c", "print(view.tolist())"])
        .assert_stdout("[2.0, 3.0, 4.0, 5.0]\n");
    let code = "import numpy as np; print(base.tolist())";
    sandbox.snapcli(&["restore", "--only", "base", "-c", code]).assert_stdout("[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]\n");
}

#[test]
fn columns_of_pandas_do_not_change_one_another_after_a_restore() {
    let script = "import numpy as np, pandas as pd\ndf = pd.DataFrame({'a': [1.0, 2.0], 'b': [3.0, 4.0]})\n\
                  s = df['a']\nvalues = df.values\nlast = df['b'].values\n";
    let code = "s.iloc[0] = 9; print(df['a'].tolist(), s.tolist(), values.tolist(), last.tolist(), \
                df.dtypes.tolist() == [values.dtype] * 2)";
    for python in pythons() {
        let sandbox = Sandbox::with(venv(python, Stack::Full));
        let version = sandbox.python(&["-c", "import pandas; print(pandas.__version__)"]).out();
        // Also if the column is saved before its frame.
        for first in ["", "s = values = None\n"] {
            sandbox.write("script.py", format!("{first}{script}"));
            sandbox.snapcli(&["save", "-q", "--verify", "script.py"]).assert_code(0);
            // Before pandas 3, a column is a view of its frame.
            let first = if version.starts_with("2.") { "9.0" } else { "1.0" };
            let run = sandbox.snapcli(&["restore", "-c", code]);
            let expected = format!("[{first}, 2.0] [9.0, 2.0] [[{first}, 3.0], [2.0, 4.0]] [3.0, 4.0] True\n");
            run.assert_code(0).assert_stdout(&expected);
        }
    }
}

#[test]
fn an_array_without_views_is_written_as_numpy_says() {
    let sandbox = Sandbox::with(venv(main_python(), Stack::Full));
    let script = "import numpy as np\na = np.arange(6.0)\nb = np.arange(12.0).reshape(3, 4)\nc = b[1:].copy()\n\
                  xs = [np.ones(3)]\n";
    sandbox.write("script.py", script);
    sandbox.snapcli(&["save", "-q", "script.py"]).assert_code(0);
    let pickle = fs::read(sandbox.work().join("session.pkl")).unwrap();
    let calls = pickle.windows(11).filter(|bytes| bytes == b"_frombuffer").count();
    let views = pickle.windows(7).filter(|bytes| bytes == b"ndarray").count();
    // The index names the type of each array, and the import of `_frombuffer`.
    assert!(calls >= 4, "{calls} calls");
    let in_index = String::from_utf8_lossy(&pickle).matches("numpy ndarray").count();
    assert_eq!(in_index, 0, "{views}");
}

#[test]
fn the_differences_of_views_are_those_of_their_elements() {
    let sandbox = Sandbox::with(venv(main_python(), Stack::Full));
    let script = "import numpy as np, sys\nbase = np.zeros((4, 5))\nupper, lower = base[:2], base[2:, ::2]\n\
                  base[int(sys.argv[1]), 2] = 7\n";
    sandbox.write("script.py", script);
    for number in ["0", "3"] {
        sandbox.snapcli(&["save", "-q", "-o", &format!("{number}.pkl"), "script.py", number]).assert_code(0);
    }
    sandbox.snapcli(&["save", "-q", "-o", "same.pkl", "script.py", "0"]).assert_code(0);
    let run = sandbox.snapcli(&["diff", "0.pkl", "same.pkl"]);
    assert!(run.out().contains("5 the same"), "{}", run.whole());
    let run = sandbox.snapcli(&["diff", "0.pkl", "3.pkl"]);
    assert!(run.out().contains("base[0, 2]"), "{}", run.whole());
    // A copy of a view holds the same elements.
    let script = "import numpy as np, sys\nbase = np.zeros((4, 5))\nbase[0, 2] = 7\n\
                  upper, lower = base[:2].copy(), base[2:, ::2].copy()\n";
    sandbox.write("copies.py", script);
    sandbox.snapcli(&["save", "-q", "-o", "copies.pkl", "copies.py"]).assert_code(0);
    let run = sandbox.snapcli(&["diff", "0.pkl", "copies.pkl"]);
    assert!(run.out().contains("5 the same"), "{}", run.whole());
}

/// The tests do not install torch: it takes gigabytes. `SNAPCLI_TEST_TORCH` names a Python that has it, and dill.
#[test]
fn tensors_share_their_storage_again() {
    let Some(python) = std::env::var_os("SNAPCLI_TEST_TORCH") else {
        return skipped("needs torch: set SNAPCLI_TEST_TORCH to a Python that has it");
    };
    let sandbox = Sandbox::with(python.into());
    assert_come_back(&sandbox, TENSORS, CHECK_TENSORS, 5_500_000);
    let run = sandbox.snapcli(&["inspect", "--verdict", "session.pkl"]);
    assert!(!run.out().contains("known to be dangerous"), "{}", run.whole());
    let run = as_another_user(&sandbox, &["restore", "--only", "big", "-c", "big"]);
    run.assert_code(5);
    assert!(run.err().contains("torch"), "{}", run.whole());
}
