# Processes that are still running when the script ends: daemons are terminated, and Python waits for the others.
import multiprocessing


def wait_for(event, name):
    event.wait()
    print(name, flush=True)


if __name__ == "__main__":
    context = multiprocessing.get_context("fork")
    event = context.Event()
    context.Process(target=wait_for, args=(context.Event(), "never"), daemon=True).start()
    context.Process(target=wait_for, args=(event, "child is done")).start()
    print("last line", flush=True)
    event.set()
