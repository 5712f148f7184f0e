//! Objects that can be saved, but not loaded again: a save finds them, by a load in a process of its own that changes
//! nothing, and all commands agree about them.

use std::fs;

use crate::env::{Sandbox, Stack, pythons, venv};

use crate::lost_objects::{assert_loads, left_out, lost, saved};

/// Objects that can be pickled but not loaded, in several ways, beside some that can.
const UNLOADABLE: &str = "
class Odd:
    def __init__(self, number): self.number = number
    def __setstate__(self, state):
        if state['number'] % 2: raise ValueError('odd')
        self.__dict__.update(state)
class Arguments:
    def __reduce__(self): return Arguments, (1, 2, 3)
class Missing:
    def __reduce__(self): return getattr, (self.__class__, 'nothing')
class Exits:
    def __setstate__(self, state): raise SystemExit(3)
    def __getstate__(self): return {'a': 1}
class Fine:
    def __init__(self, number): self.number = number
    def __setstate__(self, state): self.number = state['number'] + 10
    def __getstate__(self): return {'number': self.number - 10}
class Box: pass
results = {f'job{number}': number for number in range(41)}
results['bad'] = Arguments()
odds = [Odd(number) for number in range(6)]
nested = {'a': [1, (Missing(), 2)], 'b': Fine(4)}
box = Box(); box.inner, box.number = Exits(), 2
alone = Arguments()
hashed = {Odd(1): 2, 3: 4}
many = [Arguments() for number in range(50)]
fine = [Fine(number) for number in range(5)]
";

const UNLOADABLE_LEFT_OUT: [&str; 2] = ["alone", "hashed"];

fn unloadable_lost() -> Vec<String> {
    let named = [
        "results['bad']: __main__.Arguments",
        "odds[1]: __main__.Odd",
        "odds[3]: __main__.Odd",
        "odds[5]: __main__.Odd",
        "nested['a'][1][0]: __main__.Missing",
        "box.inner: __main__.Exits",
    ];
    let many = (0..50).map(|number| format!("many[{number}]: __main__.Arguments"));
    named.iter().map(|name| (*name).to_owned()).chain(many).collect()
}

#[test]
fn what_cannot_be_loaded_is_named_at_the_save() {
    let check = "
assert len(results) == 42 and results['job7'] == 7 and results['bad'].lost == '__main__.Arguments'
assert results['bad'].reason.startswith('cannot be loaded: TypeError: '), results['bad']
assert [odd.number for odd in odds[::2]] == [0, 2, 4] and {odd.reason for odd in odds[1::2]} == \\
    {'cannot be loaded: ValueError: odd'}
assert nested['a'][0] == 1 and nested['a'][1][0].lost == '__main__.Missing' and nested['b'].number == 4
assert box.number == 2 and box.inner.reason == 'cannot be loaded: SystemExit: 3', box.inner
assert 'alone' not in globals() and 'hashed' not in globals()
assert [each.number for each in fine] == list(range(5))
print('all right')
";
    for python in pythons() {
        let sandbox = Sandbox::with(venv(python, Stack::Dill));
        let (run, report) = saved(&sandbox, UNLOADABLE, &["--verify"]);
        run.assert_code(0);
        assert_eq!(left_out(&report), UNLOADABLE_LEFT_OUT, "{}", run.whole());
        assert_eq!(lost(&report), unloadable_lost(), "{}", run.whole());
        assert!(run.err().contains("load in a fresh process with the same values"), "{}", run.whole());
        assert_loads(&sandbox, check);
    }
}

#[test]
fn all_commands_agree_about_a_session() {
    let sandbox = Sandbox::new();
    let (_, report) = saved(&sandbox, UNLOADABLE, &[]);
    let inspected = sandbox.snapcli(&["inspect", "--json", "--bad", "script.py"]).json();
    assert_eq!((left_out(&inspected), lost(&inspected)), (left_out(&report), lost(&report)));
    assert_eq!(lost(&report), unloadable_lost());
    let text = sandbox.snapcli(&["inspect", "--bad", "--all", "script.py"]).out();
    assert!(text.contains("script.py: 2 variables cannot be saved\n"), "{text}");
    assert!(text.contains("script.py: 56 objects within variables cannot be saved\n"), "{text}");
    assert!(text.contains("  odds[3] (__main__.Odd): cannot be loaded: ValueError: odd\n"), "{text}");
    let github = sandbox.snapcli(&["inspect", "--format", "github", "--strict", "script.py"]);
    github.assert_code(3);
    assert_eq!(github.out().lines().count(), 58, "{}", github.whole());
    let file = sandbox.snapcli(&["inspect", "--json", "--bad", "session.pkl"]).json();
    assert_eq!(lost(&file), unloadable_lost());
    saved(&sandbox, UNLOADABLE, &["--strict"]).0.assert_code(3);
    saved(&sandbox, UNLOADABLE, &["--strict", "--verify"]).0.assert_code(3);
    // From within the script, the result names variables and paths.
    let script =
        format!("{UNLOADABLE}\nimport snapcli\nfailed = snapcli.save('own.pkl').lost\nprint(sorted(failed)[:3])\n");
    let (run, _) = saved(&sandbox, &script, &["-q"]);
    run.assert_stdout("['alone', 'box.inner', 'hashed']\n");
    let whole = saved(&sandbox, UNLOADABLE, &["--whole"]).1;
    assert_eq!(left_out(&whole), ["results", "odds", "nested", "box", "alone", "hashed", "many"]);
}

