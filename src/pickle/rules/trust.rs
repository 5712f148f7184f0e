//! What a load may look up and call: the one list that `inspect`'s verdict and a guarded load go by. Data only, and
//! the look-ups in it.
//!
//! Allowed is what stands here by its exact module and name. What neither stands here nor among the dangerous ones
//! is taken for importable code that nobody vouches for. Entries were taken from what CPython 3.10 to 3.13, dill 0.4,
//! cloudpickle 3, numpy, pandas, scikit-learn and pyarrow write, and from published attacks on pickle scanners.

use std::collections::HashMap;
use std::sync::LazyLock;

/// What a callable does with its arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pickle) enum Does {
    /// Makes plain data.
    Data,
    /// Makes functions, code objects, cells and what wraps them, without calling any.
    Code,
    /// A function that the pickle carries.
    Function,
    /// A code object.
    CodeObject,
    /// A class: which argument is the metaclass, which the bases, which the namespace.
    Class(ClassArguments),
    /// Imports the module that the argument names.
    Import,
    /// Takes the attribute of the first argument that the second one names.
    GetAttr,
    /// Changes the first argument.
    SetAttr,
    /// A built-in type by its name in `types` or `builtins`.
    NamedType,
    /// Evaluates text: only what dill writes is let through.
    Eval,
    /// Loads the pickle that is its argument.
    Load,
    /// Makes an object of the class that is this argument, without its `__init__`.
    New(usize),
    /// Makes an object of the class that is the first argument, and calls the `__init__` of the second one.
    Reconstruct,
    /// Calls the first argument at once.
    Calls(usize),
    /// Calls this argument with the tuple behind it.
    CallsWith(usize),
    /// Makes an iterator that calls the first argument when it is asked for an item.
    Lazy,
    /// With two arguments as `Lazy`, else as `Data`.
    Iterates,
    /// `functools.partial`.
    Partial,
    /// `operator.attrgetter`.
    AttrGetter,
    /// `operator.methodcaller`.
    MethodCaller,
    /// `functools.lru_cache`: a decorator, or a function that was decorated.
    Decorator,
    /// dill's open files.
    OpenFile,
    /// Makes an array, of memory that it is given: as a class without a buffer, it is harmless.
    Memory,
}

/// Which arguments make a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pickle) struct ClassArguments {
    /// The metaclass; there is none where a class's maker is fixed.
    pub meta: Option<usize>,
    /// The bases.
    pub bases: Option<usize>,
    /// The namespace.
    pub namespace: Option<usize>,
}

const fn class(meta: Option<usize>, bases: Option<usize>, namespace: Option<usize>) -> Does {
    Does::Class(ClassArguments { meta, bases, namespace })
}

const DILL: &[&str] = &["dill._dill", "dill.dill"];
const CLOUDPICKLE: &[&str] = &["cloudpickle.cloudpickle", "cloudpickle.cloudpickle_fast", "cloudpickle"];
const NUMPY: &[&str] =
    &["numpy._core.multiarray", "numpy.core.multiarray", "numpy._core.numeric", "numpy.core.numeric"];
const COLLECTIONS: &[&str] = &["collections", "_collections"];
const OPERATOR: &[&str] = &["operator", "_operator"];
const FUNCTOOLS: &[&str] = &["functools", "_functools"];

