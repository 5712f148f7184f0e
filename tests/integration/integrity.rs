//! If any byte of a snapshot is changed, lost or added, a restore fails before it loads wrong data, and the intact
//! variables can be restored. Most cases call the reader in this process, as a restore does; some run the program.
//!
//! The tests with full counts take minutes: `cargo test --test integration integrity -- --ignored --nocapture`.
#![allow(clippy::print_stdout, reason = "the full versions print their counts")]

use std::fs;
use std::time::{Duration, Instant};

use snapcli::internals::{Contents, Index, Memory, Outline, Snapshot, TRAILER, Trailer, Wanted, longest_index, verify};

use crate::env::{Numbers, Sandbox};

/// Arrays, padding between them, records, strings, shared objects, a class, its instances and a function.
const MIXED: &str = "
import collections
import numpy as np
scale = 3
grid = np.arange(440_000.0).reshape(440, 1000)
mask = (np.arange(1_300_000) % 7).astype('u1')
records = [{'name': f'record {n}', 'score': n / 7, 'tags': [n, str(n)]} for n in range(1500)]
same = records
text = 'naïve ' * 9000
raw = bytes(range(256)) * 300
table = collections.OrderedDict((n, (n, n * n)) for n in range(900))
class Model:
    def __init__(self, weight): self.weight = weight
    def predict(self, value): return value * scale + self.weight
model = Model(grid)
small = np.arange(5)
";
const MIXED_IS_RIGHT: &str = "
assert grid.sum() == 96799780000.0 and mask.sum() == 3899995 and records[1499]['tags'] == [1499, '1499']
assert same is records and text == 'naïve ' * 9000 and raw == bytes(range(256)) * 300 and table[899] == (899, 808201)
assert model.weight is grid and model.predict(1)[0][5] == 8.0 and small.tolist() == [0, 1, 2, 3, 4]
print('right')
";
/// The longest that reading one file may take.
const LONGEST: Duration = Duration::from_secs(20);

/// An undamaged snapshot.
struct Original {
    bytes: Vec<u8>,
    index: Index,
}

impl Original {
    fn save(sandbox: &Sandbox, script: &str) -> Self {
        sandbox.write("script.py", script);
        sandbox.snapcli(&["save", "-q", "script.py"]).assert_code(0);
        let bytes = fs::read(sandbox.work().join("session.pkl")).unwrap();
        let snapshot = Snapshot::from_bytes(bytes.clone()).unwrap();
        let Contents::Own { index } = snapshot.contents() else { panic!("our own") };
        let index = index.clone();
        Self { bytes, index }
    }

    fn pickle(&self) -> &[u8] {
        &self.bytes[..self.index.stream.length as usize]
    }

    /// Reads a changed copy as a restore does, and compares what it loads with the bytes that were saved.
    fn judge(&self, bytes: Vec<u8>, thorough: bool) -> Verdict {
        let began = Instant::now();
        let verdict = self.judge_untimed(bytes, thorough);
        assert!(began.elapsed() < LONGEST, "took {:?}", began.elapsed());
        verdict
    }

    fn judge_untimed(&self, bytes: Vec<u8>, thorough: bool) -> Verdict {
        let Ok(snapshot) = Snapshot::from_bytes(bytes).and_then(Snapshot::followed) else { return Verdict::Refused };
        let right = |right: bool| if right { Verdict::Right } else { Verdict::Wrong };
        let Contents::Own { index } = snapshot.contents() else {
            // Without its trailer the file is a plain pickle, and a load reads no further than STOP.
            return right(snapshot.bytes().unwrap().starts_with(self.pickle()));
        };
        let whole_by_verify = thorough.then(|| verify(&snapshot, &|_| {}).is_ok_and(|found| found.is_whole()));
        let mut arrays: Vec<Vec<Vec<u8>>> = index
            .variables
            .iter()
            .map(|variable| variable.buffers.iter().map(|buffer| vec![0; buffer.length as usize]).collect())
            .collect();
        let wanted = index.variables.iter().zip(&mut arrays).map(|(variable, arrays)| Wanted {
            variable,
            role: Default::default(),
            memory: Memory::Filled(arrays.iter_mut().map(Vec::as_mut_slice).collect()),
        });
        let whole = snapshot.fetch(index, wanted.collect(), &|_| {}).is_ok_and(|damage| damage.is_none());
        assert!(whole_by_verify.is_none_or(|by_verify| by_verify == whole), "verify and restore do not agree");
        if !whole {
            return Verdict::Refused;
        }
        let buffers = self.index.variables.iter().flat_map(|variable| &variable.buffers);
        let expected = buffers.map(|buffer| &self.bytes[buffer.offset as usize..][..buffer.length as usize]);
        right(expected.eq(arrays.iter().flatten()) && snapshot.bytes().unwrap() == self.pickle())
    }

