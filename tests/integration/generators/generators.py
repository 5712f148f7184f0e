import contextlib


def noarg():
    yield 1
    yield 2


def args(a, b=2, *rest, c, d=4, **kw):
    yield a, b, rest, c, d, sorted(kw.items())


def positional_only(a, /, b):
    def inner():
        return a, b

    yield inner()


def closure():
    n = 0

    def steps(step):
        nonlocal n
        n += step
        yield n

    def read():
        return n

    return steps, read


class Holder:
    def __init__(self):
        self.v = 3

    def each(self, n):
        for i in range(n):
            yield self.v * i

    @classmethod
    def of_class(cls):
        yield cls

    @staticmethod
    def of_none(x):
        yield x


def tree(n):
    if n:
        yield from tree(n - 1)
        yield n


@contextlib.contextmanager
def manager(x):
    yield x + 1


async def add(a, *, b=2):
    return a + b


async def count(a):
    yield a
    yield a + 1


def drive(coroutine):
    try:
        while True:
            coroutine.send(None)
    except StopIteration as end:
        return end.value


async def collect(items):
    return [item async for item in items]


def holds(box):
    yield box


# Not started.
g_noarg, g_args, g_defaults, g_positional = noarg(), args(1, 2, 3, c=5, e=6), args(9, c=1), positional_only(1, b=2)
steps, read = closure()
g_closure = steps(5)
holder = Holder()
g_method, g_class, g_static = holder.each(3), Holder.of_class(), Holder.of_none(4)
g_tree = tree(3)
g_many = noarg(), noarg()
entered_later = manager(4)
renamed = noarg()
renamed.__name__, renamed.__qualname__ = "other", "a.other"
box = []
g_own = holds(box)
box.append(g_own)
same = [g_noarg, {"again": g_noarg}]
coroutine, with_keyword, async_generator = add(1), add(1, b=5), count(1)

# Generator expressions.
numbers, table, members = [1, 2, 3], {"a": 1, "b": 2}, {7}
e_list = (x * 2 for x in numbers)
e_range = (x for x in range(4))
e_dict = (key for key in table)
e_items = (item for item in table.items())
e_values = (item for item in table.values())
e_set = (member for member in members)
e_zip = (pair for pair in zip(numbers, "abc"))
e_enumerate = (pair for pair in enumerate(numbers))
e_map = (string for string in map(str, numbers))
e_nested = (x + 1 for x in (y * 2 for y in numbers))
e_two_loops = ((x, y) for x in numbers for y in "ab")
e_global = (x + len(numbers) for x in [1])
e_started = (x * 10 for x in numbers)
next(e_started)
e_started_nested = (x + 1 for x in (y * 2 for y in numbers) if x > 2)
next(e_started_nested)


def in_a_function(factor):
    return (x * factor for x in numbers)


e_closure = in_a_function(3)
next(e_closure)

# Ended.
x_noarg, x_args, x_closure, x_expression, x_closed = noarg(), args(1, c=2), steps(0), (x for x in numbers), noarg()
for ended in x_noarg, x_args, x_closure, x_expression:
    list(ended)
x_closed.close()
x_raised = (1 // x for x in [0])
try:
    next(x_raised)
except ZeroDivisionError:
    pass
x_coroutine, x_async = add(1), count(1)
drive(x_coroutine)
drive(collect(x_async))
del ended


def failures():
    before = read()
    # They have not started, so they still refer to the dict itself.
    table["a"] = 5
    checks = {
        "same": same[0] is same[1]["again"] is g_noarg,
        "no argument": g_noarg.gi_code is noarg.__code__ and list(g_noarg) == [1, 2],
        "arguments": list(g_args) == [(1, 2, (3,), 5, 4, [("e", 6)])] and list(g_defaults) == [(9, 2, (), 1, 4, [])],
        "positional": list(g_positional) == [(1, 2)],
        "closure": list(g_closure) == [before + 5] and read() == before + 5,
        "methods": list(g_method) == [0, 3, 6] and list(g_class) == [Holder] and list(g_static) == [4],
        "recursion": list(g_tree) == [1, 2, 3] and g_tree.__qualname__ == "tree",
        "two": [list(each) for each in g_many] == [[1, 2], [1, 2]],
        "renamed": (renamed.__name__, renamed.__qualname__, list(renamed)) == ("other", "a.other", [1, 2]),
        "own": box[0] is g_own and next(g_own) is box,
        "coroutine": drive(coroutine) == 3 and drive(with_keyword) == 6,
        "async generator": drive(collect(async_generator)) == [1, 2],
        "list": list(e_list) == [2, 4, 6] and list(e_range) == [0, 1, 2, 3] and list(e_global) == [4],
        "dict": list(e_dict) == ["a", "b"] and list(e_items) == [("a", 5), ("b", 2)] and list(e_values) == [5, 2],
        "set": list(e_set) == [7],
        "zip": list(e_zip) == [(1, "a"), (2, "b"), (3, "c")],
        "enumerate": list(e_enumerate) == [(0, 1), (1, 2), (2, 3)] and list(e_map) == ["1", "2", "3"],
        "nested": list(e_nested) == [3, 5, 7] and list(e_two_loops)[:3] == [(1, "a"), (1, "b"), (2, "a")],
        "started": list(e_started) == [20, 30] and list(e_started_nested) == [7] and list(e_closure) == [6, 9],
        "ended": [list(each) for each in (x_noarg, x_args, x_closure, x_expression, x_closed, x_raised)] == [[]] * 6,
        "ended frames": x_noarg.gi_frame is x_coroutine.cr_frame is x_async.ag_frame is None,
        "ended names": x_args.__name__ == "args" and x_closure.__qualname__ == "closure.<locals>.steps",
        "ended code": x_noarg.gi_code == noarg.__code__ and x_coroutine.cr_code == add.__code__,
        "ended async": drive(collect(x_async)) == [],
    }
    with entered_later as value:
        checks["context manager"] = value == 5
    try:
        drive(x_coroutine)
        checks["ended coroutine"] = False
    except RuntimeError:
        pass
    return [name for name, holds in checks.items() if not holds]
