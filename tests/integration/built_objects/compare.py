"""Compares what a restore has bound with what CPython's unpickler makes of the same file, in sys.argv[1], and what
`snapcli.load_dict` makes of the other files. The values must be of the same types, equal, and share the same objects."""
import pickle
import sys

import snapcli

sys.setrecursionlimit(100000)


def described(value):
    """The value as a list of types and parts, in which an object that was seen before is the number of its place."""
    parts, places, waiting = [], {}, [value]
    while waiting:
        item = waiting.pop()
        kind = type(item)
        if id(item) in places and kind not in (int, float, bool, type(None), tuple, frozenset):
            parts.append(("seen", places[id(item)]))
            continue
        if id(item) in places and kind is tuple and item:
            parts.append(("seen", places[id(item)]))
            continue
        places[id(item)] = len(parts)
        if kind in (list, tuple):
            parts.append((kind, len(item)))
            waiting.extend(reversed(item))
        elif kind is dict:
            parts.append((kind, len(item)))
            for key, held in reversed(list(item.items())):
                waiting.extend((held, key))
        elif kind in (set, frozenset):
            parts.append((kind, sorted(map(repr, item))))
        elif kind is float:
            parts.append((kind, item.hex()))
        else:
            parts.append((kind, item))
    return parts


def compare(path, names):
    with open(path, "rb") as file:
        expected = pickle.load(file)
    # A dict whose keys are names became variables. Its keys are strings that other parts may share.
    found = names["obj"] if "obj" in names else {name: value for name, value in names.items() if name in expected}
    left, right = described(expected), described(found)
    if left != right:
        place = next((n for n, (one, two) in enumerate(zip(left, right)) if one != two), min(len(left), len(right)))
        sys.exit(f"{path}: {place} of {len(left)}, {len(right)}: {left[place:place + 3]} != {right[place:place + 3]}")


compare(sys.argv[1], globals())
for path in sys.argv[2:]:
    compare(path, snapcli.load_dict(path))
