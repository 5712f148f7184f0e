# After sys.exit, too, threads are waited for, and `atexit` functions come behind them.
import atexit
import sys
import threading

atexit.register(print, "at exit")


def late():
    threading.main_thread().join()
    print("after sys.exit")


threading.Thread(target=late).start()
sys.exit(3)
