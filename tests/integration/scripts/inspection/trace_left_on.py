# A tracer that the script leaves on is still on at the end.
import atexit
import sys


def trace(frame, event, argument):
    if frame.f_globals is names:
        print(event, frame.f_code.co_name)


names = globals()
atexit.register(lambda: print(sys.gettrace() is trace))
sys.settrace(trace)


def work(): ...


work()
