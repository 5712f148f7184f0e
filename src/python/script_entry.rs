//! How each kind of script begins: the values of `sys.argv`, `sys.path[0]` and the attributes of
//! `__main__`, and then the function to call.
//!
//! Follows `pymain_run_python` in Modules/main.c of CPython step by step. [`script_run`](super::script_run) calls it.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyCode, PyDict, PyList, PyModule, PyTuple};

use super::ffi;
use super::notebook::{self, is_notebook};
use super::script_command::{ScriptCommand, ScriptSource, ScriptTarget};

/// The code to run, once `sys` and `__main__` are set up.
pub(super) enum Entry<'py> {
    /// The code object of `-c`.
    Code(Bound<'py, PyAny>),
    /// The code object of an expression whose value is printed.
    Expression(Bound<'py, PyAny>),
    /// The code object of a `.pyc` file.
    Bytecode(Bound<'py, PyAny>),
    /// A source file and its name for tracebacks.
    File(File, OsString),
    /// A function that runs the cells of a notebook, and returns the exception that ended them or None.
    Notebook(Bound<'py, PyAny>),
    /// `runpy._run_module_as_main` and its arguments.
    Module(Bound<'py, PyAny>, Bound<'py, PyTuple>),
    /// The exception that CPython raises if it cannot begin, without a traceback.
    Fails(PyErr),
}

impl<'py> Entry<'py> {
    /// Calls it with the namespace of `__main__`.
    pub(super) fn call(self, py: Python<'py>, namespace: &Bound<'py, PyDict>) -> PyResult<()> {
        match self {
            Self::Code(code) => ffi::eval_code(&code, namespace).map(drop),
            Self::Expression(code) => {
                let value = ffi::eval_code(&code, namespace)?;
                py.import("sys")?.call_method1("displayhook", (value,)).map(drop)
            }
            Self::Bytecode(code) => {
                let result = ffi::eval_code(&code, namespace).map(drop);
                flush(py);
                result
            }
            Self::File(file, name) => ffi::run_file(file, &name, namespace).map(drop),
            Self::Notebook(run) => match run.call0()? {
                error if error.is_none() => Ok(()),
                error => Err(PyErr::from_value(error)),
            },
            Self::Module(function, arguments) => function.call1(arguments).map(drop),
            Self::Fails(error) => Err(error),
        }
    }
}

/// Sets up `sys` and `__main__` for a command.
pub(super) fn prepare<'py>(
    py: Python<'py>,
    command: &ScriptCommand,
    main: &Bound<'py, PyModule>,
) -> anyhow::Result<(Entry<'py>, Option<ScriptSource>)> {
    match &command.target {
        ScriptTarget::Script(path) if path.as_os_str() == "-" => {
            set_arguments(py, OsStr::new("-"), None, &command.arguments)?;
            Ok((prepare_input(py, main)?, None))
        }
        ScriptTarget::StandardInput => {
            set_arguments(py, OsStr::new(""), None, &command.arguments)?;
            Ok((prepare_input(py, main)?, None))
        }
        ScriptTarget::Script(path) => prepare_script(py, path, command, main),
        ScriptTarget::Module(name) => {
            set_arguments(py, OsStr::new("-m"), Some(name), &command.arguments)?;
            replace_path0(py, &std::env::current_dir().unwrap_or_default())?;
            Ok((run_module_as_main(py, name, true)?, None))
        }
        ScriptTarget::Code(code) => {
            set_arguments(py, OsStr::new("-c"), Some(code), &command.arguments)?;
            Ok((prepare_code(py, code, false)?, Some(source_of_code(code))))
        }
        ScriptTarget::Expression(code) => {
            set_arguments(py, OsStr::new("-c"), Some(code), &command.arguments)?;
            let source = code.into_pyobject(py)?.call_method0("strip")?;
            match compile(py, &source, OsStr::new("<string>"), "eval") {
                Ok(expression) => Ok((Entry::Expression(expression), Some(source_of_code(code)))),
                // Statements, or a syntax error that `exec` reports better.
                Err(_) => Ok((prepare_code(py, code, true)?, Some(source_of_code(code)))),
            }
        }
    }
}

fn source_of_code(code: &OsStr) -> ScriptSource {
    ScriptSource { path: "-c".into(), bytes: code.as_encoded_bytes().to_vec() }
}

fn prepare_input<'py>(py: Python<'py>, main: &Bound<'py, PyModule>) -> anyhow::Result<Entry<'py>> {
    set_file(py, main, OsStr::new(ffi::STANDARD_INPUT), "SourceFileLoader")?;
    let stdin = File::from(std::io::stdin().as_fd().try_clone_to_owned()?);
    Ok(Entry::File(stdin, ffi::STANDARD_INPUT.into()))
}

fn prepare_script<'py>(
    py: Python<'py>,
    path: &Path,
    command: &ScriptCommand,
    main: &Bound<'py, PyModule>,
) -> anyhow::Result<(Entry<'py>, Option<ScriptSource>)> {
    set_arguments(py, path.as_os_str(), None, &command.arguments)?;
    // As `config_run_filename_abspath`: the working directory in front, and `..` kept.
    let absolute = std::env::current_dir().unwrap_or_default().join(path);
    let source = |bytes| Some(ScriptSource { path: absolute.clone(), bytes });
    if !ffi::importer_for(py, absolute.as_os_str())?.is_none() {
        set_path0(py, absolute.as_os_str())?;
        return Ok((run_module_as_main(py, OsStr::new("__main__"), false)?, source(Vec::new())));
    }
    replace_path0(py, &script_folder(&absolute))?;
    let file = File::open(&absolute)?;
    // A pipe can be read only once, by Python.
    let bytes = if file.metadata()?.is_file() { std::fs::read(&absolute)? } else { Vec::new() };
    if is_notebook(&absolute) {
        // As in a kernel, there is no `__file__`: processes that multiprocessing starts would run it as Python.
        return Ok((Entry::Notebook(notebook::prepare(&absolute, &bytes, main)?), source(bytes)));
    }
    let magic = py.import("_frozen_importlib_external")?.getattr("MAGIC_NUMBER")?;
    let magic = magic.cast::<PyBytes>().map_err(PyErr::from)?.as_bytes();
    // As `maybe_pyc_file`: bytecode is recognized by its name, or by the first two bytes of the magic number.
    if absolute.extension().is_some_and(|end| end == "pyc")
        || magic.get(..2).is_some_and(|half| bytes.starts_with(half))
    {
        set_file(py, main, absolute.as_os_str(), "SourcelessFileLoader")?;
        return Ok((load_bytecode(py, &bytes, magic), source(Vec::new())));
    }
    set_file(py, main, absolute.as_os_str(), "SourceFileLoader")?;
    Ok((Entry::File(file, absolute.as_os_str().to_owned()), source(bytes)))
}

/// As `_PyPathConfig_ComputeSysPath0`: the folder of the file with all symlinks resolved, or with only the first one
/// resolved if that is impossible, as with pipes.
fn script_folder(path: &Path) -> PathBuf {
    let once = || std::fs::read_link(path).map(|link| path.parent().unwrap_or(Path::new("/")).join(link));
    let real = std::fs::canonicalize(path).or_else(|_| once()).unwrap_or_else(|_| path.to_owned());
    real.parent().unwrap_or(Path::new("/")).to_owned()
}

/// Sets the attributes of `__main__` that `_PyRun_SimpleFile` sets.
fn set_file(py: Python<'_>, main: &Bound<'_, PyModule>, name: &OsStr, loader: &str) -> PyResult<()> {
    main.setattr("__file__", name)?;
    main.setattr("__cached__", py.None())?;
    let loader = py.import("_frozen_importlib_external")?.getattr(loader)?;
    main.setattr("__loader__", loader.call1(("__main__", name))?)
}

/// As `run_pyc_file`: 4 bytes of magic number, 12 bytes that do not matter here, and the marshalled code.
fn load_bytecode<'py>(py: Python<'py>, bytes: &[u8], magic: &[u8]) -> Entry<'py> {
    if !bytes.starts_with(magic) {
        return Entry::Fails(PyRuntimeError::new_err("Bad magic number in .pyc file"));
    }
    let code = PyBytes::new(py, bytes.get(16..).unwrap_or_default());
    match py.import("marshal").and_then(|marshal| marshal.call_method1("loads", (code,))) {
        Ok(code) if code.is_instance_of::<PyCode>() => Entry::Bytecode(code),
        _ => Entry::Fails(PyRuntimeError::new_err("Bad code object in .pyc file")),
    }
}

