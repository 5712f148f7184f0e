import time
todo = [5, 3, 8]
done = []
for item in todo:
    time.sleep(0.01)
    done.append(item)
    if item > 1 and len(todo) < 120:
        todo.append(item // 2)
        todo.append(item - 1)
    if len(done) % 9 == 0:
        todo.remove(todo[-1])
    print(item, len(todo))
d = {i: 0 for i in range(40)}
for k, v in d.items():
    time.sleep(0.005)
    d[39 - k] += k + v
print(d)
for i, (k, v) in enumerate(d.items()):
    d[(k * 7) % 40] = i
    time.sleep(0.004)
it = iter(range(60))
pairs = []
for a in it:
    time.sleep(0.004)
    pairs.append((a, next(it, None)))
del it
result = repr((pairs, done, todo, sum(d.values())))
print(result)
