# `atexit` functions run after the traceback, and see the error in sys.last_value.
import atexit
import sys


@atexit.register
def show():
    print(sys.last_type, sys.last_value, getattr(sys, "last_exc", None), sys.exc_info(), file=sys.stderr)


raise ValueError("in the script")
