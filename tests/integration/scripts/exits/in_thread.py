# sys.exit in a thread ends the thread alone.
import sys
import threading

thread = threading.Thread(target=sys.exit, args=(5,))
thread.start()
thread.join()
print("still here")
