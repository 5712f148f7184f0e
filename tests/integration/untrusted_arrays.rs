//! Arrays, dtypes, scalars and random generators of numpy in files that are not trusted: they are built by snapcli, and
//! equal to what CPython's unpickler makes of the same file.

use crate::env::{Call, Run, Sandbox, Stack, main_python, pythons, venv};

const VALUES: &str = include_str!("untrusted_arrays.py");

fn with_values(stack: Stack) -> Sandbox {
    let sandbox = Sandbox::with(venv(main_python(), stack));
    sandbox.write("values.py", VALUES);
    sandbox
}

/// snapcli as another user, with a separate configuration directory.
fn as_another_user(sandbox: &Sandbox, arguments: &[&str]) -> Call {
    sandbox.call_snapcli(arguments).env("XDG_CONFIG_HOME", sandbox.out().join("stranger"))
}

fn restored(sandbox: &Sandbox, file: &str, code: &str) -> Run {
    let code = format!("import sys; sys.path.insert(0, '.'); import values\n{code}");
    as_another_user(sandbox, &["restore", file, "-c", &code]).run()
}

/// Writes all values in this format, restores the file without trusting it, and compares.
fn is_same(sandbox: &Sandbox, extension: &str, protocol: u8) {
    let file = format!("values{protocol}.{extension}");
    let write = format!("import values; values.dump('everything', '{file}', {protocol})");
    sandbox.python(&["-c", &write]).assert_code(0);
    let run = restored(sandbox, &file, &format!("values.check('{file}', globals())"));
    assert!(run.status.success() && run.out() == "same\n", "{file}: {:?}\n{}\n{}", run.status, run.out(), run.err());
}

#[test]
fn arrays_of_all_protocols_are_what_cpython_makes_of_them() {
    for python in pythons() {
        let sandbox = Sandbox::with(venv(python, Stack::Dill));
        sandbox.write("values.py", VALUES);
        for protocol in 0..=5 {
            is_same(&sandbox, "pkl", protocol);
        }
        is_same(&sandbox, "dill", 4);
    }
}

#[test]
fn arrays_of_joblib_are_what_cpython_makes_of_them() {
    let sandbox = with_values(Stack::Full);
    for protocol in [2, 4, 5] {
        is_same(&sandbox, "joblib", protocol);
    }
}

/// The same description of all variables with and without trust, from copied and from mapped buffers.
fn loads_alike(sandbox: &Sandbox, names: &str) {
    let code = format!(
        "import sys; sys.path.insert(0, '.'); import values, hashlib\nfound = {{name: globals()[name] for name in \
         ({names})}}\nfor name, facts in values.describe(found)[1:]: print(name, repr(facts)[:2000])"
    );
    let trusted = sandbox.snapcli(&["restore", "--trust", "-c", &code]);
    trusted.assert_code(0);
    for options in [&["restore"][..], &["restore", "--mmap"], &["restore", "--partial"]] {
        let run = as_another_user(sandbox, &[options, &["-c", &code]].concat()).run();
        run.assert_code(0);
        assert_eq!(run.out(), trusted.out(), "{options:?}");
    }
}

#[test]
fn snapshots_of_arrays_load_alike_with_and_without_trust() {
    let sandbox = with_values(Stack::Dill);
    sandbox.write(
        "script.py",
        "import values\nglobals().update(values.everything())\nimport numpy as np\n\
         big = np.arange(2_000_000)\nflat = big[::3]\ndel values\n",
    );
    sandbox.snapcli(&["save", "-q", "script.py"]).assert_code(0);
    loads_alike(&sandbox, "*values.everything(), 'big', 'flat'");
}

const SHARED: &str = "
import numpy as np
base = np.arange(24.0).reshape(4, 6)
row, column, corner = base[1], base[:, 2], base[::-2, ::-3]
alias = base
frozen = base[2:].view()
frozen.setflags(write=False)
numbers = base.view('i8')
small = np.arange(10, dtype='u1')
bits = small[2:6].view('>u2')
flags = np.zeros(4, bool)
some = flags[1:3]
empty = base[4:]
dates = np.arange(5).astype('M8[D]')
tail = dates[2:]
fortran = np.asfortranarray(np.arange(6.0).reshape(2, 3))
part = fortran[1:, ::2]
pairs = np.zeros(4, dtype=[('a', '?'), ('b', '>i2')])
firsts = pairs['a']
";

