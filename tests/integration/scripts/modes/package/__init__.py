# A package is initialized before its __main__ runs, under its own name.
import sys

print("init of", __name__, sys.argv)
