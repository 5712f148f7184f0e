# PYTHONUNBUFFERED: what was printed is out when the process is gone at once.
import os

print("no line end", end="")
os._exit(7)
