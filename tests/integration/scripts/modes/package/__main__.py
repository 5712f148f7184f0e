# `-m package` runs this, and relative imports work in it.
import sys

from . import inner
from .inner.tool import describe

print(__name__, __package__, __spec__.name, __file__)
print(sys.argv, sys.path[0], sys.orig_argv)
print(describe(), inner.__name__, type(__loader__).__name__, sorted(vars()))