#[test]
fn a_load_that_needs_globals_of_the_session_is_no_fault() {
    let sandbox = Sandbox::new();
    let script = "
OFFSET = 10
def shift(number): return number + OFFSET
class Shifted:
    def __init__(self, number): self.number = number
    def __getstate__(self): return {'number': self.number - OFFSET}
    def __setstate__(self, state): self.number = shift(state['number'])
nested = {'a': [Shifted(1)]}
class Bad:
    def __setstate__(self, state): raise ValueError(shift(1))
    def __getstate__(self): return 1
mixed = [Shifted(2), Bad(), Shifted(3)]
";
    let (run, report) = saved(&sandbox, script, &["--verify"]);
    assert_eq!(lost(&report), ["mixed[1]: __main__.Bad"], "{}", run.whole());
    let check = "nested['a'][0].number, mixed[0].number, mixed[1].reason, mixed[2].number";
    sandbox
        .snapcli(&["restore", "session.pkl", "-c", check])
        .assert_stdout("(1, 2, 'cannot be loaded: ValueError: 11', 3)\n");
}

#[test]
fn the_check_leaves_no_trace() {
    let sandbox = Sandbox::new();
    let script = "
import atexit, os, sys
class Noisy:
    def __init__(self): self.a = 1
    def __setstate__(self, state):
        print('loaded', flush=True); print('loaded', file=sys.stderr, flush=True)
        self.__dict__.update(state)
        open('trace.txt', 'a').write('x')
    def __del__(self, os=os, open=open):
        if os.path.exists('mine.txt'): os.remove('mine.txt')
        open('deleted.txt', 'a').write('x')
open('mine.txt', 'w').close()
noisy = Noisy()
bad = [1, Noisy()]
atexit.register(lambda: print('end'))
sys.stdout.write('no newline ')
";
    let (run, report) = saved(&sandbox, script, &["-q"]);
    run.assert_code(0).assert_stderr("").assert_stdout("no newline end\n");
    assert!(lost(&report).is_empty() && left_out(&report).is_empty());
    // What was loaded in the child is not freed: each of the two objects ends once, in the script's own process.
    assert_eq!(fs::read_to_string(sandbox.work().join("deleted.txt")).unwrap(), "xx");
    assert!(!sandbox.work().join("trace.txt").exists(), "the check has written a file");
}

#[test]
fn the_check_changes_no_files_and_no_other_process() {
    let script = "
import os, shutil, socket, sqlite3, subprocess
class Results:
    def __init__(self, path): self.path = path
    def __setstate__(self, state):
        self.__dict__.update(state)
        self.file = open(self.path, 'w')
    def __getstate__(self): return {'path': self.path}
class Caught(Results):
    def __setstate__(self, state):
        try: Results.__setstate__(self, state)
        except OSError: raise ValueError('no file')
class Calls:
    def __init__(self, call, *args): self.call, self.args = call, args
    def __reduce__(self): return self.call, self.args
class Writes:
    def __init__(self, file): self.file = file
    def __setstate__(self, state): self.__dict__.update(state); os.write(self.file, b'again')
def connect(path): sqlite3.connect(path).execute('create table t (x)')
with open('live.csv', 'w') as file: file.write('a,b')
for name in ['one', 'two']: os.mkdir(name)
results, caught = Results('live.csv'), [Caught('live.csv')]
calls = [Calls(os.remove, 'live.csv')]
removes = Calls(os.rmdir, 'one')
tree = Calls(shutil.rmtree, 'two')
process = Calls(subprocess.check_output, ['touch', 'three'])
shell = Calls(os.system, 'touch four')
database = Calls(connect, 'five.db')
uses = Writes(os.open('log.txt', os.O_CREAT | os.O_WRONLY))
near, far = socket.socketpair()
sends = Writes(near.fileno())
del file
import atexit
def end():
    far.setblocking(False)
    try: print('received', far.recv(9))
    except BlockingIOError: print('nothing')
atexit.register(end)
";
    // With a fault, a fresh process loads everything as well.
    let fault = "class Bad:\n    def __reduce__(self): return Bad, (1, 2)\nfault = [Bad()]\n";
    for (script, faults) in [(script.to_owned(), &[][..]), (format!("{script}{fault}"), &["fault[0]: __main__.Bad"])] {
        assert_nothing_changes(&script, faults);
    }
}

