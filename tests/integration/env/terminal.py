"""Runs a command in a new terminal and types into it. Prints JSON: the exit code, negative for a signal, the number of
steps that were typed, and what the terminal showed, without escape sequences.

The arguments are the number of columns and the command. Standard input is a JSON list of pairs [WAIT, TYPE]: TYPE is
typed once the terminal has shown WAIT after what was typed before. Without steps, the command has an empty standard
input.
"""

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time

# Less than the time limit of the sandbox, so that a test that waits in vain prints what was shown.
SECONDS = 200
ESCAPES = re.compile(
    r"\x1b\[[0-9;?<>=]*[a-zA-Z]|\x1b\][^\x07\x1b]*(\x07|\x1b\\)|\x1b[()][A-Z0-9]|\x1bP[^\x1b]*\x1b\\|\x1b[=>78]"
)


def plain(shown):
    return ESCAPES.sub("", shown.decode(errors="replace"))


def start(columns, words, is_typed):
    child, terminal = pty.fork()
    if child == 0:
        fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
        if not is_typed:
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.execvp(words[0], words)
    return child, terminal


def main(columns, *words):
    steps = json.load(sys.stdin)
    child, terminal = start(int(columns), words, bool(steps))
    shown, seen, typed = b"", 0, 0
    deadline = time.monotonic() + SECONDS
    while True:
        if typed < len(steps) and steps[typed][0] in plain(shown[seen:]):
            seen = len(shown)
            if steps[typed][1] == "\x03":
                # A program that has asked may not be waiting for the answer yet, and only a wait is interrupted.
                time.sleep(0.3)
            os.write(terminal, steps[typed][1].encode())
            typed += 1
        if not select.select([terminal], [], [], max(0, deadline - time.monotonic()))[0]:
            os.kill(child, signal.SIGKILL)
            break
        try:
            piece = os.read(terminal, 1 << 16)
        except OSError:
            break
        if not piece:
            break
        shown += piece
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    print(json.dumps({"code": code, "typed": typed, "text": plain(shown).replace("\r\n", "\n")}))


main(*sys.argv[1:])
