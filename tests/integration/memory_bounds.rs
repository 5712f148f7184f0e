//! How much memory it takes to look at hostile files: a small file is never answered with much of it.
//!
//! The limits here are those of the README, and what a debug build takes by itself. Time is not tested: what the
//! program counts is steps, so a file that takes too many of them ends with exit code 4, as one that takes too much
//! memory does.

use std::fs::File;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use niffler::send::compression::Format;

/// What the program takes without a file, in bytes: more in a debug build.
const PROGRAM: u64 = 45_000_000;

/// The memory that a file of this length may take.
fn allowed(length: usize) -> u64 {
    PROGRAM + (64_000_000 + 10 * length as u64).min(1_000_000_000)
}

/// A run of the program that has ended.
struct Ended {
    code: Option<i32>,
    signal: Option<i32>,
    /// The most memory that it had, in bytes.
    peak: u64,
    out: String,
    err: String,
}

fn run(folder: &Path, arguments: &[&str]) -> Ended {
    let [out, err] = ["out", "err"].map(|name| folder.join(name));
    let mut command = Command::new(env!("CARGO_BIN_EXE_snapcli"));
    command.current_dir(folder).args(arguments).env("SNAPCLI_PYTHON", "/nonexistent").env("HOME", folder);
    command.stdin(Stdio::null()).stdout(File::create(&out).unwrap()).stderr(File::create(&err).unwrap());
    let mut child = command.spawn().unwrap();
    let (status, peak) = watch(&mut child);
    let read = |path: PathBuf| String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned();
    Ended { code: status.code(), signal: status.signal(), peak, out: read(out), err: read(err) }
}

