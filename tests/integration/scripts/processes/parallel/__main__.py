# multiprocessing under `-m package`, by the start method on the command line.
import multiprocessing
import sys

from .tasks import square

context = multiprocessing.get_context(sys.argv[1])
with context.Pool(2) as pool:
    print(pool.map(square, range(5)), __name__)
