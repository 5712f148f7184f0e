# A thread that is started after the script's last line. Python 3.12 had a fault there, and refused it.
import threading


def late():
    threading.main_thread().join()
    another = threading.Thread(target=print, args=("started late",))
    another.start()
    another.join()


threading.Thread(target=late).start()
print("last line of main")
