//! What a script registers with modules of Python and of libraries comes back, wherever it has registered it.

use super::{KILLED_LOOP, STEPS, assert_comes_back, assert_same, run_to_the_end};
use crate::env::{Sandbox, Stack, main_python, venv};

/// The same as `assert_comes_back` for a script with a module `own.py`.
fn check_with_module(module: &str, set: &str, end: &str) {
    let sandbox = Sandbox::new();
    sandbox.write("own.py", module);
    sandbox.write("script.py", format!("{STEPS}{set}\n{KILLED_LOOP}\n{end}\n"));
    sandbox.write("processes", "");
    let expected = sandbox.python(&["script.py"]);
    expected.assert_code(0);
    let runs = run_to_the_end(&sandbox, &[], 2);
    assert!(runs.len() == 2 && runs[1].err().contains("resuming at line"), "{}", runs[0].whole());
    assert_eq!(runs[1].out(), expected.out(), "{set}\n{}", runs[0].whole());
}

#[test]
fn dialects_and_codecs_come_back() {
    for (set, end) in [
        ("import csv\ncsv.register_dialect('semi', delimiter=';')", "print(list(csv.reader(['a;b'], 'semi')))"),
        (
            "import csv\nfor name, mark in [('semi', ';'), ('bar', '|')]:\n    \
             csv.register_dialect(name, delimiter=mark)\n\
             csv.unregister_dialect('unix')\ncsv.field_size_limit(77)",
            "print(csv.list_dialects(), csv.get_dialect('bar').delimiter, csv.field_size_limit())",
        ),
        (
            "import codecs\ndef find(name):\n    if name == 'own':\n        return codecs.lookup('utf-16-le')\n\
             def setup():\n    codecs.register(find)\n    \
             codecs.register_error('own', lambda error: ('?!', error.end))\nsetup()",
            "print('ab'.encode('own'), 'é'.encode('ascii', 'own'))",
        ),
        (
            "import codecs, functools\ndef handle(mark, error):\n    return mark, error.end\n\
             codecs.register_error('own', functools.partial(handle, '#'))",
            "print('é'.encode('ascii', 'own'))",
        ),
    ] {
        assert_comes_back(set, end);
    }
}

#[test]
fn functions_for_types_come_back() {
    for (set, end) in [
        (
            "import sqlite3\nclass Point:\n    pass\nsqlite3.register_adapter(Point, lambda point: 'P')\n\
             sqlite3.register_converter('point', lambda text: (text, Point))",
            "conn = sqlite3.connect(':memory:', detect_types=sqlite3.PARSE_DECLTYPES)\n\
             conn.execute('create table t (p point)')\nconn.execute('insert into t values (?)', (Point(),))\n\
             print(conn.execute('select p from t').fetchone()[0][0])",
        ),
        (
            "import copyreg, io, pickle\ndef reduce(stream):\n    return list, ()\ncopyreg.pickle(io.StringIO, reduce)",
            "print(pickle.loads(pickle.dumps(io.StringIO())))",
        ),
        (
            "import collections.abc, numbers\nclass Own:\n    pass\ncollections.abc.Sequence.register(Own)\n\
             @numbers.Number.register\nclass Other:\n    pass",
            "print(isinstance(Own(), collections.abc.Sequence), isinstance(Other(), numbers.Number))",
        ),
        (
            "import pkgutil\n@pkgutil.iter_importer_modules.register(int)\ndef _(path, prefix=''):\n    \
             return ['own']",
            "print(pkgutil.iter_importer_modules(3))",
        ),
        (
            "import shutil\ndef pack(*_, **__):\n    return 'packed'\nshutil.register_archive_format('own', pack)",
            "print(shutil.make_archive('x', 'own'))",
        ),
    ] {
        assert_comes_back(set, end);
    }
    check_with_module(
        "import abc, functools\nclass Base(abc.ABC):\n    pass\n@functools.singledispatch\ndef name(value):\n    \
         return 'any'\n",
        "import own\nown.Base.register(int)\nown.name.register(str, lambda value: 'str')",
        "print(isinstance(1, own.Base), own.name('x'), own.name(1))",
    );
}

#[test]
fn attributes_that_a_script_replaces_in_a_library_come_back() {
    for (set, end) in [
        (
            "import json\nplain = json.dumps\ndef dumps(*it):\n    return f'<{plain(*it)}>'\njson.dumps = dumps",
            "print(json.dumps(1))",
        ),
        ("import fractions\nfractions.Fraction.shout = lambda self: 'own'", "print(fractions.Fraction(1, 2).shout())"),
        (
            "import decimal\nfrom decimal import DefaultContext\nDefaultContext.prec = 9",
            "print(decimal.DefaultContext.prec)",
        ),
        ("import json\nsetattr(json.JSONEncoder, 'default', lambda self, value: 'own')", "print(json.dumps(object()))"),
    ] {
        assert_comes_back(set, end);
    }
    check_with_module(
        "import textwrap\ndef dedent(text):\n    return 'own'\ndef patch():\n    textwrap.dedent = dedent\n",
        "import own\nown.patch()",
        "import textwrap\nprint(textwrap.dedent('  x'))",
    );
}

