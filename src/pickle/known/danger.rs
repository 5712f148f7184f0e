//! Dangerous callables, by module and by name (commands, evaluation, files, sockets, imports, the interpreter), and
//! which methods Python calls by itself when a pickle defines a class.
//!
//! These deny-lists can only make a verdict worse: a name that they miss still does not count as harmless.
//! Functions of modules that are not dangerous as a whole are rows of their library, with the trait `Dangerous`.

use super::registry_row::Trait;
use super::{effect_of, has_exact_trait};

/// Modules all of whose functions are dangerous to call, with the modules within them.
#[rustfmt::skip]
const DANGEROUS_MODULES: &[&str] = &[
    "os", "posix", "nt", "_posixsubprocess", "subprocess", "sys", "runpy", "importlib", "_imp", "imp", "zipimport",
    "_frozen_importlib", "_frozen_importlib_external", "pkgutil", "ctypes", "_ctypes", "cffi", "webbrowser",
    "socket", "_socket", "ssl", "_ssl", "socketserver", "select", "selectors", "asyncio", "urllib", "http",
    "ftplib", "smtplib", "poplib", "imaplib", "nntplib", "telnetlib", "xmlrpc", "shutil", "tempfile", "glob",
    "fileinput", "linecache", "pty", "tty", "pdb", "bdb", "code", "codeop", "cProfile", "_lsprof", "profile",
    "pstats", "trace", "timeit", "doctest", "unittest", "test", "idlelib", "lib2to3", "pydoc", "py_compile",
    "compileall", "distutils", "setuptools", "pip", "ensurepip", "venv", "site", "sysconfig", "signal", "atexit",
    "_thread", "threading", "multiprocessing", "multiprocess", "concurrent", "gc", "inspect", "dis", "marshal",
    "shelve", "dbm", "sqlite3", "_sqlite3", "mmap", "gzip", "bz2", "lzma", "zipfile", "tarfile", "mailbox",
    "antigravity", "commands", "popen2", "rlcompleter", "readline", "symtable", "ast", "sched", "faulthandler",
    "resource", "fcntl", "cmd", "turtle", "tkinter", "logging.config", "logging.handlers", "pickle", "_pickle",
    "pickletools", "IPython", "requests", "httpx", "aiohttp", "urllib3", "paramiko", "fabric", "invoke", "sh",
    "pexpect", "ptyprocess", "psutil", "numba", "cython", "Cython", "pyximport", "joblib", "dill", "cloudpickle",
    "yaml", "jinja2", "torch.hub", "torch.jit", "torch.utils", "torch.serialization", "torch._dynamo",
    "torch._inductor", "torch.distributed", "torch.package", "torch.fx", "torch.ops", "torch.multiprocessing",
    "torch.cuda.memory", "torch.nn.utils.rnn_eval", "torch.backends", "torch.testing", "torch.export", "torch.onnx",
    "torch._C", "snapcli", "numpy.f2py", "numpy.distutils", "numpy.testing", "numpy.ctypeslib", "numpy.lib.npyio",
    "numpy.lib._npyio_impl", "numpy.lib.format", "numpy._core.memmap", "pandas.io", "pandas.core.computation",
    "pandas._testing", "scipy.io", "scipy.weave", "sklearn.datasets", "sympy.parsing", "sympy.core.sympify",
    "statsmodels.datasets", "matplotlib.testing", "pydevd", "builtins.__dict__",
];

/// The dangerous modules whose classes do harm as soon as there is an instance, even if only `__new__` is called: they
/// open or map files, change memory, or delete files when they are freed.
#[rustfmt::skip]
const HARMFUL_INSTANCES: &[&str] = &[
    "os", "posix", "nt", "_posixsubprocess", "subprocess", "sys", "runpy", "importlib", "_imp", "imp", "zipimport",
    "ctypes", "_ctypes", "cffi", "socket", "_socket", "ssl", "_ssl", "select", "shutil", "tempfile", "pty", "code",
    "codeop", "gc", "marshal", "shelve", "dbm", "sqlite3", "_sqlite3", "mmap", "zipfile", "tarfile", "pickle",
    "_pickle", "faulthandler", "signal", "atexit", "numpy._core.memmap", "torch.package", "torch._C", "builtins",
];