    /// Bits spread over the whole file, and over each of its parts.
    fn bits(&self, count: usize) -> Vec<usize> {
        let (end, length) = (self.pickle().len(), self.bytes.len());
        let mut parts = vec![0..length, 0..end, end..length - TRAILER, length - TRAILER..length];
        for variable in &self.index.variables {
            let (start, end) = (variable.offset as usize, (variable.offset + variable.length) as usize);
            // The name and opcodes before an array's contents, the padding, and the bytes after it.
            let first = variable.buffers.first().map_or(end, |buffer| buffer.offset as usize);
            parts.extend([start..first, first.saturating_sub(80).max(start)..first, end - 5.min(end - start)..end]);
        }
        let mut numbers = Numbers(11);
        (0..count)
            .map(|turn| {
                let part = &parts[turn % parts.len()];
                8 * (part.start + numbers.below(part.len())) + numbers.below(8)
            })
            .collect()
    }

    fn flipped(&self, bit: usize) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        bytes
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Refused,
    Right,
    Wrong,
}

/// The number of files that were refused, and of those that gave the right data all the same.
fn count(verdicts: impl Iterator<Item = (String, Verdict)>) -> (usize, usize) {
    let mut counts = (0, 0);
    for (what, verdict) in verdicts {
        match verdict {
            Verdict::Refused => counts.0 += 1,
            Verdict::Right => counts.1 += 1,
            Verdict::Wrong => panic!("{what} gives wrong data"),
        }
    }
    counts
}

fn flips(original: &Original, count_of: usize, thorough: usize) -> (usize, usize) {
    let bits = original.bits(count_of).into_iter().enumerate();
    count(bits.map(|(turn, bit)| {
        let thorough = turn % thorough == 0;
        (format!("bit {bit} of {}", 8 * original.bytes.len()), original.judge(original.flipped(bit), thorough))
    }))
}

fn cuts(original: &Original, lengths: impl Iterator<Item = usize>) -> (usize, usize) {
    let mut salvages = 0;
    let counts = count(lengths.map(|length| {
        let cut = &original.bytes[..length];
        salvages += usize::from(salvaged(original, cut));
        (format!("a cut at {length}"), original.judge(cut.to_vec(), true))
    }));
    assert!(salvages > 0, "--partial read none of the files");
    counts
}

/// Checks that `--partial` reads exactly the variables before the cut. False if it cannot read the file at all.
fn salvaged(original: &Original, cut: &[u8]) -> bool {
    let Ok((snapshot, _)) = Snapshot::partial_from_bytes(cut, None) else { return false };
    let Ok(Outline::Session { variables, .. }) = snapshot.outline() else { panic!("a session") };
    let whole =
        original.index.variables.iter().filter(|variable| variable.offset + variable.length <= cut.len() as u64);
    let whole: Vec<&str> = whole.map(|variable| variable.name.as_str()).collect();
    assert_eq!(variables.iter().map(|variable| variable.name.as_str()).collect::<Vec<_>>(), whole);
    let bytes = snapshot.bytes().unwrap();
    // The last two bytes are BUILD and STOP, which `--partial` adds.
    assert!(original.bytes.starts_with(&bytes[..bytes.len().min(original.pickle().len()) - 2]));
    true
}

/// The peak memory of this process, in MB.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

#[test]
fn no_flipped_bit_gives_wrong_data() {
    let sandbox = Sandbox::new();
    let original = Original::save(&sandbox, MIXED);
    assert!((5_000_000..6_000_000).contains(&original.bytes.len()), "{} bytes", original.bytes.len());
    let (refused, right) = flips(&original, 400, 20);
    // A flipped bit in the trailer's magic number loses only the trailer.
    assert!(refused > 380 && right < 20, "{refused} refused, {right} right");
}

#[test]
fn no_truncation_or_extra_byte_gives_wrong_data() {
    let sandbox = Sandbox::new();
    let small = Original::save(&sandbox, "x = [1, 'two']\ny = {'x': x}\nz = 2.5\n");
    let lengths = small.bytes.len();
    let (refused, right) = cuts(&small, 0..lengths);
    // A file that still has its STOP is a plain pickle.
    assert_eq!((refused, right), (small.pickle().len(), lengths - small.pickle().len()));
    count(
        [&b"\0"[..], b"\n", b"....", &small.bytes]
            .iter()
            .map(|more| ("a file that goes on".to_owned(), small.judge([&small.bytes[..], more].concat(), true))),
    );
    for offset in 0..lengths {
        let (before, after) = small.bytes.split_at(offset);
        let verdict = small.judge([before, b"\x94", after].concat(), true);
        // An extra byte in the trailer loses only the trailer.
        let expected = if offset <= lengths - TRAILER { Verdict::Refused } else { Verdict::Right };
        assert_eq!(verdict, expected, "a byte more at {offset}");
    }
}

