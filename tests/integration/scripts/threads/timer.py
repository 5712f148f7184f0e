# A timer that is still to come when the script ends.
import threading

threading.Timer(0.05, print, ["the timer"]).start()
print("last line")
