"""A DataFrame of 1,000,000 rows and 3 columns."""

import numpy
import pandas

frame = pandas.DataFrame(
    {
        "key": numpy.arange(1_000_000),
        "value": numpy.random.default_rng(7).random(1_000_000),
        "name": [f"row {n}" for n in range(1_000_000)],
    }
)

__import__("measure").run()
