//! What well-known callables make when a pickle calls them. Data only, and the look-ups in it.
//!
//! Taken from pickles that CPython 3.10 to 3.13, dill 0.3 and 0.4, cloudpickle 3, numpy 1 and 2 and pandas 1 to 3
//! write. A callable that is not listed is taken for a class, which is what most are. What a load may call is in
//! [`trust`].

pub mod plain;
pub mod trust;

/// What a call makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Makes {
    /// Something of this type.
    Type(&'static str),
    /// An instance of the class in this argument.
    InstanceOf(usize),
    /// A numpy scalar of the dtype in the first argument.
    Scalar,
    /// What the first argument, a `repr`, evaluates to.
    Repr,
    /// The class that the first argument names, with the names of `types`.
    NamedClass,
    /// A new class with a name and a module.
    Class(NewClass),
}

/// Which arguments name a new class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NewClass {
    /// Its name.
    pub name: usize,
    /// Its module, or the dict that has it as `__module__`.
    pub module: usize,
}

const DILL: &[&str] = &["dill._dill", "dill.dill"];
const CLOUDPICKLE: &[&str] = &["cloudpickle.cloudpickle", "cloudpickle.cloudpickle_fast", "cloudpickle"];
const NUMPY: &[&str] =
    &["numpy._core.multiarray", "numpy.core.multiarray", "numpy._core.numeric", "numpy.core.numeric"];
const BUILTINS: &[&str] = &["builtins", "__builtin__"];
const COPYREG: &[&str] = &["copyreg", "copy_reg"];

/// The class of arrays.
pub(super) const ARRAY: &str = "numpy.ndarray";

/// Callables whose presence means that code objects are made.
const CODE: &[(&[&str], &[&str])] = &[
    (DILL, &["_create_code"]),
    (&["types"], &["CodeType"]),
    (BUILTINS, &["code"]),
    (CLOUDPICKLE, &["_make_function", "_make_skel_func", "_builtin_type"]),
    (&["marshal"], &["loads"]),
];

/// dill's way to import the module whose session it is, or any other.
const IMPORT_MODULE: (&[&str], &str) = (DILL, "_import_module");

/// The class of which joblib writes an instance in place of an array, whose bytes stand behind it. scikit-learn carried
/// a joblib of its own up to 0.22.
pub(super) const ARRAY_WRAPPER: (&[&str], &str) =
    (&["joblib.numpy_pickle", "sklearn.externals.joblib.numpy_pickle"], "NumpyArrayWrapper");

/// What numpy's dtype of strings of any length is made by.
const STRING_DTYPE: (&[&str], &str) =
    (&["numpy._core._internal", "numpy.core._internal"], "_convert_to_stringdtype_kwargs");

