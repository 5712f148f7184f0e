"""Types statements at the prompt of `python` in a terminal. Prints what the terminal shows, for a test that fails.

The arguments are the statements. Each statement is followed by one that prints a mark, whose output is
waited for: the prompt drops what is typed while it is not ready.
"""

import os
import pty
import select
import sys
import time


def main(*statements):
    process, terminal = pty.fork()
    if process == 0:
        os.environ.update(TERM="xterm", NO_COLOR="1", PYTHON_COLORS="0")
        os.execv(sys.executable, [sys.executable, "-q", "-i"])
    shown = b""

    def wait_for(mark, end=60):
        nonlocal shown
        end += time.monotonic()
        while mark not in shown and time.monotonic() < end:
            if select.select([terminal], [], [], 0.1)[0]:
                shown += os.read(terminal, 65536)

    wait_for(b">>> ")
    for number, statement in enumerate(statements):
        # An empty line ends a function.
        for line in [*statement.split("\n"), f"print('MA' 'RK{number}')"]:
            os.write(terminal, line.encode() + b"\r")
            time.sleep(0.3)
        wait_for(f"MARK{number}".encode())
    os.write(terminal, b"\x04")
    print(shown.decode(errors="replace"))
    os.close(terminal)
    os.waitpid(process, 0)


main(*sys.argv[1:])
