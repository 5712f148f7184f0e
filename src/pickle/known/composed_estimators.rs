//! The rows of scikit-learn's estimators that are made of others, that search for parameters, or that were fitted by
//! gradient descent. Each other estimator has a row of its own, so none of them can bring in one that trusts the
//! numbers in a file.

use super::declared_kind::{ArrayItems, Attributes, Axis, DeclaredKind as Kind, Kinds};
use super::estimator_parameters::{PARAMETER, PARAMETERS};
use super::estimators::{
    BY_FEATURE, CLASSES, ESTIMATOR, FITTED, FLAG, FLOATS, INTEGER, NOTHING, NUMBER, ROWS_OF_FLOATS, TEXT, estimator,
};
use super::registry_row::{Effect, KnownGlobal, known};
use crate::pickle::build_plan::{Builder, InstanceBuilder};

const BOOLS_BY_FEATURE: Kinds = &[Kind::Array(ArrayItems::Bools, &[Axis::Features])];
const INTEGERS: Kinds = &[Kind::AnyArray(ArrayItems::Integers)];
const LABELS: Kinds = &[Kind::AnyArray(ArrayItems::Labels)];
const ESTIMATOR_OR_TEXT: Kinds = &[Kind::Instance, Kind::Text, Kind::Nothing];
const ESTIMATORS: Kinds = &[Kind::List(ESTIMATOR_OR_TEXT), Kind::Tuple(ESTIMATOR_OR_TEXT)];
const NAMED: Kinds = &[Kind::List(&[Kind::Fields(&[TEXT, ESTIMATOR_OR_TEXT])])];
/// One array of class names, or one for each target.
const CLASSES_OF_ALL: Kinds = &[Kind::AnyArray(ArrayItems::Labels), Kind::List(LABELS)];
const NAMES_OR_NUMBERS: Kinds = &[Kind::AnyArray(ArrayItems::Labels), Kind::List(PARAMETER), Kind::Nothing];

/// The parameters of the classes in this file.
const OWN: Attributes = &[
    ("estimator", ESTIMATOR_OR_TEXT),
    ("base_estimator", ESTIMATOR_OR_TEXT),
    ("estimators", NAMED),
    ("estimator_", ESTIMATOR),
    ("estimators_", ESTIMATORS),
    ("final_estimator", ESTIMATOR_OR_TEXT),
    ("final_estimator_", ESTIMATOR),
    ("classes_", CLASSES_OF_ALL),
    ("n_features_to_select", PARAMETER),
    ("min_features_to_select", PARAMETER),
    ("direction", TEXT),
    ("step", NUMBER),
    ("scoring", &[Kind::Text, Kind::Nothing]),
    ("importance_getter", TEXT),
    ("threshold", PARAMETER),
    ("prefit", FLAG),
    ("norm_order", NUMBER),
    ("max_features", PARAMETER),
    ("max_features_", NUMBER),
    ("threshold_", NUMBER),
    ("weights", PARAMETER),
    ("voting", TEXT),
    ("flatten_transform", FLAG),
    ("stack_method", TEXT),
    ("stack_method_", &[Kind::List(TEXT)]),
    ("passthrough", FLAG),
    ("le_", ESTIMATOR),
    ("_le", ESTIMATOR),
    ("_label_encoder", &[Kind::Instance, Kind::List(ESTIMATOR)]),
    ("label_binarizer_", ESTIMATOR),
    ("order", PARAMETER),
    ("order_", &[Kind::List(INTEGER), Kind::AnyArray(ArrayItems::Integers)]),
    ("chain_method", TEXT),
    ("chain_method_", TEXT),
    ("code_size", NUMBER),
    ("code_book_", ROWS_OF_FLOATS),
    ("pairwise_indices_", &[Kind::Nothing, Kind::List(INTEGERS)]),
    ("n_outputs_", INTEGER),
    ("pos_label", PARAMETER),
    ("response_method", PARAMETER),
    ("refit", &[Kind::Flag, Kind::Text]),
];

