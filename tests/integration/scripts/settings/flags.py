# What PYTHON… variables change.
import sys

print(sys.flags, sys.dont_write_bytecode, sys.pycache_prefix, __debug__, sys.stdout.write_through)
print(sys.path[0], sys._xoptions, sys.stdout.encoding, sys.stdout.errors, sys.stderr.errors)
assert sys.argv[1:], "asserts are on"
if "hash" in sys.argv:
    print(hash("text"), list({"one", "two", "three", "four"}))
