# sys.tracebacklimit is honoured.
import sys

sys.tracebacklimit = 1


def f():
    raise ValueError("deep")


f()
