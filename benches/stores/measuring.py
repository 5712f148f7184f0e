"""What the measurements of stores share: rounds in which the tasks alternate, sizes of folders, and the tables.

A table is a dict that main.rs prints: a title, and rows of a name, a figure with its limit, and what the figure is made
of. Other load on the machine affects all tasks of a round, so ratios are more reliable than times.
"""

import gc
import json
import os
import shutil
import sys
import time

sys.path.append(os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "peers"))


def arguments():
    """The path for the results, a folder for files, and whether to measure only a little."""
    answer, folder, mode = sys.argv[1:4]
    return answer, folder, mode == "quick"


class Task:
    """Something to measure. `prepare` and `clean` are not part of its time. `collects` is whether garbage is collected
    before: what takes microseconds would take several times longer after that."""

    def __init__(self, name, work, prepare=None, clean=None, collects=True):
        self.name, self.work, self.prepare, self.clean, self.collects = name, work, prepare, clean, collects
        self.times = []

    def once(self):
        if self.prepare:
            self.prepare()
        if self.collects:
            gc.collect()
        start = time.perf_counter()
        kept = self.work()
        self.times.append(time.perf_counter() - start)
        del kept
        if self.clean:
            self.clean()

    @property
    def median(self):
        return sorted(self.times)[len(self.times) // 2]

    @property
    def best(self):
        return min(self.times)


def alternate(tasks, rounds):
    for _ in range(rounds):
        for task in tasks:
            task.once()


def size(path):
    """The bytes of a file, or of all files in a folder."""
    if not os.path.isdir(path):
        return os.path.getsize(path)
    return sum(os.path.getsize(os.path.join(folder, name)) for folder, _, names in os.walk(path) for name in names)


def remove(path):
    if os.path.isdir(path):
        shutil.rmtree(path)
    elif os.path.exists(path):
        os.unlink(path)


def row(name, value, limit=None, decimals=2, notes=()):
    return {"name": name, "value": value, "limit": limit, "decimals": decimals, "notes": list(notes)}


def missing(name, why):
    return {"name": name, "missing": why}


def ratio(name, task, of, limit=None, figure="median"):
    """A row for the time of a task as a multiple of that of another one."""
    mine, other = getattr(task, figure), getattr(of, figure)
    return row(name, mine / other, limit, 2, [milliseconds(mine), milliseconds(other)])


def milliseconds(seconds):
    return f"{seconds * 1e3:.{0 if seconds > 1 else 1 if seconds > 0.01 else 3}f} ms"


def megabytes(count):
    return f"{count / 1e6:.{0 if count > 1e7 else 2 if count > 1e5 else 4}f} MB"


def table(title, heads, rows):
    return {"title": title, "heads": heads, "rows": rows}


def write(answer, tables):
    with open(answer, "w") as file:
        json.dump(tables, file)
