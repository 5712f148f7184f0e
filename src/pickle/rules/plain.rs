//! What the unpickler itself lets through when it loads a file that this user did not sign: exact names only, as it
//! cannot see what becomes of what it finds. Data only, and the look-ups in it.
//!
//! Most of it are the makers of data that [`trust`] lists. Here stand the classes whose instances pickles make without
//! calling them, and what of that list is taken back: what hands out an object that the whole program shares, and
//! what reads memory by numbers that the pickle gives.

use super::trust::{self, Does};

/// Classes of numpy, pandas and scikit-learn, by exact name. Their `__setstate__` stores data and calls nothing that is in it.
#[rustfmt::skip]
const CLASSES: &[(&[&str], &[&str])] = &[
    (&["numpy.matrixlib.defmatrix", "numpy"], &["matrix"]),
    (&["numpy.ma.core", "numpy.ma"], &["MaskedArray"]),
    (
        &["numpy"],
        &[
            "bool_", "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16",
            "float32", "float64", "longdouble", "complex64", "complex128", "clongdouble", "str_", "bytes_", "void",
            "object_", "datetime64", "timedelta64",
        ],
    ),
    (&["numpy.random._pcg64"], &["PCG64", "PCG64DXSM"]),
    (&["numpy.random._mt19937"], &["MT19937"]),
    (&["numpy.random._philox"], &["Philox"]),
    (&["numpy.random._sfc64"], &["SFC64"]),
    (&["numpy.random.bit_generator"], &["SeedSequence", "SeedlessSeedSequence"]),
    (&["pandas.core.frame", "pandas"], &["DataFrame"]),
    (&["pandas.core.series", "pandas"], &["Series"]),
    (&["pandas.core.indexes.base", "pandas"], &["Index"]),
    (
        &["pandas"],
        &[
            "RangeIndex", "MultiIndex", "CategoricalIndex", "IntervalIndex", "DatetimeIndex", "TimedeltaIndex",
            "PeriodIndex", "Categorical", "Timestamp", "Timedelta",
        ],
    ),
    (
        &["pandas.arrays"],
        &[
            "StringArray", "Categorical", "DatetimeArray", "TimedeltaArray", "PeriodArray", "IntervalArray",
            "IntegerArray", "FloatingArray", "BooleanArray", "NumpyExtensionArray",
        ],
    ),
    (&["pandas.core.indexes.range"], &["RangeIndex"]),
    (&["pandas.core.indexes.multi"], &["MultiIndex"]),
    (&["pandas.core.indexes.frozen"], &["FrozenList"]),
    (&["pandas.core.indexes.category"], &["CategoricalIndex"]),
    (&["pandas.core.indexes.interval"], &["IntervalIndex"]),
    (&["pandas.core.indexes.datetimes"], &["DatetimeIndex"]),
    (&["pandas.core.indexes.timedeltas"], &["TimedeltaIndex"]),
    (&["pandas.core.indexes.period"], &["PeriodIndex", "_new_PeriodIndex"]),
    (&["pandas.core.indexes.numeric"], &["Int64Index", "UInt64Index", "Float64Index"]),
    (&["pandas.core.arrays.categorical"], &["Categorical"]),
    (&["pandas.core.arrays.datetimes"], &["DatetimeArray"]),
    (&["pandas.core.arrays.timedeltas"], &["TimedeltaArray"]),
    (&["pandas.core.arrays.period"], &["PeriodArray"]),
    (&["pandas.core.arrays.interval"], &["IntervalArray"]),
    (&["pandas.core.arrays.integer"], &["IntegerArray"]),
    (&["pandas.core.arrays.floating"], &["FloatingArray"]),
    (&["pandas.core.arrays.boolean"], &["BooleanArray"]),
    (&["pandas.core.arrays.string_"], &["StringArray"]),
    (&["pandas.core.flags"], &["Flags"]),
    (&["pandas._libs.tslibs.timestamps"], &["Timestamp"]),
    (&["pandas._libs.tslibs.timedeltas"], &["Timedelta"]),
    (&["pandas.core.dtypes.dtypes"], &["NumpyEADtype"]),
    // Estimators that compute with numpy alone, which looks at the shapes of what it is given. Not here: trees, neighbours,
    // support vectors, k-means, boosting and whatever has sparse matrices, whose compiled code reads and writes where the
    // numbers of a state say; and FunctionTransformer, which calls what it holds with arguments that it holds.
    (&["sklearn.pipeline"], &["Pipeline", "FeatureUnion"]),
    (&["sklearn.compose._column_transformer"], &["ColumnTransformer"]),
    (
        &["sklearn.preprocessing._data"],
        &[
            "StandardScaler", "MinMaxScaler", "MaxAbsScaler", "RobustScaler", "Normalizer", "Binarizer",
            "PowerTransformer", "QuantileTransformer",
        ],
    ),
    (&["sklearn.preprocessing._encoders"], &["OrdinalEncoder"]),
    (&["sklearn.preprocessing._label"], &["LabelEncoder"]),
    (&["sklearn.impute._base"], &["SimpleImputer"]),
    (&["sklearn.feature_selection._variance_threshold"], &["VarianceThreshold"]),
    (&["sklearn.decomposition._pca"], &["PCA"]),
    (&["sklearn.decomposition._truncated_svd"], &["TruncatedSVD"]),
    (&["sklearn.linear_model._base"], &["LinearRegression"]),
    (&["sklearn.linear_model._ridge"], &["Ridge", "RidgeCV"]),
    (&["sklearn.linear_model._coordinate_descent"], &["Lasso", "LassoCV", "ElasticNet", "ElasticNetCV"]),
    (&["sklearn.linear_model._logistic"], &["LogisticRegression", "LogisticRegressionCV"]),
    (&["sklearn.linear_model._bayes"], &["BayesianRidge", "ARDRegression"]),
    (&["sklearn.linear_model._huber"], &["HuberRegressor"]),
    (&["sklearn.naive_bayes"], &["GaussianNB", "MultinomialNB", "BernoulliNB", "ComplementNB"]),
    (&["sklearn.discriminant_analysis"], &["LinearDiscriminantAnalysis", "QuadraticDiscriminantAnalysis"]),
    (&["sklearn.dummy"], &["DummyClassifier", "DummyRegressor"]),
];

