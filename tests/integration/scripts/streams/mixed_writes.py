# Text, bytes and the system's own write, in the order in which Python would let them through.
import os
import sys

print("buffered")
sys.stdout.buffer.write(b"bytes \xff\x00\n")
os.write(1, b"at once\n")
sys.stdout.flush()
print("no line end at the end", end="")
print("to standard error", end="", file=sys.stderr)
