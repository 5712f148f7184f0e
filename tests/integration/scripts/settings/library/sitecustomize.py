# Python runs this before the script, when PYTHONPATH leads to it.
import sys

print("sitecustomize", hasattr(sys, "argv"))
sys.customized = True
