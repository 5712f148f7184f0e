# The `exit` of `site` closes standard input on its way.
import atexit
import sys

atexit.register(lambda: print(sys.stdin.closed))
exit(4)
