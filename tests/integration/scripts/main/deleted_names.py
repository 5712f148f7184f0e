# A script may delete names, its own and those it was given.
x = y = 1
del x
try:
    x
except NameError as error:
    print(error)
del __doc__, __spec__, __loader__, __file__
print(sorted(vars()))
del __name__
print(y)
