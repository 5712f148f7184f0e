# A script that catches Ctrl-C goes on.
import os
import signal

try:
    os.kill(os.getpid(), signal.SIGINT)
    signal.pause()
except KeyboardInterrupt as interrupt:
    print("caught", repr(interrupt))
print("goes on")
