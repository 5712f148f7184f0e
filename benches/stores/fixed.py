"""The fixed cost of a save: the ten small variables of a session, saved from inside a process. The session that runs
this file gives it `KIND`, what is said of them.

Each way of saving has a file of its own, which it replaces every time: replacing a file that was brought to the disk
takes longer than one that was not.
"""

import os
import sys

import dill
import snapcli

import measuring
from measuring import Task, ratio


def run():
    answer, folder, quick = measuring.arguments()
    main = vars(sys.modules["__main__"])
    own = {"runpy", "dataclasses", "datetime", "np", "pd"}
    names = {name: value for name, value in main.items() if name[0] != "_" and name not in own}
    assert len(names) == 10, list(names)
    path = lambda name: os.path.join(folder, name)

    def dump(name, sync):
        with open(path(name), "wb") as file:
            dill.dump(names, file)
            if sync:
                file.flush()
                os.fsync(file.fileno())

    tasks = {
        "dill.dump": lambda: dump("dump.pkl", False),
        "dill.dump, fsync": lambda: dump("synced.pkl", True),
        "dill.dump_module": lambda: dill.dump_module(path("module.pkl")),
        "dill.dumps": lambda: dill.dumps(names),
        "save": lambda: snapcli.save(path("session.pkl")),
        "save of a dict": lambda: snapcli.save(path("dict.pkl"), names),
        "no sync": lambda: snapcli.save(path("fast.pkl"), sync=False),
        "no sync, of a dict": lambda: snapcli.save(path("fast_dict.pkl"), names, sync=False),
        "memory": lambda: snapcli.save(),
        "store": lambda: snapcli.save(path("store.snaps/"), names),
        "store, no sync": lambda: snapcli.save(path("fast.snaps/"), names, sync=False),
    }
    tasks = {name: Task(name, work, collects=False) for name, work in tasks.items()}
    measuring.alternate(tasks.values(), 5)
    for task in tasks.values():
        task.times.clear()
    measuring.alternate(tasks.values(), 20 if quick else 200)
    dumped, synced = tasks["dill.dump"], tasks["dill.dump, fsync"]
    rows = [
        ratio("save(path), of dill.dump", tasks["save"], dumped, 1.0),
        ratio("save(path), of dill.dump with fsync", tasks["save"], synced, 1.0),
        ratio("save(path), of dill.dump_module", tasks["save"], tasks["dill.dump_module"], 1.0),
        ratio("save(path, names), of dill.dump", tasks["save of a dict"], dumped),
        ratio("save(path, sync=False), of dill.dump", tasks["no sync"], dumped, 0.5),
        ratio("save(path, names, sync=False), of dill.dump", tasks["no sync, of a dict"], dumped, 0.5),
        ratio("save(), of dill.dumps", tasks["memory"], tasks["dill.dumps"]),
        ratio("save('runs.snaps/', names), of dill.dump with fsync", tasks["store"], synced),
        ratio("save('runs.snaps/', names, sync=False), of dill.dump", tasks["store, no sync"], dumped),
    ]
    table = measuring.table(f"Saving ten small variables, {KIND}: medians", ["", "ratio", "its time", "of"], rows)
    measuring.write(answer, [table])


run()
