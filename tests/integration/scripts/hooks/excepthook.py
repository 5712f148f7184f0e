# sys.excepthook of the script's own gets the error.
import sys


def hook(kind, error, traceback):
    frames = []
    while traceback:
        frames.append(f"{traceback.tb_frame.f_code.co_name}:{traceback.tb_lineno}")
        traceback = traceback.tb_next
    print(kind.__name__, error, frames, hasattr(sys, "last_value"), sys._getframe().f_back, file=sys.stderr)


def fail():
    1 / 0


sys.excepthook = hook
fail()
