import heapq
import itertools
import random
import time

random.seed(11)
events, log = [], []
numbers = itertools.count()


class Queue:
    def __init__(self, name):
        self.name, self.waiting, self.served = name, [], 0

    def arrive(self, now):
        self.waiting.append(now)
        heapq.heappush(events, (now + random.expovariate(1), next(numbers), self.name))


queues = {name: Queue(name) for name in ("a", "b", "c")}
for queue in queues.values():
    queue.arrive(0.0)
now = 0.0
while events and now < 40:
    now, number, name = heapq.heappop(events)
    queue = queues[name]
    queue.served += 1
    log.append(round(now - queue.waiting.pop(0), 9))
    if queue.served % 5 == 0:
        log.append(name)
    queue.arrive(now)
    time.sleep(0.006)
result = repr((len(log), sum(item for item in log if isinstance(item, float)), {q.name: q.served for q in queues.values()},))
print(result)
