# A script that is gone when it raises: its lines can no longer be shown.
import os

os.remove(__file__)
print("gone")


def fail():
    raise ValueError("without source")


fail()
