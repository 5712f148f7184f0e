//! Values that look like credentials: wherever they are in a session, `save` warns of them, nothing that shows the
//! index shows them, and with `--redact` they are not in the file.

use std::fs;

use crate::env::{Run, Sandbox, Stack, main_python, venv};

/// Every secret is `…-hunter2`, so that a search finds it in any file.
const SESSION: &str = r#"
import argparse, collections, dataclasses, functools, sys, types
password = "name-hunter2"
config = {"db": {"user": "bob", "password": "nested-hunter2"}}
deep = {"a": [{"b": ({"api_key": "deep-hunter2"},)}]}
url = "https://bob:url-hunter2@example.org/x"
urls = ["http://ok", "postgres://bob:list-hunter2@db/x"]
dsn = "host=db user=bob password=dsn-hunter2"
query = "https://example.org/?access_token=query-hunter2&page=2"
as_json = '{"user": "bob", "password": "json-hunter2"}'
header = {"Authorization": "Basic aGVhZGVyLWh1bnRlcjI="}
pairs = [("user", "bob"), ("password", "pair-hunter2")]
class Plain: pass
plain = Plain(); plain.token = "attribute-hunter2"
nested = Plain(); nested.settings = {"secret": "inner-hunter2"}
class Slots:
    __slots__ = ("user", "password")
slots = Slots(); slots.password = "slot-hunter2"
@dataclasses.dataclass
class Login:
    user: str
    password: str
login = Login("bob", "field-hunter2")
fields = collections.namedtuple("fields", "user password")
named = fields("bob", "tuple-hunter2")
ordered = collections.OrderedDict(password="ordered-hunter2")
space = types.SimpleNamespace(api_key="space-hunter2")
arguments = argparse.Namespace(password="parsed-hunter2")
words = ["run", "--password", "word-hunter2"]
class Config:
    secret_key = "class-hunter2"
def connect(host, password="default-hunter2"): return host
def keyword(*, password="keyword-hunter2"): return 1
def closure(password): return lambda: password
closed = closure("cell-hunter2")
partial = functools.partial(print, password="partial-hunter2")
pin = {"password": "12345678"}
raw = {"password": b"bytes-hunter2"}
"#;
/// What must not cause a warning.
const ORDINARY: &str = r#"
import string
tokens = ["a", "b"]
tokenizer_config = {"pad_token": "<pad>", "image_token": "<image>", "bos_token_id": 1, "token": "word"}
links = ["https://example.org/a:b@c", "ssh://git@host/x", "postgres://{user}:{password}@host"]
text = "the password: it should be long"
code = "password = getpass()\nlogin(password=password)"
keys = {"primary_key": "id1", "key": "value1", "id": "x"}
class Model:
    def __init__(self): self.key = "a1"; self.tokens = 3; self.password = None
model = Model()
numbers = list(range(100000))
table = {number: str(number) for number in range(5000)}
count = {"tokens": 5}
n_token = 5; max_token = 512
annotated = [{"token": "covid-19x", "pos": "NN"}]
courses = ["Basic Algebra101"]
usage = "usage: prog --password=PASSWORD"
def log_in(user, password="postgres", *, secret="changeme"): return user
schema = {"properties": {"password": "string"}}
setting = "npm_package_config_value_for_build1234"
import collections
vocabulary = {"the": 0, "password": 17, "secret": 3, "token": 4, "passphrase": 5}
counts = collections.Counter("the password is a secret token the password".split())
weights = {"password": 0.25, "secret": -1.5, "credentials": True}
bad_password = 0
class Statistics:
    password = 3
    def __init__(self): self.secret = 0.5
statistics = Statistics()
pairs = [("password", 12), ("secret", 4)]
"#;

fn save(sandbox: &Sandbox, options: &[&str], script: &str, arguments: &[&str]) -> Run {
    sandbox.write("script.py", script);
    sandbox.snapcli(&[&["save"], options, &["script.py"], arguments].concat())
}