#[test]
fn functions_of_atexit_come_back_from_loops_functions_and_modules() {
    assert_comes_back(
        "import atexit\ndef bye(*words):\n    print('bye', *words)\ndef setup(word):\n    \
         atexit.register(bye, word, 1)\nsetup('a')\nfor n in range(2):\n    atexit.register(bye, n)\n\
         def gone():\n    print('gone')\natexit.register(gone)\natexit.unregister(gone)",
        "",
    );
    check_with_module(
        "import atexit\natexit.register(print, 'by the import')\ndef setup():\n    \
         atexit.register(print, 'by a call', sep='')\n",
        "import own\nown.setup()",
        "print('end')",
    );
}

#[test]
fn warnings_limits_and_other_settings_come_back() {
    for (set, end) in [
        (
            "import warnings\nclass Own(Warning):\n    pass\nwarnings.filterwarnings('error', category=Own)\n\
             warnings.simplefilter('ignore', DeprecationWarning)",
            "print([(one[0], one[2].__name__) for one in warnings.filters])\ntry:\n    warnings.warn('x', Own)\n\
             except Own:\n    print('raised')",
        ),
        (
            "import resource\nhard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]\n\
             resource.setrlimit(resource.RLIMIT_NOFILE, (100, hard))",
            "print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])",
        ),
        ("import os\nos.nice(2)\nbefore = os.nice(0)", "print(os.nice(0) == before)"),
        (
            "import multiprocessing\ndef main():\n    multiprocessing.set_start_method('spawn')\nmain()",
            "print(multiprocessing.get_start_method())",
        ),
        ("import gettext\ngettext.install('own')", "print(_('text'))"),
        (
            "import urllib.request\nopener = urllib.request.build_opener()\nopener.addheaders = [('a', 'b')]\n\
             urllib.request.install_opener(opener)",
            "print(urllib.request._opener.addheaders, urllib.request._opener is opener)",
        ),
    ] {
        assert_comes_back(set, end);
    }
}

#[test]
fn statements_that_register_something_with_another_module_run_again() {
    for (set, end) in [
        ("import mimetypes\nmimetypes.add_type('x/own', '.own')", "print(mimetypes.guess_type('a.own'))"),
        (
            "import sys\nseen = []\ndef hook(event, details):\n    if event == 'own':\n        seen.append(details)\n\
             sys.addaudithook(hook)",
            "sys.audit('own', 5)\nprint(seen)",
        ),
        (
            "import sys, types\nmade = types.ModuleType('made')\nmade.value = 5\nsys.modules['made'] = made",
            "import made as again\nprint(again is made)",
        ),
        (
            "import sqlite3\nconn = sqlite3.connect('a.db')\ndef two():\n    return 2\n\
             conn.create_function('two', 0, two)",
            "print(conn.execute('select two()').fetchone())",
        ),
    ] {
        assert_same(&format!("{set}\n{KILLED_LOOP}\n{end}\n"), 2);
    }
}

#[test]
fn a_registration_in_a_function_that_does_not_run_again_is_named() {
    for (set, line) in [
        ("def setup():\n    mimetypes.add_type('x/own', '.own')\nsetup()", 14),
        ("for end in ('.a', '.b'):\n    mimetypes.add_type('x/own', end)", 14),
    ] {
        let sandbox = Sandbox::new();
        sandbox.write("processes", "x");
        let script = format!("{STEPS}import mimetypes\n{set}\nfor n in range(3):\n    checkpoint()\n");
        sandbox.write("script.py", script);
        let err = sandbox.snapcli(&["run", "script.py"]).assert_code(0).err();
        let said = format!("line {line} of script.py registers something by mimetypes.add_type");
        assert!(err.contains(&said), "{set}\n{err}");
    }
}

#[test]
fn accessors_of_pandas_come_back() {
    let sandbox = Sandbox::with(venv(main_python(), Stack::Full));
    sandbox.write("processes", "");
    let script = "
import pandas as pd
@pd.api.extensions.register_dataframe_accessor('own')
class Own:
    def __init__(self, frame):
        self.frame = frame
    def rows(self):
        return len(self.frame)
@pd.api.extensions.register_extension_dtype
class Kind(pd.api.extensions.ExtensionDtype):
    name, type = 'own', object
    @classmethod
    def construct_from_string(cls, text):
        if text == 'own':
            return cls()
        raise TypeError(text)
";
    let end = "print(pd.DataFrame({'a': [1]}).own.rows(), pd.api.types.pandas_dtype('own'))";
    sandbox.write("script.py", format!("{STEPS}{script}{KILLED_LOOP}{end}\n"));
    let runs = run_to_the_end(&sandbox, &[], 2);
    assert!(runs.len() == 2 && runs[1].err().contains("resuming at line"), "{}", runs[0].whole());
    runs[1].assert_stdout("1 own\n");
}
