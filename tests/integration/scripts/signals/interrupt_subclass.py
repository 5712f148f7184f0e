# What becomes of a subclass of KeyboardInterrupt, and of SystemExit during one.
import sys


class Stop(KeyboardInterrupt):
    pass


try:
    raise KeyboardInterrupt
except KeyboardInterrupt:
    if "exit" in sys.argv:
        sys.exit(8)
    raise Stop("further down")
