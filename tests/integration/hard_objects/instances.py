"""Instances that a load must not ask for anything before they have their attributes."""

import collections, dataclasses, typing, enum
class Proxy:
    def __init__(self, inner): self._inner = inner
    def __getattr__(self, name): return getattr(self._inner, name)
class Config:
    def __init__(self, data): self.__dict__["data"] = data
    def __getattr__(self, name): return self.__dict__["data"][name]
class Anything:
    def __init__(self): self.x = 1
    def __getattr__(self, name): return lambda *a, **k: None
class SlotProxy:
    __slots__ = ("_inner", "unset")
    def __init__(self, inner): object.__setattr__(self, "_inner", inner)
    def __getattr__(self, name): return getattr(object.__getattribute__(self, "_inner"), name)
    def __setattr__(self, name, value): setattr(self._inner, name, value)
class GetAttribute:
    def __init__(self, v): self.v = v
    def __getattribute__(self, name):
        if name.startswith("__"): return object.__getattribute__(self, name)
        return object.__getattribute__(self, "__dict__")["v"]
class FrozenSlots:
    __slots__ = ("a", "b", "__dict__")
    def __init__(self, a): object.__setattr__(self, "a", a)
    def __setattr__(self, *a): raise AttributeError("frozen")
class AttrDict(dict):
    __getattr__ = dict.__getitem__
    __setattr__ = dict.__setitem__
class SelfDict(dict):
    def __init__(self, **items): super().__init__(**items); self.__dict__ = self
class SelfNested(dict):
    def __init__(self, items):
        super().__init__(); self.__dict__ = self
        for k, v in items.items(): self[k] = SelfNested(v) if isinstance(v, dict) else v
class FrozenDict(dict):
    def __init__(self, data): super().__init__(data); object.__setattr__(self, "_frozen", True)
    def __setitem__(self, key, value):
        if self._frozen: raise TypeError("frozen")
class Upper(dict):
    def __setitem__(self, key, value): super().__setitem__(key.upper(), value); self.log.append(key)
    def __init__(self): self.log = []
class Items(dict):
    def items(self): return [("never", 1)]
class Log(list):
    def __init__(self, name): super().__init__(); self.name = name
    def append(self, x): super().append((self.name, x))
    def extend(self, xs): [self.append(x) for x in xs]
class OD(collections.OrderedDict):
    def __init__(self, name, *a): super().__init__(*a); self.name = name
    def __setitem__(self, k, v): super().__setitem__(k, (self.name, v))
class OD2(collections.OrderedDict):
    def __init__(self, *, name): super().__init__(); self.name = name
class DD(collections.defaultdict):
    def __init__(self, name): super().__init__(list); self.name = name
class TagSet(set):
    def __init__(self, tag, members): super().__init__(members); self.tag = tag
class FS(frozenset):
    def __new__(cls, *members): return super().__new__(cls, members)
class BA(bytearray):
    def __init__(self, n, *, why): super().__init__(n); self.why = why
class Template:
    def __new__(cls, source): self = super().__new__(cls); self.source = source; return self
class Temp(float):
    def __new__(cls, value, unit): self = super().__new__(cls, value); self.unit = unit; return self
class Celsius(float):
    def __new__(cls, f): return super().__new__(cls, (f - 32) / 1.8)
class Range(tuple):
    def __new__(cls, start, end): return super().__new__(cls, (start, end))
class Sym(str):
    __slots__ = ()
    def __new__(cls, *, name): return super().__new__(cls, name)
class Big(int):
    def __new__(cls, a, b): self = super().__new__(cls, a * b); self.parts = (a, b); return self
class By(bytes):
    def __new__(cls, *ns): return super().__new__(cls, ns)
class Cx(complex):
    def __new__(cls, r, phi, name): self = super().__new__(cls, r, phi); self.name = name; return self
class P(collections.namedtuple("P", "x y")):
    __slots__ = ()
    def __new__(cls, text): return super().__new__(cls, *map(int, text.split()))
class NT(typing.NamedTuple):
    a: int
    b: str = "q"
class Told:
    def __new__(cls, a): self = super().__new__(cls); self.a = a; return self
    def __getnewargs__(self): return (self.a,)
class Multi:
    made = {}
    def __new__(cls, key): return cls.made.setdefault(key, object.__new__(cls))
class Single:
    _it = None
    def __new__(cls, *a):
        if cls._it is None: cls._it = super().__new__(cls)
        return cls._it
class Meta(type):
    def __getattr__(cls, name): raise KeyError(name)
class Both(Template, metaclass=Meta):
    def __getattr__(self, name): raise KeyError(name)
@dataclasses.dataclass(frozen=True)
class FD:
    a: int
    inner: object = None
    def __getattr__(self, n): return getattr(self.inner, n)
class Borg:
    _shared = {}
    def __init__(self): self.__dict__ = self._shared
class Cyc:
    def __init__(self): self.me = self; self.kids = [self]
    def __getattr__(self, name): return self.__dict__["nope"][name]
class CycT(tuple):
    def __new__(cls, box, *, k): self = super().__new__(cls, (box,)); self.k = k; return self
objs = dict(
 proxy=Proxy([1,2]), proxy2=Proxy({}), proxyt=Proxy((1,2)), config=Config({"k": 5}), any=Anything(), sp=SlotProxy([3]), ga=GetAttribute(4), fs=FrozenSlots(1), ad=AttrDict(a=1, b=AttrDict(c=2)),
 sd=SelfDict(x=1), sdi=SelfDict(items=3, keys=4), sn=SelfNested({"a": {"b": 1}}), fd=FrozenDict({"q": 1}), items=Items(a=5), dd=DD("n"), ts=TagSet("t", [1,2]), fz=FS(1,2), ba=BA(b"abc", why="w"),
 template=Template("x"), temp=Temp(3.5, "C"), cel=Celsius(212.0), rng=Range(0, 5), sym=Sym(name="s"), big=Big(3, 4), by=By(1,2), cx=Cx(1, 2, "z"), p=P("3 4"), nt=NT(1), told=Told(5), multi=Multi("a"), single=Single(1),
 both=Both("src"), fdc=FD(1, [7]), borg=Borg(), cyc=Cyc(), od2=OD2(name="o"))
u = Upper(); u["a"] = 1; objs["upper"] = u
l = Log("n"); l.append(1); l.append(2); objs["log"] = l
o = OD("nm"); o["z"] = 1; o["a"] = 2; objs["od"] = o
objs["dd"]["k"].append(1); objs["od2"]["b"] = 1
box = []; t = CycT(box, k=2); box.append(t); objs["cyct"] = t
objs["borg"].state = 5; borg2 = Borg()