const ELIMINATION: Attributes = &[
    ("n_features_", INTEGER),
    ("n_features_to_select_", INTEGER),
    ("support_", BOOLS_BY_FEATURE),
    ("ranking_", &[Kind::Array(ArrayItems::Integers, &[Axis::Features])]),
    ("cv_results_", &[Kind::Dict(TEXT, &[Kind::AnyArray(ArrayItems::Labels)])]),
];
const UNIVARIATE: Attributes = &[
    ("score_func", &[Kind::GlobalOf("sklearn.feature_selection._univariate_selection")]),
    ("mode", TEXT),
    ("param", PARAMETER),
    ("scores_", BY_FEATURE),
    ("pvalues_", &[Kind::Array(ArrayItems::Floats, &[Axis::Features]), Kind::Nothing]),
];
const CONSENSUS: Attributes = &[
    ("min_samples", PARAMETER),
    ("residual_threshold", PARAMETER),
    ("is_data_valid", NOTHING),
    ("is_model_valid", NOTHING),
    ("max_trials", NUMBER),
    ("max_skips", NUMBER),
    ("stop_n_inliers", NUMBER),
    ("stop_score", NUMBER),
    ("stop_probability", NUMBER),
    ("loss", TEXT),
    ("n_skips_no_inliers_", INTEGER),
    ("n_skips_invalid_data_", INTEGER),
    ("n_skips_invalid_model_", INTEGER),
    ("n_trials_", INTEGER),
    ("inlier_mask_", &[Kind::Array(ArrayItems::Bools, &[Axis::Any])]),
];

const CANDIDATES: Kinds = &[Kind::Dict(TEXT, PARAMETER)];
const SEARCH: Attributes = &[
    ("scoring", &[Kind::Text, Kind::Nothing, Kind::List(TEXT), Kind::Tuple(TEXT)]),
    ("param_grid", &[Kind::Dict(TEXT, PARAMETER), Kind::List(CANDIDATES)]),
    ("param_distributions", &[Kind::Dict(TEXT, PARAMETER), Kind::List(CANDIDATES)]),
    ("pre_dispatch", &[Kind::Dispatch]),
    ("error_score", PARAMETER),
    ("return_train_score", FLAG),
    ("multimetric_", FLAG),
    ("best_index_", INTEGER),
    ("best_score_", NUMBER),
    ("best_params_", CANDIDATES),
    ("best_estimator_", ESTIMATOR),
    ("refit_time_", NUMBER),
    ("scorer_", &[Kind::Instance, Kind::Dict(TEXT, ESTIMATOR)]),
    ("cv_results_", &[Kind::Dict(TEXT, &[Kind::AnyArray(ArrayItems::Labels), Kind::List(CANDIDATES)])]),
    ("n_splits_", INTEGER),
    ("_checked_cv_orig", ESTIMATOR),
];
const SCORER: Attributes = &[("_estimator", ESTIMATOR), ("_response_method", PARAMETER)];

/// Compiled code of `partial_fit` takes the first line without looking whether there is one.
const LINES: Kinds = &[
    Kind::Array(ArrayItems::Floats, &[Axis::Features]),
    Kind::FilledArray(ArrayItems::Floats, &[Axis::Any, Axis::Features]),
    Kind::Nothing,
];
const OFFSETS: Kinds = &[Kind::Number, Kind::Array(ArrayItems::Floats, &[Axis::Any]), Kind::Nothing];
const DESCENT: Attributes = &[
    ("loss", TEXT),
    ("penalty", PARAMETER),
    ("l1_ratio", PARAMETER),
    ("epsilon", NUMBER),
    ("eta0", NUMBER),
    ("power_t", NUMBER),
    ("early_stopping", FLAG),
    ("validation_fraction", NUMBER),
    ("n_iter_no_change", INTEGER),
    ("class_weight", PARAMETER),
    ("average", &[Kind::Flag, Kind::Number]),
    ("C", NUMBER),
    ("nu", NUMBER),
    // A second fit would begin with arrays whose sizes compiled code does not compare.
    ("warm_start", &[Kind::Off]),
    ("coef_", LINES),
    ("standard_coef_", LINES),
    ("_standard_coef", LINES),
    ("average_coef_", LINES),
    ("_average_coef", LINES),
    ("intercept_", OFFSETS),
    ("offset_", OFFSETS),
    ("standard_intercept_", OFFSETS),
    ("_standard_intercept", OFFSETS),
    ("average_intercept_", OFFSETS),
    ("_average_intercept", OFFSETS),
    ("t_", NUMBER),
    ("n_iter_", NUMBER),
    ("classes_", CLASSES),
    ("_expanded_class_weight", FLOATS),
    ("loss_function_", ESTIMATOR),
    ("_loss_function_", ESTIMATOR),
];

