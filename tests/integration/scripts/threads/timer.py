# A timer that has not fired yet when the script ends.
import threading

threading.Timer(0.05, print, ["the timer"]).start()
print("last line")
