import time

import numpy as np
from sklearn.datasets import make_classification
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import log_loss

x, y = make_classification(n_samples=600, random_state=1)
model = SGDClassifier(loss="log_loss", random_state=2)
np.random.seed(7)
history = []


def train(epochs, size):
    best = None
    for epoch in range(epochs):
        order = np.random.permutation(len(x))
        for start in range(0, len(x), size):
            batch = order[start:start + size]
            model.partial_fit(x[batch], y[batch], classes=[0, 1])
            time.sleep(0.004)
        loss = log_loss(y, model.predict_proba(x))
        history.append(round(loss, 9))
        if best is None or loss < best:
            best = loss
    return best


if __name__ == "__main__":
    best = train(12, 60)
    result = repr((round(best, 9), history, model.coef_.sum().round(9), model.t_,))
    print(result)
