# The script of a folder or a zip archive: modules beside it can be imported.
import sys

import beside

print(__name__, __file__, repr(__package__), __spec__ and __spec__.name)
print(sys.argv, sys.path[0], sys.orig_argv, beside.WHERE)
print(type(__loader__).__name__, sorted(vars()))
if "fail" in sys.argv:
    beside.fail()
