# The names that a script finds in its namespace before it has done anything.
"""What the script is about."""
print(sorted(vars()))
print(__name__, __file__, __package__, __spec__, __doc__, globals().get("__cached__", "no __cached__"))
print(type(__loader__).__module__, type(__loader__).__qualname__, vars(__loader__))

import builtins

print(__builtins__ is builtins, globals() is vars() is locals())
