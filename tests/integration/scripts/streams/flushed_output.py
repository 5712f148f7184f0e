# A reader that is gone is noticed at the flush, and can be handled.
import os
import sys

try:
    print("a line", flush=True)
except BrokenPipeError as error:
    print("noticed:", error, file=sys.stderr)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sys.exit(3)
