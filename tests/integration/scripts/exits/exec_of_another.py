# A script that becomes another program.
import os
import sys

print("one", flush=True)
os.execv(sys.executable, [sys.executable, "-c", "print('two'); raise SystemExit(6)"])