/// `shows_values`: whether code of expressions on one line prints their values, as the prompt does.
fn prepare_code<'py>(py: Python<'py>, code: &OsStr, shows_values: bool) -> PyResult<Entry<'py>> {
    let text = code.into_pyobject(py)?.into_any();
    let source = text.call_method1("__add__", ("\n",))?;
    let compiled = match shows_values {
        true => compile_showing_values(py, &source),
        false => compile(py, &source, OsStr::new("<string>"), "exec"),
    };
    if py.version_info() >= (3, 13)
        && let Ok(compiled) = &compiled
    {
        // Since 3.13, tracebacks show the source of `-c`.
        let name = PyModule::import(py, "linecache")?;
        let key = if py.version_info() < (3, 14) { "<string>".into_pyobject(py)?.into_any() } else { compiled.clone() };
        name.call_method1("_register_code", (key, &source, "<string>"))?;
    }
    Ok(compiled.map_or_else(Entry::Fails, Entry::Code))
}

fn run_module_as_main<'py>(py: Python<'py>, name: &OsStr, alter_argv: bool) -> PyResult<Entry<'py>> {
    let function = py.import("runpy")?.getattr("_run_module_as_main")?;
    Ok(Entry::Module(function, (name, alter_argv).into_pyobject(py)?))
}

