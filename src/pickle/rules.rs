//! What well-known callables make when a pickle calls them. Data only, and the look-ups in it.
//!
//! Taken from pickles that CPython 3.10 to 3.13, dill 0.3 and 0.4, cloudpickle 3, numpy 1 and 2 and pandas 1 to 3
//! write. A callable that is not listed is taken for a class, which is what most are. What a load may call is in
//! [`trust`].

pub(super) mod frames;
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
    /// What the first argument makes with the tuple in the second.
    Call,
    /// The attribute of the first argument that the second one names.
    Attribute,
    /// A built-in type's member, of which the third argument is the `repr`.
    Descriptor,
    /// What a subscript of the first argument makes.
    Subscript,
    /// What `functools.lru_cache` returns, or the function that this returns.
    Decorator,
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

/// The names under which a dill session has lists of what it only names, and whether that is modules. Loading it looks them
/// up and takes the lists away (`_restore_modules` in `dill/session.py`).
pub(super) const NAMED_IMPORTS: &[(&str, bool)] =
    &[("__dill_imported", false), ("__dill_imported_as", false), ("__dill_imported_top_level", true)];

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
    (DILL, "_create_array", Makes::Call),
    (DILL, "_create_filehandle", Makes::Type("file")),
    (DILL, "_create_stringi", Makes::Type("io.StringIO")),
    (DILL, "_create_stringo", Makes::Type("io.StringIO")),
    (DILL, "_create_lock", Makes::Type("_thread.lock")),
    (DILL, "_create_rlock", Makes::Type("_thread.RLock")),
    (DILL, "_create_weakref", Makes::Type("weakref.ref")),
    (DILL, "_create_weakproxy", Makes::Type("weakref.proxy")),
    (DILL, "_get_attr", Makes::Type("method")),
    (DILL, "_getattr", Makes::Descriptor),
    (DILL, "_eval_repr", Makes::Repr),
    (DILL, "_load_type", Makes::NamedClass),
    (DILL, "_create_type", Makes::Class(NewClass { name: 1, module: 3 })),
    (DILL, "_create_namedtuple", Makes::Class(NewClass { name: 0, module: 2 })),
    (&["types"], "new_class", Makes::Class(NewClass { name: 0, module: 3 })),
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
    (NUMPY, "_frombuffer", Makes::Type(ARRAY)),
    (NUMPY, "scalar", Makes::Scalar),
    (&["numpy.ma.core"], "_mareconstruct", Makes::InstanceOf(0)),
    (&["numpy.random._pickle"], "__bit_generator_ctor", Makes::InstanceOf(0)),
    (&["numpy.random._pickle"], "__generator_ctor", Makes::Type("numpy.random._generator.Generator")),
    (&["numpy.random._pickle"], "__randomstate_ctor", Makes::Type("numpy.random.mtrand.RandomState")),
    (&["numpy.random.bit_generator"], "__pyx_unpickle_SeedSequence", Makes::InstanceOf(0)),
    (COPYREG, "_reconstructor", Makes::InstanceOf(0)),
    (COPYREG, "__newobj__", Makes::InstanceOf(0)),
    (COPYREG, "__newobj_ex__", Makes::InstanceOf(0)),
    (&["pandas.core.indexes.base"], "_new_Index", Makes::InstanceOf(0)),
    (&["pandas.core.indexes.datetimes"], "_new_DatetimeIndex", Makes::InstanceOf(0)),
    (&["pandas.core.indexes.timedeltas"], "_new_TimedeltaIndex", Makes::InstanceOf(0)),
    (&["pandas.core.indexes.period"], "_new_PeriodIndex", Makes::InstanceOf(0)),
    (&["pandas.core.indexes.interval"], "_new_IntervalIndex", Makes::InstanceOf(0)),
    (&["pandas._libs.tslibs.nattype"], "_nat_unpickle", Makes::Type("pandas.api.typing.NaTType")),
    (&["pandas._libs.tslibs.period"], "_unpickle_period", Makes::Type("pandas.Period")),
    (&["pandas._libs.internals"], "_unpickle_block", Makes::Type("pandas._libs.internals.Block")),
    (&["pandas._libs.arrays"], "__pyx_unpickle_NDArrayBacked", Makes::InstanceOf(0)),
    (&["pandas._libs.tslibs.timestamps"], "_unpickle_timestamp", Makes::Type("pandas.Timestamp")),
    (&["pandas._libs.tslibs.timedeltas"], "_timedelta_unpickle", Makes::Type("pandas.Timedelta")),
    (&["_codecs"], "encode", Makes::Type("bytes")),
    (&["re"], "_compile", Makes::Type("re.Pattern")),
    (BUILTINS, "getattr", Makes::Attribute),
    (BUILTINS, "str.split", Makes::Type("list")),
    (&["uuid"], "_uuid_from_int", Makes::Type("uuid.UUID")),
    (&["weakref"], "ref", Makes::Type("weakref.ref")),
    (&["zoneinfo"], "ZoneInfo._unpickle", Makes::Type("zoneinfo.ZoneInfo")),
    (&["array"], "_array_reconstructor", Makes::InstanceOf(0)),
    (&["functools", "_functools"], "lru_cache", Makes::Decorator),
    (&["operator", "_operator"], "getitem", Makes::Subscript),
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
    ("EllipsisType", "ellipsis"),
    ("NotImplementedType", "NotImplementedType"),
];

