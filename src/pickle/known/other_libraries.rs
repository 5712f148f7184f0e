//! The rows of scikit-learn, joblib, torch, jax, polars and sympy.
//!
//! scikit-learn and torch have compiled code that trusts the numbers in a file. Untrusted files may load only the
//! scikit-learn estimators that compute with numpy alone, which checks the shapes it is given. Excluded are trees,
//! neighbours, support vectors, k-means, boosting and everything that holds sparse matrices, because their compiled
//! code reads and writes memory at offsets in their state; and FunctionTransformer, which calls a function from its
//! state.

use crate::pickle::build_plan::{ArrayBuilder, Builder};

use super::registry_row::{Effect, KnownGlobal, Makes, Trait, dangerous, data_class, known};

/// joblib writes an instance of this class in place of each array, followed by the array's bytes. scikit-learn had its
/// own copy of joblib up to 0.22.
pub(in crate::pickle) const ARRAY_WRAPPER_NAME: &str = "NumpyArrayWrapper";
/// The classes of joblib up to 0.9 that stand for an array in a file of its own.
pub(in crate::pickle) const ARRAY_FILE_NAMES: &[&str] = &["NDArrayWrapper", "ZNDArrayWrapper"];
pub(in crate::pickle) const ARRAY_WRAPPER_MODULES: &[&str] =
    &["joblib.numpy_pickle", "sklearn.externals.joblib.numpy_pickle"];

const TENSOR: &str = "torch.Tensor";
const PARAMETER: &str = "torch.nn.parameter.Parameter";

#[rustfmt::skip]
pub(super) const ROWS: &[KnownGlobal] = &[
    known(ARRAY_WRAPPER_MODULES, &[ARRAY_WRAPPER_NAME])
        .builds(Builder::Array(ArrayBuilder::Joblib))
        .traits(&[Trait::ArrayWrapper]),

    data_class(&["sklearn.pipeline"], &["Pipeline", "FeatureUnion"]),
    data_class(&["sklearn.compose._column_transformer"], &["ColumnTransformer"]),
    data_class(&["sklearn.preprocessing._data"], &[
        "StandardScaler", "MinMaxScaler", "MaxAbsScaler", "RobustScaler", "Normalizer", "Binarizer", "PowerTransformer",
        "QuantileTransformer",
    ]),
    data_class(&["sklearn.preprocessing._encoders"], &["OrdinalEncoder"]),
    data_class(&["sklearn.preprocessing._label"], &["LabelEncoder"]),
    data_class(&["sklearn.impute._base"], &["SimpleImputer"]),
    data_class(&["sklearn.feature_selection._variance_threshold"], &["VarianceThreshold"]),
    data_class(&["sklearn.decomposition._pca"], &["PCA"]),
    data_class(&["sklearn.decomposition._truncated_svd"], &["TruncatedSVD"]),
    data_class(&["sklearn.linear_model._base"], &["LinearRegression"]),
    data_class(&["sklearn.linear_model._ridge"], &["Ridge", "RidgeCV"]),
    data_class(&["sklearn.linear_model._coordinate_descent"], &["Lasso", "LassoCV", "ElasticNet", "ElasticNetCV"]),
    data_class(&["sklearn.linear_model._logistic"], &["LogisticRegression", "LogisticRegressionCV"]),
    data_class(&["sklearn.linear_model._bayes"], &["BayesianRidge", "ARDRegression"]),
    data_class(&["sklearn.linear_model._huber"], &["HuberRegressor"]),
    data_class(&["sklearn.naive_bayes"], &["GaussianNB", "MultinomialNB", "BernoulliNB", "ComplementNB"]),
    data_class(&["sklearn.discriminant_analysis"], &["LinearDiscriminantAnalysis", "QuadraticDiscriminantAnalysis"]),
    data_class(&["sklearn.dummy"], &["DummyClassifier", "DummyRegressor"]),

    // Not loaded from untrusted files: compiled code.
    known(&["sklearn._loss._loss"], &["CyHalfBinomialLoss", "CyHalfSquaredError", "CyHalfMultinomialLoss"])
        .effect(Effect::Data),
    known(
        &["sklearn.linear_model._sgd_fast"],
        &["Hinge", "SquaredHinge", "Log", "SquaredLoss", "Huber", "ModifiedHuber", "EpsilonInsensitive"],
    )
        .effect(Effect::Data),
    known(&["sklearn.metrics._dist_metrics", "sklearn.neighbors._kd_tree", "sklearn.neighbors._ball_tree"], &["newObj"])
        .effect(Effect::New(0)),
    known(&["sklearn.tree._tree"], &["Tree"]).effect(Effect::Data),

    // Not loaded from untrusted files: torch checks little of the sizes and strides in their arguments.
    known(&["torch"], &["frombuffer"]).makes(Makes::Type(TENSOR)).effect(Effect::Data),
    known(&["torch"], &["empty"]).makes(Makes::Type(TENSOR)).effect(Effect::Data),
    // torch, jax and polars call methods such as `__torch_function__` and `__arrow_c_stream__` of arguments.
    known(&["torch"], &["Tensor.narrow", "Tensor.copy_"]).makes(Makes::Type(TENSOR)).effect(Effect::OfLiterals),
    known(&["torch.cuda"], &["device_count"]).effect(Effect::Data),
    known(&["torch"], &["Tensor.untyped_storage"]).makes(Makes::Type("torch.UntypedStorage")).effect(Effect::Data),
    known(&["torch"], &["Tensor._make_subclass"]).makes(Makes::InstanceOf(0)).effect(Effect::New(0)),
    known(&["torch"], &["Size"]).effect(Effect::OfLiterals),
    known(&["torch.storage"], &["TypedStorage", "UntypedStorage"]).effect(Effect::OfLiterals).exported_by("torch"),
    known(&["torch.serialization"], &["_get_layout"]).effect(Effect::Data),
    known(&["torch._utils"], &[
        "_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_tensor_v3", "_rebuild_sparse_tensor", "_rebuild_qtensor",
    ])
        .makes(Makes::Type(TENSOR))
        .effect(Effect::Data),
    known(&["torch._utils"], &["_rebuild_parameter"]).makes(Makes::Type(PARAMETER)).effect(Effect::Data),
    known(&["jax.numpy"], &["from_dlpack", "asarray"]).makes(Makes::Type("jax.Array")),
    known(&["polars"], &["from_arrow"]).makes(Makes::Type("polars.dataframe.frame.DataFrame")),
    known(&["polars"], &["DataFrame.to_series"])
        .makes(Makes::Type("polars.series.series.Series"))
        .effect(Effect::OfLiterals),
    known(&["torch.storage"], &["_load_from_bytes"]).effect(Effect::Load),
    dangerous(&["torch"], &["load", "compile"]),
    dangerous(&["sympy"], &["sympify"]),
];
