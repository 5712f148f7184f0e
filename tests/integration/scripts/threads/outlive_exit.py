# After sys.exit, too, Python waits for threads, and then runs the `atexit` functions.
import atexit
import sys
import threading

atexit.register(print, "at exit")


def late():
    threading.main_thread().join()
    print("after sys.exit")


threading.Thread(target=late).start()
sys.exit(3)