/// Callables that may be called, by exact module and name.
#[rustfmt::skip]
pub(in crate::pickle) const CALLABLES: &[(&[&str], &[&str], Does)] = &[
    (
        &["builtins"],
        &[
            "bool", "bytearray", "bytes", "complex", "dict", "enumerate", "float", "frozenset", "int", "list",
            "memoryview", "object", "range", "reversed", "set", "slice", "str", "str.split", "tuple", "zip", "NoneType",
        ],
        Does::Data,
    ),
    (
        &["builtins"],
        &[
            "ArithmeticError", "AssertionError", "AttributeError", "BaseException", "BaseExceptionGroup",
            "BlockingIOError", "BrokenPipeError", "BufferError", "BytesWarning", "ChildProcessError",
            "ConnectionAbortedError", "ConnectionError", "ConnectionRefusedError", "ConnectionResetError",
            "DeprecationWarning", "EOFError", "Exception", "ExceptionGroup", "FileExistsError", "FileNotFoundError",
            "FloatingPointError", "FutureWarning", "GeneratorExit", "IOError", "ImportError", "ImportWarning",
            "IndentationError", "IndexError", "InterruptedError", "IsADirectoryError", "KeyError", "KeyboardInterrupt",
            "LookupError", "MemoryError", "ModuleNotFoundError", "NameError", "NotADirectoryError",
            "NotImplementedError", "OSError", "OverflowError", "PendingDeprecationWarning", "PermissionError",
            "ProcessLookupError", "RecursionError", "ReferenceError", "ResourceWarning", "RuntimeError",
            "RuntimeWarning", "StopAsyncIteration", "StopIteration", "SyntaxError", "SyntaxWarning", "SystemError",
            "SystemExit", "TabError", "TimeoutError", "TypeError", "UnboundLocalError", "UnicodeDecodeError",
            "UnicodeEncodeError", "UnicodeError", "UnicodeTranslateError", "UnicodeWarning", "UserWarning",
            "ValueError", "Warning", "ZeroDivisionError",
        ],
        Does::Data,
    ),
    (&["builtins"], &["property", "classmethod", "staticmethod", "super"], Does::Code),
    (&["builtins"], &["type"], class(None, Some(1), Some(2))),
    // Called with a metaclass, of which nothing runs: the classes of a session are made so.
    (&["builtins"], &["type.__new__"], class(None, Some(2), Some(3))),
    (&["abc"], &["ABCMeta.__new__"], class(None, Some(2), Some(3))),
    (&["builtins"], &["type.__setattr__"], Does::SetAttr),
    (&["builtins"], &["getattr"], Does::GetAttr),
    (&["builtins"], &["setattr", "delattr"], Does::SetAttr),
    (&["builtins"], &["map", "filter"], Does::Lazy),
    (&["builtins"], &["iter"], Does::Iterates),
    (&["copyreg"], &["_reconstructor"], Does::Reconstruct),
    (&["copyreg"], &["__newobj__", "__newobj_ex__"], Does::New(0)),
    (COLLECTIONS, &["OrderedDict", "defaultdict", "deque", "Counter", "ChainMap", "UserDict", "UserList"], Does::Data),
    (COLLECTIONS, &["_tuplegetter"], Does::Code),
    (COLLECTIONS, &["namedtuple"], class(None, None, None)),
    (&["datetime"], &["date", "datetime", "time", "timedelta", "timezone"], Does::Data),
    (&["zoneinfo"], &["ZoneInfo", "ZoneInfo._unpickle"], Does::Data),
    (&["decimal", "_decimal"], &["Decimal", "Context"], Does::Data),
    (&["fractions"], &["Fraction"], Does::Data),
    (&["uuid"], &["UUID", "SafeUUID", "_uuid_from_int"], Does::Data),
    (&["random", "_random"], &["Random"], Does::Data),
    (
        &["pathlib", "pathlib._local"],
        &["Path", "PosixPath", "PurePath", "PurePosixPath", "PureWindowsPath", "WindowsPath"],
        Does::Data,
    ),
    (
        &["ipaddress"],
        &["IPv4Address", "IPv6Address", "IPv4Network", "IPv6Network", "IPv4Interface", "IPv6Interface"],
        Does::Data,
    ),
    (&["re"], &["_compile", "compile", "RegexFlag"], Does::Data),
    (&["types"], &["SimpleNamespace", "MappingProxyType", "NoneType", "GenericAlias", "UnionType"], Does::Data),
    (&["types"], &["MethodType", "CellType", "DynamicClassAttribute"], Does::Code),
    (&["types"], &["FunctionType", "LambdaType"], Does::Function),
    (&["types"], &["CodeType"], Does::CodeObject),
    // Its metaclass is a keyword, and its namespace is filled by a function: see `Judge::new_class`.
    (&["types"], &["new_class"], class(None, Some(1), Some(3))),
    (&["_codecs"], &["encode"], Does::Data),
    (&["array"], &["array", "_array_reconstructor"], Does::Data),
    (&["string"], &["Template"], Does::Data),
    (&["_io", "io"], &["StringIO", "BytesIO"], Does::Data),
    (
        &["itertools"],
        &[
            "chain", "combinations", "combinations_with_replacement", "compress", "count", "cycle", "islice", "pairwise",
            "permutations", "product", "repeat", "zip_longest", "tee", "_tee",
        ],
        Does::Data,
    ),
    (&["itertools"], &["dropwhile", "filterfalse", "groupby", "starmap", "takewhile", "accumulate"], Does::Lazy),
    (OPERATOR, &["itemgetter"], Does::Data),
    (OPERATOR, &["attrgetter"], Does::AttrGetter),
    (OPERATOR, &["methodcaller"], Does::MethodCaller),
    (FUNCTOOLS, &["partial", "partialmethod"], Does::Partial),
    (FUNCTOOLS, &["lru_cache"], Does::Decorator),
    (FUNCTOOLS, &["reduce"], Does::Calls(0)),
    (FUNCTOOLS, &["cmp_to_key"], Does::Code),
    (&["functools"], &["cached_property", "singledispatchmethod", "_lru_cache_wrapper"], Does::Code),
    (&["weakref", "_weakref"], &["ref", "WeakSet", "WeakKeyDictionary", "WeakValueDictionary"], Does::Data),
    (&["logging"], &["getLogger"], Does::Data),
    (&["threading", "_thread"], &["Lock", "RLock", "allocate_lock", "Event"], Does::Data),
    (&["dataclasses"], &["Field", "_DataclassParams", "_MISSING_TYPE", "_HAS_DEFAULT_FACTORY_CLASS"], Does::Code),
    (&["abc", "_abc"], &["abstractproperty"], Does::Code),
    (&["typing"], &["TypeVar", "ParamSpec", "_GenericAlias", "ForwardRef"], Does::Code),
    (&["_frozen_importlib"], &["ModuleSpec"], Does::New(usize::MAX)),
    (&["_frozen_importlib_external"], &["SourceFileLoader"], Does::New(usize::MAX)),
    (DILL, &["_import_module"], Does::Import),
    (DILL, &["_load_type"], Does::NamedType),
    (DILL, &["_create_function"], Does::Function),
    (DILL, &["_create_code", "_unmarshal"], Does::CodeObject),
    (DILL, &["_create_type"], class(Some(0), Some(2), Some(3))),
    (DILL, &["_create_namedtuple"], class(None, None, None)),
    (DILL, &["_create_cell", "_create_typing_tuple"], Does::Code),
    (
        DILL,
        &[
            "_create_lock", "_create_rlock", "_create_weakref", "_create_weakproxy", "_create_stringi",
            "_create_stringo", "_create_dtypemeta", "_dictproxy_helper",
        ],
        Does::Data,
    ),
    (DILL, &["_create_array"], Does::CallsWith(0)),
    (DILL, &["_create_ftype"], Does::Calls(0)),
    (DILL, &["_create_filehandle"], Does::OpenFile),
    (DILL, &["_eval_repr"], Does::Eval),
    (DILL, &["_get_attr", "_getattr"], Does::GetAttr),
    (&["dill._dill", "dill.dill", "dill._shims"], &["_setattr", "_delattr", "_setitems"], Does::SetAttr),
    (CLOUDPICKLE, &["_make_function", "_make_skel_func"], Does::Function),
    (CLOUDPICKLE, &["_make_cell", "_make_empty_cell", "_make_typevar"], Does::Code),
    (
        CLOUDPICKLE,
        &["_make_dict_keys", "_make_dict_values", "_make_dict_items", "_get_dataclass_field_type_sentinel"],
        Does::Data,
    ),
    (CLOUDPICKLE, &["_make_skeleton_class", "_make_skeleton_enum"], class(Some(0), Some(2), Some(3))),
    (CLOUDPICKLE, &["_builtin_type"], Does::NamedType),
    (CLOUDPICKLE, &["subimport"], Does::Import),
    (CLOUDPICKLE, &["_function_setstate", "_class_setstate"], Does::SetAttr),
    (CLOUDPICKLE, &["instance"], Does::New(0)),
    (NUMPY, &["_reconstruct"], Does::New(0)),
    (NUMPY, &["_frombuffer", "scalar"], Does::Data),
    (&["numpy"], &["dtype"], Does::Data),
    (
        &["numpy", "numpy.rec", "numpy._core.records", "numpy.core.records", "numpy.char", "numpy._core.defchararray"],
        &["ndarray", "recarray", "chararray"],
        Does::Memory,
    ),
    (&["numpy._core._internal", "numpy.core._internal"], &["_convert_to_stringdtype_kwargs"], Does::Data),
    (&["numpy.dtypes"], &["StringDType"], Does::Data),
    (&["numpy.ma.core"], &["_mareconstruct"], Does::New(0)),
    (&["numpy.random._pickle"], &["__bit_generator_ctor"], Does::New(0)),
    (&["numpy.random._pickle"], &["__generator_ctor", "__randomstate_ctor"], Does::Calls(1)),
    (&["numpy.random.bit_generator", "numpy.random._bit_generator"], &["__pyx_unpickle_SeedSequence"], Does::New(0)),
    (&["pandas", "pandas._libs.interval"], &["Interval"], Does::Data),
    (&["pandas"], &["Period"], Does::Data),
    (&["pandas"], &["PeriodDtype", "StringDtype", "CategoricalDtype", "IntervalDtype", "DatetimeTZDtype"], Does::Data),
    (&["pandas.core.dtypes.dtypes"], &["PeriodDtype", "CategoricalDtype", "IntervalDtype", "DatetimeTZDtype"], Does::Data),
    (&["pandas.core.arrays.string_"], &["StringDtype"], Does::Data),
    (&["pandas._libs.arrays"], &["__pyx_unpickle_NDArrayBacked"], Does::New(0)),
    (&["pandas._libs.internals"], &["_unpickle_block", "BlockManager"], Does::Data),
    (&["pandas._libs.sparse"], &["IntIndex", "BlockIndex"], Does::Data),
    (&["pandas._libs.tslibs.nattype"], &["_nat_unpickle"], Does::Data),
    (&["pandas._libs.tslibs.timedeltas"], &["_timedelta_unpickle"], Does::Data),
    (&["pandas._libs.tslibs.timestamps"], &["_unpickle_timestamp"], Does::Data),
    (
        &["pandas._libs.tslibs.offsets"],
        &[
            "BusinessDay", "MonthEnd", "MonthBegin", "BusinessMonthEnd", "BusinessMonthBegin", "QuarterEnd",
            "QuarterBegin", "YearEnd", "YearBegin", "Week", "Day", "Hour", "Minute", "Second", "Milli", "Micro",
            "Nano", "DateOffset", "BDay", "_offsets",
        ],
        Does::Data,
    ),
    (&["pandas._libs.tslibs.period"], &["_unpickle_period", "Period"], Does::Data),
    (
        &[
            "pandas.core.indexes.base", "pandas.core.indexes.datetimes", "pandas.core.indexes.interval",
            "pandas.core.indexes.timedeltas", "pandas.core.indexes.period",
        ],
        &["_new_Index", "_new_DatetimeIndex", "_new_IntervalIndex", "_new_TimedeltaIndex", "_new_PeriodIndex"],
        Does::New(0),
    ),
    (
        &["pandas.core.internals.managers", "pandas.core.internals"],
        &["BlockManager", "SingleBlockManager"],
        Does::Data,
    ),
    (&["sklearn._loss._loss"], &["CyHalfBinomialLoss", "CyHalfSquaredError", "CyHalfMultinomialLoss"], Does::Data),
    (
        &["sklearn.linear_model._sgd_fast"],
        &["Hinge", "SquaredHinge", "Log", "SquaredLoss", "Huber", "ModifiedHuber", "EpsilonInsensitive"],
        Does::Data,
    ),
    (
        &["sklearn.metrics._dist_metrics", "sklearn.neighbors._kd_tree", "sklearn.neighbors._ball_tree"],
        &["newObj"],
        Does::New(0),
    ),
    (&["sklearn.tree._tree"], &["Tree"], Does::Data),
    (
        &["pyarrow.lib"],
        &["_restore_array", "_reconstruct_table", "chunked_array", "py_buffer", "type_for_alias", "schema", "field"],
        Does::Data,
    ),
    (&["pickle", "_pickle", "cPickle", "dill", "dill._dill", "cloudpickle", "cloudpickle.cloudpickle"], &["loads"], Does::Load),
    (&["torch.storage"], &["_load_from_bytes"], Does::Load),
];

