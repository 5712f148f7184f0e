# SIGINT from a thread reaches the main thread that waits for it.
import os
import signal
import threading

done = threading.Event()


def interrupt():
    os.kill(os.getpid(), signal.SIGINT)
    done.wait()


thread = threading.Thread(target=interrupt)
try:
    thread.start()
    thread.join()
except KeyboardInterrupt:
    print("interrupted")
    done.set()
thread.join()
