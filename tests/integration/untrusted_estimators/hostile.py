"""Writes estimators that scikit-learn would not write, each with what is said of it: `hostile.py FOLDER`."""

import json
import pathlib
import pickle
import sys

import numpy as np
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import Lasso, LogisticRegression, SGDClassifier, SGDRegressor
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, OrdinalEncoder, PowerTransformer, StandardScaler
from sklearn.tree import DecisionTreeClassifier

folder = pathlib.Path(sys.argv[1])
folder.mkdir()
X = np.arange(20.0).reshape(10, 2) ** 2
y = np.arange(10) % 2


def changed(estimator, **attributes):
    vars(estimator.fit(X, y)).update(attributes)
    return estimator


HOSTILE = {
    "not declared: note": changed(StandardScaler(), note=1),
    "not declared: transform": changed(StandardScaler(), transform=int),
    "not declared: __class__": changed(StandardScaler(), **{"__class__": DummyClassifier}),
    "not declared: __setstate__": changed(StandardScaler(), __setstate__=print),
    "has mean_ of a kind": changed(StandardScaler(), mean_=[1.0, 2.0]),
    "has mean_ for 3 features": changed(StandardScaler(), mean_=np.zeros(3)),
    "has scale_ of a kind": changed(StandardScaler(), scale_=np.zeros((2, 2))),
    "has var_ of a kind": changed(StandardScaler(), var_=np.array(["a", "b"])),
    "has n_features_in_ of a kind": changed(StandardScaler(), n_features_in_=-1),
    "has coef_ for 5 features": changed(LogisticRegression(), coef_=np.zeros((1, 5))),
    "has intercept_ of a kind": changed(LogisticRegression(), intercept_=np.array([None])),
    "has coef_ of a kind": changed(SGDClassifier(), coef_=np.zeros((0, 2))),
    "has _standard_coef of a kind": changed(SGDRegressor(), _standard_coef=np.zeros((0, 2))),
    "has _average_coef of a kind": changed(SGDClassifier(average=True), _average_coef=np.zeros((0, 2))),
    "has n_jobs of a kind": changed(make_union(StandardScaler()), n_jobs=100_000),
    "has pre_dispatch of a kind": changed(GridSearchCV(LogisticRegression(), {"C": [1, 2]}, cv=2),
                                          pre_dispatch="__import__('os').getpid()*n_jobs"),
    "has solver of a kind": changed(LogisticRegression(), solver=print),
    "has theta_ for 3 classes": changed(GaussianNB(), theta_=np.zeros((3, 2))),
    "has warm_start of a kind": changed(Lasso(), warm_start=True),
    "has memory of a kind": changed(make_pipeline(StandardScaler()), memory="/tmp/cache"),
    "has steps of a kind": changed(make_pipeline(StandardScaler()), steps=[("a", print)]),
    "needs sklearn.tree": changed(make_pipeline(StandardScaler()), steps=[("a", DecisionTreeClassifier())]),
    "has cluster_centers_ of a kind": changed(KMeans(2, n_init=1), cluster_centers_=np.zeros((0, 2))),
    "has cluster_centers_ for 5 features": changed(KMeans(2, n_init=1), cluster_centers_=np.zeros((2, 5))),
    "has _n_threads of a kind": changed(KMeans(2, n_init=1), _n_threads=2**31),
    "has labels_ of a kind": changed(KMeans(2, n_init=1), labels_=np.zeros((2, 2))),
    "has func of a kind": changed(FunctionTransformer(), func=len),
    "has _scaler of a kind": changed(PowerTransformer(), _scaler=int),
    "has classes_ of a kind": changed(DummyClassifier(), classes_=np.array([{}, []], dtype=object)),
    "has categories_ of a kind": changed(OrdinalEncoder(), categories_=[np.array([1, 2]), print]),
    "has transformers of a kind": changed(ColumnTransformer([("a", StandardScaler(), [0])]),
                                          transformers=[("a", StandardScaler(), len)]),
}
splitter = KFold(3)
splitter.get_n_splits = len
HOSTILE["not declared: get_n_splits"] = splitter
names = {}
for number, (expected, estimator) in enumerate(HOSTILE.items()):
    for protocol in 0, 4:
        name = f"{number}.{protocol}.pkl"
        (folder / name).write_bytes(pickle.dumps(estimator, protocol))
        names[name] = expected
(folder / "expected.json").write_text(json.dumps(names))