/// Classes of dangerous modules whose instances are values.
const RECORDS: &[(&str, &str)] = &[("subprocess", "CompletedProcess"), ("tarfile", "TarInfo"), ("zipfile", "ZipInfo")];

/// Modules all of whose classes are such.
const MODULES_OF_RECORDS: [&str; 4] = ["ast", "urllib.parse", "urllib3.util.timeout", "urllib3.util.retry"];

/// Dangerous classes whose instances do nothing before they are called.
const HARMLESS_UNCALLED: [(&str, &str); 1] = [("numpy", "vectorize")];

/// Functions of `builtins` that run nothing but methods of their arguments.
#[rustfmt::skip]
const HARMLESS_BUILTINS: &[&str] = &[
    "abs", "all", "any", "ascii", "bin", "callable", "chr", "divmod", "format", "hash", "hex", "id", "isinstance",
    "issubclass", "len", "max", "min", "next", "oct", "ord", "pow", "print", "repr", "round", "sorted", "sum",
];

/// Names with two underscores that lead from a module to everything.
const INNER_OF_MODULES: &[&str] = &[
    "__builtins__",
    "__build_class__",
    "__dict__",
    "__class__",
    "__getattr__",
    "__import__",
    "__loader__",
    "__spec__",
    "__path__",
    "__all__",
    "__main__",
];

/// A description of what the functions of a dangerous module do.
pub(in crate::pickle) fn harm_of(module: &str) -> &'static str {
    match module.split('.').next().unwrap_or(module) {
        "os" | "posix" | "nt" | "subprocess" | "pty" | "commands" => "runs commands or changes the system",
        "socket" | "urllib" | "http" | "ssl" | "smtplib" | "ftplib" | "requests" | "webbrowser" => {
            "opens network connections"
        }
        "runpy" | "importlib" | "imp" | "zipimport" => "imports modules to run them",
        "builtins" => "evaluates code, opens files or accesses the internals of the interpreter",
        _ => "is known to be dangerous",
    }
}

/// Names that are dangerous in any module: as a whole, and as any part between dots.
#[rustfmt::skip]
const DANGEROUS_NAMES: &[&str] = &[
    "system", "popen", "Popen", "eval", "exec", "execfile", "compile_command", "__import__", "import_module",
    "open", "spawn", "run_module", "run_path", "runpy", "runstring", "runsource", "runcode", "runctx", "runeval",
    "check_output", "check_call", "getoutput", "getstatusoutput", "execv", "execve", "execl", "execvp", "fork",
    "posix_spawn", "spawnl", "spawnv", "startfile", "urlopen", "urlretrieve", "CDLL", "LoadLibrary", "load_library",
    "loadPickle", "read_pickle", "load_module", "exec_module", "load_dynamic", "create_connection", "rmtree",
    "unlink", "write_text", "write_bytes", "read_text", "read_bytes", "symlink_to", "breakpoint", "input",
    "globals", "locals", "vars", "builtins", "os", "sys", "subprocess", "importlib", "socket", "shutil", "posix",
    "modules", "getframe", "_getframe", "f_globals", "f_builtins", "gi_frame", "func_globals", "shell", "run_code",
    "execute_code", "compile", "exit", "_exit", "quit",
];

/// Attributes with two underscores that do not lead to the inside of an object.
const HARMLESS_DUNDERS: &[&str] =
    &["__func__", "__name__", "__qualname__", "__doc__", "__new__", "__init__", "__newobj__"];

/// Names that count as harmful in the code of a function that a load would call.
#[rustfmt::skip]
const DANGEROUS_IN_CODE: &[&str] = &[
    "system", "popen", "Popen", "subprocess", "eval", "exec", "compile", "__import__", "import_module", "urlopen",
    "socket", "open", "rmtree", "unlink", "ctypes", "CDLL", "fork", "execv", "execve", "execvp", "spawnv", "pty",
    "runpy", "check_output", "getoutput", "__builtins__", "__subclasses__", "__globals__", "f_globals", "_getframe",
    "webbrowser", "loads", "marshal", "startfile", "posix_spawn", "writelines", "write_text", "write_bytes",
];