/// Makers of new objects from what the pickle gives them, without their `__init__`.
const MAKERS: &[&str] = &["copyreg", "numpy", "pandas"];

/// Packages whose compiled code trusts the numbers in a state.
const TRUSTING: &[&str] = &["pyarrow", "sklearn", "torch"];

/// Taken back: the first hands out what the whole program shares, the second hides arguments within arguments, so that
/// the check of memory would not see them.
const TAKEN_BACK: &[(&str, &str)] = &[("logging", "getLogger"), ("copyreg", "__newobj_ex__")];

/// Whether the unpickler may look this up in a file that is not trusted. The name is today's, as
/// [`canonical`] gives it.
pub fn may_load(module: &str, name: &str) -> bool {
    let top = module.split('.').next().unwrap_or(module);
    if CLASSES.iter().any(|(modules, names)| modules.contains(&module) && names.contains(&name)) {
        return true;
    }
    if TRUSTING.contains(&top) || TAKEN_BACK.contains(&(module, name)) {
        return false;
    }
    match trust::does(module, name) {
        Some(Does::Data) => true,
        Some(Does::Memory) => (module, name) == ("numpy", "ndarray"),
        Some(Does::New(0) | Does::Reconstruct | Does::Calls(1)) => MAKERS.contains(&top),
        // dill's way to make an array is a call with arguments and a state, no more than REDUCE and BUILD can do.
        Some(Does::CallsWith(0)) => true,
        _ => false,
    }
}

/// The package whose compiled code trusts the numbers in a state, where this (`module.name`) is of one.
pub fn trusts_numbers(name: &str) -> Option<&'static str> {
    let top = name.split('.').next().unwrap_or(name);
    TRUSTING.iter().copied().find(|package| *package == top)
}

/// Whether it is of such a package, and not among the classes of it that compute in safe code.
pub fn is_kept_off(module: &str, name: &str) -> bool {
    trusts_numbers(module).is_some() && !may_load(module, name)
}

/// Whether a module may be imported for a file that is not trusted.
pub fn may_import(module: &str) -> bool {
    trust::is_known_module(module) && !trust::runs_on_import(module)
}

/// Whether this is dill's way to import a module: then its argument is what counts.
pub fn imports_module(module: &str, name: &str) -> bool {
    super::imports_module(module, name)
}

/// The module and the name that today's Python knows this by.
pub fn canonical<'a>(module: &'a str, name: &'a str) -> (&'a str, &'a str) {
    trust::canonical(module, name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_data_may_be_made() {
        for (module, name) in [
            ("builtins", "set"),
            ("collections", "OrderedDict"),
            ("copyreg", "_reconstructor"),
            ("numpy", "dtype"),
            ("numpy._core.multiarray", "_reconstruct"),
            ("numpy.core.multiarray", "scalar"),
            ("numpy.random._pickle", "__generator_ctor"),
            ("pandas.core.frame", "DataFrame"),
            ("pandas.core.indexes.base", "_new_Index"),
            ("sklearn.pipeline", "Pipeline"),
        ] {
            assert!(may_load(module, name), "{module} {name}");
        }
    }

    #[test]
    fn nothing_that_runs_or_reaches_further_may() {
        for (module, name) in [
            ("builtins", "eval"),
            ("builtins", "getattr"),
            ("builtins", "type"),
            ("builtins", "map"),
            ("cloudpickle", "instance"),
            ("collections", "abc.sys"),
            ("copyreg", "__newobj_ex__"),
            ("dill._dill", "_create_function"),
            ("dill._dill", "_eval_repr"),
            ("functools", "partial"),
            ("functools", "reduce"),
            ("logging", "getLogger"),
            ("numpy", "load"),
            ("operator", "methodcaller"),
            ("pandas", "read_pickle"),
            ("pickle", "loads"),
            ("posix", "system"),
            ("pyarrow.lib", "py_buffer"),
            ("sklearn.linear_model", "os.system"),
            ("sklearn.neighbors._kd_tree", "newObj"),
            ("sklearn.pipeline", "Pipeline.fit"),
            ("sklearn.pipeline", "joblib.os.system"),
            ("sklearn.preprocessing._encoders", "OneHotEncoder"),
            ("sklearn.preprocessing._function_transformer", "FunctionTransformer"),
            ("sklearn.tree._classes", "DecisionTreeClassifier"),
            ("sklearn.tree._tree", "Tree"),
            ("types", "FunctionType"),
        ] {
            assert!(!may_load(module, name), "{module} {name}");
        }
        assert!(may_import("numpy") && !may_import("mine") && !may_import("antigravity"));
    }
}
