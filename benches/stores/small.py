"""A hundred saves of a small session, each after one change, and restores of all of them."""

import os
import random

import dill
import snapcli

import measuring
from measuring import Task, ratio, row

SAVES = 100


def session():
    lists = {f"list_{number}": [number, str(number), {"number": number}] for number in range(10)}
    numbers = {f"number_{number}": number for number in range(8)}
    return lists | numbers | {"text": "abc", "table": {"a": [1, 2], "b": None}}


def change(names, number):
    names[f"number_{number % 8}"] = number
    names[f"list_{number % 10}"].append(number)


def saves(store, names, **options):
    """The bytes that each save adds. With `ambient`, random numbers are drawn before, whose state is then saved."""
    added = []
    snapcli.save(store + "/", names, sync=False, **options)
    for number in range(SAVES):
        change(names, number)
        if options:
            for _ in range(100 * number):
                random.random()
        before = measuring.size(store)
        snapcli.save(store + "/", names, sync=False, **options)
        added.append(measuring.size(store) - before)
    return added


def run():
    answer, folder, quick = measuring.arguments()
    store, file = os.path.join(folder, "small.snaps"), os.path.join(folder, "small.pkl")
    random.seed(1)
    drawn = saves(os.path.join(folder, "drawn.snaps"), session(), ambient=True)
    names = session()
    added = saves(store, names)
    snapcli.save(file, names)
    written = measuring.table(
        f"{SAVES} saves of a small session, one change before each: the bytes on the disk",
        ["", "bytes"],
        [
            row("largest", max(added), 2000, 0),
            row("mean", sum(added) / len(added), None, 0),
            row("largest, with the state of generators", max(drawn), 2000, 0),
            row("mean, with the state of generators", sum(drawn) / len(drawn), None, 0),
            row("the same session as a file", measuring.size(file), None, 0),
            row("as a file of dill", len(dill.dumps(names)), None, 0),
        ],
    )
    of_file = Task("file", lambda: snapcli.restore(file, into={}), collects=False)
    addresses = [f"@{number}" for number in range(1, SAVES + 2)]
    load = lambda name: lambda: snapcli.restore(f"{store}/{name}", into={})
    stored = [Task(name, load(name), collects=False) for name in addresses]
    for task in stored:
        task.once()
    for _ in range(3 if quick else 20):
        for task in stored:
            of_file.once()
            task.once()
    ratios = sorted(task.best / of_file.best for task in stored)
    slowest = max(stored, key=lambda task: task.best)
    restored = measuring.table(
        "Restoring each of them, of a file, in a running interpreter",
        ["", "ratio", "its time", "of"],
        [
            row("median of all", ratios[len(ratios) // 2]),
            ratio(f"slowest ({slowest.name})", slowest, of_file, None, "best"),
        ],
    )
    measuring.write(answer, [written, restored])


run()
