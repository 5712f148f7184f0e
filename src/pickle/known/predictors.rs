//! The rows of scikit-learn's classifiers and regressors that compute with numpy alone, with the attributes that
//! scikit-learn 1.0 to 1.9 gives them. See [`estimators`](super::estimators) for the ones that are left out, and why.

use super::declared_kind::{ArrayItems, Attributes, Axis, DeclaredKind as Kind, Kinds};
use super::estimators::{
    ANY_FLOATS, BY_FEATURE, CHOICE, CLASSES, ESTIMATOR, FITTED, FLAG, FLOATS, INTEGER, INTEGER_OR_NONE, JOBS, NOTHING,
    NUMBER, NUMBER_OR_NONE, RANDOM_STATE, ROWS_BY_FEATURE, ROWS_OF_FLOATS, SETTING, TEXT, TEXT_OR_NONE, estimator,
};
use super::registry_row::{KnownGlobal, known};
use crate::pickle::build_plan::{Builder, InstanceBuilder};

/// Numbers that were given as a parameter.
const NUMBERS: Kinds =
    &[Kind::Number, Kind::List(NUMBER), Kind::Tuple(NUMBER), Kind::Array(ArrayItems::Numbers, &[Axis::Any])];
const NUMBERS_OR_NONE: Kinds = &[
    Kind::Nothing,
    Kind::Text,
    Kind::Number,
    Kind::List(NUMBER_OR_NONE),
    Kind::Tuple(NUMBER_OR_NONE),
    Kind::Array(ArrayItems::Labels, &[Axis::Any]),
];
const NUMBER_OR_FLOATS: Kinds = &[Kind::Number, Kind::AnyArray(ArrayItems::Floats)];
const ITERATIONS: Kinds = &[
    Kind::Nothing,
    Kind::Integer,
    Kind::List(INTEGER),
    Kind::AnyArray(ArrayItems::Integers),
    Kind::AnyArray(ArrayItems::Floats),
];
/// One row, or one for each target.
const COEFFICIENTS: Kinds = &[
    Kind::Array(ArrayItems::Floats, &[Axis::Features]),
    Kind::Array(ArrayItems::Floats, &[Axis::Any, Axis::Features]),
];
/// One number, or one for each target.
const INTERCEPT: Kinds = &[Kind::Number, Kind::Array(ArrayItems::Floats, &[Axis::Any])];
const SQUARE: Kinds = &[Kind::Array(ArrayItems::Floats, &[Axis::Features, Axis::Features])];
const LABEL: Kinds = &[Kind::Number, Kind::Text];
const CLASS_WEIGHT: Kinds = &[Kind::Nothing, Kind::Text, Kind::Dict(LABEL, NUMBER)];
/// The number of parts, or the object that splits into them.
const SPLITTER: Kinds = &[Kind::Nothing, Kind::Integer, Kind::Instance];
const BY_CLASS: Kinds = &[Kind::Array(ArrayItems::Floats, &[Axis::Classes])];
const BY_CLASS_AND_FEATURE: Kinds = &[Kind::Array(ArrayItems::Floats, &[Axis::Classes, Axis::Features])];

const LINEAR: Attributes = &[
    ("fit_intercept", FLAG),
    ("copy_X", CHOICE),
    ("normalize", CHOICE),
    ("n_jobs", JOBS),
    ("positive", FLAG),
    ("max_iter", INTEGER_OR_NONE),
    ("tol", SETTING),
    ("verbose", &[Kind::Flag]),
    ("random_state", RANDOM_STATE),
    ("coef_", COEFFICIENTS),
    ("intercept_", INTERCEPT),
    ("n_iter_", ITERATIONS),
];
const CLASSIFIER: Attributes = &[("classes_", CLASSES), ("class_weight", CLASS_WEIGHT)];

const LEAST_SQUARES: Attributes = &[("rank_", INTEGER), ("singular_", FLOATS)];

