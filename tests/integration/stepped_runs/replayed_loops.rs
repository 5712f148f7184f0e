//! Loops over `snapcli.replay`, by itself or within `enumerate`, `zip`, `map` or `filter`.

use super::{STEPS, run_to_the_end};
use crate::env::Sandbox;

/// Runs a loop that is killed, at the top level and in a function.
fn assert_resumes(iterable: &str) {
    let script = |head: &str, indent: &str, tail: &str| {
        format!(
            "
import snapcli
def read(n):
    for i in range(n):
        yield i
def double(n, *others):
    return 2 * n
{head}
{indent}for item in {iterable}:
{indent}    seen.append(item)
{indent}    if len(seen) == 4:
{indent}        checkpoint()
{indent}    if len(seen) == 5:
{indent}        kill(1)
{tail}
"
        )
    };
    let top = script("seen = []", "", "print(seen)");
    let inner = script("def main():\n    seen = []", "    ", "    return seen\nresult = main()\nprint(result)");
    for script in [top, inner] {
        let sandbox = Sandbox::new();
        sandbox.write("script.py", format!("{STEPS}{script}"));
        // As a process that is not killed.
        sandbox.write("processes", "xxx");
        let expected = sandbox.snapcli(&["run", "-o", "other.snaps", "script.py"]).assert_code(0).out();
        let runs = run_to_the_end(&sandbox, &[], 2);
        assert_eq!(runs.len(), 2, "{iterable}");
        runs[1].assert_stdout(&expected);
        assert!(runs[1].err().contains("resuming at line"), "{iterable}\n{}", runs[1].err());
    }
}

#[test]
fn loops_over_iterators_around_replay_are_resumed() {
    for iterable in [
        "snapcli.replay(read(8))",
        "enumerate(snapcli.replay(read(8)), 5)",
        "zip('abcdefgh', snapcli.replay(read(8)), snapcli.replay(read(9)))",
        "map(double, snapcli.replay(read(8)))",
        "map(double, [3, 1, 4, 1, 5, 9, 2, 6], snapcli.replay(read(8)))",
        "filter(lambda n: n % 2, snapcli.replay(read(16)))",
        "enumerate(zip(snapcli.replay(read(8)), range(20)))",
    ] {
        assert_resumes(iterable);
    }
}
