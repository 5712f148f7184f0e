"""Caches, and a function that uses one."""

from cachetools import LRUCache, TTLCache, cached

lru = LRUCache(2)
lru.update(a=1, b=2)
lru["a"]
lru["c"] = 3
ttl = TTLCache(10, 1e9)
ttl["k"] = [1, 2]


@cached(LRUCache(4), info=True)
def sq(n):
    return n * n


sq(3)

CHECKS = {
    "lru": "sorted(lru.items()), lru.maxsize, lru.currsize",
    "ttl": "dict(ttl.items()), ttl.ttl, ttl.maxsize",
    "sq": "sq(5), sq.cache_info().maxsize, sq.__name__",
}
