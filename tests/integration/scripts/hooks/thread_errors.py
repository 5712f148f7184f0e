# Errors of threads go to threading.excepthook, Python's own and the script's.
import threading


def fail():
    raise ValueError("in a thread")


def run():
    thread = threading.Thread(target=fail, name="worker")
    thread.start()
    thread.join()


run()
threading.excepthook = lambda arguments: print("hook:", arguments.exc_value, arguments.thread.name)
run()
