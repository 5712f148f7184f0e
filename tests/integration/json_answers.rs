//! What the commands print with `--json` is what `snapcli schema` says, in every case and with no key more, and what
//! `import snapcli` returns as dicts is the same.

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Value, json};

use crate::env::{Sandbox, Stack, main_python, venv};

const VALIDATE: &str = include_str!("json_answers/validate.py");

/// A session with a bit of everything.
const SESSION: &str = "
import random, socket, sqlite3, json as js
import numpy as np
import settings
settings.MODE = 'fast'
random.seed(3)
config = {'lr': 0.1, 'layers': [64, 64]}
array = np.arange(50000.0)
shared = [config, array]
api_key = 'sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCD'
_private = 1
def area(r): return r * r
class Model:
    def __init__(self): self.weights, self.label = np.ones(3), 'näme'
model = Model()
peers = {'main': [socket.socket()], 'again': 2}
connection = sqlite3.connect(':memory:')
log = open('log.txt', 'w')
";

/// A script that fails in a function, while another exception is handled.
const CRASH: &str = "
def fine(): kept = 1
def load(path): raise OSError(path)
def train(steps):
    batch = [1, 2]
    try: load('x')
    except OSError as error: raise ValueError('no data') from error
fine()
train(3)
";

/// The commands whose answers have a schema.
const COMMANDS: [&str; 7] = ["save", "restore", "inspect", "diff", "verify", "trust", "doctor"];

struct Answers {
    sandbox: Sandbox,
    all: Vec<Value>,
}

impl Answers {
    fn new() -> Self {
        let sandbox = Sandbox::new();
        sandbox.write("settings.py", "MODE = 'slow'\n");
        sandbox.write("run.py", SESSION);
        Self { sandbox, all: Vec::new() }
    }

    /// Runs a command that prints one answer, with this exit code.
    #[track_caller]
    fn run(&mut self, code: i32, words: &[&str]) -> Value {
        let run = self.sandbox.snapcli(words);
        run.assert_code(code);
        let answer = run.json();
        assert_eq!(answer["schema"], 2, "{}", run.whole());
        self.all.push(json!({"command": words[0], "words": words.join(" "), "answer": answer}));
        answer
    }

    /// A report that a command wrote.
    #[track_caller]
    fn report(&mut self, code: i32, words: &[&str]) -> Value {
        let run = self.sandbox.snapcli(words);
        run.assert_code(code);
        let written = fs::read(self.sandbox.work().join("report.json")).unwrap();
        let answer: Value = serde_json::from_slice(&written).unwrap();
        fs::remove_file(self.sandbox.work().join("report.json")).unwrap();
        self.all.push(json!({"command": words[0], "words": words.join(" "), "answer": answer}));
        answer
    }

    /// Validates all answers so far.
    fn validate(&self) {
        let mut schemas: BTreeMap<&str, Value> = BTreeMap::new();
        for command in COMMANDS {
            schemas.insert(command, self.sandbox.snapcli(&["schema", command]).assert_code(0).json());
        }
        let input = json!({"schemas": schemas, "answers": self.all});
        let python = venv(main_python(), Stack::Schema);
        let call = self.sandbox.call_program(python.as_os_str(), &["-c", VALIDATE]).stdin(input.to_string());
        call.run().assert_stdout("").assert_stderr("").assert_code(0);
    }
}

