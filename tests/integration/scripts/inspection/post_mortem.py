# pdb.post_mortem of an error of the script.
import pdb
import sys


def fail(number):
    return 1 / number


try:
    fail(0)
except ZeroDivisionError:
    pdb.post_mortem(sys.exc_info()[2])
print("done")