fn assert_nothing_changes(script: &str, faults: &[&str]) {
    let sandbox = Sandbox::new();
    let (run, report) = saved(&sandbox, script, &[]);
    run.assert_code(0).assert_stdout("nothing\n");
    let mut files: Vec<String> =
        fs::read_dir(sandbox.work()).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    files.sort();
    let left = ["live.csv", "log.txt", "one", "report.json", "script.py", "session.pkl", "two"];
    assert_eq!(files, left, "{}", run.whole());
    assert_eq!(fs::read_to_string(sandbox.work().join("live.csv")).unwrap(), "a,b");
    assert_eq!(fs::read_to_string(sandbox.work().join("log.txt")).unwrap(), "");
    // Nothing is lost, and each variable says that it was not checked.
    assert_eq!(lost(&report), faults, "{}", run.whole());
    assert_eq!(left_out(&report), ["near", "far"], "{}", run.whole());
    let notes = [
        ("results, caught", "open a file for writing"),
        ("calls", "remove a file"),
        ("removes", "remove a directory"),
        ("tree", "copy, move or remove files"),
        ("process", "start a process"),
        ("shell", "run another program"),
        ("database", "connect to a database"),
        ("uses", "write to a file"),
    ];
    for (name, action) in notes {
        let expected = format!("{name}: not checked by loading it: that would {action}\n");
        assert_eq!(run.err().matches(&expected).count(), 1, "{expected} is not in {}", run.whole());
    }
}

#[test]
fn a_load_that_never_ends_or_dies_keeps_the_variable_and_says_so() {
    let sandbox = Sandbox::new();
    let script = "
import os, signal, sys
class Dies:
    def __init__(self): self.pid = os.getpid()
    def __setstate__(self, state):
        if os.getpid() != state['pid']: signal.raise_signal(9)
class Ends(Dies):
    def __setstate__(self, state):
        if os.getpid() != state['pid']: os._exit(7)
BAD = Ends() if len(sys.argv) > 1 else Dies()
";
    sandbox.write("script.py", script);
    for (options, why) in [(&[][..], "was killed by signal 9"), (&["x"], "ended with status 7")] {
        let save = ["save", "--report", "report.json", "script.py"];
        let run = sandbox.snapcli(&[&save, options].concat());
        run.assert_code(0);
        let note = format!("BAD: not checked by loading it: the process that loaded it {why}\n");
        assert!(run.err().contains(&note), "{}", run.whole());
        let report = fs::read(sandbox.work().join("report.json")).unwrap();
        let report = serde_json::from_slice(&report).unwrap();
        assert!(lost(&report).is_empty() && left_out(&report).is_empty());
    }
}

#[test]
fn a_handler_of_the_script_never_sees_the_process_of_the_check() {
    let sandbox = Sandbox::new();
    let script = "
import os, signal, subprocess, threading, time
def handle(number, frame, os=os):
    print('ended', os.waitstatus_to_exitcode(os.wait()[1]), flush=True)
signal.signal(signal.SIGCHLD, handle)
class Slow:
    def __init__(self): self.a = 1
    def __setstate__(self, state): time.sleep(0.6); self.__dict__.update(state)
class Bad:
    def __setstate__(self, state): raise TypeError('never')
    def __getstate__(self): return 1
both = [Slow(), Bad()]
threading.Thread(target=time.sleep, args=(9,), daemon=True).start()
";
    let (run, report) = saved(&sandbox, script, &["-q"]);
    run.assert_code(0).assert_stdout("");
    assert_eq!(lost(&report), ["both[1]: __main__.Bad"], "{}", run.whole());
    // A child of the script that ends meanwhile is seen afterwards.
    let child = "subprocess.Popen(['sh', '-c', 'sleep 0.5; exit 4'])\n";
    let (run, report) = saved(&sandbox, &format!("{script}child = {child}"), &["-q"]);
    run.assert_code(0).assert_stdout("ended 4\n");
    assert_eq!(lost(&report), ["both[1]: __main__.Bad"], "{}", run.whole());
    // What a handler raises does not end the save.
    let script = script.replace("signal.SIGCHLD, handle", "signal.SIGALRM, lambda *args: 1 / 0");
    let (run, report) = saved(&sandbox, &format!("{script}signal.setitimer(signal.ITIMER_REAL, 0.3)\n"), &["-q"]);
    run.assert_code(0);
    assert_eq!(lost(&report), ["both[1]: __main__.Bad"], "{}", run.whole());
}

