//! Ctrl-C and other signals during `snapcli.save` and `snapcli.restore` in a plain Python: none is lost, whatever is
//! running when it arrives, and a save that it ends leaves the old file as it was.
//!
//! Nothing here depends on time: the program sends the signals to itself, at chosen moments.

use crate::env::Sandbox;

/// Functions of the programs below. `interrupted(action)` says how an action ended.
const PRELUDE: &str = r#"
import gc, logging, os, signal, sys, weakref
import snapcli
def interrupt(*_): os.kill(os.getpid(), signal.SIGINT)
unraisable = []
sys.unraisablehook = lambda found: unraisable.append(repr(found.exc_value))
def interrupted(action):
    try: action()
    except KeyboardInterrupt: return True
    return False
def is_whole(name='old.pkl'):
    left = [name for name in os.listdir() if name.startswith('.snapcli-')]
    return snapcli.load_dict(name) == {'x': 1} and not left
snapcli.save('old.pkl', {'x': 1})
"#;

/// Objects with a method or a property that calls `act`, for each that something may call.
const HOOKS: &str = r#"
called = set()
def hook(name, result):
    def method(self, *arguments, **options):
        called.add(name)
        act()
        return result(self, *arguments, **options)
    return method
class Plain: pass
def attribute(self, name): raise AttributeError(name)
HOOKS = {
    '__repr__': lambda self: 'r', '__str__': lambda self: 's', '__len__': lambda self: 2, '__bool__': lambda self: True,
    '__iter__': lambda self: iter(()), '__hash__': lambda self: 1, '__eq__': lambda self, other: self is other,
    '__getstate__': lambda self: {'n': 1}, '__reduce__': lambda self: (Plain, ()),
    '__reduce_ex__': lambda self, protocol: (Plain, ()), '__getattr__': attribute,
    '__getattribute__': object.__getattribute__, '__getnewargs__': lambda self: (), '__sizeof__': lambda self: 50,
    '__getnewargs_ex__': lambda self: ((), {}), '__contains__': lambda self, item: False, '__dir__': lambda self: [],
    '__index__': lambda self: 1, '__format__': lambda self, how: 'f', '__class_getitem__': lambda *_: None,
    '__instancecheck__': lambda *_: False, '__call__': lambda self: None, '__getitem__': lambda self, key: 0,
}
PROPERTIES = ['__class__', '__dict__', '__module__', '__name__', 'shape', 'dtype', '__doc__']
def objects():
    for base in (object, dict, list, int, str, Exception):
        for name, result in HOOKS.items():
            if base is not object and name in ('__getnewargs__', '__getnewargs_ex__', '__index__'): continue
            if base is not object and name in ('__reduce__', '__reduce_ex__', '__getattribute__', '__eq__', '__hash__'):
                plain = getattr(base, name)
                if plain is None: continue
                result = lambda self, *rest, plain=plain: plain(self, *rest)
            yield f'{base.__name__}{name}', type('Own', (base,), {name: hook(f'{base.__name__} {name}', result)})()
        if base is object:
            for name in PROPERTIES:
                default = {'__class__': None, '__dict__': {}}.get(name, 'p')
                found = (lambda self: Owner) if name == '__class__' else (lambda self, value=default: value)
                Owner = type('Owner', (), {name: property(hook(f'property {name}', found))})
                yield f'property{name}', Owner()
    for name in ('__getattribute__', '__repr__', '__instancecheck__', '__subclasscheck__', '__hash__', '__eq__'):
        plain = getattr(type, name)
        method = hook(f'metaclass {name}', lambda cls, *rest, plain=plain: plain(cls, *rest))
        meta = type('Meta', (type,), {name: method})
        Class = meta('Class', (), {})
        yield f'class{name}', Class
        yield f'instance{name}', Class()
sys.setrecursionlimit(10_000)
def act(): pass
"#;

#[track_caller]
fn prints(code: &str, expected: &str) {
    let sandbox = Sandbox::new();
    sandbox.call_importing(&["-c", &format!("{PRELUDE}{code}")]).run().assert_stderr("").assert_stdout(expected);
}