#[test]
fn the_program_refuses_flipped_files_before_anything_runs() {
    let sandbox = Sandbox::new();
    let original = Original::save(&sandbox, MIXED);
    let (refused, right) = program(&sandbox, &original, 24);
    assert!(refused >= 20, "{refused} refused, {right} right");
}

/// Runs `restore` on files with one flipped bit, and checks the restored variables.
fn program(sandbox: &Sandbox, original: &Original, count_of: usize) -> (usize, usize) {
    // The check passes on the undamaged file.
    sandbox.snapcli(&["restore", "--strict", "-c", MIXED_IS_RIGHT]).assert_stdout("right\n");
    count(original.bits(count_of).into_iter().map(|bit| {
        sandbox.write("flipped.pkl", original.flipped(bit));
        let run = sandbox.snapcli(&["restore", "--strict", "flipped.pkl", "-c", MIXED_IS_RIGHT]);
        let verdict = match (run.status.code(), run.out().as_str()) {
            (Some(4 | 5), "") => Verdict::Refused,
            (Some(0), "right\n") => Verdict::Right,
            _ => panic!("bit {bit}\n{}", run.whole()),
        };
        (format!("bit {bit}"), verdict)
    }))
}

#[test]
fn intact_variables_are_restored_from_a_damaged_file() {
    let sandbox = Sandbox::new();
    let script = "a = [1]\nb = {'a': a}\nc = (b, a)\nd = 'whole'\ndef f(): return d\n";
    let original = Original::save(&sandbox, script);
    let find = |name: &str| original.index.variables.iter().find(|variable| variable.name == name).unwrap();
    let b = find("b");
    let at = b.offset as usize + 5;
    sandbox.write("damaged.pkl", original.flipped(8 * at));
    let run = sandbox.snapcli(&["restore", "damaged.pkl", "-c", "print('ran')"]);
    run.assert_code(4).assert_stdout("");
    let expected = format!(
        "snapcli: cannot restore damaged.pkl\n  cause: damaged: b (at byte {}); undamaged: a, c, d, f; copy the \
         file again, or restore what needs no damaged bytes with --partial\n",
        b.offset
    );
    run.assert_stderr(&expected);
    let names = "print(a, d, f(), [name in globals() for name in 'bc'])";
    let run = sandbox.snapcli(&["restore", "--partial", "damaged.pkl", "-c", names]);
    run.assert_code(0).assert_stdout("[1] whole whole [False, False]\n");
    let expected = format!(
        "snapcli: cannot restore b (dict): it is damaged: bytes {} to {} do not match their checksum\n\
         snapcli: cannot restore c (tuple): shares an object with b, which is damaged\n",
        b.offset,
        b.offset + b.length
    );
    run.assert_stderr(&expected);
    sandbox.snapcli(&["restore", "--partial", "--strict", "damaged.pkl", "-c", "a"]).assert_code(3).assert_stdout("");
    // On an intact file it changes nothing.
    sandbox.snapcli(&["restore", "--partial", "-c", "c[0] is b"]).assert_stdout("True\n").assert_stderr("");
}

#[test]
fn variables_before_a_truncation_are_restored_as_a_plain_pickle() {
    let sandbox = Sandbox::new();
    let original = Original::save(&sandbox, "a = [1]\nb = {'a': a}\nc = 'x' * 1000\n");
    let at = original.index.variables[2].offset as usize + 100;
    sandbox.write("cut.pkl", &original.bytes[..at]);
    let run = sandbox.snapcli(&["restore", "cut.pkl", "-c", "1"]);
    run.assert_code(4).assert_stdout("");
    assert!(
        run.err().contains(&format!("is truncated at byte {at}")) && run.err().contains("--partial"),
        "{}",
        run.whole()
    );
    let run = sandbox.snapcli(&["restore", "--partial", "cut.pkl", "-c", "print(b['a'] is a, 'c' in globals())"]);
    run.assert_code(0).assert_stdout("True False\n");
    assert!(
        run.err().contains("restoring what is intact") && run.err().contains("without checking hashes"),
        "{}",
        run.whole()
    );
    let piped = sandbox.call_snapcli(&["restore", "--partial", "-", "-c", "print(b)"]);
    piped.stdin(&original.bytes[..at]).run().assert_code(0).assert_stdout("{'a': [1]}\n");
}

