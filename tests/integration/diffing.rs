//! `diff` reports every changed value, and nothing else.

use crate::env::{Run, Sandbox, Stack, main_python, pythons, venv};

const SESSION: &str = "
import collections, functools
import numpy as np
grid = np.arange(12, dtype='int16').reshape(3, 4)
other = np.zeros((2, 3), order='F')
within = {'pair': np.arange(4)}
tags = {'a', 'b', 'c', ('x', 1), frozenset({'p', 'q', 'r'})}
records = [{'id': n, 'half': n / 2, 'tags': {str(n), 'x', 'y'}} for n in range(50)]
config = {'lr': 0.1, 'layers': [64, 32]}
big = 1 << 200
when = collections.OrderedDict(a=1, b=2)
P = collections.namedtuple('P', 'x y')
point = P(1, 2)
def double(x, *, by=2): return x * by
def outer():
    n = 5
    def inner(): return n
    return inner
closure = outer()
part = functools.partial(double, by=3)
class Model:
    rate = 0.5
    def __init__(self):
        self.weights, self.tags, self.me = [1, 2, 3], set(tags), self
    def fit(self): return double(self.rate)
model = Model()
models = [model, Model()]
loop = []; loop.append(loop)
class Words(set): pass
class Frozen(frozenset): pass
class Deep(Words): pass
words = [Words('abcdefgh'), Frozen('abcdefgh'), Deep('abcdefgh')]
words[0].note = 'kept'
";

impl Sandbox {
    /// Saves the session of a script, run with this hash seed.
    fn save(&self, file: &str, script: &str, seed: &str) {
        self.write("script.py", script);
        let run = self.call_snapcli(&["save", "-q", "-o", file, "script.py"]).env("PYTHONHASHSEED", seed).run();
        run.assert_code(0);
    }

    fn diff(&self, before: &str, after: &str) -> Run {
        // No Python can be found.
        self.call_snapcli(&["diff", before, after]).env("SNAPCLI_PYTHON", "/nonexistent").env("PATH", "").run()
    }
}

#[test]
fn hash_seeds_line_numbers_and_unrelated_variables_make_no_difference() {
    for python in pythons() {
        let sandbox = Sandbox::with(venv(python, Stack::Dill));
        sandbox.save("a.pkl", SESSION, "1");
        sandbox.save("b.pkl", &format!("first = [{{'new'}}, 'x']\n\n{SESSION}"), "2");
        let expected = "+ first: list (2)\na.pkl → b.pkl: 1 added, 25 the same\n";
        sandbox.diff("a.pkl", "b.pkl").assert_stdout(expected).assert_stderr("").assert_code(1);
        sandbox.diff("a.pkl", "a.pkl").assert_stdout("a.pkl → a.pkl: 25 the same\n").assert_code(0);
        let other = SESSION.replace("Deep('abcdefgh')", "Deep('abcdefgx')");
        sandbox.save("d.pkl", &other, "3");
        let run = sandbox.diff("a.pkl", "d.pkl");
        run.assert_code(1);
        assert!(run.out().starts_with("~ words: list (3)"), "{}", run.whole());
        // The same session, with shared objects in other memo slots.
        sandbox.save("c.pkl", SESSION, "3");
        sandbox.diff("c.pkl", "a.pkl").assert_stdout("c.pkl → a.pkl: 25 the same\n").assert_code(0);
    }
}

#[test]
fn changes_are_reported_with_their_paths() {
    let sandbox = Sandbox::new();
    sandbox.save("a.pkl", SESSION, "1");
    let changes = [
        ("reshape(3, 4)", "reshape(4, 3)"),
        ("other = np.zeros((2, 3), order='F')", "other = np.zeros((2, 3), order='F'); other[1, 2] = 1"),
        ("'pair': np.arange(4)", "'pair': np.arange(4) + [0, 0, 1, 0]"),
        ("('x', 1)", "('x', 2)"),
        ("'lr': 0.1", "'lr': 0.2"),
        ("1 << 200", "1 << 201"),
        ("OrderedDict(a=1, b=2)", "OrderedDict(b=2, a=1)"),
        ("point = P(1, 2)", "point = P(1, 3)"),
        ("return x * by", "return x + by"),
        ("n = 5", "n = 6"),
        ("self.weights, self.tags, self.me = [1, 2, 3]", "self.weights, self.tags, self.me = [1, 2, 4]"),
        ("loop = []; loop.append(loop)", "loop = 'it\\x1b'"),
    ];
    let script = changes.iter().fold(SESSION.to_owned(), |script, (old, new)| script.replace(old, new));
    sandbox.save("b.pkl", &script, "2");
    let run = sandbox.diff("a.pkl", "b.pkl");
    let expected = "\
~ grid: numpy.ndarray 3×4 int16 → numpy.ndarray 4×3 int16
~ other: numpy.ndarray 2×3 float64, other[1, 2]
~ within: dict (1), within['pair'][2]
~ tags: set (5)
~ config: dict (2), config['lr'] 0.1 → 0.2
~ big: int
~ when: collections.OrderedDict (2)
~ point: __main__.P
~ double: function
~ outer: function
~ closure: function
~ Model: type
~ model: __main__.Model, model.weights[2] 3 → 4
~ models: list (2), models[0].weights[2] 3 → 4
~ loop: list (1) → str (3)
a.pkl → b.pkl: 15 changed, 10 the same
";
    run.assert_stdout(expected).assert_code(1);
    let json = sandbox.snapcli(&["diff", "--json", "a.pkl", "b.pkl"]).assert_code(1).json();
    assert_eq!((&json["schema"], &json["same"], &json["unchanged_count"]), (&2.into(), &false.into(), &10.into()));
    let change = json["changes"].as_array().unwrap().iter().find(|change| change["name"] == "config").unwrap();
    let place = serde_json::json!({"where": "config['lr']", "before": "0.1", "after": "0.2"});
    assert_eq!(
        (&change["change"], &change["what"][0], &change["difference"]),
        (&"changed".into(), &"value".into(), &place)
    );
    let quiet = sandbox.snapcli(&["diff", "-q", "a.pkl", "b.pkl"]);
    quiet.assert_stdout("").assert_stderr("").assert_code(1);
}

