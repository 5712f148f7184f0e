# What the script has set is still so when `atexit` functions run.
import atexit
import decimal
import gc
import os
import random
import sys
import warnings

random.seed(1)
gc.set_threshold(123, 4, 5)
sys.setrecursionlimit(1234)
sys.setswitchinterval(0.25)
decimal.getcontext().prec = 5
os.umask(0o77)


@atexit.register
def show():
    print(gc.isenabled(), gc.get_threshold(), gc.get_debug(), len(gc.callbacks))
    print(sys.getrecursionlimit(), sys.getswitchinterval(), sys.gettrace(), sys.getprofile())
    print(decimal.Decimal(1) / 3, random.random(), oct(os.umask(0)), os.getcwd())
    print(sys.argv, sys.path, len(warnings.filters), sorted(os.environ))
    print(sorted(globals()))
    print(sys.flags, sys.excepthook is sys.__excepthook__, sys.stdout is sys.__stdout__)
