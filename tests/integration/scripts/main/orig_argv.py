# The whole command line, as Python saw it.
import sys

print(sys.orig_argv)
