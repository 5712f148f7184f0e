# Round trips of random graphs (graphs.py): `round_trips.py SEED COUNT VARIABLES`, a script for `snapcli save`. COUNT
# graphs are pickled with snapcli.dumps, loaded again and compared (canonical.py); VARIABLES others become variables of
# the session, which round_trips_check.py checks after the restore. `--dill` uses dill.dumps, to see whether dill can
# pickle them.
#
# Half of the graphs hold classes and functions of the script, which only dill's reader can load.
import pickle
import sys

import dill

import canonical
import graphs
import things

with open(things.__file__) as _file:
    exec(compile(_file.read(), things.__file__, "exec"))


def trip(seed, size):
    """How a graph differs after a round trip, or None."""
    own = seed % 2
    roots = graphs.Graph(seed, size, globals() if own else vars(things)).roots
    before = canonical.canonical(roots)
    try:
        data = dumps(roots)
    except Exception as error:
        return f"dumps: {type(error).__name__}: {error}"
    for loads in [dill.loads] if own else [dill.loads, pickle.loads]:
        try:
            after = canonical.canonical(loads(data))
        except Exception as error:
            return f"{loads.__module__}.loads: {type(error).__name__}: {error}"
        different = canonical.difference(before, after)
        if different:
            return f"{loads.__module__}.loads: {different}"
    return None


def trips(seed, count):
    """Returns how many graphs changed in a round trip, and prints which."""
    bad = 0
    for number in range(seed, seed + count):
        if trip(number, graphs.size_of(number)):
            # A smaller graph of the same seed starts with the same objects.
            size, wrong = next((size, wrong) for size in range(1, 31) if (wrong := trip(number, size)))
            print(f"seed {number}, size {size}: {wrong}")
            bad += 1
    print(f"{count} graphs from seed {seed}: {bad} did not come back as they were", flush=True)
    return bad


def chosen_dumps():
    if "--dill" in sys.argv:
        return lambda value: dill.dumps(value, 5)
    # snapcli must not be a variable of the session, which is also loaded without it.
    import snapcli

    return snapcli.dumps


if __name__ == "__main__":
    dumps = chosen_dumps()
    if trips(*map(int, sys.argv[1:3])):
        sys.exit(1)
    del dumps
    globals().update(graphs.session(int(sys.argv[1]), int(sys.argv[3]), globals()))
