# An excepthook that fails itself: both errors are shown.
import sys


def hook(kind, error, traceback):
    raise LookupError("in the hook")


sys.excepthook = hook
raise ValueError("in the script")
