//! `import snapcli` where dill is not installed: what snapcli's own pickler writes needs no dill, neither to save nor
//! to restore, and everything else is named.

use crate::env::{Call, Sandbox, Stack, pythons, venv};

const SESSION: &str = "
import abc, collections, contextlib, dataclasses, enum, functools, sys, types, typing, weakref
factor = 3
def times(x, *, k=1): return x * factor * k
lam = lambda y: y + factor
def outer():
    n = [0]
    def inner(): n[0] += 1; return n[0]
    return inner
closure = outer()
@dataclasses.dataclass
class Row:
    a: int
    b: str = 'x'
    c: list = dataclasses.field(default_factory=list, kw_only=True)
@dataclasses.dataclass(slots=True, frozen=True)
class Slots:
    a: int
class Base(abc.ABC):
    @abc.abstractmethod
    def name(self): ...
class Derived(Base):
    def name(self): return 'derived'
    @property
    def p(self): return factor
    @classmethod
    def c(cls): return cls.__name__
class Flag(enum.IntFlag):
    A = 1; B = 2
Pair = collections.namedtuple('Pair', 'a b')
T = typing.TypeVar('T')
class Box(typing.Generic[T]): pass
row, slots, derived, flag, pair, box = Row(1), Slots(2), Derived(), Flag.A | Flag.B, Pair(1, 2), Box[int]()
part = functools.partial(times, 2)
@functools.wraps(times)
def wrapped(*a): return times(*a)
reference, views, proxy = weakref.ref(derived), [{'a': 1}.keys(), {'a': 1}.items()], types.MappingProxyType({'a': 1})
descriptors, missing, out = [int.__repr__, str.join, Derived.__dict__['p']], dataclasses.MISSING, sys.stdout
@contextlib.contextmanager
def context(): yield 1
";
const CHECK: &str = "
print(times(2, k=2), lam(1), closure(), row, slots, derived.name(), derived.p, Derived.c(), flag, pair,
      type(box).__name__, part(), wrapped(1), reference() is derived, list(views[0]), list(views[1]), proxy['a'],
      descriptors[0](5),
      missing is dataclasses.MISSING, Row(5), out is sys.stdout, 'dill' in sys.modules)
with context() as one: print(one)
";

/// Both have the same key.
fn call(sandbox: &Sandbox, code: &str) -> Call {
    sandbox.call_importing(&["-c", code]).env("SNAPCLI_KEY", "the key of both sandboxes")
}

#[test]
fn a_session_needs_no_dill() {
    for python in pythons() {
        let without = Sandbox::with(venv(python, Stack::Bare));
        let saves = format!("import snapcli\n{SESSION}\nprint(snapcli.save('a.pkl').lost, 'dill' in sys.modules)");
        call(&without, &saves).run().assert_stderr("").assert_stdout("{} False\n");
        let with = Sandbox::with(venv(python, Stack::Dill));
        let saves = format!("import snapcli\n{SESSION}\nprint(snapcli.save('a.pkl').lost)");
        call(&with, &saves).run().assert_stderr("").assert_stdout("{}\n");
        let expected = without.call_importing(&["-c", &format!("{SESSION}\n{CHECK}")]).run();
        let path = |sandbox: &Sandbox| sandbox.work().join("a.pkl").display().to_string();
        // Each reads the files of both.
        for file in [path(&without), path(&with)] {
            for reader in [&without, &with] {
                let restores = format!("import snapcli; snapcli.restore({file:?})\n{CHECK}");
                call(reader, &restores).run().assert_stderr("").assert_stdout(&expected.out());
            }
        }
        // dill reads the file that was saved without it.
        let loads = format!("import dill; dill.load_module({:?}); print(part(), row, list(views[0]))", path(&without));
        with.call_importing(&["-c", &loads]).run().assert_stdout("6 Row(a=1, b='x', c=[]) ['a']\n");
    }
}

#[test]
fn what_only_dill_can_pickle_is_named_and_nothing_is_installed() {
    let sandbox = Sandbox::with(venv(&pythons()[0], Stack::Bare));
    let script = "
import snapcli, weakref, contextvars
class C: pass
dead, alive = weakref.ref(C()), 1
context = contextvars.copy_context()
report = snapcli.save('a.pkl')
for name, lost in report.lost.items(): print(name, '|', lost)
try: snapcli.dumps(lambda: 1)
except Exception as error: print(error)
print(snapcli.loads(snapcli.dumps([1])), snapcli.loads(snapcli.dumps([1]), trust=True))
try: snapcli.save(None, refimported=True)
except ImportError as error: print(error)
";
    let run = sandbox.call_importing(&["-c", script]).run();
    run.assert_stderr("").assert_code(0);
    assert!(
        run.out()
            .contains("dead | _pickle.PicklingError: cannot pickle a ReferenceType without dill: pip install dill\n"),
        "{}",
        run.whole()
    );
    assert!(run.out().contains("it needs dill: pip install dill\n[1] [1]\n"), "{}", run.whole());
    let check = "import importlib.util; print(importlib.util.find_spec('dill'))";
    sandbox.call_importing(&["-c", check]).run().assert_stdout("None\n");
}

/// An environment without pip, from which nothing can be installed.
#[test]
fn the_command_goes_on_where_dill_is_missing_and_cannot_be_installed() {
    let sandbox = Sandbox::with(venv(crate::env::main_python(), Stack::Bare));
    let data = sandbox.out().join("data");
    let call = |words: &[&str]| sandbox.call_snapcli(words).env("XDG_DATA_HOME", &data).env("SNAPCLI_NO_INSTALL", "1");
    // A type that only a registration of dill can pickle.
    sandbox.write(
        "s.py",
        format!(
            "{SESSION}
import mmap, socket
kept, frame, sock = [1, 2], sys._getframe(), socket.socket()
"
        ),
    );
    let saved = call(&["save", "s.py"]).run();
    saved.assert_code(0);
    assert!(saved.err().contains("going on without dill"), "{}", saved.whole());
    assert!(saved.err().contains("cannot save sock") || saved.err().contains("sock"), "{}", saved.whole());
    let restored = call(&["restore", "-c", "print(kept, times(2, k=2), row, flag)"]).run();
    restored.assert_code(0);
    assert!(restored.out().contains("[1, 2] 12 Row(a=1, b='x', c=[])"), "{}", restored.whole());
    // What is restored needs no dill, so there is nothing to say of it.
    assert!(!restored.err().contains("dill"), "{}", restored.whole());
    // It is said once where something needs it.
    sandbox.write("needs.pkl", b"\x80\x04\x8c\ndill._dill\x8c\x0d_create_rlock\x93)R.");
    let needing = call(&["restore", "--trust", "needs.pkl", "-c", "1"]).run();
    assert_eq!(needing.err().matches("going on without dill").count(), 1, "{}", needing.whole());
    assert!(!data.exists());
}
