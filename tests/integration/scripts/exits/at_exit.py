# sys.exit in an `atexit` function.
import atexit
import sys

atexit.register(print, "the one after")
atexit.register(sys.exit, 5)
print("done")
