//! The rows of scikit-learn's transformers and of the estimators that hold others, with the attributes that
//! scikit-learn 1.0 to 1.9 gives them. [`predictors`](super::predictors) has the estimators that predict.
//!
//! scikit-learn has compiled code that trusts the numbers in a file. Files of others may have only the estimators that
//! compute with numpy alone, which checks shapes. Excluded are trees, neighbours, support vectors with kernels,
//! boosting, and everything that makes sparse matrices of its state (OneHotEncoder, CountVectorizer), because their
//! compiled code reads and writes memory at offsets in their state. So are attributes that call something: the function
//! of a FunctionTransformer, the cache of a Pipeline.
//!
//! `benches/untrusted/attributes.py` prints the attributes that an installed scikit-learn writes.

use super::declared_kind::{ArrayItems, Attributes, Axis, DeclaredKind as Kind, Kinds};
use super::registry_row::{KnownGlobal, known};
use crate::pickle::build_plan::{Builder, InstanceBuilder};

pub(super) const FLAG: Kinds = &[Kind::Flag];
pub(super) const INTEGER: Kinds = &[Kind::Integer];
pub(super) const NUMBER: Kinds = &[Kind::Number];
pub(super) const TEXT: Kinds = &[Kind::Text];
pub(super) const NOTHING: Kinds = &[Kind::Nothing];
pub(super) const INTEGER_OR_NONE: Kinds = &[Kind::Integer, Kind::Nothing];
pub(super) const NUMBER_OR_NONE: Kinds = &[Kind::Number, Kind::Nothing];
pub(super) const TEXT_OR_NONE: Kinds = &[Kind::Text, Kind::Nothing];
/// A flag, or a word such as `auto` or `deprecated` instead.
pub(super) const CHOICE: Kinds = &[Kind::Flag, Kind::Text, Kind::Nothing];
/// A number, or a word or nothing instead.
pub(super) const SETTING: Kinds = &[Kind::Number, Kind::Text, Kind::Nothing];
pub(super) const ESTIMATOR: Kinds = &[Kind::Instance];
pub(super) const RANDOM_STATE: Kinds = &[Kind::Integer, Kind::Nothing, Kind::Random];

pub(super) const FLOATS: Kinds = &[Kind::Array(ArrayItems::Floats, &[Axis::Any])];
pub(super) const ROWS_OF_FLOATS: Kinds = &[Kind::Array(ArrayItems::Floats, &[Axis::Any, Axis::Any])];
pub(super) const ANY_FLOATS: Kinds = &[Kind::AnyArray(ArrayItems::Floats)];
pub(super) const BY_FEATURE: Kinds = &[Kind::Array(ArrayItems::Floats, &[Axis::Features])];
pub(super) const ROWS_BY_FEATURE: Kinds = &[Kind::Array(ArrayItems::Floats, &[Axis::Any, Axis::Features])];
pub(super) const CLASSES: Kinds = &[Kind::Array(ArrayItems::Labels, &[Axis::Classes])];

const BY_FEATURE_OR_NONE: Kinds = &[Kind::Array(ArrayItems::Floats, &[Axis::Features]), Kind::Nothing];
const INTEGERS: Kinds = &[Kind::Array(ArrayItems::Integers, &[Axis::Any])];
const SAMPLES_SEEN: Kinds = &[Kind::Number, Kind::Array(ArrayItems::Numbers, &[Axis::Features])];
const PAIR: Kinds = &[Kind::Fields(&[NUMBER, NUMBER])];
const CLASS_OR_DTYPE: Kinds = &[Kind::GlobalOf("numpy"), Kind::GlobalOf("builtins"), Kind::Dtype, Kind::Text];
const SCALAR: Kinds = &[Kind::Number, Kind::Text, Kind::Nothing, Kind::GlobalOf("pandas._libs.missing")];

/// The attributes of everything that was fitted to a table.
pub(super) const FITTED: Attributes = &[
    ("n_features_in_", &[Kind::Length(Axis::Features)]),
    ("feature_names_in_", &[Kind::Array(ArrayItems::Labels, &[Axis::Features])]),
    ("_sklearn_output_config", &[Kind::Dict(TEXT, TEXT)]),
];

