# Handlers of the script's own, for SIGTERM, SIGINT, SIGUSR1 and a timer.
import os
import signal
import sys


def handle(number, frame):
    print(signal.Signals(number).name, frame.f_code.co_name, frame.f_lineno)


for number in signal.SIGINT, signal.SIGUSR1, signal.SIGALRM:
    signal.signal(number, handle)
os.kill(os.getpid(), signal.SIGINT)
os.kill(os.getpid(), signal.SIGUSR1)
signal.setitimer(signal.ITIMER_REAL, 0.01)
signal.pause()
signal.signal(signal.SIGTERM, lambda *_: sys.exit(15))
os.kill(os.getpid(), signal.SIGTERM)
signal.pause()