#[test]
fn arrays_that_share_memory_share_it_again() {
    let sandbox = with_values(Stack::Dill);
    sandbox.write("script.py", SHARED);
    sandbox.snapcli(&["save", "-q", "script.py"]).assert_code(0);
    let names = "'base', 'row', 'column', 'corner', 'alias', 'frozen', 'numbers', 'small', 'bits', 'flags', 'some', \
                 'empty', 'dates', 'tail', 'fortran', 'part', 'pairs', 'firsts'";
    loads_alike(&sandbox, names);
    let check = "assert alias is base and not frozen.flags.writeable and base.flags.writeable
base[1] = 7; base[2, 2] = 9; small[2:4] = (1, 2); flags[1] = True; dates[2] = '2000-01-01'
assert (row == 7).all() and column[2] == 9 and frozen[0, 2] == 9 and numbers[1, 0] == base[1].view('i8')[0]
assert bits[0] == 258 and some[0] and tail[0] == np.datetime64('2000-01-01') and corner.base is not None
print('shared')";
    for options in [&["restore"][..], &["restore", "--mmap"]] {
        as_another_user(&sandbox, &[options, &["-c", check]].concat()).run().assert_code(0).assert_stdout("shared\n");
    }
}

/// Pickles that numpy does not write. Each must be refused: it is neither plain nor built.
const FORGED: &str = r"
import pickle, pickletools, copyreg, numpy as np
core = np.core if not hasattr(np, '_core') else np._core
rebuild = core.multiarray._reconstruct
class Call:
    def __init__(self, *parts): self.parts = parts
    def __reduce__(self): return self.parts
def array(shape, dtype, data, order=False, state=()):
    return Call(rebuild, (np.ndarray, (0,), b'b'), (1, shape, dtype, order, data, *state))
def dtype(code, *state): return Call(np.dtype, (code, False, True), *([state] if state else []))
numbers, objects = np.dtype('f8'), np.dtype('O')
forged = {
    'objects over bytes': array((1,), objects, b'B' * 8),
    'objects, spelt': array((1,), dtype('|O8'), b'B' * 8),
    'objects, denied': array((1,), dtype('O8', 3, '|', None, None, None, -1, -1, 0), b'B' * 8),
    'numbers as objects': array((1,), dtype('f8', 3, '<', None, None, None, -1, -1, 63), [1]),
    'void as objects': array((1,), dtype('V8', 3, '|', None, None, None, 8, 1, 63), [1]),
    'a field beyond the end': array((1,), dtype('V8', 3, '|', None, ('a',), {'a': (numbers, 8)}, 8, 1, 16), b'A' * 8),
    'a hidden object': array((1,), dtype('V8', 3, '|', None, ('a',), {'a': (objects, 0)}, 8, 1, 16), b'A' * 8),
    'a number over an object': array((1,), dtype('V16', 3, '|', None, ('a', 'b'),
                                     {'a': (objects, 0), 'b': (numbers, 4)}, 16, 1, 63), [([], 5)]),
    'an object over a number': array((1,), dtype('V16', 3, '|', None, ('a', 'b'),
                                     {'a': (numbers, 4), 'b': (objects, 8)}, 16, 1, 63), [(5, [])]),
    'a title of an object': array((1,), dtype('V8', 3, '|', None, ('a',),
                                  {'a': (numbers, 0, 't'), 't': (objects, 0, 't')}, 8, 1, 16), b'A' * 8),
    'a title elsewhere': array((1,), dtype('V8', 3, '|', None, ('a',),
                               {'a': (np.dtype('i4'), 0, 't'), 't': (np.dtype('i4'), 4, 't')}, 8, 1, 16), b'A' * 8),
    'a structure with a byte order': array((1,), dtype('V8', 3, '>', None, ('a',), {'a': (numbers, 0)}, 8, 1, 16),
                                           b'A' * 8),
    'an alignment against the flags': array((1,), dtype('V8', 3, '|', None, ('a',), {'a': (numbers, 0)}, 8, 8, 16),
                                            b'A' * 8),
    'too many items': array((4,), numbers, b'A' * 8),
    'too few items': array((1,), numbers, b'A' * 16),
    'negative': array((-1, -1), numbers, b'A' * 8),
    'overflow': array((2**32, 2**32), numbers, b''),
    'large and empty': array((0, 2**62, 2**62), numbers, b''),
    'a state too long': array((1,), numbers, b'A' * 8, state=(b'x',)),
    'bools': array((1000,), np.dtype('?'), b'\xff' * 1000),
    'a buffer of objects': Call(core.numeric._frombuffer, (b'B' * 8, objects, (1,), 'C')),
    'a buffer too short': Call(core.numeric._frombuffer, (b'B' * 8, numbers, (2,), 'C')),
    'a scalar of objects': Call(core.multiarray.scalar, (objects, b'B' * 8)),
    'a scalar too short': Call(core.multiarray.scalar, (numbers, b'B')),
    'an array by its constructor': Call(np.ndarray, ((1,), objects, b'B' * 8)),
    'a new array over objects': Call(copyreg.__newobj__, (np.ndarray, (1,), objects, b'B' * 8)),
    'a new view beyond its buffer': Call(copyreg.__newobj__, (np.ndarray, (9,), numbers, b'B' * 8, 0, (8,))),
    'a new view before its buffer': Call(copyreg.__newobj__, (np.ndarray, (2,), numbers, b'B' * 8, 0, (-8,))),
    'a new view that overflows': Call(copyreg.__newobj__, (np.ndarray, (3,), numbers, b'B' * 8, 0, (2**62,))),
    'a masked array': Call(np.ma.core._mareconstruct, (np.ma.MaskedArray, np.ndarray, (0,), 'b'),
                           (1, (2,), numbers, False, b'A' * 16, b'\0', None)),
    'a fill value': Call(np.ma.core._mareconstruct, (np.ma.MaskedArray, np.ndarray, (0,), 'b'),
                         (1, (1,), numbers, False, b'A' * 8, b'\0', [1])),
    'a matrix of three axes': Call(rebuild, (np.matrix, (0,), b'b'), (1, (1, 1, 1), numbers, False, b'A' * 8)),
    'an array of another class': Call(rebuild, (Exception, (0,), b'b'), (1, (1,), numbers, False, b'A' * 8)),
}
states = {
    'MT19937': [('pos', 2**30), ('pos', 625), ('pos', -1), ('key', np.zeros(623, 'u4')), ('key', np.zeros(624, 'u8')),
                ('key', b'x')],
    'Philox': [('buffer_pos', -2**30), ('buffer_pos', 5), ('has_uint32', 2), ('buffer', np.zeros(3, 'u8')),
               ('counter', np.zeros((2, 2), 'u8'))],
    'PCG64': [('state', 2**600), ('inc', -1), ('uinteger', 2**32), ('state', '1'), ('has_uint32', -1)],
    'SFC64': [('state', np.zeros(3, 'u8')), ('uinteger', 2**40)],
}
make = np.random._pickle.__bit_generator_ctor
for name, changes in states.items():
    for number, (key, value) in enumerate(changes):
        state = getattr(np.random, name)(1).state
        (state['state'] if key in state['state'] else state)[key] = value
        forged[f'{name} with another {key}, {number}'] = Call(make, (name,), state)