/// The row of an estimator.
pub(super) const fn estimator(
    module: &'static [&'static str],
    name: &'static [&'static str],
    attributes: &'static [Attributes],
) -> KnownGlobal {
    known(module, name).builds(Builder::Instance(InstanceBuilder::Estimator(attributes)))
}

/// The row of a class of scikit-learn that is no estimator.
const fn instance(
    module: &'static [&'static str],
    name: &'static [&'static str],
    attributes: &'static [Attributes],
) -> KnownGlobal {
    known(module, name).builds(Builder::Instance(InstanceBuilder::Plain(attributes)))
}

/// The columns that a transformer gets.
const COLUMNS: Kinds = &[
    Kind::Text,
    Kind::Integer,
    Kind::List(&[Kind::Text, Kind::Integer, Kind::Flag]),
    Kind::Typed("slice"),
    Kind::Array(ArrayItems::Labels, &[Axis::Any]),
    // `make_column_selector` and `_RemainderColsList`.
    Kind::Instance,
];
/// A transformer, or `passthrough` or `drop`.
const TRANSFORMER: Kinds = &[Kind::Instance, Kind::Text, Kind::Nothing];
const NAMED: Kinds = &[Kind::List(&[Kind::Fields(&[TEXT, TRANSFORMER])])];
const NAMED_WITH_COLUMNS: Kinds = &[Kind::List(&[Kind::Fields(&[TEXT, TRANSFORMER, COLUMNS])])];
const WEIGHTS: Kinds = &[Kind::Nothing, Kind::Dict(TEXT, NUMBER)];
const CATEGORIES: Kinds = &[Kind::List(&[
    Kind::Array(ArrayItems::Labels, &[Axis::Any]),
    Kind::List(&[Kind::Number, Kind::Text, Kind::Nothing]),
])];

/// How many processes an estimator may start.
pub(super) const JOBS: Kinds = &[Kind::Nothing, Kind::Jobs];

const COPY: Attributes = &[("copy", FLAG)];

const PIPELINE: Attributes = &[
    ("steps", NAMED),
    // A directory would be a cache: a fit would load pickles from it.
    ("memory", NOTHING),
    ("transform_input", &[Kind::Nothing, Kind::List(TEXT)]),
    ("verbose", FLAG),
];

const FEATURE_UNION: Attributes = &[
    ("transformer_list", NAMED),
    ("n_jobs", JOBS),
    ("transformer_weights", WEIGHTS),
    ("verbose", FLAG),
    ("verbose_feature_names_out", FLAG),
];

const COLUMN_TRANSFORMER: Attributes = &[
    ("transformers", NAMED_WITH_COLUMNS),
    ("transformers_", NAMED_WITH_COLUMNS),
    ("remainder", TRANSFORMER),
    ("_remainder", &[Kind::Fields(&[TEXT, TRANSFORMER, COLUMNS]), Kind::Fields(&[TEXT, TRANSFORMER, NOTHING])]),
    ("sparse_threshold", NUMBER),
    ("n_jobs", JOBS),
    ("transformer_weights", WEIGHTS),
    ("verbose", FLAG),
    ("verbose_feature_names_out", CHOICE),
    ("force_int_remainder_cols", CHOICE),
    ("_columns", &[Kind::List(COLUMNS)]),
    ("_transformer_to_input_indices", &[Kind::Dict(TEXT, &[Kind::List(INTEGER)])]),
    ("_n_features", &[Kind::Length(Axis::Features)]),
    ("_feature_names_in", &[Kind::Array(ArrayItems::Labels, &[Axis::Features]), Kind::Nothing]),
    ("sparse_output_", FLAG),
    ("_name_to_fitted_passthrough", &[Kind::Dict(TEXT, ESTIMATOR)]),
    ("output_indices_", &[Kind::Dict(TEXT, &[Kind::Typed("slice")])]),
    ("_transformers_feature_names_out", &[Kind::Array(ArrayItems::Labels, &[Axis::Any])]),
];

