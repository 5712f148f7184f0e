# A script that turns the garbage collector off finds it off at the end.
import atexit
import gc

gc.disable()
gc.freeze()
atexit.register(lambda: print(gc.isenabled(), gc.get_freeze_count() > 0))
