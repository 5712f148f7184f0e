# Objects that mutate the session while they are saved, in all the ways that a `__reduce__` can: a script for `snapcli
# save`. Each is in its own variable together with its target, between witnesses that must all be restored.
import collections
import copyreg
import functools
import gc
import os
import pickle
import sys
import threading
import time
import types
import warnings

import numpy

import dill


class Mutator:
    """Acts when it is saved; restored as a string."""

    def __init__(self, act):
        self.act = act

    def __reduce_ex__(self, protocol):
        self.act()
        return str, ("was here",)


class Finalized:
    """Acts when it is freed."""

    def __init__(self, act):
        self.act = act

    def __del__(self):
        self.act()


class Plain:
    def __init__(self, **attributes):
        self.__dict__.update(attributes)


class Unused:
    pass


class Slotted:
    __slots__ = ("a", "mutator", "z")


def many(n=50):
    """New objects, which reuse freed memory at once."""
    return [[str(n)] for n in range(n)]


def in_list(act):
    """A list with a mutator in its middle that acts on the list."""
    made = many()
    made.insert(25, Mutator(lambda: act(made)))
    return made


def in_lone_list(act):
    made = []
    made.append(Mutator(lambda: act(made)))
    return made


def in_dict(act):
    made = {str(number): value for number, value in enumerate(many())}
    made["25"] = Mutator(lambda: act(made))
    return made


def as_key(act):
    made = {number: value for number, value in enumerate(many())}
    made[Mutator(lambda: act(made))] = 1
    made.update((str(number), value) for number, value in enumerate(many()))
    return made


def in_set(act):
    made = set(range(50))
    made.add(Mutator(lambda: act(made)))
    return made


def in_kind(kind, act):
    made = kind()
    fill = made.update if isinstance(made, dict) else made.extend
    fill(in_dict(lambda _: act(made)) if isinstance(made, dict) else in_list(lambda _: act(made)))
    return made


def in_instance(act):
    made = Plain(a=1, b=many(), mutator=None, y=many(), z=2)
    made.mutator = Mutator(lambda: act(made))
    return made


def in_slots(act):
    made = Slotted()
    made.a, made.z, made.mutator = many(), many(), Mutator(lambda: act(made))
    return made


def in_class(act):
    made = type("Made", (), {"a": 1, "z": 2})
    made.mutator = Mutator(lambda: act(made))
    return made


def in_function(act):
    held = [Mutator(lambda: act(made))]

    def made(x=many(), y=held, *, z=many()):
        return held, x

    return made


def in_array(act):
    made = numpy.array([*many(9), None], dtype=object)
    made[5] = Mutator(lambda: act(made))
    return made


def in_state(act):
    made = Plain(a=many())
    state = in_dict(lambda _: act(state))
    return types.SimpleNamespace(held=made, state=state)


def in_reduce(act):
    """Acts on the parts of a reduce value while they are written."""
    arguments, items, pairs = many(), many(), dict(enumerate(many()))
    mutator = Mutator(lambda: [act(each) for each in (items, pairs, arguments)])
    items.insert(25, mutator)
    pairs[25] = mutator
    return Reduced([arguments, items, pairs])


class Reduced:
    def __init__(self, parts):
        self.parts = parts

    def __reduce__(self):
        arguments, items, pairs = self.parts
        return Collected, (), {"arguments": arguments}, iter(items), iter(pairs.items())


class Collected(list):
    def __setitem__(self, key, value):
        self.append((key, value))


def with_finalizer(act):
    """An object that acts when another mutator frees it."""
    made = many()
    made.insert(30, Finalized(lambda: act(made)))
    made.insert(25, Mutator(lambda: made.pop(31) and gc.collect()))
    return made


def grow(c):
    for number in range(300):
        put(c, [number])


def put(c, value):
    if isinstance(c, (list, collections.deque)):
        c.append(value)
    elif isinstance(c, dict):
        c[f"new {len(c)}"] = value
    elif isinstance(c, set):
        c.add(1000 + len(c))
    elif isinstance(c, numpy.ndarray):
        c[-1] = value
    elif not isinstance(c, Slotted):
        setattr(c, f"new{len(vars(c)) if hasattr(c, '__dict__') else 0}", value)