/// The names that are warned of.
fn warned(run: &Run) -> Vec<String> {
    let warnings = run.err();
    let names = warnings.lines().filter_map(|line| line.strip_prefix("snapcli: warning: ")?.split(' ').next());
    names.map(str::to_owned).collect()
}

/// The index as it is in the file, and all that shows it.
fn shown(sandbox: &Sandbox, file: &str) -> String {
    let bytes = fs::read(sandbox.work().join(file)).unwrap();
    let trailer = &bytes[bytes.len() - 96..];
    let start = usize::try_from(u64::from_le_bytes(trailer[8..16].try_into().unwrap())).unwrap();
    let mut all = String::from_utf8_lossy(&bytes[start..]).into_owned();
    for options in [&[][..], &["--json"], &["--format", "github"], &["--html", "-"], &["--all"]] {
        all += &sandbox.snapcli(&[&["inspect"], options, &[file]].concat()).out();
    }
    all
}

#[test]
fn credentials_anywhere_in_a_variable_are_warned_of_and_not_shown() {
    let sandbox = Sandbox::new();
    let run = save(&sandbox, &["--report", "report.json"], SESSION, &[]);
    run.assert_code(0);
    let expected = [
        "password",
        "config",
        "deep",
        "url",
        "urls",
        "dsn",
        "query",
        "as_json",
        "header",
        "pairs",
        "plain",
        "nested",
        "slots",
        "login",
        "named",
        "ordered",
        "space",
        "arguments",
        "words",
        "Config",
        "connect",
        "keyword",
        "closed",
        "partial",
        "pin",
        "raw",
    ];
    assert_eq!(warned(&run), expected, "{}", run.whole());
    assert!(run.err().contains("at [\"db\"][\"password\"]"), "{}", run.err());
    assert!(run.err().contains("plain looks like a credential (its name ends in 'token', at .token)"), "{}", run.err());
    let report = fs::read_to_string(sandbox.work().join("report.json")).unwrap();
    let all = shown(&sandbox, "session.pkl") + &report + &run.err();
    assert!(!all.contains("hunter2"), "{all}");
    for name in expected {
        let run = sandbox.snapcli(&["inspect", "--trace", name]);
        assert!(!run.out().contains("hunter2"), "{}", run.whole());
    }
}

#[test]
fn redacted_variables_are_not_in_the_file() {
    let sandbox = Sandbox::new();
    let run = save(&sandbox, &["--redact", "--report", "report.json"], SESSION, &["--password", "argv-hunter2"]);
    run.assert_code(0);
    let bytes = fs::read(sandbox.work().join("session.pkl")).unwrap();
    for secret in [&b"hunter2"[..], b"aGVhZGVyLWh1bnRlcjI"] {
        assert!(!bytes.windows(secret.len()).any(|window| window == secret), "{}", run.whole());
    }
    let report = fs::read_to_string(sandbox.work().join("report.json")).unwrap();
    assert!(!report.contains("hunter2"), "{report}");
}

#[test]
fn ordinary_sessions_cause_no_warning() {
    let sandbox = Sandbox::new();
    let run = save(&sandbox, &["--redact"], ORDINARY, &["--epochs", "3", "--pad-token", "x", "--key", "name"]);
    run.assert_code(0);
    assert!(!run.err().contains("credential"), "{}", run.err());
}

#[test]
fn libraries_are_searched_where_values_are_shown() {
    let sandbox = Sandbox::with(venv(main_python(), Stack::Full));
    let script = "import numpy as np, pandas as pd\n\
                  links = np.array(['x', 'https://bob:array-hunter2@host'])\n\
                  mixed = np.array([1, 'postgres://bob:object-hunter2@host'], dtype=object)\n\
                  frame = pd.DataFrame({'user': ['bob'], 'password': ['column-hunter2']})\n\
                  fine = pd.DataFrame({'user': ['bob'], 'token_count': [1]})\nnumbers = np.arange(9)\n";
    let run = save(&sandbox, &[], script, &[]);
    run.assert_code(0);
    assert_eq!(warned(&run), ["links", "mixed", "frame"], "{}", run.whole());
    let all = shown(&sandbox, "session.pkl") + &run.err();
    assert!(!all.contains("hunter2"), "{all}");
}

