//! Sessions with tens of thousands of variables: a change of one writes little, wherever it is.

use super::{bytes_of, run};
use crate::env::Sandbox;

/// Prints how many bytes the saves after the first took together.
const SCRIPT: &str = r#"
import pathlib, sys, snapcli
count = int(sys.argv[1])
names = {f"name_{n}": [n, str(n * 7919)] for n in range(count)}
def size(): return sum(f.stat().st_size for f in pathlib.Path("many.snaps").rglob("*") if f.is_file())
def save(): return snapcli.save("many.snaps/", names, check=False)
save()
before, added = size(), []
for round in range(5):
    # The first, the last, one in between, a new one, one that goes.
    [lambda: names["name_0"].append(round), lambda: names[f"name_{count - 1}"].append(round),
     lambda: names[f"name_{count // 2 + round}"].append(round), lambda: names.update({f"new_{round}": round}),
     lambda: names.pop(f"name_{count // 3 + round}")][round % 5]()
    save()
    after = size()
    added.append(after - before)
    before = after
print(sum(added))
"#;

#[test]
fn a_change_among_twenty_thousand_variables_writes_little() {
    let sandbox = Sandbox::new();
    sandbox.write("many.py", SCRIPT);
    let saved = sandbox.snapcli(&["save", "-q", "-o", "last.pkl", "many.py", "20000"]);
    saved.assert_code(0);
    let added: u64 = saved.out().trim().parse().unwrap();
    let whole = bytes_of(&sandbox.work().join("many.snaps")) - added;
    assert!(added < 30_000 && whole > 500_000, "{added} after {whole}");
    for (number, expected) in [(1, "(2, 20000)\n"), (2, "(3, 20000)\n"), (6, "(3, 19999)\n")] {
        let code = "len(name_0), sum(name.startswith('name_') for name in globals())";
        run(&sandbox, &["restore", &format!("many.snaps/@{number}"), "-c", code]).assert_stdout(expected);
    }
    run(&sandbox, &["verify", "many.snaps/"]);
    run(&sandbox, &["prune", "-q", "--keep-last", "2", "many.snaps/"]);
    run(&sandbox, &["verify", "many.snaps/"]);
}
