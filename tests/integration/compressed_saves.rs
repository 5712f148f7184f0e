//! `save --compress`: an ordinary zstd file of the dill file, read by all commands without the parts that they do not
//! need. Damage costs what is damaged, and nothing else is ever shown.

use std::fs;
use std::process::Command;

use crate::env::{Numbers, Run, Sandbox, Stack, main_python, pythons, venv};
use crate::skipped::skipped;

const SESSION: &str = r#"
import random
import numpy as np
random.seed(5)
small = {"a": [1, 2, 3]}
alias = small["a"]
zeros = np.zeros(2_000_000)
noise = np.frombuffer(random.randbytes(3_000_000), dtype=np.uint8).copy()
words = [str(number) for number in range(50_000)]
text = "one word after the other, " * 100_000
def count(): return len(words) + len(alias)
"#;
const CHECK: &str = "print(small, alias is small['a'], zeros.sum(), int(noise.sum()), len(words), len(text), count())";

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::with(venv(main_python(), Stack::Full));
    sandbox.write("train.py", SESSION);
    sandbox
}

fn done(sandbox: &Sandbox, words: &[&str]) -> Run {
    let run = sandbox.snapcli(words);
    run.assert_code(0);
    run
}

fn size(sandbox: &Sandbox, name: &str) -> u64 {
    fs::metadata(sandbox.work().join(name)).unwrap().len()
}

/// Decompresses a file with the program `zstd`. `None` if it is not installed.
fn decompressed(sandbox: &Sandbox, name: &str) -> Option<Vec<u8>> {
    let run = Command::new("zstd").args(["-d", "-c", "-q"]).arg(sandbox.work().join(name)).output().ok()?;
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    Some(run.stdout)
}

#[test]
fn every_level_is_restored_verified_compared_and_decompressed_by_zstd() {
    let sandbox = sandbox();
    done(&sandbox, &["save", "-o", "plain.pkl", "train.py"]);
    let expected = done(&sandbox, &["restore", "plain.pkl", "-c", CHECK]).out();
    for (level, name) in [("-7", "a.pkl"), ("3", "b.pkl.zst"), ("19", "c.zst"), ("", "d.pkl.zst")] {
        let options: &[&str] = if level.is_empty() { &[] } else { &["--compress", level] };
        done(&sandbox, &[&["save"], options, &["-o", name, "train.py"]].concat());
        assert!(size(&sandbox, name) < 5_000_000, "{name}");
        done(&sandbox, &["restore", name, "-c", CHECK]).assert_stdout(&expected);
        done(&sandbox, &["verify", name]);
        let run = done(&sandbox, &["diff", "plain.pkl", name]);
        assert!(run.out().contains("9 the same"), "{}", run.whole());
        done(&sandbox, &["restore", name, "--only", "small", "-c", "small"]).assert_stdout("{'a': [1, 2, 3]}\n");
        let Some(bytes) = decompressed(&sandbox, name) else { return skipped("zstd is not installed") };
        sandbox.write("decompressed.pkl", &bytes);
        done(&sandbox, &["restore", "decompressed.pkl", "-c", CHECK]).assert_stdout(&expected);
        let code = format!("import dill; dill.load_module('decompressed.pkl'); {CHECK}");
        sandbox.python(&["-c", &code]).assert_code(0).assert_stdout(&expected);
    }
}

#[test]
fn inspect_and_only_read_a_part_of_the_file() {
    let sandbox = sandbox();
    done(&sandbox, &["save", "--compress", "1", "-o", "s.pkl.zst", "train.py"]);
    // All of the noise, which is most of the file, is replaced.
    let path = sandbox.work().join("s.pkl.zst");
    let mut bytes = fs::read(&path).unwrap();
    let (start, end) = (bytes.len() / 5, bytes.len() / 2);
    let noise = &mut bytes[start..end];
    noise.iter_mut().step_by(9_999).for_each(|byte| *byte ^= 0x55);
    fs::write(&path, &bytes).unwrap();
    let run = done(&sandbox, &["inspect", "s.pkl.zst"]);
    assert!(run.out().contains("noise") && run.out().contains("{'a': [1, 2, 3]}"), "{}", run.whole());
    let code = "len(words), small, count()";
    let only = ["restore", "s.pkl.zst", "--only", "words,small,count,alias", "-c", code];
    done(&sandbox, &only).assert_stdout("(50000, {'a': [1, 2, 3]}, 50003)\n");
    let run = sandbox.snapcli(&["restore", "s.pkl.zst", "-c", "1"]);
    run.assert_code(4);
    assert!(run.err().contains("damaged: noise"), "{}", run.whole());
    let run = sandbox.snapcli(&["restore", "--partial", "s.pkl.zst", "-c", code]);
    assert!(run.out().contains("(50000, "), "{}", run.whole());
    let run = sandbox.snapcli(&["verify", "s.pkl.zst"]);
    run.assert_code(4);
    assert!(run.out().contains("damaged: noise") && run.out().contains("words"), "{}", run.whole());
}