#[test]
fn an_interrupt_in_any_hook_of_an_object_ends_the_save() {
    let code = r#"
results = {}
for way in ('signal', 'raised'):
    act = lambda: None
    for name, found in objects():
        def act():
            if way == 'raised': raise KeyboardInterrupt
            if not sent: sent.append(1); interrupt()
        sent = []
        called.clear()
        ended = interrupted(lambda: snapcli.save('old.pkl', {'x': 2, 'value': found, 'held': [found]}, check=False))
        act = lambda: None
        if called: results[way, name] = ended and is_whole()
        elif ended: print('interrupted without a call', name)
        else: snapcli.save('old.pkl', {'x': 1}, check=False)
print(len(results) > 30, [name for name, ended in results.items() if not ended], unraisable)
"#;
    prints(&format!("{HOOKS}{code}"), "True [] []\n");
}

#[test]
fn an_exception_in_any_hook_costs_no_other_variable() {
    let code = r#"
lost = []
for kind in (ValueError, TypeError, AttributeError, RecursionError, SystemExit, GeneratorExit):
    act = lambda: None
    for name, found in objects():
        def act(): raise kind('odd')
        called.clear()
        try: saved = snapcli.save(None, {'x': 2, 'value': found, 'held': [found]}, check=False).saved
        except BaseException as error: saved = repr(error)
        act = lambda: None
        if called and 'x' not in saved: lost.append((kind, name, saved))
print(lost)
"#;
    prints(&format!("{HOOKS}{code}"), "[]\n");
}

