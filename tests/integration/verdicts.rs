//! The verdict rates every hostile file as dangerous and no harmless file as dangerous, and inspecting runs nothing in
//! either. `verdicts/attacks.py` and `verdicts/benign.py` write the files.

use std::fs;
use std::path::{Path, PathBuf};

use crate::env::{Sandbox, Stack, main_python, venv};

/// Runs a script that writes files, and returns their paths.
fn corpus(sandbox: &Sandbox, script: &str, arguments: &[&str]) -> Vec<PathBuf> {
    let folder = sandbox.out().join("corpus");
    fs::create_dir_all(&folder).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/integration/verdicts").join(script);
    let (script, to) = (script.to_str().unwrap(), folder.to_str().unwrap());
    sandbox.python(&[&[script, to], arguments].concat()).assert_code(0);
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// The verdict's class of a file, or `refused` if it cannot be inspected.
fn class(sandbox: &Sandbox, file: &Path) -> String {
    let run = sandbox.call_snapcli(&["inspect", "--json", file.to_str().unwrap()]).env("PATH", "").run();
    if run.status.code() == Some(4) {
        return "refused".to_owned();
    }
    run.assert_code(0);
    run.json()["verdict"]["class"].as_str().unwrap().to_owned()
}

fn full() -> Sandbox {
    Sandbox::with(venv(main_python(), Stack::Full))
}

#[test]
fn every_attack_is_dangerous_or_refused_and_never_runs() {
    let sandbox = full();
    let canary = sandbox.out().join("canary");
    let files = corpus(&sandbox, "attacks.py", &[canary.to_str().unwrap()]);
    assert!(files.len() >= 60, "{}", files.len());
    let missed: Vec<String> = files
        .iter()
        .map(|file| (file, class(&sandbox, file)))
        .filter(|(_, class)| !matches!(class.as_str(), "dangerous" | "refused"))
        .map(|(file, class)| format!("{} is {class}", file.display()))
        .collect();
    assert!(missed.is_empty(), "{missed:#?}");
    assert!(!canary.exists());
    // The attack works: loading the file creates the canary.
    let load = "import pickle, sys; pickle.load(open(sys.argv[1], 'rb'))";
    let file = files.iter().find(|file| file.ends_with("getattr.pkl")).unwrap();
    sandbox.python(&["-c", load, file.to_str().unwrap()]).assert_code(0);
    assert!(canary.exists());
}

/// Harmless files that are more than plain data, and are not known to be harmless: a subscript of `typing`, an enum
/// that dill saves by name, what calls other functions later, and models whose compiled code trusts the numbers in the
/// file.
const MAY_CALL: [&str; 20] = [
    "annotated",
    "array_of_objects_in_fields",
    "code-cached",
    "code-module",
    // It holds a logger, which the whole program shares.
    "data-flags",
    "enum",
    "getters",
    "partials",
    "references",
    "model-boosting",
    "model-encoder",
    "model-forest",
    "model-histogram",
    "model-kd",
    "model-kmeans",
    "model-neighbors",
    "model-pipeline",
    "model-svc",
    "model-tree",
    "polynomial",
];

#[test]
fn no_harmless_file_is_called_dangerous() {
    let sandbox = full();
    let files = corpus(&sandbox, "benign.py", &[]);
    assert!(files.len() >= 60, "{}", files.len());
    let wrong: Vec<String> = files
        .iter()
        .map(|file| (file, class(&sandbox, file)))
        .filter(|(file, class)| match class.as_str() {
            "plain" | "code" => false,
            "calls" => !MAY_CALL.iter().any(|kind| file.to_str().unwrap().contains(kind)),
            _ => true,
        })
        .map(|(file, class)| format!("{} is {class}", file.display()))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn dill_and_snapcli_sessions_are_rated_code_at_most() {
    let sandbox = full();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/integration/verdicts/benign.py");
    let mut text = fs::read_to_string(script).unwrap();
    text.truncate(text.find("def write(").unwrap());
    // Leaves out the enum and the type variable, which dill cannot save by value.
    let text = text.replace("\"enum\": list(Color),", "").replace("\"typevar\": typing.TypeVar(\"T\"),", "");
    let text = text.replace("FOLDER = pathlib.Path(sys.argv[1])", "");
    let session = format!(
        "{text}\nvalues = data()\ncodes = code()\nfields = arrays()\nframed = frames()\nmodeled = models()\ndel Color\n"
    );
    sandbox.write("session.py", &session);
    sandbox.write("dumped.py", format!("{session}dill.dump_module('dill.pkl')\n"));
    sandbox.python(&["dumped.py"]).assert_code(0);
    sandbox.snapcli(&["save", "-q", "-o", "ours.pkl", "session.py"]).assert_code(0);
    for file in ["dill.pkl", "ours.pkl"] {
        let run = sandbox.snapcli(&["inspect", "--json", "--verdict", file]);
        let json = run.json();
        let verdict = &json["verdict"];
        assert!(!["dangerous"].contains(&verdict["class"].as_str().unwrap()), "{file}: {verdict:#}");
        assert!(json["variables"].as_array().unwrap().len() > 20, "{file}");
    }
}

#[test]
fn strict_exits_with_5_on_danger_and_names_the_cause_and_its_location() {
    let sandbox = Sandbox::new();
    sandbox.write("evil.pkl", b"\x80\x02cos\nsystem\nX\x05\0\0\0id \x1b[q\x00\x85q\x01R.");
    let run = sandbox.snapcli(&["inspect", "--strict", "evil.pkl"]);
    run.assert_code(5).assert_stderr("");
    let expected = "
verdict: dangerous: loading it can do anything: run commands, evaluate code, open files or sockets
  at byte 28: os.system('id \\x1b[') runs commands or changes the system
  (a static verdict is not a proof: load only files that you trust)
";
    assert!(run.out().ends_with(expected), "{}", run.out());
    sandbox.snapcli(&["inspect", "evil.pkl"]).assert_code(0);
    sandbox.write("plain.pkl", b"\x80\x02K\x01.");
    let run = sandbox.snapcli(&["inspect", "--strict", "plain.pkl"]);
    run.assert_code(0);
    assert!(run.out().contains("\nverdict: plain: loading it builds plain data\n"), "{}", run.out());
    let json = sandbox.snapcli(&["inspect", "--json", "evil.pkl"]).json();
    assert_eq!(json["verdict"]["findings"][0]["callee"], "os.system");
    assert_eq!(json["verdict"]["findings"][0]["offset"], 28);
}

#[test]
fn a_tampered_snapshot_gets_the_verdict_of_its_pickle() {
    let sandbox = Sandbox::new();
    sandbox.write("script.py", "import numpy as np\nx = np.zeros(1000)\nnames = ['a' * 40]\n");
    sandbox.snapcli(&["save", "-q", "script.py"]).assert_code(0);
    let run = sandbox.snapcli(&["inspect", "--json"]);
    assert_eq!(run.json()["verdict"]["class"], "plain", "{}", run.whole());
    // The index still matches its own hash, but the verdict is computed from the pickle. Damage comes first.
    let mut bytes = fs::read(sandbox.work().join("session.pkl")).unwrap();
    let text = [b"\x8c\x28".as_slice(), &[b'a'; 40]].concat();
    let offset = bytes.windows(text.len()).position(|window| window == text).unwrap();
    let mut hostile = b"cos\nsystem\n(S'id'\ntR".to_vec();
    hostile.resize(text.len(), b'N');
    let padding = hostile.len() - 20;
    hostile[20..].copy_from_slice(&[b"N0".repeat(padding / 2), vec![b'N'; padding % 2]].concat());
    bytes[offset..offset + text.len()].copy_from_slice(&hostile);
    sandbox.write("session.pkl", bytes);
    let run = sandbox.snapcli(&["inspect", "--strict"]);
    run.assert_code(4);
    assert!(run.out().contains("os.system('id')"), "{}", run.whole());
}

#[test]
fn classes_of_every_kind_in_snapcli_sessions_are_not_dangerous() {
    let sandbox = Sandbox::new();
    let script = "
import abc, dataclasses, enum, typing
class Colour(enum.Enum):
    RED = 1
    def shout(self): return self.name
class Level(enum.IntFlag):
    A = 1
    B = 2
class Shape(abc.ABC):
    @abc.abstractmethod
    def area(self): ...
class Square(Shape):
    def __init__(self, side): self.side = side
    def area(self): return self.side ** 2
class Meta(type):
    def __new__(meta, name, bases, body): return super().__new__(meta, name, bases, body)
class Made(metaclass=Meta): parent = None
Made.parent = Made
T = typing.TypeVar('T')
class Box(typing.Generic[T]): pass
class Pair(typing.NamedTuple):
    a: int
    def total(self): return self.a
@dataclasses.dataclass(frozen=True, slots=True)
class Point:
    x: int = 0
things = [Colour.RED, Level.A | Level.B, Square(2), Made(), Box(), Pair(1), Point(3)]
";
    sandbox.write("script.py", script);
    sandbox.snapcli(&["save", "-q", "script.py"]).assert_code(0);
    let json = sandbox.snapcli(&["inspect", "--json", "--verdict"]).json();
    assert_ne!(json["verdict"]["class"], "dangerous", "{:#}", json["verdict"]);
}