#[test]
fn the_level_is_checked_and_the_script_is_not_taken_for_it() {
    let sandbox = sandbox();
    for (words, expected) in [
        (&["save", "--compress", "23", "train.py"][..], "from -7 to 22"),
        (&["save", "--compress", "train.py"], "from -7 to 22, such as 3"),
        (&["save", "--compress=-8", "train.py"], "from -7 to 22"),
        (&["save", "--compress", "3", "-o", "runs.snaps/", "train.py"], "--compress is for a single file"),
    ] {
        let run = sandbox.snapcli(words);
        run.assert_code(2);
        assert!(run.err().contains(expected), "{}", run.whole());
    }
    let run = done(&sandbox, &["save", "--compress", "3", "train.py"]);
    assert!(
        run.err().contains("session.pkl is compressed: dill reads what `zstd -d -c session.pkl`"),
        "{}",
        run.whole()
    );
    done(&sandbox, &["restore", "-c", "small"]).assert_stdout("{'a': [1, 2, 3]}\n");
    let run = done(&sandbox, &["save", "--compress", "3", "-o", "s.pkl.zst", "train.py"]);
    assert!(!run.err().contains("is compressed"), "{}", run.whole());
}

#[test]
fn a_pipe_a_check_and_a_crash_are_compressed_as_well() {
    let sandbox = sandbox();
    let run = done(&sandbox, &["save", "--compress", "5", "-o", "-", "train.py"]);
    assert!(run.stdout.starts_with(b"\x28\xb5\x2f\xfd") && run.stdout.len() < 5_000_000);
    let piped =
        sandbox.call_snapcli(&["restore", "-", "--only", "small", "-c", "small"]).stdin(run.stdout.clone()).run();
    piped.assert_code(0).assert_stdout("{'a': [1, 2, 3]}\n");
    let run = done(&sandbox, &["save", "--compress", "5", "--verify", "-o", "v.pkl.zst", "train.py"]);
    assert!(run.err().contains("load in a fresh process with the same values"), "{}", run.whole());
    sandbox.write("crash.py", format!("{SESSION}\n1 / 0\n"));
    sandbox.snapcli(&["save", "-o", "run.pkl.zst", "crash.py"]).assert_code(1);
    done(&sandbox, &["restore", "run.crash.pkl.zst", "-c", "len(words)"]).assert_stdout("50000\n");
    assert!(size(&sandbox, "run.crash.pkl.zst") < 5_000_000);
    // A class whose load fails makes the save write the session twice.
    let twice = format!(
        "{SESSION}\nclass Bad:\n    def __setstate__(self, state): raise ValueError('no')\n    \
         def __getstate__(self): return {{'x': 1}}\nbad = Bad()\n"
    );
    sandbox.write("twice.py", twice);
    let run = sandbox.snapcli(&["save", "--compress", "1", "-o", "t.pkl.zst", "twice.py"]);
    assert!(run.err().contains("bad"), "{}", run.whole());
    done(&sandbox, &["verify", "t.pkl.zst"]);
    done(&sandbox, &["restore", "t.pkl.zst", "-c", "count()"]).assert_stdout("50003\n");
}

#[test]
fn export_compresses_by_the_same_rules_as_save() {
    let sandbox = sandbox();
    done(&sandbox, &["save", "-q", "-o", "runs.snaps/", "train.py"]);
    done(&sandbox, &["export", "-q", "runs.snaps/", "-o", "plain.pkl"]);
    let plain = fs::read(sandbox.work().join("plain.pkl")).unwrap();
    let expected = done(&sandbox, &["restore", "plain.pkl", "-c", CHECK]).out();
    let cases: [(&str, &[&str], bool); 4] = [
        ("a.pkl.zst", &[], false),
        ("b.ZST", &["--compress", "9"], false),
        ("c.pkl", &["--compress", "1"], true),
        ("d.pkl", &["--compress=-7"], true),
    ];
    for (name, options, is_noted) in cases {
        let run = done(&sandbox, &[&["export", "runs.snaps/@1", "-o", name], options].concat());
        assert!(size(&sandbox, name) < 5_000_000 && plain.len() > 19_000_000, "{name}");
        let note = format!("snapcli: {name} is compressed: dill reads what `zstd -d -c {name}` prints");
        assert_eq!(run.err().contains(&note), is_noted, "{}", run.whole());
        done(&sandbox, &["verify", name]);
        done(&sandbox, &["restore", name, "-c", CHECK]).assert_stdout(&expected);
        done(&sandbox, &["inspect", name]);
        if let Some(bytes) = decompressed(&sandbox, name) {
            assert!(bytes == plain, "{name}");
        }
    }
    let run = done(&sandbox, &["export", "--compress", "5", "runs.snaps/", "-o", "-"]);
    assert!(run.stdout.starts_with(b"\x28\xb5\x2f\xfd") && run.stdout.len() < 5_000_000);
    sandbox.write("piped.pkl", &run.stdout);
    done(&sandbox, &["verify", "piped.pkl"]);
    let run = sandbox.snapcli(&["export", "--compress", "23", "runs.snaps/"]);
    run.assert_code(2);
    assert!(run.err().contains("from -7 to 22"), "{}", run.whole());
}