#[test]
fn variables_that_were_left_out_are_reported_with_the_reason() {
    let sandbox = Sandbox::new();
    sandbox.save("a.pkl", "c = 1\nold = 'x'\n", "1");
    sandbox.save("b.pkl", "import sqlite3\nc = sqlite3.connect(':memory:')\n", "1");
    let text = sandbox.diff("a.pkl", "b.pkl").out();
    assert!(text.starts_with("- c: int 1 (left out of the other file: TypeError: "), "{text}");
    assert!(text.contains("\n- old: str (1)\n+ 1 import: sqlite3\n"), "{text}");
    assert!(text.ends_with("\na.pkl → b.pkl: 1 added, 2 removed, 0 the same\n"), "{text}");
}

/// Data to store in three kinds of files.
const DATA: &str = "
import numpy as np
grid = np.arange(12, dtype='int16').reshape(3, 4)
turned = grid.T
tags = {'a', 'b', ('x', 1)}
records = [{'id': n, 'tags': {str(n), 'x'}} for n in range(5)]
big, small, text, raw = 1 << 200, -7, 'caf\\xe9', b'\\x00\\xff'
";

#[test]
fn snapshots_dill_sessions_and_dicts_of_all_protocols_compare_equal() {
    let sandbox = Sandbox::new();
    sandbox.save("own.pkl", DATA, "1");
    sandbox.write("dill_session.py", format!("{DATA}\nimport dill\ndill.dump_module('dill.pkl')\n"));
    let dicts = "
import pickle
names = [name for name in dir() if not name.startswith('_') and name not in ('np', 'pickle')]
data = {name: globals()[name] for name in names}
for protocol in range(6):
    pickle.dump(data, open(f'dict{protocol}.pkl', 'wb'), protocol)
";
    sandbox.write("dicts.py", format!("{DATA}{dicts}"));
    sandbox.call_python(&["dill_session.py"]).env("PYTHONHASHSEED", "2").run().assert_code(0);
    sandbox.call_python(&["dicts.py"]).env("PYTHONHASHSEED", "3").run().assert_code(0);
    let expected = "+ 1 import: dill\nown.pkl → dill.pkl: 1 added, 9 the same\n";
    sandbox.diff("own.pkl", "dill.pkl").assert_stdout(expected).assert_code(1);
    for protocol in 0..6 {
        let file = format!("dict{protocol}.pkl");
        let expected = format!("- 1 import: numpy as np\nown.pkl → {file}: 1 removed, 8 the same\n");
        sandbox.diff("own.pkl", &file).assert_stdout(&expected).assert_code(1);
        sandbox.diff("dict5.pkl", &file).assert_stdout(&format!("dict5.pkl → {file}: 8 the same\n")).assert_code(0);
    }
}

#[test]
fn unchanged_data_frames_and_models_compare_equal() {
    let sandbox = Sandbox::with(venv(main_python(), Stack::Full));
    let script = "
import numpy as np, pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
frame = pd.DataFrame({'x': range(20), 'name': list('abcdefghijklmnopqrst'), 'y': np.arange(20) / 2})
kinds = pd.Series(pd.Categorical(['a', 'b', 'a']))
days = pd.date_range('2020-01-01', periods=3)
model = make_pipeline(StandardScaler(), RandomForestClassifier(5, random_state=0)).fit(frame[['x', 'y']], frame.x > 9)
";
    sandbox.save("a.pkl", script, "1");
    sandbox.save("b.pkl", &format!("first = {{'x'}}\n{script}"), "2");
    let text = sandbox.diff("a.pkl", "b.pkl").out();
    assert!(text.starts_with("+ first: set (1)\n") && text.lines().count() == 2, "{text}");
    sandbox.save(
        "c.pkl",
        &script.replace("np.arange(20) / 2", "np.arange(20) / 4").replace("'b', 'a']", "'b', 'b']"),
        "1",
    );
    let text = sandbox.diff("a.pkl", "c.pkl").out();
    let changed: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("~ ")?.split(':').next()).collect();
    assert_eq!(changed, ["frame", "kinds", "model"], "{text}");
}

