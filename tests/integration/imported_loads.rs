//! `snapcli.restore`, `load_dict`, `loads`, `inspect`, `diff` and `verify` in a plain Python.

use crate::env::{Sandbox, Stack, main_python, venv};

/// Code that makes bytes whose load would run code, and others that are plain.
const PREPARE: &str = "
import io, json, pickle, snapcli
class Runs:
    def __reduce__(self): return print, ('RUN',)
evil, plain = pickle.dumps({'x': Runs()}), pickle.dumps({'x': [1, 'two', 3.0]})
def fails(call, *arguments, **options):
    try: return call(*arguments, **options)
    except Exception as error: print(type(error).__name__, '|', str(error).splitlines()[0][:70])
";

#[track_caller]
fn prints(sandbox: &Sandbox, code: &str, expected: &str) {
    sandbox.call_importing(&["-c", &format!("{PREPARE}{code}")]).run().assert_stderr("").assert_stdout(expected);
}

#[test]
fn a_source_is_a_path_a_file_or_bytes() {
    let code = "
import array, mmap, pathlib
data = snapcli.save('a.pkl', {'n': [1]}) and open('a.pkl', 'rb').read()
sources = ['a.pkl', pathlib.Path('a.pkl'), open('a.pkl', 'rb'), io.BytesIO(data), data, bytearray(data),
           memoryview(data), array.array('B', data)]
print({str(snapcli.load_dict(source)) for source in sources})
for wrong in (7, None, open('a.pkl', encoding='latin1'), io.StringIO('x'), 'none.pkl', b'', b'text'):
    fails(snapcli.restore, wrong)
fails(snapcli.restore, data, mmap=True)
print(snapcli.restore(data[:-40], partial=True, into={}, trust=True).restored)
print(snapcli.restore(data, into={}).to_dict())
";
    prints(
        &Sandbox::new(),
        code,
        "{\"{'n': [1]}\"}\nTypeError | the source must be a path, a binary file or bytes, not int\n\
         TypeError | the source must be a path, a binary file or bytes, not NoneType\n\
         TypeError | the source is open in text mode: open it with mode 'rb'\n\
         TypeError | the source is open in text mode: open it with mode 'rb'\n\
         FileNotFoundError | [Errno 2] cannot restore none.pkl: cannot open the file: check its nam\n\
         UnpicklingError | cannot restore <bytes>: the file is empty: save the session again\n\
         UnpicklingError | cannot restore <bytes>: this is a text file, not a pickle: pass a file\n\
         ValueError | mmap=True needs a path: bytes and file objects cannot be mapped\n['n']\n\
         {'ambient': [], 'complete': True, 'lost': [], 'markers': [], 'module': '__main__', 'notes': [], \
         'restored': ['n'], \
         'schema': 2, 'trusted': True}\n",
    );
}

#[test]
fn bytes_of_others_build_plain_data_only() {
    let code = "
print(snapcli.load_dict(plain), snapcli.loads(plain), snapcli.load(io.BytesIO(plain)))
for call in (snapcli.load_dict, snapcli.restore, snapcli.loads):
    fails(call, evil)
fails(snapcli.load, io.BytesIO(evil))
print(snapcli.load_dict(evil, trust=True), snapcli.loads(evil, trust=True))
# What this user has signed is loaded as a whole, and what another has signed is not.
def f(): return 'own'
data = snapcli.save(None, {'f': f}).data
print(snapcli.load_dict(data)['f'](), snapcli.restore(data, into={}).trusted)
import os
os.environ['SNAPCLI_KEY'] = '7' * 64
fails(snapcli.load_dict, data)
print(snapcli.load_dict(data, trust=True)['f']())
";
    let refused = "UnpicklingError | <bytes> is not trusted (not saved by snapcli), and loading it would do\n";
    let single = "UnpicklingError | the pickle is not trusted (not saved by snapcli), and loading it would\n";
    prints(
        &Sandbox::new(),
        code,
        &format!(
            "{{'x': [1, 'two', 3.0]}} {{'x': [1, 'two', 3.0]}} {{'x': [1, 'two', 3.0]}}\n{refused}{refused}{single}\
             {single}RUN\nRUN\n{{'x': None}} {{'x': None}}\nown True\n\
             UnpicklingError | <bytes> is not trusted (signed with a key that is not yours), and load\nown\n"
        ),
    );
}

#[test]
fn pickles_that_follow_one_another_are_loaded_one_by_one() {
    let code = "
file = io.BytesIO()
for value in ([1], {'a': (2, 3)}, 'end'): snapcli.dump(value, file)
file.seek(0)
print(snapcli.load(file), snapcli.load(file), snapcli.load(file, trust=True), file.read())
print(snapcli.loads(snapcli.dumps([1]) + b'more'), snapcli.loads(snapcli.dumps({1: 2}, protocol=2), None))
fails(snapcli.loads, plain, encoding='latin1')
print(snapcli.loads(snapcli.dumps(lambda: 5), trust=True)())
";
    prints(&Sandbox::new(), code, "[1] {'a': (2, 3)} end b''\n[1] {1: 2}\nTypeError | encoding= needs trust=True\n5\n");
}

