//! Facts about whole modules and packages: whether importing one is harmless, and whether its classes only hold data.

use super::{Effect, effect_of};

/// Packages whose classes may be instantiated without their `__init__`, as the pickle of an instance does.
const DATA_PACKAGES: &[&str] = &["numpy", "pandas", "sklearn", "scipy", "pyarrow"];

/// Packages whose import has no effect that matters. The import of any other module runs code that is not known.
#[rustfmt::skip]
const KNOWN_PACKAGES: &[&str] = &[
    "numpy", "pandas", "sklearn", "scipy", "pyarrow", "dill", "cloudpickle", "joblib", "matplotlib", "seaborn",
    "polars", "torch", "xgboost", "lightgbm", "statsmodels", "sympy", "networkx", "PIL", "requests", "tqdm", "pytz",
    "dateutil", "attr", "attrs", "pydantic", "snapcli", "__main__", "__mp_main__", "__runtime__",
    "__future__", "_abc", "_bisect", "_codecs", "_collections", "_collections_abc", "_csv", "_ctypes", "_datetime",
    "_decimal", "_frozen_importlib", "_frozen_importlib_external", "_functools", "_hashlib", "_heapq", "_io", "_json",
    "_locale", "_operator", "_pickle", "_queue", "_random", "_socket", "_sqlite3", "_ssl", "_struct", "_thread",
    "_weakref", "_weakrefset", "abc", "annotationlib", "argparse", "array", "ast", "asyncio", "atexit", "base64", "bdb",
    "binascii", "bisect", "builtins", "bz2", "calendar", "cmath", "code", "codecs", "codeop", "collections", "colorsys",
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

/// Packages and classes, all if the name is empty, whose objects keep what their properties have computed in some
/// attributes. These are no part of the value: they are filled when somebody asks, and some classes of pandas ask while
/// they are loaded.
const PROPERTY_CACHES: &[(&str, &str, &[&str])] = &[
    // Its `_freq` repeats what its dtype says, in a slice only, and pandas does not load it.
    ("pandas", "PeriodArray", &["_cache", "_freq"]),
    ("pandas", "", &["_cache"]),
];

/// The name of the package of a module.
pub(super) fn package(module: &str) -> &str {
    module.split('.').next().unwrap_or(module)
}

/// The attributes in which instances of a class keep what can be computed again.
pub(crate) fn property_caches(module: &str, class: &str) -> &'static [&'static str] {
    let is_of = |of: &str, name: &str| of == package(module) && (name.is_empty() || name == class);
    PROPERTY_CACHES.iter().find(|(of, name, _)| is_of(of, name)).map_or(&[], |(_, _, attributes)| attributes)
}

/// Whether importing this module has effects.
pub(in crate::pickle) fn runs_on_import(module: &str) -> bool {
    let within = |of: &str| module.strip_prefix(of).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    RUN_ON_IMPORT.iter().any(|of| within(of)) || module.ends_with(".__main__")
}

/// Whether this module belongs to the standard library or to the session, as far as its package is known.
pub(super) fn is_of_standard_library(module: &str) -> bool {
    let of = package(module);
    let position = |name: &str| KNOWN_PACKAGES.iter().position(|known| *known == name);
    // The list begins with other packages.
    position(of).is_some_and(|at| position("__main__").is_some_and(|first| at >= first)) && of != "typing_extensions"
}

/// Whether the import of this module is harmless.
pub(in crate::pickle) fn is_known_module(module: &str) -> bool {
    KNOWN_PACKAGES.contains(&package(module))
}

/// Whether a name is written like the name of a class.
pub(in crate::pickle) fn is_class_name(name: &str) -> bool {
    name.trim_start_matches('_').starts_with(|first: char| first.is_ascii_uppercase())
}

/// Whether a pickle may make instances of this class: it is one of a data package, or makes plain data.
pub(in crate::pickle) fn is_data_class(module: &str, name: &str) -> bool {
    // These classes of numpy are named like functions.
    let is_class = is_class_name(name) || matches!(name, "ndarray" | "dtype" | "matrix" | "recarray");
    DATA_PACKAGES.contains(&package(module)) && is_class
        || matches!(effect_of(module, name), Some(Effect::Data | Effect::ImportSpec))
}

/// Whether this is the `__new__` of a class of plain data or of `Enum`, or the `__init_subclass__` of `object`.
pub(in crate::pickle) fn is_constructor(module: &str, name: &str) -> bool {
    if (module, name) == ("builtins", "object.__init_subclass__") {
        return true;
    }
    let class = name.strip_suffix(".__new__");
    class.is_some_and(|class| (module, class) == ("enum", "Enum") || is_data_class(module, class))
}

/// Whether this method of `dict` or `object` does no more than opcodes do if a class has it under this name: its own,
/// or that of an attribute that is an item, as in `__getattr__ = dict.__getitem__`. Under another name, it gets
/// other arguments: `__setitem__ = object.__setattr__` makes attributes of items.
pub(in crate::pickle) fn is_plain_method(module: &str, name: &str, attribute: &str) -> bool {
    const METHODS: [&str; 8] = [
        "dict.__getitem__",
        "dict.get",
        "dict.__setitem__",
        "dict.__delitem__",
        "object.__getattribute__",
        "object.__setattr__",
        "object.__hash__",
        "object.__eq__",
    ];
    const RENAMED: [(&str, &str); 4] = [
        ("dict.__getitem__", "__getattr__"),
        ("dict.get", "__getattr__"),
        ("dict.__setitem__", "__setattr__"),
        ("dict.__delitem__", "__delattr__"),
    ];
    let has_own_name = name.rsplit('.').next() == Some(attribute);
    module == "builtins" && METHODS.contains(&name) && (has_own_name || RENAMED.contains(&(name, attribute)))
}

/// Whether this sets attributes, under another name than its own: then items or other data become attributes.
pub(in crate::pickle) fn is_renamed_setter(module: &str, name: &str, attribute: &str) -> bool {
    const SETTERS: [&str; 4] = ["object.__setattr__", "type.__setattr__", "object.__delattr__", "type.__delattr__"];
    module == "builtins" && SETTERS.contains(&name) && name.rsplit('.').next() != Some(attribute)
}
