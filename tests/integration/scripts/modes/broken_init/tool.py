# Never runs.
print("reached")
