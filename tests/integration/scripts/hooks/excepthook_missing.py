# A script without an excepthook.
import sys

del sys.excepthook
raise ValueError("in the script")
