# `-m package.inner.tool` runs a module deep in a package; it is also imported by others.
import sys

from .. import inner


def describe():
    return f"{__name__} in {inner.__name__}"


if __name__ == "__main__":
    print(describe(), __package__, __spec__.name, sys.argv, sys.path[0])
