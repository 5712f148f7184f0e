//! The formats that joblib has written over the years: each compression, and arrays in files of their own (up to 0.9).

use std::fs;

use crate::env::{Sandbox, Stack, main_python, pythons, venv};

const VALUES: &str = "
import numpy as np
values = {'a': np.arange(5, dtype='<i8'), 'f': np.arange(6.0).reshape(2, 3), 's': 'text', 'm': np.matrix([[1, 2]]),
          'o': np.array([1, 'x', {'k': 2}], dtype=object), 'big': np.asfortranarray(np.ones((2, 3)))}
def same(found):
    assert list(found) == list(values), found
    for name, value in values.items():
        if name == 's':
            assert found[name] == value
        else:
            assert (found[name] == value).all() and found[name].dtype == value.dtype, (name, found[name])
            assert type(found[name]) is type(value) or name == 'm', (name, type(found[name]))
";

const CHECK: &str = "
import sys; sys.path.insert(0, '.')
import values
values.same({name: globals()[name] for name in values.values})
print('same')";

fn with_values() -> Sandbox {
    let sandbox = Sandbox::with(venv(main_python(), Stack::Full));
    sandbox.write("values.py", VALUES);
    sandbox
}

#[test]
fn every_compression_of_joblib_is_read() {
    let sandbox = with_values();
    let write = "
import joblib, values
for kind in ('zlib', 'gzip', 'bz2', 'lzma', 'xz'):
    joblib.dump(values.values, kind + '.pkl', compress=(kind, 3))
for level in (0, 1, 9, True):
    joblib.dump(values.values, f'level{level}.pkl', compress=level)
";
    sandbox.python(&["-c", write]).assert_code(0);
    let names = ["zlib", "gzip", "bz2", "lzma", "xz", "level0", "level1", "level9", "levelTrue"];
    let files = names.map(|name| format!("{name}.pkl"));
    for file in &files {
        sandbox.snapcli(&["restore", "--trust", file, "-c", CHECK]).assert_code(0).assert_stdout("same\n");
        sandbox.snapcli(&["verify", "-q", file]).assert_code(0);
    }
    // Without joblib, on each Python, and from a pipe.
    for python in pythons() {
        let bare = Sandbox::with(venv(python, Stack::Dill));
        bare.write("values.py", VALUES);
        for file in &files {
            let bytes = fs::read(sandbox.work().join(file)).unwrap();
            let run = bare.call_snapcli(&["restore", "--trust", "-", "-c", CHECK]).stdin(bytes).run();
            run.assert_code(0).assert_stdout("same\n");
        }
    }
}