#[test]
fn a_mapped_restore_reads_the_arrays_and_says_so() {
    let sandbox = sandbox();
    done(&sandbox, &["save", "-o", "s.pkl.zst", "train.py"]);
    let run = done(&sandbox, &["restore", "--mmap", "s.pkl.zst", "-c", "zeros.sum(), len(noise)"]);
    assert!(run.out().contains("3000000"), "{}", run.whole());
    assert!(run.err().contains("s.pkl.zst is compressed: its arrays were read into memory"), "{}", run.whole());
}

#[test]
fn a_signature_is_renewed_without_writing_the_frames_again() {
    let sandbox = sandbox();
    done(&sandbox, &["save", "--compress", "3", "-o", "s.pkl.zst", "train.py"]);
    let before = fs::read(sandbox.work().join("s.pkl.zst")).unwrap();
    let other = |words: &[&str]| sandbox.call_snapcli(words).env("SNAPCLI_KEY", "another passphrase of its own").run();
    other(&["restore", "s.pkl.zst", "-c", "count()"]).assert_code(5);
    other(&["trust", "--yes", "s.pkl.zst"]).assert_code(0);
    other(&["restore", "s.pkl.zst", "-c", "count()"]).assert_code(0).assert_stdout("50003\n");
    let after = fs::read(sandbox.work().join("s.pkl.zst")).unwrap();
    let same = before.iter().zip(&after).take_while(|(a, b)| a == b).count();
    assert!(same > before.len() - 2_000, "{same} of {}", before.len());
    done(&sandbox, &["verify", "s.pkl.zst"]);
}

#[test]
fn python_saves_and_loads_compressed_files_and_bytes() {
    for python in pythons() {
        let sandbox = Sandbox::with(venv(python, Stack::Dill));
        let code = r#"
import snapcli
words = [str(number) for number in range(100_000)]
plain = snapcli.save("plain.pkl")
for compress in (-5, 3, 19, True):
    report = snapcli.save("s.pkl", compress=compress)
    if compress != -5:
        assert report.bytes < plain.bytes * 3 // 4, report.bytes
    into = {}
    snapcli.restore("s.pkl", into=into)
    assert into["words"] == words
report = snapcli.save(only="words", compress=1)
assert report.data[:4] == b"\x28\xb5\x2f\xfd" and len(report.data) == report.bytes
into = {}
snapcli.restore(report.data, into=into)
assert into["words"] == words
assert snapcli.save("n.pkl.zst").bytes < plain.bytes / 3
assert snapcli.verify("n.pkl.zst")["whole"]
for wrong in (23, -8, 1 << 40, "3", 1.5):
    try:
        snapcli.save("w.pkl", compress=wrong)
    except (ValueError, TypeError) as error:
        continue
    raise SystemExit(f"{wrong!r} was taken")
print("done")
"#;
        sandbox.write("job.py", code);
        let run = sandbox.call_importing(&["job.py"]).run();
        run.assert_code(0).assert_stdout("done\n");
    }
}

#[test]
fn a_flipped_bit_is_never_a_wrong_result() {
    let sandbox = Sandbox::new();
    sandbox.write("s.py", "a = list(range(300))\nb = {'k': 'v' * 500}\nc = 'text ' * 40\n");
    done(&sandbox, &["save", "--compress", "3", "-o", "s.pkl.zst", "s.py"]);
    let bytes = fs::read(sandbox.work().join("s.pkl.zst")).unwrap();
    let expected = "44850 500 200\n";
    let code = "print(sum(a), len(b['k']), len(c))";
    let mut numbers = Numbers(7);
    for _ in 0..60 {
        let mut changed = bytes.clone();
        let bit = numbers.below(changed.len() * 8);
        changed[bit / 8] ^= 1 << (bit % 8);
        sandbox.write("changed.pkl.zst", &changed);
        let run = sandbox.snapcli(&["restore", "changed.pkl.zst", "-c", code]);
        assert!(!run.status.success() || run.out() == expected, "bit {bit}: {}", run.whole());
    }
}

#[test]
fn a_truncated_file_gives_what_is_left() {
    let sandbox = sandbox();
    done(&sandbox, &["save", "--compress", "3", "-o", "s.pkl.zst", "train.py"]);
    let bytes = fs::read(sandbox.work().join("s.pkl.zst")).unwrap();
    sandbox.write("cut.pkl.zst", &bytes[..bytes.len() - 700_000]);
    let run = sandbox.snapcli(&["restore", "cut.pkl.zst", "-c", "small"]);
    run.assert_code(4);
    assert!(run.err().contains("restore what is intact with --partial"), "{}", run.whole());
    let run = sandbox.snapcli(&["restore", "--partial", "--trust", "cut.pkl.zst", "-c", "small"]);
    assert!(run.out().contains("{'a': [1, 2, 3]}"), "{}", run.whole());
    // Every shorter file is an error, or the same session.
    for length in [1, 4, 20, 100, bytes.len() - 1, bytes.len() - 9, bytes.len() - 200] {
        sandbox.write("cut.pkl.zst", &bytes[..length]);
        sandbox.snapcli(&["verify", "cut.pkl.zst"]).assert_code(4);
    }
}