const RIDGE: Attributes = &[("alpha", NUMBERS), ("solver", TEXT), ("solver_", TEXT)];
const RIDGE_CLASSIFIER: Attributes = &[("_label_binarizer", ESTIMATOR)];
const RIDGE_CV: Attributes = &[
    ("alphas", NUMBERS),
    ("scoring", TEXT_OR_NONE),
    ("cv", SPLITTER),
    ("gcv_mode", TEXT_OR_NONE),
    ("store_cv_values", CHOICE),
    ("store_cv_results", CHOICE),
    ("_store_cv_results", FLAG),
    ("alpha_per_target", FLAG),
    ("alpha_", NUMBER_OR_FLOATS),
    ("best_score_", NUMBER_OR_FLOATS),
    ("cv_values_", ANY_FLOATS),
    ("cv_results_", ANY_FLOATS),
];

const COORDINATE_DESCENT: Attributes = &[
    ("alpha", NUMBER),
    ("l1_ratio", NUMBER),
    ("precompute", CHOICE),
    // A second fit would start with the old coefficients, whose number compiled code does not check.
    ("warm_start", &[Kind::Off]),
    ("selection", TEXT),
    ("dual_gap_", INTERCEPT),
    ("eps_", NUMBER),
];
const COORDINATE_DESCENT_CV: Attributes = &[
    ("l1_ratio", NUMBERS),
    ("eps", NUMBER),
    ("n_alphas", SETTING),
    ("alphas", NUMBERS_OR_NONE),
    ("_alphas", NUMBERS_OR_NONE),
    ("precompute", CHOICE),
    ("cv", SPLITTER),
    ("selection", TEXT),
    ("mse_path_", ANY_FLOATS),
    ("l1_ratio_", NUMBER),
    ("alpha_", NUMBER),
    ("alphas_", ANY_FLOATS),
    ("dual_gap_", INTERCEPT),
];

const LOGISTIC: Attributes = &[
    ("penalty", TEXT_OR_NONE),
    ("dual", FLAG),
    ("C", NUMBER),
    ("intercept_scaling", NUMBER),
    ("solver", TEXT),
    ("multi_class", TEXT),
    ("warm_start", FLAG),
    ("l1_ratio", NUMBER_OR_NONE),
];
/// Scores and paths by class, or for all classes.
const BY_LABEL: Kinds = &[Kind::Dict(LABEL, ANY_FLOATS), Kind::AnyArray(ArrayItems::Floats)];
const LOGISTIC_CV: Attributes = &[
    ("Cs", NUMBERS),
    ("cv", SPLITTER),
    ("scoring", TEXT_OR_NONE),
    ("refit", FLAG),
    ("l1_ratios", NUMBERS_OR_NONE),
    ("use_legacy_attributes", CHOICE),
    ("Cs_", FLOATS),
    ("l1_ratios_", NUMBERS_OR_NONE),
    ("C_", NUMBER_OR_FLOATS),
    ("l1_ratio_", NUMBERS_OR_NONE),
    ("scores_", BY_LABEL),
    ("coefs_paths_", BY_LABEL),
];
const LINEAR_SVM: Attributes = &[
    ("dual", CHOICE),
    ("C", NUMBER),
    ("multi_class", TEXT),
    ("intercept_scaling", NUMBER),
    ("penalty", TEXT),
    ("loss", TEXT),
    ("epsilon", NUMBER),
];

