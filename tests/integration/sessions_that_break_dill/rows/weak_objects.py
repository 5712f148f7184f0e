#### weak_value_cache_of_a_class
# seen: dill#497
# dill: dump fails: TypeError
# check: Node.cache[1] is nodes[1] and best["node"] is nodes[0] and len(Node.cache) == 2
import weakref
class Node:
    cache = weakref.WeakValueDictionary()
    def __init__(self, key):
        self.key = key
        Node.cache[key] = self
nodes = [Node(0), Node(1)]
best = {"node": nodes[0]}

#### weak_containers_forget_what_dies
# dill: dump fails: TypeError
# check: forget(by_name) and forget(by_key) and forget(members) and by_name["kept"] is kept and by_key[kept] == 1
import weakref, gc
class Thing: pass
kept = Thing()
by_name = weakref.WeakValueDictionary(kept=kept)
by_key = weakref.WeakKeyDictionary({kept: 1})
members = weakref.WeakSet([kept])
def forget(container):
    thing = Thing()
    if isinstance(container, weakref.WeakSet): container.add(thing)
    elif isinstance(container, weakref.WeakKeyDictionary): container[thing] = 2
    else: container["thing"] = thing
    grown = len(container)
    del thing
    gc.collect()
    return (grown, len(container)) == (2, 1)

#### subclass_of_a_weak_container
# dill: dump fails: TypeError
# check: registry["a"] is owner and registry.title == "mine" and list(group)[0] is owner and group.size == 3
import weakref
class Owner: pass
class Registry(weakref.WeakValueDictionary):
    def __init__(self, title):
        super().__init__()
        self.title = title
class Group(weakref.WeakSet):
    size = 3
owner = Owner()
registry, group = Registry("mine"), Group([owner])
registry["a"] = owner

#### weak_references_to_methods
# dill: dump fails: TypeError
# check: bus.listeners[0]()() == 7 and alone() == listener.hear and type(bus.listeners[0]).__name__ == "WeakMethod"
import weakref
class Bus:
    def __init__(self): self.listeners = []
class Listener:
    def hear(self): return 7
bus, listener = Bus(), Listener()
bus.listeners.append(weakref.WeakMethod(listener.hear))
alone = weakref.WeakMethod(listener.hear)
