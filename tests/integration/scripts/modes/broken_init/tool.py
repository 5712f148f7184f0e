# Is never reached.
print("reached")
