"""Work of the kind that its argument names. Prints the processor time that it takes, in seconds."""

import sys
import time


def fibonacci(n):
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)


def calls():
    fibonacci(27)


def loops():
    total = 0
    for number in range(4_000_000):
        if number % 3:
            total += number & 7
        else:
            total -= 1
    return total


def allocations():
    for _ in range(20):
        {number: [number, str(number), (number, None)] for number in range(20_000)}


kind = {"calls": calls, "loops": loops, "allocations": allocations}[sys.argv[1]]
started = time.process_time()
kind()
print(time.process_time() - started)
