# After an error, too, Python waits for threads.
import threading


def late():
    threading.main_thread().join()
    print("after the error")


threading.Thread(target=late).start()
raise ValueError("in main")