#[test]
fn a_damaged_or_endless_compressed_file_is_refused() {
    let sandbox = with_values();
    let write = "
import zlib, joblib, values
joblib.dump(values.values, 'whole.pkl', compress=3)
bytes = open('whole.pkl', 'rb').read()
open('cut.pkl', 'wb').write(bytes[:-9])
open('short.pkl', 'wb').write(bytes[:2])
flipped = bytearray(bytes); flipped[len(bytes) // 2] ^= 8
open('flipped.pkl', 'wb').write(flipped)
bomb, more = zlib.compressobj(9), bytes[:0] + bytearray(1 << 20)
with open('bomb.pkl', 'wb') as file:
    for _ in range(1100):
        file.write(bomb.compress(more))
    file.write(bomb.flush())
";
    sandbox.python(&["-c", write]).assert_code(0);
    for file in ["cut.pkl", "short.pkl", "flipped.pkl"] {
        let run = sandbox.snapcli(&["restore", "--trust", file, "-c", "print('ran')"]);
        run.assert_code(4).assert_stdout("");
    }
    let run = sandbox.snapcli(&["inspect", "bomb.pkl"]);
    assert!(run.err().contains("decompresses to more than"), "{}", run.err());
}

/// Writes the values as joblib 0.9 did: with the classes that joblib still has to read such files.
const WRITE_OLD: &str = "
import pickle, sys, zlib
import numpy as np
import values
from joblib.numpy_pickle_compat import NDArrayWrapper, ZNDArrayWrapper, write_zfile

class Pickler(pickle._Pickler):
    def __init__(self, file, name, compress):
        self.name, self.compress, self.count = name, compress, 0
        super().__init__(file, protocol=2)
    def save(self, obj):
        if isinstance(obj, np.ndarray):
            self.count += 1
            packed = self.compress and not obj.dtype.hasobject
            name = f'{self.name}_{self.count:02d}.npy' + '.z' * packed
            if packed:
                _, init_args, state = obj.__reduce__()
                with open(name, 'wb') as file:
                    write_zfile(file, state[-1], 3)
                obj = ZNDArrayWrapper(name, init_args, state[:-1])
            else:
                np.save(name, np.asarray(obj), allow_pickle=True)
                obj = NDArrayWrapper(name, type(obj), allow_mmap=not obj.dtype.hasobject)
        super().save(obj)

def dump(name, compress):
    import io
    out = io.BytesIO()
    Pickler(out, name, compress).dump(values.values)
    # Later versions moved the classes.
    data = out.getvalue().replace(b'cjoblib.numpy_pickle_compat\\n', b'cjoblib.numpy_pickle\\n')
    assert b'numpy_pickle\\nNDArrayWrapper' in data
    with open(name, 'wb') as file:
        write_zfile(file, data, 3) if compress else file.write(data)
    import joblib
    values.same(joblib.load(name))

dump('old.pkl', False)
dump('packed.pkl', True)
";

#[test]
fn arrays_in_files_of_their_own_are_read() {
    let sandbox = with_values();
    sandbox.write("write.py", WRITE_OLD);
    sandbox.python(&["write.py"]).assert_code(0);
    let bare = Sandbox::with(venv(main_python(), Stack::Dill));
    bare.write("values.py", VALUES);
    for file in fs::read_dir(sandbox.work()).unwrap() {
        let file = file.unwrap();
        if file.path().is_file() {
            bare.write(&format!("folder/{}", file.file_name().to_str().unwrap()), fs::read(file.path()).unwrap());
        }
    }
    for file in ["old.pkl", "packed.pkl"] {
        // With joblib beside it, and without, from another directory.
        sandbox.snapcli(&["restore", "--trust", file, "-c", CHECK]).assert_code(0).assert_stdout("same\n");
        let path = format!("folder/{file}");
        bare.snapcli(&["restore", "--trust", &path, "-c", CHECK]).assert_code(0).assert_stdout("same\n");
        // Array files can hold pickles.
        sandbox.snapcli(&["restore", file, "-c", "a"]).assert_code(5).assert_stdout("");
        let piped = bare.call_snapcli(&["restore", "--trust", "-", "-c", "a"]);
        let run = piped.stdin(fs::read(bare.work().join(&path)).unwrap()).run();
        assert!(run.ending() != "exit 0" && run.err().contains("restore it by its path"), "{}", run.whole());
    }
    fs::remove_file(bare.work().join("folder/old.pkl_02.npy")).unwrap();
    let run = bare.snapcli(&["restore", "--trust", "folder/old.pkl", "-c", "a"]);
    assert!(run.err().contains("the array file old.pkl_02.npy is not beside it"), "{}", run.err());
    // No other file is opened.
    let bytes = fs::read(bare.work().join("folder/old.pkl")).unwrap();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    assert!(text.contains("old.pkl_01.npy"));
    let at = bytes.windows(14).position(|window| window == b"old.pkl_01.npy").unwrap();
    let mut outside = bytes.clone();
    outside[at..at + 14].copy_from_slice(b"../old_01b.npy");
    bare.write("folder/outside.pkl", outside);
    bare.write("old_01b.npy", fs::read(bare.work().join("folder/old.pkl_01.npy")).unwrap());
    let run = bare.snapcli(&["restore", "--trust", "folder/outside.pkl", "-c", "a"]);
    assert!(run.err().contains("../old_01b.npy is not beside it"), "{}", run.err());
}

#[test]
fn strings_of_python_2_are_explained() {
    let sandbox = with_values();
    sandbox.write("two.pkl", b"\x80\x02U\x02\xff\xfe.");
    let run = sandbox.snapcli(&["restore", "two.pkl", "-c", "obj"]);
    assert!(
        run.err().contains("strings that Python 2 wrote") && run.err().contains("encoding='latin1'"),
        "{}",
        run.err()
    );
}
