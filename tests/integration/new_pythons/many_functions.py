# Two hundred functions of twenty kinds. `checks` has each of them with its result, computed before the save.
import abc
import asyncio
import contextlib
import functools

checks = []


def outcome(function, arguments):
    result = function(*arguments)
    if hasattr(result, "__anext__"):
        return asyncio.run(gather(result))
    if hasattr(result, "send") and hasattr(result, "gi_frame"):
        return list(result)
    return asyncio.run(result) if hasattr(result, "cr_frame") else result


async def gather(items):
    return [item async for item in items]


def add(function, *arguments):
    checks.append((function, arguments, outcome(function, arguments)))


def failures():
    return [index for index, (function, arguments, expected) in enumerate(checks) if outcome(function, arguments) != expected]


def counter(start):
    count = start

    def step(by=1):
        nonlocal count
        return count + by

    return step


def logged(function):
    @functools.wraps(function)
    def wrapper(*arguments, **named):
        return ["logged", function(*arguments, **named)]

    return wrapper


def repeat(times):
    def decorate(function):
        def wrapper(*arguments):
            return [function(*arguments) for _ in range(times)]

        return wrapper

    return decorate


@contextlib.contextmanager
def managed(value):
    yield value


for number in range(10):

    def plain(a, b=number, /, c=3, *rest, key=number * 2, **others) -> int:
        """Documented."""
        return a + b + c + key + sum(rest) + len(others)

    def factorial(n):
        return 1 if n < 2 else n * factorial(n - 1)

    def recursive(n, offset=number):
        def walk(m):
            return offset if m == 0 else walk(m - 1) + m

        return walk(n)

    def mutual(n=number):
        def even(m):
            return True if m == 0 else odd(m - 1)

        def odd(m):
            return False if m == 0 else even(m - 1)

        return even(n)

    def generator(stop, step=number + 1):
        for item in range(0, stop, step):
            yield item
        yield from (item * step for item in range(2))

    async def coroutine(value, by=number):
        await asyncio.sleep(0)
        return value + by

    async def async_generator(stop, by=number):
        for item in range(stop):
            yield item + by

    @logged
    def decorated(value, by=number):
        return value - by

    @repeat(number % 3 + 1)
    def repeated(value):
        return value * 2

    @functools.lru_cache(maxsize=None)
    def cached(value):
        return value ** 2

    def catching(value, by=number):
        try:
            return value // by
        except ZeroDivisionError as error:
            return str(error)
        finally:
            by += 1

    def matching(value, by=number):
        with managed(by) as inner:
            items = {key: [inner for _ in range(2)] for key in "ab"}
        return items if value else {*items}

    def walrus(values, limit=number):
        return [last for value in values if (last := value * 2) > limit]

    class Holder(abc.ABC):
        factor = number

        def __init__(self, value=number):
            self.value = value

        def method(self, by=2):
            return self.value * by * self.factor

        @classmethod
        def class_method(cls, by):
            return cls.factor + by

        @staticmethod
        def static_method(by):
            return by * 3

        @property
        def doubled(self):
            return self.value * 2

        def __call__(self, by):
            return super().__init__.__name__, by

    class Child(Holder):
        def method(self, by=2):
            return super().method(by) + 1

    add(plain, 1)
    add(functools.partial(plain, 1, 2), 3)
    add(factorial, number)
    add(recursive, 3)
    add(mutual)
    add(generator, 7)
    add(coroutine, 2)
    add(async_generator, 3)
    add(decorated, 5)
    add(repeated, 3)
    add(cached, number)
    add(catching, 9)
    add(matching, True)
    add(walrus, (1, 2, 3, 4, 5))
    add(counter(number), 2)
    add(lambda value, by=number: (value, by, [value] * by), 1)
    add(Child(number).method, 3)
    add(Holder.class_method, 4)
    add(Child.static_method, 5)
    add(Holder.doubled.fget, Child(number))
