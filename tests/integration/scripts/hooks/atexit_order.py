# `atexit` functions run last in first out, also those that are registered late; one is taken back.
import atexit
import sys

atexit.register(print, "first in, last out")
atexit.register(lambda: atexit.register(print, "registered at exit"))
taken_back = atexit.register(lambda: print("not reached"))
atexit.unregister(taken_back)
atexit.register(print, "to standard error", file=sys.stderr)
print("done", atexit._ncallbacks())
