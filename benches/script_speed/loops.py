"""A loop of the kind that its argument names, at top level or in a function. Prints the processor time that it takes, in
seconds."""

import sys
import time

COUNT = 10_000_000
items = [None] * COUNT


def in_function():
    for _ in range(COUNT):
        pass


def list_in_function():
    for _ in items:
        pass


kind = sys.argv[1]
started = time.process_time()
if kind == "range":
    for _ in range(COUNT):
        pass
elif kind == "list":
    for _ in items:
        pass
elif kind == "enumerate":
    for _, _ in enumerate(items):
        pass
elif kind == "dict":
    table = dict.fromkeys(range(COUNT // 10))
    started = time.process_time()
    for _ in range(10):
        for _ in table:
            pass
elif kind == "while":
    number = 0
    while number < COUNT:
        number += 1
elif kind == "inner":
    for _ in range(COUNT // 30):
        for _ in range(10):
            pass
elif kind == "range-function":
    in_function()
elif kind == "list-function":
    list_in_function()
print(time.process_time() - started)
