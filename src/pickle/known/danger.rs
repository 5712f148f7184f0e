//! What is dangerous to call, by module and by name (commands, evaluation, files, sockets, imports, the interpreter),
//! and which methods Python calls by itself when a pickle defines a class.
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

/// What the functions of a dangerous module do, in words.
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
    let full = format!("{module}.{name}");
    let within = |of: &str| full.strip_prefix(of).is_some_and(|rest| rest.starts_with('.'));
    DANGEROUS_MODULES.iter().any(|of| within(of))
        || has_exact_trait(module, name, Trait::Dangerous)
        || (module == "builtins" && effect_of(module, name).is_none())
        || name.split('.').any(|part| DANGEROUS_NAMES.contains(&part) || is_inner(part))
}

/// Whether an attribute leads to the inside of its object (`__class__`, `__globals__`), and from there to everything.
pub(in crate::pickle) fn is_inner(name: &str) -> bool {
    name.starts_with("__") && name.ends_with("__") && !HARMLESS_DUNDERS.contains(&name)
}

/// Whether code that uses this name may do harm.
pub(in crate::pickle) fn is_dangerous_in_code(name: &str) -> bool {
    DANGEROUS_IN_CODE.contains(&name)
}