const BAYESIAN: Attributes = &[
    ("n_iter", SETTING),
    ("alpha_1", NUMBER),
    ("alpha_2", NUMBER),
    ("lambda_1", NUMBER),
    ("lambda_2", NUMBER),
    ("alpha_init", NUMBER_OR_NONE),
    ("lambda_init", NUMBER_OR_NONE),
    ("threshold_lambda", NUMBER),
    ("compute_score", FLAG),
    ("X_offset_", &[Kind::Array(ArrayItems::Floats, &[Axis::Features]), Kind::Number]),
    ("X_scale_", &[Kind::Array(ArrayItems::Floats, &[Axis::Features]), Kind::Number]),
    ("scores_", &[Kind::List(NUMBER), Kind::Array(ArrayItems::Floats, &[Axis::Any])]),
    ("alpha_", NUMBER),
    ("lambda_", &[Kind::Number, Kind::Array(ArrayItems::Floats, &[Axis::Features])]),
    ("sigma_", ROWS_OF_FLOATS),
];
const HUBER: Attributes = &[
    ("epsilon", NUMBER),
    ("alpha", NUMBER),
    ("warm_start", FLAG),
    ("scale_", NUMBER),
    ("outliers_", &[Kind::Array(ArrayItems::Bools, &[Axis::Any])]),
];
const QUANTILE: Attributes = &[("quantile", NUMBER), ("alpha", NUMBER), ("solver", TEXT), ("solver_options", NOTHING)];
const THEIL_SEN: Attributes = &[
    ("max_subpopulation", NUMBER),
    ("n_subsamples", INTEGER_OR_NONE),
    ("n_subpopulation_", INTEGER),
    ("breakdown_", NUMBER),
];
const MATCHING_PURSUIT: Attributes =
    &[("n_nonzero_coefs", INTEGER_OR_NONE), ("precompute", CHOICE), ("n_nonzero_coefs_", INTEGER_OR_NONE)];

const GAUSSIAN: Attributes = &[
    ("priors", NUMBERS_OR_NONE),
    ("var_smoothing", NUMBER),
    ("epsilon_", NUMBER),
    ("theta_", BY_CLASS_AND_FEATURE),
    ("var_", BY_CLASS_AND_FEATURE),
    ("sigma_", BY_CLASS_AND_FEATURE),
    ("class_count_", BY_CLASS),
    ("class_prior_", BY_CLASS),
];
const COUNTING_BAYES: Attributes = &[
    ("alpha", NUMBERS),
    ("fit_prior", FLAG),
    ("class_prior", NUMBERS_OR_NONE),
    ("force_alpha", CHOICE),
    ("binarize", NUMBER_OR_NONE),
    ("norm", FLAG),
    ("min_categories", &[Kind::Nothing, Kind::Integer, Kind::AnyArray(ArrayItems::Integers)]),
    ("class_count_", BY_CLASS),
    ("class_log_prior_", BY_CLASS),
];
const COUNTS: Attributes = &[
    ("feature_count_", BY_CLASS_AND_FEATURE),
    ("feature_all_", BY_FEATURE),
    ("feature_log_prob_", BY_CLASS_AND_FEATURE),
];
const CATEGORIES: Attributes = &[
    ("category_count_", &[Kind::List(ROWS_OF_FLOATS)]),
    ("n_categories_", &[Kind::Array(ArrayItems::Integers, &[Axis::Features])]),
    ("feature_log_prob_", &[Kind::List(ROWS_OF_FLOATS)]),
];

const DISCRIMINANT: Attributes = &[
    ("solver", TEXT),
    ("shrinkage", SETTING),
    ("priors", NUMBERS_OR_NONE),
    ("n_components", INTEGER_OR_NONE),
    ("store_covariance", FLAG),
    ("tol", NUMBER),
    ("reg_param", NUMBER),
    ("covariance_estimator", NOTHING),
    ("priors_", BY_CLASS),
    ("means_", BY_CLASS_AND_FEATURE),
    ("classes_", CLASSES),
];
const LINEAR_DISCRIMINANT: Attributes = &[
    ("_max_components", INTEGER),
    ("_n_features_out", INTEGER),
    ("xbar_", BY_FEATURE),
    ("explained_variance_ratio_", FLOATS),
    ("scalings_", &[Kind::Array(ArrayItems::Floats, &[Axis::Features, Axis::Any])]),
    ("coef_", ROWS_BY_FEATURE),
    ("intercept_", FLOATS),
    ("covariance_", SQUARE),
];
const QUADRATIC_DISCRIMINANT: Attributes = &[
    ("scalings_", &[Kind::List(FLOATS)]),
    ("rotations_", &[Kind::List(&[Kind::Array(ArrayItems::Floats, &[Axis::Features, Axis::Any])])]),
    ("covariance_", &[Kind::List(SQUARE)]),
];

