"""Types lines into an interactive shell in a terminal of 200 columns, and prints all that the terminal shows.

The arguments are the shell's. Standard input is what is typed, once the shell has shown `READY>`.
"""

import fcntl
import os
import pty
import select
import struct
import sys
import termios
import time

typed = sys.stdin.buffer.read()
child, terminal = pty.fork()
if child == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 200, 0, 0))
shown = b""
deadline = time.monotonic() + 200
while time.monotonic() < deadline:
    if typed and b"READY>" in shown:
        os.write(terminal, typed)
        typed = b""
    if not select.select([terminal], [], [], 0.2)[0]:
        continue
    try:
        piece = os.read(terminal, 65536)
    except OSError:
        piece = b""
    if not piece:
        break
    shown += piece
sys.stdout.buffer.write(shown)
