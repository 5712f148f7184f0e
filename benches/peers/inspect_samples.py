"""Makes files to measure `snapcli inspect` with, in the folder of its argument: a pickle of 200,000 records, and a dill
session with these records, numbers, instances and functions."""

import pickle
import sys

import dill

FOLDER = sys.argv[1]


class Point:
    def __init__(self, x, y, label):
        self.x = x
        self.y = y
        self.label = label


records = [
    {"name": f"record {n}", "score": n / 7, "tags": [f"tag {n % 97}", n % 1000, n * 0.5]} for n in range(200_000)
]
with open(f"{FOLDER}/records.pkl", "wb") as file:
    pickle.dump(records, file)

numbers = [n * n % 2_147_483_647 for n in range(900_000)]
squares = {n: n * n for n in range(200_000)}
points = [Point(n, n / 3, f"point {n}") for n in range(80_000)]
for number in range(300):
    exec(f"def function_{number}(x, scale={number}):\n    return [item * scale for item in x]\n")
del file, number
dill.dump_module(f"{FOLDER}/session.pkl")
