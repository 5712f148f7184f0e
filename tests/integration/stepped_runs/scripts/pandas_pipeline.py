import time

import numpy as np
import pandas as pd

rng = np.random.default_rng(3)
frame = pd.DataFrame({"day": np.arange(400) % 20, "value": rng.normal(size=400)})
parts, means = [], {}
for day in sorted(frame["day"].unique()):
    part = frame[frame["day"] == day].copy()
    part["scaled"] = part["value"] * rng.integers(1, 5)
    parts.append(part)
    time.sleep(0.02)
whole = pd.concat(parts).reset_index(drop=True)
time.sleep(0.02)
whole["rank"] = whole.groupby("day")["scaled"].rank()
for day, row in zip(range(20), whole.groupby("day")["scaled"].mean()):
    means[day] = round(row, 9)
    whole.loc[whole["day"] == day, "scaled"] -= row
    time.sleep(0.02)
result = repr((round(whole["scaled"].abs().sum(), 6), means, whole["rank"].sum(),))
print(result)
