//! `snapcli.save(…, wait=False)`: a forked process saves while the program goes on. What it writes is what a save in
//! the foreground would have written at the moment of the call, and the program notices nothing else of it.
//!
//! Nothing here depends on time: objects wait for files in the process that saves.

mod many_saves;
mod odd_ends;
mod running_scripts;
mod shared_memory;

use crate::env::{Sandbox, Stack, main_python, pythons, venv};

/// `here` is the process of the program. `until(name)` waits for a file.
const PRELUDE: &str = r"
import gc, io, os, random, signal, sys, threading, time
import snapcli
os.environ['SNAPCLI_BACKGROUND_LIMIT'] = '600'
here = os.getpid()
def until(name):
    while not os.path.exists(name): time.sleep(0.005)
def make(name): open(name, 'w').close()
class Waits:
    '''Is saved once the file `go` exists, in a process that saves in the background.'''
    def __reduce__(self):
        if os.getpid() != here: make('waiting'); until('go')
        return Waits, ()
";

#[track_caller]
fn prints(sandbox: &Sandbox, code: &str, expected: &str) {
    let code = format!("{PRELUDE}{code}");
    sandbox.call_importing(&["-c", &code]).run().assert_stderr("").assert_stdout(expected);
}

#[test]
fn the_snapshot_is_that_of_the_moment_of_the_call() {
    for python in pythons() {
        let code = "
xs = [1, 2]; waits = Waits()
job = snapcli.save('a.pkl', wait=False, check=False)
until('waiting')
xs.append(3); late = 1
print(job.done(), job.report, repr(job), os.path.exists('a.pkl'))
try: job.result(timeout=0.01)
except TimeoutError as error: print(error)
make('go')
report = job.result()
print(job.done(), job.report is report, job.result() is report, repr(job))
back = snapcli.load_dict('a.pkl', trust=True)
print(back['xs'], 'late' in back, report.path, sorted(report.saved) == sorted(back), report.complete)
";
        prints(
            &Sandbox::with(venv(python, Stack::Dill)),
            code,
            "False None <snapcli.BackgroundSave to a.pkl: running> False\nthe save to a.pkl is still running\n\
             True True True <snapcli.BackgroundSave to a.pkl: saved 6 variables and 9 imports>\n\
             [1, 2] False a.pkl True True\n",
        );
    }
}

/// The pickle and the index agree, but for times.
#[test]
fn a_save_in_the_background_writes_what_one_in_the_foreground_writes() {
    let code = "
import collections, dataclasses, decimal, functools, logging, warnings
import numpy as np
os.register_at_fork(before=lambda: random.seed(1), after_in_child=lambda: random.seed(2))
os.register_at_fork(after_in_parent=lambda: seen.append(1))
seen = []
random.seed(7); np.random.seed(3); decimal.getcontext().prec = 11
warnings.simplefilter('ignore', UserWarning)
log = logging.getLogger('x'); log.setLevel(10)
big = np.arange(1_000_000.0); part = big[10:20]; small = np.arange(5)
shared = [big, {'a': part}]
class Point:
    __slots__ = ('x', 'y')
    def __init__(self): self.x, self.y = 1, shared
point = Point()
@dataclasses.dataclass
class Row: a: int = 1
row = Row(); f = functools.partial(max, 1); g = lambda: row
def counter():
    n = 0
    def step():
        nonlocal n
        n += 1
        return n
    return step
step = counter(); step()
it = iter([1, 2, 3]); next(it)
lost = memoryview(b'x'); held = {'ok': 1, 'bad': lost}
file = open('notes.txt', 'w+'); file.write('text'); file.flush()
worker = threading.Thread(target=until, args=('end',), daemon=True); worker.start()
def parts(data):
    length = int.from_bytes(data[-88:-80], 'little')
    return data[:length]
before = random.getstate(), np.random.get_state()[1].tolist()
found = []
# The first save of all has effects of its own, such as docstrings that are made.
saved = data = answer = None
for wait in (True, True, False, True):
    saved = snapcli.save(None, exclude=['found', 'saved', 'wait', 'data', 'answer'], check=False, wait=wait)
    saved = saved if wait else saved.result()
    answer = {k: v for k, v in saved.to_dict().items() if k not in ('script', 'created', 'bytes')}
    found.append((parts(saved.data), answer, [note for note in saved.notes], sorted(saved.lost), saved.left_out))
found = found[1:]
print(len(found[0][0]) > 8_000_000)
for number in range(5):
    print(number, found[0][number] == found[2][number], found[1][number] == found[0][number])
print(before == (random.getstate(), np.random.get_state()[1].tolist()), seen)
make('end')
";
    prints(&Sandbox::new(), code, "True\n0 True True\n1 True True\n2 True True\n3 True True\n4 True True\nTrue []\n");
}

