"""Other ways to keep what changed of a session: tools that compare single files, and kishu.

Each saves the session of the calling script as a file first, as `snapcli.save` does, and then keeps what is new in it.
A tool that is not installed is named as such. `KISHU_PYTHON` is a Python with kishu and numpy.
"""

import json
import os
import resource
import shutil
import subprocess
import tempfile
import time

import dill
import snapcli

import cost
import measuring
from measuring import megabytes, milliseconds, missing

KISHU_ARRAYS = 10


def compare(files, change, arrays):
    """Rows of bytes, time and memory, after one change. `files` are the paths of the measurement."""
    rows = [with_store(files, change), with_dill(files, change), with_zstd(files, change), with_restic(files, change)]
    rows.append(with_kishu(files))
    heads = ["", "MB kept", "time", "peak of memory"]
    return measuring.table(f"Session of {arrays * 10} MB: what others keep after the same change", heads, rows)


def result(name, kept, seconds, peak):
    return measuring.row(name, kept / 1e6, None, 1, [milliseconds(seconds), megabytes(peak)])


def with_store(files, change):
    change()
    before = measuring.size(files.store)
    cell = cost.in_child(lambda: cost.peak_of(lambda: snapcli.save(files.store + "/")))
    return result("snapcli.save('runs.snaps/')", measuring.size(files.store) - before, cell["seconds"], cell["peak"])


def with_dill(files, change):
    change()
    cell = cost.in_child(lambda: cost.peak_of(lambda: dill.dump_module(files.anew)))
    kept = measuring.size(files.anew)
    measuring.remove(files.anew)
    return result("dill.dump_module, each time", kept, cell["seconds"], cell["peak"])


def tool(*words, **environment):
    """Runs a program. Returns its time and its peak of memory."""
    def run():
        start = time.perf_counter()
        environ = os.environ | environment
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environ)
        seconds = time.perf_counter() - start
        return {"seconds": seconds, "peak": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024}

    return cost.in_child(run)


def saved(path):
    start = time.perf_counter()
    snapcli.save(path, sync=False)
    return time.perf_counter() - start


def with_zstd(files, change):
    name = "file, zstd --patch-from the last"
    if not shutil.which("zstd"):
        return missing(name, "zstd is not installed")
    old, new, patch = (os.path.join(files.folder, name) for name in ("old.pkl", "new.pkl", "new.zst"))
    saved(old)
    change()
    seconds = saved(new)
    cell = tool("zstd", "-q", "-f", "--long=31", f"--patch-from={old}", new, "-o", patch)
    kept = measuring.size(patch) if "seconds" in cell else 0
    for path in (old, new, patch):
        measuring.remove(path)
    if "seconds" not in cell:
        return missing(name, "zstd failed")
    return result(name, kept, seconds + cell["seconds"], cell["peak"])


def with_restic(files, change):
    name = "file, restic backup"
    if not shutil.which("restic"):
        return missing(name, "restic is not installed")
    folder = tempfile.mkdtemp(dir=files.folder)
    repository, new = os.path.join(folder, "repository"), os.path.join(folder, "session.pkl")
    environment = {"RESTIC_PASSWORD": "bench", "RESTIC_CACHE_DIR": os.path.join(folder, "cache")}
    restic = ("restic", "-q", "-r", repository)
    tool(*restic, "init", **environment)
    saved(new)
    tool(*restic, "backup", new, **environment)
    before = measuring.size(repository)
    change()
    seconds = saved(new)
    cell = tool(*restic, "backup", new, **environment)
    kept = measuring.size(repository) - before
    measuring.remove(folder)
    return result(name, kept, seconds + cell["seconds"], cell["peak"])


def with_kishu(files):
    name = f"kishu, {KISHU_ARRAYS * 10} MB only"
    python = os.environ.get("KISHU_PYTHON")
    if not python:
        return missing(name, "KISHU_PYTHON names no Python with kishu")
    folder = tempfile.mkdtemp(dir=files.folder)
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "kishu_commit.py")
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    run = subprocess.run([python, script, folder, str(KISHU_ARRAYS)], env=environment, capture_output=True, text=True)
    measuring.remove(folder)
    if run.returncode != 0:
        return missing(name, "kishu failed")
    cell = json.loads(run.stdout.splitlines()[-1])
    return result(name, cell["bytes"], cell["seconds"], cell["peak"])
