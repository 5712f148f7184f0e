# A process whose target fails prints its own traceback.
import multiprocessing
import sys


def fail():
    raise ValueError("in the child")


if __name__ == "__main__":
    process = multiprocessing.get_context(sys.argv[1]).Process(target=fail, name="child")
    process.start()
    process.join()
    print(process.exitcode)
