//! The rows of scikit-learn's decompositions, covariances, mixtures and least-angle regressions, which compute with
//! numpy alone. The attributes are those of scikit-learn 1.9.

use super::declared_kind::{ArrayItems, Attributes, Axis, DeclaredKind as Kind, Kinds};
use super::estimator_parameters::PARAMETERS;
use super::estimators::{
    BY_FEATURE, FITTED, FLAG, FLOATS, INTEGER, NUMBER, ROWS_BY_FEATURE, ROWS_OF_FLOATS, TEXT, estimator,
};
use super::registry_row::KnownGlobal;

const SQUARE: Kinds = &[Kind::Array(ArrayItems::Floats, &[Axis::Features, Axis::Features])];
const FEATURES_IN_ROWS: Kinds = &[Kind::Array(ArrayItems::Floats, &[Axis::Features, Axis::Any])];
const BOOLS: Kinds = &[Kind::Array(ArrayItems::Bools, &[Axis::Any])];

const BAYESIAN_GAUSSIAN_MIXTURE: Attributes = &[
    ("converged_", FLAG),
    ("covariance_prior_", SQUARE),
    ("covariances_", &[Kind::Array(ArrayItems::Floats, &[Axis::Any, Axis::Features, Axis::Features])]),
    ("degrees_of_freedom_", FLOATS),
    ("degrees_of_freedom_prior_", NUMBER),
    ("lower_bound_", NUMBER),
    ("lower_bounds_", &[Kind::List(&[Kind::Number])]),
    ("mean_precision_", FLOATS),
    ("mean_precision_prior_", NUMBER),
    ("mean_prior_", BY_FEATURE),
    ("means_", ROWS_BY_FEATURE),
    ("n_iter_", NUMBER),
    ("precisions_", &[Kind::Array(ArrayItems::Floats, &[Axis::Any, Axis::Features, Axis::Features])]),
    ("precisions_cholesky_", &[Kind::Array(ArrayItems::Floats, &[Axis::Any, Axis::Features, Axis::Features])]),
    ("weight_concentration_", &[Kind::Tuple(&[Kind::Array(ArrayItems::Floats, &[Axis::Any])])]),
    ("weight_concentration_prior_", NUMBER),
    ("weights_", FLOATS),
];
const GAUSSIAN_MIXTURE: Attributes = &[
    ("converged_", FLAG),
    ("covariances_", &[Kind::Array(ArrayItems::Floats, &[Axis::Any, Axis::Features, Axis::Features])]),
    ("lower_bound_", NUMBER),
    ("lower_bounds_", &[Kind::List(&[Kind::Number])]),
    ("means_", ROWS_BY_FEATURE),
    ("n_iter_", NUMBER),
    ("precisions_", &[Kind::Array(ArrayItems::Floats, &[Axis::Any, Axis::Features, Axis::Features])]),
    ("precisions_cholesky_", &[Kind::Array(ArrayItems::Floats, &[Axis::Any, Axis::Features, Axis::Features])]),
    ("weights_", FLOATS),
];
const BERNOULLI_RBM: Attributes = &[
    ("components_", ROWS_BY_FEATURE),
    ("h_samples_", ROWS_OF_FLOATS),
    ("intercept_hidden_", FLOATS),
    ("intercept_visible_", BY_FEATURE),
];
const CCA: Attributes = &[
    ("_x_mean", BY_FEATURE),
    ("_x_scores", ROWS_OF_FLOATS),
    ("_x_std", BY_FEATURE),
    ("_y_mean", FLOATS),
    ("_y_scores", ROWS_OF_FLOATS),
    ("_y_std", FLOATS),
    ("coef_", ROWS_BY_FEATURE),
    ("intercept_", FLOATS),
    ("n_iter_", &[Kind::List(&[Kind::Number])]),
    ("x_loadings_", FEATURES_IN_ROWS),
    ("x_rotations_", FEATURES_IN_ROWS),
    ("x_weights_", FEATURES_IN_ROWS),
    ("y_loadings_", ROWS_OF_FLOATS),
    ("y_rotations_", ROWS_OF_FLOATS),
    ("y_weights_", ROWS_OF_FLOATS),
];
const PLSREGRESSION: Attributes = &[
    ("_x_mean", BY_FEATURE),
    ("_x_scores", ROWS_OF_FLOATS),
    ("_x_std", BY_FEATURE),
    ("_y_mean", FLOATS),
    ("_y_scores", ROWS_OF_FLOATS),
    ("_y_std", FLOATS),
    ("coef_", ROWS_BY_FEATURE),
    ("intercept_", FLOATS),
    ("n_iter_", &[Kind::List(&[Kind::Number])]),
    ("x_loadings_", FEATURES_IN_ROWS),
    ("x_rotations_", FEATURES_IN_ROWS),
    ("x_scores_", ROWS_OF_FLOATS),
    ("x_weights_", FEATURES_IN_ROWS),
    ("y_loadings_", ROWS_OF_FLOATS),
    ("y_rotations_", ROWS_OF_FLOATS),
    ("y_scores_", ROWS_OF_FLOATS),
    ("y_weights_", ROWS_OF_FLOATS),
];
const PLSSVD: Attributes = &[
    ("_x_mean", BY_FEATURE),
    ("_x_std", BY_FEATURE),
    ("_y_mean", FLOATS),
    ("_y_std", FLOATS),
    ("x_weights_", FEATURES_IN_ROWS),
    ("y_weights_", ROWS_OF_FLOATS),
];
const EMPIRICAL_COVARIANCE: Attributes = &[("covariance_", SQUARE), ("location_", BY_FEATURE), ("precision_", SQUARE)];
const SHRUNK_COVARIANCE: Attributes = &[("covariance_", SQUARE), ("location_", BY_FEATURE), ("precision_", SQUARE)];
const LEDOIT_WOLF: Attributes =
    &[("covariance_", SQUARE), ("location_", BY_FEATURE), ("precision_", SQUARE), ("shrinkage_", NUMBER)];
