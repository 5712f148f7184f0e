//! An object that cannot be saved, or cannot be loaded again, costs only its own position in a list, tuple, dict or
//! instance: a marker takes its place, and every command names it. `save`, `snapcli.save`, `inspect --bad` and
//! `save --verify` agree.

use std::fs;

use serde_json::Value;

use crate::env::{Run, Sandbox, Stack, pythons, venv};

/// Runs `save` on a script, with a report. Returns both.
pub(crate) fn saved(sandbox: &Sandbox, script: &str, options: &[&str]) -> (Run, Value) {
    sandbox.write("script.py", script);
    let run = sandbox.snapcli(&[&["save", "--report", "report.json"], options, &["script.py"]].concat());
    let report = fs::read(sandbox.work().join("report.json")).unwrap_or_default();
    (run, serde_json::from_slice(&report).unwrap_or_default())
}

/// `path: type` of every lost object in a report.
pub(crate) fn lost(report: &Value) -> Vec<String> {
    let variables = report["variables"].as_array().unwrap().iter();
    let lost = variables.flat_map(|variable| variable["lost"].as_array().cloned().unwrap_or_default());
    lost.map(|item| format!("{}: {}", item["where"].as_str().unwrap(), item["type"].as_str().unwrap())).collect()
}

/// The names that were left out, in a report.
pub(crate) fn left_out(report: &Value) -> Vec<String> {
    let items = report["left_out"].as_array().unwrap().iter().filter(|item| item["reason"] == "failed");
    items.map(|item| item["name"].as_str().unwrap().to_owned()).collect()
}

/// Python code that runs after `dill.load_module` and after `snapcli restore`, and prints `all right`.
pub(crate) fn assert_loads(sandbox: &Sandbox, check: &str) {
    sandbox.snapcli(&["restore", "session.pkl", "-c", check]).assert_stdout("all right\n").assert_code(0);
    let plain = format!("import dill; dill.load_module('session.pkl')\n{check}");
    sandbox.python(&["-c", &plain]).assert_stdout("all right\n").assert_code(0);
}

const RESULTS: &str = "
import sqlite3
results = {f'job{number}': number for number in range(41)}
results['bad'] = sqlite3.connect(':memory:')
";

