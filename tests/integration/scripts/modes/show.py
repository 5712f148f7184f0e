# What a script is told about itself, however it was started.
import sys

print(__name__, globals().get("__file__"), repr(__package__), __spec__ and __spec__.name)
print(sys.argv, sys.path[0], sys.orig_argv)
print(type(__loader__).__name__, sorted(vars()))
