//! Objects whose ordinary reduction a load does not survive: exceptions with their own `__init__`, classes with
//! `__getattr__` or a `__new__` that wants arguments, and members of sets that lead back to their owner. Each script
//! in `hard_objects/` has many variants; snapcli and plain dill must restore all of them, in every Python.

use crate::env::{Sandbox, Stack, pythons, venv};

/// The scripts in `hard_objects/`, each with the check that must print `fine` after a restore.
const EXCEPTIONS: [&str; 2] =
    [include_str!("hard_objects/exceptions.py"), include_str!("hard_objects/exceptions_check.py")];
const INSTANCES: [&str; 2] =
    [include_str!("hard_objects/instances.py"), include_str!("hard_objects/instances_check.py")];
const HASH_CYCLES: [&str; 2] =
    [include_str!("hard_objects/hash_cycles.py"), include_str!("hard_objects/hash_cycles_check.py")];

/// Saves a script, and checks what snapcli and plain dill restore, in each Python.
fn restores([script, check]: [&str; 2]) {
    for python in pythons() {
        let sandbox = Sandbox::with(venv(python, Stack::Dill));
        sandbox.write("script.py", script);
        // Plain dill runs the check within the session, not in its own module.
        sandbox.write("check.py", check);
        sandbox.write("load.py", format!("import dill\ndill.load_module('session.pkl')\n{check}"));
        sandbox.snapcli(&["save", "-q", "--verify", "--strict", "script.py"]).assert_code(0);
        sandbox.snapcli(&["restore", "--strict", "session.pkl", "-c", check]).assert_stdout("fine\n");
        sandbox.python(&["load.py"]).assert_stdout("fine\n");
    }
}

fn save(script: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("script.py", script);
    sandbox.snapcli(&["save", "script.py"]).assert_code(0);
    sandbox
}

#[test]
fn exceptions_come_back_with_all_that_is_in_them() {
    restores(EXCEPTIONS);
}

#[test]
fn instances_come_back_without_a_call_of_their_methods() {
    restores(INSTANCES);
}

#[test]
fn members_of_sets_that_lead_back_to_their_owner_are_found_again() {
    restores(HASH_CYCLES);
}

/// Sets have another order in each process, and the order decides what is postponed.
#[test]
fn the_order_of_sets_does_not_matter() {
    let sandbox = Sandbox::new();
    let [script, check] = HASH_CYCLES;
    sandbox.write("script.py", script);
    for seed in 0..6 {
        let save = sandbox.call_snapcli(&["save", "-q", "script.py"]).env("PYTHONHASHSEED", seed.to_string()).run();
        save.assert_code(0);
        sandbox.snapcli(&["restore", "--strict", "session.pkl", "-c", check]).assert_stdout("fine\n");
    }
}

#[test]
fn a_cause_that_cannot_be_saved_is_named_and_costs_nothing_else() {
    let sandbox = save(
        "
import threading
class Job(Exception):
    def __init__(self, name, *, thread): super().__init__(name); self.thread = thread
def run():
    try: raise Job('inner', thread=threading.current_thread())
    except Job as error: raise KeyError('outer') from error
try: run()
except KeyError as error: failed = error
results = {'failed': failed, 'n': 42}
",
    );
    let run = sandbox.snapcli(&["save", "script.py"]);
    assert!(run.err().contains("the __cause__ of an exception in it, a Job, cannot be saved"), "{}", run.whole());
    let check = "results['n'], results['failed'].args, results['failed'].__cause__, failed.__suppress_context__";
    sandbox
        .snapcli(&["restore", "--strict", "session.pkl", "-c", check])
        .assert_stdout("(42, ('outer',), None, True)\n");
}

#[test]
fn sessions_with_such_objects_are_not_called_dangerous() {
    let script = "
class KwOnly(Exception):
    def __init__(self, text, *, code): super().__init__(text); self.code = code
class Own(ValueError):
    def __new__(cls, a, *, b): self = super().__new__(cls, a); self.b = b; return self
    def __init__(self, a, *, b): pass
class Proxy:
    def __init__(self, inner): self._inner = inner
    def __getattr__(self, name): return getattr(self._inner, name)
class Log(list):
    def append(self, x): super().append(x)
class AttrDict(dict):
    __getattr__ = dict.__getitem__
    __setattr__ = dict.__setitem__
    def __setitem__(self, key, value): super().__setitem__(key, value)
class SelfDict(dict):
    def __init__(self): self.__dict__ = self
try: 1 / 0
except ZeroDivisionError as error: chained = KwOnly('a', code=1); chained.__cause__ = error
own, proxy, log, attrs, itself = Own(1, b=2), Proxy([1]), Log(), AttrDict(), SelfDict()
log.append(1); attrs.a = 1; itself.b = 2
";
    let sandbox = save(script);
    let verdict = sandbox.snapcli(&["inspect", "--json", "session.pkl"]).json()["verdict"]["class"].to_string();
    assert_eq!(verdict, "\"code\"", "{}", sandbox.snapcli(&["inspect", "--verdict", "session.pkl"]).whole());
}

/// Exceptions of the standard library that a session of results is likely to hold are plain data, with their causes.
#[test]
fn a_caught_exception_and_its_cause_are_plain_data() {
    let sandbox = save(
        "
try:
    try: 1 / 0
    except ZeroDivisionError as error: raise ValueError('v') from error
except ValueError as error: failed = error
",
    );
    let verdict = sandbox.snapcli(&["inspect", "--json", "session.pkl"]).json()["verdict"]["class"].to_string();
    assert_eq!(verdict, "\"plain\"");
}
