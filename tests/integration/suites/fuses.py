# Objects that fail while they are saved: at the `fails_at`-th call of a pickling method of any of them, that object
# raises, from then on or only `once`. `begin` restarts the count.
import asyncio

import numpy


class Unprintable(Exception):
    def __str__(self):
        raise ValueError("no text")

    __repr__ = __str__


class Bare(BaseException):
    pass


class Unreadable(Exception):
    """Its very type and arguments fail."""

    @property
    def args(self):
        raise ValueError("no arguments")

    @property
    def __class__(self):
        raise ValueError("no class")


# The count selects the exception, so that each is raised. KeyboardInterrupt ends the save, so it is not one of them.
ODD = [
    lambda tag: ValueError(f"fuse {tag}"),
    lambda tag: MemoryError(),
    lambda tag: RecursionError("deep"),
    lambda tag: StopIteration(tag),
    lambda tag: GeneratorExit(),
    lambda tag: asyncio.CancelledError(),
    lambda tag: AttributeError("__reduce_ex__"),
    lambda tag: TypeError("cannot pickle"),
    lambda tag: UnicodeDecodeError("utf-8", b"\xff", 0, 1, "\ud800"),
    lambda tag: Unprintable(tag),
    lambda tag: Unreadable(tag),
    lambda tag: Bare("\ud800\x1b[31m"),
    lambda tag: OSError(tag),
    lambda tag: SystemExit(3),
]

calls = fails_at = 0
once = False
broken = None


def begin(at, only_once):
    global calls, fails_at, once, broken
    calls, fails_at, once, broken = 0, at, only_once, None


def ask(tag):
    """Counts the call, and raises if it is the one to fail."""
    global calls, broken
    calls += 1
    if calls == fails_at:
        broken = tag
    if tag == broken and (calls == fails_at or not once):
        raise ODD[fails_at % len(ODD)](tag)


class Fuse:
    """Fails in its `__reduce__`."""

    def __init__(self, tag, held=None):
        self.tag = tag
        self.held = held

    def __reduce_ex__(self, protocol):
        ask(self.tag)
        return Fuse, (self.tag,), {"held": self.held}


class State(Fuse):
    """Fails in its `__getstate__`, when it is half written."""

    __reduce_ex__ = object.__reduce_ex__

    def __init__(self, tag, held=None):
        self.tag = tag
        self.held = held

    def __getstate__(self):
        ask(self.tag)
        return {"tag": self.tag, "held": self.held}


class Items(list):
    """Fails among its items, when some of them are written."""

    def __init__(self, tag=None, items=()):
        super().__init__(items)
        self.tag = tag

    def __reduce_ex__(self, protocol):
        return Items, (), {"tag": self.tag}, self.items()

    def items(self):
        for number, item in enumerate(self):
            if number == len(self) // 2:
                ask(self.tag)
            yield item


class Pairs(dict):
    """Fails among its pairs."""

    def __init__(self, tag=None, pairs=()):
        super().__init__(pairs)
        self.tag = tag

    def __reduce_ex__(self, protocol):
        return Pairs, (), {"tag": self.tag}, None, self.pairs()

    def pairs(self):
        yield from self.items()
        ask(self.tag)


class Rows(numpy.ndarray):
    """An array subclass, whose reduce value holds a buffer."""

    tag = "rows"

    def __reduce_ex__(self, protocol):
        ask(self.tag)
        return super().__reduce_ex__(protocol)
