"""Types a session into an interactive shell in a terminal, one line at a time, and prints what the terminal shows.

The arguments are the number of columns and the words of the shell. Standard input has lines `WAIT<tab>TYPE`: TYPE is typed
once the terminal has shown WAIT after what was typed before. Escape sequences are not printed.
"""

import fcntl
import os
import pty
import re
import select
import struct
import sys
import termios
import time

steps = [line.rstrip("\n").split("\t") for line in sys.stdin.read().splitlines()]
child, terminal = pty.fork()
if child == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, int(sys.argv[1]), 0, 0))
ESCAPES = re.compile(r"\x1b\[[0-9;?<>=]*[a-zA-Z]|\x1b\][^\x07\x1b]*(\x07|\x1b\\)|\x1b[()][A-Z0-9]|\x1bP[^\x1b]*\x1b\\|\x1b[=>78]")
shown, seen = b"", 0
deadline = time.monotonic() + 280
while time.monotonic() < deadline:
    text = ESCAPES.sub("", shown[seen:].decode(errors="replace"))
    if steps and steps[0][0] in text:
        seen = len(shown)
        os.write(terminal, steps.pop(0)[1].encode() + b"\n")
    if not select.select([terminal], [], [], 0.1)[0]:
        continue
    try:
        piece = os.read(terminal, 65536)
    except OSError:
        piece = b""
    if not piece:
        break
    shown += piece
print(ESCAPES.sub("", shown.decode(errors="replace")).replace("\r\n", "\n"))
if steps:
    sys.exit(f"it never came to {steps[0]}")