#[test]
fn every_answer_matches_its_schema() {
    let mut answers = Answers::new();
    // What was saved and inspected.
    let saved = answers.report(0, &["save", "--verify", "--report", "report.json", "run.py"]);
    assert_eq!((&saved["path"], &saved["format"]), (&path(&answers, "session.pkl"), &"snapcli".into()));
    answers.run(3, &["save", "--json", "--strict", "--whole", "-o", "other.pkl", "run.py", "--json"]);
    answers.run(1, &["save", "--json", "-c", "x = 1; raise ValueError('no further')"]);
    answers.run(1, &["save", "--report", "-", "-c", "raise ValueError"]);
    let inspected = answers.run(0, &["inspect", "--json", "--verdict"]);
    assert_eq!(inspected["variables"], saved["variables"]);
    answers.run(0, &["inspect", "--json", "session.crash.pkl"]);
    answers.sandbox.write("crash.py", CRASH);
    answers.run(1, &["save", "--json", "-o", "deep.pkl", "--locals", "fine", "crash.py"]);
    let crash = answers.run(0, &["inspect", "--json", "deep.crash.pkl"]);
    let frames = crash["raised"].as_array().unwrap().iter().flat_map(|raised| raised["frames"].as_array().unwrap());
    let locals: Vec<_> = frames.flat_map(|frame| names(&frame["variables"])).collect();
    assert!(locals.iter().any(|name| name.ends_with(".batch")), "{crash:#}");
    answers.run(0, &["restore", "--json", "deep.crash.pkl"]);
    answers.run(0, &["verify", "--json", "deep.crash.pkl"]);
    answers.run(1, &["diff", "--json", "deep.crash.pkl", "session.crash.pkl"]);
    let bad = answers.run(0, &["inspect", "--json", "--bad"]);
    assert_eq!(names(&bad["variables"]), ["peers"]);
    assert_eq!(bad["variables"][0]["lost"][0]["where"], "peers['main'][0]");
    let script = answers.run(3, &["inspect", "--json", "--strict", "run.py"]);
    assert_eq!((&script["path"], &script["format"]), (&path(&answers, "run.py"), &"script".into()));
    answers.run(0, &["inspect", "--json", "-c", "x = [1]"]);
    for name in ["config", "model", "shared", "array", "area"] {
        let tree = answers.run(0, &["inspect", "--json", "--trace", name]);
        assert_eq!((&tree["name"], &tree["tree"]["where"]), (&name.into(), &name.into()));
    }
    answers.run(0, &["inspect", "--json", "--trace", "config", "run.py"]);
    // Files of other programs.
    let code = "import dill, pickle; x = [1]; f = lambda: x; dill.dump_module('dill.pkl'); \
                pickle.dump({'a': 1}, open('dict.pkl', 'wb')); pickle.dump(3, open('one.pkl', 'wb'))";
    answers.sandbox.python(&["-c", code]).assert_code(0);
    for file in ["dill.pkl", "dict.pkl", "one.pkl"] {
        answers.run(0, &["inspect", "--json", file]);
        answers.run(0, &["verify", "--json", file]);
        answers.run(0, &["restore", "--list", "--json", file]);
    }
    // What differs, and what is damaged.
    answers.run(0, &["diff", "--json", "session.pkl", "session.pkl"]);
    answers
        .run(0, &["save", "--json", "-o", "b.pkl", "-c", "config = {'lr': 0.2, 'layers': [64]}; array = 1; extra = 2"]);
    let diff = answers.run(1, &["diff", "--json", "session.pkl", "b.pkl"]);
    assert_eq!(diff["changes"][0]["change"], "removed");
    let mut bytes = fs::read(answers.sandbox.work().join("session.pkl")).unwrap();
    let offset = inspected["variables"].as_array().unwrap().iter().find(|variable| variable["name"] == "config");
    bytes[offset.unwrap()["offset"].as_u64().unwrap() as usize + 12] ^= 1;
    answers.sandbox.write("damaged.pkl", &bytes);
    answers.sandbox.write("cut.pkl", &bytes[..300]);
    answers.sandbox.write("empty.pkl", "");
    for file in ["damaged.pkl", "cut.pkl", "empty.pkl"] {
        answers.run(4, &["verify", "--json", file]);
    }
    answers.run(0, &["verify", "--json"]);
    answers.run(0, &["doctor", "--json"]);
    // What failed, with what there is all the same.
    answers.run(2, &["save", "--json", "--include", "zz", "-c", "x = 1"]);
    answers.run(1, &["inspect", "--json", "-c", "x = 1\n1/0"]);
    answers.run(4, &["inspect", "--json", "cut.pkl"]);
    answers.run(4, &["restore", "--json", "--list", "cut.pkl"]);
    answers.run(6, &["doctor", "--json", "--python", "/nonexistent"]);
    answers.validate();
}

