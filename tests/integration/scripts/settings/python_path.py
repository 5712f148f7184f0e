# PYTHONPATH, and the sitecustomize in it.
import sys

import from_path

print(from_path.WHERE, sys.path, sys.customized)