/// Classes of these packages may be made without their `__init__`, as an instance's pickle does.
#[rustfmt::skip]
const DATA_PACKAGES: &[&str] = &["numpy", "pandas", "sklearn", "scipy", "pyarrow"];

/// Modules whose import runs nothing that anyone would mind: all else is code that nobody vouches for.
#[rustfmt::skip]
const KNOWN_PACKAGES: &[&str] = &[
    "numpy", "pandas", "sklearn", "scipy", "pyarrow", "dill", "cloudpickle", "joblib", "matplotlib", "seaborn",
    "polars", "torch", "xgboost", "lightgbm", "statsmodels", "sympy", "networkx", "PIL", "requests", "tqdm", "pytz",
    "dateutil", "attr", "attrs", "pydantic", "__main__", "__mp_main__", "__runtime__",
    "__future__", "_abc", "_bisect", "_codecs", "_collections", "_collections_abc", "_csv", "_ctypes", "_datetime",
    "_decimal", "_frozen_importlib", "_frozen_importlib_external", "_functools", "_hashlib", "_heapq", "_io", "_json",
    "_locale", "_operator", "_pickle", "_queue", "_random", "_socket", "_sqlite3", "_ssl", "_struct", "_thread",
    "_weakref", "_weakrefset", "abc", "argparse", "array", "ast", "asyncio", "atexit", "base64", "bdb", "binascii",
    "bisect", "builtins", "bz2", "calendar", "cmath", "code", "codecs", "codeop", "collections", "colorsys",
    "concurrent", "configparser", "contextlib", "contextvars", "copy", "copyreg", "csv", "ctypes", "dataclasses",
    "datetime", "dbm", "decimal", "difflib", "dis", "doctest", "email", "encodings", "enum", "errno", "faulthandler",
    "fcntl", "filecmp", "fileinput", "fnmatch", "fractions", "ftplib", "functools", "gc", "getopt", "getpass",
    "gettext", "glob", "graphlib", "grp", "gzip", "hashlib", "heapq", "hmac", "html", "http", "imaplib", "importlib",
    "inspect", "io", "ipaddress", "itertools", "json", "keyword", "linecache", "locale", "logging", "lzma", "mailbox",
    "marshal", "math", "mimetypes", "mmap", "multiprocessing", "netrc", "ntpath", "numbers", "opcode", "operator",
    "optparse", "os", "pathlib", "pdb", "pickle", "pickletools", "pkgutil", "platform", "plistlib", "poplib", "posix",
    "posixpath", "pprint", "profile", "pstats", "pty", "pwd", "py_compile", "pydoc", "queue", "quopri", "random", "re",
    "readline", "reprlib", "resource", "runpy", "sched", "secrets", "select", "selectors", "shelve", "shlex", "shutil",
    "signal", "site", "smtplib", "socket", "socketserver", "sqlite3", "ssl", "stat", "statistics", "string",
    "stringprep", "struct", "subprocess", "symtable", "sys", "sysconfig", "syslog", "tarfile", "tempfile", "termios",
    "textwrap", "threading", "time", "timeit", "token", "tokenize", "tomllib", "trace", "traceback", "tracemalloc",
    "types", "typing", "typing_extensions", "unicodedata", "unittest", "urllib", "uuid", "venv", "warnings", "wave",
    "weakref", "webbrowser", "xml", "xmlrpc", "zipapp", "zipfile", "zipimport", "zlib", "zoneinfo", "cProfile",
];

