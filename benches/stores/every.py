"""A script that computes for some seconds, and prints how long it took. `save --every` saves it ten times meanwhile."""

import sys
import time

import numpy

array = numpy.random.default_rng(1).random(2_500_000)
table = {str(number): number for number in range(1000)}
total = 0


def compute(rounds):
    total = 0
    for number in range(rounds):
        total = (total * 31 + number) % 1_000_003
    return total


rounds = int(sys.argv[1])
start = time.perf_counter()
for step in range(100):
    total += compute(rounds)
print(time.perf_counter() - start)