#[test]
fn a_restore_says_what_is_lost() {
    let sandbox = Sandbox::new();
    sandbox.write("helper.py", "class Thing:\n    def __reduce__(self): return Thing, ()\n");
    let saves = "import snapcli, helper\nthing, rows = helper.Thing(), [1]\npart = {'a': memoryview(b'')}\n\
                 snapcli.save('a.pkl')";
    sandbox.call_importing(&["-c", saves]).run().assert_code(0);
    std::fs::remove_file(sandbox.work().join("helper.py")).unwrap();
    let code = "
import warnings
report = snapcli.restore('a.pkl', exclude='helper')
print(report)
print(report.complete, list(report.lost), report.lost['thing'], list(report.markers), rows)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter('always')
    names = snapcli.load_dict('a.pkl', exclude='helper')
print('thing' in names, caught[0].category.__name__, caught[0].message)
print(snapcli.restore('a.pkl', only='ro*', into=names).restored)
fails(snapcli.restore, 'a.pkl', only='rosw')
import types
module = types.ModuleType('m')
snapcli.restore('a.pkl', 'rows', into=module)
print(module.rows)
";
    prints(
        &sandbox,
        code,
        &"restored 2 variables and 1 import from a.pkl\n  cannot restore thing (helper.Thing): WHY\n  \
         part['a'] is a marker: this memoryview could not be saved\n\
         False ['thing'] WHY [\"part['a']\"] [1]\n\
         False UserWarning cannot restore from a.pkl: thing (helper.Thing): WHY\n['rows']\n\
         ValueError | only=\"rosw\" matches no variable of a.pkl: did you mean rows?\n[1]\n"
            .replace(
                "WHY",
                "needs the module helper: install helper, or pass rename={'helper': 'NEW'} if it was renamed",
            ),
    );
}

#[test]
fn the_questions_about_files_have_the_answers_of_the_commands() {
    let sandbox = Sandbox::with(venv(main_python(), Stack::Dill));
    let saves = "import snapcli, numpy\nx, big = {'a': 1}, numpy.zeros(5000)\nsnapcli.save('a.pkl')\nx = 2\n\
                 password = 'hunter2hunter2'\nsnapcli.save('b.pkl')";
    sandbox.call_importing(&["-c", saves]).run().assert_code(0);
    let mut damaged = std::fs::read(sandbox.work().join("b.pkl")).unwrap();
    damaged[300] ^= 1;
    sandbox.write("c.pkl", damaged);
    let own = |code: &str| {
        let code = format!("import json, snapcli; print(json.dumps(snapcli.{code}))");
        sandbox.call_importing(&["-c", &code]).run().json()
    };
    let command = |words: &[&str]| sandbox.snapcli(words).json();
    assert_eq!(own("inspect('a.pkl')"), command(&["inspect", "--json", "a.pkl"]));
    assert_eq!(own("inspect('a.pkl', trace='x')"), command(&["inspect", "--json", "--trace", "x", "a.pkl"]));
    assert_eq!(own("diff('a.pkl', 'b.pkl')"), command(&["diff", "--json", "a.pkl", "b.pkl"]));
    assert_eq!(own("verify('a.pkl')"), command(&["verify", "--json", "a.pkl"]));
    assert_eq!(own("verify('c.pkl')"), command(&["verify", "--json", "c.pkl"]));
    let code = "
print(snapcli.inspect(evil)['verdict']['class'], snapcli.verify(open('a.pkl', 'rb'))['whole'])
fails(snapcli.inspect, 'none'); fails(snapcli.verify, 'none'); fails(snapcli.diff, 'a.pkl', 'none')
fails(snapcli.inspect, 'a.pkl', trace='y')
";
    prints(
        &sandbox,
        code,
        "calls True\nFileNotFoundError | [Errno 2] cannot inspect none: cannot open the file: check its name an\n\
         FileNotFoundError | [Errno 2] cannot verify none: cannot open the file: check its name and\n\
         FileNotFoundError | [Errno 2] cannot compare none: cannot open the file: check its name an\n\
         ValueError | trace=\"y\" matches no variable of a.pkl\n",
    );
}