/// Modules that do something when they are imported.
const RUN_ON_IMPORT: &[&str] = &["antigravity", "this", "idlelib", "turtledemo", "test", "lib2to3.tests", "__phello__"];

/// Modules any of whose functions does what nobody wants of a data file: runs commands, evaluates text, opens files or
/// sockets, imports to execute, or reaches into the interpreter. What is within them counts, too.
#[rustfmt::skip]
const DANGEROUS_MODULES: &[&str] = &[
    "os", "posix", "nt", "_posixsubprocess", "subprocess", "sys", "runpy", "importlib", "_imp", "imp", "zipimport",
    "_frozen_importlib", "_frozen_importlib_external", "pkgutil", "ctypes", "_ctypes", "cffi", "webbrowser", "socket",
    "_socket", "ssl", "_ssl", "socketserver", "select", "selectors", "asyncio", "urllib", "http", "ftplib", "smtplib",
    "poplib", "imaplib", "nntplib", "telnetlib", "xmlrpc", "shutil", "tempfile", "glob", "fileinput", "linecache",
    "pty", "tty", "pdb", "bdb", "code", "codeop", "cProfile", "_lsprof", "profile", "pstats", "trace", "timeit",
    "doctest", "unittest", "test", "idlelib", "lib2to3", "pydoc", "py_compile", "compileall", "distutils",
    "setuptools", "pip", "ensurepip", "venv", "site", "sysconfig", "signal", "atexit", "_thread", "threading", "multiprocessing",
    "multiprocess", "concurrent", "gc", "inspect", "dis", "marshal", "shelve", "dbm", "sqlite3", "_sqlite3", "mmap",
    "gzip", "bz2", "lzma", "zipfile", "tarfile", "mailbox", "antigravity", "commands", "popen2", "rlcompleter",
    "readline", "symtable", "ast", "sched", "faulthandler", "resource", "fcntl", "cmd", "turtle", "tkinter",
    "logging.config", "logging.handlers", "pickle", "_pickle", "pickletools", "IPython", "requests", "httpx", "aiohttp",
    "urllib3", "paramiko", "fabric", "invoke", "sh", "pexpect", "ptyprocess", "psutil", "numba", "cython", "Cython",
    "pyximport", "joblib", "dill", "cloudpickle", "yaml", "jinja2", "torch.hub", "torch.jit", "torch.utils",
    "torch.serialization", "torch._dynamo", "torch._inductor", "torch.distributed", "torch.package", "torch.fx",
    "torch.ops", "torch.multiprocessing", "torch.cuda.memory", "torch.nn.utils.rnn_eval", "torch.backends",
    "torch.testing", "torch.export", "torch.onnx", "torch._C", "numpy.f2py", "numpy.distutils", "numpy.testing",
    "numpy.ctypeslib", "numpy.lib.npyio", "numpy.lib._npyio_impl", "numpy.lib.format", "numpy._core.memmap",
    "pandas.io", "pandas.core.computation", "pandas._testing", "scipy.io", "scipy.weave", "sklearn.datasets",
    "sympy.parsing", "sympy.core.sympify", "statsmodels.datasets", "matplotlib.testing", "pydevd", "builtins.__dict__",
];

