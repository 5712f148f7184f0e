# A handler that the script has set is in place while `atexit` functions run.
import atexit
import os
import signal

signal.signal(signal.SIGUSR1, lambda *_: print("handled"))
atexit.register(os.kill, os.getpid(), signal.SIGUSR1)
atexit.register(lambda: print(signal.getsignal(signal.SIGINT).__name__))
