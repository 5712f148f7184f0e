# A module that warns in its own name.
import warnings


def warn(category):
    warnings.warn(f"from a module: {category.__name__}", category)
