"""Saves in the background: how long `snapcli.save(wait=False)` holds up a program with arrays of 4 GB, and whether the
snapshot equals one that is saved in the foreground."""

import os
import sys
import time

import numpy
import snapcli

import measuring
from measuring import milliseconds, row

ARRAYS = 40
MAIN = sys.modules["__main__"]


def differences(first, second):
    """The number of variables that two snapshots of a store have different values for, once both are loaded."""
    first, second = (snapcli.load_dict(path, mmap=True) for path in (first, second))
    names = first.keys() | second.keys()
    same = lambda one, other: type(one) is type(other) and (
        numpy.array_equal(one, other) if isinstance(one, numpy.ndarray) else one == other
    )
    return sum(not (name in first and name in second and same(first[name], second[name])) for name in names)


def run():
    answer, folder, quick = measuring.arguments()
    store = os.path.join(folder, "background.snaps/")
    # Later saves write only what is new, and so leave the disk alone.
    snapcli.save(store, sync=False)
    held, took, first = [], [], []
    for _ in range(3 if quick else 8):
        MAIN.count += 1
        start = time.perf_counter()
        saving = snapcli.save(store, sync=False, wait=False)
        held.append(time.perf_counter() - start)
        # The pages that the child shares are copied when they are written to: the first write to each array.
        start = time.perf_counter()
        for number in range(ARRAYS):
            vars(MAIN)[f"array_{number}"][0] += 0
        first.append(time.perf_counter() - start)
        background = saving.result()
        took.append(time.perf_counter() - start)
    foreground = snapcli.save(store, sync=False)
    compared = len(foreground.saved)
    assert compared > ARRAYS and foreground.saved == background.saved
    gigabytes = ARRAYS / 10
    middle = lambda times: sorted(times)[len(times) // 2]
    rows = [
        row("held up, ms for each GB", middle(held) * 1e3 / gigabytes, 15, 2, [milliseconds(middle(held))]),
        row("the longest, ms for each GB", max(held) * 1e3 / gigabytes, None, 2, [milliseconds(max(held))]),
        row("a write to each array meanwhile, ms", middle(first) * 1e3, None, 2),
        row("until the snapshot is there, s", middle(took), None, 2),
        row("variables that differ from a foreground save", differences(background.path, foreground.path), 0, 0,
            [f"of {compared} loaded"]),
    ]
    title = "Background save of 4 GB of arrays: snapcli.save(wait=False)"
    measuring.write(answer, [measuring.table(title, ["", "figure", "in all"], rows)])
