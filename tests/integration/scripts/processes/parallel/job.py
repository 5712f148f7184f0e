# multiprocessing under `-m parallel.job`: the functions of the module reach the processes.
import multiprocessing
import sys

from .tasks import square


def negate(number):
    return -square(number)


if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    with context.Pool(2) as pool:
        print(pool.map(square, range(5)), pool.map(negate, range(5)))
