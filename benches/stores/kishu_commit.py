"""Runs one cell that changes two variables of the large session under kishu, in a shell without a notebook server.

Arguments: a folder for its database, and the number of arrays. Prints a line of JSON. The Python that runs it needs
kishu and numpy; `single_files.py` starts it.
"""

import json
import os
import sys
import time
from pathlib import Path

os.environ["HOME"] = sys.argv[1]

import nbformat
from IPython.core.interactiveshell import InteractiveShell
from kishu.jupyterint import KishuForJupyter
from kishu.notebook_id import NotebookId

# One cell for each array: kishu stores the variables of a cell together.
CELLS = ["import numpy"]
ARRAY = "array_{} = numpy.random.default_rng({}).random(1_250_000)"
REST = ["changing = numpy.random.default_rng().random(125_000)", "count = 0"]
CHANGE = "changing[0] += 1\ncount += 1"


def size(folder):
    return sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())


def run():
    folder, arrays = sys.argv[1], int(sys.argv[2])
    notebook = Path(folder) / "session.ipynb"
    nbformat.write(nbformat.v4.new_notebook(), notebook)
    shell = InteractiveShell.instance()
    kishu = KishuForJupyter(NotebookId("session", notebook, "none"), ip=shell)
    kishu.install_kishu_hooks()
    for cell in CELLS + [ARRAY.format(number, number) for number in range(arrays)] + REST:
        shell.run_cell(cell, store_history=True).raise_error()
    before = size(folder)
    start = time.perf_counter()
    shell.run_cell(CHANGE, store_history=True).raise_error()
    seconds = time.perf_counter() - start
    with open("/proc/self/status") as file:
        peak = next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM"))
    print(json.dumps({"seconds": seconds, "bytes": size(folder) - before, "peak": peak}))


run()