const GENERALIZED: Attributes = &[
    ("alpha", NUMBER),
    ("power", NUMBER),
    ("link", TEXT),
    ("solver", TEXT),
    ("warm_start", FLAG),
    ("_base_loss", ESTIMATOR),
    ("n_iter_", NUMBER),
    ("intercept_", NUMBER),
    ("coef_", BY_FEATURE),
];
const LOSS: Attributes = &[
    ("closs", ESTIMATOR),
    ("link", ESTIMATOR),
    ("n_classes", PARAMETER),
    ("xp", NOTHING),
    ("device", NOTHING),
    ("approx_hessian", FLAG),
    ("constant_hessian", FLAG),
    ("interval_y_true", ESTIMATOR),
    ("interval_y_pred", ESTIMATOR),
];
const INTERVAL: Attributes = &[("low", NUMBER), ("high", NUMBER), ("low_inclusive", FLAG), ("high_inclusive", FLAG)];
/// Kernels of Gaussian processes, and their sums, products and powers.
const KERNEL: Attributes = &[
    ("constant_value", NUMBER),
    ("constant_value_bounds", PARAMETER),
    ("length_scale", PARAMETER),
    ("length_scale_bounds", PARAMETER),
    ("nu", NUMBER),
    ("alpha", NUMBER),
    ("alpha_bounds", PARAMETER),
    ("periodicity", NUMBER),
    ("periodicity_bounds", PARAMETER),
    ("sigma_0", NUMBER),
    ("sigma_0_bounds", PARAMETER),
    ("noise_level", NUMBER),
    ("noise_level_bounds", PARAMETER),
    ("k1", ESTIMATOR),
    ("k2", ESTIMATOR),
    ("kernel", ESTIMATOR),
    ("exponent", NUMBER),
];
const LABEL_SETS: Attributes = &[
    ("classes", NAMES_OR_NUMBERS),
    ("sparse_output", FLAG),
    // Numbers of columns, which nothing compares with their number. A transform makes it again.
    ("_cached_dict", NOTHING),
    ("classes_", CLASSES),
];

/// Rows of compiled classes whose instances are made of numbers, by a call.
const fn made(module: &'static [&'static str], name: &'static [&'static str], arguments: usize) -> KnownGlobal {
    known(module, name).effect(Effect::Data).builds(Builder::Instance(InstanceBuilder::Made(arguments)))
}

const fn plain(
    module: &'static [&'static str],
    name: &'static [&'static str],
    attributes: &'static [Attributes],
) -> KnownGlobal {
    known(module, name).builds(Builder::Instance(InstanceBuilder::Plain(attributes)))
}

