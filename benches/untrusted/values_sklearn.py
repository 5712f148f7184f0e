"""Fitted estimators of scikit-learn: those that files of others may hold, in most of their configurations, and others.

The library changes its parameters: a configuration that this version does not know is left out.
"""

import contextlib
import inspect
import io
import warnings

import numpy as np
import pandas as pd
import scipy.sparse
from sklearn import (compose, cluster, decomposition, discriminant_analysis, dummy, ensemble, feature_extraction,
                     feature_selection, impute, linear_model, model_selection, naive_bayes, neighbors, neural_network,
                     pipeline, preprocessing, svm, tree)

warnings.simplefilter("ignore")

random = np.random.default_rng(2)
X = random.random((60, 4))
HOLES = X.copy()
HOLES[::7, 1] = np.nan
FRAME = pd.DataFrame(X, columns=["a", "b", "c", "d"])
SINGLE = X.astype(np.float32)
SPARSE = scipy.sparse.csr_matrix(X)
COUNTS = random.integers(0, 5, (60, 4))
NUMBER = X @ [1.0, 2.0, 3.0, 4.0]
NUMBERS = np.column_stack([NUMBER, X[:, 0]])
TWO = (NUMBER > 5).astype(int)
THREE = np.digitize(NUMBER, [4.5, 5.5])
NAMES = np.array(["no", "yes", "maybe"])[THREE]
OBJECTS = NAMES.astype(object)
LABELS = np.column_stack([TWO, THREE > 1]).astype(int)
WORDS = np.array([["x", "p"], ["y", "q"], ["x", "q"]] * 20, dtype=object)
WORDS_AND_NONE = np.array([["x", 1.0], ["y", 2.0], [None, 1.0]] * 20, dtype=object)
MIXED = pd.DataFrame({"n": X[:, 0], "m": X[:, 1], "w": WORDS[:, 0], "v": WORDS[:, 1]})

MATRIX = {"": (X,), "frame": (FRAME,), "single": (SINGLE,)}
REGRESSION = {"": (X, NUMBER), "frame": (FRAME, pd.Series(NUMBER)), "single": (SINGLE, NUMBER.astype(np.float32))}
OUTPUTS = REGRESSION | {"outputs": (X, NUMBERS)}
CLASSES = {"": (X, TWO), "three": (X, THREE), "names": (X, NAMES), "objects": (FRAME, OBJECTS), "single": (SINGLE, TWO),
           "bools": (X, TWO.astype(bool))}
COUNTED = {"": (COUNTS, TWO), "three": (COUNTS, THREE), "names": (COUNTS, NAMES)}
TEXTS = {"": (WORDS,), "frame": (pd.DataFrame(WORDS, columns=["a", "b"]),)}
BINARY = {"": (X, TWO), "names": (X, NAMES)}

