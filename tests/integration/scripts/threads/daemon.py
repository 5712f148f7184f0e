# A daemon thread is not waited for.
import threading

threading.Thread(target=threading.Event().wait, daemon=True).start()
print("done", threading.active_count())
