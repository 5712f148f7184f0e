# Warnings point at the caller that `stacklevel` names, or out of the script.
import warnings


def warn(level):
    warnings.warn(f"level {level}", stacklevel=level)


def through(level):
    warn(level)


for level in range(1, 6):
    through(level)
for level in range(1, 4):
    warnings.warn(f"level {level} from the module", stacklevel=level)
