# SIGINT ignored, or left to the system.
import os
import signal
import sys

signal.signal(signal.SIGINT, getattr(signal, sys.argv[1]))
print("before", flush=True)
os.kill(os.getpid(), signal.SIGINT)
print("still here")
