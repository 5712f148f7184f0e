"""Prints the attributes that the installed scikit-learn gives its estimators, with the kinds of their values.

The rows in `src/pickle/known/estimators.rs` and `predictors.rs` come from what this prints for several versions.
"""

import collections
import pathlib
import runpy

import numpy as np
import sklearn

VALUES = pathlib.Path(__file__).resolve().parent / "values_sklearn.py"


def kind(value):
    """The kind of a value, with its parts; of an array the letter and the size of its dtype, and its dimensions."""
    if isinstance(value, np.ndarray):
        size = "" if value.dtype.kind in "USO" else value.dtype.itemsize
        return f"{value.dtype.kind}{size}[{value.ndim}]"
    if isinstance(value, (list, tuple)):
        return f"{type(value).__name__}({', '.join(sorted({kind(item) for item in value}))})"
    if type(value) is dict:
        pairs = {f"{kind(key)}: {kind(item)}" for key, item in value.items()}
        return "{" + ", ".join(sorted(pairs)) + "}"
    return f"class {value.__name__}" if isinstance(value, type) else type(value).__name__


class Survey:
    """The kinds of all attributes, by class."""

    def __init__(self):
        self.kinds = collections.defaultdict(lambda: collections.defaultdict(set))
        self.seen = {}

    def visit(self, value):
        if id(value) in self.seen:
            return
        self.seen[id(value)] = value
        if isinstance(value, (list, tuple)):
            list(map(self.visit, value))
        elif isinstance(value, dict):
            list(map(self.visit, value.values()))
        elif type(value).__module__.startswith("sklearn.") and hasattr(value, "__dict__"):
            attributes = self.kinds[f"{type(value).__module__}.{type(value).__name__}"]
            for name, part in vars(value).items():
                attributes[name].add(kind(part))
                self.visit(part)


if __name__ == "__main__":
    survey = Survey()
    survey.visit(runpy.run_path(str(VALUES))["VALUES"])
    print(f"scikit-learn {sklearn.__version__}")
    for name, attributes in sorted(survey.kinds.items()):
        print(f"\n{name}")
        for attribute, kinds in attributes.items():
            print(f"    {attribute}: {' | '.join(sorted(kinds))}")
