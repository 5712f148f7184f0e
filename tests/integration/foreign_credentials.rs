//! Values that look like credentials in pickles of other programs, and in snapshots of other people: no command that
//! reads a file shows them, wherever they are. The names stay, and so do ordinary values.

use crate::env::{Run, Sandbox, Stack, main_python, venv};

/// Every secret contains `hunter2`. `dump(SUFFIX)` makes values that differ by the suffix in their secrets alone.
const DUMP: &str = r#"
import argparse, base64, collections, dataclasses, functools, pickle, sys, types
class Plain: pass
class Slots:
    __slots__ = ("user", "password")
@dataclasses.dataclass
class Login:
    user: str
    password: str
class Secret:
    def __init__(self, value): self._secret_value = value
Fields = collections.namedtuple("Fields", "user password")
def values(end):
    plain = Plain(); plain.token = "attribute-hunter2" + end
    slots = Slots(); slots.user = "bob"; slots.password = "slot-hunter2" + end
    return {
        "password": "name-hunter2" + end,
        "nested": {"db": {"user": "bob", "password": "nested-hunter2" + end}},
        "deep": {"a": [{"b": ({"api_key": "deep-hunter2" + end},)}]},
        "url": "https://bob:url-hunter2" + end + "@example.org/x",
        "urls": ["http://ok", "postgres://bob:list-hunter2" + end + "@db/x"],
        "dsn": "host=db user=bob password=dsn-hunter2" + end,
        "as_json": '{"user": "bob", "password": "json-hunter2' + end + '"}',
        "header": {"Authorization": "Bearer header-hunter2-a1B2" + end},
        "pairs": [("user", "bob"), ("password", "pair-hunter2" + end)],
        "plain": plain,
        "slots": slots,
        "login": Login("bob", "field-hunter2" + end),
        "secret": Secret("value-hunter2" + end),
        "ordered": collections.OrderedDict(password="ordered-hunter2" + end),
        "default": collections.defaultdict(str, password="default-hunter2" + end),
        "space": types.SimpleNamespace(api_key="space-hunter2" + end),
        "arguments": argparse.Namespace(password="parsed-hunter2" + end),
        "argv": ["run", "--password", "word-hunter2" + end],
        "options": ["run", "--db-password=option-hunter2" + end],
        "partial": functools.partial(print, password="partial-hunter2" + end),
        "environ": {"PATH": "/bin", "HOME": "/root", "USER": "bob", "MY_AUTH": "environ-hunter2" + end},
        "several": {"passwords": [], "api_keys": 3, "api_key": ["first-hunter2" + end, "second-hunter2" + end]},
        "tuple_key": {("db", "password"): "tuple-hunter2" + end, ("db", "host"): "h"},
        "collection": {"api_keys": {"service": "item-hunter2" + end}, "mysecrets": ["inner-hunter2-a1B2" + end]},
        "words": ["mysql", "-uroot", "-pattached-hunter2" + end, "db"],
        "command": "sshpass -p line-hunter2" + end + " ssh host",
        "raw": {b"password": "raw-hunter2" + end},
        "aws": "AKIAHUNTER2" + end + "EXAMPLE00",
        "github": "ghp_hunter2" + end + "a1B2" * 8,
        "pem": "-----BEGIN PRIVATE KEY-----\nhunter2" + end + "\n-----END PRIVATE KEY-----\n",
        "long": "x" * 30 + " https://bob:far-hunter2" + end + "@example.org/" + "y" * 5000,
        "ordinary": {"token_count": "count-shown" + end, "passed": "passed-shown" + end},
        "keyboard": "keyboard-shown" + end,
        "tokens": ["token-shown" + end],
        "schema": {"properties": {"password": "string", "title": "word-shown" + end}},
        "vocabulary": {"password": 17, "secret": 3},
        "docs": "the password: it should be long",
    }
def dump(end):
    for name, value in values(end).items():
        pickle.dump({name: value}, open(f"{name}{end}.pkl", "wb"))
        pickle.dump(value, open(f"{name}-alone{end}.pkl", "wb"), protocol=2)
dump("1"); dump("2")
print(*values("1"))
"#;

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::with(venv(main_python(), Stack::Dill));
    sandbox.write("dump.py", DUMP);
    sandbox
}

