# `import __main__` finds the script, while it runs.
import sys

import __main__

answer = 42
print(__main__.answer, __main__.__dict__ is globals(), sys.modules["__main__"] is __main__)
__main__.set_from_outside = "seen"
print(set_from_outside, __main__, type(__main__) is type(sys))
