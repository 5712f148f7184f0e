//! Arrays in the order of the machine, and dtypes with metadata: what joblib and numpy load, with and without trust.

use crate::env::{Sandbox, Stack, main_python, venv};

/// Writes files of joblib, and one of pickle with dtypes that carry metadata.
const WRITE: &str = "import joblib, pickle
import numpy as np
made = {
    'swapped': np.arange(4, dtype='>i4'), 'native': np.arange(4, dtype='<i4'), 'fortran': np.asfortranarray(
        np.arange(6.0).reshape(2, 3).astype('>f8')), 'text': np.array(['a', 'bc'], dtype='>U3'),
    'fields': np.array([(1, 2.5)], dtype=[('a', '>i4'), ('b', '>f8')]),
    'mixed': np.array([(1, 2.5)], dtype=[('a', '>i4'), ('b', '<f8')]), 'dates': np.array([1, 2], dtype='>M8[ns]'),
    'matrix': np.matrix([[1, 2]], dtype='>i8'), 'raw': np.array([b'a', b'b']), 'numbers': np.ones(2, dtype='>c16'),
}
joblib.dump(made, 'a.joblib')
noted = np.dtype('f8', metadata={'unit': 'm', 'parts': [1, {'a': 2}]})
dates = np.dtype('M8[s]', metadata={'zone': 'UTC'})
fields = np.dtype([('a', noted), ('b', 'i4')], metadata={'table': 1})
dtypes = {'noted': noted, 'dates': dates, 'fields': fields, 'sub': np.dtype((noted, (2,))), 'objects': np.dtype(
    'O', metadata={'ref': 1}), 'swapped': np.dtype('>i4', metadata={'a': 1})}
arrays = {'array_' + name: np.zeros(3, dtype=dtype) for name, dtype in dtypes.items()}
for protocol in 2, 5:
    pickle.dump({**dtypes, **arrays}, open(f'd{protocol}.pkl', 'wb'), protocol)
";
const COMPARE_JOBLIB: &str = "import joblib, numpy as np
wanted = joblib.load('a.joblib')
for name, value in wanted.items():
    found = globals()[name]
    same = found.dtype == value.dtype and found.dtype.byteorder == value.dtype.byteorder and (found == value).all()
    if not same or found.flags.f_contiguous != value.flags.f_contiguous:
        print(name, found.dtype, value.dtype)
print(type(matrix).__name__, len(wanted))
";
const COMPARE_METADATA: &str = "import pickle, numpy as np
def told(dtype):
    parts = dtype.fields and {name: told(part[0]) for name, part in dtype.fields.items()}
    return str(dtype), dtype.metadata and dict(dtype.metadata), parts, dtype.subdtype and told(dtype.subdtype[0])
for name, value in pickle.load(open(FILE, 'rb')).items():
    found = globals()[name]
    one, other = (told(getattr(item, 'dtype', item) if name.startswith('array') else item) for item in (found, value))
    if one != other:
        print(name, one, other)
print('compared')
";

#[test]
fn arrays_of_joblib_are_in_the_order_that_joblib_loads() {
    let sandbox = Sandbox::with(venv(main_python(), Stack::Full));
    sandbox.python(&["-c", WRITE]).assert_code(0);
    for trust in [&[][..], &["--trust"]] {
        let arguments = [&["restore", "-q", "a.joblib", "-c", COMPARE_JOBLIB][..], trust].concat();
        sandbox.snapcli(&arguments).assert_code(0).assert_stdout("matrix 10\n");
    }
}

#[test]
fn dtypes_keep_their_metadata() {
    let sandbox = Sandbox::with(venv(main_python(), Stack::Full));
    sandbox.python(&["-c", WRITE]).assert_code(0);
    for file in ["d2.pkl", "d5.pkl"] {
        let compare = COMPARE_METADATA.replace("FILE", &format!("'{file}'"));
        sandbox.snapcli(&["restore", "-q", file, "-c", &compare]).assert_code(0).assert_stdout("compared\n");
    }
}