/// Waits for a child. Also returns the largest size of its memory in bytes, which it reads every millisecond:
/// `wait4` would count the memory that this process has when it starts the child.
fn watch(child: &mut Child) -> (ExitStatus, u64) {
    let status_of_child = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    loop {
        let status = std::fs::read_to_string(&status_of_child).unwrap_or_default();
        let found = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
        peak = peak.max(found.and_then(|number| number.parse::<u64>().ok()).unwrap_or(0) * 1024);
        if let Some(status) = child.try_wait().unwrap() {
            return (status, peak);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn repeated(head: &[u8], part: &[u8], length: usize, tail: &[u8]) -> Vec<u8> {
    [head, &part.repeat(length / part.len()), tail].concat()
}

/// `getattr(getattr(…os.x, NAME), NAME)`, which many times.
fn attribute_chain(name: &[u8], count: usize) -> Vec<u8> {
    let mut pickle = b"\x80\x04cbuiltins\ngetattr\nq\x000U".to_vec();
    pickle.push(u8::try_from(name.len()).unwrap());
    pickle.extend(name);
    pickle.extend(b"q\x020cos\nx\n");
    pickle.extend(b"q\x010h\x00h\x01h\x02\x86R".repeat(count));
    pickle.push(b'.');
    pickle
}

/// Files that took gigabytes, or many times their length.
fn bombs() -> Vec<(&'static str, Vec<u8>)> {
    let numbered = |count: usize, part: &dyn Fn(usize) -> String| -> Vec<u8> {
        let parts: String = (0..count).map(part).collect();
        [b"\x80\x04(", parts.as_bytes(), b"l."].concat()
    };
    const LENGTH: usize = 2 << 20;
    let tails = LENGTH / 2;
    vec![
        ("attributes with long names", attribute_chain(&[b'a'; 200], 5_000)),
        ("attributes with short names", attribute_chain(b"a", 50_000)),
        ("lists side by side", repeated(b"\x80\x04(", b"]", LENGTH, b"l.")),
        (
            "lists within lists",
            [b"\x80\x04".to_vec(), vec![b']'; tails], vec![b'a'; tails - 1], b".".to_vec()].concat(),
        ),
        ("tuples within tuples", repeated(b"\x80\x04N", b"\x85", LENGTH, b".")),
        ("one value many times", repeated(b"\x80\x04](N", b"2", LENGTH, b"e.")),
        ("states of an import", repeated(b"\x80\x04cm\nN\n)\x81", b"}b", LENGTH, b".")),
        ("calls for nothing", repeated(b"\x80\x04cm\nf\nq\x000(", b"h\x00)R", LENGTH, b"l.")),
        ("instances of instances", repeated(b"\x80\x04cm\nN\n", b")\x81", LENGTH, b".")),
        ("imports", numbered(100_000, &|number| format!("cm{number}\nn\n"))),
        ("calls", numbered(100_000, &|number| format!("cm{number}\nn\n)R"))),
        ("classes", numbered(100_000, &|number| format!("(cm\nN{number}\no"))),
        ("slots that are filled again", repeated(b"\x80\x04NN", b"q\x000q\x01N", LENGTH, b".")),
        ("marks", repeated(b"\x80\x04N", b"(", LENGTH, b".")),
    ]
}

#[test]
fn looking_at_a_hostile_file_takes_no_more_memory_than_is_promised() {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in bombs() {
        std::fs::write(folder.path().join("bomb.pkl"), &bytes).unwrap();
        let commands: [&[&str]; 5] = [
            &["inspect", "--verdict", "--json", "bomb.pkl"],
            &["inspect", "--trace", "obj", "bomb.pkl"],
            &["verify", "bomb.pkl"],
            &["diff", "bomb.pkl", "bomb.pkl"],
            &["restore", "--list", "bomb.pkl"],
        ];
        for arguments in commands {
            let ended = run(folder.path(), arguments);
            // `diff` looks at two files.
            let files = if arguments[0] == "diff" { 2 } else { 1 };
            assert_eq!(ended.signal, None, "{name}: {arguments:?}: {}", ended.err);
            assert!(
                ended.peak > 0 && ended.peak <= allowed(files * bytes.len()),
                "{name}: {arguments:?}: {} bytes",
                ended.peak
            );
            let is_known = matches!(ended.code, Some(0 | 4 | 5));
            assert!(is_known, "{name}: {arguments:?}: {:?} {}", ended.code, ended.err);
            if ended.code == Some(4) && arguments[0] != "verify" {
                // What is shown although it was not judged says it in the verdict.
                let told = [&ended.err, &ended.out].iter().any(|text| text.contains("--max-memory"));
                assert!(told, "{name}: {arguments:?}: {} {}", ended.err, ended.out);
            }
        }
    }
}

#[test]
fn a_compressed_bomb_counts_as_the_small_file_that_it_is() {
    let folder = tempfile::tempdir().unwrap();
    for format in [Format::Gzip, Format::Bzip, Format::Lzma, Format::Zstd] {
        let file = File::create(folder.path().join("bomb.pkl")).unwrap();
        let mut packed = niffler::send::get_writer(Box::new(file), format, niffler::Level::One).unwrap();
        packed.write_all(b"\x80\x04(").unwrap();
        for _ in 0..8 {
            packed.write_all(&vec![b']'; 4 << 20]).unwrap();
        }
        packed.write_all(b"l.").unwrap();
        drop(packed);
        for arguments in [&["inspect", "bomb.pkl"][..], &["verify", "bomb.pkl"], &["diff", "bomb.pkl", "bomb.pkl"]] {
            let ended = run(folder.path(), arguments);
            assert_eq!(ended.code, Some(4), "{format:?}: {}", ended.err);
            assert!(ended.err.contains("--max-memory"), "{format:?}: {arguments:?}: {}", ended.err);
            // A part of the decompressed file is mapped.
            assert!(ended.peak <= allowed(4 << 20), "{format:?}: {arguments:?}: {}", ended.peak);
        }
    }
}

/// What the check of the stack remembers is paid for, too: a compressed file of little else is small.
#[test]
fn marks_and_scattered_memo_slots_of_a_compressed_file_count() {
    let folder = tempfile::tempdir().unwrap();
    let slots: Vec<u8> = (1..3_000_000_u32).flat_map(|slot| [&b"r"[..], &(slot << 1).to_le_bytes()].concat()).collect();
    let bombs = [("marks", vec![b'('; 4 << 20]), ("slots", [b"N".to_vec(), slots].concat())];
    for (name, bomb) in bombs {
        let bytes = [&b"\x80\x04"[..], &bomb, b"."].concat();
        let packed = zstd::bulk::compress(&bytes, 3).unwrap();
        std::fs::write(folder.path().join("bomb.pkl"), &packed).unwrap();
        for arguments in [&["inspect", "bomb.pkl"][..], &["verify", "bomb.pkl"], &["restore", "--list", "bomb.pkl"]] {
            let ended = run(folder.path(), arguments);
            assert!(matches!(ended.code, Some(0 | 4)), "{name}: {arguments:?}: {:?} {}", ended.code, ended.err);
            // The decompressed file is mapped.
            assert!(ended.peak <= allowed(20 * packed.len()) + 16_000_000, "{name}: {arguments:?}: {}", ended.peak);
        }
    }
}

/// A session with as many names as a table shows.
#[test]
fn a_dict_with_thousands_of_names_is_shown_within_the_limit() {
    let folder = tempfile::tempdir().unwrap();
    let item = |number: u32| [&b"\x8c\x07"[..], format!("v{number:06}]").as_bytes()].concat();
    let items: Vec<u8> = (0..65_000).flat_map(item).collect();
    let bytes = [&b"\x80\x04}("[..], &items, b"u."].concat();
    std::fs::write(folder.path().join("names.pkl"), &bytes).unwrap();
    let commands: [&[&str]; 5] = [
        &["inspect", "names.pkl"],
        &["inspect", "--json", "names.pkl"],
        &["inspect", "--strict", "--verdict", "names.pkl"],
        &["verify", "names.pkl"],
        &["restore", "--list", "names.pkl"],
    ];
    for arguments in commands {
        let ended = run(folder.path(), arguments);
        assert_eq!(ended.code, Some(0), "{arguments:?}: {}", ended.err);
        assert!(ended.peak <= allowed(bytes.len()), "{arguments:?}: {}", ended.peak);
    }
}

#[test]
fn a_file_that_is_too_large_is_read_with_more_memory() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = repeated(b"\x80\x04(", b"]", 2 << 20, b"l.");
    std::fs::write(folder.path().join("large.pkl"), bytes).unwrap();
    for arguments in [&["inspect", "large.pkl"][..], &["verify", "large.pkl"], &["restore", "--list", "large.pkl"]] {
        let refused = run(folder.path(), arguments);
        assert_eq!(refused.code, Some(4), "{arguments:?}: {}", refused.out);
        assert!(
            refused
                .err
                .contains("84971570 bytes of memory: if you expect so large a file, allow more with --max-memory SIZE"),
            "{}",
            refused.err
        );
        let more = [arguments, &["--max-memory", "1G"]].concat();
        let ended = run(folder.path(), &more);
        assert_eq!(ended.code, Some(0), "{arguments:?}: {}", ended.err);
        let less = [arguments, &["--max-memory", "20M"]].concat();
        let ended = run(folder.path(), &less);
        assert_eq!(ended.code, Some(4));
        assert!(ended.err.contains("20000000 bytes"), "{}", ended.err);
    }
}

#[test]
fn a_gap_in_the_memo_is_not_plain() {
    let folder = tempfile::tempdir().unwrap();
    let gaps: [&[u8]; 4] = [
        b"\x80\x04]r\x00\xc2\xeb\x0b.",
        b"\x80\x04]r\xff\xff\xff\x7f.",
        b"](lp1000000000\n.",
        b"\x80\x04]r\x00\x00\x20\x00.",
    ];
    for pickle in gaps {
        std::fs::write(folder.path().join("gap.pkl"), pickle).unwrap();
        let ended = run(folder.path(), &["inspect", "--verdict", "--json", "gap.pkl"]);
        let report: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
        assert_ne!(report["verdict"]["class"], "plain", "{pickle:?}");
        assert_eq!(run(folder.path(), &["inspect", "--strict", "gap.pkl"]).code, Some(5));
    }
    // As pickle writes it for 300 objects, and as pickletools.optimize may leave it.
    for honest in [&b"\x80\x02]q\x00(]r\x2c\x01\x00\x00]r\x2d\x01\x00\x00e."[..], b"\x80\x02]r\xff\xff\x00\x00."] {
        std::fs::write(folder.path().join("gap.pkl"), honest).unwrap();
        assert_eq!(run(folder.path(), &["inspect", "--strict", "gap.pkl"]).code, Some(0));
    }
}

#[test]
fn honest_files_are_within_the_limits() {
    let folder = tempfile::tempdir().unwrap();
    // As `pickle.dumps` writes long lists and dicts: of numbers, strings, tuples, lists and dicts.
    let batch = |part: &[u8], count: usize| [b"(", &part.repeat(count)[..], b"e"].concat();
    let list = |part: &[u8], batches: usize| [b"\x80\x04]\x94", &batch(part, 1000).repeat(batches)[..], b"."].concat();
    let files = [
        ("numbers", list(b"K\x01", 1000)),
        ("strings", list(b"\x8c\x05value\x94", 300)),
        ("pairs", list(b"K\x01K\x02\x86\x94", 300)),
        ("lists", list(b"]\x94(K\x01K\x02K\x03e", 200)),
        ("dicts", list(b"}\x94(\x8c\x01aK\x01\x8c\x01bK\x02\x8c\x01cK\x03u", 100)),
    ];
    for (name, bytes) in files {
        std::fs::write(folder.path().join("honest.pkl"), bytes).unwrap();
        let commands: [&[&str]; 4] = [
            &["inspect", "--strict", "honest.pkl"],
            &["verify", "honest.pkl"],
            &["diff", "honest.pkl", "honest.pkl"],
            &["inspect", "--trace", "obj", "honest.pkl"],
        ];
        for arguments in commands {
            let ended = run(folder.path(), arguments);
            assert_eq!(ended.code, Some(0), "{name}: {arguments:?}: {}", ended.err);
        }
    }
}

/// A stream that has no end, and is no snapshot.
#[test]
fn an_endless_stream_is_refused_at_its_beginning() {
    let folder = tempfile::tempdir().unwrap();
    for (stream, what) in [("/dev/zero", "this is "), ("yes hello", "this is "), ("yes '{\"a\": 1}'", "this is ")] {
        for command in ["verify -", "inspect -", "restore --list -", "restore --list --max-memory 1G -"] {
            let source = if stream.starts_with('/') { format!("cat {stream}") } else { stream.to_owned() };
            let line = format!("{source} | {} {command}", env!("CARGO_BIN_EXE_snapcli"));
            let mut shell = Command::new("timeout");
            let ended = shell.args(["60", "sh", "-c", &line]).current_dir(folder.path()).output().unwrap();
            let err = String::from_utf8_lossy(&ended.stderr);
            let out = String::from_utf8_lossy(&ended.stdout);
            assert_eq!(ended.status.code(), Some(4), "{line}\n{err}{out}");
            assert!(err.contains(what) || out.contains(what), "{line}\n{err}{out}");
        }
    }
    // A stream that begins like a pickle is read as far as the user allows.
    let line =
        format!("(printf '\\200\\004'; cat /dev/zero) | {} inspect --max-memory 10M -", env!("CARGO_BIN_EXE_snapcli"));
    let ended = Command::new("timeout").args(["60", "sh", "-c", &line]).current_dir(folder.path()).output().unwrap();
    assert_eq!(ended.status.code(), Some(4), "{}", String::from_utf8_lossy(&ended.stderr));
    assert!(String::from_utf8_lossy(&ended.stderr).contains("more than the 10000000 bytes of --max-memory"));
}