#[test]
fn arguments_that_look_like_credentials_are_not_kept() {
    let sandbox = Sandbox::new();
    let arguments = ["--password", "argv-hunter2", "--token=eq-hunter2", "https://a:url-hunter2@h", "--epochs", "3"];
    let run = save(&sandbox, &["--report", "report.json"], "x = 1\n", &arguments);
    run.assert_code(0);
    for what in ["the argument of --password", "the argument --token", "an argument that contains a URL"] {
        assert!(run.err().contains(&format!("warning: {what}")), "{what}\n{}", run.err());
    }
    let report = fs::read_to_string(sandbox.work().join("report.json")).unwrap();
    let all = shown(&sandbox, "session.pkl") + &report + &run.err();
    assert!(!all.contains("hunter2") && all.contains("--epochs 3"), "{all}");
    let seen = save(&sandbox, &["-q"], "import sys; print(sys.argv[2])\n", &arguments);
    seen.assert_stdout("argv-hunter2\n");
}

#[test]
fn tracebacks_are_kept_without_credentials() {
    let sandbox = Sandbox::new();
    let script = "import sys\nraise ValueError('no login at https://bob:url-hunter2@host with ' + sys.argv[2])\n";
    let run = save(&sandbox, &[], script, &["--password", "argv-hunter2"]);
    run.assert_code(1);
    assert!(run.err().contains("warning: a part of the traceback looks like a credential"), "{}", run.err());
    let all = shown(&sandbox, "session.crash.pkl");
    assert!(!all.contains("hunter2") && all.contains("ValueError: no login at"), "{all}");
    let script = "x = 1\nraise ValueError('cannot log in with password message-hunter2')\n";
    let run = save(&sandbox, &[], script, &[]);
    assert!(run.err().contains("warning: the traceback mentions 'password': use --redact"), "{}", run.err());
    let run = save(&sandbox, &["--redact"], script, &[]);
    assert!(run.err().contains("its messages and lines of code are not kept"), "{}", run.err());
    let all = shown(&sandbox, "session.crash.pkl");
    assert!(!all.contains("hunter2") && all.contains("ValueError: (not shown)") && all.contains("line 2"), "{all}");
}

#[test]
fn a_comparison_does_not_show_credentials() {
    let sandbox = Sandbox::new();
    save(&sandbox, &["-q", "-o", "a.pkl"], "config = {'db': {'password': 'old-hunter2'}}\nsecret = 'a-hunter2'\n", &[]);
    save(&sandbox, &["-q", "-o", "b.pkl"], "config = {'db': {'password': 'new-hunter2'}}\n", &[]);
    for options in [&["diff"][..], &["diff", "--json"]] {
        let run = sandbox.snapcli(&[options, &["a.pkl", "b.pkl"]].concat());
        run.assert_code(1);
        assert!(!run.out().contains("hunter2") && run.out().contains("config"), "{}", run.whole());
    }
}

#[test]
fn objects_that_contain_themselves_and_large_ones_end_the_search() {
    let sandbox = Sandbox::new();
    let script = "import time\nloop = []; loop.append(loop)\nclass Node: pass\nnode = Node(); node.next = node\n\
                  tree = {}\nfor _ in range(40): tree = {'left': tree, 'right': tree}\n\
                  many = [{'a': 'x' * 100, 'b': ['y'] * 100} for _ in range(20000)]\n\
                  text = 'a=b ' * 1000000\nbig = ['https://' + 'x' * 4000] * 5000\n";
    let run = save(&sandbox, &[], script, &[]);
    run.assert_code(0);
    assert!(!run.err().contains("credential"), "{}", run.err());
}
