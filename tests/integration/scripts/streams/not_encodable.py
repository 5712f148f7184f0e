# Text that standard error can show and standard output cannot.
import sys

print("lone \ud800 surrogate", file=sys.stderr)
print("ünï → 日本 🐍")
print("lone \ud800 surrogate")