/// The moments are calls of functions of Python and C, as a profiler sees them: all of them, if there are not too many.
#[test]
fn an_interrupt_at_any_moment_of_a_save_ends_it() {
    let code = r#"
class Item:
    def __init__(self, n): self.n = [n, str(n), logging.getLogger(str(n % 3)), lambda: n]
    def __getstate__(self): return {'n': self.n}
    def __setstate__(self, state): self.n = state['n']
class Gone:
    def __del__(self): pass
class Makes:
    def __reduce__(self):
        gone = Gone(); gone.own = gone
        del gone; gc.collect()
        return list, ()
session = {f'v{n}': [Item(n), print, Item, {n: (n,)}, range(n), weakref.ref(Item)] for n in range(6)}
session |= {'makes': Makes(), 'error': ValueError('x'), 'generator': (n for n in range(3)), 'x': 2}
def save_at(moment, target):
    seen = 0
    def profile(*_):
        nonlocal seen
        seen += 1
        if seen == moment: interrupt()
    try:
        sys.setprofile(profile)
        snapcli.save(target, session, check=False)
        sys.setprofile(None)
        ended = False
    except KeyboardInterrupt: ended = True
    sys.setprofile(None)
    return ended, seen
save_at(0, 'warm.pkl')
# The last two are the return of `save` and the call of `setprofile`: the file is saved.
moments = save_at(0, 'warm.pkl')[1] - 2
lost = []
for target in ('old.pkl', None):
    for moment in (*range(1, moments, max(1, moments // 150)), *range(moments - 20, moments + 1)):
        ended, seen = save_at(moment, target)
        if not ended or not is_whole(): lost.append((target, moment))
print(moments > 100, lost, unraisable)
"#;
    prints(code, "True [] []\n");
}

#[test]
fn an_interrupt_at_any_moment_of_a_restore_ends_it() {
    let code = r#"
class Item:
    def __init__(self, n): self.n = [n, str(n), logging.getLogger(str(n % 3)), lambda: n]
    def __setstate__(self, state): self.__dict__.update(state)
snapcli.save('s.pkl', {f'v{n}': [Item(n), {n: (n,)}, range(n)] for n in range(6)}, check=False)
def load_at(moment):
    seen = 0
    def profile(*_):
        nonlocal seen
        seen += 1
        if seen == moment: interrupt()
    try:
        sys.setprofile(profile)
        snapcli.load_dict('s.pkl')
        sys.setprofile(None)
        ended = False
    except KeyboardInterrupt: ended = True
    sys.setprofile(None)
    return ended, seen
load_at(0)
_, moments = load_at(0)
lost = [moment for moment in range(1, moments, max(1, moments // 100)) if not load_at(moment)[0]]
print(moments > 100, lost, unraisable)
"#;
    prints(code, "True [] []\n");
}

/// A handler of the program that raises an exception of its own, and one that does not.
#[test]
fn the_handler_of_any_signal_decides_how_a_save_goes_on() {
    let code = r#"
class Sends:
    def __init__(self, number): self.number = number
    def __reduce__(self):
        os.kill(os.getpid(), self.number)
        return list, ()
class Stop(BaseException): pass
class Late(Exception): pass
for error in (Stop, Late, TimeoutError, KeyboardInterrupt, None):
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM, signal.SIGUSR1, signal.SIGHUP):
        calls = []
        def handle(received, frame):
            calls.append(received)
            if error: raise error
        before = signal.signal(number, handle)
        try:
            try: ended = snapcli.save('new.pkl', {'x': [Sends(number)]}, check=False).saved[-1:]
            except BaseException as found: ended = type(found)
        finally: kept = signal.signal(number, before) is handle
        if not kept or ended != (error or ['x']) or set(calls) != {number}: print(error, number, ended, calls, kept)
print(unraisable, is_whole())
"#;
    prints(code, "[] True\n");
}

#[test]
fn code_of_the_session_that_runs_for_long_is_interrupted() {
    let code = r#"
import time
class Slow:
    def __reduce__(self):
        interrupt()
        for _ in range(3000): time.sleep(0.1)
        return list, ()
class Sleeps:
    def __reduce__(self):
        interrupt()
        time.sleep(300)
        return list, ()
class Swallows:
    def __reduce__(self):
        interrupt()
        try: time.sleep(300)
        except KeyboardInterrupt: pass
        return list, ()
for found in (Slow(), Sleeps(), Swallows()):
    print(interrupted(lambda: snapcli.save('old.pkl', {'found': found}, check=False)), is_whole())
"#;
    prints(code, "True True\nTrue True\nTrue True\n");
}

/// Handlers run on the main thread only: a save on another one holds them back as little as any other code does.
#[test]
fn a_save_on_another_thread_leaves_signals_to_the_main_thread() {
    let code = r#"
import threading, time
class Sends:
    def __reduce__(self): interrupt(); return list, ()
reports = []
thread = threading.Thread(target=lambda: reports.append(snapcli.save(None, {'x': Sends()}, check=False)))
def wait(): thread.start(); time.sleep(300)
print(interrupted(wait))
thread.join()
print(reports[0].saved[-1])
"#;
    prints(code, "True\nx\n");
}

#[test]
fn what_a_process_does_with_signals_is_as_before_a_save() {
    let code = r#"
import ctypes
libc = ctypes.CDLL(None)
def actions():
    found = []
    for number in signal.valid_signals():
        room = ctypes.create_string_buffer(200)
        libc.sigaction(int(number), None, room)
        found.append((int(number), room.raw[:16], room.raw[136:140]))
    return found
class Nested:
    def __reduce__(self): snapcli.save(None, {'x': 1}); return list, ()
class Child:
    def __reduce__(self):
        if os.fork() == 0:
            try: interrupt(); os.write(2, b'not interrupted')
            except KeyboardInterrupt: os._exit(3)
            os._exit(4)
        self.status.append(os.waitstatus_to_exitcode(os.wait()[1]))
        return list, ()
Child.status = []
signal.signal(signal.SIGUSR1, lambda *_: None)
signal.siginterrupt(signal.SIGUSR1, False)
before = actions()
for target in ('new.pkl', None):
    snapcli.save(target, {'x': Nested(), 'y': Child()}, check=False)
snapcli.load_dict('new.pkl')
try: snapcli.save('none/a.pkl')
except OSError: pass
after = actions()
print([pair for pair in zip(before, after) if pair[0] != pair[1]], Child.status)
"#;
    prints(code, "[] [3, 3]\n");
}
