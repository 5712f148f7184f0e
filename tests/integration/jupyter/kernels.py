"""Runs the cells of a file in Jupyter kernels, and prints what they show. Used by the tests in `jupyter.rs`.

A line `---` ends a cell. `--- kill` also kills the kernel with SIGKILL, and the next cell runs in a new one; `--- end`
asks it to end; `--- sleep 1` waits.
"""

import os
import re
import signal
import sys
import time

from jupyter_client.manager import start_new_kernel


def show(message):
    kind, content = message["msg_type"], message["content"]
    if kind == "stream":
        print(content["text"], end="")
    elif kind in ("execute_result", "display_data"):
        data = content["data"]
        page = " [html]" if "<table" in data.get("text/html", "") else ""
        print(data["text/plain"] + page)
    elif kind == "error":
        lines = "\n".join(content["traceback"]).splitlines()
        print(f"error in {len(lines)} lines:", re.sub("\x1b[^m]*m", "", lines[-1]))


def main(path):
    manager = client = None
    for block in re.split(r"(?m)^(?=---)", open(path).read() + "--- end\n"):
        first, _, cell = block.partition("\n")
        if not first.startswith("---"):
            cell = block
        words = first.split() if first.startswith("---") else []
        if words[1:2] == ["kill"]:
            os.kill(manager.provisioner.pid, signal.SIGKILL)
        if words[1:2] == ["sleep"]:
            time.sleep(float(words[2]))
        if words[1:2] in (["kill"], ["end"]):
            client.stop_channels()
            manager.shutdown_kernel(now=words[1] == "kill")
            manager = None
        if not cell.strip():
            continue
        if manager is None:
            # The warning of a kernel about its port is no output of a cell.
            manager, client = start_new_kernel(stderr=open("kernel.log", "ab"))
        client.execute_interactive(cell, output_hook=show, timeout=120)


main(sys.argv[1])
