"""Trained models and their data."""

import numpy as np
import xgboost as xgb

rng = np.random.default_rng(5)
X, y = rng.random((60, 3)), rng.random(60)
dm = xgb.DMatrix(X, label=y)
booster = xgb.train({"max_depth": 2, "eta": 0.5, "nthread": 1}, dm, num_boost_round=3)
model = xgb.XGBRegressor(n_estimators=4, max_depth=2, n_jobs=1).fit(X, y)

CHECKS = {
    "dm": "dm.num_row(), dm.num_col(), dm.get_label().tolist()",
    "booster": "booster.get_dump(), booster.predict(xgb.DMatrix(np.full((1, 3), 0.5))).tolist()",
    "model": "model.get_params(), model.predict(np.full((2, 3), 0.5)).tolist(), model.feature_importances_.tolist()",
}
