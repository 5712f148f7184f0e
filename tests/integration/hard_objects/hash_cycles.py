"""Sets and dicts whose members lead back to the object that holds them, and hash by their attributes."""

import dataclasses, collections
class Node:
    def __init__(self, name): self.name = name; self.peers = set(); self.weights = {}
    def __hash__(self): return hash(self.name)
    def __eq__(self, other): return self.name == other.name
class SlotNode:
    __slots__ = ("name", "peers")
    def __init__(self, name): self.name = name; self.peers = set()
    def __hash__(self): return hash(self.name)
    def __eq__(self, other): return self.name == other.name
@dataclasses.dataclass(frozen=True)
class Edge:
    a: object
    b: object
@dataclasses.dataclass(unsafe_hash=True)
class City:
    name: str
    roads: dict = dataclasses.field(default_factory=dict, hash=False, compare=False)
    seen: object = dataclasses.field(default=None, hash=False, compare=False, repr=False)
class Own:
    def __init__(self, k): self.me = set(); self.k = k; self.me.add(self); self.__dict__["k"] = self.__dict__.pop("k")
    def __hash__(self): return hash(self.k)
    def __eq__(self, o): return self.k == o.k
class Dyn(Own):
    def __getattr__(self, n): return getattr(self.__dict__["k"], n)
class DDict(collections.defaultdict): pass
class Tree:
    def __init__(self, name, parent=None): self.children = collections.OrderedDict(); self.parent = parent; self.name = name; self.index = {(self, 1): "one"}; self.order = collections.defaultdict(list)
    def __hash__(self): return hash(self.name)
    def __eq__(self, o): return isinstance(o, Tree) and self.name == o.name
class Group:
    def __init__(self, ms): self.members = set(ms)
    def __hash__(self): return hash(frozenset(self.members))
    def __eq__(self, o): return self.members == o.members
class Holder:
    def __init__(self, key): self.lookup = None; self.key = key; self.group = None
    def __hash__(self): return hash(self.key)
    def __eq__(self, o): return self.key == o.key
nodes = [Node(str(i)) for i in range(200)]
for i, n in enumerate(nodes):
    for j in (1, 7, 50): n.peers.add(nodes[(i+j) % 200]); n.weights[nodes[(i-j) % 200]] = j; n.weights["plain%d" % j] = [n]
sl = [SlotNode(i) for i in range(5)]
for x in sl: x.peers |= set(sl)
a, b = Node("ea"), Node("eb")
a.edges = {Edge(a, b), Edge(b, a)}; b.edges = {Edge(a, b)}; a.first = Edge(a, b)
cities = {n: City(n) for n in "abc"}
for c in cities.values():
    for d in cities.values(): c.roads[d] = (c.name, d.name); 
    c.seen = frozenset(["x"])
own, dyn = Own("k"), Dyn("q")
t = Tree("root"); kids = [Tree("k%d" % i, t) for i in range(3)]
for k in kids: t.children[k] = k.name; t.order[k].append(k); k.order[t].append(1); t.index[(k, t)] = 2
people = [Node("p1"), Node("p2")]
h = Holder("h"); people[0].owner = h; people[1].owner = h
g = Group(people); h.lookup = {g: 1, "z": 2}; h.group = g; h.after = {Edge(g, h): 3}
registry = {g: "g", h: "h"}
big = {n: i for i, n in enumerate(nodes)}
allset = set(nodes)
order_before = [[str(getattr(k, "name", k)) for k in n.weights] for n in nodes]
