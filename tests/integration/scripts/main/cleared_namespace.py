# A script may empty its whole namespace.
x = 1
print("before")
globals().clear()
