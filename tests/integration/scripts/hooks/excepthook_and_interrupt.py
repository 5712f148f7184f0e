# An excepthook sees KeyboardInterrupt, but not SystemExit.
import sys

sys.excepthook = lambda kind, *_: print("hook:", kind.__name__)
if "exit" in sys.argv:
    sys.exit(3)
raise KeyboardInterrupt
