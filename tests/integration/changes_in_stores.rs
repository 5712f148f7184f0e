//! Whatever changes between two saves to a store is in the second one, however it was changed: by an alias, through a
//! view, by C code or the system, in a slot or a cell. What was saved before stays as it was.

use crate::env::Sandbox;

/// Each change is made to a session of its own, with `save` as the way to save to a store.
const CODE: &str = r"
import array, ctypes, io, mmap, os, random, sys, threading
import numpy as np
import snapcli

LARGE = 3_000_000

def alias(s): s['x'] = [1]; y = s['x']; yield; y.append(2)
def nested_alias(s): s['x'] = {'a': {'b': [1]}}; y = s['x']['a']['b']; yield; y[0] = 2
def rebound(s): s['x'] = [1]; yield; s['x'] = [2]
def rebound_to_equal(s): s['x'] = True; yield; s['x'] = 1
def deleted(s): s['x'] = 1; yield; del s['x']
def added(s): yield; s['x'] = 1
def renamed(s): s['x'] = [1]; yield; s['y'] = s.pop('x')
def swapped(s): s['x'], s['y'] = [1], [2]; yield; s['x'], s['y'] = s['y'], s['x']
def shared(s): s['x'], s['y'] = [1], [1]; yield; s['y'] = s['x']
def unshared(s): s['x'] = [1]; s['y'] = s['x']; yield; s['y'] = [1]
class Slots: __slots__ = ('a',)
def slot(s): s['x'] = Slots(); s['x'].a = 1; yield; s['x'].a = 2
def slot_deleted(s): s['x'] = Slots(); s['x'].a = 1; yield; del s['x'].a
def attribute(s): s['x'] = type('Own', (), {})(); s['x'].a = 1; yield; s['x'].a = 2
def of_class(s): s['x'] = type('Own', (), {'a': 1}); yield; s['x'].a = 2
def cell(s):
    n = 1
    def step():
        nonlocal n
        n += 1
        return n
    s['x'] = step
    yield
    step()
def default(s):
    def f(a=[1]): return a
    s['x'] = f; yield; f().append(2)