/// Functions of other modules that do the same.
#[rustfmt::skip]
const DANGEROUS_CALLS: &[(&str, &str)] = &[
    ("types", "ModuleType"),
    ("operator", "call"),
    ("_operator", "call"),
    ("functools", "singledispatch"),
    ("weakref", "finalize"),
    ("copyreg", "pickle"),
    ("copyreg", "add_extension"),
    ("copyreg", "constructor"),
    ("codecs", "open"),
    ("io", "FileIO"),
    ("_io", "FileIO"),
    ("logging", "FileHandler"),
    ("logging", "makeLogRecord"),
    ("typing", "get_type_hints"),
    ("typing", "_eval_type"),
    ("enum", "_simple_enum"),
    ("numpy", "load"),
    ("numpy", "memmap"),
    ("numpy", "fromfile"),
    ("numpy", "loadtxt"),
    ("numpy", "genfromtxt"),
    ("numpy", "save"),
    ("numpy", "savetxt"),
    ("numpy", "vectorize"),
    ("numpy", "apply_along_axis"),
    ("numpy", "fromfunction"),
    ("torch", "load"),
    ("torch", "compile"),
    ("sympy", "sympify"),
];

/// Names that say what they do wherever they are found: as a whole, and as any part between dots.
#[rustfmt::skip]
const DANGEROUS_NAMES: &[&str] = &[
    "system", "popen", "Popen", "eval", "exec", "execfile", "compile_command", "__import__", "import_module", "open",
    "spawn", "run_module", "run_path", "runpy", "runstring", "runsource", "runcode", "runctx", "runeval", "check_output",
    "check_call", "getoutput", "getstatusoutput", "execv", "execve", "execl", "execvp", "fork", "posix_spawn", "spawnl",
    "spawnv", "startfile", "urlopen", "urlretrieve", "CDLL", "LoadLibrary", "load_library", "loadPickle", "read_pickle",
    "load_module", "exec_module", "load_dynamic", "create_connection", "rmtree", "unlink", "write_text", "write_bytes",
    "read_text", "read_bytes", "symlink_to", "breakpoint", "input", "globals", "locals", "vars", "builtins", "os",
    "sys", "subprocess", "importlib", "socket", "shutil", "posix", "modules", "getframe", "_getframe", "f_globals",
    "f_builtins", "gi_frame", "func_globals", "shell", "run_code", "execute_code", "compile", "exit", "_exit", "quit",
];

