//! A variable refers to another one only for what they really share: something that can change, or a class of the
//! script. Constants and imported objects that several variables have are in each of them.

use crate::env::{Sandbox, Stack, main_python, pythons, venv};

/// A module beside the script.
const HELPER: &str = "
import datetime, enum

class Point:
    def __init__(self): self.x = 1

class Color(enum.Enum):
    RED = 1

class Zone(datetime.tzinfo):
    def utcoffset(self, moment): return datetime.timedelta(hours=1)

ZONE = Zone()
";

/// Objects that are equal wherever they are made.
const CONSTANTS: &str = "
import collections, datetime, decimal, fractions, functools, http, ipaddress, json, logging, operator, pathlib, re
import types, typing, uuid, zoneinfo
import helper

constants = {
    'bytes': b'abc' * 10, 'no_bytes': b'', 'nested': (1, 'a', (2.5, b'x', frozenset({None, 3}))), 'string': 'abc' * 20,
    'surrogate': '\\udc80abc', 'accents': 'é' * 300, 'complex': 1j, 'dots': ..., 'slice': slice(1, 2),
    'range': range(5),
    'utc': datetime.timezone.utc, 'offset': datetime.timezone(datetime.timedelta(hours=2)), 'zone': helper.ZONE,
    'city': zoneinfo.ZoneInfo('UTC'), 'date': datetime.date(2020, 1, 1),
    'moment': datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc),
    'logger': logging.getLogger('a.b'), 'root': logging.getLogger(), 'pattern': re.compile('a+b'), 'flags': re.I | re.M,
    'status': http.HTTPStatus.OK, 'color': helper.Color.RED, 'decimal': decimal.Decimal('1.5'),
    'fraction': fractions.Fraction(1, 3), 'uuid': uuid.UUID(int=5), 'path': pathlib.Path('x'),
    'address': ipaddress.ip_address('1.2.3.4'), 'class': collections.OrderedDict, 'function': json.dumps,
    'module': json, 'local_class': helper.Point, 'alias': list[int], 'optional': typing.Optional[int],
    'method': str.join, 'built_in': dict.fromkeys, 'class_method': datetime.datetime.now,
    'slot': types.FunctionType.__code__, 'none_type': type(None), 'code': (lambda: 3).__code__,
    'classes': (helper.Point, helper.Color.RED, int),
}
";

/// Binds each constant in a list of its own, next to another list, and once more in one dict that comes first.
const BIND: &str = "
first = dict(constants)
for name, constant in list(constants.items()):
    globals()['has_' + name] = [constant, []]
del constants, constant, name
";

/// The names of the variables that use another one.
fn dependent(sandbox: &Sandbox) -> Vec<String> {
    let index = sandbox.snapcli(&["inspect", "--json", "session.pkl"]).json();
    let variables = index["variables"].as_array().unwrap().clone();
    let uses = |variable: &serde_json::Value| variable["uses"].as_array().is_some_and(|names| !names.is_empty());
    variables.iter().filter(|it| uses(it)).map(|it| format!("{}: {}", it["name"], it["uses"])).collect()
}

fn assert_constants_are_repeated(sandbox: &Sandbox, constants: &str) {
    sandbox.write("helper.py", HELPER);
    sandbox.write("script.py", format!("{constants}{BIND}"));
    sandbox.snapcli(&["save", "-q", "script.py"]).assert_code(0);
    assert_eq!(dependent(sandbox), Vec::<String>::new());
    let count = "len([name for name in globals() if name.startswith('has_')])";
    let all = sandbox.snapcli(&["restore", "session.pkl", "-c", count]).out();
    assert_ne!(all.trim(), "0");
    let others = sandbox.snapcli(&["restore", "--exclude", "first", "session.pkl", "-c", count]);
    others.assert_code(0).assert_stderr("").assert_stdout(&all);
    // Zones that define no equality are other objects after a load, in plain dill as well.
    let equal = "
import dill; dill.load_module('session.pkl')
for name, constant in first.items():
    found = globals()['has_' + name][0]
    assert type(found) is type(constant) and (found is constant or found == constant or name == 'zone'), name
print('equal')";
    sandbox.python(&["-c", equal]).assert_stdout("equal\n").assert_code(0);
}

#[test]
fn constants_and_imported_objects_are_written_in_each_variable() {
    for python in pythons() {
        assert_constants_are_repeated(&Sandbox::with(venv(python, Stack::Dill)), CONSTANTS);
    }
}