const MIN_COV_DET: Attributes = &[
    ("covariance_", SQUARE),
    ("dist_", FLOATS),
    ("location_", BY_FEATURE),
    ("precision_", SQUARE),
    ("raw_covariance_", SQUARE),
    ("raw_location_", BY_FEATURE),
    ("raw_support_", BOOLS),
    ("support_", BOOLS),
];
const ELLIPTIC_ENVELOPE: Attributes = &[
    ("covariance_", SQUARE),
    ("dist_", FLOATS),
    ("location_", BY_FEATURE),
    ("offset_", NUMBER),
    ("precision_", SQUARE),
    ("raw_covariance_", SQUARE),
    ("raw_location_", BY_FEATURE),
    ("raw_support_", BOOLS),
    ("support_", BOOLS),
];
const GRAPHICAL_LASSO: Attributes = &[
    ("costs_", &[Kind::List(&[Kind::Tuple(&[Kind::Number])])]),
    ("covariance_", SQUARE),
    ("location_", BY_FEATURE),
    ("n_iter_", NUMBER),
    ("precision_", SQUARE),
];
const GRAPHICAL_LASSO_CV: Attributes = &[
    ("alpha_", NUMBER),
    ("costs_", &[Kind::List(&[Kind::Tuple(&[Kind::Number])])]),
    ("covariance_", SQUARE),
    ("cv_results_", &[Kind::Dict(TEXT, &[Kind::AnyArray(ArrayItems::Floats)])]),
    ("location_", BY_FEATURE),
    ("n_iter_", NUMBER),
    ("precision_", SQUARE),
];
const FACTOR_ANALYSIS: Attributes = &[
    ("components_", ROWS_BY_FEATURE),
    ("loglike_", &[Kind::List(&[Kind::Number])]),
    ("mean_", BY_FEATURE),
    ("n_iter_", NUMBER),
    ("noise_variance_", BY_FEATURE),
];
const FAST_ICA: Attributes = &[
    ("_unmixing", ROWS_OF_FLOATS),
    ("components_", ROWS_BY_FEATURE),
    ("mean_", BY_FEATURE),
    ("mixing_", FEATURES_IN_ROWS),
    ("n_iter_", NUMBER),
    ("whitening_", ROWS_BY_FEATURE),
];
const GAUSSIAN_RANDOM_PROJECTION: Attributes = &[("components_", ROWS_BY_FEATURE), ("n_components_", NUMBER)];
const KERNEL_CENTERER: Attributes = &[("K_fit_all_", NUMBER), ("K_fit_rows_", FLOATS)];
/// The coefficients of one target, or of several.
const ONE_OR_MANY_BY_FEATURE: &[Kind] = &[
    Kind::Array(ArrayItems::Floats, &[Axis::Any, Axis::Features]),
    Kind::Array(ArrayItems::Floats, &[Axis::Features]),
];
/// The coefficients at each step of a regularization path, for one target or several.
const PATHS: &[Kind] = &[
    Kind::Array(ArrayItems::Floats, &[Axis::Features, Axis::Any]),
    Kind::List(&[Kind::Array(ArrayItems::Floats, &[Axis::Features, Axis::Any])]),
];
/// A number for each step of such paths.
const FLOATS_OF_PATHS: &[Kind] =
    &[Kind::AnyArray(ArrayItems::Floats), Kind::List(&[Kind::AnyArray(ArrayItems::Floats)])];
