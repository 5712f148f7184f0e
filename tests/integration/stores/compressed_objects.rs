//! Opcodes are compressed if that helps, and most of all those that are the same over and over.

use std::fs;

use super::{bytes_of, run};
use crate::env::Sandbox;

#[test]
fn the_most_compressible_values_take_the_least() {
    for (value, check, most) in [
        ("'abc ' * 2_000_000", "len(value), value[-8:]", 140_000),
        ("b'\\0' * 3_000_000 + b'x'", "len(value), value[-2:]", 70_000),
        ("[0] * 3_000_000", "len(value), set(value)", 110_000),
        ("{n: 'same' * 300 for n in range(2000)}", "len(value), len(value[1999])", 60_000),
        ("[('a', None, 1.5)] * 2 + [(1.5,) * 5] * 400_000", "len(value), value[-1]", 60_000),
        ("'é' * 100_000", "len(value), value[-2:]", 10_000),
    ] {
        let sandbox = Sandbox::new();
        let script = sandbox.write("s.py", format!("value = {value}\nprint(({check}))\n"));
        let printed = run(&sandbox, &["save", "-q", "-o", "c.snaps/", script.to_str().unwrap()]).out();
        let bytes = bytes_of(&sandbox.work().join("c.snaps"));
        assert!(bytes < most, "{value}: {bytes}");
        run(&sandbox, &["restore", "c.snaps/", "-c", check]).assert_stdout(&printed);
        run(&sandbox, &["verify", "c.snaps/"]);
        run(&sandbox, &["export", "-q", "c.snaps/", "-o", "exported.pkl"]);
        let plain = format!("import dill; value = dill.load_module_asdict('exported.pkl')['value']; print(({check}))");
        sandbox.python(&["-c", &plain]).assert_stdout(&printed);
        // The same again is not written again.
        run(&sandbox, &["save", "-q", "-o", "c.snaps/", script.to_str().unwrap()]);
        assert!(bytes_of(&sandbox.work().join("c.snaps")) < bytes + 3000, "{value}");
    }
}

#[test]
fn what_does_not_compress_is_not_compressed() {
    let sandbox = Sandbox::new();
    sandbox.write("s.py", "import random\nvalue = random.Random(1).randbytes(500_000).hex()[::2].encode('latin-1')\n");
    run(&sandbox, &["save", "-q", "-o", "c.snaps/", "s.py"]);
    sandbox.write("n.py", "import random\nvalue = [random.Random(n).randbytes(1000) for n in range(500)]\n");
    run(&sandbox, &["save", "-q", "-o", "n.snaps/", "n.py"]);
    let longest = fs::read_dir(sandbox.work().join("n.snaps/objects")).unwrap().map(|entry| entry.unwrap());
    let longest = longest.max_by_key(|entry| entry.metadata().unwrap().len()).unwrap();
    // The byte after the magic of a packed object.
    assert_eq!(fs::read(longest.path()).unwrap()[..8], *b"SNAPOBJ\0");
}
