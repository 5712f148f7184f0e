# Without sys.stderr no error is shown.
import sys

sys.stderr = None
raise ValueError("not seen")
