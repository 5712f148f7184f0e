# SIGINT while the script works: KeyboardInterrupt, `finally` and `atexit`, then an end by SIGINT.
import atexit
import os
import signal

atexit.register(print, "at exit")


def work():
    try:
        os.kill(os.getpid(), signal.SIGINT)
        signal.pause()
    finally:
        print("cleaned up")


work()