/// All that the commands say of a file, in all forms.
fn all_answers(sandbox: &Sandbox, name: &str, file: &str, other: &str) -> Vec<Run> {
    let commands: [&[&str]; 12] = [
        &["inspect", file],
        &["inspect", "--all", "--verdict", file],
        &["inspect", "--json", "--verdict", file],
        &["inspect", "--format", "github", "--strict", file],
        &["inspect", "--html", "-", file],
        &["inspect", "--trace", name, file],
        &["inspect", "--trace", name, "--json", file],
        &["verify", file],
        &["restore", "--list", file],
        &["diff", file, other],
        &["diff", other, file, "--json"],
        &["restore", file, "-c", "None"],
    ];
    commands.iter().map(|arguments| sandbox.snapcli(arguments)).collect()
}

fn assert_hidden(runs: &[Run]) {
    for run in runs {
        let shown = (run.out() + &run.err()).to_lowercase();
        assert!(!shown.contains("hunter2"), "{}", run.whole());
    }
}

#[test]
fn no_command_shows_a_credential_of_a_foreign_pickle() {
    let sandbox = sandbox();
    let names = sandbox.python(&["dump.py"]);
    names.assert_code(0);
    for name in names.out().split_whitespace() {
        let runs = all_answers(&sandbox, name, &format!("{name}1.pkl"), &format!("{name}2.pkl"));
        assert_hidden(&runs);
        // Without a name of its own, a value may be anything.
        if !["password"].contains(&name) {
            assert_hidden(&all_answers(&sandbox, "obj", &format!("{name}-alone1.pkl"), &format!("{name}-alone2.pkl")));
        }
        let ordinary = ["ordinary", "keyboard", "tokens", "schema"].contains(&name);
        let [trace, difference] = [&runs[5], &runs[9]].map(Run::out);
        assert_eq!(trace.contains("-shown1") && difference.contains("-shown"), ordinary, "{trace}{difference}");
        let is_told = trace.contains("(not shown)") || trace.contains("(shared");
        let has_none = ordinary || ["vocabulary", "docs", "long"].contains(&name);
        assert_eq!(is_told, !has_none, "{trace}");
    }
    let trace = |name: &str| sandbox.snapcli(&["inspect", "--trace", name, &format!("{name}1.pkl")]).out();
    // Only the credential is hidden, and the names stay.
    assert!(trace("url").contains("'https://bob:(not shown)@example.org/x'"), "{}", trace("url"));
    assert!(trace("nested").contains("['password']: str (not shown)"), "{}", trace("nested"));
    assert!(trace("nested").contains("['user']: str 'bob'"), "{}", trace("nested"));
    assert!(trace("vocabulary").contains("['password']: int 17"), "{}", trace("vocabulary"));
    assert!(trace("docs").contains("it should be long"), "{}", trace("docs"));
    let difference = sandbox.snapcli(&["diff", "nested1.pkl", "nested2.pkl"]).out();
    assert!(difference.contains("['db']['password']"), "{difference}");
}

#[test]
fn no_command_shows_a_credential_of_a_dill_session() {
    let sandbox = sandbox();
    let script = "import collections, dill, sys\nFields = collections.namedtuple('Fields', 'user password')\n\
                  named = Fields('bob', 'named-hunter2' + sys.argv[1])\n\
                  settings = {'secret': 's-hunter2' + sys.argv[1]}\n\
                  argv = ['--token', 'a-hunter2']\ndill.dump_module(sys.argv[2])\n";
    sandbox.write("session.py", script);
    sandbox.python(&["session.py", "1", "one.pkl"]).assert_code(0);
    sandbox.python(&["session.py", "2", "two.pkl"]).assert_code(0);
    for name in ["named", "settings", "argv"] {
        let runs = all_answers(&sandbox, name, "one.pkl", "two.pkl");
        assert!(runs[5].out().contains("(not shown)"), "{}", runs[5].whole());
        assert_hidden(&runs);
    }
}

