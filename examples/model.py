"""Trains a small model. Needs numpy, pandas and scikit-learn in the environment that snapcli chooses."""

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

rng = np.random.default_rng(7)
features = rng.normal(size=(2_000, 5))
frame = pd.DataFrame(features, columns=list("abcde"))
frame["label"] = (features @ [1.0, -2.0, 0.5, 0.0, 0.25] + rng.normal(scale=0.5, size=2_000) > 0).astype(int)

train, test = train_test_split(frame, test_size=0.25, random_state=7)
model = make_pipeline(StandardScaler(), LogisticRegression())
model.fit(train.drop(columns="label"), train["label"])
score = model.score(test.drop(columns="label"), test["label"])


def predict(*values: float) -> int:
    return int(model.predict(pd.DataFrame([values], columns=list("abcde")))[0])


print(f"score {score:.3f}")
