"""Lazy arrays, bags and calls."""

import dask
import dask.array as da
import dask.bag as db


@dask.delayed
def add(a, b):
    return a + b


lazy = da.arange(12, chunks=4).reshape(3, 4).sum(axis=0)
bag = db.from_sequence(range(6), npartitions=2).map(lambda n: n * n).filter(lambda n: n % 2)
total = add(add(1, 2), 3)

CHECKS = {
    "lazy": "lazy.chunks, lazy.compute(scheduler='sync').tolist()",
    "bag": "bag.npartitions, bag.compute(scheduler='sync')",
    "total": "total.compute(scheduler='sync')",
}