#[test]
fn the_program_sees_no_child_no_signal_and_no_output() {
    for python in pythons() {
        let code = "
import atexit
atexit.register(lambda: print('end', os.getpid() == here))
got = []
for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGUSR1): signal.signal(number, lambda n, _: got.append(n))
class Loud:
    def __reduce__(self):
        if os.getpid() != here:
            print('printed by a reducer'); print('and this', file=sys.stderr); os.write(1, b'raw')
            for n in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGHUP): os.kill(os.getpid(), n)
        return int, ()
class Gone:
    def __del__(self): print('gone', os.getpid() == here)
loud = Loud(); gone = Gone(); local = threading.local()
def keep():
    local.gone = Gone(); make('ready'); until('end'); del local.gone
worker = threading.Thread(target=keep); worker.start(); until('ready')
print('buffered', end=' ')
job = snapcli.save('a.pkl', wait=False, check=False, exclude=['local', 'worker', 'gone'])
for options in (0, os.WNOHANG):
    try: print(os.waitpid(-1, options))
    except ChildProcessError: print('no child')
print(job.result().complete, got)
make('end'); worker.join(); del gone
";
        prints(
            &Sandbox::with(venv(python, Stack::Dill)),
            code,
            "buffered no child\nno child\nTrue []\ngone True\ngone True\nend True\n",
        );
    }
}

#[test]
fn it_saves_to_whatever_a_save_saves_to() {
    let code = "
import pathlib
x = [1, 2]
def f(): return x
options = dict(namespace=globals(), only=['x', 'f'], ambient=False)
held = io.BytesIO()
class Part:
    def __init__(self): self.got = b''
    def write(self, data): self.got += data[:3000]; return min(len(data), 3000)
part = Part()
targets = ['a.pkl', pathlib.Path('b.pkl'), held, part, None, 'runs.snaps/', 'runs.snaps/']
results = [snapcli.save(target, wait=False, **options).result() for target in targets]
data = results[4].data
for found in ('a.pkl', 'b.pkl', held.getvalue(), part.got, data, 'runs.snaps/@1', 'runs.snaps/@2'):
    print(snapcli.load_dict(found, trust=True)['f'](), end=' ')
print([report.path for report in results], len(data) == results[4].bytes, len(part.got) == results[3].bytes)
named = snapcli.save('runs.snaps/', wait=False, name='best', message='a note', sync=False).result()
print(named.path, snapcli.load_dict('runs.snaps/@best', 'x'))
# The program goes to another directory in the meantime.
os.mkdir('sub'); waits = Waits()
job = snapcli.save('c.pkl', wait=False, check=False)
until('waiting'); os.chdir('sub'); open('../go', 'w').close()
print(job.result().to_dict()['path'] == os.path.abspath('../c.pkl'), os.listdir('.'))
";
    prints(
        &Sandbox::new(),
        code,
        "[1, 2] [1, 2] [1, 2] [1, 2] [1, 2] [1, 2] [1, 2] \
         ['a.pkl', 'b.pkl', None, None, None, 'runs.snaps/@1', 'runs.snaps/@2'] True True\n\
         runs.snaps/@3 {'x': [1, 2]}\nTrue []\n",
    );
}

#[test]
fn what_a_save_raises_is_raised_at_once_or_by_the_result() {
    let code = "
wrong = [('none/x.pkl', {}), ('.', {}), (b'x', {}), (io.StringIO(), {}), ('x.pkl', {'only': 'nothing'}),
         ('x.pkl', {'name': 'n'}), ('s/', {'name': '../x'}), ('x.pkl', {'namespace': {1: 2}}),
         ('x.pkl', {'max_size': 'x'})]
for target, options in wrong:
    ends = []
    for wait in (True, False):
        try: snapcli.save(target, wait=wait, **options)
        except Exception as error: ends.append((type(error), str(error)))
    print(len(ends), ends[0] == ends[-1])
class Stops:
    def __reduce__(self): raise KeyboardInterrupt('stop')
stops = Stops()
for wait in (True, False):
    try: print(snapcli.save('x.pkl', wait=wait, check=False).result())
    except KeyboardInterrupt as error: print(repr(error))
print(os.listdir())
";
    prints(
        &Sandbox::new(),
        code,
        &format!("{}KeyboardInterrupt('stop')\nKeyboardInterrupt('stop')\n[]\n", "2 True\n".repeat(9)),
    );
}

