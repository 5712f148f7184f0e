# A script that a signal ends.
import os
import signal
import sys

print("before", flush=True)
os.kill(os.getpid(), getattr(signal, sys.argv[1]))
signal.pause()
