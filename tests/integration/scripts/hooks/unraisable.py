# Errors that cannot be raised go to sys.unraisablehook, Python's own and the script's.
import sys


class Finalizer:
    def __call__(self):
        raise ValueError("in __del__")

    def __repr__(self):
        return "<Finalizer, which shows no address>"


class Fails:
    __del__ = Finalizer()


Fails()
sys.unraisablehook = lambda unraisable: print("hook:", unraisable.exc_value, unraisable.err_msg)
Fails()
last = Fails()