#[test]
fn an_exception_has_the_kind_that_python_gives_it() {
    let code = r#"
import os
missing = b'\x80\x02cno_such_module\nThing\n)\x81.'
for call in (snapcli.load_dict, snapcli.loads):
    for data in (missing, b'\x80\x04\x95', b'text', plain[:-3], bytes(99)):
        try: call(data)
        except pickle.UnpicklingError: print(end='U ')
fails(snapcli.load_dict, missing, trust=True)
try: snapcli.load_dict(missing, trust=True)
except ModuleNotFoundError as error: print(error.name)
open('file', 'w').close()
for path in ('none.pkl', 'file/x.pkl', '.'):
    for call in (snapcli.restore, snapcli.load_dict, snapcli.inspect, snapcli.verify, snapcli.save):
        if (call, path) == (snapcli.save, 'none.pkl'): path = 'none/x.pkl'
        try: call(path)
        except OSError as error: print(type(error).__name__, error.errno, error.filename == path, end='; ')
    print()
"#;
    let kinds = |kind: &str| format!("{}\n", format!("{kind} True; ").repeat(5));
    let expected = format!(
        "{}ModuleNotFoundError | <bytes> needs the module no_such_module: install no_such_module: Modul\n\
         no_such_module\n{}{}{}",
        "U ".repeat(10),
        kinds("FileNotFoundError 2"),
        kinds("NotADirectoryError 20"),
        kinds("IsADirectoryError 21")
    );
    prints(&Sandbox::new(), code, &expected);
}

#[test]
fn nothing_and_no_limit_are_not_the_same() {
    let code = "
snapcli.save('a.pkl', {'small': 1, 'large': bytes(3000)})
for only in ([], (), iter('')):
    fails(snapcli.save, 'b.pkl', {'n': 1}, only=only)
    fails(snapcli.restore, 'a.pkl', only)
    fails(snapcli.load_dict, 'a.pkl', only)
print(sorted(snapcli.load_dict('a.pkl')), sorted(snapcli.load_dict('a.pkl', exclude=[])))
for size in (2000, '2k', '2kB', '1.999k', '0.002M', '2M', '2.5M', 2**70, None):
    print(sorted(snapcli.load_dict(snapcli.save(None, {'small': 1, 'large': bytes(3000)}, max_size=size).data)))
for size in (True, -1, 1.5, '2X', '', '1.', '.5k', '1.2.3k'):
    fails(snapcli.save, None, {}, max_size=size)
";
    let nothing = "ValueError | only= names nothing: pass None for all variables\n".repeat(9);
    let wrong = "TypeError | max_size= takes a number of bytes, or a string such as '20M'\n";
    prints(
        &Sandbox::new(),
        code,
        &format!(
            "{nothing}['large', 'small'] ['large', 'small']\n{}{}{wrong}\
             ValueError | max_size= takes a number of bytes that is not negative\n{wrong}\
             ValueError | max_size=\"2X\": unknown unit x: use k, M, G or T\n\
             ValueError | max_size=\"\": expected a size such as 500k, 20M or 2G\n\
             ValueError | max_size=\"1.\": expected a size such as 500k, 20M or 2G\n\
             ValueError | max_size=\".5k\": expected a size such as 500k, 20M or 2G\n\
             ValueError | max_size=\"1.2.3k\": expected a size such as 500k, 20M or 2G\n",
            "['small']\n".repeat(5),
            "['large', 'small']\n".repeat(4)
        ),
    );
}

#[test]
fn damaged_snapshots_are_refused_as_by_the_commands() {
    let code = "
import os
snapcli.save('a.pkl', {'x': [1, 2], 'y': 'a' * 50})
whole = open('a.pkl', 'rb').read()
changed = bytearray(whole)
changed[changed.index(b'a' * 50)] = ord('Z')
for name, data in (('changed', changed), ('cut', whole[:-1]), ('both', changed[:-1])):
    open(name, 'wb').write(data)
    for source in (name, bytes(data)):
        for call in (snapcli.load_dict, snapcli.restore):
            fails(call, source)
        fails(snapcli.diff, 'a.pkl', source)
    print(name, sorted(snapcli.load_dict(name, partial=True, trust=True)))
snapcli.save('s.snaps/', {'x': os.urandom(100_000), 'y': 1})
snapcli.save('s.snaps/', {'y': 2})
print(snapcli.verify('s.snaps/')['whole'], [found['number'] for found in snapcli.verify('s.snaps')['snapshots']])
objects = [os.path.join(at, name) for at, _, names in os.walk('s.snaps/objects') for name in names]
largest = max(objects, key=os.path.getsize)
os.chmod(largest, 0o600)
with open(largest, 'r+b') as file: file.seek(5000); file.write(b'changed')
found = snapcli.verify('s.snaps/')
print(found['whole'], [snapshot['whole'] for snapshot in found['snapshots']])
";
    let sandbox = Sandbox::new();
    let run = sandbox.call_importing(&["-W", "ignore", "-c", &format!("{PREPARE}{code}")]).run();
    run.assert_code(0);
    let out = run.out();
    let refused = |what: &str| out.lines().filter(|line| line.starts_with(what)).count();
    assert_eq!(refused("UnpicklingError | cannot restore"), 12, "{out}");
    assert_eq!(refused("UnpicklingError | cannot compare"), 6, "{out}");
    let others: Vec<&str> = out.lines().filter(|line| !line.starts_with("UnpicklingError")).collect();
    assert_eq!(
        others,
        ["changed ['x']", "cut ['x', 'y']", "both ['x', 'y']", "True [1, 2]", "False [False, True]"],
        "{out}"
    );
}
