"""Arrays of 4 GB. `background.py` measures how long a save in the background holds up the program."""

import numpy

import background

generator = numpy.random.default_rng(1)
for number in range(background.ARRAYS):
    globals()[f"array_{number}"] = generator.random(12_500_000)
count = 0
del generator, number

background.run()