/// What `typing`'s names give when they are subscripted; `typing._GenericAlias` where they are not listed.
const SUBSCRIPTS: &[(&str, &str)] = &[
    ("Union", "typing._UnionGenericAlias"),
    ("Optional", "typing._UnionGenericAlias"),
    ("Callable", "typing._CallableGenericAlias"),
    ("Literal", "typing._LiteralGenericAlias"),
    ("Annotated", "typing._AnnotatedAlias"),
];

/// Values that pickles only name, and their types.
const SINGLETONS: &[(&[&str], &str, &str)] = &[
    (BUILTINS, "Ellipsis", "ellipsis"),
    (BUILTINS, "NotImplemented", "NotImplementedType"),
    (&["pandas._libs.missing"], "NA", "pandas.api.typing.NAType"),
];

/// The types of what dill writes the `repr` of, by its beginning.
const REPRS: &[(&str, &str)] = &[
    ("Ellipsis", "ellipsis"),
    ("NotImplemented", "NotImplementedType"),
    ("None", "NoneType"),
    ("<method ", "method_descriptor"),
    ("<slot wrapper ", "wrapper_descriptor"),
    ("<attribute ", "getset_descriptor"),
    ("<member ", "member_descriptor"),
];

/// Classes whose instances have the items that a pickle adds to them, and no others.
const FILLED: &[&str] =
    &["collections.OrderedDict", "collections.defaultdict", "collections.deque", "collections.Counter"];

/// The dtypes that numpy has: as pickled, and as the scalar is called.
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
    ("c32", "clongdouble"),
    ("M8", "datetime64"),
    ("m8", "timedelta64"),
];

/// Scalars of any size, by the first letter of their dtype.
const SIZED_SCALARS: &[(char, &str)] = &[('U', "str_"), ('S', "bytes_"), ('V', "void"), ('O', "object_")];

/// The classes of dtypes, by their scalars: all others are called as these, with a capital.
const DTYPE_CLASSES: &[(&str, &str)] = &[
    ("longdouble", "LongDouble"),
    ("clongdouble", "CLongDouble"),
    ("datetime64", "DateTime64"),
    ("timedelta64", "TimeDelta64"),
    ("uint8", "UInt8"),
    ("uint16", "UInt16"),
    ("uint32", "UInt32"),
    ("uint64", "UInt64"),
    ("str_", "Str"),
    ("bytes_", "Bytes"),
    ("void", "Void"),
    ("object_", "Object"),
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
    let (module, name) = trust::canonical(module, name);
    let mut makers = MAKERS.iter().filter(|(modules, maker, _)| *maker == name && modules.contains(&module));
    makers.next().map(|(_, _, makes)| *makes)
}

/// A class's name as people write it: without `builtins`, and with the module that exports it.
pub(super) fn public_name(module: &str, name: &str) -> String {
    let (module, name) = trust::canonical(module, name);
    if BUILTINS.contains(&module) {
        return name.to_owned();
    }
    if module == "types" {
        let public = TYPES.iter().find(|(theirs, _)| *theirs == name);
        return public.map_or_else(|| format!("types.{name}"), |(_, public)| (*public).to_owned());
    }
    let public = PUBLIC.iter().find(|(from, names, _)| *from == module && names.contains(&name));
    format!("{}.{name}", public.map_or(module, |(_, _, public)| public))
}

