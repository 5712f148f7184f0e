# breakpoint() where PYTHONBREAKPOINT turns it off, or sends it elsewhere.
import sys

breakpoint()
print("goes on", sys.breakpointhook)
