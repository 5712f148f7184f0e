# Processes and a pool by the start method on the command line; functions and classes of the script reach them.
import multiprocessing
import sys


class Point:
    def __init__(self, x):
        self.x = x

    def __repr__(self):
        return f"Point({self.x})"


def double(point):
    return Point(point.x * 2)


def report(queue):
    process = multiprocessing.current_process()
    queue.put((__name__, process.name, multiprocessing.parent_process().name, len(sys.argv), Point(3)))


def fail(number):
    if number == 2:
        raise ValueError(f"bad number {number}")
    return number


def main(method):
    context = multiprocessing.get_context(method)
    queue = context.Queue()
    process = context.Process(target=report, args=(queue,))
    process.start()
    print(queue.get())
    process.join()
    print(process.exitcode)
    failing = context.Process(target=sys.exit, args=(3,))
    failing.start()
    failing.join()
    print(failing.exitcode)
    with context.Pool(2) as pool:
        print(pool.map(double, [Point(number) for number in range(4)]))
        try:
            pool.map(fail, range(4))
        except ValueError as error:
            print(repr(error))


if __name__ == "__main__":
    main(sys.argv[1])