/// The name of a class that `types` or dill has another name for.
pub(super) fn type_name(name: &str) -> String {
    if let Some((_, public)) = TYPES.iter().find(|(theirs, _)| *theirs == name) {
        return (*public).to_owned();
    }
    match trust::named_type(name) {
        ("builtins", name) => name.to_owned(),
        (module, name) => format!("{module}.{name}"),
    }
}

/// The class of numpy scalars with this dtype, without its module.
fn scalar(dtype: &str) -> &'static str {
    let of_any_size = || SIZED_SCALARS.iter().find(|(first, _)| dtype.starts_with(*first));
    let class = DTYPES.iter().find(|(code, _)| *code == dtype).map(|(_, class)| *class);
    class.or_else(|| of_any_size().map(|(_, class)| *class)).unwrap_or("generic")
}

/// The class of a numpy scalar with this dtype.
pub(super) fn scalar_name(dtype: &str) -> String {
    format!("numpy.{}", scalar(dtype))
}

/// The class of a dtype with this code, as numpy 2 calls it.
pub(super) fn dtype_class(code: &str) -> String {
    let scalar = scalar(code);
    if scalar == "generic" {
        return "numpy.dtype".to_owned();
    }
    if let Some((_, class)) = DTYPE_CLASSES.iter().find(|(of, _)| *of == scalar) {
        return format!("numpy.dtypes.{class}DType");
    }
    let (first, rest) = scalar.split_at(1);
    format!("numpy.dtypes.{}{rest}DType", first.to_ascii_uppercase())
}

/// How numpy writes a dtype of one kind, in its machine's byte order: `float64`, `<U7`, `datetime64`.
pub(super) fn dtype_name(code: &str) -> Option<String> {
    match code.chars().next()? {
        'O' => Some("object".to_owned()),
        'U' => Some(format!("<{code}")),
        'S' | 'V' => Some(format!("|{code}")),
        _ => match scalar(code) {
            "generic" => None,
            "longdouble" => Some("float128".to_owned()),
            "clongdouble" => Some("complex256".to_owned()),
            name => Some(name.to_owned()),
        },
    }
}

/// How an import is named: by the module and the name that today's Python knows it by.
pub(super) fn import_name(module: &str, name: &str) -> String {
    let (module, name) = trust::canonical(module, name);
    format!("{module}.{name}")
}

/// The type of what only its name stands for.
pub(super) fn singleton(module: &str, name: &str) -> Option<&'static str> {
    let found = SINGLETONS.iter().find(|(modules, of, _)| *of == name && modules.contains(&module));
    found.map(|(.., type_name)| *type_name)
}

/// The type of what has this `repr`, of those that dill writes.
pub(super) fn type_of_repr(repr: &str) -> Option<&str> {
    let listed = REPRS.iter().find(|(start, _)| repr.starts_with(start)).map(|(_, type_name)| *type_name);
    listed.or_else(|| repr.split_once('(').map(|(name, _)| name))
}

/// The type of what a subscript of this gives.
pub(super) fn subscript_of(module: &str, name: &str) -> Option<&'static str> {
    let listed = SUBSCRIPTS.iter().find(|(of, _)| *of == name).map(|(_, type_name)| *type_name);
    (module == "typing").then(|| listed.unwrap_or("typing._GenericAlias"))
}

/// Whether instances of this class have no items but those that a pickle adds.
pub(super) fn is_filled(class: &str) -> bool {
    FILLED.contains(&class)
}

/// Whether this global is a class of the interpreter's own, whose members are descriptors.
pub(super) fn is_builtin(module: &str) -> bool {
    BUILTINS.contains(&module)
}

/// Whether this global takes an attribute of its first argument.
pub(super) fn is_getattr(module: &str, name: &str) -> bool {
    BUILTINS.contains(&module) && name == "getattr"
}

/// Whether this global gives a class its attributes.
pub(super) fn fills_class(module: &str, name: &str) -> bool {
    CLOUDPICKLE.contains(&module) && name == "_class_setstate"
}

/// Whether this global makes a dtype.
pub(super) fn is_dtype(module: &str, name: &str) -> bool {
    (module, name) == ("numpy", "dtype")
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