#[rustfmt::skip]
pub(super) const ROWS: &[KnownGlobal] = &[
    estimator(&["sklearn.multioutput"],
        &["MultiOutputClassifier", "MultiOutputRegressor", "ClassifierChain", "RegressorChain"],
        &[FITTED, OWN, PARAMETERS]),
    estimator(&["sklearn.multiclass"], &["OneVsRestClassifier", "OneVsOneClassifier", "OutputCodeClassifier"],
        &[FITTED, OWN, PARAMETERS]),
    plain(&["sklearn.multiclass"], &["_ConstantPredictor"], &[&[("y_", LABELS), ("_sklearn_version", TEXT)], FITTED]),
    estimator(&["sklearn.feature_selection._rfe"], &["RFE", "RFECV"], &[FITTED, OWN, ELIMINATION, PARAMETERS]),
    estimator(&["sklearn.feature_selection._from_model"], &["SelectFromModel"], &[FITTED, OWN, PARAMETERS]),
    estimator(&["sklearn.feature_selection._sequential"], &["SequentialFeatureSelector"],
        &[FITTED, OWN, ELIMINATION, PARAMETERS]),
    estimator(&["sklearn.feature_selection._univariate_selection"],
        &["GenericUnivariateSelect", "SelectFdr", "SelectFpr", "SelectFwe"], &[FITTED, UNIVARIATE, PARAMETERS]),
    estimator(&["sklearn.linear_model._ransac"], &["RANSACRegressor"], &[FITTED, OWN, CONSENSUS, PARAMETERS]),
    estimator(&["sklearn.model_selection._classification_threshold"], &["FixedThresholdClassifier"],
        &[FITTED, OWN, PARAMETERS]),
    estimator(&["sklearn.frozen._frozen"], &["FrozenEstimator"], &[FITTED, OWN]),
    estimator(&["sklearn.model_selection._search"], &["GridSearchCV", "RandomizedSearchCV"],
        &[FITTED, SEARCH, OWN, PARAMETERS]),
    plain(&["sklearn.metrics._scorer"], &["_PassthroughScorer"], &[SCORER]),
    estimator(&["sklearn.linear_model._stochastic_gradient"], &["SGDClassifier", "SGDRegressor", "SGDOneClassSVM"],
        &[FITTED, DESCENT, PARAMETERS]),
    estimator(&["sklearn.linear_model._perceptron"], &["Perceptron"], &[FITTED, DESCENT, PARAMETERS]),
    estimator(&["sklearn.linear_model._passive_aggressive"],
        &["PassiveAggressiveClassifier", "PassiveAggressiveRegressor"], &[FITTED, DESCENT, PARAMETERS]),
    made(&["sklearn.linear_model._sgd_fast"], &[
        "Hinge", "SquaredHinge", "EpsilonInsensitive", "SquaredEpsilonInsensitive",
    ], 1),
    made(&["sklearn.linear_model._sgd_fast"], &["ModifiedHuber", "Log", "SquaredLoss"], 0),
    made(&["sklearn._loss._loss"], &[
        "CyHalfPoissonLoss", "CyHalfGammaLoss", "CyHalfSquaredError", "CyHalfBinomialLoss", "CyAbsoluteError",
    ], 0),
    made(&["sklearn._loss._loss"], &["CyHalfTweedieLoss", "CyHalfTweedieLossIdentity", "CyHuberLoss"], 1),
    plain(&["sklearn._loss.loss"], &[
        "HalfPoissonLoss", "HalfGammaLoss", "HalfTweedieLoss", "HalfTweedieLossIdentity", "HalfSquaredError",
    ], &[LOSS]),
    plain(&["sklearn._loss.link"], &["LogLink", "IdentityLink"], &[]),
    plain(&["sklearn._loss.link"], &["Interval"], &[INTERVAL]),
    plain(&["sklearn.gaussian_process.kernels"], &[
        "ConstantKernel", "RBF", "Matern", "RationalQuadratic", "ExpSineSquared", "DotProduct", "WhiteKernel", "Sum",
        "Product", "Exponentiation",
    ], &[KERNEL]),
    estimator(&["sklearn.linear_model._glm.glm"], &["PoissonRegressor", "GammaRegressor", "TweedieRegressor"],
        &[FITTED, GENERALIZED, PARAMETERS]),
    estimator(&["sklearn.preprocessing._label"], &["MultiLabelBinarizer"], &[LABEL_SETS]),
];
