# A script may recurse as deep as in Python, to the frame.
import sys


def down(depth=1):
    try:
        return down(depth + 1)
    except RecursionError:
        return depth


print(down(), sys.getrecursionlimit())
sys.setrecursionlimit(300)
print(down())
sys.setrecursionlimit(20_000)


def deep(depth):
    return depth and 1 + deep(depth - 1)


print(deep(15_000))