# Class, data, and the parameters that differ from the defaults.
CONFIGURATIONS = [
    (preprocessing.StandardScaler, MATRIX, {}, {"with_mean": False}, {"with_std": False},
     {"with_mean": False, "with_std": False}, {"copy": False}),
    (preprocessing.MinMaxScaler, MATRIX, {}, {"feature_range": (-1, 1)}, {"clip": True}),
    (preprocessing.MaxAbsScaler, MATRIX, {}, {"clip": True}),
    (preprocessing.RobustScaler, MATRIX, {}, {"with_centering": False}, {"with_scaling": False}, {"unit_variance": True},
     {"quantile_range": (10.0, 90.0)}),
    (preprocessing.Normalizer, MATRIX, {}, {"norm": "l1"}),
    (preprocessing.Binarizer, MATRIX, {}, {"threshold": 0.5}),
    (preprocessing.PowerTransformer, MATRIX, {}, {"standardize": False}),
    (preprocessing.QuantileTransformer, MATRIX, {"n_quantiles": 10},
     {"n_quantiles": 10, "output_distribution": "normal", "random_state": 0},
     {"n_quantiles": 10, "random_state": np.random.RandomState(3)}),
    (preprocessing.PolynomialFeatures, MATRIX, {}, {"degree": (1, 3), "include_bias": False}),
    (preprocessing.KBinsDiscretizer, {"": (X,)}, {"encode": "ordinal"}, {}),
    (preprocessing.SplineTransformer, {"": (X,)}, {}),
    (preprocessing.OrdinalEncoder, TEXTS, {}, {"dtype": np.int64}, {"dtype": np.float32},
     {"handle_unknown": "use_encoded_value", "unknown_value": -1},
     {"handle_unknown": "use_encoded_value", "unknown_value": np.nan},
     {"categories": [["x", "y"], ["p", "q"]]}, {"min_frequency": 10}, {"max_categories": 2}),
    (preprocessing.OrdinalEncoder, {"none": (WORDS_AND_NONE,), "numbers": (COUNTS,)}, {}, {"encoded_missing_value": -2}),
    (preprocessing.OneHotEncoder, TEXTS, {}, {"sparse_output": False}, {"drop": "first"}, {"handle_unknown": "ignore"},
     {"min_frequency": 10}),
    (preprocessing.TargetEncoder, {"": (WORDS, NUMBER)}, {}),
    (preprocessing.LabelEncoder, {"": (TWO,), "names": (NAMES,), "objects": (OBJECTS,), "floats": (NUMBER,)}, {}),
    (preprocessing.LabelBinarizer, {"": (THREE,), "names": (NAMES,), "two": (TWO,)}, {}, {"neg_label": -1}),
    (preprocessing.MultiLabelBinarizer, {"": ([["a", "b"], ["c"]],)}, {}),
    (preprocessing.FunctionTransformer, {"": (X,)}, {}, {"func": np.log1p}),
    (impute.SimpleImputer, {"": (HOLES,), "single": (SINGLE,)}, {}, {"strategy": "median"},
     {"strategy": "most_frequent"}, {"strategy": "constant", "fill_value": 0}, {"add_indicator": True},
     {"keep_empty_features": True}),
    (impute.SimpleImputer, {"words": (WORDS_AND_NONE,)}, {"strategy": "most_frequent", "missing_values": None},
     {"strategy": "constant", "fill_value": "none", "missing_values": None}),
    (impute.MissingIndicator, {"": (HOLES,)}, {}, {"features": "all"}),
    (impute.KNNImputer, {"": (HOLES,)}, {}),
    (feature_selection.VarianceThreshold, MATRIX, {}, {"threshold": 0.01}),
    (feature_selection.SelectKBest, {"": (X, TWO)}, {"k": 2}),
    (feature_selection.SelectFromModel, {"": (X, TWO)}, {"estimator": linear_model.LogisticRegression()}),
    (decomposition.PCA, MATRIX, {}, {"n_components": 2}, {"n_components": 0.9}, {"n_components": "mle"},
     {"n_components": 2, "svd_solver": "randomized", "random_state": 0}, {"whiten": True},
     {"n_components": 2, "svd_solver": "arpack"}),
    (decomposition.TruncatedSVD, MATRIX, {}, {"algorithm": "arpack"}, {"random_state": 0}),
    (decomposition.TruncatedSVD, {"sparse": (SPARSE,)}, {}),
    (decomposition.NMF, {"": (X,)}, {"n_components": 2}),
    (decomposition.FastICA, {"": (X,)}, {"random_state": 0}),
    (decomposition.FactorAnalysis, {"": (X,)}, {"n_components": 2}),
    (decomposition.KernelPCA, {"": (X,)}, {"n_components": 2}),
    (decomposition.IncrementalPCA, {"": (X,)}, {"n_components": 2}),
    (decomposition.LatentDirichletAllocation, {"": (COUNTS,)}, {"n_components": 2, "random_state": 0}),
    (linear_model.LinearRegression, OUTPUTS, {}, {"fit_intercept": False}, {"positive": True}),
    (linear_model.Ridge, OUTPUTS, {}, {"fit_intercept": False}, {"solver": "svd"}, {"solver": "sag", "random_state": 0},
     {"solver": "lsqr"}, {"solver": "lbfgs", "positive": True}),
    (linear_model.Ridge, {"alphas": (X, NUMBERS)}, {"alpha": np.array([0.1, 1.0])}),
    (linear_model.RidgeCV, OUTPUTS, {}, {"alphas": [0.1, 1.0]}, {"cv": 3}, {"scoring": "r2"}),
    (linear_model.RidgeCV, REGRESSION, {"store_cv_results": True}, {"store_cv_values": True}, {"gcv_mode": "eigen"}),
    (linear_model.RidgeCV, {"outputs": (X, NUMBERS)}, {"alpha_per_target": True}),
    (linear_model.RidgeClassifier, CLASSES, {}),
    (linear_model.Lasso, OUTPUTS, {"alpha": 0.01}, {"alpha": 0.01, "fit_intercept": False}, {"alpha": 0.01, "positive": True},
     {"alpha": 0.01, "selection": "random", "random_state": 0}, {"alpha": 0.01, "precompute": True}),
    (linear_model.LassoCV, REGRESSION, {"cv": 3}, {"cv": 3, "n_alphas": 10}, {"cv": 3, "alphas": [0.1, 0.01]}, {}),
    (linear_model.ElasticNet, OUTPUTS, {"alpha": 0.01}, {"alpha": 0.01, "l1_ratio": 0.2}),
    (linear_model.ElasticNetCV, REGRESSION, {"cv": 3}, {"cv": 3, "l1_ratio": [0.2, 0.8]}),
    (linear_model.MultiTaskLasso, {"": (X, NUMBERS)}, {"alpha": 0.01}),
    (linear_model.LogisticRegression, CLASSES, {}, {"fit_intercept": False}, {"C": 0.1, "class_weight": "balanced"},
     {"solver": "newton-cg"}, {"solver": "saga", "random_state": 0}, {"penalty": None},
     {"max_iter": 1000, "tol": 1e-5}),
    (linear_model.LogisticRegression, {"": (X, TWO)}, {"solver": "liblinear"}, {"solver": "liblinear", "penalty": "l1"},
     {"solver": "saga", "penalty": "elasticnet", "l1_ratio": 0.5}, {"class_weight": {0: 1.0, 1: 2.0}}),
    (linear_model.LogisticRegressionCV, BINARY, {"cv": 3, "Cs": 3}, {"cv": 3, "Cs": [0.1, 1.0], "scoring": "accuracy"},
     {"cv": model_selection.StratifiedKFold(3), "Cs": 2, "use_legacy_attributes": False},
     {"cv": 3, "Cs": 2, "solver": "saga", "penalty": "elasticnet", "l1_ratios": [0.2, 0.8]}),
    (linear_model.BayesianRidge, REGRESSION, {}, {"compute_score": True}, {"fit_intercept": False}),
    (linear_model.ARDRegression, REGRESSION, {}, {"compute_score": True}),
    (linear_model.HuberRegressor, REGRESSION, {}, {"fit_intercept": False}),
    (linear_model.SGDClassifier, CLASSES, {"random_state": 0}),
    (linear_model.SGDRegressor, REGRESSION, {"random_state": 0}),
    (linear_model.Perceptron, BINARY, {}),
    (linear_model.PassiveAggressiveClassifier, BINARY, {}),
    (linear_model.PoissonRegressor, REGRESSION, {}),
    (linear_model.QuantileRegressor, {"": (X, NUMBER)}, {}),
    (linear_model.TheilSenRegressor, {"": (X, NUMBER)}, {"random_state": 0}),
    (linear_model.RANSACRegressor, {"": (X, NUMBER)}, {"random_state": 0}),
    (linear_model.Lars, OUTPUTS, {}),
    (linear_model.LassoLars, {"": (X, NUMBER)}, {}),
    (linear_model.OrthogonalMatchingPursuit, OUTPUTS, {}),
    (naive_bayes.GaussianNB, CLASSES, {}, {"priors": [0.5, 0.5]}),
    (naive_bayes.MultinomialNB, COUNTED, {}, {"fit_prior": False}, {"alpha": 0.5}),
    (naive_bayes.BernoulliNB, COUNTED, {}, {"binarize": None}),
    (naive_bayes.ComplementNB, COUNTED, {}, {"norm": True}),
    (naive_bayes.CategoricalNB, COUNTED, {}),
    (discriminant_analysis.LinearDiscriminantAnalysis, CLASSES, {}, {"solver": "lsqr"},
     {"solver": "lsqr", "shrinkage": "auto"}, {"solver": "eigen"}, {"store_covariance": True}, {"n_components": 1}),
    (discriminant_analysis.QuadraticDiscriminantAnalysis, CLASSES, {}, {"store_covariance": True}, {"reg_param": 0.1}),
    (dummy.DummyClassifier, CLASSES | {"outputs": (X, LABELS)}, {}, {"strategy": "stratified", "random_state": 0},
     {"strategy": "uniform"}, {"strategy": "most_frequent"}),
    (dummy.DummyClassifier, {"": (X, TWO), "names": (X, NAMES)}, {"strategy": "constant", "constant": 1},
     {"strategy": "constant", "constant": "yes"}),
    (dummy.DummyRegressor, OUTPUTS, {}, {"strategy": "median"}, {"strategy": "quantile", "quantile": 0.9},
     {"strategy": "constant", "constant": 2.0}),
    (tree.DecisionTreeClassifier, BINARY, {}),
    (ensemble.RandomForestClassifier, BINARY, {"n_estimators": 3}),
    (ensemble.RandomForestRegressor, {"": (X, NUMBER)}, {"n_estimators": 3}),
    (ensemble.GradientBoostingClassifier, BINARY, {"n_estimators": 3}),
    (ensemble.HistGradientBoostingRegressor, {"": (X, NUMBER)}, {"max_iter": 3}),
    (ensemble.IsolationForest, {"": (X,)}, {"n_estimators": 3}),
    (neighbors.KNeighborsClassifier, BINARY, {}),
    (neighbors.NearestCentroid, BINARY, {}),
    (svm.SVC, BINARY, {}),
    (svm.LinearSVC, BINARY, {}),
    (svm.LinearSVR, {"": (X, NUMBER)}, {}),
    (cluster.KMeans, {"": (X,)}, {"n_clusters": 3, "n_init": 1}),
    (cluster.DBSCAN, {"": (X,)}, {}),
    (neural_network.MLPClassifier, BINARY, {"hidden_layer_sizes": (5,), "max_iter": 20, "random_state": 0}),
    (neural_network.MLPRegressor, {"": (X, NUMBER)}, {"hidden_layer_sizes": (5,), "max_iter": 20, "random_state": 0}),
]

