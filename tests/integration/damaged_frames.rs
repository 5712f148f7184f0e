//! Compressed files with damage: nothing comes from a frame whose checksum is wrong or that is cut short, everything
//! before it comes back, and a seek table that is damaged is noticed.

use std::fs;

use crate::env::{Sandbox, Stack, main_python, venv};

const SESSION: &str = r#"
import random
random.seed(1)
a = [random.random() for _ in range(60_000)]
b = [random.random() for _ in range(60_000)]
c = [random.random() for _ in range(60_000)]
d = {"x": 1}
"#;
const FOUND: &str = "print(*(name for name in 'abcd' if name in globals()))";

fn saved() -> (Sandbox, Vec<u8>) {
    let sandbox = Sandbox::with(venv(main_python(), Stack::Dill));
    sandbox.write("big.py", SESSION);
    sandbox.snapcli(&["save", "-q", "--compress", "3", "-o", "big.zst", "big.py"]).assert_code(0);
    let bytes = fs::read(sandbox.work().join("big.zst")).unwrap();
    (sandbox, bytes)
}

fn changed(bytes: &[u8], at: usize, bits: u8) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at] ^= bits;
    bytes
}

#[test]
fn nothing_is_restored_from_a_frame_with_a_wrong_checksum() {
    let (sandbox, bytes) = saved();
    for at in [14_751, 40_000, 300_000] {
        let damaged = changed(&bytes, at, 1);
        sandbox.write("cut.zst", &damaged[..damaged.len() - 1]);
        let run = sandbox.snapcli(&["restore", "--partial", "--trust", "cut.zst", "-c", FOUND]);
        run.assert_code(4);
        assert!(run.err().contains("nothing in it is intact"), "{}", run.whole());
        let run = sandbox.snapcli(&["verify", "cut.zst"]);
        run.assert_code(4);
        assert!(!run.out().contains("intact:"), "{}", run.whole());
    }
    // Damage in the second frame leaves the first one.
    let damaged = changed(&bytes, bytes.len() - 100_000, 1);
    sandbox.write("cut.zst", &damaged[..damaged.len() - 1]);
    let run = sandbox.snapcli(&["restore", "--partial", "--trust", "cut.zst", "-c", FOUND]);
    assert!(run.out().starts_with("a b") || run.out().starts_with("a\n"), "{}", run.whole());
    assert!(!run.out().contains('d'), "{}", run.whole());
}

#[test]
fn damage_in_the_last_frame_leaves_all_variables() {
    let (sandbox, bytes) = saved();
    for behind in [200, 1200] {
        sandbox.write("end.zst", changed(&bytes, bytes.len() - behind, 16));
        let run = sandbox.snapcli(&["restore", "--partial", "--trust", "end.zst", "-c", FOUND]);
        assert_eq!(run.out(), "a b c d\n", "{}", run.whole());
        assert!(run.err().contains("restoring what is intact"), "{}", run.whole());
    }
    let script = "import snapcli, warnings\nwith warnings.catch_warnings(record=True) as seen:\n    \
                  warnings.simplefilter('always')\n    found = snapcli.load_dict('end.zst', partial=True, trust=True)\n\
                  names = [name for name in sorted(found) if len(name) == 1]\n\
                  print(names, any('damaged' in str(one.message) for one in seen))\n";
    sandbox.write("load.py", script);
    let run = sandbox.snapcli(&["save", "-q", "-o", "o.pkl", "load.py"]);
    assert!(run.whole().contains("['a', 'b', 'c', 'd'] True"), "{}", run.whole());
}

#[test]
fn a_damaged_seek_table_is_reported_and_a_truncated_file_is_called_so() {
    let (sandbox, bytes) = saved();
    for behind in [1, 6, 9, 20] {
        sandbox.write("table.zst", changed(&bytes, bytes.len() - behind, 16));
        let run = sandbox.snapcli(&["verify", "table.zst"]);
        run.assert_code(4);
        assert!(run.out().contains("the seek table"), "{}", run.whole());
        let run = sandbox.snapcli(&["restore", "--trust", "table.zst", "-c", FOUND]);
        assert_eq!(run.out(), "a b c d\n", "{}", run.whole());
    }
    sandbox.write("cut.zst", &bytes[..100]);
    let run = sandbox.snapcli(&["restore", "--trust", "cut.zst", "-c", FOUND]);
    run.assert_code(4);
    assert!(run.err().contains("truncated"), "{}", run.whole());
}