const MAKERS: &[(&[&str], &str, Makes)] = &[
    (DILL, "_import_module", Makes::Type("module")),
    (DILL, "_create_function", Makes::Type("function")),
    (DILL, "_create_code", Makes::Type("code")),
    (DILL, "_create_cell", Makes::Type("cell")),
    (DILL, "_create_array", Makes::Type("numpy.ndarray")),
    (DILL, "_create_filehandle", Makes::Type("file")),
    (DILL, "_create_stringi", Makes::Type("io.StringIO")),
    (DILL, "_create_stringo", Makes::Type("io.StringIO")),
    (DILL, "_create_lock", Makes::Type("_thread.lock")),
    (DILL, "_create_rlock", Makes::Type("_thread.RLock")),
    (DILL, "_create_weakref", Makes::Type("weakref.ref")),
    (DILL, "_create_weakproxy", Makes::Type("weakref.proxy")),
    (DILL, "_get_attr", Makes::Type("method")),
    (DILL, "_eval_repr", Makes::Repr),
    (DILL, "_load_type", Makes::NamedClass),
    (DILL, "_create_type", Makes::Class(NewClass { name: 1, module: 3 })),
    (DILL, "_create_namedtuple", Makes::Class(NewClass { name: 0, module: 2 })),
    (BUILTINS, "type.__new__", Makes::Class(NewClass { name: 1, module: 3 })),
    (&["abc"], "ABCMeta.__new__", Makes::Class(NewClass { name: 1, module: 3 })),
    (CLOUDPICKLE, "_make_function", Makes::Type("function")),
    (CLOUDPICKLE, "_make_skel_func", Makes::Type("function")),
    (CLOUDPICKLE, "_make_cell", Makes::Type("cell")),
    (CLOUDPICKLE, "_make_empty_cell", Makes::Type("cell")),
    (CLOUDPICKLE, "subimport", Makes::Type("module")),
    (CLOUDPICKLE, "dynamic_subimport", Makes::Type("module")),
    (CLOUDPICKLE, "_builtin_type", Makes::NamedClass),
    (CLOUDPICKLE, "_make_skeleton_class", Makes::Class(NewClass { name: 1, module: 3 })),
    (CLOUDPICKLE, "_make_skeleton_enum", Makes::Class(NewClass { name: 1, module: 4 })),
    (NUMPY, "_reconstruct", Makes::InstanceOf(0)),
    (NUMPY, "_frombuffer", Makes::Type("numpy.ndarray")),
    (NUMPY, "scalar", Makes::Scalar),
    (COPYREG, "_reconstructor", Makes::InstanceOf(0)),
    (COPYREG, "__newobj__", Makes::InstanceOf(0)),
    (COPYREG, "__newobj_ex__", Makes::InstanceOf(0)),
    (&["pandas.core.indexes.base"], "_new_Index", Makes::InstanceOf(0)),
    (&["pandas.core.indexes.datetimes"], "_new_DatetimeIndex", Makes::InstanceOf(0)),
    (&["pandas._libs.internals"], "_unpickle_block", Makes::Type("pandas._libs.internals.Block")),
    (&["pandas._libs.arrays"], "__pyx_unpickle_NDArrayBacked", Makes::InstanceOf(0)),
    (&["pandas._libs.tslibs.timestamps"], "_unpickle_timestamp", Makes::Type("pandas.Timestamp")),
    (&["pandas._libs.tslibs.timedeltas"], "_timedelta_unpickle", Makes::Type("pandas.Timedelta")),
    (&["_codecs"], "encode", Makes::Type("bytes")),
    (&["re"], "_compile", Makes::Type("re.Pattern")),
    (BUILTINS, "getattr", Makes::Type("method")),
    (BUILTINS, "str.split", Makes::Type("list")),
    (&["uuid"], "_uuid_from_int", Makes::Type("uuid.UUID")),
    (&["weakref"], "ref", Makes::Type("weakref.ref")),
];

/// Classes that are known by a shorter name than the one that pickles have.
const PUBLIC: &[(&str, &[&str], &str)] = &[
    ("pandas.core.frame", &["DataFrame"], "pandas"),
    ("pandas.core.series", &["Series"], "pandas"),
    ("pandas.core.indexes.base", &["Index"], "pandas"),
    ("pandas.core.indexes.range", &["RangeIndex"], "pandas"),
    ("pandas.core.indexes.multi", &["MultiIndex"], "pandas"),
    ("pandas.core.indexes.datetimes", &["DatetimeIndex"], "pandas"),
    ("pandas.core.arrays.categorical", &["Categorical"], "pandas"),
    ("numpy.ma.core", &["MaskedArray"], "numpy.ma"),
    ("numpy.matrixlib.defmatrix", &["matrix"], "numpy"),
];

/// What `dill._dill._load_type` and `types` call classes that have another name.
const TYPES: &[(&str, &str)] = &[
    ("MethodType", "method"),
    ("FunctionType", "function"),
    ("LambdaType", "function"),
    ("CodeType", "code"),
    ("ModuleType", "module"),
    ("CellType", "cell"),
    ("MappingProxyType", "mappingproxy"),
    ("NoneType", "NoneType"),
    ("SliceType", "slice"),
    ("ObjectType", "object"),
];

/// The dtypes that numpy's scalars most often have: as pickled, and as the class is called.
const DTYPES: &[(&str, &str)] = &[
    ("b1", "bool"),
    ("i1", "int8"),
    ("i2", "int16"),
    ("i4", "int32"),
    ("i8", "int64"),
    ("u1", "uint8"),
    ("u2", "uint16"),
    ("u4", "uint32"),
    ("u8", "uint64"),
    ("f2", "float16"),
    ("f4", "float32"),
    ("f8", "float64"),
    ("f16", "longdouble"),
    ("c8", "complex64"),
    ("c16", "complex128"),
    ("M8", "datetime64"),
    ("m8", "timedelta64"),
];

