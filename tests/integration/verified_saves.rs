//! `save --verify` loads the snapshot in a fresh process and compares it with the session: it names the variables that
//! differ, and does not report a difference that is no loss.

use serde_json::Value;

use crate::env::{Python, Run, Sandbox, Stack, main_python, pythons, venv};

/// A session whose variables load unchanged, or differ by design only.
const UNCHANGED: &str = "
import collections, dataclasses, enum, functools, io, threading, weakref
import numpy as np
words = {'set', 'of', 'words', 'in', 'any', 'order'}
table = {('a', frozenset('xyz')): words, 2.5: float('nan'), None: 1j}
grid = np.arange(2_000_000, dtype='f8').reshape(1000, 2000)
views = [grid, grid.T, np.ma.array([1, 2], mask=[0, 1]), np.float64(1.5), grid.dtype]
@functools.lru_cache
def cached(n): return n
cached(1)
def wrapped(function):
    @functools.wraps(function)
    def wrapper(*arguments): return function(*arguments)
    return wrapper
@wrapped
def plain(n): return n
class Node:
    def __init__(self, next): self.next, self.lock = next, threading.Lock()
    def __getstate__(self): return {'next': self.next}
    def __setstate__(self, state): self.__init__(**state)
node = Node(None)
node.next = node
node.lock.acquire()
held = threading.Lock()
held.acquire()
weak = weakref.ref(node)
class Colour(enum.Enum): RED = 1
@dataclasses.dataclass
class Point: x: int; y: list
points = collections.OrderedDict(a=Point(1, [2]), b=Point(3, []))
log = open('log.txt', 'w')
log.write('kept')
log.flush()
";

/// Objects of pandas that keep what they were asked, or are loaded with other memory and other shared parts.
const ASKED: &str = "
import pandas as pd
df = pd.DataFrame({'p': pd.period_range('2020-01', periods=6, freq='M'), 'x': range(6), 'k': list('aabbcc')})
df['i'] = pd.array([1, 2, None, 4, 5, 6])
df['s'] = pd.arrays.SparseArray([0, 0, 1, 0, 0, 2])
df['v'] = pd.interval_range(0, 6)
strided = df.iloc[::2]
reversed_rows = df.iloc[::-1]
columns = df[['p', 'i']].iloc[1::3]
periods = df.p.array[::2]
series = df.p.iloc[::-2]
by_name = df.groupby('k'); by_name.get_group('a'); by_name.size(); by_name.ngroups
by_series = df.groupby(df.k); by_series.size()
by_category = df.groupby(df.k.astype('category'), observed=False); by_category.groups
by_bins = df.groupby(pd.cut(df.x, 3), observed=True); by_bins.x.sum(); by_bins.indices
by_two = df.groupby(['k', 'x']); by_two.cumcount(); by_two.groups
one_column = df.groupby('p').x; one_column.describe(); one_column.head()
window = df.x.rolling(2); window.sum()
bins = df.set_index(pd.date_range('2020', periods=6)).resample('2D'); bins.x.sum()
index = df.set_index('k').index; index.is_unique, index.dtype, index.get_loc('a')
";

fn report(sandbox: &Sandbox, script: &str, options: &[&str]) -> (Run, Value) {
    sandbox.write("script.py", script);
    let run = sandbox.snapcli(&[&["save", "--verify", "--report", "report.json"], options, &["script.py"]].concat());
    let text = std::fs::read(sandbox.work().join("report.json")).unwrap_or_default();
    (run, serde_json::from_slice(&text).unwrap_or_default())
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap()).collect()
}

#[test]
fn unchanged_values_are_not_flagged() {
    let sandbox = Sandbox::with(venv(main_python(), Stack::Full));
    let (run, report) = report(&sandbox, UNCHANGED, &["--strict"]);
    run.assert_code(0);
    let verified = &report["verified"];
    assert_eq!(verified["changes"], serde_json::json!([]), "{}", run.whole());
    assert_eq!(verified["not_compared"], serde_json::json!([]), "{}", run.whole());
    assert!(run.err().contains("load in a fresh process with the same values"), "{}", run.whole());
}

#[test]
fn what_objects_of_pandas_keep_of_earlier_questions_is_no_difference() {
    for python in pythons() {
        let sandbox = Sandbox::with(venv(python, Stack::Full));
        let (run, report) = report(&sandbox, ASKED, &["--strict"]);
        run.assert_code(0);
        assert_eq!(report["verified"]["changes"], serde_json::json!([]), "{}", run.whole());
        // A value that differs is still found. Before pandas 3, a part of a frame shares its values.
        sandbox
            .write("other.py", format!("{ASKED}strided = strided.copy(); strided.iloc[1, 0] = pd.Period('1999-01')\n"));
        sandbox.snapcli(&["save", "-q", "-o", "c.pkl", "other.py"]).assert_code(0);
        let run = sandbox.snapcli(&["diff", "session.pkl", "c.pkl"]);
        let changed: Vec<_> = run.out().lines().filter(|line| line.starts_with('~')).map(str::to_owned).collect();
        assert!(changed.len() == 1 && changed[0].starts_with("~ strided: "), "{}", run.whole());
    }
}