/// Methods that a load calls on objects of the classes in a pickle.
#[rustfmt::skip]
pub(in crate::pickle) const LOAD_METHODS: &[&str] = &[
    "__new__", "__setstate__", "__del__", "__hash__", "__eq__", "__setattr__", "__getattribute__", "__getattr__",
    "__setitem__", "append", "extend", "add", "__init_subclass__", "__set_name__", "__reduce__", "__reduce_ex__",
];

/// Methods that a callable may call on its arguments.
#[rustfmt::skip]
pub(in crate::pickle) const ARGUMENT_METHODS: &[&str] = &[
    "__str__", "__repr__", "__bytes__", "__format__", "__iter__", "__next__", "__len__", "__length_hint__",
    "__bool__", "__int__", "__index__", "__float__", "__complex__", "__contains__", "__getitem__", "__reversed__",
    "__call__", "keys", "items", "__fspath__", "__array__", "__buffer__", "__lt__", "__gt__", "__le__", "__ge__",
    "__get__", "__missing__",
];

/// Methods that a call of the class calls.
pub(in crate::pickle) const CALL_METHODS: &[&str] = &["__init__", "__new__", "__missing__", "_missing_"];

/// Methods of a metaclass that make a class.
pub(in crate::pickle) const META_METHODS: &[&str] = &["__new__", "__init__", "__call__", "__prepare__"];

/// Whether a call of this global is known to be harmful. The name is today's.
pub(in crate::pickle) fn is_dangerous(module: &str, name: &str) -> bool {
    let is_in_module = is_within(DANGEROUS_MODULES, module, name) && !is_exception(name) && !is_record(module, name);
    let is_builtin = module == "builtins" && effect_of(module, name).is_none() && !HARMLESS_BUILTINS.contains(&name);
    is_in_module
        || is_builtin
        || has_exact_trait(module, name, Trait::Dangerous)
        || name.split('.').any(|part| DANGEROUS_NAMES.contains(&part))
        || leads_inside(name)
}

/// Whether an instance of this class may do harm although its class is not called, but only its `__new__`, as pickle
/// makes instances.
pub(in crate::pickle) fn has_harmful_instances(module: &str, name: &str) -> bool {
    let is_listed = is_within(HARMFUL_INSTANCES, module, name) && !is_exception(name) && !is_record(module, name);
    let is_harmful = has_exact_trait(module, name, Trait::Dangerous) && !HARMLESS_UNCALLED.contains(&(module, name));
    is_listed || is_harmful || name.contains('.') && leads_inside(name)
}

/// Whether a global belongs to one of these modules, or to a module within them.
fn is_within(modules: &[&str], module: &str, name: &str) -> bool {
    let full = format!("{module}.{name}");
    modules.iter().any(|of| full.strip_prefix(of).is_some_and(|rest| rest.starts_with('.')))
}

/// Whether a global is named like an exception: a call of one keeps its arguments.
fn is_exception(name: &str) -> bool {
    let is_class = name.starts_with(|first: char| first.is_ascii_uppercase()) && !name.contains('.');
    is_class && ["Error", "Exception", "Warning"].iter().any(|end| name.ends_with(end))
}

/// Whether a class of a dangerous module only holds values: the result of a command, the description of a file in an
/// archive, a node of a syntax tree, a parsed address, limits of a connection.
fn is_record(module: &str, name: &str) -> bool {
    let is_class =
        name.trim_start_matches('_').starts_with(|first: char| first.is_ascii_uppercase()) && !name.contains('.');
    RECORDS.contains(&(module, name)) || MODULES_OF_RECORDS.contains(&module) && is_class
}

/// Whether a part of a name leads to the inside of an object. Some libraries name their functions with two underscores,
/// too (`astropy.wcs.wcs.__WCS_unpickle__`).
fn leads_inside(name: &str) -> bool {
    let (first, rest) = name.split_once('.').unwrap_or((name, ""));
    INNER_OF_MODULES.contains(&first) || rest.split('.').any(is_inner)
}

/// Whether an attribute leads to the inside of its object (`__class__`, `__globals__`), and from there to everything.
pub(in crate::pickle) fn is_inner(name: &str) -> bool {
    name.starts_with("__") && name.ends_with("__") && !HARMLESS_DUNDERS.contains(&name)
}

/// Whether code that uses this name may do harm.
pub(in crate::pickle) fn is_dangerous_in_code(name: &str) -> bool {
    DANGEROUS_IN_CODE.contains(&name)
}