const DTYPES_OR_NONE: Kinds =
    &[Kind::Nothing, Kind::Text, Kind::GlobalOf("builtins"), Kind::GlobalOf("numpy"), Kind::List(CLASS_OR_DTYPE)];
const COLUMN_SELECTOR: Attributes =
    &[("pattern", TEXT_OR_NONE), ("dtype_include", DTYPES_OR_NONE), ("dtype_exclude", DTYPES_OR_NONE)];
const REMAINDER_COLUMNS: Attributes = &[
    ("data", &[Kind::List(&[Kind::Text, Kind::Integer, Kind::Flag])]),
    ("future_dtype", TEXT_OR_NONE),
    ("warning_was_emitted", FLAG),
    ("warning_enabled", FLAG),
];

const TARGET: Attributes = &[
    ("regressor", TRANSFORMER),
    ("transformer", TRANSFORMER),
    ("regressor_", ESTIMATOR),
    ("transformer_", ESTIMATOR),
    ("func", NOTHING),
    ("inverse_func", NOTHING),
    ("check_inverse", FLAG),
    ("_training_dim", INTEGER),
];

const FUNCTION: Attributes = &[
    // Without a function it passes its input on, as a ColumnTransformer needs it.
    ("func", NOTHING),
    ("inverse_func", NOTHING),
    ("validate", FLAG),
    ("accept_sparse", FLAG),
    ("check_inverse", FLAG),
    ("feature_names_out", TEXT_OR_NONE),
    ("kw_args", NOTHING),
    ("inv_kw_args", NOTHING),
];

const STANDARD: Attributes = &[
    ("with_mean", FLAG),
    ("with_std", FLAG),
    ("mean_", BY_FEATURE_OR_NONE),
    ("var_", BY_FEATURE_OR_NONE),
    ("scale_", BY_FEATURE_OR_NONE),
    ("n_samples_seen_", SAMPLES_SEEN),
];
const MIN_MAX: Attributes = &[
    ("feature_range", PAIR),
    ("clip", FLAG),
    ("n_samples_seen_", SAMPLES_SEEN),
    ("scale_", BY_FEATURE),
    ("min_", BY_FEATURE),
    ("data_min_", BY_FEATURE),
    ("data_max_", BY_FEATURE),
    ("data_range_", BY_FEATURE),
];
const MAX_ABS: Attributes =
    &[("clip", FLAG), ("n_samples_seen_", SAMPLES_SEEN), ("max_abs_", BY_FEATURE), ("scale_", BY_FEATURE)];
const ROBUST: Attributes = &[
    ("with_centering", FLAG),
    ("with_scaling", FLAG),
    ("quantile_range", PAIR),
    ("unit_variance", FLAG),
    ("center_", BY_FEATURE_OR_NONE),
    ("scale_", BY_FEATURE_OR_NONE),
];
const POWER: Attributes = &[("method", TEXT), ("standardize", FLAG), ("lambdas_", BY_FEATURE), ("_scaler", ESTIMATOR)];
const QUANTILE: Attributes = &[
    ("n_quantiles", INTEGER),
    ("output_distribution", TEXT),
    ("ignore_implicit_zeros", FLAG),
    ("subsample", INTEGER_OR_NONE),
    ("random_state", RANDOM_STATE),
    ("n_quantiles_", INTEGER),
    ("references_", FLOATS),
    ("quantiles_", ROWS_BY_FEATURE),
];
const POLYNOMIAL: Attributes = &[
    ("degree", &[Kind::Integer, Kind::Fields(&[INTEGER, INTEGER])]),
    ("interaction_only", FLAG),
    ("include_bias", FLAG),
    ("order", TEXT),
    ("_min_degree", INTEGER),
    ("_max_degree", INTEGER),
    ("n_output_features_", INTEGER),
    ("_n_out_full", INTEGER),
];
const ORDINAL: Attributes = &[
    ("categories", &[Kind::Text, CATEGORIES[0]]),
    ("dtype", CLASS_OR_DTYPE),
    ("handle_unknown", TEXT),
    ("unknown_value", NUMBER_OR_NONE),
    ("encoded_missing_value", NUMBER),
    ("min_frequency", NUMBER_OR_NONE),
    ("max_categories", INTEGER_OR_NONE),
    ("categories_", CATEGORIES),
    ("_missing_indices", &[Kind::Dict(INTEGER, INTEGER)]),
    ("_infrequent_enabled", FLAG),
    ("_infrequent_indices", &[Kind::List(&[Kind::Nothing, INTEGERS[0]])]),
    ("_default_to_infrequent_mappings", &[Kind::List(&[Kind::Nothing, INTEGERS[0]])]),
];
const BINARIZER_OF_LABELS: Attributes = &[
    ("neg_label", INTEGER),
    ("pos_label", INTEGER),
    ("sparse_output", FLAG),
    ("y_type_", TEXT),
    ("sparse_input_", FLAG),
    ("classes_", CLASSES),
];

