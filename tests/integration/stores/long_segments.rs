//! A variable whose opcodes are as long as the session: it is written to a store without a second copy in memory.

use crate::env::{Sandbox, Stack, main_python, venv};

/// Saves a list of long bytes objects, and prints by how much the memory of the process has grown meanwhile, as a
/// multiple of their length. The objects are too short to be raw buffers.
const SCRIPT: &str = r"
import os, sys
import snapcli
def status(name):
    with open('/proc/self/status') as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(name))
kind, target = sys.argv[1:]
piece = 40_000
random = os.urandom(piece * 3000)
if kind == 'random':
    long = [random[n * piece:(n + 1) * piece] for n in range(3000)]
elif kind == 'text':
    long = [(str(n) + ' is one of the lines of this list, ').ljust(60) * (piece // 60) for n in range(3000)]
else:
    long = 'x' * (piece * 3000)
del random
snapcli.save('warm.snaps/', {'x': [1]})
with open('/proc/self/clear_refs', 'w') as file: file.write('5')
before = status('VmRSS')
snapcli.save(target, {'long': long, 'same': long, 'later': [long]}, check=False)
print((status('VmHWM') - before) / (piece * 3000))
";

#[test]
fn a_long_variable_is_in_memory_once_while_a_store_is_written() {
    let sandbox = Sandbox::with(venv(main_python(), Stack::Dill));
    sandbox.write("script.py", SCRIPT);
    // A string is a single opcode, which the pickler makes as a whole.
    for (kind, most) in [("random", 1.5), ("text", 1.5), ("one", 2.5)] {
        let target = format!("{kind}.snaps/");
        let run = sandbox.call_importing(&["script.py", kind, &target]).run();
        run.assert_code(0);
        let grown: f64 = run.out().trim().parse().unwrap();
        assert!(grown < most, "{kind}: {grown}");
        let code = "print(len(long), long is same and later[0] is long, len(long[1]))";
        let restored = sandbox.snapcli(&["restore", &target, "-c", code]);
        restored.assert_code(0);
        assert!(restored.out().contains(" True "), "{}", restored.whole());
        sandbox.snapcli(&["verify", "-q", &target]).assert_code(0);
        // The second save finds it.
        sandbox.call_importing(&["script.py", kind, &target]).run().assert_code(0);
        let log = sandbox.snapcli(&["log", "--json", &target]).json();
        let added = log["snapshots"][0]["added_bytes"].as_u64().unwrap();
        let is_same = kind != "random";
        assert_eq!(added < 10_000, is_same, "{log}");
        // The file that it stands for is the one that a save to a file writes.
        sandbox.snapcli(&["export", "-q", &format!("{target}@1"), "-o", "exported.pkl"]).assert_code(0);
        sandbox.snapcli(&["diff", "-q", "exported.pkl", &format!("{target}@1")]).assert_code(0);
        sandbox
            .python(&["-c", "import dill; print(len(dill.load_module_asdict('exported.pkl')['later'][0]))"])
            .assert_stdout(if kind == "one" { "120000000\n" } else { "3000\n" });
        std::fs::remove_dir_all(sandbox.work().join(target.trim_end_matches('/'))).unwrap();
    }
}