#[test]
fn constants_of_numpy_and_pandas_are_written_in_each_variable() {
    let constants = "
import numpy as np, pandas as pd
constants = {
    'dtype': np.dtype('float64'), 'fields': np.dtype([('a', 'i4'), ('b', 'f8')]), 'swapped': np.dtype('>i2'),
    'float': np.float64(3), 'int': np.int32(3), 'ufunc': np.add, 'bool': np.True_, 'date': np.datetime64('2020-01-01'),
    'stamp': pd.Timestamp('2020-01-01'), 'aware': pd.Timestamp('2020-01-01', tz='UTC'), 'nothing': pd.NA,
    'no_time': pd.NaT, 'strings': pd.StringDtype(), 'integers': pd.Int64Dtype(), 'zoned': pd.DatetimeTZDtype(tz='UTC'),
    'interval': pd.Interval(1, 2), 'period': pd.Period('2020-01'), 'offset': pd.offsets.Day(2),
    'tuple': (np.dtype('i4'), np.int64),
}
constants['integers'].itemsize
";
    assert_constants_are_repeated(&Sandbox::with(venv(main_python(), Stack::Full)), constants);
}

#[test]
fn functions_and_classes_of_the_script_share_only_what_the_script_shares() {
    const SCRIPT: &str = "
import enum, functools, typing, dataclasses, logging
from helper import Point

def decorate(function):
    @functools.wraps(function)
    def wrapper(*arguments): return function(*arguments)
    return wrapper

@decorate
def one(x): 'The doc.'; return x + 1
@decorate
def two(x): return x + 2
def numbers(n): yield from range(n)
def counter(n):
    def inner(): return n
    return inner
first_counter, second_counter = counter(1), counter(2)
@functools.lru_cache
def cached(x): return x
@functools.lru_cache
def cached_too(x): return x
class A:
    x: int = 1
    @property
    def half(self): return 1
    @classmethod
    def make(cls): return cls()
    @staticmethod
    def static(): return 1
    def parent(self): return super()
class B:
    y: typing.Optional[int] = None
    def parent(self): return super()
class E(enum.Enum):
    X = 1
class F(enum.Enum):
    X = 1
class Protocol(typing.Protocol):
    def call(self) -> int: ...
square = lambda x: x * x
binary = functools.partial(int, base=2)
near, far = Point(), [Point(), Point()]
";
    for python in pythons() {
        let sandbox = Sandbox::with(venv(python, Stack::Dill));
        sandbox.write("helper.py", HELPER);
        sandbox.write("script.py", SCRIPT);
        sandbox.snapcli(&["save", "-q", "script.py"]).assert_code(0);
        assert_eq!(dependent(&sandbox), Vec::<String>::new());
        let check =
            "[one(1), two(1), list(numbers(2)), first_counter(), second_counter(), cached_too(3), B().y, F.X.value,
            square(3), binary('11'), near.x, [point.x for point in far], A().half]";
        let expected = "[2, 3, [0, 1], 1, 2, 3, None, 1, 9, 3, 1, [1, 1], 1]\n";
        let check: String = check.split_whitespace().collect::<Vec<_>>().join(" ");
        sandbox.snapcli(&["restore", "session.pkl", "-c", &check]).assert_stdout(expected);
        let plain = format!("import dill; dill.load_module('session.pkl'); print({check})");
        sandbox.python(&["-c", &plain]).assert_stdout(expected);
    }
}

#[test]
fn what_can_change_stays_shared_between_variables() {
    let sandbox = Sandbox::new();
    sandbox.write("helper.py", HELPER);
    let script = "
import uuid, helper, types, collections
items = [1]
pair = (items, b'x')
also = {'items': items, 'pair': pair}
point = helper.Point()
points = [point]
class Own: pass
own, owns = Own(), (Own, 1)
buffer = bytearray(b'abc')
buffers = (buffer,)
long = 'x' * 5000
longs = [long]
";
    sandbox.write("script.py", script);
    sandbox.snapcli(&["save", "-q", "script.py"]).assert_code(0);
    let check = "[pair[0] is items, also['items'] is items, points[0] is point, type(own) is Own, owns[0] is Own,
        buffers[0] is buffer, longs[0] is long]";
    let check: String = check.split_whitespace().collect::<Vec<_>>().join(" ");
    let expected = "[True, True, True, True, True, True, True]\n";
    sandbox.snapcli(&["restore", "session.pkl", "-c", &check]).assert_stdout(expected);
    let plain = format!("import dill; dill.load_module('session.pkl'); print({check})");
    sandbox.python(&["-c", &plain]).assert_stdout(expected);
}
