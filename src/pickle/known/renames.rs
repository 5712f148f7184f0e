//! Globals that changed their names: in Python 3 (`_compat_pickle.py`), in numpy 2 and in dill.
//!
//! The unpickler translates the names of Python 2 before it looks them up, so the verdict must, too.

use std::borrow::Cow;

/// Old module, its current name, and whether both names mean the same module. The others are only as dangerous as the
/// current module; `diff` compares them as different modules.
const MODULES: &[(&str, &str, bool)] = &[
    ("__builtin__", "builtins", true),
    ("copy_reg", "copyreg", true),
    ("exceptions", "builtins", false),
    ("cPickle", "pickle", false),
    ("commands", "subprocess", false),
    ("urllib2", "urllib.request", false),
    ("httplib", "http.client", false),
    ("anydbm", "dbm", false),
    ("whichdb", "dbm", false),
    ("__main__.__builtins__", "builtins", false),
    ("posixpath", "os.path", false),
    ("ntpath", "os.path", false),
    ("thread", "_thread", false),
    ("UserDict", "collections", false),
    ("UserList", "collections", false),
    ("UserString", "collections", false),
    ("StringIO", "io", false),
    ("cStringIO", "io", false),
    ("SocketServer", "socketserver", false),
    ("BaseHTTPServer", "http.server", false),
    ("SimpleHTTPServer", "http.server", false),
    ("_abcoll", "collections.abc", false),
    ("multiprocess", "multiprocessing", false),
    ("ConfigParser", "configparser", false),
    ("Cookie", "http.cookies", false),
    ("HTMLParser", "html.parser", false),
    ("Queue", "queue", false),
    ("cookielib", "http.cookiejar", false),
    ("urlparse", "urllib.parse", false),
    ("xmlrpclib", "xmlrpc.client", false),
];

/// The current module, the old name in it, and the current module and name.
const NAMES: &[(&str, &str, &str, &str)] = &[
    ("builtins", "xrange", "builtins", "range"),
    ("builtins", "unicode", "builtins", "str"),
    ("builtins", "long", "builtins", "int"),
    ("builtins", "unichr", "builtins", "chr"),
    ("builtins", "StandardError", "builtins", "Exception"),
    ("builtins", "reduce", "functools", "reduce"),
    ("builtins", "intern", "sys", "intern"),
    ("collections", "IterableUserDict", "collections", "UserDict"),
    ("itertools", "izip", "builtins", "zip"),
    ("itertools", "izip_longest", "itertools", "zip_longest"),
    ("itertools", "ifilterfalse", "itertools", "filterfalse"),
    ("urllib.request", "URLError", "urllib.error", "URLError"),
    ("urllib.request", "HTTPError", "urllib.error", "HTTPError"),
    ("urllib", "ContentTooShortError", "urllib.error", "ContentTooShortError"),
    ("multiprocessing", "AuthenticationError", "multiprocessing.context", "AuthenticationError"),
    ("multiprocessing", "BufferTooShort", "multiprocessing.context", "BufferTooShort"),
    ("multiprocessing", "ProcessError", "multiprocessing.context", "ProcessError"),
    ("multiprocessing", "TimeoutError", "multiprocessing.context", "TimeoutError"),
    ("itertools", "imap", "builtins", "map"),
    ("itertools", "ifilter", "builtins", "filter"),
];

/// Modules that moved, as (old, new); for numpy, with all modules inside. `diff` treats both names as one.
const DILL_BEFORE_0_3: (&str, &str) = ("dill.dill", "dill._dill");
const NUMPY_1: (&str, &str) = ("numpy.core.", "numpy._core.");

/// The module and the name of this global in current Pythons.
pub(crate) fn current_name<'a>(module: &'a str, name: &'a str) -> (&'a str, &'a str) {
    let module = MODULES.iter().find(|(old, ..)| *old == module).map_or(module, |(_, new, _)| *new);
    // Names are renamed within the current module: `__builtin__.xrange` is `builtins.range`.
    let renamed = NAMES.iter().find(|(of, old, ..)| *of == module && *old == name);
    renamed.map_or((module, name), |(.., module, name)| (module, name))
}

/// The modules of [`MODULES`] that CPython does not rename.
const RENAMED_BY_LIBRARIES: &[&str] = &["__main__.__builtins__", "posixpath", "ntpath", "multiprocess"];

/// Whether this is a name of Python 2, which CPython translates in pickles of protocol 2 and older.
pub(in crate::pickle) fn is_of_python_2(module: &str, name: &str) -> bool {
    current_name(module, name) != (module, name) && !RENAMED_BY_LIBRARIES.contains(&module)
}

/// The current name of a module, if `module` is only an older name of it: in Python 2, numpy 1 or an old dill.
pub(in crate::pickle) fn same_module(module: &str) -> Cow<'_, str> {
    if let Some((_, new, _)) = MODULES.iter().find(|(old, _, is_same)| *is_same && *old == module) {
        return Cow::Borrowed(new);
    }
    if module == DILL_BEFORE_0_3.0 {
        return Cow::Borrowed(DILL_BEFORE_0_3.1);
    }
    match module.strip_prefix(NUMPY_1.0) {
        Some(rest) => Cow::Owned(format!("{}{rest}", NUMPY_1.1)),
        None => Cow::Borrowed(module),
    }
}