/// Compiles statements. If they are expressions on one line, their values go to `sys.displayhook`.
fn compile_showing_values<'py>(py: Python<'py>, source: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    const ONLY_SYNTAX_TREE: i32 = 0x400;
    let compile_builtin = py.import("builtins")?.getattr("compile")?;
    let parse = |source: &Bound<'py, PyAny>, mode: &str| {
        compile_builtin.call1((source, "<string>", mode, ONLY_SYNTAX_TREE, true))
    };
    let tree = parse(source, "exec")?;
    let statements = tree.getattr("body")?.try_iter()?.collect::<PyResult<Vec<_>>>()?;
    let expression = py.import("_ast")?.getattr("Expr")?;
    let mut lines = Vec::with_capacity(statements.len());
    for statement in &statements {
        if !statement.is_instance(&expression)? {
            return compile(py, &tree, OsStr::new("<string>"), "exec");
        }
        lines.push(statement.getattr("lineno")?.extract::<u32>()?);
    }
    if lines.first() == lines.last() {
        for statement in &statements {
            let show = parse("__import__('sys').displayhook(None)".into_pyobject(py)?.as_any(), "eval")?;
            let show = show.getattr("body")?;
            show.setattr("args", PyList::new(py, [statement.getattr("value")?])?)?;
            statement.setattr("value", show)?;
        }
    }
    compile(py, &tree, OsStr::new("<string>"), "exec")
}

/// Compiles source code without inheriting `from __future__` imports.
pub(crate) fn compile<'py>(
    py: Python<'py>,
    source: &Bound<'py, PyAny>,
    filename: &OsStr,
    mode: &str,
) -> PyResult<Bound<'py, PyAny>> {
    py.import("builtins")?.getattr("compile")?.call1((source, filename, mode, 0, true))
}

/// Sets `sys.argv`, and `sys.orig_argv` to the command line that `python` would have got.
pub(super) fn set_arguments(
    py: Python<'_>,
    zeroth: &OsStr,
    operand: Option<&OsString>,
    arguments: &[OsString],
) -> PyResult<()> {
    let sys = py.import("sys")?;
    let arguments = arguments.iter().map(OsString::as_os_str);
    let argv: Vec<_> = std::iter::once(zeroth).chain(arguments.clone()).collect();
    // Without a script on its command line, `python` has no word for it either.
    let typed = Some(zeroth).filter(|zeroth| !zeroth.is_empty());
    let original: Vec<_> = typed.into_iter().chain(operand.map(OsString::as_os_str)).chain(arguments).collect();
    sys.setattr("argv", argv)?;
    let original = PyList::new(py, original)?;
    original.insert(0, sys.getattr("executable")?)?;
    sys.setattr("orig_argv", original)
}

/// Replaces the empty `sys.path[0]` that `-c` has added. With `PYTHONSAFEPATH` there is none, and nothing is added.
fn replace_path0(py: Python<'_>, folder: &Path) -> PyResult<()> {
    if has_path0(py)? { set_path0(py, folder.as_os_str()) } else { Ok(()) }
}

fn set_path0(py: Python<'_>, entry: &OsStr) -> PyResult<()> {
    let path = py.import("sys")?.getattr("path")?;
    if has_path0(py)? { path.set_item(0, entry) } else { path.call_method1("insert", (0, entry)).map(drop) }
}

/// Whether the interpreter added the working directory to `sys.path` when it started.
fn has_path0(py: Python<'_>) -> PyResult<bool> {
    let flags = py.import("sys")?.getattr("flags")?;
    let safe = flags.getattr_opt("safe_path")?.map_or(Ok(false), |flag| flag.is_truthy())?;
    Ok(!safe && !flags.getattr("isolated")?.is_truthy()?)
}

/// Flushes the standard streams, as CPython does between the output of a script and its traceback.
fn flush(py: Python<'_>) {
    for name in ["stderr", "stdout"] {
        // CPython also ignores a stream that the script has closed or removed.
        let _ = py.import("sys").and_then(|sys| sys.getattr(name)).and_then(|stream| stream.call_method0("flush"));
    }
}
