import random, time
import numpy as np
random.seed(5); np.random.seed(6)
rng = np.random.default_rng(7)
w = np.zeros(50)
view = w[10:20]
losses = []
for epoch in range(12):
    order = list(range(8)); random.shuffle(order)
    for i, k in enumerate(order):
        x = rng.normal(size=50) + np.random.rand(50)
        w += 0.1 * x * (k + 1)
        view *= 0.99
        time.sleep(0.006)
    losses.append(float(w.sum()))
    print(epoch, round(losses[-1], 9), random.random())
result = repr((view.base is w, losses, w.sum(), random.random(), rng.normal()))
print(result)
