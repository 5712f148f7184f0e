# An excepthook that leaves with a code of its own.
import sys

sys.excepthook = lambda *_: sys.exit(11)
raise ValueError("in the script")
