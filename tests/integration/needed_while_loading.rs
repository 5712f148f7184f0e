//! Code that runs while a session is loaded finds what it needs: helpers, constants and modules that the script defines
//! after the class, and the class itself. By snapcli and, apart from modules, by plain dill.

use crate::env::{Sandbox, Stack, main_python, pythons, venv};

/// Saves a script in strict mode, and prints what `check` evaluates to after snapcli and after dill have loaded it.
fn both(sandbox: &Sandbox, script: &str, check: &str) -> [String; 2] {
    sandbox.write("script.py", script);
    sandbox.snapcli(&["save", "-q", "--strict", "script.py"]).assert_code(0);
    let code = format!("print({check})");
    let restored = sandbox.snapcli(&["restore", "-c", &code]);
    let loaded = sandbox.python(&["-c", &format!("import dill; dill.load_module('session.pkl'); {code}")]);
    restored.assert_code(0);
    loaded.assert_code(0);
    [restored.out(), loaded.out()]
}

const HELPER_AFTER_CLASS: &str = "
class A:
    def __init__(self, n):
        self.n = _helper(n)
    def __reduce__(self):
        return (A, (self.n - OFFSET,))
def _helper(x):
    return _deep(x) + OFFSET
def _deep(x):
    return int(x)
OFFSET = 1
a = A(4)
A.default = a
b = [A(5), A.default]
";

const STATE: &str = "
def parts(text): return text.split(SEPARATOR)
SEPARATOR = '-'
class Pair:
    def __init__(self, left, right): self.left, self.right = left, right
    def __getstate__(self): return SEPARATOR.join([self.left, self.right])
    def __setstate__(self, state):
        self.left, self.right = parts(state)
        self.kind = Kind(self.left)
class Kind:
    def __init__(self, name): self.name = name
pair = Pair('x', 'y')
Kind.example = Pair('p', 'q')
";

const HASHED: &str = "
items = {}
class Key:
    def __init__(self, name): self.name = name
    def __hash__(self): return hash(normal(self.name))
    def __eq__(self, other): return normal(self.name) == normal(other.name)
    def __reduce__(self): return (Key, (self.name,))
def normal(name): return name.lower().strip(BLANKS)
BLANKS = ' _'
items[Key('One')] = 1
members = {Key('two_')}
";

#[test]
fn helpers_and_constants_may_come_after_the_class_that_needs_them() {
    for sandbox in pythons().iter().map(|python| Sandbox::with(venv(python, Stack::Dill))) {
        let check = "a.n, A.default is a, [x.n for x in b], b[1] is a, type(a) is A, _helper(1.5)";
        assert_eq!(both(&sandbox, HELPER_AFTER_CLASS, check), ["5 True [6, 5] True True 2\n"; 2]);
        let check = "pair.left, pair.kind.name, type(pair.kind) is Kind, Kind.example.right";
        assert_eq!(both(&sandbox, STATE, check), ["x x True q\n"; 2]);
        let check = "items[Key(' ONE')], Key('Two') in members";
        assert_eq!(both(&sandbox, HASHED, check), ["1 True\n"; 2]);
    }
}

#[test]
fn only_what_was_asked_for_is_bound() {
    let sandbox = Sandbox::new();
    let check = "a.n, A.default is a, [x.n for x in b]";
    assert_eq!(both(&sandbox, HELPER_AFTER_CLASS, check), ["5 True [6, 5]\n"; 2]);
    let code = "print(sorted(name for name in globals() if name in ('A', '_helper', '_deep', 'OFFSET', 'a', 'b')))";
    let bound = |arguments: &[&str], expected: &str| {
        let run = sandbox.snapcli(&[&["restore"], arguments, &["-c", code]].concat());
        run.assert_code(0).assert_stdout(&format!("{expected}\n"));
    };
    // What the code of a variable uses comes along.
    bound(&["--only", "A"], "['A', 'OFFSET', '_deep', '_helper']");
    bound(&["--only", "_helper"], "['OFFSET', '_deep', '_helper']");
    bound(&["--exclude", "A"], "['OFFSET', '_deep', '_helper', 'a', 'b']");
    let into = "A = OFFSET = 'mine'\nimport snapcli\nfound = snapcli.load_dict('session.pkl', exclude='A')\n\
                print('A' in found, found['a'].n, A, OFFSET)";
    sandbox.snapcli(&["restore", "--only", "_deep", "-c", into]).assert_code(0).assert_stdout("False 5 mine mine\n");
}

#[test]
fn the_ipaddress_module_of_the_standard_library_is_a_script_like_any_other() {
    for sandbox in pythons().iter().map(|python| Sandbox::with(venv(python, Stack::Dill))) {
        let source = sandbox.python(&["-c", "import ipaddress; print(open(ipaddress.__file__).read())"]).out();
        let check = "ip_address('1.2.3.4'), IPv4Network('10.0.0.0/8').num_addresses, \
                     IPv4Address('127.0.0.1').is_loopback, IPv6Address('fe80::1').is_link_local, \
                     type(IPv4Address._constants._linklocal_network) is IPv4Network";
        assert_eq!(both(&sandbox, &source, check), ["1.2.3.4 16777216 True True True\n"; 2]);
    }
}

#[test]
fn the_verdict_of_such_a_session_is_code() {
    let sandbox = Sandbox::with(venv(main_python(), Stack::Dill));
    both(&sandbox, STATE, "pair.left");
    let report = sandbox.snapcli(&["inspect", "--json"]).json();
    assert_eq!(report["verdict"]["class"], "code", "{report}");
    sandbox.snapcli(&["verify", "-q"]).assert_code(0);
    sandbox.snapcli(&["diff", "session.pkl", "session.pkl"]).assert_code(0);
}

const COUNTER: &str = "
NEXT = 7
class A:
    def __setstate__(self, state):
        global NEXT
        self.id, NEXT = NEXT, NEXT + 1
    def __getstate__(self): return {'x': 1}
class B:
    def __setstate__(self, state):
        global NEXT
        self.id, NEXT = NEXT, NEXT + 1
    def __getstate__(self): return {'x': 1}
A.first = A()
b = B()
";

#[test]
fn a_counter_that_a_load_has_advanced_is_not_set_back() {
    for sandbox in pythons().iter().map(|python| Sandbox::with(venv(python, Stack::Dill))) {
        let [restored, loaded] = both(&sandbox, COUNTER, "A.first.id, b.id, NEXT");
        // Dill binds all names once more at the end.
        assert_eq!([restored, loaded], ["7 8 9\n", "7 8 7\n"]);
    }
}

const MODULE: &str = "
class Data:
    def __setstate__(self, state): self.rows = deep(state)
    def __getstate__(self): return [1, 2]
    def plot(self): return gone.X(self.rows)
def deep(rows): return [m.floor(row) for row in rows]
import math as m
import gone
data = Data()
";

#[test]
fn a_missing_module_does_not_lose_the_class_that_uses_it() {
    let sandbox = Sandbox::new();
    sandbox.write("gone.py", "X = list\n");
    sandbox.write("script.py", MODULE);
    sandbox.snapcli(&["save", "-q", "script.py"]).assert_code(0);
    sandbox.snapcli(&["restore", "-c", "print(data.rows, data.plot())"]).assert_stdout("[1, 2] [1, 2]\n");
    sandbox.write("gone.py", "raise ModuleNotFoundError('no gone', name='gone')\n");
    let code = "print(data.rows, Data.__name__, 'gone' in globals())";
    sandbox.snapcli(&["restore", "--partial", "-c", code]).assert_stdout("[1, 2] Data False\n");
}