#[test]
fn saves_come_one_after_the_other_and_the_newest_state_stays() {
    let code = "
n = 1; waits = Waits()
first = snapcli.save('a.pkl', wait=False, check=False)
until('waiting')
# A save to another file need not wait.
other = snapcli.save('b.pkl', check=False)
print(first.done(), other.path)
def release(): time.sleep(0.05); make('go')
def after():
    global n
    threading.Thread(target=release).start()
n = 2
after()
# It waits: what it saves is newer.
snapcli.save('a.pkl', check=False, exclude='waits')
print(first.done(), snapcli.load_dict('a.pkl', 'n'))
jobs = []
for n in range(5): jobs.append(snapcli.save('runs.snaps/', wait=False, check=False))
print([job.done() for job in jobs[:-1]], jobs[-1].result().path)
print([snapcli.load_dict(f'runs.snaps/@{at}', 'n')['n'] for at in range(1, 6)])
";
    prints(
        &Sandbox::new(),
        code,
        "False b.pkl\nTrue {'n': 2}\n[True, True, True, True] runs.snaps/@5\n[0, 1, 2, 3, 4]\n",
    );
}

#[test]
fn the_end_of_the_program_waits_for_it() {
    for python in pythons() {
        let sandbox = Sandbox::with(venv(python, Stack::Dill));
        let code = "
class Slow:
    def __reduce__(self):
        if os.getpid() != here: time.sleep(0.5)
        return int, ()
slow = Slow(); x = 5
snapcli.save('a.pkl', wait=False, check=False)
";
        prints(&sandbox, code, "");
        prints(&sandbox, "print(snapcli.load_dict('a.pkl', 'x'))\n", "{'x': 5}\n");
        // Under `snapcli save`, the session is saved after that, to the same file.
        sandbox.write("job.py", format!("{PRELUDE}{code}x = 6\n").replace("a.pkl", "session.pkl"));
        sandbox.snapcli(&["save", "-q", "job.py"]).assert_code(0).assert_stderr("");
        sandbox.snapcli(&["restore", "-q", "session.pkl", "-c", "x"]).assert_stdout("6\n");
    }
}

#[test]
fn a_child_of_the_program_does_not_finish_its_save() {
    let code = "
waits = Waits()
job = snapcli.save('a.pkl', wait=False, check=False)
until('waiting')
sys.stdout.flush()
child = os.fork()
if not child:
    try: job.result()
    except RuntimeError as error: print(error, repr(job))
    snapcli.save('of_child.pkl', {'x': 1}, wait=False).result()
    sys.exit()
print(os.waitpid(child, 0)[1], snapcli.load_dict('of_child.pkl'), job.done())
make('go')
print(job.result().path)
";
    prints(
        &Sandbox::new(),
        code,
        "another process began this save: only that one knows its result \
         <snapcli.BackgroundSave to a.pkl: of another process>\n0 {'x': 1} False\na.pkl\n",
    );
}

#[test]
fn threads_may_save_in_the_background() {
    let code = "
results = []
def work(number): results.append(snapcli.save(f'{number}.pkl', {'number': number}, wait=False).result().saved)
threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(results, [snapcli.load_dict(f'{number}.pkl')['number'] for number in range(8)])
";
    let saved = ["['number']"; 8].join(", ");
    prints(&Sandbox::new(), code, &format!("[{saved}] [0, 1, 2, 3, 4, 5, 6, 7]\n"));
}

#[test]
fn where_a_fork_is_not_safe_it_saves_in_the_foreground_and_says_why() {
    let sandbox = Sandbox::with(venv(main_python(), Stack::Dill));
    let code = "
import types
x = 1
for name in ('jax', 'tensorflow', 'cupy'):
    sys.modules[name] = types.ModuleType(name)
    job = snapcli.save('a.pkl', {'x': 1}, wait=False)
    print(job.done(), job.result().notes, job.report.saved)
    del sys.modules[name]
cuda = sys.modules['torch.cuda'] = types.ModuleType('torch.cuda'); cuda._initialized = True
print(snapcli.save('a.pkl', {'x': 1}, wait=False).report.notes)
del sys.modules['torch.cuda'], cuda
class Nested:
    def __reduce__(self): notes.extend(snapcli.save('b.pkl', {'x': 1}, wait=False).report.notes); return int, ()
notes = []
snapcli.save(None, {'x': Nested()}, check=False)
print(notes)
";
    let note = |why: &str| format!("['saved in the foreground: {why}']");
    let library = |name: &str| note(&format!("{name} does not work in a forked process"));
    let imported = |name: &str| format!("True {} ['x']\n", library(name));
    let expected = ["jax", "tensorflow", "cupy"].map(imported).concat();
    prints(&sandbox, code, &format!("{expected}{}\n{}\n", library("CUDA"), note("another save is in progress")));
}