const DUMMY: Attributes = &[
    ("strategy", TEXT),
    ("random_state", RANDOM_STATE),
    ("quantile", NUMBER_OR_NONE),
    ("constant", &[Kind::Number, Kind::Text, Kind::Nothing, Kind::List(LABEL), Kind::AnyArray(ArrayItems::Labels)]),
    ("_strategy", TEXT),
    ("sparse_output_", FLAG),
    ("n_outputs_", INTEGER),
    ("n_classes_", &[Kind::Integer, Kind::List(INTEGER)]),
    (
        "classes_",
        &[Kind::Array(ArrayItems::Labels, &[Axis::Any]), Kind::List(&[Kind::Array(ArrayItems::Labels, &[Axis::Any])])],
    ),
    ("class_prior_", &[Kind::Array(ArrayItems::Floats, &[Axis::Any]), Kind::List(FLOATS)]),
    ("constant_", &[Kind::AnyArray(ArrayItems::Labels)]),
];

/// The weights of a network, a layer each.
const LAYERS: Kinds = &[Kind::List(ROWS_OF_FLOATS), Kind::Nothing];
const BIASES: Kinds = &[Kind::List(FLOATS), Kind::Nothing];
const NETWORK: Attributes = &[
    ("activation", TEXT),
    ("solver", TEXT),
    ("alpha", NUMBER),
    ("batch_size", SETTING),
    ("learning_rate", TEXT),
    ("learning_rate_init", NUMBER),
    ("power_t", NUMBER),
    ("max_iter", INTEGER),
    ("loss", TEXT),
    ("hidden_layer_sizes", &[Kind::Integer, Kind::Tuple(INTEGER), Kind::List(INTEGER)]),
    ("shuffle", FLAG),
    ("random_state", RANDOM_STATE),
    ("tol", NUMBER),
    ("verbose", FLAG),
    ("warm_start", FLAG),
    ("momentum", NUMBER),
    ("nesterovs_momentum", FLAG),
    ("early_stopping", FLAG),
    ("validation_fraction", NUMBER),
    ("beta_1", NUMBER),
    ("beta_2", NUMBER),
    ("epsilon", NUMBER),
    ("n_iter_no_change", INTEGER),
    ("max_fun", INTEGER),
    ("_label_binarizer", ESTIMATOR),
    ("classes_", CLASSES),
    ("n_outputs_", INTEGER),
    ("_random_state", RANDOM_STATE),
    ("n_iter_", INTEGER),
    ("t_", INTEGER),
    ("n_layers_", INTEGER),
    ("out_activation_", TEXT),
    ("coefs_", LAYERS),
    ("intercepts_", BIASES),
    ("loss_curve_", &[Kind::List(NUMBER)]),
    ("_no_improvement_count", INTEGER),
    ("best_loss_", NUMBER_OR_NONE),
    ("validation_scores_", &[Kind::Nothing, Kind::List(NUMBER)]),
    ("best_validation_score_", NUMBER_OR_NONE),
    ("_optimizer", ESTIMATOR),
    ("loss_", NUMBER),
    ("_best_coefs", LAYERS),
    ("_best_intercepts", BIASES),
];
const STEPS: Kinds = &[Kind::List(ANY_FLOATS)];
const OPTIMIZER: Attributes = &[
    ("learning_rate_init", NUMBER),
    ("learning_rate", NUMBER),
    ("lr_schedule", TEXT),
    ("power_t", NUMBER),
    ("momentum", NUMBER),
    ("nesterov", FLAG),
    ("beta_1", NUMBER),
    ("beta_2", NUMBER),
    ("epsilon", NUMBER),
    ("t", INTEGER),
    ("ms", STEPS),
    ("vs", STEPS),
    ("velocities", STEPS),
];

