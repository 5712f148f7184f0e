"""A session of 1 GB that works and writes into all of its memory, a little in each iteration. The first argument is the
number of iterations. Prints the seconds that they take."""

import os
import sys
import time

COUNT = int(sys.argv[1])
BLOCK = 1 << 20
blocks = [bytearray(os.urandom(BLOCK)) for _ in range(1000)]
small = [{"number": n, "name": str(n)} for n in range(100_000)]
total = 0
started = time.perf_counter()
for n in range(COUNT):
    block = blocks[n % 1000]
    for place in range(0, BLOCK, 4096):
        block[place] = (block[place] + n) & 255
    for k in range(20_000):
        total += k & n
print(time.perf_counter() - started)