/// A file with a forged index whose hash is right: `head`, then `item` repeated up to the longest index that the reader
/// accepts, then `tail`.
fn forged(head: &str, item: &str, tail: &str) -> Vec<u8> {
    let pickle = [b"\x80\x05", &b"N0".repeat(20_000)[..], b"N."].concat();
    let length = longest_index(pickle.len() as u64) as usize;
    let items = item.repeat((length - head.len() - tail.len()) / item.len());
    let json = format!("{head}{items}{tail}");
    let trailer = Trailer {
        index_offset: pickle.len() as u64,
        index_length: json.len() as u64,
        index_hash: *blake3::hash(json.as_bytes()).as_bytes(),
        signature: [0; 32],
    };
    [&pickle, json.as_bytes(), &trailer.encode()].concat()
}

/// The shortest start of a valid variable.
fn shortest_variable() -> String {
    format!("{{\"length\":4,\"blake3\":\"{}\"", "0".repeat(64))
}

/// Runs a program and prints its exit code and peak memory in MB; the program writes to the same standard error.
const MEASURE: &str = "import resource, subprocess, sys\n\
                       null = subprocess.DEVNULL\n\
                       code = subprocess.run(sys.argv[1:], stdin=null, stdout=null).returncode\n\
                       print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)\n";

/// The exit code of a command, and its peak memory in MB.
fn measured(sandbox: &Sandbox, arguments: &[&str]) -> (i32, u64) {
    let program = [env!("CARGO_BIN_EXE_snapcli"), "--python", sandbox.interpreter().to_str().unwrap()];
    let run = sandbox.python(&[&["-c", MEASURE], &program[..], arguments].concat());
    let (code, peak) = run.out().trim().split_once(' ').map(|(code, peak)| (code.to_owned(), peak.to_owned())).unwrap();
    (code.parse().unwrap(), peak.parse().unwrap())
}

#[test]
fn no_index_takes_more_memory_than_a_few_times_its_length() {
    let sandbox = Sandbox::new();
    let start = "{\"schema\":1";
    let lists = format!("{start},\"variables\":[{}", shortest_variable());
    let cases = [
        (format!("{start},\"x\":"), "[".to_owned(), String::new()),
        (format!("{start},\"x\":"), "{\"\":".to_owned(), String::new()),
        (
            format!("{start},\"variables\":[{}}}", shortest_variable()),
            format!(",{}}}", shortest_variable()),
            "]}".to_owned(),
        ),
        (format!("{lists},\"shape\":[0"), ",0".to_owned(), "]}]}".to_owned()),
        (format!("{lists},\"uses\":[\"a\""), ",\"a\"".to_owned(), "]}]}".to_owned()),
        (format!("{lists},\"preview\":\"\\n"), "a".to_owned(), "\"}]}".to_owned()),
        (format!("{start},\"left_out\":[[\"a\"]"), ",[\"a\"]".to_owned(), "]}".to_owned()),
        (format!("{start},\"left_out\":[{{\"faults\":[[]"), ",[]".to_owned(), "]}]}".to_owned()),
    ];
    for (head, item, tail) in &cases {
        sandbox.write("forged.pkl", forged(head, item, tail));
        let (code, peak) = measured(&sandbox, &["verify", "forged.pkl"]);
        assert!(code == 4 && peak < 160, "{item}: exit {code}, {peak} MB");
    }
    let commands: [&[&str]; 4] = [
        &["inspect", "forged.pkl"],
        &["restore", "forged.pkl", "-c", "1"],
        &["diff", "forged.pkl", "forged.pkl"],
        &["trust", "--yes", "forged.pkl"],
    ];
    for command in commands {
        let (code, peak) = measured(&sandbox, command);
        assert!(code == 4 && peak < 160, "{command:?}: exit {code}, {peak} MB");
    }
}

#[test]
#[ignore = "takes minutes"]
fn full_twenty_thousand_bit_flips_and_two_thousand_truncations() {
    let sandbox = Sandbox::new();
    let original = Original::save(&sandbox, MIXED);
    let (refused, right) = flips(&original, 20_000, 100);
    println!("20,000 flips of {} bytes: {refused} refused, {right} right, 0 wrong", original.bytes.len());
    let mut numbers = Numbers(5);
    let length = original.bytes.len();
    let (refused, right) = cuts(&original, (0..2000).map(|_| numbers.below(length)));
    println!("2,000 cuts: {refused} refused, {right} right, 0 wrong");
    println!("peak memory {} MB", peak());
    assert!(peak() < 256, "{} MB", peak());
}

#[test]
#[ignore = "takes minutes"]
fn full_three_hundred_bit_flips_through_the_program() {
    let sandbox = Sandbox::new();
    let original = Original::save(&sandbox, MIXED);
    let (refused, right) = program(&sandbox, &original, 300);
    println!("300 flips through the program: {refused} refused, {right} right, 0 wrong");
}