#[test]
fn restores_say_in_json_what_came_back() {
    let mut answers = Answers::new();
    answers.report(0, &["save", "--report", "report.json", "run.py"]);
    let restored = answers.run(0, &["restore", "--json"]);
    assert_eq!((&restored["complete"], &restored["trusted"]), (&true.into(), &true.into()));
    assert_eq!(restored["markers"][0]["where"], "peers['main'][0]");
    // Code prints to standard error, and standard output is the answer alone.
    let run = answers.sandbox.snapcli(&["restore", "--json", "--only", "config", "-c", "print(config['lr'])"]);
    run.assert_code(0);
    assert_eq!((&run.json()["restored"], run.err().as_str()), (&json!(["config"]), "0.1\n"), "{}", run.whole());
    // With a report, the code has standard output.
    let words = ["restore", "--report", "report.json", "session.pkl", "-c", "print(config['lr'])"];
    let reported = answers.report(0, &words);
    assert_eq!(reported["restored"], restored["restored"]);
    // Variables that do not come back.
    answers.sandbox.write("helper.py", "class Part: pass\n");
    answers.run(0, &["save", "--json", "-c", "import helper; part = helper.Part(); rest = 1"]);
    fs::remove_file(answers.sandbox.work().join("helper.py")).unwrap();
    let lost = answers.run(0, &["restore", "--json"]);
    assert_eq!(
        (&lost["complete"], names(&lost["lost"])),
        (&false.into(), vec!["helper".to_owned(), "part".to_owned()])
    );
    assert_eq!(lost["restored"], json!(["rest"]));
    assert_eq!(lost["lost"][1]["type"], "helper.Part");
    let strict = answers.run(3, &["restore", "--json", "--strict", "session.pkl", "-c", "print('not run')"]);
    assert_eq!(strict, lost);
    answers.run(0, &["restore", "--json", "--list"]);
    answers.validate();
}

#[test]
fn errors_are_json_too() {
    let mut answers = Answers::new();
    answers.report(0, &["save", "--report", "report.json", "-c", "x = 1; f = lambda: x"]);
    answers.sandbox.write("text.pkl", "this is text");
    let missing = answers.run(2, &["inspect", "--json", "missing.pkl"]);
    assert_eq!((&missing["error"], &missing["exit"]), (&"cannot inspect missing.pkl".into(), &2.into()));
    assert_eq!(missing["causes"].as_array().unwrap().last().unwrap(), "No such file or directory (os error 2)");
    for (code, words) in [
        (4, &["inspect", "--json", "text.pkl"][..]),
        (4, &["inspect", "--format", "json", "text.pkl"]),
        (2, &["inspect", "--json", "--trace", "nothing"]),
        (2, &["diff", "--json", "session.pkl", "missing.pkl"]),
        (4, &["diff", "--json", "session.pkl", "text.pkl"]),
        (2, &["verify", "--json", "missing.pkl"]),
        (2, &["trust", "--json", "missing.pkl"]),
        (2, &["restore", "--json", "missing.pkl"]),
        (4, &["restore", "--json", "text.pkl"]),
        (4, &["restore", "--json", "--list", "text.pkl"]),
        (2, &["save", "--json", "missing.py"]),
        (2, &["save", "--json"]),
        (2, &["save", "--json", "-o", "-", "-c", "x = 1"]),
        (2, &["save", "--json", "-o", "no/such/folder.pkl", "-c", "x = 1"]),
        // clap's own errors.
        (2, &["save", "--json", "--strcit", "run.py"]),
        (2, &["inspect", "--json", "--max-memory", "much"]),
        (2, &["diff", "--json", "session.pkl"]),
        (2, &["restore", "--json", "-i"]),
    ] {
        let error = answers.run(code, words);
        assert_eq!(error["exit"], code, "{words:?}: {error}");
        let message = error["error"].as_str().unwrap();
        assert!(!message.is_empty() && !message.starts_with("error:"), "{words:?}: {error}");
        // The message is on standard error as well, for whoever reads the log.
        let first = message.lines().next().unwrap();
        let run = answers.sandbox.snapcli(words);
        assert!(run.err().contains(first), "{words:?}\n{}", run.whole());
    }
    let call = answers.sandbox.call_snapcli(&["restore", "--json"]).env("SNAPCLI_KEY", "of somebody else").run();
    call.assert_code(5);
    let refused = call.json();
    assert_eq!(refused["exit"], 5, "{refused}");
    answers.all.push(json!({"command": "restore", "words": "restore a foreign file", "answer": refused}));
    let call = answers.sandbox.call_snapcli(&["trust", "--json", "--yes"]).env("SNAPCLI_KEY", "of somebody else").run();
    call.assert_code(0);
    assert_eq!((&call.json()["signed"], &call.json()["was_signed"]), (&true.into(), &false.into()));
    answers.all.push(json!({"command": "trust", "words": "trust --yes", "answer": call.json()}));
    // A save that cannot be done leaves its error in the report.
    let failed = answers.report(1, &["save", "--report", "report.json", "-c", "raise SystemExit(1)"]);
    assert!(failed["error"].is_string(), "{failed}");
    // So does a script that ends its own process.
    for (code, ending) in [(1, "os._exit(0)"), (7, "os._exit(7)"), (200, "os._exit(200)"), (1, "os._exit(256)")] {
        let script = format!("import os; x = 1; {ending}");
        for error in [
            answers.report(code, &["save", "--report", "report.json", "-c", &script]),
            answers.run(code, &["save", "--json", "-c", &script]),
            answers.run(code, &["inspect", "--json", "-c", &script]),
        ] {
            assert_eq!(error["exit"], code, "{error}");
            assert!(error["error"].as_str().unwrap().contains("os._exit"), "{error}");
        }
    }
    // An answer that was asked for is printed even with --quiet.
    answers.run(0, &["inspect", "-q", "--json", "session.pkl"]);
    answers.run(0, &["verify", "-q", "--json", "session.pkl"]);
    answers.validate();
}

