# After an error, too, threads are waited for.
import threading


def late():
    threading.main_thread().join()
    print("after the error")


threading.Thread(target=late).start()
raise ValueError("in main")