#[test]
fn a_damaged_file_or_one_that_is_not_a_pickle_is_an_error() {
    let sandbox = Sandbox::new();
    sandbox.save("a.pkl", "x, y = [1], [2]\n", "1");
    sandbox.save("b.pkl", "x, y = [1], [3]\n", "1");
    let mut bytes = std::fs::read(sandbox.work().join("b.pkl")).unwrap();
    let json = sandbox.snapcli(&["inspect", "--json", "b.pkl"]).json();
    let y = json["variables"].as_array().unwrap().iter().find(|variable| variable["name"] == "y").unwrap();
    bytes[y["offset"].as_u64().unwrap() as usize + 5] ^= 1;
    sandbox.write("bad.pkl", &bytes);
    let run = sandbox.diff("a.pkl", "bad.pkl");
    run.assert_stdout("").assert_code(4);
    assert!(run.err().starts_with("snapcli: cannot compare bad.pkl\n  cause: damaged: y (at byte "), "{}", run.whole());
    sandbox.write("text.pkl", "no pickle\n");
    let run = sandbox.diff("text.pkl", "a.pkl");
    run.assert_code(4);
    assert!(run.err().starts_with("snapcli: cannot compare text.pkl\n"), "{}", run.whole());
    sandbox.snapcli(&["diff", "a.pkl"]).assert_code(2);
    sandbox.snapcli(&["diff", "-", "-"]).assert_code(2);
    let piped =
        sandbox.call_snapcli(&["diff", "-", "a.pkl"]).stdin(std::fs::read(sandbox.work().join("a.pkl")).unwrap());
    piped.run().assert_stdout("- → a.pkl: 2 the same\n").assert_code(0);
}

#[test]
fn long_lists_are_compared_by_item_however_they_are_pickled() {
    let sandbox = Sandbox::new();
    let script = "
import dill, sys
ints, floats = list(range(3000)), [n / 2 for n in range(5000)] + [[1]]
texts = [f't{n}' for n in range(3000)]
nested = {'deep': [ints, list(range(1, 2000))]}
dill.dump_module('dill.pkl')
";
    sandbox.write("script.py", script);
    sandbox.snapcli(&["save", "-q", "-o", "a.pkl", "script.py"]).assert_code(0);
    let changed = "ints[7] = -1; texts[2999] = 'new'; nested['deep'][1][5] = 1 << 40; floats.append(0.5)\n";
    sandbox.write("changed.py", format!("{script}{changed}"));
    sandbox.snapcli(&["save", "-q", "-o", "b.pkl", "changed.py"]).assert_code(0);
    let same = sandbox.snapcli(&["diff", "a.pkl", "dill.pkl"]);
    assert_eq!(same.status.code(), Some(0), "{}", same.whole());
    for first in ["a.pkl", "dill.pkl"] {
        let run = sandbox.snapcli(&["diff", first, "b.pkl"]);
        run.assert_code(1);
        for path in ["ints[7]", "texts[2999]", "nested['deep'][0][7]", "floats"] {
            assert!(run.out().contains(path), "{path}\n{}", run.whole());
        }
    }
}

/// A hundred bases each, eight levels deep: a search for `set` among all bases must not visit each path.
#[test]
fn classes_with_many_bases_are_compared_quickly() {
    let sandbox = Sandbox::new();
    let put = |slot: u32| [b"r".as_slice(), &slot.to_le_bytes()].concat();
    let get = |slot: u32| [b"j".as_slice(), &slot.to_le_bytes()].concat();
    let pickle = |member: u8| {
        let mut bytes = [b"\x80\x04cbuiltins\nlist\n".as_slice(), &put(0), b"0"].concat();
        for class in 1..9 {
            bytes.extend(
                [b"cx\ny\n(K\x01(".as_slice(), &get(class - 1).repeat(100), b"ttR", &put(class), b"0"].concat(),
            );
        }
        [&bytes, b"}X\x01\0\0\0a".as_slice(), &get(8), b"(]K", &[member], b"atRs."].concat()
    };
    sandbox.write("a.pkl", pickle(1));
    sandbox.write("b.pkl", pickle(2));
    let call = sandbox.call_snapcli(&["diff", "a.pkl", "b.pkl"]).timeout(std::time::Duration::from_secs(300));
    let run = call.run();
    run.assert_code(1);
    assert!(run.out().starts_with("~ a: "), "{}", run.whole());
}