const IMPUTER: Attributes = &[
    ("missing_values", SCALAR),
    ("add_indicator", FLAG),
    ("keep_empty_features", FLAG),
    ("strategy", TEXT),
    ("fill_value", SCALAR),
    ("verbose", SETTING),
    ("_fit_dtype", &[Kind::Dtype]),
    ("_fill_dtype", &[Kind::Dtype]),
    ("indicator_", &[Kind::Instance, Kind::Nothing]),
    ("statistics_", &[Kind::Array(ArrayItems::Labels, &[Axis::Features])]),
];
const INDICATOR: Attributes = &[
    ("missing_values", SCALAR),
    ("features", TEXT),
    ("sparse", CHOICE),
    ("error_on_new", FLAG),
    ("_precomputed", FLAG),
    ("_n_features", &[Kind::Length(Axis::Features)]),
    ("features_", INTEGERS),
];

const PCA: Attributes = &[
    ("n_components", SETTING),
    ("whiten", FLAG),
    ("svd_solver", TEXT),
    ("tol", NUMBER),
    ("iterated_power", SETTING),
    ("n_oversamples", INTEGER),
    ("power_iteration_normalizer", TEXT),
    ("random_state", RANDOM_STATE),
    ("batch_size", INTEGER_OR_NONE),
    ("_fit_svd_solver", TEXT),
    ("n_samples_", INTEGER),
    ("n_features_", &[Kind::Length(Axis::Features)]),
    ("n_samples_seen_", NUMBER),
    ("batch_size_", INTEGER),
    ("n_components_", INTEGER),
    ("mean_", BY_FEATURE),
    ("var_", BY_FEATURE),
    ("noise_variance_", NUMBER),
    ("components_", ROWS_BY_FEATURE),
    ("explained_variance_", FLOATS),
    ("explained_variance_ratio_", FLOATS),
    ("singular_values_", FLOATS),
];
const TRUNCATED_SVD: Attributes = &[
    ("algorithm", TEXT),
    ("n_components", INTEGER),
    ("n_iter", INTEGER),
    ("n_oversamples", INTEGER),
    ("power_iteration_normalizer", TEXT),
    ("random_state", RANDOM_STATE),
    ("tol", NUMBER),
    ("components_", ROWS_BY_FEATURE),
    ("explained_variance_", FLOATS),
    ("explained_variance_ratio_", FLOATS),
    ("singular_values_", FLOATS),
];

const BY_PERCENTILE_OR_NUMBER: Attributes = &[
    ("score_func", &[Kind::GlobalOf("sklearn.feature_selection._univariate_selection")]),
    ("k", &[Kind::Integer, Kind::Text]),
    ("percentile", INTEGER),
    ("scores_", BY_FEATURE),
    ("pvalues_", BY_FEATURE_OR_NONE),
];
const VARIANCE: Attributes = &[("threshold", NUMBER), ("variances_", BY_FEATURE)];

const SPLITTER: Attributes = &[
    ("n_splits", INTEGER),
    ("shuffle", FLAG),
    ("random_state", RANDOM_STATE),
    ("max_train_size", INTEGER_OR_NONE),
    ("test_size", NUMBER_OR_NONE),
    ("train_size", NUMBER_OR_NONE),
    ("_default_test_size", NUMBER),
    ("gap", INTEGER),
];