/// Attributes with two underscores that lead nowhere.
const HARMLESS_DUNDERS: &[&str] =
    &["__func__", "__name__", "__qualname__", "__doc__", "__new__", "__init__", "__newobj__"];

/// Whether this is the `__new__` of an enumeration or of a class of plain data, or the `__init_subclass__` of `object`.
pub(in crate::pickle) fn is_constructor(module: &str, name: &str) -> bool {
    if (module, name) == ("builtins", "object.__init_subclass__") {
        return true;
    }
    let class = name.strip_suffix(".__new__");
    class.is_some_and(|class| (module, class) == ("enum", "Enum") || is_data_class(module, class))
}

/// Metaclasses that run no code but their own library's.
const METACLASSES: &[(&str, &str)] = &[
    ("builtins", "type"),
    ("abc", "ABCMeta"),
    ("enum", "EnumMeta"),
    ("enum", "EnumType"),
    ("typing", "NamedTupleMeta"),
    ("typing", "_TypedDictMeta"),
    ("typing", "_ProtocolMeta"),
    ("typing", "NamedTuple"),
    ("_ctypes", "PyCStructType"),
];

/// Classes whose subclasses are made by calling them, so that an honest pickle calls a class that it carries.
const CALLED_BASES: &[(&str, &[&str])] = &[
    ("enum", &["Enum", "IntEnum", "Flag", "IntFlag", "StrEnum"]),
    ("collections", &["OrderedDict", "defaultdict", "deque", "Counter"]),
    ("datetime", &["date", "datetime", "time", "timedelta", "tzinfo"]),
    ("builtins", &["set", "frozenset", "bytearray", "range", "slice", "complex"]),
    ("decimal", &["Decimal"]),
    ("fractions", &["Fraction"]),
    ("pathlib", &["Path", "PosixPath", "PurePath", "PurePosixPath"]),
    ("functools", &["partial"]),
    ("array", &["array"]),
];

/// Methods that a load itself calls, on objects of the classes that a pickle carries.
#[rustfmt::skip]
pub(in crate::pickle) const LOAD_METHODS: &[&str] = &[
    "__new__", "__setstate__", "__del__", "__hash__", "__eq__", "__setattr__", "__getattribute__", "__getattr__",
    "__setitem__", "append", "extend", "add", "__init_subclass__", "__set_name__", "__reduce__", "__reduce_ex__",
];

/// Those that a callable may call of its arguments.
#[rustfmt::skip]
pub(in crate::pickle) const ARGUMENT_METHODS: &[&str] = &[
    "__str__", "__repr__", "__bytes__", "__format__", "__iter__", "__next__", "__len__", "__length_hint__", "__bool__",
    "__int__", "__index__", "__float__", "__complex__", "__contains__", "__getitem__", "__reversed__", "__call__", "keys",
    "items", "__fspath__", "__array__", "__buffer__", "__lt__", "__gt__", "__le__", "__ge__", "__get__", "__missing__",
];

/// Those that it calls when it calls the class.
pub(in crate::pickle) const CALL_METHODS: &[&str] = &["__init__", "__new__", "__missing__", "_missing_"];

/// Those of a metaclass that make a class.
pub(in crate::pickle) const META_METHODS: &[&str] = &["__new__", "__init__", "__call__", "__prepare__"];

/// What gives a function away that loading would run: names that its code uses.
#[rustfmt::skip]
const DANGEROUS_IN_CODE: &[&str] = &[
    "system", "popen", "Popen", "subprocess", "eval", "exec", "compile", "__import__", "import_module", "urlopen",
    "socket", "open", "rmtree", "unlink", "ctypes", "CDLL", "fork", "execv", "execve", "execvp", "spawnv", "pty",
    "runpy", "check_output", "getoutput", "__builtins__", "__subclasses__", "__globals__", "f_globals", "_getframe",
    "webbrowser", "loads", "marshal", "startfile", "posix_spawn", "writelines", "write_text", "write_bytes",
];

