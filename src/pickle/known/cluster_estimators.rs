//! The rows of scikit-learn's estimators of clusters, embeddings and kernels that compute with numpy, or with functions
//! that check all arrays they are given. Estimators with numbers that compiled code would use as offsets have no row.

use super::declared_kind::{ArrayItems, Attributes, Axis, DeclaredKind as Kind, Kinds};
use super::estimator_parameters::PARAMETERS;
use super::estimators::{
    BY_FEATURE, CLASSES, ESTIMATOR, FITTED, FLAG, FLOATS, NOTHING, NUMBER, RANDOM_STATE, ROWS_BY_FEATURE,
    ROWS_OF_FLOATS, TEXT, estimator,
};
use super::registry_row::KnownGlobal;

const INTEGERS: Kinds = &[Kind::Array(ArrayItems::Integers, &[Axis::Any])];
const FEATURES_IN_ROWS: Kinds = &[Kind::Array(ArrayItems::Floats, &[Axis::Features, Axis::Any])];

const KERNEL_RIDGE: Attributes = &[("X_fit_", ROWS_BY_FEATURE), ("dual_coef_", &[Kind::AnyArray(ArrayItems::Floats)])];
const KERNEL_PCA: Attributes = &[
    ("X_fit_", ROWS_BY_FEATURE),
    ("_centerer", ESTIMATOR),
    ("eigenvalues_", FLOATS),
    ("eigenvectors_", ROWS_OF_FLOATS),
    ("gamma_", NUMBER),
];
const LABEL_PROPAGATION: Attributes = &[
    ("X_", ROWS_BY_FEATURE),
    ("classes_", CLASSES),
    ("label_distributions_", &[Kind::Array(ArrayItems::Floats, &[Axis::Any, Axis::Classes])]),
    ("n_iter_", NUMBER),
    ("transduction_", INTEGERS),
];
const MDS: Attributes = &[
    ("dissimilarity_matrix_", ROWS_OF_FLOATS),
    ("embedding_", ROWS_OF_FLOATS),
    ("n_iter_", NUMBER),
    ("stress_", NUMBER),
];
const CLASSICAL_MDS: Attributes =
    &[("dissimilarity_matrix_", ROWS_OF_FLOATS), ("eigenvalues_", FLOATS), ("embedding_", ROWS_OF_FLOATS)];
const TSNE: Attributes =
    &[("embedding_", ROWS_OF_FLOATS), ("kl_divergence_", NUMBER), ("learning_rate_", NUMBER), ("n_iter_", NUMBER)];
const MEAN_SHIFT: Attributes = &[("cluster_centers_", ROWS_BY_FEATURE), ("labels_", INTEGERS), ("n_iter_", NUMBER)];
const AFFINITY_PROPAGATION: Attributes = &[
    ("affinity_matrix_", ROWS_OF_FLOATS),
    ("cluster_centers_", ROWS_BY_FEATURE),
    ("cluster_centers_indices_", INTEGERS),
    ("labels_", INTEGERS),
    ("n_iter_", NUMBER),
];
const NEAREST_CENTROID: Attributes = &[
    ("centroids_", &[Kind::Array(ArrayItems::Floats, &[Axis::Classes, Axis::Features])]),
    ("class_prior_", &[Kind::Array(ArrayItems::Floats, &[Axis::Classes])]),
    ("classes_", CLASSES),
    ("deviations_", &[Kind::Array(ArrayItems::Floats, &[Axis::Classes, Axis::Features])]),
    ("within_class_std_dev_", BY_FEATURE),
];
const DBSCAN: Attributes =
    &[("components_", ROWS_BY_FEATURE), ("core_sample_indices_", INTEGERS), ("labels_", INTEGERS)];
// Its compiled code takes the sizes of all arrays from the centers and from its input.
const K_MEANS: Attributes = &[
    ("_algorithm", TEXT),
    ("_n_init", NUMBER),
    ("_n_threads", &[Kind::Threads]),
    ("_tol", NUMBER),
    ("cluster_centers_", &[Kind::FilledArray(ArrayItems::Floats, &[Axis::Any, Axis::Features])]),
    ("copy_x", FLAG),
    ("inertia_", NUMBER),
    ("labels_", INTEGERS),
    ("n_iter_", NUMBER),
];
const SPECTRAL_CLUSTERING: Attributes = &[("affinity_matrix_", ROWS_OF_FLOATS), ("labels_", INTEGERS)];
const AGGLOMERATIVE_CLUSTERING: Attributes = &[
    ("children_", &[Kind::Array(ArrayItems::Integers, &[Axis::Any, Axis::Any])]),
    ("labels_", INTEGERS),
    ("memory", NOTHING),
    ("n_clusters_", NUMBER),
    ("n_connected_components_", NUMBER),
    ("n_leaves_", NUMBER),
];
const SPECTRAL_COCLUSTERING: Attributes = &[
    ("column_labels_", &[Kind::Array(ArrayItems::Integers, &[Axis::Features])]),
    ("columns_", &[Kind::Array(ArrayItems::Bools, &[Axis::Any, Axis::Features])]),
    ("row_labels_", INTEGERS),
    ("rows_", &[Kind::Array(ArrayItems::Bools, &[Axis::Any, Axis::Any])]),
];
const RBFSAMPLER: Attributes = &[("random_offset_", FLOATS), ("random_weights_", FEATURES_IN_ROWS)];
const NYSTROEM: Attributes =
    &[("component_indices_", INTEGERS), ("components_", ROWS_BY_FEATURE), ("normalization_", ROWS_OF_FLOATS)];
