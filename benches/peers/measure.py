"""Measures how fast each peer saves and loads the session of the calling script, and with how much memory.

Arguments of the script: a path for the results (JSON, read by main.rs), a folder for files, and "quick" or "full".
Memory comes first, each peer in its own child process, which leaves the files to load; then times, in this process, in
rounds in which the peers alternate, so that other load on the machine affects all of them.
"""

import gc
import importlib.metadata
import json
import math
import os
import platform
import sys
import time

import cost
import peers

# The time for the rounds of a session.
SECONDS = 10
LEAST_ROUNDS, MOST_ROUNDS = 5, 25

# Saves with fsync depend on the disk, so they get only a few rounds.
SYNCED_SECONDS, SYNCED_ROUNDS = 3, 3

# A pickler in Python that takes more seconds than this is not run again. Its time is that of the child, which is a
# little slower, because it copies the pages that it writes to.
SLOW = 3.0
PICKLE_IN_PYTHON = ("dill", "dill 5", "joblib")


class Task:
    """One thing to measure: a cell of the table."""

    def __init__(self, kind, name, work, after=None, makes=None, path=None):
        self.kind, self.name, self.work, self.after = kind, name, work, after
        # A save writes a new file in each round; a load reads the one that the first save left at `path`.
        self.makes, self.path = makes, path
        self.cell = {}
        self.best = math.inf

    def first(self):
        """Runs it in a child. An error goes into the cell, and fails this task and those that need its file."""
        if self.after is not None and self.after.failed():
            self.cell = dict(self.after.cell)
            return
        self.cell = cost.in_child(lambda: attempt(lambda: cost.peak_of(lambda: self.work(self.path))))
        if not self.failed():
            took = self.cell.pop("seconds")
            if self.pickles_in_python() and took > SLOW:
                self.best = self.cell["seconds"] = took

    def failed(self):
        return "not_yet" in self.cell or "cannot" in self.cell

    def is_done(self):
        return self.failed() or (self.pickles_in_python() and SLOW < self.best < math.inf)

    def pickles_in_python(self):
        return self.kind == "save" and self.name in PICKLE_IN_PYTHON

    def once(self):
        if self.makes:
            remove(self.makes)
        gc.collect()
        answer = attempt(lambda: cost.timed(lambda: self.work(self.makes or self.path)))
        self.cell |= answer
        if not self.failed():
            self.best = self.cell["seconds"] = min(self.best, answer["seconds"])
        if self.makes:
            # Before the kernel writes it to the disk during another peer's turn.
            remove(self.makes)


def attempt(work):
    try:
        return work()
    except peers.NotYet as error:
        return {"not_yet": str(error)}
    except peers.Cannot as error:
        return {"cannot": str(error)}
    except Exception as error:
        return {"cannot": f"{type(error).__name__}: {error}"[:200]}


def remove(path):
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass


def tasks(folder):
    anew = os.path.join(folder, "anew.pkl")
    for peer in peers.peers():
        path = os.path.join(folder, peer.name.replace(" ", "-") + ".pkl")
        save = Task("save", peer.name, peer.save, makes=anew, path=path)
        yield save
        if peer.load is not None:
            yield Task("load", peer.name, checked(peer.load), after=save, path=path)
        if peer.name == "snapcli":
            yield Task("load", "untrusted", checked(peers.untrusted_load), after=save, path=path)
        if peer.name == "snapcli" and hasattr(peers.__main__, "small"):
            yield Task("load", "mapped", checked(peers.snapcli_load(mmap=True)), after=save, path=path)
            yield Task("load", "only small", checked(peers.snapcli_load(only="small"), ["small"]), after=save, path=path)
    for peer in peers.synced():
        yield Task("synced", peer.name, peer.save, makes=anew)


def checked(load, names=None):
    """Makes the load fail if it does not restore all saved variables."""
    wanted = names or list(peers.session())

    def load_and_check(path):
        loaded = load(path)
        missing = [name for name in wanted if name not in loaded and not goes_by_name(load, name)]
        if missing:
            raise LookupError(f"{', '.join(missing[:3])} did not come back")
        return loaded

    return load_and_check


def goes_by_name(load, name):
    """Whether C pickle was not given this variable."""
    return load is peers.pickle_load and name not in peers.data()


def run():
    answer, folder, mode = sys.argv[1:]
    cells = list(tasks(folder))
    synced = [task for task in cells if task.kind == "synced"]
    others = [task for task in cells if task.kind != "synced"]
    for task in others:
        task.first()
        if task.makes and not any(other.after is task for other in others):
            remove(task.path)
    # The disk should be idle from here on.
    os.sync()
    quick = mode == "quick"
    rounds(others, 1 if quick else LEAST_ROUNDS, 1 if quick else MOST_ROUNDS, SECONDS)
    rounds(synced, 1, 1 if quick else SYNCED_ROUNDS, SYNCED_SECONDS)
    result = {"versions": versions(), "save": {}, "load": {}, "synced": {}}
    for task in cells:
        result[task.kind][task.name] = task.cell
    result["small"] = reads_of_small(others)
    with open(answer, "w") as file:
        json.dump(result, file)


def rounds(cells, least, most, seconds):
    end = time.monotonic() + seconds
    for number in range(1, most + 1):
        for task in cells:
            if not task.is_done():
                task.once()
        if number >= least and time.monotonic() > end:
            break


def reads_of_small(cells):
    """How much of the file is read to load one small variable next to a large one."""
    task = next((task for task in cells if task.name == "only small"), None)
    if task is None or task.failed():
        return None
    return cost.in_child(lambda: attempt(lambda: cost.read_of(task.path, lambda: task.work(task.path))))


def versions():
    names = ("dill", "cloudpickle", "joblib", "numpy", "pandas")
    return {"Python": platform.python_version()} | {name: importlib.metadata.version(name) for name in names}