#[test]
fn help_and_what_belongs_to_a_script_is_no_json() {
    let sandbox = Sandbox::new();
    let help = sandbox.snapcli(&["inspect", "--json", "--help"]);
    assert!(help.assert_code(0).out().starts_with("Show what is in a snapshot"), "{}", help.whole());
    let run = sandbox.snapcli(&["save", "-c", "import sys; print(sys.argv[1:]); sys.exit('bad')", "--json"]);
    run.assert_code(1).assert_stdout("['--json']\n");
}

#[test]
fn dicts_of_the_import_have_the_keys_of_the_commands() {
    let mut answers = Answers::new();
    let code = "
import json, sys, os
import snapcli
import settings
sys.modules['__main__'].__dict__.pop('os')
names = {'config': {'lr': 0.1}, 'bad': memoryview(b''), 'deep': [memoryview(b'')]}
report = snapcli.save('a.pkl', names)
data = snapcli.save(None, names)
with open('answers.json', 'w') as file:
    json.dump([
        ['save', report.to_dict()], ['save', data.to_dict()],
        ['inspect', snapcli.inspect('a.pkl')], ['inspect', snapcli.inspect(data.data)],
        ['inspect', snapcli.inspect('a.pkl', trace='config')],
        ['diff', snapcli.diff('a.pkl', data.data)], ['verify', snapcli.verify('a.pkl')],
        ['verify', snapcli.verify(data.data)],
        ['restore', snapcli.restore('a.pkl', into={}).to_dict()],
        ['restore', snapcli.restore(data.data, into={}).to_dict()],
    ], file)
";
    answers.sandbox.call_importing(&["-c", code]).run().assert_code(0);
    let written = fs::read(answers.sandbox.work().join("answers.json")).unwrap();
    let all: Vec<(String, Value)> = serde_json::from_slice(&written).unwrap();
    assert_eq!(all.len(), 10);
    let expected = path(&answers, "a.pkl");
    for (number, (command, answer)) in all.into_iter().enumerate() {
        assert_eq!(answer["schema"], 2, "{command}");
        let is_file = !matches!(number, 1 | 3 | 5 | 7 | 9);
        assert_eq!(answer.get("path"), is_file.then_some(&expected), "{command} {number}");
        answers.all.push(
            json!({"command": command, "words": format!("import snapcli: {command} {number}"), "answer": answer}),
        );
    }
    answers.validate();
}

#[test]
fn the_schema_of_all_answers_is_one_document() {
    let sandbox = Sandbox::new();
    let schema = sandbox.snapcli(&["schema"]).assert_code(0).json();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    let defined = schema["$defs"].as_object().unwrap();
    for name in ["Session", "Trace", "Restore", "List", "Diff", "Verify", "Trust", "Doctor", "Error"] {
        assert_eq!(defined[name]["properties"]["schema"]["const"], 2, "{name}");
    }
    assert!(!schema.to_string().contains("null"), "no key is null");
    sandbox.snapcli(&["schema", "inspekt"]).assert_code(2);
}

fn names(items: &Value) -> Vec<String> {
    items.as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect()
}

fn path(answers: &Answers, name: &str) -> Value {
    answers.sandbox.work().join(name).to_str().unwrap().into()
}
