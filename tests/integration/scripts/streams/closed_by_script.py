# A script that closes its standard output or input.
import sys

print("before")
sys.stdout.close()
sys.stdin.close()
print(sys.stdin.closed, sys.stdout.closed, file=sys.stderr)
if "fail" in sys.argv:
    print("to a closed file")
