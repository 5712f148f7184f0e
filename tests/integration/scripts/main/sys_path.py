# The module search path, with the script's own folder first.
import sys

print(*sys.path, sep="\n")
print(sys.path_hooks[0], len(sys.path_hooks), [getattr(finder, "__name__", type(finder)) for finder in sys.meta_path])