";

#[test]
fn forged_arrays_are_refused_and_not_plain() {
    let sandbox = with_values(Stack::Dill);
    let write = format!(
        "{FORGED}\nimport os\nos.mkdir('forged')\nfor name, value in forged.items():\n    with \
                         open(f'forged/{{list(forged).index(name)}}.pkl', 'wb') as file:\n        pickle.dump({{'x': \
                         value}}, file, 1 if 'new' in name else 4)\nprint(*forged, sep='\\n')"
    );
    let names = sandbox.python(&["-c", &write]);
    names.assert_code(0);
    assert!(names.out().lines().count() > 40, "{}", names.out());
    for (number, name) in names.out().lines().enumerate() {
        let file = format!("forged/{number}.pkl");
        let run = as_another_user(&sandbox, &["restore", &file, "-c", "print(x)"]).run();
        assert!(
            run.status.code() == Some(5) && run.out().is_empty(),
            "{name}: {:?}\n{}\n{}",
            run.status,
            run.out(),
            run.err()
        );
        let run = sandbox.snapcli(&["inspect", "--strict", &file]);
        assert!(!run.status.success(), "{name}: {}", run.out());
    }
}

/// Long lists of strings are written as one string.
#[test]
fn arrays_and_frames_of_many_strings_are_built() {
    let sandbox = Sandbox::with(venv(main_python(), Stack::Full));
    let script = "import numpy, pandas\nnames = numpy.array([f'é {i}' for i in range(3000)], object)\n\
                  frame = pandas.DataFrame({'name': [f'row {i}' for i in range(3000)]})\n\
                  by_name = frame.set_index('name')";
    sandbox.write("strings.py", script);
    sandbox.snapcli(&["save", "-q", "strings.py"]).assert_code(0);
    let code = "print(len(names), names[-1], frame['name'].iloc[-1], by_name.index[0], frame.shape)";
    let run = as_another_user(&sandbox, &["restore", "-q", "session.pkl", "-c", code]).run();
    run.assert_code(0).assert_stdout("3000 é 2999 row 2999 row 0 (3000, 1)\n");
}
