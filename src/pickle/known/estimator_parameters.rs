//! The parameters that scikit-learn's estimators were made with. A fit checks them all; until then, they choose between
//! methods that the attributes of a row allow. None may be a function, or a directory of cached results.

use super::declared_kind::{ArrayItems, Attributes, DeclaredKind as Kind, Kinds};
use super::estimators::JOBS;

const SIMPLE: Kinds = &[Kind::Flag, Kind::Number, Kind::Text, Kind::Nothing];
/// A parameter that is no function.
pub(super) const PARAMETER: Kinds = &[
    Kind::Flag,
    Kind::Number,
    Kind::Text,
    Kind::Nothing,
    Kind::List(SIMPLE),
    Kind::Tuple(SIMPLE),
    Kind::Dict(&[Kind::Text, Kind::Number], SIMPLE),
    Kind::AnyArray(ArrayItems::Labels),
    Kind::Random,
    Kind::Instance,
];

/// By name, for any estimator.
#[rustfmt::skip]
pub(super) const PARAMETERS: Attributes = &[
    ("U_init", PARAMETER), ("V_init", PARAMETER), ("_gamma", PARAMETER), ("_init", PARAMETER),
    ("_metric", PARAMETER), ("_metric_mds", PARAMETER), ("_norm_y_weights", PARAMETER), ("_predict_1d", PARAMETER),
    ("affinity", PARAMETER), ("algorithm", PARAMETER), ("alpha", PARAMETER), ("alphas", PARAMETER),
    ("angle", PARAMETER), ("assign_labels", PARAMETER), ("assume_centered", PARAMETER), ("bandwidth", PARAMETER),
    ("batch_size", PARAMETER), ("bin_seeding", PARAMETER), ("block_size", PARAMETER), ("cluster_all", PARAMETER),
    ("coef0", PARAMETER), ("compute_distances", PARAMETER), ("compute_full_tree", PARAMETER),
    ("compute_inverse_components", PARAMETER), ("connectivity", PARAMETER), ("contamination", PARAMETER),
    ("convergence_iter", PARAMETER), ("copy", PARAMETER), ("copy_X", PARAMETER), ("copy_X_train", PARAMETER),
    ("covariance", PARAMETER), ("covariance_prior", PARAMETER), ("covariance_type", PARAMETER),
    ("criterion", PARAMETER), ("cv", PARAMETER), ("damping", PARAMETER), ("deflation_mode", PARAMETER),
    ("degree", PARAMETER), ("degrees_of_freedom_prior", PARAMETER), ("dissimilarity", PARAMETER),
    ("distance_threshold", PARAMETER), ("early_exaggeration", PARAMETER), ("eigen_solver", PARAMETER),
    ("eigen_tol", PARAMETER), ("enet_tol", PARAMETER), ("eps", PARAMETER), ("fit_intercept", PARAMETER),
    ("fit_inverse_transform", PARAMETER), ("fit_path", PARAMETER), ("fun", PARAMETER), ("fun_args", PARAMETER),
    ("gamma", PARAMETER), ("init", PARAMETER), ("init_params", PARAMETER), ("iterated_power", PARAMETER),
    ("jitter", PARAMETER), ("kernel", PARAMETER), ("kernel_params", PARAMETER), ("leaf_size", PARAMETER),
    ("learning_rate", PARAMETER), ("linkage", PARAMETER), ("max_iter", PARAMETER), ("max_n_alphas", PARAMETER),
    ("max_no_improvement", PARAMETER), ("max_patches", PARAMETER), ("mean_precision_prior", PARAMETER),
    ("mean_prior", PARAMETER), ("means_init", PARAMETER), ("method", PARAMETER), ("metric", PARAMETER),
    ("metric_mds", PARAMETER), ("metric_params", PARAMETER), ("min_bin_freq", PARAMETER),
    ("min_grad_norm", PARAMETER), ("min_samples", PARAMETER), ("mini_batch", PARAMETER), ("mode", PARAMETER),
    ("n_clusters", PARAMETER), ("n_components", PARAMETER), ("n_init", PARAMETER), ("n_iter", PARAMETER),
    ("n_iter_without_progress", PARAMETER), ("n_jobs", JOBS), ("n_neighbors", PARAMETER),
    ("n_nonzero_coefs", PARAMETER), ("n_refinements", PARAMETER), ("n_restarts_optimizer", PARAMETER),
    ("n_svd_vecs", PARAMETER), ("n_targets", PARAMETER), ("noise_variance", PARAMETER),
    ("noise_variance_init", PARAMETER), ("normalize_y", PARAMETER), ("normalized_stress", PARAMETER),
    ("optimizer", PARAMETER), ("p", PARAMETER), ("patch_size", PARAMETER), ("perplexity", PARAMETER),
    ("positive", PARAMETER), ("precisions_init", PARAMETER), ("precompute", PARAMETER), ("preference", PARAMETER),
    ("priors", PARAMETER), ("random_state", PARAMETER), ("reg_covar", PARAMETER), ("remove_zero_eig", PARAMETER),
    ("ridge_alpha", PARAMETER), ("rotation", PARAMETER), ("sample_interval", PARAMETER),
    ("sample_steps", PARAMETER), ("scale", PARAMETER), ("seeds", PARAMETER), ("shrink_threshold", PARAMETER),
    ("shrinkage", PARAMETER), ("shuffle", PARAMETER), ("skewedness", PARAMETER), ("store_precision", PARAMETER),
    ("support_fraction", PARAMETER), ("svd_method", PARAMETER), ("tol", PARAMETER), ("verbose_interval", PARAMETER),
    ("w_init", PARAMETER), ("warm_start", PARAMETER), ("weight_concentration_prior", PARAMETER),
    ("weight_concentration_prior_type", PARAMETER), ("weights_init", PARAMETER), ("whiten", PARAMETER),
    ("whiten_solver", PARAMETER),
    ("_n_features_out", &[Kind::Integer]),
    ("memory", &[Kind::Nothing]), ("callback", &[Kind::Nothing]), ("verbose", &[Kind::Flag, Kind::Number]),
];