#[test]
fn a_dict_of_results_comes_back_with_a_marker_under_every_python() {
    for python in pythons() {
        let sandbox = Sandbox::with(venv(python, Stack::Dill));
        let (run, report) = saved(&sandbox, RESULTS, &[]);
        run.assert_code(0);
        let said = "\
snapcli: replaced 1 object that cannot be saved by a marker:
  results['bad'] (sqlite3.Connection): TypeError: cannot pickle 'sqlite3.Connection' object
      hint: keep the path or URL, and connect again after the restore
";
        assert!(run.err().ends_with(said), "{}", run.whole());
        assert_eq!(lost(&report), ["results['bad']: sqlite3.Connection"]);
        let check = "
import types
assert list(results) == [f'job{number}' for number in range(41)] + ['bad']
assert [results[f'job{number}'] for number in range(41)] == list(range(41))
marker = results['bad']
assert type(marker) is types.SimpleNamespace
assert vars(marker) == {'lost': 'sqlite3.Connection',
                        'reason': \"TypeError: cannot pickle 'sqlite3.Connection' object\"}
print('all right')
";
        assert_loads(&sandbox, check);
        let restored = sandbox.snapcli(&["restore", "session.pkl", "-c", "None"]);
        assert!(
            restored.err().contains("results['bad'] is a marker: this sqlite3.Connection could not be saved\n"),
            "{}",
            restored.whole()
        );
    }
}

#[test]
fn strict_and_whole_say_what_they_should() {
    let sandbox = Sandbox::new();
    saved(&sandbox, RESULTS, &["--strict"]).0.assert_code(3);
    let (run, report) = saved(&sandbox, RESULTS, &["--whole"]);
    run.assert_code(0);
    assert_eq!((lost(&report), left_out(&report)), (Vec::new(), vec!["results".to_owned()]));
    assert_eq!(report["left_out"][0]["where"], "results['bad']");
    saved(&sandbox, "good = [1]", &["--strict"]).0.assert_code(0);
}

#[test]
fn a_file_with_a_marker_is_plain_data_and_shows_it() {
    let sandbox = Sandbox::new();
    let script = "import sqlite3\npair = [sqlite3.connect(':memory:'), 2]\ndel sqlite3\n";
    saved(&sandbox, script, &[]);
    let inspected = sandbox.snapcli(&["inspect", "--json", "session.pkl"]).json();
    assert_eq!(inspected["verdict"]["class"], "plain", "{inspected:#}");
    let preview = inspected["variables"][0]["preview"].as_str().unwrap();
    assert!(preview.starts_with("[<lost sqlite3.Connection: TypeError: cannot pickle"), "{preview}");
    // With another key, the file is not trusted.
    let other = sandbox.call_snapcli(&["restore", "session.pkl", "-c", "pair[0].lost, pair[1]"]);
    other.env("SNAPCLI_KEY", "another key than that of the save").run().assert_stdout("('sqlite3.Connection', 2)\n");
    fs::rename(sandbox.work().join("session.pkl"), sandbox.work().join("first.pkl")).unwrap();
    saved(&sandbox, script, &[]);
    sandbox.snapcli(&["diff", "first.pkl", "session.pkl"]).assert_code(0);
}

#[test]
fn only_the_innermost_position_is_lost() {
    let script = "
import collections, dataclasses, sqlite3
bad = sqlite3.connect(':memory:')
class Job:
    def __init__(self, number, link=None): self.number, self.link = number, link
class Slots:
    __slots__ = ('left', 'right')
class Items(list): pass
class Names(dict): pass
Pair = collections.namedtuple('Pair', 'first second')
@dataclasses.dataclass
class Point:
    x: object
    y: int
nested = {'a': (1, [Job(1, bad), 2, {'k': bad}])}
same = nested['a'][1]
shared = [bad, bad, 3]
loop = [bad]; loop.append(loop)
key = [{bad: 1}, 5]
member = ({bad, 1}, 5)
slots = Slots(); slots.left, slots.right = 1, bad
items = Items([1, bad, 3])
names = Names(x=bad, y=2)
queue = collections.deque([1, bad], maxlen=5)
groups = collections.defaultdict(list, a=[bad], b=[1])
ordered = collections.OrderedDict(x=bad, y=2)
pair = Pair(bad, 2)
point = Point(bad, 2)
class Registry:
    handlers = {'a': bad, 'b': 2}
def closure():
    held = bad
    return lambda: held
handlers = {'f': closure(), 'g': 3}
";
    let check = "
def is_marker(value): return vars(value)['lost'] == 'sqlite3.Connection'
assert nested['a'][0] == 1 and nested['a'][1][1] == 2 and is_marker(nested['a'][1][2]['k'])
assert type(nested['a'][1][0]) is Job and nested['a'][1][0].number == 1 and is_marker(nested['a'][1][0].link)
assert nested['a'][1][0].link is nested['a'][1][2]['k'] and same is nested['a'][1]
assert is_marker(shared[0]) and shared[0] is shared[1] and shared[2] == 3
assert is_marker(loop[0]) and loop[1] is loop
assert key[0].lost == 'dict' and key[1] == 5 and member[0].lost == 'set' and member[1] == 5
assert slots.left == 1 and is_marker(slots.right)
assert type(items) is Items and items[::2] == [1, 3] and is_marker(items[1])
assert type(names) is Names and names['y'] == 2 and is_marker(names['x'])
assert queue.maxlen == 5 and queue[0] == 1 and is_marker(queue[1])
assert groups['b'] == [1] and groups['c'] == [] and is_marker(groups['a'][0])
assert list(ordered) == ['x', 'y'] and is_marker(ordered['x'])
assert type(pair) is Pair and pair.second == 2 and is_marker(pair.first)
assert type(point) is Point and point.y == 2 and is_marker(point.x)
assert Registry.handlers['b'] == 2 and is_marker(Registry.handlers['a'])
assert handlers['g'] == 3 and handlers['f'].lost == 'function'
assert 'bad' not in globals()
print('all right')
";
    for python in pythons() {
        let sandbox = Sandbox::with(venv(python, Stack::Dill));
        let (run, report) = saved(&sandbox, script, &["--verify"]);
        run.assert_code(0);
        assert!(run.err().contains("load in a fresh process with the same values"), "{}", run.whole());
        assert_eq!(left_out(&report), ["bad"]);
        for expected in [
            "nested['a'][1][0].link: sqlite3.Connection",
            "key[0]: dict",
            "member[0]: set",
            "slots.right: sqlite3.Connection",
            "queue[1]: sqlite3.Connection",
            "groups['a'][0]: sqlite3.Connection",
            "Registry.handlers['a']: sqlite3.Connection",
            "handlers['f']: function",
        ] {
            assert!(lost(&report).contains(&expected.to_owned()), "{expected} is not in {:#?}", lost(&report));
        }
        assert_loads(&sandbox, check);
    }
}

#[test]
fn an_object_that_is_hashed_or_is_the_variable_itself_loses_the_variable() {
    let sandbox = Sandbox::new();
    let script = "
import sqlite3
alone = sqlite3.connect(':memory:')
key = {alone: 1, 2: 3}
member = {alone, 1}
frozen = frozenset([(alone, 1)])
good = [1]
";
    let (run, report) = saved(&sandbox, script, &[]);
    assert_eq!(left_out(&report), ["alone", "key", "member", "frozen"], "{}", run.whole());
    assert!(lost(&report).is_empty());
    sandbox.snapcli(&["restore", "session.pkl", "-c", "good"]).assert_stdout("[1]\n");
}

#[test]
fn a_class_that_cannot_be_saved_loses_its_instances_and_nothing_else() {
    let sandbox = Sandbox::new();
    let script = "
class Bad:
    held = memoryview(b'x')
mixed = [1, Bad(), 2] + [Bad() for number in range(200)]
";
    let (run, report) = saved(&sandbox, script, &[]);
    assert_eq!(left_out(&report), ["Bad"], "{}", run.whole());
    assert_eq!(lost(&report).len(), 201);
    let check = "[mixed[0], mixed[1].lost, mixed[2], len(mixed), {marker.lost for marker in mixed[3:]}]";
    sandbox
        .snapcli(&["restore", "session.pkl", "-c", check])
        .assert_stdout("[1, '__main__.Bad', 2, 203, {'__main__.Bad'}]\n");
}

#[test]
fn the_internals_of_a_library_are_not_replaced() {
    let sandbox = Sandbox::new();
    let script = "
import gzip
with gzip.open('data.gz', 'wb') as file: file.write(b'x')
packed = {'file': gzip.open('data.gz'), 'name': 'data.gz'}
del file
";
    let (run, report) = saved(&sandbox, script, &[]);
    // Half a gzip file would be of no use to anybody.
    let inside = lost(&report).iter().any(|path| path.starts_with("packed['file']."));
    assert!(!inside, "{}", run.whole());
    sandbox.snapcli(&["restore", "session.pkl", "-c", "packed['name']"]).assert_stdout("'data.gz'\n");
}

/// numpy makes strings of arbitrary bytes; neither pickle nor Python itself can read them again.
#[test]
fn strings_that_no_load_can_decode_are_left_out() {
    const SCRIPT: &str = "
import types
import numpy
broken = str(numpy.frombuffer(b'\\xff\\xff\\x7f\\0' * 4, 'U4')[0])
mixed = ['a', 'é' + broken, '\\ud800']
lines = ['one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', broken] * 3
command = {'shell': 'mysql -p' + broken}
settings = types.SimpleNamespace(limits=[1, 2], names={'first': ['x', broken]})
whole = numpy.array(['x', 'y'])
rare = '\\U0010ffff \\ud83d\\ude00 é'
";
    for python in pythons() {
        let sandbox = Sandbox::with(venv(python, Stack::Dill));
        let (run, report) = saved(&sandbox, SCRIPT, &[]);
        run.assert_code(0);
        let said = String::from_utf8_lossy(&run.stderr);
        assert!(said.contains("range(0x110000)"), "{said}");
        assert_eq!(left_out(&report), ["broken", "mixed", "lines", "command"]);
        assert_eq!(lost(&report), ["settings.names['first']: list"]);
        sandbox.snapcli(&["verify", "session.pkl"]).assert_code(0);
        assert_loads(
            &sandbox,
            "assert settings.limits == [1, 2]\n\
             assert list(whole) == ['x', 'y'] and rare == '\\U0010ffff \\ud83d\\ude00 é'\nprint('all right')",
        );
    }
}
