# Without sys.stderr an error is shown nowhere.
import sys

sys.stderr = None
raise ValueError("not seen")
