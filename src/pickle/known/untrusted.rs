//! The modules that a file which this user did not sign may import, and the packages whose compiled objects it may not
//! have. A column of the registry says which objects it may build.

use super::packages;

/// Packages whose compiled code uses numbers of a state as sizes and offsets, without checking them.
const TRUST_NUMBERS: &[&str] = &["pyarrow", "regex", "sklearn", "torch"];

/// The modules of packages outside of the standard library that sessions have as variables. Others of these packages
/// may do more when they are imported: matplotlib reads a file of the working folder, writes a cache and starts
/// `fc-list`.
#[rustfmt::skip]
const IMPORTED: &[&str] = &[
    "numpy", "numpy.fft", "numpy.linalg", "numpy.ma", "numpy.polynomial", "numpy.random", "numpy.testing",
    "numpy.typing", "pandas", "pandas.api.types", "pandas.testing", "pandas.tseries.offsets",
    "scipy", "scipy.cluster", "scipy.constants", "scipy.fft", "scipy.integrate", "scipy.interpolate", "scipy.io",
    "scipy.linalg", "scipy.ndimage", "scipy.optimize", "scipy.signal", "scipy.sparse", "scipy.sparse.linalg",
    "scipy.spatial", "scipy.special", "scipy.stats",
    "sklearn", "sklearn.base", "sklearn.cluster", "sklearn.compose", "sklearn.datasets", "sklearn.decomposition",
    "sklearn.ensemble", "sklearn.feature_extraction", "sklearn.feature_extraction.text", "sklearn.feature_selection",
    "sklearn.impute", "sklearn.linear_model", "sklearn.metrics", "sklearn.model_selection", "sklearn.naive_bayes",
    "sklearn.neighbors", "sklearn.pipeline", "sklearn.preprocessing", "sklearn.svm", "sklearn.tree", "sklearn.utils",
    "pyarrow", "pyarrow.compute", "pyarrow.csv", "pyarrow.parquet", "polars", "dill", "cloudpickle", "joblib",
    "torch", "torch.nn", "torch.nn.functional", "torch.optim", "torch.utils.data", "xgboost", "lightgbm", "sympy",
    "networkx", "PIL", "PIL.Image", "requests", "tqdm", "tqdm.auto", "pytz", "dateutil", "dateutil.parser",
    "dateutil.relativedelta", "dateutil.tz", "attr", "attrs", "pydantic", "typing_extensions", "snapcli",
];

/// Whether a module may be imported for a file that is not trusted.
pub(crate) fn may_import(module: &str) -> bool {
    let is_allowed = packages::is_of_standard_library(module) || IMPORTED.contains(&module);
    is_allowed && packages::is_known_module(module) && !packages::runs_on_import(module)
}

/// The package of this name (`module.name`), if its compiled code trusts the numbers in a file.
pub(crate) fn trusts_numbers(name: &str) -> Option<&'static str> {
    TRUST_NUMBERS.iter().copied().find(|known| *known == packages::package(name))
}

/// Whether this global belongs to such a package, and is not one of the classes that compute in safe code.
pub(in crate::pickle) fn is_compiled_unchecked(module: &str, name: &str) -> bool {
    trusts_numbers(module).is_some() && !super::is_built(module, name)
}
