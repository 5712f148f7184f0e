# The source of the script's functions and classes can be read back.
import inspect
import linecache


def function(argument):
    # a comment inside
    return argument * 2


class Thing:
    value = 3


print(inspect.getsource(function), inspect.getsource(Thing), inspect.getsourcefile(function))
print(inspect.getmodule(function), function.__module__, function.__code__.co_filename, function.__code__.co_firstlineno)
print(linecache.getline(__file__, 1), linecache.checkcache(__file__), inspect.getsource(inspect.getmodule(Thing))[:20])
print(__loader__.get_source("__main__")[:20], __loader__.get_data(__file__)[:5])
