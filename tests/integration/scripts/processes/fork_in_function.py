# A forked child that leaves by os._exit from a function, and one made by a thread.
import os
import threading
import warnings

# The warning of Python 3.12 and later says the number of the process.
warnings.filterwarnings("ignore", "This process", DeprecationWarning)


def fork():
    child = os.fork()
    if not child:
        os._exit(5)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


fork()
thread = threading.Thread(target=fork)
thread.start()
thread.join()
