"""Every member of hash_cycles.py is found by its hash."""

for i, n in enumerate(nodes):
    assert n.peers == {nodes[(i+j) % 200] for j in (1,7,50)}, i
    for j in (1, 7, 50): assert nodes[(i+j) % 200] in n.peers and n.weights[nodes[(i-j) % 200]] == j and n.weights["plain%d" % j] == [n]
assert [[str(getattr(k, "name", k)) for k in n.weights] for n in nodes] == order_before
for x in sl: assert x.peers == set(sl) and all(y in x.peers for y in sl)
assert Edge(a, b) in a.edges and Edge(b, a) in a.edges and len(a.edges) == 2 and Edge(a,b) in b.edges and a.first in a.edges
for c in cities.values():
    assert list(c.roads) == list(cities.values()) and all(c.roads[d] == (c.name, d.name) for d in cities.values()) and c.seen == {"x"}
assert own in own.me and dyn in dyn.me and own.k == "k"
assert list(t.children) == kids and all(t.children[k] == k.name and t.order[k] == [k] and k.order[t] == [1] and k.parent is t and t.index[(k, t)] == 2 and k.index[(k, 1)] == "one" for k in kids) and t.index[(t, 1)] == "one"
assert h.lookup[g] == 1 and h.group is g and h.after[Edge(g, h)] == 3 and registry[g] == "g" and registry[h] == "h" and list(h.lookup) == [g, "z"] and g.members == set(people) and people[0] in g.members
assert all(big[n] == i for i, n in enumerate(nodes)) and allset == set(nodes) and all(n in allset for n in nodes)
print("fine")
