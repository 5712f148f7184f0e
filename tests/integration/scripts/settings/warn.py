# A warning, under whatever PYTHONWARNINGS says.
import sys
import warnings

print(sys.warnoptions, sys.flags.dev_mode)
warnings.warn("old", DeprecationWarning)
open(__file__)
print("goes on")
