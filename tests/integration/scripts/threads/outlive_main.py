# A non-daemon thread continues after the script's last line.
import threading


def late():
    threading.main_thread().join()
    print("after main ended")


threading.Thread(target=late).start()
print("last line of main")