#[test]
fn a_library_that_would_hang_in_the_check_costs_no_time() {
    let sandbox = Sandbox::new();
    sandbox.write("polars.py", "");
    let script = "
import os, polars
class Own:
    def __init__(self): self.a = 1
    def __setstate__(self, state): raise TypeError('never')
own = Own()
os.register_at_fork(before=lambda: print('forked'))
";
    let (run, report) = saved(&sandbox, script, &[]);
    run.assert_code(0).assert_stdout("");
    let note = "own: not checked by loading it: polars would hang in the process that does it\n";
    assert!(run.err().contains(note), "{}", run.whole());
    assert!(lost(&report).is_empty() && left_out(&report).is_empty(), "{}", run.whole());
}

#[test]
fn an_object_that_a_fresh_process_can_load_is_not_lost() {
    let script = "
import sys
def known(): return sys.__dict__.setdefault('names', set())
class Metric:
    def __init__(self, name):
        if name in known(): raise ValueError('duplicate ' + name)
        known().add(name)
        self.name = name
    def __reduce__(self): return Metric, (self.name,)
class Once(Metric):
    def __init__(self, name):
        if name in known(): raise TypeError('once only')
        Metric.__init__(self, name)
    def __reduce__(self): return Once, (self.name,)
class Bad:
    def __reduce__(self): return Bad, (1, 2)
class Odd:
    def __init__(self, number): self.number = number
    def __setstate__(self, state): raise KeyError(state['number'])
metric = Metric('a')
metrics = [Metric('b'), Odd(1), 5]
once = {'a': Once('c')}
mixed = [Metric('d'), Bad(), 6]
twice = [Bad(), Odd(2), Metric('e'), 7]
";
    for python in pythons() {
        let sandbox = Sandbox::with(venv(python, Stack::Dill));
        let expected =
            ["metrics[1]: __main__.Odd", "mixed[1]: __main__.Bad", "twice[0]: __main__.Bad", "twice[1]: __main__.Odd"];
        let (run, report) = saved(&sandbox, script, &[]);
        run.assert_code(0);
        assert!(left_out(&report).is_empty(), "{}", run.whole());
        assert_eq!(lost(&report), expected, "{}", run.whole());
        let inspected = sandbox.snapcli(&["inspect", "--json", "--bad", "script.py"]).json();
        assert_eq!(lost(&inspected), expected);
        let own = format!("{script}\nimport snapcli\nprint(sorted(snapcli.save('own.pkl').lost))\n");
        saved(&sandbox, &own, &["-q"]).0.assert_stdout("['metrics[1]', 'mixed[1]', 'twice[0]', 'twice[1]']\n");
        let check = "metric.name, metrics[0].name, metrics[2], once['a'].name, mixed[0].name, twice[2].name";
        sandbox.snapcli(&["restore", "session.pkl", "-c", check]).assert_stdout("('a', 'b', 5, 'c', 'd', 'e')\n");
    }
}

#[test]
fn a_session_of_known_types_is_not_checked() {
    let sandbox = Sandbox::new();
    let script = "
import collections, dataclasses, datetime, decimal, enum, fractions, os, pathlib, re, uuid
class Plain:
    def __init__(self): self.a = 1
@dataclasses.dataclass(frozen=True)
class Frozen:
    a: int
class Colour(enum.Enum): RED = 1
Pair = collections.namedtuple('Pair', 'x y')
values = [Plain(), Frozen(1), Colour.RED, Pair(1, 2), datetime.date(2026, 1, 1), decimal.Decimal(1), re.compile('x'),
          fractions.Fraction(1, 2), pathlib.Path('x'), uuid.uuid4(), collections.Counter('a'), ValueError('x')]
os.register_at_fork(before=lambda: print('forked'))
";
    saved(&sandbox, script, &["-q"]).0.assert_code(0).assert_stdout("");
}
