"""A session of 1 GB: 100 arrays of 10 MB, 1,000 small objects and 50 functions. `large.py` says what is measured."""

import numpy

import large

generator = numpy.random.default_rng(1)
for number in range(large.ARRAYS):
    globals()[f"array_{number}"] = generator.random(1_250_000)
for number in range(1000):
    kinds = {"number": number}, [number, str(number)], float(number), f"text {number}"
    globals()[f"small_{number}"] = kinds[number % 4]
for number in range(50):
    exec(f"def function_{number}(value):\n    return value * {number} + count\n")
count = 0
changing = generator.random(125_000)
del generator, kinds, number

large.run()
