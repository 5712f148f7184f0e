"""A float64 array of 512 MB, and a small variable that can be wanted without it."""

import numpy

array = numpy.random.default_rng(7).random(64 * 1024 * 1024)
small = {"epochs": 3, "rate": 0.01, "name": "run 7"}

__import__("measure").run()
