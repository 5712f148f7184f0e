# Which warnings are shown, and once: DeprecationWarning only if the script itself is to blame.
import warnings

import warns

for category in UserWarning, DeprecationWarning, PendingDeprecationWarning, FutureWarning, ResourceWarning:
    for _ in range(2):
        warnings.warn(f"from the script: {category.__name__}", category)
    warns.warn(category)
print(warnings.filters)
open(__file__)