const POLYNOMIAL_COUNT_SKETCH: Attributes = &[
    ("bitHash_", &[Kind::Array(ArrayItems::Integers, &[Axis::Any, Axis::Features])]),
    ("indexHash_", &[Kind::Array(ArrayItems::Integers, &[Axis::Any, Axis::Features])]),
];
const GAUSSIAN_PROCESS_REGRESSOR: Attributes = &[
    ("L_", ROWS_OF_FLOATS),
    ("X_train_", ROWS_BY_FEATURE),
    ("_rng", RANDOM_STATE),
    ("_y_train_mean", FLOATS),
    ("_y_train_std", FLOATS),
    ("alpha_", &[Kind::AnyArray(ArrayItems::Labels)]),
    ("kernel_", ESTIMATOR),
    ("log_marginal_likelihood_value_", NUMBER),
    ("y_train_", &[Kind::AnyArray(ArrayItems::Labels)]),
];

#[rustfmt::skip]
pub(super) const ROWS: &[KnownGlobal] = &[
    estimator(&["sklearn.kernel_approximation"], &["AdditiveChi2Sampler"], &[FITTED, PARAMETERS]),
    estimator(&["sklearn.kernel_ridge"], &["KernelRidge"], &[FITTED, PARAMETERS, KERNEL_RIDGE]),
    estimator(&["sklearn.decomposition._kernel_pca"], &["KernelPCA"], &[FITTED, PARAMETERS, KERNEL_PCA]),
    estimator(&["sklearn.semi_supervised._label_propagation"], &["LabelPropagation", "LabelSpreading"],
        &[FITTED, PARAMETERS, LABEL_PROPAGATION]),
    estimator(&["sklearn.manifold._mds"], &["MDS"], &[FITTED, PARAMETERS, MDS]),
    estimator(&["sklearn.manifold._classical_mds"], &["ClassicalMDS"], &[FITTED, PARAMETERS, CLASSICAL_MDS]),
    estimator(&["sklearn.manifold._t_sne"], &["TSNE"], &[FITTED, PARAMETERS, TSNE]),
    estimator(&["sklearn.cluster._mean_shift"], &["MeanShift"], &[FITTED, PARAMETERS, MEAN_SHIFT]),
    estimator(&["sklearn.cluster._affinity_propagation"], &["AffinityPropagation"],
        &[FITTED, PARAMETERS, AFFINITY_PROPAGATION]),
    estimator(&["sklearn.neighbors._nearest_centroid"], &["NearestCentroid"],
        &[FITTED, PARAMETERS, NEAREST_CENTROID]),
    estimator(&["sklearn.cluster._dbscan"], &["DBSCAN"], &[FITTED, PARAMETERS, DBSCAN]),
    estimator(&["sklearn.cluster._kmeans"], &["KMeans"], &[FITTED, PARAMETERS, K_MEANS]),
    estimator(&["sklearn.cluster._spectral"], &["SpectralClustering"], &[FITTED, PARAMETERS, SPECTRAL_CLUSTERING]),
    estimator(&["sklearn.cluster._agglomerative"], &["AgglomerativeClustering"],
        &[FITTED, PARAMETERS, AGGLOMERATIVE_CLUSTERING]),
    estimator(&["sklearn.cluster._bicluster"], &["SpectralCoclustering"],
        &[FITTED, PARAMETERS, SPECTRAL_COCLUSTERING]),
    estimator(&["sklearn.kernel_approximation"], &["RBFSampler", "SkewedChi2Sampler"],
        &[FITTED, PARAMETERS, RBFSAMPLER]),
    estimator(&["sklearn.kernel_approximation"], &["Nystroem"], &[FITTED, PARAMETERS, NYSTROEM]),
    estimator(&["sklearn.kernel_approximation"], &["PolynomialCountSketch"],
        &[FITTED, PARAMETERS, POLYNOMIAL_COUNT_SKETCH]),
    estimator(&["sklearn.feature_extraction.image"], &["PatchExtractor"], &[FITTED, PARAMETERS]),
    estimator(&["sklearn.gaussian_process._gpr"], &["GaussianProcessRegressor"],
        &[FITTED, PARAMETERS, GAUSSIAN_PROCESS_REGRESSOR]),
];
