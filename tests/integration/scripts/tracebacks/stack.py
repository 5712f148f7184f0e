# The stack ends at the script: no frame is below it.
import inspect
import sys
import traceback


def depth(frame):
    return 0 if frame is None else 1 + depth(frame.f_back)


def show():
    traceback.print_stack()
    print(depth(sys._getframe()))
    for frame in inspect.stack():
        print(frame.filename, frame.lineno, frame.function, frame.code_context)


print(sys._getframe().f_back, sys._getframe().f_code.co_name, sys._getframe().f_code.co_filename)
print(sys._getframe().f_globals is globals(), sys._getframe().f_locals is globals(), depth(sys._getframe()))
show()
class Body:
    show()
list(map(lambda _: show(), [0]))
try:
    sys._getframe(1)
except ValueError as error:
    print(error)
