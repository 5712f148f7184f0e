"""A bit of everything that a script leaves behind."""

import datetime
import math
import pathlib

import numpy
import pandas


class Model:
    def __init__(self, name, weights):
        self.name = name
        self.weights = weights

    def score(self, x):
        return math.fsum(self.weights) * x


def scaled(factor):
    def scale(x):
        return x * factor

    return scale


settings = {"rate": 0.01, "epochs": 3, "folder": pathlib.PurePosixPath("runs/7"), "flags": frozenset("abc")}
started = datetime.datetime(2024, 5, 17, 9, 30)
records = [{"id": n, "name": f"record {n}", "score": n / 7, "tags": [n % 10, None, True]} for n in range(50_000)]
counts = {f"word {n}": n for n in range(100_000)}
numbers = list(range(500_000))
pairs = [(n, str(n)) for n in range(100_000)]
models = [Model(f"model {n}", [n / 3, n / 7]) for n in range(20_000)]
scales = [scaled(n) for n in range(200)]
frame = pandas.DataFrame({"key": numpy.arange(100_000), "name": [f"row {n}" for n in range(100_000)]})
array = numpy.random.default_rng(7).random(4 * 1024 * 1024)
blob = bytes(range(256)) * 32_768
ring = [models]
ring.append(ring)

__import__("measure").run()
