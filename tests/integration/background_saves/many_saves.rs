//! Many saves in the background beside threads that hold locks, import modules, log and allocate memory: none hangs for
//! good, and none is lost.

use super::prints;
use crate::env::{Sandbox, Stack, main_python, pythons, venv};

const CODE: &str = "
import importlib, logging
import numpy as np
os.environ['SNAPCLI_BACKGROUND_LIMIT'] = '2'
sys.setswitchinterval(0.0005)
logging.basicConfig(stream=io.StringIO(), level=10)
log = logging.getLogger('busy')
for number in range(30):
    with open(f'module{number}.py', 'w') as file: file.write('import time; time.sleep(0.002); x = 1')
sys.path.insert(0, os.getcwd())
running = True
def logs():
    while running: log.info('text %s', 'x' * 50)
def imports():
    number = 0
    while running:
        name = f'module{number % 30}'; number += 1
        sys.modules.pop(name, None); importlib.import_module(name)
def allocates():
    import ctypes
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p; libc.free.argtypes = [ctypes.c_void_p]
    while running:
        for pointer in [libc.malloc(size) for size in (10, 1000, 70_000, 900_000)]: libc.free(pointer)
def computes():
    while running: np.dot(np.ones((80, 80)), np.ones((80, 80)))
def ends_and_starts():
    while running:
        thread = threading.Thread(target=int); thread.start(); thread.join()
class Logs:
    def __reduce__(self):
        log.warning('saved'); return int, (5,)
class Locks:
    lock = threading.Lock()
    def __reduce__(self):
        with self.lock: return int, (6,)
def holds():
    while running:
        # Mostly free: where it is held at the fork, the session is saved again.
        with Locks.lock: time.sleep(0.00005)
        time.sleep(0.1)
works = logs, imports, allocates, allocates, computes, ends_and_starts, holds
threads = [threading.Thread(target=work) for work in works]
for thread in threads: thread.start()
array = np.zeros(300_000); names = {'array': array, 'logs': Logs(), 'locks': Locks(), 'n': 0}
lost, again = [], 0
for n in range(COUNT):
    array[n::50] = n; names['n'] = n
    target = ('a.pkl', 'runs.snaps/', None)[n % 3]
    job = snapcli.save(target, names, wait=False, sync=False, check=False)
    expected, names['n'] = array.sum(), -1
    array[0] += 1
    report = job.result()
    again += any('saved again' in note or 'hung' in note for note in report.notes)
    back = snapcli.load_dict(report.data or report.path, trust=True)
    wanted = (n, 5, 6) if not any('saved again' in note for note in report.notes) else (-1, 5, 6)
    if (back['n'], back['logs'], back['locks']) != wanted: lost.append((n, back))
    array[0] -= 1
    if wanted[0] == n and back['array'].sum() != expected: lost.append((n, 'array'))
running = False
for thread in threads: thread.join()
# How often depends on the machine: the thread waits for its turn with the lock.
print(lost, again < COUNT)
";

fn many(count: usize) {
    for python in pythons() {
        prints(&Sandbox::with(venv(python, Stack::Dill)), &CODE.replace("COUNT", &count.to_string()), "[] True\n");
    }
}

#[test]
fn thirty_saves_beside_busy_threads() {
    many(30);
}

#[test]
#[ignore = "takes minutes"]
fn hours_a_thousand_saves_beside_busy_threads() {
    many(1000);
}

#[test]
fn the_later_save_wins_whatever_path_leads_to_the_file() {
    let code = "
os.makedirs('d'); os.symlink('d', 'ln'); os.symlink('d/r.pkl', 'sl.pkl'); os.makedirs('s'); os.symlink('s', 'ln2')
def one(first, second, chdir=None):
    for name in ('go', 'waiting', 'r.pkl', 'd/r.pkl'):
        if os.path.exists(name): os.remove(name)
    job = snapcli.save(first, {'waits': Waits(), 'v': 1}, wait=False, check=False)
    until('waiting')
    threading.Timer(0.2, make, [os.path.abspath('go')]).start()
    if chdir: os.chdir(chdir)
    snapcli.save(second, {'v': 2}, sync=False, check=False)
    done = job.done()
    if chdir: os.chdir('..')
    job.result()
    print(second, done, snapcli.load_dict(first)['v'])
one('d/r.pkl', 'd/../d/r.pkl')
one('d/r.pkl', 'ln/r.pkl')
one('ln/r.pkl', 'd//r.pkl')
one('d/r.pkl', 'sl.pkl')
one('sl.pkl', 'd/r.pkl')
one('d/r.pkl', 'r.pkl', 'd')
one('r.pkl', '/proc/self/cwd/r.pkl')
one('s/', 'ln2/')
one('ln2/', 'd/../s')
";
    let paths = ["d/../d/r.pkl", "ln/r.pkl", "d//r.pkl", "sl.pkl", "d/r.pkl", "r.pkl", "/proc/self/cwd/r.pkl", "ln2/"];
    let expected: String = paths.iter().chain(&["d/../s"]).map(|path| format!("{path} True 2\n")).collect();
    prints(&Sandbox::with(venv(main_python(), Stack::Dill)), code, &expected);
}