const LARS: Attributes = &[
    ("active_", &[Kind::List(&[Kind::List(&[Kind::Number])]), Kind::List(&[Kind::Number])]),
    ("alphas_", FLOATS_OF_PATHS),
    ("coef_", ONE_OR_MANY_BY_FEATURE),
    ("coef_path_", PATHS),
    ("intercept_", &[Kind::Array(ArrayItems::Floats, &[Axis::Any]), Kind::Number]),
    ("n_iter_", &[Kind::List(&[Kind::Number]), Kind::Number]),
];
const LARS_CV: Attributes = &[
    ("active_", &[Kind::List(&[Kind::Number]), Kind::List(INTEGER)]),
    ("alpha_", NUMBER),
    ("alphas_", &[Kind::AnyArray(ArrayItems::Floats)]),
    ("coef_", BY_FEATURE),
    ("coef_path_", FEATURES_IN_ROWS),
    ("cv_alphas_", FLOATS),
    ("intercept_", NUMBER),
    ("mse_path_", &[Kind::AnyArray(ArrayItems::Floats)]),
    ("n_iter_", NUMBER),
];
const LASSO_LARS: Attributes = &[
    ("active_", &[Kind::List(&[Kind::List(INTEGER)]), Kind::List(INTEGER)]),
    ("alphas_", FLOATS_OF_PATHS),
    ("coef_", ONE_OR_MANY_BY_FEATURE),
    ("coef_path_", PATHS),
    ("intercept_", &[Kind::Array(ArrayItems::Floats, &[Axis::Any]), Kind::Number]),
    ("n_iter_", &[Kind::List(&[Kind::Number]), Kind::Number]),
];
const LASSO_LARS_IC: Attributes = &[
    ("alpha_", NUMBER),
    ("alphas_", &[Kind::AnyArray(ArrayItems::Floats)]),
    ("coef_", BY_FEATURE),
    ("criterion_", FLOATS),
    ("intercept_", NUMBER),
    ("n_iter_", NUMBER),
    ("noise_variance_", NUMBER),
];
const ORTHOGONAL_MATCHING_PURSUIT_CV: Attributes =
    &[("coef_", BY_FEATURE), ("intercept_", NUMBER), ("n_iter_", NUMBER), ("n_nonzero_coefs_", NUMBER)];
const SPARSE_PCA: Attributes = &[
    ("components_", ROWS_BY_FEATURE),
    ("error_", &[Kind::List(&[Kind::Number])]),
    ("mean_", BY_FEATURE),
    ("n_components_", NUMBER),
    ("n_iter_", NUMBER),
];
const MINI_BATCH_SPARSE_PCA: Attributes =
    &[("components_", ROWS_BY_FEATURE), ("mean_", BY_FEATURE), ("n_components_", NUMBER), ("n_iter_", NUMBER)];