#[test]
fn a_lost_attribute_is_named_and_strict_exits_with_3() {
    let sandbox = Sandbox::new();
    let script = "
class Model:
    def __init__(self): self.weights, self.hidden = [1], 2
    def __setstate__(self, state): self.weights = state['weights']
model = Model()
other = [1]
";
    let (run, report) = report(&sandbox, script, &[]);
    run.assert_code(0);
    let said = "warning: model comes back different: __main__.Model, model.hidden removed";
    assert!(run.err().contains(said), "{}", run.whole());
    let changes = &report["verified"]["changes"];
    assert_eq!(names(changes), ["model"]);
    assert_eq!((&changes[0]["change"], &changes[0]["what"][0]), (&"changed".into(), &"value".into()));
    assert_eq!(
        (&changes[0]["difference"]["where"], &changes[0]["difference"]["before"]),
        (&"model.hidden".into(), &"2".into())
    );
    // The snapshot is kept, because it loads; only the exit code reports the difference.
    let run = sandbox.snapcli(&["save", "--quiet", "--verify", "--strict", "script.py"]);
    run.assert_code(3);
    assert!(run.err().contains(said), "{}", run.whole());
    sandbox.snapcli(&["restore", "session.pkl", "-c", "other"]).assert_stdout("[1]\n");
}

#[test]
fn a_value_that_pickles_as_a_different_value_is_named() {
    let sandbox = Sandbox::new();
    let script = "
class Grows(list):
    def __reduce__(self): return Grows, ([*self, 1],)
class Other:
    def __reduce__(self): return list, ((1, 2),)
class Counts:
    def __init__(self, n): self.n = n
    def __reduce__(self): return Counts, (self.n + 1,)
grows, other, counts = Grows(), Other(), Counts(1)
";
    let (run, report) = report(&sandbox, script, &["--strict"]);
    run.assert_code(3);
    assert_eq!(names(&report["verified"]["changes"]), ["grows", "other", "counts"], "{}", run.whole());
    assert!(run.err().contains("other comes back different: __main__.Other → list (2)"), "{}", run.whole());
}

#[test]
fn a_value_that_pickles_differently_each_time_is_not_a_loss() {
    let sandbox = Sandbox::new();
    let script = "
import copyreg, itertools, random
class Random:
    def __getstate__(self): return {'number': random.random()}
ids = itertools.count()
class Counted:
    def __reduce__(self): return Counted, (), {'saved': next(ids)}
dice, counted = Random(), Counted()
";
    let (run, report) = report(&sandbox, script, &["--strict", "--exclude", "ids"]);
    run.assert_code(0);
    assert_eq!(names(&report["verified"]["not_compared"]), ["counted", "dice"], "{}", run.whole());
    assert!(run.err().contains("dice loads, but cannot be compared: its pickle is different each time"));
    let script = "
import copyreg
class Held:
    def __init__(self, n): self.n = n
copyreg.pickle(Held, lambda held: (Held, (held.n,)))
held = Held(1)
";
    let (run, report) = self::report(&sandbox, script, &["--strict"]);
    run.assert_code(0);
    assert_eq!(names(&report["verified"]["not_compared"]), ["held"], "{}", run.whole());
}

#[test]
fn a_credential_that_differs_after_loading_is_not_shown() {
    let sandbox = Sandbox::new();
    let script = "
class Secret(str):
    def __reduce__(self): return Secret, (str(self) + 'x',)
api_token = {'token': Secret('0123456789abcdef0123')}
";
    let (run, report) = report(&sandbox, script, &[]);
    run.assert_code(0);
    assert_eq!(names(&report["verified"]["changes"]), ["api_token"], "{}", run.whole());
    assert!(!report.to_string().contains("0123456789abcdef"), "{report}");
    assert!(!run.err().contains("0123456789abcdef"), "{}", run.whole());
}

/// Two bugs that this comparison found.
#[test]
fn wrapped_functions_keep_their_names_and_methods_are_wrapped_only_once() {
    let script = "
import functools
from wrapping import Wraps
def bracketed(function):
    @functools.wraps(function)
    def wrapper(*arguments): return function(*arguments)
    return wrapper
@bracketed
def hello(): return 1
class Model(Wraps):
    def transform(self): return 1
";
    let library = "
import functools
class Wraps:
    def __init_subclass__(cls):
        method = cls.__dict__.get('transform')
        if method:
            @functools.wraps(method)
            def wrapped(self): return method(self) + 1
            cls.transform = wrapped
";
    let each = |python: &Python| {
        let sandbox = Sandbox::with(venv(python, Stack::Dill));
        sandbox.write("wrapping.py", library);
        sandbox.write("script.py", script);
        sandbox.snapcli(&["save", "--verify", "--strict", "script.py"]).assert_code(0);
        let question = "print(hello.__qualname__, Model().transform())";
        sandbox.snapcli(&["restore", "session.pkl", "-c", question]).assert_stdout("hello 2\n");
        let dill = format!("import dill; dill.load_module('session.pkl'); {question}");
        sandbox.python(&["-c", &dill]).assert_stdout("hello 2\n");
    };
    pythons().iter().for_each(each);
}
