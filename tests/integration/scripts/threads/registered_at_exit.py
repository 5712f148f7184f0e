# threading._register_atexit functions run when the threads are joined, before those of `atexit`.
import atexit
import threading

atexit.register(print, "atexit")
threading._register_atexit(print, "threading, first")
threading._register_atexit(print, "threading, second")
print("done")
