# os._exit leaves at once: nothing that was buffered is written, no `atexit` function runs.
import atexit
import os

atexit.register(print, "not reached")
print("flushed", flush=True)
print("lost", end="")
os._exit(7)
