"""Trained models and their data."""

import lightgbm as lgb
import numpy as np

rng = np.random.default_rng(5)
X, y = rng.random((80, 3)), rng.integers(0, 2, 80)
options = {"objective": "binary", "num_leaves": 4, "verbosity": -1, "num_threads": 1, "deterministic": True}
train = lgb.Dataset(X, label=y, free_raw_data=False)
booster = lgb.train(options, train, num_boost_round=3)
model = lgb.LGBMClassifier(n_estimators=3, num_leaves=4, verbosity=-1, n_jobs=1).fit(X, y)
importance = dict(zip("abc", booster.feature_importance().tolist()))

CHECKS = {
    "booster": "booster.model_to_string(), booster.predict(np.full((2, 3), 0.5)).tolist()",
    "model": "model.get_params(), model.classes_.tolist(), model.predict_proba(np.full((2, 3), 0.5)).tolist()",
    "importance": "importance",
}
