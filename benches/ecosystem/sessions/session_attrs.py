"""Classes of attrs, and objects of them."""

import attr
import attrs


@attrs.define
class Point:
    x: int = attrs.field(converter=int)
    y: int = attrs.field(default=2, validator=attrs.validators.ge(0))


@attrs.frozen(order=True)
class Version:
    major: int
    minor: int = 0


@attr.s(auto_attribs=True, hash=True)
class Old:
    name: str
    parts: list = attr.ib(factory=list, repr=False, hash=False)


p = Point("1")
f = Version(3, 4)
o = Old("wheel", [p])

CHECKS = {
    "Point": "repr(Point('7')), Point.__slots__, [field.name for field in attrs.fields(Point)]",
    "p": "repr(p), attrs.asdict(p), attrs.evolve(p, y=5).y",
    "f": "repr(f), f < attrs.evolve(f, minor=5), attrs.astuple(f), {f: 1}[attrs.evolve(f)]",
    "o": "repr(o), attr.asdict(o), o == attr.evolve(o)",
}
