//! Snapshots of others whose index shows another value of an array or a frame than the file has: every dtype, order and
//! form that a save shows the first elements of. `verify` and the gate say 4; what is honest passes.

use snapcli::internals::{Index, Variable};

use crate::contradicted_claims::{forged, saved};
use crate::env::{Sandbox, Stack, main_python, venv};

const VALUES: &str = "
import numpy as np
fortran = np.arange(12.0).reshape(3, 4, order='F')
cube = np.asfortranarray(np.arange(24).reshape(2, 3, 4).astype('int16'))
half = np.array([0.1, 65504, -0.0, float('inf'), 6e-8], 'f2')
single = np.array([0.1, 1e30], 'f4')
complex_numbers = np.array([1 + 2j, -0.5j, 1e20, complex(-0.0, 1), complex('nan')])
complex_singles = np.array([1.5 - 2j, 3], 'c8')
strings = np.array(['a', 'it\\'s', 'tab\\there', ''])
long_strings = np.array(['x' * 90, 'y'])
big_endian = np.array(['ab', 'c'], '>U2')
byte_strings = np.array([b'ab', b'c\\x01'])
days = np.array(['2020-01-01', 'NaT'], 'M8[D]')
moments = np.array(['2020-01-01T00:00:01', '1969-01-01'], 'M8[us]')
instants = np.array([0, -5], 'M8[ns]')
spans = np.array([5, 7], 'm8[h]')
flags = np.array([True, False])
one = np.array(2.5 + 1j)
large = np.asfortranarray(np.arange(60000.0).reshape(200, 300))
";
const FRAMES: &str = "
import numpy as np, pandas as pd
frame = pd.DataFrame({'user': ['bob'], 'count': [3]})
wide = pd.DataFrame({f'c{number}': [number] for number in range(12)})
numbered = pd.DataFrame(np.zeros((2, 9)))
objects = pd.DataFrame([[1, 2]], columns=pd.Index(['a', 'b'], dtype=object))
series = pd.Series([1, 2], name='s')
index = pd.date_range('2020-01-01', periods=3)
turned = np.arange(24.0).reshape(2, 3, 4).transpose(1, 0, 2)
held = {'train': frame, 'test': objects}
pair = (frame, wide)
deep = [[numbered], {'a': (frame,)}]
";

fn codes(sandbox: &Sandbox, file: &str) -> [Option<i32>; 3] {
    let commands: [&[&str]; 3] = [&["verify", file], &["inspect", file], &["inspect", "--strict", file]];
    commands.map(|arguments| sandbox.snapcli(arguments).status.code())
}

/// Saves a script, and forges the preview of each variable in turn.
fn check(sandbox: &Sandbox, script: &str, is_compared: impl Fn(&Variable) -> bool) {
    let honest = saved(sandbox, script);
    let run = sandbox.snapcli(&["verify", "honest.pkl"]);
    assert_eq!(codes(sandbox, "honest.pkl"), [Some(0); 3], "{}", run.whole());
    let mut names = Vec::new();
    forged(&honest, |index: &mut Index| {
        names = index.variables.iter().filter(|it| is_compared(it)).map(|it| it.name.clone()).collect();
    });
    assert!(names.len() > 4, "{names:?}");
    for name in names {
        for preview in ["[1, 2]", "harmless", "columns ['x']", "'nothing'"] {
            let forge = |index: &mut Index| {
                let variable = index.variables.iter_mut().find(|variable| variable.name == name).unwrap();
                variable.preview = preview.to_owned();
            };
            sandbox.write("forged.pkl", forged(&honest, forge));
            assert_eq!(codes(sandbox, "forged.pkl"), [Some(4); 3], "{name}: {preview}");
        }
    }
}

#[test]
fn the_shown_elements_of_an_array_are_compared_with_its_contents() {
    let sandbox = Sandbox::with(venv(main_python(), Stack::Full));
    check(&sandbox, VALUES, |variable| variable.type_name == "numpy.ndarray");
    // A stranger's file shows the same as one's own.
    sandbox.write("script.py", VALUES);
    sandbox.snapcli(&["save", "-q", "-o", "own.pkl", "script.py"]).assert_code(0);
    saved(&sandbox, VALUES);
    let [own, other] = ["own.pkl", "honest.pkl"].map(|file| {
        let variables = sandbox.snapcli(&["inspect", "--json", file]).json()["variables"].clone();
        let previews = variables.as_array().unwrap().iter().map(|it| (it["name"].clone(), it["preview"].clone()));
        previews.collect::<Vec<_>>()
    });
    assert_eq!(own, other);
}

#[test]
fn the_shown_columns_of_a_frame_are_compared_with_it() {
    let sandbox = Sandbox::with(venv(main_python(), Stack::Full));
    check(&sandbox, FRAMES, |variable| variable.type_name.starts_with("pandas."));
}
