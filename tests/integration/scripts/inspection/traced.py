# sys.settrace and sys.setprofile see the script's calls, from the module on.
import sys

events = []


def trace(frame, event, argument):
    if frame.f_code.co_filename == __file__:
        events.append((event, frame.f_code.co_name, frame.f_lineno))
    return trace


def work():
    total = 0
    for number in range(2):
        total += number
    return total


sys.settrace(trace)
work()
sys.settrace(None)
sys.setprofile(trace)
work()
sys.setprofile(None)
print(*events, sep="\n")