#[rustfmt::skip]
pub(super) const ROWS: &[KnownGlobal] = &[
    estimator(&["sklearn.linear_model._base"], &["LinearRegression"], &[FITTED, LINEAR, LEAST_SQUARES]),
    estimator(&["sklearn.linear_model._ridge"], &["Ridge"], &[FITTED, LINEAR, RIDGE]),
    estimator(&["sklearn.linear_model._ridge"], &["RidgeCV"], &[FITTED, LINEAR, RIDGE_CV]),
    estimator(&["sklearn.linear_model._ridge"], &["RidgeClassifier"],
        &[FITTED, LINEAR, CLASSIFIER, RIDGE, RIDGE_CLASSIFIER]),
    estimator(&["sklearn.linear_model._ridge"], &["RidgeClassifierCV"],
        &[FITTED, LINEAR, CLASSIFIER, RIDGE_CV, RIDGE_CLASSIFIER]),
    estimator(&["sklearn.linear_model._coordinate_descent"],
        &["Lasso", "ElasticNet", "MultiTaskLasso", "MultiTaskElasticNet"], &[FITTED, LINEAR, COORDINATE_DESCENT]),
    estimator(&["sklearn.linear_model._coordinate_descent"],
        &["LassoCV", "ElasticNetCV", "MultiTaskLassoCV", "MultiTaskElasticNetCV"],
        &[FITTED, LINEAR, COORDINATE_DESCENT_CV]),
    estimator(&["sklearn.linear_model._logistic"], &["LogisticRegression"], &[FITTED, LINEAR, CLASSIFIER, LOGISTIC]),
    estimator(&["sklearn.linear_model._logistic"], &["LogisticRegressionCV"],
        &[FITTED, LINEAR, CLASSIFIER, LOGISTIC, LOGISTIC_CV]),
    estimator(&["sklearn.svm._classes"], &["LinearSVC", "LinearSVR"], &[FITTED, LINEAR, CLASSIFIER, LINEAR_SVM]),
    estimator(&["sklearn.linear_model._bayes"], &["BayesianRidge", "ARDRegression"], &[FITTED, LINEAR, BAYESIAN]),
    estimator(&["sklearn.linear_model._huber"], &["HuberRegressor"], &[FITTED, LINEAR, HUBER]),
    estimator(&["sklearn.linear_model._quantile"], &["QuantileRegressor"], &[FITTED, LINEAR, QUANTILE]),
    estimator(&["sklearn.linear_model._theil_sen"], &["TheilSenRegressor"], &[FITTED, LINEAR, THEIL_SEN]),
    estimator(&["sklearn.linear_model._omp"], &["OrthogonalMatchingPursuit"], &[FITTED, LINEAR, MATCHING_PURSUIT]),
    estimator(&["sklearn.naive_bayes"], &["GaussianNB"], &[FITTED, CLASSIFIER, GAUSSIAN]),
    estimator(&["sklearn.naive_bayes"], &["MultinomialNB", "BernoulliNB", "ComplementNB"],
        &[FITTED, CLASSIFIER, COUNTING_BAYES, COUNTS]),
    estimator(&["sklearn.naive_bayes"], &["CategoricalNB"], &[FITTED, CLASSIFIER, COUNTING_BAYES, CATEGORIES]),
    estimator(&["sklearn.discriminant_analysis"], &["LinearDiscriminantAnalysis"],
        &[FITTED, DISCRIMINANT, LINEAR_DISCRIMINANT]),
    estimator(&["sklearn.discriminant_analysis"], &["QuadraticDiscriminantAnalysis"],
        &[FITTED, DISCRIMINANT, QUADRATIC_DISCRIMINANT]),
    estimator(&["sklearn.dummy"], &["DummyClassifier", "DummyRegressor"], &[FITTED, DUMMY]),
    estimator(&["sklearn.neural_network._multilayer_perceptron"], &["MLPClassifier", "MLPRegressor"],
        &[FITTED, NETWORK]),
    known(&["sklearn.neural_network._stochastic_optimizers"], &["AdamOptimizer", "SGDOptimizer"])
        .builds(Builder::Instance(InstanceBuilder::Plain(&[OPTIMIZER]))),
];