#[test]
fn frames_with_a_column_of_credentials_show_their_columns_only() {
    let sandbox = Sandbox::with(venv(main_python(), Stack::Full));
    let script = "import pandas as pd, sys\nend = sys.argv[1]\n\
                  frame = pd.DataFrame({'user': ['bob'], 'password': ['frame-hunter2' + end], 'passed': [1]})\n\
                  other = pd.DataFrame({'user': ['bob-shown' + end], 'token_count': ['5-shown' + end]})\n\
                  series = pd.Series(['series-hunter2' + end], name='api_key')\n\
                  for name in ['frame', 'other', 'series']:\n    pd.to_pickle({name: globals()[name]}, name + end)\n";
    sandbox.write("frames.py", script);
    sandbox.python(&["frames.py", "1"]).assert_code(0);
    sandbox.python(&["frames.py", "2"]).assert_code(0);
    for name in ["frame", "series"] {
        let runs = all_answers(&sandbox, name, &format!("{name}1"), &format!("{name}2"));
        assert_hidden(&runs);
    }
    let run = sandbox.snapcli(&["inspect", "--all", "frame1"]);
    assert!(run.out().contains("password"), "{}", run.whole());
    // pandas 3 keeps strings in one buffer, of which nothing is shown.
    let run = sandbox.snapcli(&["diff", "other1", "other2"]);
    run.assert_code(1);
    assert!(run.out().contains("other"), "{}", run.whole());
}

/// The arguments of calls are shown, as a reader must see what a file would run; but no credential can hide a command.
#[test]
fn arguments_of_calls_show_commands_and_no_credentials() {
    let sandbox = sandbox();
    let script = r#"
import pickle
class Call:
    def __init__(self, *call): self.call = call
    def __reduce__(self): return self.call[0], self.call[1:]
import os, subprocess
calls = {
    "url": Call(os.system, "curl https://bob:hunter2@example.org/x"),
    "token": Call(os.system, "curl -H 'Authorization: Bearer hunter2Hunter2Hunter2'"),
    "option": Call(subprocess.call, ["mysql", "--password", "hunter2"]),
    "pair": Call(subprocess.call, [("password", "hunter2")]),
    "bytes": Call(os.system, b"curl https://bob:hunter2@example.org/x"),
    "hiding": Call(os.system, "echo https://bob:x;touch${IFS}/tmp/shown;@h"),
    "option_hiding": Call(subprocess.call, ["sh", "--password", "touch /tmp/shown; true"]),
    "pair_hiding": Call(os.system, "password=`touch</tmp/shown`"),
}
for name, call in calls.items():
    pickle.dump({name: call}, open(name + ".pkl", "wb"))
"#;
    sandbox.write("calls.py", script);
    sandbox.python(&["calls.py"]).assert_code(0);
    for name in ["url", "token", "option", "pair", "bytes"] {
        let runs = all_answers(&sandbox, name, &format!("{name}.pkl"), &format!("{name}.pkl"));
        assert_hidden(&runs);
        assert!(runs[1].out().contains("(not shown)"), "{}", runs[1].whole());
    }
    for name in ["hiding", "option_hiding", "pair_hiding"] {
        let run = sandbox.snapcli(&["inspect", "--verdict", &format!("{name}.pkl")]);
        assert!(run.out().contains("/tmp/shown"), "{}", run.whole());
    }
}

/// Somebody else's save, or a forged index, may show what ours would have hidden.
#[test]
fn an_index_of_somebody_else_shows_no_credentials() {
    use snapcli::internals::{Index, SCHEMA, SnapshotWriter, Variable};
    let sandbox = sandbox();
    let file = |end: &str| {
        let mut writer = SnapshotWriter::new(Vec::new(), "__main__").unwrap();
        let names = ["password", "config", "url", "keyboard"];
        let previews = [
            format!("'hunter2{end}'"),
            format!("{{'db': {{'password': 'hunter2{end}'}}}}"),
            format!("'https://bob:hunter2{end}@example.org'"),
            format!("'keyboard-shown{end}'"),
        ];
        for (name, preview) in names.into_iter().zip(previews) {
            let value = [&[0x8c, preview.len() as u8][..], preview.as_bytes()].concat();
            let variable = Variable { name: name.into(), type_name: "str".into(), preview, ..Variable::default() };
            writer.segment(variable, &value).unwrap();
        }
        let mut index = Index { schema: SCHEMA, module: "__main__".into(), ..Index::default() };
        index.script.argv = ["s.py", "--password", "hunter2"].map(str::to_owned).to_vec();
        index.script.ended.traceback = Some("Traceback\n  https://bob:hunter2@example.org\n".into());
        writer.finish(index, None).unwrap().0
    };
    sandbox.write("one.pkl", file("1"));
    sandbox.write("two.pkl", file("2"));
    for name in ["password", "config", "url", "keyboard"] {
        let runs = all_answers(&sandbox, name, "one.pkl", "two.pkl");
        assert_hidden(&runs);
        assert!(
            runs[0].out().contains("keyboard-shown1") && runs[0].out().contains("(not shown)"),
            "{}",
            runs[0].whole()
        );
    }
}