TEXT = ["the first text", "the second one", "and a third"]


def composed():
    """Estimators that hold others."""
    logistic, scaler = linear_model.LogisticRegression, preprocessing.StandardScaler
    columns = compose.ColumnTransformer([
        ("numbers", pipeline.make_pipeline(impute.SimpleImputer(), scaler()), ["n", "m"]),
        ("words", preprocessing.OrdinalEncoder(), ["w", "v"]),
    ])
    yield "pipeline", pipeline.make_pipeline(scaler(), logistic()), (X, TWO)
    yield "pipeline_of_names", pipeline.make_pipeline(scaler(), logistic()), (FRAME, NAMES)
    yield "pipeline_passing", pipeline.Pipeline([("a", "passthrough"), ("b", None), ("c", linear_model.Ridge())]), (X, NUMBER)
    yield "pipeline_verbose", pipeline.make_pipeline(scaler(), decomposition.PCA(2), verbose=True), (X,)
    yield "pipeline_of_pipelines", pipeline.make_pipeline(pipeline.make_pipeline(scaler()), linear_model.Lasso(0.01)), (X, NUMBER)
    yield "union", pipeline.FeatureUnion([("a", decomposition.PCA(2)), ("b", scaler()), ("c", "drop")],
                                         transformer_weights={"a": 2.0}), (X,)
    yield "columns", columns, (MIXED,)
    yield "columns_by_number", compose.ColumnTransformer([("a", scaler(), [0, 1]), ("b", "passthrough", slice(2, 4))]), (X,)
    yield "columns_by_mask", compose.ColumnTransformer([("a", scaler(), [True, False, True, False])], remainder="passthrough"), (X,)
    yield "columns_and_rest", compose.ColumnTransformer([("a", scaler(), ["a"])], remainder=preprocessing.MinMaxScaler()), (FRAME,)
    yield "columns_dropped", compose.ColumnTransformer([("a", "drop", ["a"]), ("b", scaler(), ["b"])], n_jobs=1), (FRAME,)
    yield "columns_chosen", compose.make_column_transformer((scaler(), compose.make_column_selector(dtype_include=float))), (MIXED,)
    yield "columns_in_pipeline", pipeline.make_pipeline(columns, logistic()), (MIXED, TWO)
    yield "pipeline_in_pandas", pipeline.make_pipeline(scaler(), logistic()).set_output(transform="pandas"), (FRAME, TWO)
    yield "columns_in_pandas", compose.ColumnTransformer([("a", scaler(), ["a"])], remainder="passthrough",
                                                         verbose_feature_names_out=False).set_output(transform="pandas"), (FRAME,)
    yield "grid_search", model_selection.GridSearchCV(logistic(), {"C": [0.1, 1.0]}, cv=3), (X, TWO)
    yield "target", compose.TransformedTargetRegressor(linear_model.Ridge(), transformer=scaler()), (X, NUMBER)
    yield "voting", ensemble.VotingClassifier([("a", logistic()), ("b", naive_bayes.GaussianNB())]), (X, TWO)
    yield "counted_words", pipeline.make_pipeline(feature_extraction.text.CountVectorizer(), naive_bayes.MultinomialNB()), (TEXT, [0, 1, 0])
    yield "weighted_words", feature_extraction.text.TfidfVectorizer(), (TEXT,)
    yield "hashed_words", feature_extraction.text.HashingVectorizer(), (TEXT,)
    yield "dicts", feature_extraction.DictVectorizer(), ([{"a": 1}, {"b": 2}],)


def made():
    """All estimators by name: not fitted, and fitted to each kind of data."""
    for kind, data, *configurations in CONFIGURATIONS:
        known = inspect.signature(kind).parameters
        for number, options in enumerate(configurations):
            if not set(options) <= set(known):
                continue
            yield f"{kind.__name__}_{number}_new", kind(**options)
            for name, given in data.items():
                try:
                    yield "_".join(filter(None, (kind.__name__, str(number), name))), kind(**options).fit(*given)
                except (ValueError, IndexError):
                    pass  # Not every configuration suits every kind of data.
    for name, estimator, given in composed():
        yield name, estimator.fit(*given)


VALUES = {}
# A verbose pipeline prints what it does.
with contextlib.redirect_stdout(io.StringIO()):
    for name, estimator in made():
        # Two rows of one class have the same numbers.
        while name in VALUES:
            name += "_"
        VALUES[name] = estimator