#[rustfmt::skip]
pub(super) const ROWS: &[KnownGlobal] = &[
    estimator(&["sklearn.mixture._bayesian_mixture"], &["BayesianGaussianMixture"],
        &[FITTED, PARAMETERS, BAYESIAN_GAUSSIAN_MIXTURE]),
    estimator(&["sklearn.mixture._gaussian_mixture"], &["GaussianMixture"], &[FITTED, PARAMETERS, GAUSSIAN_MIXTURE]),
    estimator(&["sklearn.neural_network._rbm"], &["BernoulliRBM"], &[FITTED, PARAMETERS, BERNOULLI_RBM]),
    estimator(&["sklearn.cross_decomposition._pls"], &["CCA", "PLSCanonical"], &[FITTED, PARAMETERS, CCA]),
    estimator(&["sklearn.cross_decomposition._pls"], &["PLSRegression"], &[FITTED, PARAMETERS, PLSREGRESSION]),
    estimator(&["sklearn.cross_decomposition._pls"], &["PLSSVD"], &[FITTED, PARAMETERS, PLSSVD]),
    estimator(&["sklearn.covariance._empirical_covariance"], &["EmpiricalCovariance"],
        &[FITTED, PARAMETERS, EMPIRICAL_COVARIANCE]),
    estimator(&["sklearn.covariance._shrunk_covariance"], &["ShrunkCovariance"],
        &[FITTED, PARAMETERS, SHRUNK_COVARIANCE]),
    estimator(&["sklearn.covariance._shrunk_covariance"], &["LedoitWolf", "OAS"],
        &[FITTED, PARAMETERS, LEDOIT_WOLF]),
    estimator(&["sklearn.covariance._robust_covariance"], &["MinCovDet"], &[FITTED, PARAMETERS, MIN_COV_DET]),
    estimator(&["sklearn.covariance._elliptic_envelope"], &["EllipticEnvelope"],
        &[FITTED, PARAMETERS, ELLIPTIC_ENVELOPE]),
    estimator(&["sklearn.covariance._graph_lasso"], &["GraphicalLasso"], &[FITTED, PARAMETERS, GRAPHICAL_LASSO]),
    estimator(&["sklearn.covariance._graph_lasso"], &["GraphicalLassoCV"],
        &[FITTED, PARAMETERS, GRAPHICAL_LASSO_CV]),
    estimator(&["sklearn.decomposition._factor_analysis"], &["FactorAnalysis"],
        &[FITTED, PARAMETERS, FACTOR_ANALYSIS]),
    estimator(&["sklearn.decomposition._fastica"], &["FastICA"], &[FITTED, PARAMETERS, FAST_ICA]),
    estimator(&["sklearn.random_projection"], &["GaussianRandomProjection"],
        &[FITTED, PARAMETERS, GAUSSIAN_RANDOM_PROJECTION]),
    estimator(&["sklearn.preprocessing._data"], &["KernelCenterer"], &[FITTED, PARAMETERS, KERNEL_CENTERER]),
    estimator(&["sklearn.linear_model._least_angle"], &["Lars"], &[FITTED, PARAMETERS, LARS]),
    estimator(&["sklearn.linear_model._least_angle"], &["LarsCV", "LassoLarsCV"], &[FITTED, PARAMETERS, LARS_CV]),
    estimator(&["sklearn.linear_model._least_angle"], &["LassoLars"], &[FITTED, PARAMETERS, LASSO_LARS]),
    estimator(&["sklearn.linear_model._least_angle"], &["LassoLarsIC"], &[FITTED, PARAMETERS, LASSO_LARS_IC]),
    estimator(&["sklearn.linear_model._omp"], &["OrthogonalMatchingPursuitCV"],
        &[FITTED, PARAMETERS, ORTHOGONAL_MATCHING_PURSUIT_CV]),
    estimator(&["sklearn.decomposition._sparse_pca"], &["SparsePCA"], &[FITTED, PARAMETERS, SPARSE_PCA]),
    estimator(&["sklearn.decomposition._sparse_pca"], &["MiniBatchSparsePCA"],
        &[FITTED, PARAMETERS, MINI_BATCH_SPARSE_PCA]),
];
