# A manager's process holds objects for others.
import multiprocessing


def fill(shared):
    shared["child"] = len(shared)


if __name__ == "__main__":
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager:
        shared = manager.dict(parent=1)
        process = context.Process(target=fill, args=(shared,))
        process.start()
        process.join()
        print(dict(shared))