/// All that dill writes for its reader to evaluate, but for ranges.
const REPRS: &[&str] = &["NotImplemented", "Ellipsis", "None"];

/// What Python 2 called modules. A load of an old pickle translates them, so the rules must, too.
const OLD_MODULES: &[(&str, &str)] = &[
    ("__builtin__", "builtins"),
    ("exceptions", "builtins"),
    ("copy_reg", "copyreg"),
    ("cPickle", "pickle"),
    ("commands", "subprocess"),
    ("urllib2", "urllib.request"),
    ("httplib", "http.client"),
    ("anydbm", "dbm"),
    ("whichdb", "dbm"),
    ("__main__.__builtins__", "builtins"),
    ("posixpath", "os.path"),
    ("ntpath", "os.path"),
    ("thread", "_thread"),
    ("UserDict", "collections"),
    ("UserList", "collections"),
    ("StringIO", "io"),
    ("cStringIO", "io"),
    ("SocketServer", "socketserver"),
    ("BaseHTTPServer", "http.server"),
    ("SimpleHTTPServer", "http.server"),
    ("_abcoll", "collections.abc"),
    ("multiprocess", "multiprocessing"),
];

/// The names that changed with them.
const OLD_NAMES: &[(&str, &str, &str)] = &[
    ("builtins", "xrange", "range"),
    ("builtins", "unicode", "str"),
    ("builtins", "long", "int"),
    ("builtins", "unichr", "chr"),
    ("builtins", "reduce", "functools.reduce"),
    ("builtins", "intern", "sys.intern"),
    ("itertools", "izip", "zip"),
    ("itertools", "imap", "map"),
    ("itertools", "ifilter", "filter"),
];

/// What dill and `types` call classes that live elsewhere.
const NAMED_TYPES: &[(&str, &str, &str)] = &[
    ("PartialType", "functools", "partial"),
    ("AttrGetterType", "operator", "attrgetter"),
    ("ItemGetterType", "operator", "itemgetter"),
    ("MethodCallerType", "operator", "methodcaller"),
    ("SuperType", "builtins", "super"),
    ("ObjectType", "builtins", "object"),
    ("SliceType", "builtins", "slice"),
    ("NoneType", "builtins", "NoneType"),
    ("EllipsisType", "types", "EllipsisType"),
    ("DictProxyType", "types", "MappingProxyType"),
];

/// Whether a load may look this up and call it because it makes nothing but plain data: the strict list by which a
/// load of a file that this user did not save is guarded.
pub fn is_plain(module: &str, name: &str) -> bool {
    let (module, name) = canonical(module, name);
    matches!(does(module, name), Some(Does::Data))
}

/// What this callable does; `None` where it is not listed.
pub(in crate::pickle) fn does(module: &str, name: &str) -> Option<Does> {
    static BY_NAME: LazyLock<HashMap<(&str, &str), Does>> = LazyLock::new(|| {
        let rows = CALLABLES.iter().rev();
        let pairs = |modules: &'static [&'static str], names: &'static [&'static str]| {
            modules.iter().flat_map(move |module| names.iter().map(move |name| (*module, *name)))
        };
        rows.flat_map(|(modules, names, does)| pairs(modules, names).map(|name| (name, *does))).collect()
    });
    BY_NAME.get(&(module, name)).copied()
}

/// Whether callables of this module are listed.
pub(in crate::pickle) fn is_listed_module(module: &str) -> bool {
    CALLABLES.iter().any(|(modules, ..)| modules.contains(&module))
}

/// The module and the name that today's Python knows this by.
pub(in crate::pickle) fn canonical<'a>(module: &'a str, name: &'a str) -> (&'a str, &'a str) {
    let module = OLD_MODULES.iter().find(|(old, _)| *old == module).map_or(module, |(_, new)| *new);
    let renamed = OLD_NAMES.iter().find(|(of, old, _)| *of == module && *old == name).map(|(_, _, new)| *new);
    match renamed {
        Some("zip" | "map" | "filter") => ("builtins", renamed.unwrap_or(name)),
        Some(new) => new.split_once('.').unwrap_or((module, new)),
        None => (module, name),
    }
}

/// The class that dill's `_load_type` or cloudpickle's `_builtin_type` finds under this name.
pub(in crate::pickle) fn named_type(name: &str) -> (&'static str, &str) {
    if let Some((_, module, name)) = NAMED_TYPES.iter().find(|(named, ..)| *named == name) {
        return (module, name);
    }
    (if does("types", name).is_some() { "types" } else { "builtins" }, name)
}

