"""Measures `snapcli inspect FILE` as a whole process, and compares it with one that loads the file as its maker does.

Arguments: snapcli, the number of turns, the files. Prints JSON, read by inspect_speed.rs. This imports as little as
it can, because the reported peak of a child is never lower than the memory of its parent when the child was started.
"""

import json
import os
import sys
import time

LOADERS = {
    "records.pkl": "import pickle, sys; pickle.load(open(sys.argv[1], 'rb'))",
    "session.pkl": "import dill, sys; dill.load_module_asdict(sys.argv[1])",
}
# Start-up and imports of a loader do not count, so the child times its load itself.
TIMED = "import time\n{imports}\nstart = time.perf_counter()\n{load}\nprint(time.perf_counter() - start)"


def run(words, stdout=os.devnull):
    """Seconds, and peak memory in bytes."""
    quiet = [(os.POSIX_SPAWN_OPEN, 1, stdout, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)]
    start = time.perf_counter()
    child = os.posix_spawn(words[0], words, os.environ, file_actions=quiet)
    _, status, usage = os.wait4(child, 0)
    seconds = time.perf_counter() - start
    if status != 0:
        raise SystemExit(f"{' '.join(words)} ended with {status}")
    return seconds, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def load(path):
    """Seconds of the load alone, and the peak memory of its process in bytes."""
    imports, load = LOADERS[os.path.basename(path)].split("; ", 1)
    answer = path + ".seconds"
    _, peak = run([sys.executable, "-c", TIMED.format(imports=imports, load=load), path], answer)
    with open(answer) as file:
        return float(file.read()), peak


def inspect(snapcli, turns, path):
    has_loader = os.path.basename(path) in LOADERS
    looks, loads = [], []
    # The two alternate, so that other load on the machine affects both.
    for _ in range(turns):
        looks.append(run([snapcli, "inspect", path]))
        if has_loader:
            loads.append(load(path))
    best = [min(column) for column in zip(*looks)]
    loaded = [min(column) for column in zip(*loads)] or [None, None]
    return {
        "name": os.path.basename(path),
        "bytes": os.path.getsize(path),
        "seconds": best[0],
        "peak": best[1],
        "load_seconds": loaded[0],
        "load_peak": loaded[1],
    }


snapcli, turns, *paths = sys.argv[1:]
print(json.dumps([inspect(snapcli, int(turns), path) for path in paths]))
