"""A pipeline, a search over it, and a transformer with a function of the script."""

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

rng = np.random.default_rng(2)
X = rng.random((60, 3))
y = (X.sum(axis=1) > 1.5).astype(int)


def with_square(values):
    return np.hstack([values, np.square(values)])


pipe = make_pipeline(FunctionTransformer(with_square), StandardScaler(), LogisticRegression()).fit(X, y)
gs = GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=3).fit(X, y)
forest = RandomForestClassifier(5, random_state=0).fit(X, y)

CHECKS = {
    "pipe": "list(pipe.named_steps), pipe.predict_proba([[0.5, 0.5, 0.5], [1.0, 0.0, 0.2]]).tolist()",
    "gs": "gs.best_params_, gs.cv_results_['mean_test_score'].tolist(), gs.predict([[0.1] * 3]).tolist()",
    "forest": "forest.predict_proba([[0.4, 0.5, 0.6]]).tolist(), forest.feature_importances_.tolist()",
}
