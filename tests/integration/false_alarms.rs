//! "dangerous" is said of what can run commands, evaluate code, or open files and sockets, and of what cannot be
//! resolved. Objects of libraries that have such functions are `calls`, and so is a standard stream in a variable.

use std::fs;

use crate::env::{Sandbox, Stack, main_python, venv};

fn string(text: &str) -> Vec<u8> {
    [b"\x8c", &[text.len() as u8][..], text.as_bytes()].concat()
}

fn global(module: &str, name: &str) -> Vec<u8> {
    [string(module), string(name), b"\x93".to_vec()].concat()
}

/// The opcodes of a call; each argument is opcodes, too.
fn call(module: &str, name: &str, arguments: &[&[u8]]) -> Vec<u8> {
    [global(module, name), b"(".to_vec(), arguments.concat(), b"tR".to_vec()].concat()
}

/// The opcodes of an instance, as pickle makes one, with an attribute.
fn instance(module: &str, name: &str) -> Vec<u8> {
    [&global(module, name)[..], b")\x81}", &string("a"), b"K\x01sb"].concat()
}

#[track_caller]
fn assert_class(sandbox: &Sandbox, opcodes: &[u8], expected: &str) {
    sandbox.write("file.pkl", [b"\x80\x05", opcodes, b"."].concat());
    let verdict = sandbox.snapcli(&["inspect", "--json", "--verdict", "file.pkl"]).json()["verdict"].clone();
    assert_eq!(verdict["class"], expected, "{verdict:#}");
}

#[test]
fn objects_of_libraries_are_not_dangerous() {
    let sandbox = Sandbox::new();
    let length = global("builtins", "len");
    let parameter = call("inspect", "Parameter", &[&string("x"), &call("inspect", "_ParameterKind", &[b"K\x01"])]);
    let curried = [global("toolz.functoolz", "curry"), global("builtins", "map"), b")})t".to_vec()];
    let objects = [
        instance("requests.sessions", "Session"),
        instance("numpy", "vectorize"),
        call("urllib3.util.timeout", "_TYPE_DEFAULT", &[b"J\xff\xff\xff\xff"]),
        instance("urllib3.util.timeout", "Timeout"),
        instance("urllib3.util.retry", "Retry"),
        instance("http.cookiejar", "DefaultCookiePolicy"),
        instance("urllib3.util.retry", "Retry"),
        instance("pandas.io.formats.style", "Styler"),
        instance("torch.utils.data.dataloader", "DataLoader"),
        instance("jinja2.environment", "Environment"),
        instance("joblib.memory", "Memory"),
        instance("threading", "Condition"),
        call("sortedcontainers.sortedlist", "SortedKeyList", &[b"]", &length]),
        call("requests.exceptions", "HTTPError", &[&string("404 Not Found")]),
        call("astropy.wcs.wcs", "__WCS_unpickle__", &[b"}"]),
        call("inspect", "Signature", &[&[&b"]"[..], &parameter, b"a"].concat()]),
        [&global("toolz.functoolz", "_restore_curry")[..], b"(", &curried.concat(), b"R"].concat(),
        call(
            "dill._dill",
            "_create_filehandle",
            &[
                &string("<stderr>"),
                &string("w"),
                b"J\xff\xff\xff\xff",
                b"\x89",
                &global("io", "open"),
                b"\x89",
                b"K\x00",
                b"N",
            ],
        ),
    ];
    for object in objects {
        assert_class(&sandbox, &object, "calls");
    }
}

#[test]
fn what_runs_commands_opens_files_or_cannot_be_resolved_is_dangerous() {
    let sandbox = Sandbox::new();
    let system = global("os", "system");
    let objects = [
        call("requests", "get", &[&string("https://example.org")]),
        call("requests.exceptions", "os.system", &[&string("id")]),
        call("pandas.io.common", "get_handle", &[&string("f"), &string("w")]),
        instance("subprocess", "Popen"),
        instance("tempfile", "_TemporaryFileCloser"),
        instance("mmap", "mmap"),
        instance("ctypes", "CDLL"),
        call("sortedcontainers.sortedlist", "SortedKeyList", &[b"]", &system]),
        call("inspect", "Signature", &[&call("builtins", "map", &[&system, b"]"])]),
        call("inspect", "getsource", &[&string("f")]),
        call("builtins", "open", &[&string("f"), &string("w")]),
        call("mine", "__builtins__", &[]),
        call(
            "dill._dill",
            "_create_filehandle",
            &[&string("<fdopen>"), &string("w"), b"K\x00", b"\x89", &global("io", "open"), b"\x89", b"K\x00", b"N"],
        ),
        // The result of a function is called.
        [&call("mine", "find", &[&string("os.system")])[..], &string("id"), b"\x85R"].concat(),
    ];
    for object in objects {
        assert_class(&sandbox, &object, "dangerous");
    }
}

#[test]
fn a_function_of_the_pickle_is_as_dangerous_as_the_names_in_its_code() {
    let sandbox = Sandbox::with(venv(main_python(), Stack::Full));
    let script = "import cloudpickle, os, sys, types\nlib = types.ModuleType('lib')\nsys.modules['lib'] = lib\n\
                  exec('class Keyed:\\n def __init__(self, f): self.f = f\\n def __reduce__(self): return Keyed, \
                  (self.f,)\\nKeyed.__module__ = \"lib\"', lib.__dict__)\n\
                  for name, f in ('calm', lambda x: x + 1), ('wild', lambda x: os.system(x)):\n    \
                  open(name + '.pkl', 'wb').write(cloudpickle.dumps(lib.Keyed(f)))\n";
    sandbox.write("dump.py", script);
    sandbox.python(&["dump.py"]).assert_code(0);
    for (file, class) in [("calm.pkl", "calls"), ("wild.pkl", "dangerous")] {
        let opcodes = fs::read(sandbox.work().join(file)).unwrap();
        let (opcodes, _) = opcodes[2..].split_at(opcodes.len() - 3);
        assert_class(&sandbox, opcodes, class);
    }
}

#[test]
fn a_standard_stream_in_a_variable_is_not_dangerous() {
    let sandbox = Sandbox::new();
    sandbox.write("script.py", "import sys\nclass Bar:\n    def __init__(self): self.fp = sys.stderr\nbar = Bar()\n");
    sandbox.snapcli(&["save", "-q", "script.py"]).assert_code(0);
    let verdict = sandbox.snapcli(&["inspect", "--json", "--verdict"]).json()["verdict"].clone();
    assert_ne!(verdict["class"], "dangerous", "{verdict:#}");
    sandbox.snapcli(&["inspect", "--strict"]).assert_code(0);
}
