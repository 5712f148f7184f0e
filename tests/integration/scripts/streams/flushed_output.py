# A closed pipe raises an error at the flush, which the script can handle.
import os
import sys

try:
    print("a line", flush=True)
except BrokenPipeError as error:
    print("noticed:", error, file=sys.stderr)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sys.exit(3)
