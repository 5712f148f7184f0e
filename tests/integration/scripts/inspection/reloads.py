# A script that reloads itself and a module beside it.
import importlib
import sys

import importlib.util

count = globals().get("count", 0) + 1
print(count, __spec__)
try:
    importlib.reload(sys.modules["__main__"])
except Exception as error:
    print(type(error).__name__, error)
spec = importlib.util.spec_from_file_location("again", __file__)
print(spec.name, spec.origin)
