"""Saves and restores the session of 1 GB of the calling script: an int and an array of 1 MB change before each save."""

import gc
import os
import sys

import dill
import snapcli

import measuring
import cost
import single_files
from measuring import Task, ratio, row

ARRAYS = 100
MAIN = sys.modules["__main__"]


def change():
    MAIN.count += 1
    MAIN.changing *= 1.0001


class ChildTask(Task):
    """Work in a forked child: the kernel does not watch its memory, so that it hashes all arrays."""

    def once(self):
        self.prepare()
        gc.collect()
        self.times.append(cost.in_child(lambda: cost.timed(self.work))["seconds"])


class Files:
    """The paths of this measurement."""

    def __init__(self, folder):
        self.store = os.path.join(folder, "large.snaps")
        self.single = os.path.join(folder, "large.pkl")
        self.anew = os.path.join(folder, "anew.pkl")
        self.folder = folder


def settled():
    """Changes the session, and lets the disk finish what it still writes, which would delay the next save."""
    os.sync()
    change()


def saves(files, rounds):
    def task(name, work, path=None):
        return Task(name, work, prepare=settled, clean=(lambda: measuring.remove(path)) if path else None)

    anew = files.anew
    tasks = {
        "store": task("store", lambda: snapcli.save(files.store + "/")),
        "hashed": ChildTask("hashed", lambda: snapcli.save(files.store + "/"), prepare=settled),
        "single": task("single", lambda: snapcli.save(anew), anew),
        "store, no sync": task("store, no sync", lambda: snapcli.save(files.store + "/", sync=False)),
        "single, no sync": task("single, no sync", lambda: snapcli.save(anew, sync=False), anew),
        "dill": task("dill", lambda: dill.dump_module(anew), anew),
    }
    before, count = measuring.size(files.store), rounds * 3
    measuring.alternate(tasks.values(), rounds)
    written = (measuring.size(files.store) - before) / count
    rows = [
        row("bytes of the next save, MB", written / 1e6, 1.1, 3),
        ratio("next save, of a save to a file", tasks["store"], tasks["single"], 0.05, "best"),
        ratio("the same where all arrays are hashed", tasks["hashed"], tasks["single"], 0.3, "best"),
        ratio("the same with sync=False", tasks["store, no sync"], tasks["single, no sync"], 0.05, "best"),
        ratio("next save, of dill.dump_module", tasks["store"], tasks["dill"], None, "best"),
        ratio("save to a file, of dill.dump_module", tasks["single"], tasks["dill"], None, "best"),
    ]
    title = "Session of 1 GB: an int and an array of 1 MB changed"
    return measuring.table(title, ["", "ratio", "its time", "of"], rows)


def memory(files):
    """The peak of memory over the session, each save in a child."""
    works = {
        "next save to the store": lambda: snapcli.save(files.store + "/"),
        "save to a file": lambda: snapcli.save(files.anew),
        "dill.dump_module": lambda: dill.dump_module(files.anew),
    }
    rows = []
    for name, work in works.items():
        change()
        cell = cost.in_child(lambda: cost.peak_of(work))
        rows.append(row(name, cell["peak"] / 1e6, None, 0))
    measuring.remove(files.anew)
    return measuring.table("Session of 1 GB: the peak of memory over the session, in MB", ["", "MB"], rows)


def restores(files, snapshots, rounds):
    """Restores of the first, the middle and the last snapshot, and of a file."""
    for _ in range(snapshots):
        change()
        snapcli.save(files.store + "/", sync=False)
    snapcli.save(files.single)
    last = max(int(name.split(".")[0]) for name in os.listdir(os.path.join(files.store, "snapshots")))

    def load(path, **options):
        return lambda: snapcli.restore(path, into={}, **options)

    chosen = [1, last // 2, last]
    file, mapped_file = Task("file", load(files.single)), Task("mapped file", load(files.single, mmap=True))
    stored = [Task(f"@{number}", load(f"{files.store}/@{number}")) for number in chosen]
    mapped = [Task(f"@{number}, mapped", load(f"{files.store}/@{number}", mmap=True)) for number in chosen]
    measuring.alternate([file, mapped_file, *stored, *mapped], rounds)
    rows = [ratio(f"{task.name}, of a file", task, file, 1.1) for task in stored]
    rows += [ratio(f"{task.name}, of a mapped file", task, mapped_file) for task in mapped]
    rows += [row(f"{task.name}, ms", task.median * 1e3, 50, 1) for task in mapped]
    title = f"Session of 1 GB: restoring one of {last} snapshots, in a running interpreter"
    return measuring.table(title, ["", "ratio", "its time", "of"], rows)


def run():
    answer, folder, quick = measuring.arguments()
    files = Files(folder)
    snapcli.save(files.store + "/")
    tables = [saves(files, 1 if quick else 5), memory(files)]
    tables.append(restores(files, 5 if quick else 90, 3 if quick else 9))
    tables.append(single_files.compare(files, change, ARRAYS))
    measuring.write(answer, tables)