/// Whether a call of this is known to be harmful.
pub(in crate::pickle) fn is_dangerous(module: &str, name: &str) -> bool {
    let full = format!("{module}.{name}");
    let within = |of: &str| full.strip_prefix(of).is_some_and(|rest| rest.starts_with('.'));
    DANGEROUS_MODULES.iter().any(|of| within(of))
        || DANGEROUS_CALLS.contains(&(module, name))
        || (module == "builtins" && does(module, name).is_none())
        || name.split('.').any(|part| DANGEROUS_NAMES.contains(&part) || is_inner(part))
}

/// Whether an attribute leads to what its object is made of, and from there to everything.
pub(in crate::pickle) fn is_inner(name: &str) -> bool {
    name.starts_with("__") && name.ends_with("__") && !HARMLESS_DUNDERS.contains(&name)
}

/// Whether importing this module is a danger in itself.
pub(in crate::pickle) fn runs_on_import(module: &str) -> bool {
    let within = |of: &&&str| module.strip_prefix(**of).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    RUN_ON_IMPORT.iter().any(|of| within(&of)) || module.ends_with(".__main__")
}

/// Whether the import of a module is nothing to mention.
pub(in crate::pickle) fn is_known_module(module: &str) -> bool {
    let top = module.split('.').next().unwrap_or(module);
    KNOWN_PACKAGES.contains(&top)
}

/// Whether this is a class of a package for data, of which a pickle may make instances.
pub(in crate::pickle) fn is_data_class(module: &str, name: &str) -> bool {
    let top = module.split('.').next().unwrap_or(module);
    let named_as_class = name.trim_start_matches('_').starts_with(|first: char| first.is_ascii_uppercase());
    DATA_PACKAGES.contains(&top) && (named_as_class || matches!(name, "ndarray" | "dtype" | "matrix" | "recarray"))
        || does(module, name).is_some_and(|does| matches!(does, Does::Data | Does::New(usize::MAX)))
}

/// Whether a class made by this runs no code of the pickle's.
pub(in crate::pickle) fn is_metaclass(module: &str, name: &str) -> bool {
    METACLASSES.contains(&(module, name))
}

/// Whether subclasses of this are made by calling them.
pub(in crate::pickle) fn is_called_base(module: &str, name: &str) -> bool {
    let error = module == "builtins"
        && does(module, name) == Some(Does::Data)
        && (name.ends_with("Error") || name.ends_with("Exception") || name.ends_with("Warning"));
    error || CALLED_BASES.iter().any(|(of, names)| *of == module && names.contains(&name))
}

/// Whether code that uses this name does more than build what it is called for.
pub(in crate::pickle) fn is_dangerous_in_code(name: &str) -> bool {
    DANGEROUS_IN_CODE.contains(&name)
}

/// Whether dill writes this text for its reader to evaluate.
pub(in crate::pickle) fn is_known_repr(text: &str) -> bool {
    let number = |part: &str| {
        let digits = part.trim().strip_prefix('-').unwrap_or(part.trim());
        (1..=20).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
    };
    let range = text.strip_prefix("range(").and_then(|rest| rest.strip_suffix(')'));
    REPRS.contains(&text) || range.is_some_and(|parts| parts.split(',').count() <= 3 && parts.split(',').all(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strict_list_has_makers_of_data_only() {
        assert!(is_plain("datetime", "date") && is_plain("copy_reg", "x") == is_plain("copyreg", "x"));
        assert!(is_plain("__builtin__", "xrange") && is_plain("exceptions", "KeyError"));
        for (module, name) in [
            ("os", "system"),
            ("builtins", "eval"),
            ("builtins", "getattr"),
            ("builtins", "map"),
            ("dill._dill", "_create_code"),
            ("functools", "partial"),
            ("pandas", "read_csv"),
            ("collections", "OrderedDict.fromkeys"),
            ("datetime", "sys"),
        ] {
            assert!(!is_plain(module, name), "{module} {name}");
        }
    }

    #[test]
    fn harm_is_known_under_other_names() {
        for (module, name) in [
            ("posix", "system"),
            ("commands", "getoutput"),
            ("__builtin__", "eval"),
            ("dill._dill", "os.system"),
            ("shutil", "os.system"),
            ("datetime", "sys.modules"),
            ("collections", "abc.__builtins__"),
            ("numpy.f2py.crackfortran", "myeval"),
            ("pandas", "eval"),
            ("__builtin__", "intern"),
            ("os.path", "join"),
        ] {
            let (module, name) = canonical(module, name);
            assert!(is_dangerous(module, name), "{module} {name}");
        }
        assert!(!is_dangerous("mine", "make") && !is_dangerous("osmosis", "run"));
    }

    #[test]
    fn only_the_reprs_that_dill_writes_are_evaluated() {
        assert!(["Ellipsis", "range(0, 10)", "range(0, -10, -1)"].iter().all(|text| is_known_repr(text)));
        assert!(
            ["range(0, f())", "range()", "__import__('os')", "range(1,2,3,4)", "Ellipsis "]
                .iter()
                .all(|text| !is_known_repr(text))
        );
    }
}
