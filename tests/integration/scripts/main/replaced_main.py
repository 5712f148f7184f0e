# A script may put another module in its place.
import sys
import types

sys.modules["__main__"] = types.ModuleType("other")
x = 1
print(__name__, x)
