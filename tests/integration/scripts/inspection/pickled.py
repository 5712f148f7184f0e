# Classes and functions of the script are pickled by name, under __main__.
import copy
import pickle


class Point:
    def __init__(self, x):
        self.x = x


def function(): ...


print(pickle.dumps(Point(1), 2), pickle.dumps(function, 2), pickle.dumps(Point, 2))
copied = pickle.loads(pickle.dumps(Point(4)))
print(type(copied) is Point, copied.x, pickle.loads(pickle.dumps(function)) is function, copy.deepcopy(copied).x)
print(Point, Point.__module__, function.__qualname__)
