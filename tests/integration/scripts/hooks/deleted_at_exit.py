# Objects that live to the end are finalized, and can still print.
import atexit
import weakref


class Speaks:
    def __init__(self, name):
        self.name = name

    def __del__(self):
        print("deleted", self.name)


atexit.register(print, "at exit")
kept = Speaks("global")
_private = Speaks("private")
cycle = Speaks("in a cycle")
cycle.itself = cycle
finalizer = weakref.finalize(kept, print, "finalized")
print("done")
