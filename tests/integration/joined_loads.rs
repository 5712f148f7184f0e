//! Constants and functions that follow one another in a file are loaded together. What comes back is the same as if
//! each were loaded alone, also if one of them cannot be loaded or is not wanted.

use snapcli::internals::{Index, SCHEMA, SnapshotWriter, Variable};

use crate::env::{Sandbox, Stack, pythons, venv};

/// An unsigned snapshot of variables with these opcodes.
fn snapshot_of(variables: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = SnapshotWriter::new(Vec::new(), "__main__").unwrap();
    for (name, value) in variables {
        writer.segment(Variable { name: (*name).into(), ..Variable::default() }, value).unwrap();
    }
    writer.finish(Index { schema: SCHEMA, module: "__main__".into(), ..Index::default() }, None).unwrap().0
}

/// A list, a dict with a key that cannot be hashed, both again, and two constants.
const ONE_FAILS: [(&str, &[u8]); 6] = [
    ("first", b"]\x94K\x01a"),
    ("bad", b"}\x94]Ns"),
    ("again", b"h\x01"),
    ("needs_bad", b"h\x02"),
    ("last", b"]\x94K\x07a"),
    ("last_again", b"h\x03"),
];

#[test]
fn a_variable_that_fails_loses_only_itself_and_what_needs_it() {
    let sandbox = Sandbox::new();
    sandbox.write("one_fails.pkl", snapshot_of(&ONE_FAILS));
    let code = "print([name for name in ('first', 'bad', 'needs_bad', 'last') if name in globals()], \
                first is again, last is last_again, last)";
    let run = sandbox.snapcli(&["restore", "--trust", "--partial", "one_fails.pkl", "-c", code]);
    run.assert_stdout("['first', 'last'] True True [7]\n");
    assert!(run.err().contains("cannot restore bad (): TypeError: ") && run.err().contains("unhashable type: 'list'"));
    let lost = "cannot restore needs_bad (): shares an object with bad";
    assert!(run.err().contains(lost) && !run.err().contains("last"), "{}", run.err());
}

const SCRIPT: &str = "
shared = [1, {'deep': (2, 3)}]
for number in range(300):
    exec(f'def f{number}(x, scale={number}, seen=shared):\\n    return x * scale + g{number}, seen')
    exec(f'g{number} = {number}')
def counter():
    count = 0
    def step():
        nonlocal count
        count += 1
        return count
    return step
steps, alias = counter(), shared
steps()
recursive = {}
recursive['me'] = recursive
text, raw, members = 'é' * 300, b'x' * 70_000, {1, 'a', (2,)}
";

#[test]
fn functions_and_constants_come_back_as_they_were() {
    for python in pythons() {
        let sandbox = Sandbox::with(venv(python, Stack::Dill));
        sandbox.write("script.py", SCRIPT);
        sandbox.snapcli(&["save", "-q", "script.py"]).assert_code(0);
        let check = "print(f7(2), f299(1)[1] is alias is shared, steps(), recursive['me'] is recursive, g298, \
                     len(raw), text == 'é' * 300, sorted(members, key=str), f7.__globals__ is globals())";
        let run = sandbox.snapcli(&["restore", "-c", check]);
        run.assert_code(0);
        run.assert_stdout("(21, [1, {'deep': (2, 3)}]) True 2 True 298 70000 True [(2,), 1, 'a'] True\n");
    }
}

#[test]
fn what_is_excluded_in_between_is_not_bound() {
    let sandbox = Sandbox::new();
    sandbox.write("script.py", SCRIPT);
    sandbox.snapcli(&["save", "-q", "script.py"]).assert_code(0);
    let check = "print([name in globals() for name in ('f7', 'g8', 'shared')], f8.__defaults__[1] is alias, f9(1))";
    let run = sandbox.snapcli(&["restore", "--exclude", "f7", "--exclude", "shared", "-c", check]);
    run.assert_code(0).assert_stdout("[False, True, False] True (18, [1, {'deep': (2, 3)}])\n");
    let check = "print(sorted(n for n in globals() if n[0] in 'fg'), f8(1)[0])";
    let only = ["restore", "--only", "f8", "--only", "g8", "--only", "g9", "-c", check];
    sandbox.snapcli(&only).assert_code(0).assert_stdout("['f8', 'g8', 'g9'] 16\n");
}

const ONCE: &str = "
SEEN, deleted = set(), []
class Item:
    def __init__(self, n): self.n = n
    def __setstate__(self, state):
        if state['n'] in SEEN: raise ValueError('loaded twice')
        SEEN.add(state['n'])
        self.__dict__.update(state)
        self.unit = table[self.n]
table = {1: 'kg', 2: 'm'}
class Half:
    def __init__(self): self.keep = True
    def __setstate__(self, state): self.keep = open('needed.txt').read()
    def __del__(self):
        if not hasattr(self, 'keep'): print('finalized')
def by_call():
    def make():
        item = Call()
        print('called')
        return item
    return make
class Call:
    def __reduce__(self): return by_call(), ()
a, b, text, half, later, called, listed, number = Item(1), Item(2), 'x', Half(), [1], Call(), [Call()], 3
";

#[test]
fn code_of_the_session_runs_once_and_finds_what_comes_before() {
    for python in pythons() {
        let sandbox = Sandbox::with(venv(python, Stack::Dill));
        sandbox.write("script.py", ONCE);
        let needed = sandbox.write("needed.txt", "yes");
        sandbox.snapcli(&["save", "-q", "--strict", "script.py"]).assert_code(0);
        std::fs::remove_file(needed).unwrap();
        let check = "print(a.unit, b.unit, sorted(SEEN), text, later, number, 'half' in globals())";
        let run = sandbox.snapcli(&["restore", "--partial", "-c", check]);
        run.assert_stdout("called\ncalled\nkg m [1, 2] x [1] 3 False\n");
    }
}