/// Whether this global makes code objects.
pub(super) fn makes_code(module: &str, name: &str) -> bool {
    CODE.iter().any(|(modules, names)| modules.contains(&module) && names.contains(&name))
}

/// Whether this global is dill's way to import a module.
pub(super) fn imports_module(module: &str, name: &str) -> bool {
    IMPORT_MODULE.0.contains(&module) && IMPORT_MODULE.1 == name
}

/// Whether this global is the class of which joblib writes an instance in place of an array.
pub fn is_array_wrapper(module: &str, name: &str) -> bool {
    ARRAY_WRAPPER.0.contains(&module) && ARRAY_WRAPPER.1 == name
}

/// Whether this global makes numpy's dtype of strings of any length.
pub(super) fn is_string_dtype(module: &str, name: &str) -> bool {
    STRING_DTYPE.0.contains(&module) && STRING_DTYPE.1 == name
}

/// The size of an item of a dtype with this code, as numpy pickles write it: `f8`, `U5`, `V16`.
pub(super) fn item_size(code: &str) -> Option<u64> {
    let kind = code.chars().next().filter(|kind| "biufcmMOSUV".contains(*kind))?;
    let digits = code.get(1..).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    let size: u64 = digits.parse().ok()?;
    // A character of a `U` is a code point.
    if kind == 'U' { size.checked_mul(4) } else { Some(size) }
}

/// Whether this global is what dill writes for the namespace of the session itself.
pub(super) fn is_session_namespace(module: &str, name: &str) -> bool {
    BUILTINS.contains(&module) && name == "__main__"
}

/// What a call of this global makes, where that is not an instance of it.
pub(super) fn made_by(module: &str, name: &str) -> Option<Makes> {
    let mut makers = MAKERS.iter().filter(|(modules, maker, _)| *maker == name && modules.contains(&module));
    makers.next().map(|(_, _, makes)| *makes)
}

/// A class's name as people write it: without `builtins`, and with the module that exports it.
pub(super) fn public_name(module: &str, name: &str) -> String {
    if BUILTINS.contains(&module) {
        return name.to_owned();
    }
    if module == "types" {
        return type_name(name).to_owned();
    }
    let public = PUBLIC.iter().find(|(from, names, _)| *from == module && names.contains(&name));
    format!("{}.{name}", public.map_or(module, |(_, _, public)| public))
}

/// The name of a class that `types` or dill has another name for.
pub(super) fn type_name(name: &str) -> &str {
    TYPES.iter().find(|(theirs, _)| *theirs == name).map_or(name, |(_, public)| public)
}

/// The class of a numpy scalar with this dtype.
pub(super) fn scalar_name(dtype: &str) -> String {
    let class = DTYPES.iter().find(|(code, _)| *code == dtype).map(|(_, class)| *class);
    format!("numpy.{}", class.unwrap_or("generic"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_people_write() {
        assert_eq!(public_name("builtins", "complex"), "complex");
        assert_eq!(public_name("pandas.core.frame", "DataFrame"), "pandas.DataFrame");
        assert_eq!(public_name("pandas.core.frame", "Other"), "pandas.core.frame.Other");
        assert_eq!(public_name("types", "MethodType"), "method");
        assert_eq!(scalar_name("f8"), "numpy.float64");
    }

    #[test]
    fn item_sizes_are_those_of_numpy() {
        let codes = ["f8", "U5", "V16", "M8", "b1", "S0", "i4,f8", "f", ">f8", "U99999999999999999999", "f+8", ""];
        let sizes = codes.map(item_size);
        let known = [Some(8), Some(20), Some(16), Some(8), Some(1), Some(0)];
        assert_eq!(sizes.get(..6), Some(&known[..]));
        assert!(sizes.iter().skip(6).all(Option::is_none), "{sizes:?}");
    }

    #[test]
    fn code_and_modules_are_known_by_their_makers() {
        assert!(makes_code("dill._dill", "_create_code") && !makes_code("os", "_create_code"));
        assert!(imports_module("dill.dill", "_import_module"));
        assert_eq!(made_by("numpy.core.multiarray", "_frombuffer"), made_by("numpy._core.numeric", "_frombuffer"));
        assert_eq!(made_by("collections", "deque"), None);
    }
}
