# traceback's own tools see the exception as the script does.
import sys
import traceback


def fail(argument):
    local = argument * 2
    raise ValueError(local)


try:
    fail("ab")
except ValueError as error:
    captured = traceback.TracebackException.from_exception(error, capture_locals=True)
    print([frame.name for frame in captured.stack], captured.stack[1].locals)
    print(error.__traceback__.tb_frame.f_back, error.__traceback__.tb_next.tb_lineno, sys.exc_info()[0])
print(sys.exc_info(), hasattr(sys, "last_value"))