#[rustfmt::skip]
pub(super) const ROWS: &[KnownGlobal] = &[
    estimator(&["sklearn.pipeline"], &["Pipeline"], &[FITTED, PIPELINE]),
    estimator(&["sklearn.pipeline"], &["FeatureUnion"], &[FITTED, FEATURE_UNION]),
    estimator(&["sklearn.compose._column_transformer"], &["ColumnTransformer"], &[FITTED, COLUMN_TRANSFORMER]),
    estimator(&["sklearn.compose._target"], &["TransformedTargetRegressor"], &[FITTED, TARGET]),
    instance(&["sklearn.compose._column_transformer"], &["make_column_selector"], &[COLUMN_SELECTOR]),
    instance(&["sklearn.compose._column_transformer"], &["_RemainderColsList"], &[REMAINDER_COLUMNS]),
    instance(&["sklearn.model_selection._split"], &[
        "KFold", "StratifiedKFold", "GroupKFold", "StratifiedGroupKFold", "TimeSeriesSplit", "ShuffleSplit",
        "StratifiedShuffleSplit",
    ], &[SPLITTER]),

    estimator(&["sklearn.preprocessing._data"], &["StandardScaler"], &[FITTED, COPY, STANDARD]),
    estimator(&["sklearn.preprocessing._data"], &["MinMaxScaler"], &[FITTED, COPY, MIN_MAX]),
    estimator(&["sklearn.preprocessing._data"], &["MaxAbsScaler"], &[FITTED, COPY, MAX_ABS]),
    estimator(&["sklearn.preprocessing._data"], &["RobustScaler"], &[FITTED, COPY, ROBUST]),
    estimator(&["sklearn.preprocessing._data"], &["Normalizer"], &[FITTED, COPY, &[("norm", TEXT)]]),
    estimator(&["sklearn.preprocessing._data"], &["Binarizer"], &[FITTED, COPY, &[("threshold", NUMBER)]]),
    estimator(&["sklearn.preprocessing._data"], &["PowerTransformer"], &[FITTED, COPY, POWER]),
    estimator(&["sklearn.preprocessing._data"], &["QuantileTransformer"], &[FITTED, COPY, QUANTILE]),
    estimator(&["sklearn.preprocessing._polynomial", "sklearn.preprocessing._data"], &["PolynomialFeatures"],
        &[FITTED, POLYNOMIAL]),
    estimator(&["sklearn.preprocessing._function_transformer"], &["FunctionTransformer"], &[FITTED, FUNCTION]),
    estimator(&["sklearn.preprocessing._encoders"], &["OrdinalEncoder"], &[FITTED, ORDINAL]),
    estimator(&["sklearn.preprocessing._label"], &["LabelEncoder"], &[&[("classes_", CLASSES)]]),
    estimator(&["sklearn.preprocessing._label"], &["LabelBinarizer"], &[BINARIZER_OF_LABELS]),
    estimator(&["sklearn.impute._base"], &["SimpleImputer"], &[FITTED, COPY, IMPUTER]),
    estimator(&["sklearn.impute._base"], &["MissingIndicator"], &[FITTED, INDICATOR]),
    estimator(&["sklearn.feature_selection._variance_threshold"], &["VarianceThreshold"], &[FITTED, VARIANCE]),
    estimator(&["sklearn.feature_selection._univariate_selection"], &["SelectKBest", "SelectPercentile"],
        &[FITTED, BY_PERCENTILE_OR_NUMBER]),
    // Functions that score features: values only.
    known(&["sklearn.feature_selection._univariate_selection"], &[
        "f_classif", "f_regression", "chi2", "r_regression", "f_oneway",
    ]).builds(Builder::Instance(InstanceBuilder::Uncalled)),
    estimator(&["sklearn.decomposition._pca"], &["PCA"], &[FITTED, COPY, PCA]),
    estimator(&["sklearn.decomposition._incremental_pca"], &["IncrementalPCA"], &[FITTED, COPY, PCA]),
    estimator(&["sklearn.decomposition._truncated_svd"], &["TruncatedSVD"], &[FITTED, TRUNCATED_SVD]),
];
