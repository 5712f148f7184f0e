# Python does not wait for a daemon thread.
import threading

threading.Thread(target=threading.Event().wait, daemon=True).start()
print("done", threading.active_count())