def function_attribute(s): s['x'] = lambda: 1; s['x'].n = 1; yield; s['x'].n = 2
def view(s): s['x'] = np.zeros(LARGE); v = s['x'][::7]; yield; v[5] = 1
def last_byte(s): s['x'] = np.zeros(LARGE, 'u1'); yield; s['x'][-1] = 1
def first_byte(s): s['x'] = np.zeros(LARGE, 'u1'); yield; s['x'][0] = 1
def transposed(s): s['x'] = np.zeros((1500, 2000)); yield; s['x'].T[1, 2] = 1
def of_ctypes(s): s['x'] = np.zeros(LARGE); yield; ctypes.memset(s['x'].ctypes.data + 8_000_000, 1, 1)
def from_buffer(s): s['x'] = bytearray(LARGE); c = (ctypes.c_char * LARGE).from_buffer(s['x']); yield; c[7] = b'x'
def of_memoryview(s): s['x'] = array.array('d', bytes(LARGE * 8)); m = memoryview(s['x']); yield; m[3] = 4.0
def numpy_over_bytes(s): s['x'] = bytearray(LARGE); a = np.frombuffer(s['x'], 'u1'); yield; a[LARGE // 2] = 1
def mapped_memory(s): m = mmap.mmap(-1, LARGE); s['x'] = np.frombuffer(m, 'u1'); yield; m[99] = 1
def mapped_file(s):
    s['x'] = np.memmap('mapped', 'u1', 'w+', shape=LARGE); yield
    with open('mapped', 'r+b') as file: file.seek(LARGE - 1); file.write(b'x')
def system_read(s):
    with open('read', 'wb') as file: file.write(b'y' * 100)
    s['x'] = np.zeros(LARGE, 'u1'); yield
    with open('read', 'rb', buffering=0) as file: file.readinto(memoryview(s['x'])[50_000:])
def pipe_read(s):
    s['x'] = bytearray(LARGE); out, into = os.pipe(); os.write(into, b'z' * 9); yield
    os.readv(out, [memoryview(s['x'])[-9:]]); os.close(out); os.close(into)
def other_at_address(s):
    s['x'] = np.full(LARGE, 1.0); yield
    # The memory of the first is most likely used again.
    del s['x']; s['x'] = np.full(LARGE, 2.0)
def grown(s): s['x'] = bytearray(LARGE); yield; s['x'] += b'x'
def resized(s):
    s['x'] = np.zeros(LARGE); yield
    s['x'].resize(2 * LARGE, refcheck=False); s['x'].resize(LARGE, refcheck=False); s['x'][LARGE // 3] = 1
def discarded(s):
    m = mmap.mmap(-1, LARGE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS); m[:] = b'a' * LARGE
    s['x'] = np.frombuffer(m, 'u1'); yield; m.madvise(mmap.MADV_DONTNEED)
def by_thread(s):
    s['x'] = np.zeros(LARGE); yield
    thread = threading.Thread(target=s['x'].fill, args=(3,)); thread.start(); thread.join()
def object_array(s): s['x'] = np.array([[1], None], dtype=object); y = s['x'][0]; yield; y.append(2)
def dtype_only(s): s['x'] = np.zeros(LARGE // 8); yield; s['x'] = s['x'].view('i8')
def shape_only(s): s['x'] = np.zeros(LARGE); yield; s['x'].shape = 3, -1
def flag_only(s): s['x'] = np.zeros(LARGE); yield; s['x'].flags.writeable = False

functions = [found for found in list(globals().values()) if hasattr(found, '__code__')]
changes = [found for found in functions if found.__code__.co_flags & 32]

def shown(value, depth=0):
    '''A value as something that can be compared.'''
    if isinstance(value, np.ndarray):
        content = repr(value.tolist()) if value.dtype == object else value.tobytes()
        return value.dtype.str, value.shape, value.flags.writeable, content
    if isinstance(value, (bytearray, array.array)): return type(value), bytes(value)
    if type(value).__name__ == 'Slots': return getattr(value, 'a', 'nothing')
    if callable(value) and not isinstance(value, type):
        cells = [cell.cell_contents for cell in value.__closure__ or ()]
        return repr((value.__defaults__, vars(value), cells))
    if hasattr(value, 'a'): return value.a
    return repr(value)
def all_shown(names):
    found = {name: shown(names[name]) for name in [*'xy'] if name in names}
    return found, names.get('x') is names.get('y')
def loaded(path): return all_shown(snapcli.load_dict(path, trust=True))

def check(save):
    wrong = []
    for number, change in enumerate(changes):
        store = f'{change.__name__}.snaps/'
        session = {'kept': np.arange(200_000.0), 'few': [1]}
        steps = change(session)
        next(steps)
        before = all_shown(session)
        paths = [save(store, session), save(store, session)]
        next(steps, None)
        after = all_shown(session)
        paths += [save(store, session), save(store, session)]
        found = [loaded(path) for path in paths]
        if after == before: wrong.append(('nothing changed', change.__name__))
        if found != [before, before, after, after]: wrong.append((change.__name__, [part == after for part in found]))
    return wrong
";

#[track_caller]
fn all_seen(check: &str) {
    let sandbox = Sandbox::new();
    let code = format!("{CODE}\n{check}\nprint(len(changes) > 35, check(save))\n");
    sandbox.call_importing(&["-c", &code]).run().assert_stderr("").assert_stdout("True []\n");
}

#[test]
fn every_change_is_seen_by_the_next_save() {
    all_seen("def save(store, session): return snapcli.save(store, session, check=False, sync=False).path");
}

#[test]
fn every_change_is_seen_by_the_next_save_in_the_background() {
    let save = "
def save(store, session):
    return snapcli.save(store, session, check=False, sync=False, wait=False).result().path";
    all_seen(save);
}

/// Sessions of arrays that change, move, go and come at random, saved to a store and to a file: both are the same.
#[test]
fn random_changes_of_many_arrays_are_those_of_a_file() {
    let code = r"
import os, random
import numpy as np
import snapcli
random.seed(SEED)
names, views = {}, []
def change():
    name = f'a{random.randrange(8)}'
    kind = random.randrange(8)
    array = names.get(name)
    if array is None or kind == 0: names[name] = np.full(random.choice([10, 200_000, 400_001]), random.random())
    elif kind == 1: array[random.randrange(len(array))] += 1
    elif kind == 2: views.append(array[random.randrange(len(array)):])
    elif kind == 3 and views: random.choice(views).fill(random.random())
    elif kind == 4: del names[name]; views.clear()
    elif kind == 5: names[f'a{random.randrange(8)}'] = array
    elif kind == 6: names[name] = array.copy()
    elif kind == 7: memoryview(array).cast('B')[-1:] = bytes([random.randrange(256)])
wrong = []
for step in range(40):
    for _ in range(random.randrange(4)): change()
    path = snapcli.save('runs.snaps/', names, check=False, sync=False, wait=bool(step % 3))
    path = path.path if step % 3 else path.result().path
    snapcli.save('plain.pkl', names, check=False, sync=False)
    if not snapcli.diff(path, 'plain.pkl')['same'] or set(names) - set(snapcli.load_dict(path)): wrong.append(step)
    back = snapcli.load_dict(path)
    if any(back[name].tobytes() != array.tobytes() for name, array in names.items()): wrong.append((step, 'bytes'))
    same = {(a, b) for a in names for b in names if names[a] is names[b]}
    if same != {(a, b) for a in names for b in names if back[a] is back[b]}: wrong.append((step, 'shared'))
print(wrong)
";
    for seed in 0..3 {
        let sandbox = Sandbox::new();
        let code = code.replace("SEED", &seed.to_string());
        sandbox.call_importing(&["-c", &code]).run().assert_stderr("").assert_stdout("[]\n");
    }
}
