# A script may take itself out of sys.modules.
import sys

module = sys.modules.pop("__main__")
print(module.__name__)
