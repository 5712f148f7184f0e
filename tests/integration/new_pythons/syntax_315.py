# What 3.15 has, and nothing of it may be evaluated, imported or lost.
import dataclasses
import sys
from string.templatelib import Template

lazy import no_such_module
lazy import colorsys
lazy import xml.dom
lazy import xml.sax
lazy import wsgiref.util as util
lazy from plistlib import FMT_XML as xml_format
lazy from no_such_package.inner import thing

evaluated = []


def note(what):
    evaluated.append(what)
    return int


frozen = frozendict(a=1, b=[1, 2], c=frozendict(d=()))
shared = [frozen]
cyclic_list = []
cyclic = frozendict(inner=cyclic_list)
cyclic_list.append(cyclic)
MISSING = sentinel("MISSING")
SHOWN = sentinel("SHOWN", repr="<shown>")
sentinels = {"missing": MISSING, "shown": [SHOWN]}
name = "world"
greeting = t"hello {name!r:>10} and {[1, 2]}!"
empty_template = t""


def annotated(x: Nonexistent, y: note("y") = MISSING, *, z: Other | None = SHOWN) -> list[Nowhere]:
    return x, y, z


@dataclasses.dataclass(slots=True)
class Slotted:
    a: Unknown
    b: note("b") = 2

    def total(self, more: Unknown.attribute = 0) -> Slotted:
        return self.b + more


slotted = Slotted(1)


class Frozen(frozendict):
    pass


subclassed = Frozen(a=1)


def colors():
    return colorsys.rgb_to_hsv(0, 0, 0)