def empty(c):
    if isinstance(c, numpy.ndarray):
        c[:] = None
    elif hasattr(c, "clear"):
        c.clear()
    elif isinstance(c, types.FunctionType):
        c.__defaults__ = c.__kwdefaults__ = None
        c.__dict__.clear()
        del c.__closure__[0].cell_contents
    else:
        for name in [name for name in ("a", "b", "y", "z", "mutator") if hasattr(c, name)]:
            delattr(c, name)
    gc.collect()
    many(500)


def shrink(c):
    if isinstance(c, (list, collections.deque)):
        while len(c) > 3:
            c.pop()
    elif isinstance(c, dict):
        while len(c) > 3:
            c.popitem()
    elif isinstance(c, set):
        while len(c) > 3:
            c.pop()
    else:
        empty(c)
    many(500)


def turn_over(c):
    """The same length, but all items are new."""
    if isinstance(c, (list, collections.deque)):
        for place in range(len(c)):
            c[place] = [place]
    elif isinstance(c, dict):
        for key in c:
            c[key] = [key]
    elif isinstance(c, set):
        size = len(c)
        c.clear()
        c.update(range(-size, 0))
    else:
        grow(c)
    many(500)


def loop(c):
    put(c, c)


def save_it(c):
    import snapcli

    for dumps in (snapcli.dumps, dill.dumps, pickle.dumps):
        try:
            dumps(c)
        except Exception:
            pass


def save_all(c):
    import snapcli

    if hasattr(snapcli, "save"):
        snapcli.save("nested.pkl", sync=False)


def give_way(c):
    """Lets a thread change it while it is being saved."""
    import snapcli

    def busy():
        for act in (grow, shrink):
            try:
                act(c)
                snapcli.dumps(c)
            except Exception:
                pass

    threads = [threading.Thread(target=busy) for _ in range(3)]
    for thread in threads:
        thread.start()
    time.sleep(0.001)
    for thread in threads:
        thread.join()


def fail(c):
    empty(c)
    raise ValueError("meddled")


def once(act):
    """Acts only once, so that it does not trigger itself."""
    state = []

    def acting(c):
        if not state:
            state.append(1)
            act(c)

    return acting


CONTAINERS = [in_list, in_lone_list, in_dict, as_key, in_set, in_instance, in_slots, in_class, in_function, in_array]
CONTAINERS += [in_state, in_reduce, with_finalizer]
KINDS = [collections.OrderedDict, collections.deque, type("Row", (list,), {}), type("Table", (dict,), {})]
KINDS += [functools.partial(collections.defaultdict, list)]
CONTAINERS += [functools.partial(in_kind, kind) for kind in KINDS]
# The last one triggers all that have not acted yet.
ACTS = [grow, empty, shrink, turn_over, loop, save_it, give_way, fail, save_all]


def delete_globals():
    for name in list(globals()):
        if name.startswith("witness_late") or name in ("Unused", "__file__", "__doc__", "__name__"):
            del globals()[name]
    globals().update({f"added_{number}": number for number in range(1000)})


def change_tables():
    copyreg.dispatch_table[Plain] = lambda value: (Plain, ())
    dill.Pickler.dispatch.pop(types.CellType, None)
    sys.modules.pop("dill._dill", None)
    sys.modules.pop("copyreg", None)


def change_process():
    sys.setrecursionlimit(200)
    sys.setswitchinterval(1e-6)
    gc.set_threshold(1)
    gc.enable()
    warnings.simplefilter("error")
    os.chdir("/")
    sys.stdout.close()
    if not os.fork():
        os._exit(0)
    os.wait()


witnesses = []


def add(name, value):
    """Adds a variable, and a witness that shares an object with all other witnesses."""
    globals()[f"v_{len(witnesses)}_{name}"] = value
    globals()[f"witness_{len(witnesses)}"] = [shared, len(witnesses)]
    witnesses.append(len(witnesses))


shared = {"shared": many()}
if __name__ == "__main__":
    for _act in ACTS:
        for _container in CONTAINERS if _act is not save_all else CONTAINERS[:4]:
            _name = getattr(_container, "__name__", None) or getattr(_container.args[0], "__name__", "defaultdict")
            add(f"{_name}_{_act.__name__}", _container(once(_act)))
    for _act in [delete_globals, change_tables, change_process]:
        add(_act.__name__, [Mutator(_act), many()])
    for _number in range(5):
        globals()[f"witness_late_{_number}"] = [shared, _number]
